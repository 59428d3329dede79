import hashlib
import io
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from mammo_core.datasets.predictions import read_predictions, write_predictions
from mammo_core.files import cases_root
from mammo_core.inference.checkpoint import load_checkpoint
from mammo_core.inference.engine import torch_engine
from mammo_core.metrics.cases import Pooling
from mammo_core.metrics.ensemble import Averaging, Ensemble, Member, save_ensemble
from mammo_core.preprocessing.cases import load_case
from mammo_core.preprocessing.phantoms.mark import mark_png
from mammo_core.preprocessing.prepare import prepare
from mammo_core.preprocessing.reading import limits
from mammo_core.preprocessing.reading.read import read_mammogram
from mammo_core.runs.card import read_card, write_card
from mammo_core.runs.folder import MEMBERS_NAME, RunFolder, RunStatus, card_hash, list_checkpoints
from mammo_core.runs.naming import About, titles_of, write_about
from mammo_core.runs.operating_points import LockedPoint, Promise, lock_point, point_in_force
from mammo_core.scores import Recalibration, ScoreMap, probabilities_of, scores_of
from mammo_core.types import Level, RunState
from pages.components.read.pictures import Places, Told, lay_out_told
from tests.pages.conftest import APP, OpenPage, panels, score_rows, verdicts
from tests.predictions import copy_unlocked


def a_breast(*, turn: bool = False, is_marked: bool = True, peak: int = 255) -> bytes:
    """A bright half disc on the left edge, fading to its rim, as PNG; marked as synthetic."""
    rows, columns = np.mgrid[0:256, 0:128]
    disc = np.clip(1 - np.hypot(rows - 128, columns) / 110, 0, 1)
    picture = io.BytesIO()
    Image.fromarray(np.uint8(peak * (disc[:, ::-1] if turn else disc))).save(picture, "PNG")
    return mark_png(picture.getvalue()) if is_marked else picture.getvalue()


@pytest.fixture
def page(open_page: OpenPage) -> AppTest:
    return open_page("read")


def drop(page: AppTest, *files: tuple[str, bytes]) -> None:
    page.file_uploader(key="dropped_files").set_value(
        [(name, content, "application/octet-stream") for name, content in files]
    )
    page.run(timeout=120)
    assert not page.exception, page.exception


def choose(page: AppTest, model: str) -> None:
    page.run()
    page.selectbox(key="model").set_value(model).run()


def captions(page: AppTest) -> str:
    return " ".join(caption.value for caption in page.caption)


def case_table(page: AppTest) -> str:
    """What was read of each image."""
    (table,) = (one.value for one in page.dataframe if "What was done" in one.value.columns)
    return str(table.to_string())


@pytest.mark.slow
def test_the_bytes_of_a_file_are_let_go_once_its_case_is_kept(page: AppTest) -> None:
    """Streamlit would hold them as long as the tab is open."""
    page.run()
    drop(page, ("one.png", a_breast()))
    (upload,) = page.session_state["dropped_files"]
    assert page.query_params["case"]
    assert (upload.size, upload.getvalue()) == (len(a_breast()), b"")


def own_copy(runs_root: Path, name: str = "20260101-000000-light_cnn-abcd") -> RunFolder:
    """The shipped checkpoint as one of the user's."""
    return copy_unlocked(runs_root / name)


def lock(
    run: RunFolder,
    threshold: float,
    *,
    level: Level,
    calibration: str = "none",
    score_map: ScoreMap | None = None,
) -> None:
    lock_point(
        run,
        LockedPoint(
            threshold=threshold,
            level=level,
            pooling=Pooling.MAX,
            calibration=calibration,
            score_map=score_map,
            split="val",
            dataset="made up",
            aim="fixed",
            promise=Promise(found=9, positives=10, left_alone=80, negatives=100),
            locked_at="2026-01-01T00:00:00+00:00",
            card_sha256=card_hash(run),
        ),
    )


def test_an_image_gets_a_score_and_the_words_that_belong_to_it(page: AppTest) -> None:
    drop(page, ("IM0001", a_breast()))
    assert 0.0 <= float(score_rows(page)[0]["shown"]) <= 1.0
    assert "It is not a probability of disease" in captions(page)
    assert "not the borders of a tumour" in captions(page)
    assert "only seen synthetic images" in captions(page)


def test_an_image_of_a_woman_gets_no_score_from_a_model_of_synthetic_ones(page: AppTest) -> None:
    drop(page, ("IM0001", a_breast(is_marked=False)))
    assert not score_rows(page)
    assert "This model has only seen synthetic images" in page.info[0].value


def test_a_model_that_cannot_read_an_image_says_what_to_do_where_the_score_would_stand(
    page: AppTest, runs_root: Path
) -> None:
    drop(page, ("IM0001", a_breast(is_marked=False)))
    assert "other_model_phantom-light" not in {button.key for button in page.button}
    assert [link.proto.label for link in page.get("page_link")][-1] == "Train a model"
    assert "mammo checkpoints import" in page.code[0].value
    of_women = own_copy(runs_root)
    card = of_women.card()
    write_card(
        replace(card, data=replace(card.data, seen="digital"), limits=()), of_women.card_file
    )
    page.run()
    page.button(key="other_model_phantom-light").click().run(timeout=60)
    assert page.selectbox(key="model").value == of_women.run_id
    assert score_rows(page)


def test_a_score_that_was_asked_for_anyway_is_stamped_judged_by_nothing_and_can_be_taken_back(
    page: AppTest, runs_root: Path
) -> None:
    run = own_copy(runs_root)
    lock(run, 0.0, level=Level.IMAGE)
    choose(page, run.run_id)
    drop(page, ("IM0001", a_breast(is_marked=False)))
    assert not score_rows(page)
    page.button(key=f"anyway_{run.run_id}").click().run(timeout=60)
    (panel,) = panels(page)
    assert panel["stamp"] == "Outside what this model knows"
    assert verdicts(page) == []
    assert [(row["side"], row["positive"]) for row in panel["rows"]] == [("", [])]
    assert "Outside what this model knows" in page.warning[0].value
    page.button(key=f"take_back_{run.run_id}").click().run()
    assert not score_rows(page)
    page.button(key=f"anyway_{run.run_id}").click().run(timeout=60)
    drop(page, ("IM0002", a_breast(is_marked=False, peak=240)))
    assert not score_rows(page)  # another case is asked about anew


def test_no_image_is_read_for_the_pictures_of_the_samples(page: AppTest, tmp_path: Path) -> None:
    labels = [one.label for one in page.button if str(one.key).startswith("sample_")]
    assert [label.endswith(", shown below") for label in labels] == [True, False, False]
    assert len(page.get("image")) == 3
    assert not (tmp_path / "home" / "cache" / "thumbnails").exists()


@pytest.mark.slow
def test_a_whole_exam_is_told_in_forty_words_at_most(page: AppTest, runs_root: Path) -> None:
    run = own_copy(runs_root)
    lock(run, 0.5, level=Level.BREAST)
    choose(page, run.run_id)
    page.button(key="sample_exam").click().run(timeout=120)
    choose(page, run.run_id)
    (panel,) = panels(page)
    assert [row["title"] for row in panel["rows"]] == ["Right breast", "Left breast", "Exam"]
    rows = [f"{row['title']} {row['side']} {row['shown']}" for row in panel["rows"]]
    labels = [one.proto.popover.label for one in page.get("popover")]
    (chip,) = (label for label in labels if "caution" in label)
    words = " ".join(
        (
            run.run_id,
            panel["headline"],
            panel["aside"],
            *rows,
            panel["legend"],
            chip,
            "Export",
        )
    )
    assert 20 <= len(words.split()) <= 40, words
    assert chip == "Synthetic model · 3 cautions"


def test_a_model_that_has_seen_women_is_the_default(open_page: OpenPage, runs_root: Path) -> None:
    own_copy(runs_root)
    of_women = own_copy(runs_root, "20250101-000000-light_cnn-0001")
    card = read_card(of_women.file("model_card.json"))
    digital = replace(card, data=replace(card.data, seen="digital"))
    write_card(digital, of_women.file("model_card.json"))
    assert open_page("read").selectbox(key="model").value == of_women.run_id


@pytest.mark.slow
def test_a_drawn_mammogram_is_read_by_a_model_of_drawn_ones_unless_another_is_asked_for(
    open_page: OpenPage, runs_root: Path
) -> None:
    of_women = own_copy(runs_root)
    card = of_women.card()
    write_card(
        replace(card, data=replace(card.data, seen="digital"), limits=()), of_women.card_file
    )
    page = open_page("read")
    drop(page, ("phantom.png", a_breast()))
    assert page.selectbox(key="model").value == "phantom-light"
    choose(page, of_women.run_id)
    assert page.selectbox(key="model").value == of_women.run_id
    drop(page, ("woman.png", a_breast(is_marked=False, peak=240)))
    assert page.selectbox(key="model").value == of_women.run_id


@pytest.mark.slow
def test_a_threshold_locked_for_breasts_judges_breasts_and_nothing_else(
    page: AppTest, runs_root: Path
) -> None:
    run = own_copy(runs_root)
    lock(run, 0.0, level=Level.BREAST)
    choose(page, run.run_id)
    drop(page, ("a.png", a_breast()), ("b.png", a_breast(turn=True)))
    assert verdicts(page) == []
    assert "there is no such case here" in captions(page)
    page.button(key="take_sides").click().run(timeout=120)
    assert [row["side"] for row in score_rows(page)] == ["above", "above", ""]
    assert verdicts(page) == ["Score above the threshold: right breast, left breast."]
    assert "9 of 10 breasts with cancer and 20 of 100 breasts without" in captions(page)
    assert captions(page).count("1 of 2 views") == 2


def test_below_the_threshold_never_stands_alone(page: AppTest, runs_root: Path) -> None:
    run = own_copy(runs_root)
    lock(run, 1.0, level=Level.EXAM)
    choose(page, run.run_id)
    drop(page, ("a.png", a_breast()))
    (panel,) = panels(page)
    assert panel["headline"] == "Score below the threshold."
    assert panel["aside"] == "That does not mean normal."


@pytest.mark.slow
def test_a_threshold_for_recalibrated_scores_judges_the_recalibrated_score(
    page: AppTest, runs_root: Path
) -> None:
    run = own_copy(runs_root)
    all_one = ScoreMap(
        kind=Recalibration.ISOTONIC, prevalence=0.2, knots=(0.0, 1.0), values=(0.25, 0.25)
    )
    lock(run, 0.2, level=Level.IMAGE, calibration="isotonic", score_map=all_one)
    choose(page, run.run_id)
    drop(page, ("a.png", a_breast()))
    assert verdicts(page) == ["Score above the threshold."]
    assert "Re-calibrated, as the threshold is: 0.2500" in captions(page)
    assert "Threshold 0.2000 after isotonic re-calibration" in captions(page)


@pytest.mark.slow
def test_a_threshold_whose_recalibration_is_lost_says_why_there_is_no_verdict(
    page: AppTest, runs_root: Path
) -> None:
    run = own_copy(runs_root)
    lock(run, 0.0, level=Level.IMAGE, calibration="Platt")
    choose(page, run.run_id)
    drop(page, ("a.png", a_breast()))
    assert verdicts(page) == []
    assert "that re-calibration was not kept with it" in captions(page)
    assert "there is no such case" not in captions(page)


@pytest.mark.slow
def test_a_threshold_locked_anew_is_the_one_that_counts(page: AppTest, runs_root: Path) -> None:
    run = own_copy(runs_root)
    lock(run, 1.0, level=Level.IMAGE)
    choose(page, run.run_id)
    drop(page, ("a.png", a_breast()))
    lock(run, 0.0, level=Level.IMAGE)
    page.run()
    assert verdicts(page) == ["Score above the threshold."]


def test_the_case_stands_in_the_url_and_not_the_files_name(page: AppTest, tmp_path: Path) -> None:
    drop(page, ("DOE_JANE_1960.png", a_breast()))
    case = "".join(page.query_params["case"])
    assert len(case) == 64
    kept = [path for path in (tmp_path / "home" / "cases").rglob("*") if path.is_file()]
    assert kept
    assert not any(b"DOE" in path.read_bytes() or "DOE" in path.name for path in kept)


def test_a_case_is_still_open_when_its_reader_comes_back_who_left_while_it_was_scored(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(st, "popover", lambda *_, **__: st.stop())  # as the click elsewhere does
        drop(page, ("a.png", a_breast()))
    (case,) = page.session_state["cases_of_session"]
    assert page.session_state["views_left"]["Read"]["case"] == [case]


def test_what_one_model_said_is_gone_before_another_has_read(
    page: AppTest, runs_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = own_copy(runs_root)
    drop(page, ("IM0001", a_breast(is_marked=False)))
    laid: list[bool] = []  # in the second of its two places

    def laying(place: Places, *, of: str) -> Told:
        told = lay_out_told(place, of=of)
        laid.append(bool(st.session_state["is_told_in_the_second_place"]))
        return told

    before = bool(page.session_state["is_told_in_the_second_place"])
    monkeypatch.setattr("pages.components.read.workspace.lay_out_told", laying)
    page.selectbox(key="model").set_value(other.run_id).run()
    assert set(laid) == {not before}  # before it reads, and with what it says
    laid.clear()
    page.query_params["method"] = "score_cam"
    page.run()
    assert set(laid) == {not before}  # of the same model, whose words stay


@pytest.mark.slow
def test_a_missing_side_is_suggested_and_taken_only_when_asked(page: AppTest) -> None:
    drop(page, ("a.png", a_breast()), ("b.png", a_breast(turn=True)))
    suggestion = next(c.value for c in page.caption if "No side is stored" in c.value)
    assert "a.png: L, b.png: R" in suggestion
    page.button(key="take_sides").click().run(timeout=120)
    assert [row["title"] for row in score_rows(page)] == ["Right breast", "Left breast", "Exam"]


def test_a_file_that_is_no_image_is_refused_in_words_and_the_others_are_read_and_named(
    page: AppTest,
) -> None:
    drop(page, ("letter.dcm", b"Dear colleague, please find attached"), ("a.png", a_breast()))
    assert len(score_rows(page)) == 1
    assert page.text[0].value.startswith("File 1 (letter.dcm): ")
    assert page.selectbox(key="filtered_image").options == ["a.png"]
    assert "a.png" in case_table(page)
    assert "Image 2" not in captions(page)


def test_a_case_can_be_forgotten(page: AppTest, tmp_path: Path) -> None:
    drop(page, ("a.png", a_breast()))
    case_id = "".join(page.query_params["case"])
    page.button(key="forget_case").click().run()
    assert not (tmp_path / "home" / "cases" / case_id).exists()
    assert "case" not in page.query_params


@pytest.mark.slow
def test_a_forgotten_case_is_brought_back_with_a_click(page: AppTest) -> None:
    drop(page, ("a.png", a_breast()))
    case_id = page.query_params["case"]
    page.button(key="forget_case").click().run()
    assert "The case was forgotten" in captions(page)
    page.button(key="bring_back").click().run(timeout=60)
    assert page.query_params["case"] == case_id
    assert page.button(key="forget_case")
    assert "The case was forgotten" not in captions(page)


def test_a_first_visitor_sees_the_example_and_its_address_names_no_case(page: AppTest) -> None:
    assert "case" not in page.query_params
    assert [row["title"] for row in score_rows(page)] == ["Right breast", "Left breast", "Exam"]
    assert "a synthetic exam" in " ".join(markdown.value for markdown in page.markdown)
    assert "only seen synthetic images" in captions(page)
    drop(page, ("a.png", a_breast()))
    assert len(score_rows(page)) == 1
    assert "case" in page.query_params


@pytest.mark.slow
def test_names_propose_side_and_view_which_count_only_when_the_reader_says_so(
    page: AppTest, runs_root: Path
) -> None:
    run = own_copy(runs_root)
    lock(run, 0.5, level=Level.BREAST)
    choose(page, run.run_id)
    drop(page, ("R-CC.png", a_breast(turn=True)), ("L-CC.png", a_breast()))
    assert "R-CC.png: R CC, L-CC.png: L CC" in captions(page)
    assert "No score counts them yet" in captions(page)
    assert "No side is stored" not in captions(page)  # one question at a time
    assert [row["title"] for row in score_rows(page)] == ["Exam"]
    (panel,) = panels(page)
    assert panel["aside"].endswith("sides are proposed from the file names. Confirm them.")
    (beside,) = (one for one in page.columns if "They are right" in str(one.button))
    assert "model" in [one.key for one in beside.selectbox]  # by the verdict it is for
    page.button(key="take_names").click().run(timeout=120)
    assert not page.exception
    assert [row["title"] for row in score_rows(page)] == ["Right breast", "Left breast", "Exam"]
    assert "No score counts them yet" not in captions(page)
    assert "from the file's name" in case_table(page)


@pytest.mark.slow
def test_names_stay_with_their_images_whatever_the_order_of_the_files(
    open_page: OpenPage, page: AppTest
) -> None:
    right, left = ("R-CC.png", a_breast(turn=True)), ("L-CC.png", a_breast())
    drop(page, right, left)
    again = open_page("read")
    drop(again, left, right)
    again.button(key="take_names").click().run(timeout=120)
    assert not again.exception
    case = load_case(cases_root(), "".join(again.query_params["case"]))
    sides = {image.ref.image_id: str(image.ref.side) for image in case.images}
    assert sides == {hashlib.sha256(data).hexdigest(): name[0] for name, data in (right, left)}


def test_four_images_of_one_side_are_questioned(page: AppTest) -> None:
    drop(page, *((f"L-CC {n}.png", a_breast(peak=250 - n)) for n in range(4)))
    assert "All 4 images are said to be of the left breast" in page.warning[0].value


@pytest.mark.slow
def test_images_are_split_into_two_cases_and_joined_again(page: AppTest) -> None:
    drop(page, ("a.png", a_breast()), ("b.png", a_breast(turn=True)))
    whole = page.query_params["case"]
    pills = page.button_group(key="split_off")
    pills.set_value([pills.options[1]]).run(timeout=60)
    page.button(key="split_case").click().run(timeout=120)
    assert not page.exception
    assert page.query_params["case"] != whole
    assert len(case_table(page).splitlines()) == 2  # the head, and the one image that is left
    other = page.selectbox(key="join_with")
    other.set_value(other.options[0]).run(timeout=60)
    page.button(key="join_cases").click().run(timeout=120)
    assert not page.exception
    assert page.query_params["case"] == whole


@pytest.mark.slow
def test_the_same_file_twice_is_told(page: AppTest) -> None:
    drop(page, ("a.png", a_breast()), ("b.png", a_breast()))
    assert len(score_rows(page)) == 1
    assert page.text[0].value == "File 2 (b.png): It is the same as file 1. It is shown once."


@pytest.mark.parametrize("case", ["0" * 64, "../../etc/passwd"])
def test_a_link_to_no_case_leaves_the_way_to_open_images(page: AppTest, case: str) -> None:
    page.query_params["case"] = case
    page.run()
    assert not page.exception
    assert "Open the images again" in page.error[0].value
    assert page.file_uploader(key="dropped_files")


def test_a_model_that_is_gone_is_told_and_not_silently_replaced(page: AppTest) -> None:
    page.query_params["model"] = "ghost"
    page.run()
    assert "There is no 'ghost' here" in page.warning[0].value


def test_the_url_names_the_model_even_where_nobody_chose_one(page: AppTest) -> None:
    assert page.query_params["model"] == page.selectbox(key="model").value


def test_a_broken_checkpoint_costs_the_score_and_not_the_images(
    page: AppTest, runs_root: Path
) -> None:
    broken = own_copy(runs_root)
    weights = broken.file("weights.safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    choose(page, broken.run_id)
    drop(page, ("a.png", a_breast()))
    assert "weights" in page.error[0].value
    assert not score_rows(page)
    assert page.button(key="forget_case")


@pytest.mark.slow
def test_a_card_with_markdown_is_shown_as_it_is(page: AppTest, runs_root: Path) -> None:
    foreign = own_copy(runs_root)
    card = read_card(foreign.file("model_card.json"))
    picture = "![x](http://example.invalid/x.png)"
    write_card(replace(card, title=picture, limits=(picture,)), foreign.file("model_card.json"))
    choose(page, foreign.run_id)
    drop(page, ("a.png", a_breast()))
    shown = [caption.value for caption in page.caption]
    assert sum("example.invalid" in text for text in shown) == 3
    assert not any(picture in text for text in shown)


@pytest.mark.slow
def test_a_score_has_a_rank_and_a_percentage_only_once_a_prevalence_is_set(page: AppTest) -> None:
    drop(page, ("a.png", a_breast()))
    assert "of 150 images without cancer in validation" in captions(page)
    assert "would have cancer" not in captions(page)
    page.number_input(key="prevalence").set_value(6.0).run()
    assert "of images that score so" in captions(page)
    assert "as calibrated on 30 with and 150 without" in captions(page)


@pytest.mark.slow
def test_an_image_unlike_the_training_images_is_plainly_warned_of(page: AppTest) -> None:
    rows, columns = np.mgrid[0:256, 0:128]
    picture = io.BytesIO()
    checks = np.uint8((100 + rows // 2) * ((rows // 16 + columns // 16) % 2))
    Image.fromarray(checks).save(picture, "PNG")
    drop(page, ("a.png", mark_png(picture.getvalue())))
    assert "Unlike the images this model learnt from" in page.warning[0].value
    assert panels(page)[0]["alarm"] == (
        "Unlike the images it learnt from: the score may mean nothing."
    )
    assert score_rows(page)


@pytest.mark.slow
def test_alike_images_and_steadiness_are_shown_only_when_asked_for(page: AppTest) -> None:
    drop(page, ("a.png", a_breast()))
    assert "likeness" not in captions(page)
    page.toggle(key="similar").set_value(True)
    page.toggle(key="steady").set_value(True).run()
    assert captions(page).count("likeness") == 4
    assert "no interval for this woman" in captions(page)


@pytest.mark.slow
def test_a_relative_heatmap_says_so(page: AppTest) -> None:
    drop(page, ("a.png", a_breast()))
    assert "relative: some point" not in captions(page)
    page.selectbox(key="method").set_value("layer_cam").run()
    assert "(LayerCAM)" in captions(page)
    assert "some point of every image is full colour" in captions(page)


@pytest.mark.slow
def test_two_models_read_one_case_beside_each_other(page: AppTest, runs_root: Path) -> None:
    other = own_copy(runs_root)
    lock(other, 0.0, level=Level.IMAGE)
    drop(page, ("a.png", a_breast()))
    page.selectbox(key="second").set_value(other.run_id).run()
    first, second = score_rows(page)
    assert first["score"] == pytest.approx(second["score"], abs=0.01)
    assert len(verdicts(page)) == 1
    page.segmented_control(key="layer").set_value(other.run_id).run()
    assert not page.exception
    assert len(score_rows(page)) == 2


@pytest.mark.slow
def test_two_models_of_one_name_are_told_apart_alike_in_boxes_and_over_scores(
    page: AppTest, runs_root: Path
) -> None:
    newer, older = own_copy(runs_root, "20270101-000000-light_cnn-abcd"), own_copy(runs_root)
    for run in (newer, older):
        write_about(run, About(title="Same"))
    choose(page, newer.run_id)
    drop(page, ("a.png", a_breast()))
    page.selectbox(key="second").set_value(older.run_id).run()
    names = ["Same (2)", "Same"]
    assert set(names) <= set(page.selectbox(key="model").options)
    assert set(names) & set(page.selectbox(key="second").options) == {names[1]}
    over = [text.value for text in page.markdown if text.value.startswith("**Same")]
    assert over[:2] == ["**Same (2)**", "**Same**"]
    page.selectbox(key="second").set_value("").run()
    assert "**Same (2)**" in [text.value for text in page.markdown]


def widths(page: AppTest) -> list[float]:
    return [column.weight for column in page.columns]


@pytest.mark.slow
def test_without_the_second_model_the_page_is_laid_out_for_one_at_once(
    page: AppTest, runs_root: Path
) -> None:
    other = own_copy(runs_root)
    drop(page, ("a.png", a_breast()))
    of_one = widths(page)
    page.selectbox(key="second").set_value(other.run_id).run()
    assert widths(page) != of_one
    page.selectbox(key="second").set_value("").run()
    assert widths(page) == of_one
    page.selectbox(key="second").set_value(other.run_id).run()
    del page.query_params["second"]  # the browser's way back
    page.run()
    assert page.selectbox(key="second").value == ""
    assert widths(page) == of_one


@pytest.mark.slow
def test_two_models_lie_side_by_side_and_of_an_exam_breast_by_breast(
    page: AppTest, runs_root: Path
) -> None:
    other = own_copy(runs_root)
    drop(page, *((f"{n}.png", a_breast(turn=n % 2 == 1, peak=250 - n)) for n in range(3)))
    page.selectbox(key="second").set_value(other.run_id).run()
    assert captions(page).count("not the borders of a tumour") == 1
    page.segmented_control(key="layer").set_value("Side by side").run()
    assert not page.exception
    assert captions(page).count("not the borders of a tumour") == 2  # each heatmap in words
    parts = page.segmented_control(key="beside_part")
    assert parts.options == ["0.png", "1.png", "2.png"]
    page.button(key="take_sides").click().run(timeout=120)
    assert page.segmented_control(key="beside_part").options == ["Right breast", "Left breast"]


@pytest.mark.slow
def test_a_second_model_reads_on_where_the_first_is_broken(page: AppTest, runs_root: Path) -> None:
    broken, other = own_copy(runs_root), own_copy(runs_root, "20250101-000000-light_cnn-0001")
    broken.file("weights.safetensors").write_bytes(b"no")
    choose(page, broken.run_id)
    drop(page, ("a.png", a_breast()))
    page.selectbox(key="second").set_value(other.run_id).run(timeout=60)
    assert not page.exception
    assert len(score_rows(page)) == 1


def ensemble_with(runs_root: Path, member: RunFolder) -> RunFolder:
    """The mean of `member` and the shipped checkpoint, each as it is."""
    card = read_card(member.file("model_card.json"))
    members = tuple(
        Member(
            run_id=name,
            weights_sha256=card.weights_sha256,
            score_map=ScoreMap(kind=Recalibration.PLATT, prevalence=0.5),
            reference=(0.1, 0.2),
        )
        for name in ("phantom-light", member.run_id)
    )
    both = RunFolder(runs_root / "20260102-000000-ensemble-abcd")
    both.path.mkdir()
    both.write_status(RunStatus(state=RunState.FINISHED))
    save_ensemble(Ensemble(method=Averaging.MEAN, members=members), both.file(MEMBERS_NAME))
    return both


@pytest.mark.slow
def test_an_ensemble_with_the_model_is_asked_only_when_wanted(
    page: AppTest, runs_root: Path
) -> None:
    ensemble_with(runs_root, own_copy(runs_root))
    drop(page, ("a.png", a_breast()))
    assert "its members from" not in captions(page)
    page.toggle(key="ensembles").set_value(True).run(timeout=60)
    assert captions(page).count("its members from") == 1


@pytest.mark.slow
def test_an_ensemble_reads_as_a_model_with_its_own_threshold(
    page: AppTest, runs_root: Path
) -> None:
    member = own_copy(runs_root)
    both = ensemble_with(runs_root, member)
    lock(member, 1.0, level=Level.IMAGE)
    lock(both, 0.0, level=Level.IMAGE)
    choose(page, member.run_id)
    drop(page, ("a.png", a_breast()))
    alone = float(score_rows(page)[0]["shown"])
    page.selectbox(key="model").set_value(both.run_id).run(timeout=60)
    assert not page.exception
    # The same network twice
    assert float(score_rows(page)[0]["shown"]) == pytest.approx(alone, abs=0.011)
    assert verdicts(page) == ["Score above the threshold."]
    assert "mean of the heatmaps of 2 models" in captions(page)
    assert "calibrated on its own validation images" in captions(page)
    assert captions(page).count("its members from") == 1
    assert "keeps no embeddings" not in captions(page)


def test_an_ensemble_never_comes_before_a_model_that_reads_alone(
    open_page: OpenPage, runs_root: Path
) -> None:
    member = own_copy(runs_root)
    both = ensemble_with(runs_root, member)
    offered = open_page("read").selectbox(key="model").options
    titles = titles_of(list_checkpoints())
    assert offered == [titles[name] for name in (member.run_id, "phantom-light", both.run_id)]


@pytest.mark.slow
def test_an_ensemble_without_one_of_its_members_says_which(page: AppTest, runs_root: Path) -> None:
    member = own_copy(runs_root)
    both = ensemble_with(runs_root, member)
    shutil.rmtree(member.path)
    choose(page, both.run_id)
    drop(page, ("a.png", a_breast()))
    assert f"its member {member.run_id} is not here".replace("_", "\\_") in page.error[0].value
    assert not score_rows(page)
    assert page.button(key="forget_case")


def test_no_larger_file_is_offered_to_be_uploaded_than_is_read() -> None:
    settings = tomllib.loads((APP.parent / ".streamlit" / "config.toml").read_text())
    offered = settings["server"]["maxUploadSize"]
    assert offered < 512, "from there on the page writes 1GB"
    assert offered * limits.MEGABYTE <= limits.FILE_BYTES


@pytest.mark.slow
def test_a_case_whose_own_score_is_the_threshold_is_called_on_both_pages(
    open_page: OpenPage, runs_root: Path
) -> None:
    run = own_copy(runs_root)
    checkpoint = load_checkpoint(run.path)
    pictures = [a_breast(peak=peak) for peak in range(100, 256, 5)]
    images = [prepare(read_mammogram(one), checkpoint.card.prepare).pixels for one in pictures]
    shares = probabilities_of(torch_engine(checkpoint).run(np.stack(images)).logits)
    stored, exact = scores_of(shares, checkpoint.card.task), shares[:, 1]
    low = min(np.flatnonzero(exact < stored), key=lambda row: stored[row])  # rounded up
    table = read_predictions(run.predictions_file)
    is_first = table["image_id"] == table.loc[table["split"] == "val", "image_id"].iloc[0]
    write_predictions(
        table.assign(score=table["score"].mask(is_first, stored[low])), run.predictions_file
    )

    thresholds = open_page("thresholds")
    thresholds.segmented_control(key="count_level").set_value("image").run()
    thresholds.segmented_control(key="count_split").set_value("val").run()
    thresholds.query_params["threshold"] = repr(float(stored[low]))
    scores = read_predictions(run.predictions_file)["score"].to_numpy(dtype=np.float64)
    thresholds.query_params["chosen"] = (
        f"{hashlib.sha256(scores.tobytes()).hexdigest()[:12]}.val.image.max"
    )
    thresholds.run().segmented_control(key="judge").set_value("Operating point").run()
    thresholds.button(key="lock").click().run()
    locked = point_in_force(run)
    assert locked is not None
    assert locked.threshold == stored[low]
    others = table[(table["split"] == "val") & ~is_first]
    called = locked.promise.found + locked.promise.negatives - locked.promise.left_alone
    assert called == (others["score"] >= stored[low]).sum() + 1

    page = open_page("read")
    choose(page, run.run_id)
    drop(page, ("a.png", pictures[low]))
    assert verdicts(page) == ["Score above the threshold."]
