import hashlib
import json
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from mammo_core.config import EvaluateConfig, RunConfig, load_settings, save_settings
from mammo_core.datasets.adapters.csv_folder import ADAPTER
from mammo_core.datasets.dataset import Registered, read_dataset, register
from mammo_core.files import datasets_root, tables_root
from mammo_core.inference.locking import lock_by_aim
from mammo_core.inference.verdict import cases_hash
from mammo_core.metrics.cases import pool_cases
from mammo_core.metrics.ensemble import Averaging, Ensemble, Member, save_ensemble
from mammo_core.metrics.threshold import Aim, choose_threshold, operating_point
from mammo_core.metrics.uncertainty import IntervalMethod
from mammo_core.runs.card import SplitCount, read_card, write_card
from mammo_core.runs.folder import MEMBERS_NAME, RunFolder, RunStatus
from mammo_core.runs.kept_tables import keep_table
from mammo_core.runs.naming import run_title
from mammo_core.runs.operating_points import (
    POINTS_FILE,
    LockedPoint,
    lock_point,
    point_in_force,
)
from mammo_core.runs.sidecars import Embeddings, write_embeddings
from mammo_core.runs.verification import Verification, Verified
from mammo_core.scores import Recalibration, ScoreMap
from mammo_core.tables import check_predictions, positive_of
from mammo_core.types import DENSITY, Level, RunState, Split, Task
from pages.components.shared import cached
from pages.components.thresholds import curves
from tests.pages.conftest import APP, OpenPage
from tests.pages.listed import listed_cases, viewer_cells
from tests.pages.training_pages import register_phantoms
from tests.predictions import made_up_predictions, write_run
from tests.quick import some_slow

RULE = ADAPTER.label_rules[0].name
RUN = "20260101-000000-tiny_cnn-abcd"


def with_validation(women: int = 80) -> pd.DataFrame:
    table = made_up_predictions(women=women, with_cancer=30)
    table["split"] = table["patient_id"].map(lambda name: "val" if int(name[1:]) % 2 else "test")
    return table


@pytest.fixture
def page(runs_root: Path, open_page: OpenPage) -> AppTest:
    write_run(runs_root, RUN, made_up_predictions(women=40, with_cancer=10))
    return open_page("thresholds")


def told_by_control(page: AppTest) -> dict[str, Any]:
    """What the threshold control is told beside the scores."""
    (message,) = (
        one.proto.bytes for one in page.get("bidi_component")
        if one.proto.component_name == "mammo_threshold_slider"
    )  # fmt: skip
    told: dict[str, Any] = json.loads(message[4 : 4 + int.from_bytes(message[:4], "little")])
    return told


def rates_of(page: AppTest) -> pd.DataFrame:
    """The five rates under the confusion matrix, as they are told at rest."""
    rows = {}
    for name, told in told_by_control(page)["rates"].items():
        of, method, *_ = (*told["about"].split("; "), "")
        hits, total = (int(part.replace(",", "")) for part in re.findall(r"[\d,]+", of)[:2] or "00")
        rows[name] = {
            "title": told["title"], "of": of, "by": method, "interval": told["interval"],
            "value": f"{hits / total:.1%}" if total else "–", "about": told["about"],
        }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index")


def frame(page: AppTest, column: str) -> pd.DataFrame:
    """The table that has `column`."""
    for shown in page.dataframe:
        if column in shown.value.columns:
            return shown.value.copy()
    raise AssertionError(f"no table with {column}")


def captions_of(page: AppTest) -> str:
    return "\n".join(caption.value.replace("\\", "") for caption in page.caption)


def at_threshold(page: AppTest, threshold: float) -> AppTest:
    page.query_params["threshold"] = repr(threshold)
    return page.run()


def on_validation(page: AppTest) -> AppTest:
    return page.segmented_control(key="count_split").set_value("val").run()


def locked_on_validation(page: AppTest, run: RunFolder) -> LockedPoint:
    """What the page's own lock wrote down of its threshold on the validation split."""
    on_validation(page).button(key="lock").click().run()
    locked = point_in_force(run)
    assert locked is not None
    return locked


def chosen_on(run: RunFolder, split: str) -> str:
    """What the address says of a threshold chosen on `split` of these scores, by breast."""
    scores = pd.read_csv(run.file("predictions.csv"))["score"].to_numpy(dtype=np.float64)
    return f"{hashlib.sha256(scores.tobytes()).hexdigest()[:12]}.{split}.breast.max"


def show(page: AppTest, section: str) -> AppTest:
    page.segmented_control(key="judge").set_value(section).run()
    assert not page.exception, page.exception
    return page


@pytest.mark.slow
def test_a_threshold_of_zero_calls_everybody(page: AppTest) -> None:
    rates = rates_of(at_threshold(page, 0.0))
    assert rates.loc["Sensitivity (recall)", "value"] == "100.0%"
    assert rates.loc["Recall rate", "of"] == "80 of 80 (40 women)"
    assert rates.loc["PPV", "value"] == "12.5%"  # 10 of 80 breasts
    assert rates.loc["NPV", "of"] == "no such case"


def test_the_first_threshold_finds_at_least_nine_of_ten_cancers(page: AppTest) -> None:
    assert rates_of(page).loc["Sensitivity (recall)", "value"] in ("90.0%", "100.0%")


def test_rates_that_depend_on_the_set_say_how_many_have_cancer(page: AppTest) -> None:
    about = rates_of(page)["about"]
    assert about["PPV"].endswith("; where 12.5% have cancer")
    assert "where" not in about["Specificity"]


def test_the_unit_decides_how_many_cases_there_are(page: AppTest) -> None:
    assert "80 cases of 40 women, 10 with cancer" in captions_of(page)
    page.segmented_control(key="count_level").set_value("image").run()
    assert "160 cases of 40 women, 20 with cancer" in captions_of(page)


@pytest.mark.slow
def test_an_auc_made_by_counting_alone_is_refused_by_patient(page: AppTest) -> None:
    page.segmented_control(key="count_level").set_value("patient").run()
    assert "random scores would reach 0.33" in captions_of(page)
    assert "with one breast drawn per woman" in captions_of(page)
    show(page, "Curves")
    assert "No average precision of these cases" in captions_of(page)
    show(page, "More rates")
    assert "10 women with and 30 without cancer" in captions_of(page)
    assert "its own breast is called" in captions_of(page)
    rates = rates_of(at_threshold(page, 0.0))
    assert rates.loc["Sensitivity (recall)", "of"] == "10 of 10 (10 women)"
    assert rates.loc["Specificity", "of"] == "0 of 30 (30 women)"
    page.segmented_control(key="count_rule_patient").set_value("max").run()
    assert "AUC 0." in captions_of(page)


def test_what_is_known_without_the_image_stands_beside_the_auc(page: AppTest) -> None:
    assert "known without the image (age, density, site) reaches AUC 0." in captions_of(page)


def test_an_aim_sets_the_threshold(page: AppTest) -> None:
    page.selectbox(key="aim").set_value("specificity at least").run()
    page.number_input(key="target_specificity").set_value(0.8).run()
    page.button(key="set_threshold").click().run()
    assert rates_of(page).loc["Specificity", "value"] == "80.0%"  # 56 of 70


def test_an_aim_that_hard_scores_cannot_meet_is_said_and_moves_no_threshold(
    runs_root: Path, open_page: OpenPage
) -> None:
    table = with_validation()
    write_run(runs_root, RUN, table.assign(score=(table["score"] >= 0.5) * 1.0))
    page = on_validation(open_page("thresholds"))
    before = rates_of(page)
    page.selectbox(key="aim").set_value("specificity at least").run()
    page.number_input(key="target_specificity").set_value(0.99).run()
    page.button(key="set_threshold").click().run()
    assert "only where nobody is called" in page.toast[0].value
    assert rates_of(page).equals(before)


@pytest.mark.slow
def test_an_aim_of_other_cases_does_not_shut_the_page(runs_root: Path, open_page: OpenPage) -> None:
    """Where nobody has cancer there is no best threshold by F1, and none was picked there."""
    table = with_validation()
    table.loc[table["split"] == "val", "positive"] = False
    write_run(runs_root, RUN, table)
    page = open_page("thresholds")
    page.selectbox(key="aim").set_value("F1").run()
    page.button(key="set_threshold").click().run()
    on_validation(page)
    assert not page.error
    assert rates_of(page).loc["Specificity", "of"] != "no such case"


def test_the_best_threshold_of_few_women_tells_counts_and_no_rates(page: AppTest) -> None:
    page.selectbox(key="aim").set_value("F1").run()
    page.button(key="set_threshold").click().run()
    assert not page.exception, page.exception
    rates = rates_of(page)
    assert rates.loc["Sensitivity (recall)", "interval"] == (
        "Interval: none: best threshold of few women"
    )
    assert rates.loc["Sensitivity (recall)", "of"].endswith("women)")
    assert rates.loc["Specificity", "by"] == IntervalMethod.PICKED_OF_FEW
    derived = frame(page, "rate").set_index("rate")
    assert derived.loc["Balanced accuracy", "value"] == "–"


@pytest.mark.slow
def test_what_without_cancer_rests_on_stands_beside_the_rates_and_corrects_them(
    runs_root: Path, open_page: OpenPage
) -> None:
    """Two of three women whose images all score low are not verified, cancer or not."""
    table = made_up_predictions(women=300, with_cancer=150, skill=0.5)
    is_low = table.groupby("patient_id")["score"].transform("max") < 0.4
    is_hidden = is_low & (table["patient_id"].str[1:].astype(int) % 3 > 0)
    hidden = table.assign(
        positive=table["positive"].mask(is_hidden), label=table["label"].mask(is_hidden)
    )
    shipped = captions_of(open_page("thresholds"))
    assert "Reference standard: known by construction" in shipped
    assert "not known" not in shipped, "the reference standard says it"
    run = write_run(runs_root, RUN, hidden)
    page = open_page("thresholds")
    assert "rests on" not in captions_of(page)  # its card tells the reference standard
    entry = Registered(
        name=load_settings(run.file("run.json"), RunConfig).data.folder, folder="/d",
        adapter="csv_folder", label_rule="as-written",
        verification=Verification(
            without_cancer=Verified.FOLLOW_UP, months=24, of_recalled=True
        ),
    )  # fmt: skip
    register(datasets_root(), entry)
    at_threshold(page, 0.4)
    assert "rests on follow-up of 24 months" in captions_of(page)
    assert "every sensitivity is that of the verified" in page.warning[-1].value
    assert "Sensitivity (recall), of the verified" in rates_of(page)["title"].tolist()
    page.session_state["corrected"] = True
    page.run()
    (told,) = [one.value for one in page.text if one.value.startswith("Sensitivity")]
    shares = [float(share) / 100 for share in re.findall(r"([\d.]+)%", told)]
    corrected, of_verified = shares[0], shares[-1]  # between them the interval
    cases = pool_cases(table, Level.BREAST)
    truth = operating_point(cases, 0.4).sensitivity
    assert abs(corrected - truth) < abs(of_verified - truth)
    assert corrected < of_verified
    assert not page.exception


@pytest.mark.slow
def test_uploaded_marks_are_held_against_the_boxes_of_the_data_set(
    runs_root: Path, open_page: OpenPage, tmp_path: Path
) -> None:
    entry = register_phantoms(tmp_path / "set")
    dataset = read_dataset(Path(entry.folder))
    manifest, boxes = dataset.manifest, dataset.boxes
    positive = positive_of(manifest["label"], dataset.label_rule.task)
    table = manifest.assign(
        positive=positive, score=np.linspace(0, 1, len(manifest)), split="test", model_id="m",
        dataset="set", engine="made up",
    )  # fmt: skip
    run = write_run(runs_root, RUN, check_predictions(table))
    config = load_settings(run.file("run.json"), RunConfig)
    data = replace(config.data, folder="phantoms", adapter="phantom_set", label_rule="lesion")
    save_settings(replace(config, data=data), run.file("run.json"))
    x, y = (boxes[f"{axis}0"] + (boxes[f"{axis}1"] - boxes[f"{axis}0"]) / 2 for axis in "xy")
    marks = pd.DataFrame({"image": boxes["image_id"], "x": x, "y": y, "score": 0.5})
    kept = keep_table(tables_root(), marks.iloc[1:].to_csv(index=False).encode())
    page = open_page("thresholds")
    page.query_params["marks"] = kept
    show(page, "Lesions")
    assert any(one.label == "Hold against boxes" for one in page.button)
    found = f"{len(boxes) - 1} of {len(boxes)} lesion boxes found"
    assert any(found in one.value for one in page.markdown), [m.value for m in page.markdown]
    assert "AFROC area" in captions_of(page)


def test_a_part_of_the_curve_and_a_fixed_recall_rate_are_told_where_their_fold_is_opened(
    runs_root: Path, open_page: OpenPage
) -> None:
    write_run(runs_root, RUN, made_up_predictions(women=40, with_cancer=20))
    page = show(open_page("thresholds"), "Curves")
    assert "Partial AUC" not in captions_of(page)
    page.session_state["part_of_curve"] = True
    page.run()
    assert re.search(r"Partial AUC 0\.\d{3}, 95 % 0\.\d{3} to [01]\.\d{3}", captions_of(page))
    assert re.search(
        r"recall rate 10\.0 %, 8 of 80 \(95 % .* %\), where 25\.0% have cancer", captions_of(page)
    )
    page.segmented_control(key="one_rate_of").set_value("specificity at least").run()
    assert re.search(r"specificity 90\.0 %, \d+ of 60 \(95 % ", captions_of(page))
    assert not page.exception


def everything_told(page: AppTest) -> str:
    """In captions, boxes and tables, and on the threshold control."""
    tables = " ".join(f"{list(one.value.columns)} {one.value.to_numpy()}" for one in page.dataframe)
    return " ".join([captions_of(page), *(info.value for info in page.info), tables, finding(page)])


def finding(page: AppTest) -> str:
    """What the threshold control says that the positive cases have."""
    return " ".join(told_by_control(page)["finding"].values())


def test_a_model_of_density_is_not_told_as_one_of_cancer(
    runs_root: Path, open_page: OpenPage
) -> None:
    table = made_up_predictions(women=60, with_cancer=30)
    dense = write_run(runs_root, RUN, table, task=DENSITY)
    page = open_page("thresholds")
    assert "120 cases of 60 women, 30 with C or D (25.0%)" in captions_of(page)
    assert finding(page) == "C or D with C or D"
    page.query_params["cases"] = "missed"
    for section in ("More rates", "Mistakes", "Slices"):
        assert "cancer" not in everything_told(show(page, section)), section
    told = everything_told(show(page, "Screening")).replace("\\", "")
    assert "These scores are for C or D, not for cancer: what screening would" in told
    told = everything_told(show(page, "Calibration"))
    assert "without C or D, and of one" in told
    page.session_state["part_of_curve"] = True
    told += everything_told(show(page, "Curves"))
    assert "cancer" not in told
    page.segmented_control(key="count_level").set_value("patient").run()
    rules = page.segmented_control(key="count_rule_patient")
    offered = [*page.selectbox(key="aim").options, *rules.options, rules.help]
    assert "the breast with the finding" in offered
    assert "cancer" not in " ".join(offered)
    page.segmented_control(key="count_level").set_value("breast").run()
    other = RunFolder(runs_root / "20260201-000000-evaluate-abcd")
    other.path.mkdir()
    config = EvaluateConfig(
        checkpoint=dense.run_id, folder="elsewhere", adapter="csv_folder", label_rule="cancer"
    )
    save_settings(config, other.file("run.json"))
    other.write_status(RunStatus(state=RunState.FINISHED))
    table.to_csv(other.file("predictions.csv"), index=False)
    again = open_page("thresholds")
    again.selectbox(key="run").set_value(other.run_id).run()
    assert "30 with C or D" in captions_of(again)


def test_what_a_model_of_density_cannot_tell_is_not_said_of_cancer(
    runs_root: Path, open_page: OpenPage
) -> None:
    table = made_up_predictions(women=20, with_cancer=0)
    val = table.assign(split="val", image_id="v" + table["image_id"])
    write_run(runs_root, RUN, pd.concat([table, val]), task=DENSITY)
    page = open_page("thresholds")
    page.selectbox(key="aim").set_value("sensitivity at least").run()
    page.button(key="set_threshold").click().run()
    assert "There is no case with C or D among these" in page.toast[0].value
    show(page, "Calibration")
    said = [*page.info, *page.warning, *page.error]
    (reason,) = (one.value for one in said if "so calibration cannot" in one.value)
    assert reason.startswith("There is no case with C or D among these 40")
    assert "cancer" not in everything_told(page)


def test_every_section_marks_its_intervals_where_part_of_the_women_is_unnamed(
    runs_root: Path, open_page: OpenPage
) -> None:
    table = made_up_predictions(women=40, with_cancer=20)
    table["group_id"] = table["patient_id"]
    table.loc[table["patient_id"] < "w010", ["patient_id", "group_id"]] = pd.NA
    write_run(runs_root, RUN, table)
    page = open_page("thresholds")
    page.segmented_control(key="count_level").set_value("image").run()
    for section in ("More rates", "Calibration", "Screening"):
        assert "Every interval below takes each of 40 cases" in captions_of(show(page, section))


def test_scores_of_two_steps_meet_a_recall_rate_only_where_nobody_is_called_and_that_is_said(
    runs_root: Path, open_page: OpenPage
) -> None:
    table = made_up_predictions(women=40, with_cancer=20)
    write_run(runs_root, RUN, table.assign(score=(table["score"] > 0.3).astype(float)))
    page = show(open_page("thresholds"), "Curves")
    page.session_state["part_of_curve"] = True
    page.run()
    assert "where nobody is called, for already the highest score calls" in captions_of(page)
    assert "at threshold inf" not in captions_of(page)


def test_screening_is_projected_to_women_at_the_stated_prevalence(page: AppTest) -> None:
    show(at_threshold(page, 0.0), "Screening")
    assert "is not known" in page.info[0].value
    page.checkbox(key="is_screening").check().run()
    screening = frame(page, "per 1,000 women")
    shown = screening.set_index("per 1,000 women")["projected"]
    assert shown["Recalled"] == "1000.0"
    assert shown["Cancers found"] == "5.9"
    assert shown["PPV1"] == "0.6%"


def test_a_woman_recalled_for_the_wrong_breast_stands_in_a_row_of_her_own(
    runs_root: Path, open_page: OpenPage
) -> None:
    """Every cancer scores 0.1, the other breast of half of these women 0.9, all others 0.1."""
    table = made_up_predictions(women=40, with_cancer=10)
    is_other = ~table["positive"] & table["patient_id"].isin([f"w00{n}" for n in range(5)])
    write_run(runs_root, RUN, table.assign(score=is_other.map({True: 0.9, False: 0.1})))
    page = show(at_threshold(open_page("thresholds"), 0.5), "Screening")
    page.checkbox(key="is_screening").check().run()
    page.number_input(key="per_thousand").set_value(100.0).run()
    shown = frame(page, "per 1,000 women").set_index("per 1,000 women")["projected"]
    assert shown["Cancers found"] == "0.0"
    assert shown["Recalled for the breast without the cancer"] == "50.0"
    assert shown["Recalled"] == "50.0"


@pytest.mark.parametrize(
    ("population", "reason"), [("biopsied", "all were biopsied"), ("mixed", "from clinics")]
)
def test_screening_is_closed_where_women_without_cancer_are_not_from_screening(
    population: str, reason: str, runs_root: Path, open_page: OpenPage
) -> None:
    run = write_run(runs_root, RUN, made_up_predictions(women=40, with_cancer=10))
    card = read_card(run.file("model_card.json"))
    changed = replace(card, data=replace(card.data, population=population))
    write_card(changed, run.file("model_card.json"))
    page = show(open_page("thresholds"), "Screening")
    assert reason in page.info[0].value
    assert not any("per 1,000 women" in shown.value.columns for shown in page.dataframe)


def test_screening_of_synthetic_women_is_said_to_tell_nothing_of_women(
    runs_root: Path, open_page: OpenPage
) -> None:
    run = write_run(runs_root, RUN, made_up_predictions(women=40, with_cancer=10))
    card = read_card(run.file("model_card.json"))
    changed = replace(card, data=replace(card.data, population="synthetic"))
    write_card(changed, run.file("model_card.json"))
    page = show(open_page("thresholds"), "Screening")
    assert "tells nothing of women" in captions_of(page)
    frame(page, "per 1,000 women")


def test_screening_is_closed_where_sides_are_not_known(
    runs_root: Path, open_page: OpenPage
) -> None:
    write_run(runs_root, RUN, made_up_predictions(women=40, with_cancer=10).assign(side=pd.NA))
    page = show(open_page("thresholds"), "Screening")
    assert "needs the side of every image" in page.info[0].value


def test_calibration_is_judged_but_not_mended_without_validation_cases(page: AppTest) -> None:
    show(page, "Calibration")
    assert "no validation cases" in captions_of(page)
    numbers = frame(page, "perfect is")
    few = numbers["value"] == "–"  # the calibration error needs 30 women of each class
    assert few.sum() == 1
    numbers = numbers[~few]
    assert numbers["value"].str.match(r"-?\d+\.\d{3}").all()
    assert numbers["95 % interval"].str.match(r"-?\d\.\d{3} to -?\d\.\d{3}").all()


def test_no_number_of_few_women_stands_without_its_interval(
    runs_root: Path, open_page: OpenPage
) -> None:
    write_run(runs_root, RUN, made_up_predictions(women=20, with_cancer=10))
    page = show(open_page("thresholds"), "Curves")
    assert "Guessing has an average precision of 0.250" in captions_of(page)
    assert set(frame(show(page, "Calibration"), "perfect is")["value"]) == {"–"}


def test_the_average_precision_has_its_interval(runs_root: Path, open_page: OpenPage) -> None:
    write_run(runs_root, RUN, made_up_predictions(women=110, with_cancer=50))
    assert re.search(
        r"Average precision 0\.\d{3}, 95 % 0\.\d{3} to 0\.\d{3} \(linearised, by woman\)",
        captions_of(show(open_page("thresholds"), "Curves")),
    )


def test_the_average_precision_of_ten_women_is_not_told(page: AppTest) -> None:
    told = captions_of(show(page, "Curves"))
    assert "No average precision: there are 10 women with cancer, and under 50" in told
    assert "Guessing has an average precision of 0." in told


def test_calibration_learns_from_validation_and_is_judged_on_test(
    runs_root: Path, open_page: OpenPage
) -> None:
    write_run(runs_root, RUN, with_validation())
    page = show(open_page("thresholds"), "Calibration")
    page.segmented_control(key="recalibration").set_value("Platt").run()
    assert not page.exception, page.exception
    assert "Fitted on 80 validation cases, judged on 80" in captions_of(page)


def test_slices_are_cut_by_what_the_table_has(page: AppTest) -> None:
    slices = frame(show(page, "Slices"), "part")
    assert slices["part"].tolist() == ["A", "B", "C", "D"]


def test_mistakes_are_listed_with_the_missed_cancers_first(page: AppTest) -> None:
    missed = listed_cases(show(at_threshold(page, 1.0), "Mistakes"))
    assert [case["facts"]["outcome"] for case in missed] == ["missed"] * 10


def test_a_threshold_is_locked_on_validation_and_delivers_on_test(
    runs_root: Path, open_page: OpenPage
) -> None:
    run = write_run(runs_root, RUN, with_validation())
    page = show(open_page("thresholds"), "Operating point")
    assert page.button(key="lock").disabled
    assert "would flatter itself" in captions_of(page)

    on_validation(page)
    page.selectbox(key="aim").set_value("sensitivity at least").run()
    page.button(key="set_threshold").click().run()
    page.button(key="lock").click().run()
    assert not page.exception, page.exception
    locked = point_in_force(run)
    assert locked is not None
    assert locked.aim == "sensitivity at least 0.9"
    told = page.markdown[-1].value
    assert "chosen on the validation split, on scores as the model gives them" in told
    assert (locked.promise.found, locked.promise.positives) == (14, 15)
    assert "is no test" in captions_of(page)

    page.segmented_control(key="count_split").set_value("test").run()
    promised = frame(page, "promised")
    assert promised["promised"].iloc[0].startswith("93.3 %, 14 of 15 (95 % ")
    assert "of 15 (95 % " in promised["delivered"].iloc[0]


@pytest.mark.slow
def test_a_point_chosen_on_other_scores_of_the_same_split_says_so(
    runs_root: Path, open_page: OpenPage
) -> None:
    run = write_run(runs_root, RUN, with_validation())
    page = show(open_page("thresholds"), "Operating point")
    locked = locked_on_validation(page, run)
    assert "have changed since" not in captions_of(page)
    lock_point(run, replace(locked, cases_sha256="0" * 64))
    page.run()
    assert "its cases or scores have changed since" in captions_of(page)
    assert "is no test" not in captions_of(page)


@pytest.mark.slow
def test_a_threshold_chosen_on_test_is_not_locked_as_chosen_on_validation(
    runs_root: Path, open_page: OpenPage
) -> None:
    run = write_run(runs_root, RUN, with_validation())
    page = open_page("thresholds")
    page.button(key="set_threshold").click().run()
    on_validation(page)
    assert page.button(key="lock").disabled
    assert "was chosen on the test split, by breast" in captions_of(page)
    page.button(key="set_threshold").click().run()
    page.button(key="lock").click().run()
    locked = point_in_force(run)
    assert locked is not None
    val = pool_cases(with_validation().query("split == 'val'"), Level.BREAST)
    assert (locked.split, locked.cases_sha256) == ("val", cases_hash(val))


@pytest.mark.slow
def test_a_threshold_counted_otherwise_than_now_says_so_and_is_not_locked(
    runs_root: Path, open_page: OpenPage
) -> None:
    write_run(runs_root, RUN, with_validation())
    page = open_page("thresholds")
    on_validation(page)
    page.button(key="set_threshold").click().run()
    page.segmented_control(key="count_level").set_value("image").run()
    assert page.button(key="lock").disabled
    assert "Chosen on the validation split, by breast (its highest image)" in captions_of(page)
    page.button(key="anew").click().run()
    assert not page.button(key="lock").disabled


@pytest.mark.slow
def test_a_threshold_of_unknown_origin_is_shown_and_not_locked(
    runs_root: Path, open_page: OpenPage
) -> None:
    write_run(runs_root, RUN, with_validation())
    page = open_page("thresholds")
    on_validation(page)
    at_threshold(page, 0.5)
    assert page.button(key="lock").disabled
    assert "does not tell where it was chosen" in captions_of(page)


@pytest.mark.slow
def test_another_source_begins_anew(runs_root: Path, open_page: OpenPage) -> None:
    write_run(runs_root, RUN, with_validation())
    other = "20250101-000000-tiny_cnn-abcd"
    write_run(runs_root, other, made_up_predictions(women=40, with_cancer=10, seed=5))
    page = open_page("thresholds")
    page.button(key="set_threshold").click().run()
    assert "threshold" in page.query_params
    page.selectbox(key="run").set_value(other).run()
    assert "threshold" not in page.query_params
    assert "Chosen on these very cases: it flatters." in captions_of(page)


def test_a_locked_threshold_can_be_unlocked(runs_root: Path, open_page: OpenPage) -> None:
    run = write_run(runs_root, RUN, with_validation())
    page = open_page("thresholds")
    assert not [one for one in page.button if one.key == "unlock"]
    locked_on_validation(page, run)
    assert re.search(
        r"Locked: 0\.\d{4} by breast, since \d+ [A-Z][a-z]{2} 20\d\d\.", captions_of(page)
    )
    assert page.button(key="lock").disabled
    assert "in force already" in captions_of(page)
    page.button(key="unlock").click().run()
    assert point_in_force(run) is None
    assert not page.button(key="lock").disabled
    assert "No threshold is locked for this model." in captions_of(page)


@pytest.mark.slow
def test_a_threshold_that_came_with_the_model_is_not_said_to_be_locked_here(
    runs_root: Path, open_page: OpenPage
) -> None:
    run = write_run(runs_root, RUN, with_validation())
    lock_by_aim(
        run, Aim.SENSITIVITY, 0.9, level=Level.BREAST, is_conservative=False, now="2026-01-01",
        comes_with_model=True,
    )  # fmt: skip
    page = show(open_page("thresholds"), "Operating point")
    on_validation(page)
    told = captions_of(page)
    assert "Comes with the model: 0." in told
    assert "sensitivity at least 0.9, chosen on the validation split" in told
    assert "Locked" not in told
    assert any("Comes with the model: threshold" in one.value for one in page.markdown)
    assert page.button(key="lock").disabled


@pytest.mark.slow
def test_what_is_shown_stands_in_the_title(runs_root: Path, open_page: OpenPage) -> None:
    title = run_title(write_run(runs_root, RUN, with_validation()))
    page = open_page("thresholds")
    assert page.subheader[0].value.replace("\\", "") == f"{title}: test split, by breast"
    on_validation(page)
    page.segmented_control(key="count_level").set_value("image").run()
    assert page.subheader[0].value.replace("\\", "") == f"{title}: validation split, by image"


def test_the_first_threshold_on_test_is_the_choice_made_on_validation(
    runs_root: Path, open_page: OpenPage
) -> None:
    table = with_validation()
    write_run(runs_root, RUN, table)
    page = open_page("thresholds")
    on_val = pool_cases(table[table["split"] == "val"], Level.BREAST)
    point = choose_threshold(on_val, Aim.SENSITIVITY, 0.9)
    on_test = pool_cases(table[table["split"] == "test"], Level.BREAST)
    here = operating_point(on_test, point.threshold)
    assert point.threshold != choose_threshold(on_test, Aim.SENSITIVITY, 0.9).threshold
    assert (
        rates_of(page)
        .loc["Sensitivity (recall)", "of"]
        .startswith(f"{here.true_positives} of 15 (")
    )
    assert "90% of the 15 validation cases with cancer" in captions_of(page)
    assert "it flatters" not in captions_of(page)


def test_a_threshold_chosen_on_the_cases_shown_is_said_to_flatter(
    runs_root: Path, open_page: OpenPage
) -> None:
    write_run(runs_root, RUN, made_up_predictions(women=40, with_cancer=10))
    page = open_page("thresholds")
    assert "Chosen on these very cases: it flatters." in captions_of(page)
    assert "it flatters" not in captions_of(at_threshold(page, 0.5))


def test_an_aim_met_on_test_is_said_to_flatter(runs_root: Path, open_page: OpenPage) -> None:
    write_run(runs_root, RUN, with_validation())
    page = open_page("thresholds")
    page.button(key="set_threshold").click().run()
    assert "Chosen on these very cases: it flatters." in captions_of(page)
    on_validation(page)
    assert "it flatters" not in captions_of(page)


def test_a_fresh_visit_opens_at_the_locked_point(runs_root: Path, open_page: OpenPage) -> None:
    run = write_run(runs_root, RUN, with_validation())
    page = show(open_page("thresholds"), "Operating point")
    on_validation(page)
    page.query_params["chosen"] = chosen_on(run, "val")
    at_threshold(page, 0.5).button(key="lock").click().run()
    again = open_page("thresholds")
    assert "This is the locked operating point, 0.5000: fixed" in captions_of(again)
    again.segmented_control(key="count_level").set_value("image").run()
    assert "validation cases with cancer" in captions_of(again)


@pytest.mark.slow
def test_an_evaluation_opens_where_its_checkpoint_chose(
    runs_root: Path, open_page: OpenPage
) -> None:
    write_run(runs_root, RUN, with_validation())
    other = RunFolder(runs_root / "20260201-000000-evaluate-abcd")
    other.path.mkdir()
    config = EvaluateConfig(
        checkpoint=RUN, folder="elsewhere", adapter="csv_folder", label_rule="cancer"
    )
    save_settings(config, other.file("run.json"))
    other.write_status(RunStatus(state=RunState.FINISHED))
    table = made_up_predictions(women=20, with_cancer=5, seed=3, dataset="elsewhere")
    table.assign(split=pd.NA, weights_sha256="0" * 64).to_csv(
        other.file("predictions.csv"), index=False
    )
    page = open_page("thresholds")
    page.selectbox(key="run").set_value(other.run_id).run()
    assert "40 cases of 20 women, 5 with cancer" in captions_of(page)
    assert "90% of the 15 validation cases with cancer" in captions_of(page)
    table.assign(split=pd.NA, weights_sha256="1" * 64).to_csv(
        other.file("predictions.csv"), index=False
    )
    assert "it flatters" in captions_of(page.run())


@pytest.mark.slow
def test_a_threshold_locked_on_recalibrated_scores_opens_and_delivers_at_the_same_cases(
    runs_root: Path, open_page: OpenPage
) -> None:
    run = write_run(runs_root, RUN, with_validation())
    page = show(open_page("thresholds"), "Operating point")
    on_validation(page)
    page.query_params["chosen"] = chosen_on(run, "val")
    page.segmented_control(key="lock_on").set_value("Platt")
    at_threshold(page, 0.5).button(key="lock").click().run()
    locked = point_in_force(run)
    assert locked is not None
    assert locked.score_map is not None
    assert locked.threshold != 0.5
    again = show(open_page("thresholds"), "Operating point")
    assert "This is the locked operating point, 0.5000: fixed" in captions_of(again)
    assert "after Platt re-calibration (0.5000 as the model scores)" in " ".join(
        m.value for m in again.markdown
    )


@pytest.mark.slow
def test_an_ensemble_has_a_threshold_of_its_own_and_folds_joined_have_none(
    runs_root: Path, open_page: OpenPage
) -> None:
    run = write_run(runs_root, RUN, with_validation())
    run.file("model_card.json").unlink()
    one = Member(
        run_id="one",
        weights_sha256="0" * 64,
        score_map=ScoreMap(kind=Recalibration.PLATT, prevalence=0.5),
        reference=(0.1,),
    )
    for method in (Averaging.OUT_OF_FOLD, Averaging.MEAN):
        save_ensemble(Ensemble(method=method, members=(one,)), run.file(MEMBERS_NAME))
        page = show(open_page("thresholds"), "Operating point")
        on_validation(page)
        assert page.button(key="lock").disabled == (method is Averaging.OUT_OF_FOLD)
    page.query_params["chosen"] = chosen_on(run, "val")
    at_threshold(page, 0.5).button(key="lock").click().run()
    assert not page.toast
    locked = point_in_force(run)
    assert locked is not None
    assert locked.threshold == 0.5


@pytest.mark.slow
def test_an_untouched_threshold_is_locked_with_the_aim_it_begins_with(
    runs_root: Path, open_page: OpenPage
) -> None:
    run = write_run(runs_root, RUN, with_validation())
    page = show(open_page("thresholds"), "Operating point")
    locked = locked_on_validation(page, run)
    assert locked.aim == "sensitivity at least 0.9"


@pytest.mark.slow
def test_no_threshold_is_locked_where_nobody_has_cancer(
    runs_root: Path, open_page: OpenPage
) -> None:
    table = with_validation()
    table.loc[table["split"] == "val", "positive"] = False
    write_run(runs_root, RUN, table)
    page = open_page("thresholds")
    on_validation(page)
    assert page.button(key="lock").disabled
    assert "None of these 80 cases has cancer" in captions_of(page)


@pytest.mark.slow
def test_points_that_cannot_be_read_are_not_said_to_be_none(
    runs_root: Path, open_page: OpenPage
) -> None:
    run = write_run(runs_root, RUN, with_validation())
    run.file(POINTS_FILE).write_text("[]\n[]\n")
    page = open_page("thresholds")
    assert "Lock is off" in captions_of(page)
    assert "No threshold is locked" not in captions_of(page)


@pytest.mark.slow
def test_a_run_deleted_meanwhile_cannot_be_locked_and_that_is_said(
    runs_root: Path, open_page: OpenPage
) -> None:
    run = write_run(runs_root, RUN, with_validation())
    page = show(open_page("thresholds"), "Operating point")
    on_validation(page)
    shutil.rmtree(run.path)
    page.button(key="lock").click().run()
    assert not page.exception, page.exception
    assert "moved or deleted" in page.toast[0].value


def test_a_broken_card_is_told_in_a_sentence(runs_root: Path, open_page: OpenPage) -> None:
    run = write_run(runs_root, RUN, with_validation())
    run.file("model_card.json").write_text("{")
    page = open_page("thresholds")
    assert f"The model card of {RUN} is not valid JSON".replace("_", r"\_") in page.error[0].value


@pytest.mark.slow
def test_a_broken_card_shuts_only_the_sections_that_need_it(
    runs_root: Path, open_page: OpenPage
) -> None:
    run = write_run(runs_root, RUN, with_validation())
    run.file("model_card.json").write_text("{")
    page = open_page("thresholds")
    sections = page.segmented_control(key="judge").options
    assert "AUC 0." in captions_of(page)
    told = {name: len(show(page, name).error) for name in sections}
    needing = {name for name, errors in told.items() if errors > 1}  # one stands under the page
    assert needing == {"Map", "Operating point", "Screening"}
    assert set(told.values()) == {1, 2}


def test_a_table_cut_short_is_warned_about(runs_root: Path, open_page: OpenPage) -> None:
    run = write_run(runs_root, RUN, made_up_predictions(women=40, with_cancer=10))
    card = read_card(run.file("model_card.json"))
    whole = SplitCount(split=Split.TEST, women=40, images=160, positive_images=20)
    counted = replace(card, data=replace(card.data, splits=(whole,)))
    write_card(counted, run.file("model_card.json"))
    page = open_page("thresholds")
    assert not page.warning
    made_up_predictions(women=40, with_cancer=10).head(100).to_csv(
        run.file("predictions.csv"), index=False
    )
    told = page.run().warning[0].value.replace("\\", "")
    assert told.startswith("The predictions kept here are not those the model card counts (test: ")
    assert "100 images of 25 women" in told


@pytest.mark.slow
def test_a_replaced_card_is_read_anew(runs_root: Path, open_page: OpenPage) -> None:
    run = write_run(runs_root, RUN, with_validation())
    page = open_page("thresholds")
    assert not page.error
    run.file("model_card.json").write_text("{}")
    assert "has schema version None" in page.run().error[0].value


@pytest.mark.slow
def test_what_a_file_says_is_not_read_as_markdown(runs_root: Path, open_page: OpenPage) -> None:
    picture = "![x](http://evil.example/x.png)"
    run = write_run(runs_root, RUN, with_validation().assign(site=picture))
    page = show(open_page("thresholds"), "Operating point")
    locked = locked_on_validation(page, run)
    lock_point(run, replace(locked, aim=picture, locked_at=picture, split=picture))
    page.run()
    shown = page.markdown[-1].value
    assert shown.count("evil.example") == 2  # aim and time; a split nobody knows is called none
    assert "![" not in shown


@pytest.mark.slow
def test_notes_on_an_upload_are_not_read_as_markdown(open_page: OpenPage) -> None:
    table = made_up_predictions(women=30).assign(split="![x](http://evil.example)")
    page = upload(open_page("thresholds"), table)
    notes = [info.value for info in page.info]
    assert any("evil.example" in note for note in notes)
    assert not any("![" in note for note in notes)


@pytest.mark.slow
def test_names_of_parts_are_not_read_as_markdown(runs_root: Path, open_page: OpenPage) -> None:
    table = made_up_predictions(women=120, with_cancer=60)
    table["site"] = table["site"].map({"site 1": "![x](http://evil.example)", "site 2": "two"})
    write_run(runs_root, RUN, table)
    page = show(open_page("thresholds"), "Slices")
    page.segmented_control(key="cut").set_value("site").run()
    (gap,) = [text.value for text in page.markdown if "largest gap" in text.value]
    assert "evil.example" in gap
    assert "![" not in gap


def test_cases_without_a_split_are_offered_by_that_name(
    runs_root: Path, open_page: OpenPage
) -> None:
    table = with_validation()
    table["split"] = table["split"].replace("val", pd.NA)
    write_run(runs_root, RUN, table)
    page = open_page("thresholds")
    assert page.segmented_control(key="count_split").options == ["test", "no split"]


@pytest.mark.parametrize("with_cancer", [1, 1199])
def test_the_prevalence_begins_within_its_limits(
    with_cancer: int, runs_root: Path, open_page: OpenPage
) -> None:
    table = made_up_predictions(women=40, with_cancer=10)
    rng = np.random.default_rng(0)
    val = pd.DataFrame(
        {
            "image_id": [f"v{number}" for number in range(1200)],
            "patient_id": [f"v{number}" for number in range(1200)],
            "exam_id": [f"v{number}" for number in range(1200)],
            "side": "L",
            "view": "CC",
            "split": "val",
            "positive": np.arange(1200) < with_cancer,
            "score": np.clip(0.5 + 0.1 * rng.normal(size=1200), 0.01, 0.99),
            "model_id": "made-up",
            "dataset": "made-up women",
        }
    )
    write_run(runs_root, RUN, pd.concat([table, val]))
    page = show(open_page("thresholds"), "Calibration")
    page.segmented_control(key="recalibration").set_value("temperature").run()
    assert not page.exception, page.exception
    value = page.number_input(key="decision_prevalence").value
    assert value == (0.1 if with_cancer == 1 else 90.0)
    page.number_input(key="decision_prevalence").set_value(5.0).run()
    own = f"{with_cancer / 1200:.1%}"
    assert f"Of the validation cases, {own} are positive; what follows is told for 5.0%" in (
        captions_of(page)
    )


def test_one_woman_is_not_several(runs_root: Path, open_page: OpenPage) -> None:
    write_run(runs_root, RUN, made_up_predictions(women=1, with_cancer=1))
    page = open_page("thresholds")
    assert "2 cases of 1 woman, 1 with cancer" in captions_of(page)
    assert "(1 woman)" in rates_of(page).loc["Recall rate", "of"]


@pytest.mark.slow
def test_a_model_of_three_classes_shows_each_against_the_rest(
    runs_root: Path, open_page: OpenPage
) -> None:
    task = Task(
        name="finding",
        title="Finding",
        classes=("normal", "benign", "malignant"),
        positive=("malignant",),
    )
    table = made_up_predictions(women=40, with_cancer=10)
    table["label"] = table["label"].map({"cancer": "malignant", "no cancer": "normal"})
    table["p_malignant"] = table["score"]
    table["p_normal"] = 0.9 * (1 - table["score"])
    table["p_benign"] = 0.1 * (1 - table["score"])
    write_run(runs_root, RUN, table, task=task)
    classes = frame(show(open_page("thresholds"), "Classes"), "class")
    assert classes["class"].tolist() == ["normal", "benign", "malignant"]
    assert classes["sensitivity (recall)"].iloc[1] == "–"
    assert "of 10 (" in classes["sensitivity (recall)"].iloc[2]


def test_a_pooled_auc_that_knows_the_site_is_warned_about(
    runs_root: Path, open_page: OpenPage
) -> None:
    table = made_up_predictions(women=120, with_cancer=40, skill=0.3)
    has_cancer = table.groupby("patient_id")["positive"].transform("any")
    table["site"] = has_cancer.map({True: "A", False: "B"}).astype("string")
    table.loc[table["patient_id"].isin(["w000", "w119"]), "site"] = "B"
    table.loc[table["patient_id"] == "w118", "site"] = "A"
    table["score"] = (table["score"] + (table["site"] == "A").astype(float)) / 2
    write_run(runs_root, RUN, table)
    page = open_page("thresholds")
    assert "tells one site from another" in page.warning[0].value


def upload(page: AppTest, table: pd.DataFrame) -> AppTest:
    data = table.to_csv(index=False).encode()
    page.file_uploader(key="upload").set_value(("scores.csv", data, "text/csv"))
    page.run()
    assert not page.exception, page.exception
    return page


def asked(widgets: Any, label: str) -> Any:
    """Of the columns of an uploaded table."""
    (found,) = [one for one in widgets if one.label == label]
    return found


def test_another_table_of_the_same_columns_is_understood_anew(open_page: OpenPage) -> None:
    """1 is cancer in the first table and benign in the second: never by what the first was."""
    table = made_up_predictions(women=30, with_cancer=10)[["image_id", "patient_id", "score"]]
    positive = made_up_predictions(women=30, with_cancer=10)["positive"].astype(int)
    page = upload(open_page("thresholds"), table.assign(label=positive, score=table["score"] * 100))
    assert "20 with cancer" in captions_of(page)
    page = upload(page, table.assign(label=1 + positive))
    assert "with cancer" not in captions_of(page)
    cancer = asked(page.multiselect, "Labels that mean cancer")
    assert cancer.value == []
    cancer.set_value(["2"]).run()
    assert "20 with cancer" in captions_of(page)
    assert "per cent" not in asked(page.selectbox, "Scores are").value


@pytest.mark.slow
def test_a_rare_label_that_tells_no_truth_is_unknown_among_however_many(
    open_page: OpenPage,
) -> None:
    table = made_up_predictions(women=60, with_cancer=20)
    table["label"] = [
        "malignant" if is_cancer else f"finding {row % 60}"
        for row, is_cancer in enumerate(table["positive"])
    ]
    table.loc[table.index[-1], "label"] = "unknown"
    page = upload(open_page("thresholds"), table[["image_id", "patient_id", "label", "score"]])
    asked(page.multiselect, "Labels that mean cancer").set_value(["malignant"]).run()
    assert asked(page.multiselect, "Labels that tell no truth").value == ["unknown"]
    assert "239 cases of 60 women" in captions_of(page)


def write_images(folder: Path, run: RunFolder, predictions: pd.DataFrame) -> None:
    """Noise as the images of `run`, which is from then on of the data set in `folder`."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for image_id in predictions["image_id"]:
        Image.fromarray(rng.integers(0, 255, (64, 48), dtype=np.uint8)).save(
            folder / f"{image_id}.png"
        )
    manifest = predictions[["image_id", "patient_id", "side", "view", "label"]]
    manifest = manifest.assign(path=manifest["image_id"] + ".png")
    manifest.to_csv(folder / "manifest.csv", index=False)
    config = load_settings(run.file("run.json"), RunConfig)
    data = replace(config.data, folder=str(folder), adapter="csv_folder", label_rule=RULE)
    save_settings(replace(config, data=data), run.file("run.json"))


def write_run_with_images(runs_root: Path, folder: Path) -> pd.DataFrame:
    """A run of two women, one with cancer; its predictions."""
    predictions = made_up_predictions(women=2, with_cancer=1)
    write_images(folder, write_run(runs_root, RUN, predictions), predictions)
    return predictions


def test_a_missed_cancer_is_looked_at_and_opened_in_read(
    runs_root: Path, open_page: OpenPage, tmp_path: Path
) -> None:
    predictions = write_run_with_images(runs_root, tmp_path / "made-up")
    (tmp_path / "made-up" / "boxes.csv").write_text("image_id,x0,y0,x1,y1\nw000LCC,8,16,24,40\n")
    write_run(runs_root, "20270101-000000-tiny_cnn-abcd", predictions)  # Read's own choice
    opened = open_page("thresholds")
    opened.selectbox(key="run").set_value(RUN).run()
    opened.query_params["mistakes_open"] = "w000 / e000 / L"
    page = show(at_threshold(opened, 1.0), "Mistakes")
    assert not page.exception, page.exception
    assert not page.error, page.error[0].value
    assert any("w000 / e000 / L" in text.value for text in page.markdown)
    assert known_of(page) == {"w000LCC": [[8, 16, 24, 40, "known", False]], "w000LMLO": []}
    page.button(key="mistakes_read").click().run()
    assert not page.exception, page.exception
    assert sorted(known_of(page).values()) == [[], [], [], [[8, 16, 24, 40, "known", False]]]
    assert any(text.value.endswith("# Read") for text in page.markdown)
    assert page.query_params["model"] == RUN
    again = AppTest.from_file(APP, default_timeout=60).switch_page("pages/read.py")  # a reload
    for name in ("case", "from", "model"):
        again.query_params[name] = page.query_params[name]
    again.run()
    assert not again.exception, again.exception
    assert known_of(again) == known_of(page)
    assert any(one.value.startswith("Truth by the data set") for one in again.caption)


def known_of(page: AppTest) -> dict[str, list[object]]:
    """By image, the truth boxes that the viewer may be asked for; the model's own are none."""
    cells = viewer_cells(page)
    assert all(cell["boxes"] == [] for cell in cells)
    return {cell["key"]: cell["truth"] for cell in cells}


def test_every_stored_pixel_of_a_listed_case_is_there_for_the_asking(
    runs_root: Path, open_page: OpenPage, tmp_path: Path
) -> None:
    write_run_with_images(runs_root, tmp_path / "made-up")
    large = np.random.default_rng(0).integers(0, 255, (1600, 900), dtype=np.uint8)
    Image.fromarray(large).save(tmp_path / "made-up" / "w000LCC.png")
    opened = open_page("thresholds")
    opened.query_params["mistakes_open"] = "w000 / e000 / L"
    page = show(at_threshold(opened, 1.0), "Mistakes")
    assert max(cell["reduction"] for cell in viewer_cells(page)) > 1
    assert not any(cell["fullUrl"] for cell in viewer_cells(page))
    page.toggle(key="mistakes_full").set_value(True).run()
    assert not page.exception, page.exception
    assert [1600, 900] in [cell["fullSize"] for cell in viewer_cells(page)]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such links")
def test_a_link_out_of_the_data_set_is_neither_shown_nor_opened_in_read(
    runs_root: Path, open_page: OpenPage, tmp_path: Path
) -> None:
    predictions = write_run_with_images(runs_root, tmp_path / "made-up")
    for image_id in predictions["image_id"]:
        image = tmp_path / "made-up" / f"{image_id}.png"
        image.symlink_to(image.rename(tmp_path / image.name))
    opened = open_page("thresholds")
    opened.query_params["mistakes_open"] = "w000 / e000 / L"
    page = show(at_threshold(opened, 1.0), "Mistakes")
    assert not page.exception, page.exception
    assert "leads out of the data set's folder" in page.warning[0].value
    page.button(key="mistakes_read").click().run()
    assert not page.exception, page.exception
    assert "leads out of the data set's folder" in page.error[0].value


def test_an_uploaded_table_is_judged_without_any_run(open_page: OpenPage) -> None:
    table = made_up_predictions(women=30, with_cancer=10).drop(columns="model_id")
    assert "60 cases of 30 women" in captions_of(upload(open_page("thresholds"), table))


def test_images_without_patients_are_warned_about(open_page: OpenPage) -> None:
    table = made_up_predictions(women=30)[["image_id", "positive", "score"]]
    page = upload(open_page("thresholds"), table)
    assert "every interval is too narrow" in page.warning[0].value
    assert "120 cases, women not known, 40 with cancer" in captions_of(page)
    rates = rates_of(at_threshold(page, 0.0))
    assert rates.loc["Recall rate", "of"] == "120 of 120 (women not known)"


@pytest.mark.slow
def test_logits_in_an_upload_are_said_to_be_taken_for_logits(open_page: OpenPage) -> None:
    table = made_up_predictions(women=30, with_cancer=10)
    table["score"] = table["score"] * 10 - 5
    assert "taken for logits" in upload(open_page("thresholds"), table).info[0].value


@pytest.mark.slow
def test_columns_that_cannot_be_guessed_are_chosen_by_hand(open_page: OpenPage) -> None:
    table = made_up_predictions(women=30, with_cancer=10)
    table = table[["image_id", "patient_id", "label", "score"]].rename(
        columns={"label": "finding", "score": "x1"}
    )
    page = upload(open_page("thresholds"), table)
    assert "Which column holds the score?" in page.info[0].value
    assert not page.error
    asked(page.selectbox, "Score").set_value("x1").run()
    asked(page.selectbox, "Label").set_value("finding").run()
    assert not page.error
    assert "120 cases of 30 women, 20 with cancer" in captions_of(page)


BAD: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "one class only": lambda table: table.assign(positive=False),
    "all scores equal": lambda table: table.assign(score=1.0),
    "one image": lambda table: table.head(1),
}


@pytest.mark.parametrize("name", some_slow(BAD, quick=2))
def test_every_section_of_a_poor_table_gives_a_sentence_or_a_number(
    name: str, runs_root: Path, open_page: OpenPage
) -> None:
    write_run(runs_root, RUN, BAD[name](made_up_predictions(women=10, with_cancer=4)))
    page = open_page("thresholds")
    for section in page.segmented_control(key="judge").options:
        show(at_threshold(page, 0.5), section)
        shown = [*page.dataframe, *page.error, *page.info, *page.get("plotly_chart")[1:]]
        told = ("iMRMC", "cancers missed", "keeps a place for")
        assert shown or any(words in captions_of(page) for words in told), section
        assert not any("nan" in str(table.value.to_numpy()).lower() for table in page.dataframe)


def test_cases_of_one_class_have_a_sentence_and_no_curve(
    runs_root: Path, open_page: OpenPage
) -> None:
    write_run(runs_root, RUN, made_up_predictions(women=10, with_cancer=0))
    page = open_page("thresholds")
    assert not page.get("plotly_chart")
    assert captions_of(page).count("All 20 cases are of one class, so there is no AUC.") == 1
    assert "average precision" not in captions_of(page)


@pytest.mark.slow
def test_an_uploaded_table_survives_a_switch_of_pages_and_can_be_removed(
    runs_root: Path, open_page: OpenPage
) -> None:
    table = made_up_predictions(women=30, with_cancer=10).drop(columns="model_id")
    page = upload(open_page("thresholds"), table)
    address = page.query_params["table"]
    again = AppTest.from_file(APP, default_timeout=30).run().switch_page("pages/thresholds.py")
    again.query_params["table"] = address
    assert "60 cases of 30 women" in captions_of(again.run())
    again.button(key="upload_remove").click().run()
    assert not again.exception, again.exception
    assert "table" not in again.query_params
    again.query_params["table"] = address
    assert "not kept any more" in again.run().error[0].value


def test_an_address_that_names_no_table_is_said_to(open_page: OpenPage) -> None:
    page = open_page("thresholds")
    page.query_params["table"] = "../../secret"
    page.run()
    assert "names no uploaded table" in page.error[0].value


def test_readers_of_a_study_stand_on_the_models_roc(runs_root: Path, open_page: OpenPage) -> None:
    table = made_up_predictions(women=40, with_cancer=10)
    write_run(runs_root, RUN, table)
    page = open_page("thresholds")
    page.segmented_control(key="count_level").set_value("image").run()
    page = show(page, "Readers")
    assert "reader, case, modality, score and truth" in captions_of(page)
    reads = pd.DataFrame(
        {"reader": "reader 1", "case": table["image_id"], "score": table["positive"].astype(int)}
    )
    data = reads.to_csv(index=False).encode()
    page.file_uploader(key="reader_study").set_value(("study.csv", data, "text/csv")).run()
    assert not page.exception, page.exception
    (row,) = frame(page, "reader").to_dict("records")
    assert row["sensitivity"].startswith("100.0%, 20 of 20 (")
    assert row["specificity"].startswith("100.0%, 140 of 140 (")
    assert row["model minus reader"].startswith("-")
    assert row["in words"] == "the reader finds more"
    charts = [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]
    names = {str(trace.get("name")) for chart in charts for trace in chart["data"]}
    assert "reader 1" in names
    assert "reader reader 1" not in names
    assert "160 cases of 40 women, 20 with cancer" in captions_of(page)


@pytest.mark.slow
def test_readers_who_read_in_two_ways_are_compared_by_the_truth_and_the_women_here(
    runs_root: Path, open_page: OpenPage
) -> None:
    table = made_up_predictions(women=60, with_cancer=20)
    write_run(runs_root, RUN, table)
    page = open_page("thresholds")
    page.segmented_control(key="count_level").set_value("image").run()
    page = show(page, "Readers")
    rng = np.random.default_rng(0)
    ill = table["positive"].astype(int)
    reads = pd.concat(
        pd.DataFrame(
            {"reader": reader, "case": table["image_id"], "modality": way,
             "score": 50 + gain * ill + rng.integers(-20, 20, len(table))}
        )
        for reader in ("ann", "bea")
        for way, gain in (("without AI", 10), ("with AI", 20))
    )  # fmt: skip
    data = reads.to_csv(index=False).encode()
    page.file_uploader(key="reader_study").set_value(("study.csv", data, "text/csv")).run()
    page.toggle(key="two_ways").set_value(True).run()
    assert not page.exception, page.exception
    assert "2 readers read 240 cases of 60 women" in captions_of(page)
    assert any("2 readers are too few to speak of readers" in one.value for one in page.warning)
    assert frame(page, "Figure")["Figure"].tolist() == ["AUC"]
    page.number_input(key="study_called_from").set_value(60.0).run()
    assert frame(page, "Figure")["Figure"].tolist() == ["AUC", "sensitivity", "specificity"]
    assert "from a score of 60, chosen for this table" in captions_of(page)


def doubled(table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table, table.head(3).assign(score=0.123)])


#: What is wrong with an uploaded table, and a part of what is said of it.
BAD_UPLOADS: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "one class only": (lambda table: table.assign(positive=False), "of one class"),
    "all scores equal": (lambda table: table.assign(score=0.5), "AUC 0.500"),
    "no score at all": (lambda table: table.assign(score=np.nan), "has a finite score"),
    "some scores missing": (
        lambda table: table.assign(score=table["score"].where(table["side"] == "L")),
        "60 of 120 rows have no score and were left out",
    ),
    "scores above 1": (lambda table: table.assign(score=table["score"] * 100), "per cent"),
    "scores below 0": (lambda table: table.assign(score=table["score"] - 5), "taken for logits"),
    "two rows for one image that disagree": (doubled, "3 images have rows that disagree"),
    "no patient ids": (
        lambda table: table[["image_id", "positive", "score"]],
        "every interval is too narrow",
    ),
    "three cases": (lambda table: table.iloc[[0, 1, 100]], "2 cases of 2 women"),
    "no label known": (lambda table: table.assign(positive=pd.NA), "Which labels mean cancer?"),
    "no rows": (lambda table: table.head(0), "has no rows"),
    "one column": (lambda table: table[["score"]], "Which column holds the label?"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", some_slow(BAD_UPLOADS, quick=3))
def test_every_bad_upload_gives_a_sentence_in_every_section(name: str, open_page: OpenPage) -> None:
    spoil, sentence = BAD_UPLOADS[name]
    table = made_up_predictions(women=30, with_cancer=10).drop(columns=["model_id", "label"])
    page = upload(open_page("thresholds"), spoil(table))
    said = [*page.error, *page.info, *page.warning, *page.caption]
    assert any(sentence in text.value.replace("\\", "") for text in said), [t.value for t in said]
    if page.error or sentence.startswith("Which"):
        return
    for section in page.segmented_control(key="judge").options:
        show(at_threshold(page, 0.5), section)
        assert not any("nan" in str(shown.value.to_numpy()).lower() for shown in page.dataframe)


def test_an_upload_of_hundreds_of_megabytes_is_refused_and_not_kept(
    runs_root: Path, open_page: OpenPage
) -> None:
    page = open_page("thresholds")
    data = b"image_id,label,score\n" + b"a,1,0.5\n" * 25_000_000
    page.file_uploader(key="upload").set_value(("scores.csv", data, "text/csv")).run()
    assert not page.exception, page.exception
    assert "is 191 MB; at most 100 MB are read" in page.error[0].value
    assert "table" not in page.query_params


def test_each_of_the_five_rates_stands_once_under_the_confusion_matrix(page: AppTest) -> None:
    names = ["Sensitivity (recall)", "Specificity", "Recall rate", "PPV", "NPV"]
    assert rates_of(page).index.tolist() == names
    listed = frame(page, "rate")["rate"]
    assert not listed.str.startswith(tuple(names)).any()
    assert "Accuracy, where 12.5% have cancer" in listed.tolist()


def test_where_all_cases_are_of_one_class_no_rate_of_both_is_listed(
    runs_root: Path, open_page: OpenPage
) -> None:
    write_run(runs_root, RUN, made_up_predictions(women=20, with_cancer=0))
    page = open_page("thresholds")
    assert any("no rate is put together of both" in one.value for one in page.info)
    assert rates_of(page).loc["Sensitivity (recall)", "of"] == "no such case"


def test_accuracy_and_f1_name_the_prevalence_they_hold_at(page: AppTest) -> None:
    figures = frame(show(at_threshold(page, 0.5), "More rates"), "rate")
    named = figures.set_index("rate")["95 % interval"]
    assert re.fullmatch(r"0\.\d{3} to 0\.\d{3}", named["Accuracy, where 12.5% have cancer"])
    assert "Balanced accuracy" in named.index
    assert "Likelihood ratio, called" in named.index


def test_how_the_five_rates_are_counted_is_told_without_a_pointer_too(page: AppTest) -> None:
    told = next(one for one in show(page, "More rates").caption if "five rates" in one.value)
    assert len(re.findall(r"\d+ of \d+ \(\d+ women\); \w+", told.help)) == 5
    assert "PPV: " in told.help
    assert "where 12.5% have cancer" in told.help


@pytest.mark.slow
def test_images_that_a_checkpoint_keeps_are_a_map_to_be_listed(
    runs_root: Path, open_page: OpenPage
) -> None:
    table = made_up_predictions(women=10, with_cancer=4)
    run = write_run(runs_root, RUN, table)
    kept = table.head(20)
    vectors = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    write_embeddings(run, Embeddings(vectors=vectors, images=kept), weights_sha256="0" * 64)
    page = show(open_page("thresholds"), "Map")
    assert "for 20 of the 40 images of the " in captions_of(page)
    assert "20 images in the two directions" in captions_of(page)
    assert page.get("plotly_chart")[-1].key == "map"
    assert "site" in page.segmented_control(key="map_by").options


@pytest.mark.slow
def test_where_none_of_the_split_has_a_place_on_the_map_the_split_that_has_is_a_click_away(
    runs_root: Path, open_page: OpenPage
) -> None:
    table = made_up_predictions(women=20, with_cancer=8)
    splits = np.where(np.arange(len(table)) < len(table) // 2, "val", "test")
    run = write_run(runs_root, RUN, table.assign(split=splits))
    kept = table[splits == "val"]
    vectors = np.random.default_rng(0).normal(size=(len(kept), 5)).astype(np.float32)
    write_embeddings(run, Embeddings(vectors=vectors, images=kept), weights_sha256="0" * 64)
    page = show(open_page("thresholds"), "Map")
    assert "for none of the test split" in captions_of(page)
    page.button(key="map_split").click().run()
    assert not page.exception
    assert page.segmented_control(key="count_split").value == "val"
    assert f"{len(kept)} images in the two directions" in captions_of(page)


def test_a_map_of_all_splits_can_be_coloured_by_them_and_that_of_one_can_not(
    runs_root: Path, open_page: OpenPage
) -> None:
    table = made_up_predictions(women=10, with_cancer=4)
    table = table.assign(split=np.where(np.arange(40) // 4 % 5 < 3, "val", "test"))  # by woman
    run = write_run(runs_root, RUN, table)
    vectors = np.random.default_rng(0).normal(size=(len(table), 5)).astype(np.float32)
    write_embeddings(run, Embeddings(vectors=vectors, images=table), weights_sha256="0" * 64)
    page = show(open_page("thresholds"), "Map")
    assert "16 images in the two directions" in captions_of(page)
    assert "split" not in page.segmented_control(key="map_by").options
    page.toggle(key="map_every").set_value(True).run()
    assert "40 images in the two directions" in captions_of(page)
    page.segmented_control(key="map_by").set_value("split").run()
    assert not page.exception
    drawn = json.loads(page.get("plotly_chart")[-1].proto.spec)["data"]
    assert [one["name"] for one in drawn] == ["test", "val"]
    page.toggle(key="map_every").set_value(False).run()
    assert not page.exception
    assert "16 images in the two directions" in captions_of(page)


@pytest.mark.slow
def test_a_table_without_its_model_has_no_map(open_page: OpenPage) -> None:
    table = made_up_predictions(women=30, with_cancer=10).drop(columns="model_id")
    page = show(upload(open_page("thresholds"), table), "Map")
    assert "A map needs the model" in page.info[-1].value


def test_what_no_threshold_changes_is_counted_once(
    runs_root: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty readers who drag at once share two cores: the AUC, its interval and what it owes to
    sites and machines take as long as all that moves.
    """
    counted: list[str] = []

    def noted(name: str, own: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **named: object) -> object:
            counted.append(name)
            return own(*args, **named)

        return call

    for module, name in (
        (cached, "auc_with_interval"),
        (cached, "auc_within"),
        (cached, "values_of"),
        (curves, "roc_figure"),
    ):
        monkeypatch.setattr(module, name, noted(name, getattr(module, name)))
    table = made_up_predictions(women=41, with_cancer=10).assign(site="A", machine="M")
    table.loc[table.index % 8 < 4, "site"] = "B"
    write_run(runs_root, RUN, table)
    page = open_page("thresholds")
    assert "AUC 0." in captions_of(page)
    assert set(counted) == {"auc_with_interval", "auc_within", "values_of", "roc_figure"}
    counted.clear()
    for threshold in (0.3, 0.5):
        at_threshold(page, threshold)
        assert not page.exception
        drawn = json.loads(page.get("plotly_chart")[0].proto.spec)["data"][-1]
        specificity = rates_of(page).loc["Specificity", "value"]
        assert f"{1 - drawn['x'][0]:.1%}" == specificity, "the point has moved"
        assert f"threshold {threshold:.3f}" in drawn["hovertemplate"]
    assert counted == []
