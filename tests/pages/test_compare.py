import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file
from streamlit.testing.v1 import AppTest

from mammo_core.config import (
    DataConfig,
    EvaluateConfig,
    RunConfig,
    load_settings,
    save_settings,
)
from mammo_core.datasets.adapters import ADAPTERS
from mammo_core.datasets.dataset import Registered, fingerprint_of, read_dataset, register
from mammo_core.datasets.splits import split_as_set, used_images
from mammo_core.files import datasets_root
from mammo_core.metrics.margins import Claim, MarginOf
from mammo_core.reports.study.margins import written_margin
from mammo_core.runs.card import SplitCount, read_card, write_card
from mammo_core.runs.evaluations import write_left_out
from mammo_core.runs.folder import BASELINES_NAME, RunFolder, RunStatus, card_hash, list_runs
from mammo_core.runs.jobs import create_run
from mammo_core.runs.naming import About, write_about
from mammo_core.runs.operating_points import OPENINGS_FILE, LockedPoint, Promise, lock_point
from mammo_core.runs.searches import SearchConfig, Trial, write_trial
from mammo_core.runs.sidecars import Latency, write_latency
from mammo_core.training.recipes import get_recipe
from mammo_core.types import CANCER, DENSITY, Level, RunState, Split
from pages.components.compare.matrix import column_names
from pages.components.compare.sections import GROUPS
from tests.pages.conftest import OpenPage, show_section
from tests.pages.listed import listed_cases
from tests.pages.training_pages import register_phantoms, wait_until_over, write_finished_run
from tests.predictions import made_up_predictions, write_run

GOOD = "20260101-000000-good-abcd"
GUESSING = "20260101-000001-guess-abcd"


def models_of(page: AppTest) -> pd.DataFrame:
    """The leaderboard without its baselines."""
    table = page.dataframe[0].value
    return table[~table["model"].str.startswith("baseline: ")]


def test_the_better_model_stands_first(runs_root: Path, open_page: OpenPage) -> None:
    write_run(
        runs_root, GUESSING, made_up_predictions(women=100, with_cancer=50, skill=0.0, seed=1)
    )
    write_run(runs_root, GOOD, made_up_predictions(women=100, with_cancer=50, skill=3.0, seed=2))
    page = open_page("compare")
    page.multiselect(key="models").set_value([GUESSING, GOOD]).run()
    table = models_of(page)
    assert table["model"].tolist() == [GOOD, GUESSING]
    assert table["positive / negative"].tolist() == ["50 / 150, 100 women"] * 2
    assert table["AUC"].str.fullmatch(r"0\.\d{3} \(0\.\d{3} to [01]\.\d{3}\)").all()
    precision = table["average precision"]
    assert precision.str.match(r"0\.\d{3} \(0\.\d{3} to 0\.\d{3}\)").all()
    assert any(f"better than {GUESSING}" in text.value for text in page.text)
    assert "same 200 cases" in page.success[0].value


@pytest.mark.slow
def test_tables_that_do_not_tell_all_women_are_named(runs_root: Path, open_page: OpenPage) -> None:
    known, part = made_up_predictions(seed=2), made_up_predictions(seed=1)
    part["group_id"] = part["patient_id"]
    part.loc[part["patient_id"] < "w020", ["patient_id", "group_id"]] = pd.NA
    write_run(runs_root, GOOD, known)
    write_run(runs_root, GUESSING, part)
    page = open_page("compare")
    page.multiselect(key="models").set_value([GOOD, GUESSING]).run()
    page.segmented_control(key="compare_level").set_value("image").run()
    (told,) = [text.value for text in page.warning if "patient id" in text.value]
    assert told.startswith(GUESSING)
    assert "80 of 240 cases have no patient id" in told
    (mark,) = [text.value for text in page.caption if "Every interval below" in text.value]
    assert "each of 80 cases without patient id" in mark


@pytest.mark.parametrize("page_name", ["compare", "train"])
def test_two_runs_of_one_name_are_numbered_as_on_every_page_the_archived_too(
    page_name: str, runs_root: Path, open_page: OpenPage
) -> None:
    older = write_run(runs_root, GOOD, made_up_predictions(skill=3.0, seed=2))
    newer = write_run(runs_root, GUESSING, made_up_predictions(skill=0.0, seed=1))
    write_about(older, About(title="Same", is_archived=True))
    write_about(newer, About(title="Same"))
    page = open_page(page_name)
    if page_name == "compare":
        shown = page.multiselect(key="models").options
    else:
        page.button_group(key="train_show").set_value("Runs").run()
        shown = page.selectbox(key="run").options
    assert "Same (2)" in shown
    assert "Same" not in shown


@pytest.mark.slow
def test_a_long_name_is_short_in_the_table_and_whole_below_it(
    runs_root: Path, open_page: OpenPage
) -> None:
    for name, seed, data in ((GOOD, 2, "women"), (GUESSING, 1, "films")):
        run = write_run(runs_root, name, made_up_predictions(skill=2.0, seed=seed))
        write_about(run, About(title=f"ConvNeXt-Small (from scratch) on {data} of 2019, 29 Nov"))
    page = open_page("compare")
    page.multiselect(key="models").set_value([GOOD, GUESSING]).run()
    table = models_of(page)
    assert set(table["model"]) == {
        "ConvNeXt-Small on women of 2019",
        "ConvNeXt-Small on films of 2019",
    }
    (told,) = (one.value for one in page.caption if one.value.startswith("Whole names."))
    assert told.count(" of 2019, 29 Nov") == 2


def test_models_with_different_cases_are_compared_on_what_both_have(
    runs_root: Path, open_page: OpenPage
) -> None:
    write_run(runs_root, GUESSING, made_up_predictions(women=60))
    write_run(runs_root, GOOD, made_up_predictions(women=50))
    page = open_page("compare")
    page.multiselect(key="models").set_value([GUESSING, GOOD]).run()
    assert "100 cases that all have" in page.warning[0].value
    assert f"20 of {GUESSING}" in page.warning[0].value


def test_models_of_two_data_sets_are_not_compared(runs_root: Path, open_page: OpenPage) -> None:
    write_run(runs_root, GUESSING, made_up_predictions(dataset="one"))
    write_run(runs_root, GOOD, made_up_predictions(dataset="another"))
    page = open_page("compare")
    page.multiselect(key="models").set_value([GUESSING, GOOD]).run()
    assert "different cases" in page.error[0].value


def with_contents(run: RunFolder, made_by: str) -> RunFolder:
    """`run` with the list of images it has seen; `made_by` decides what is in their files."""
    table = pd.read_csv(run.predictions_file, dtype="string")
    seen = table[["dataset", "image_id", "group_id", "split"]]
    contents = [f"{made_by} {image}" for image in seen["image_id"]]
    seen.assign(content=contents).to_csv(run.file("seen.csv"), index=False)
    return run


@pytest.mark.slow
def test_a_set_named_by_its_folder_and_one_named_as_registered_are_one_by_their_content(
    runs_root: Path, open_page: OpenPage
) -> None:
    for run_id, name in ((GUESSING, "/srv/data/2026/export"), (GOOD, "Our women")):
        with_contents(write_run(runs_root, run_id, made_up_predictions(dataset=name)), "once")
    page = open_page("compare")
    assert page.multiselect(key="models").value == [GUESSING, GOOD]  # at once, by themselves
    assert not page.error
    assert "same 120 cases" in page.success[0].value


def test_models_that_tell_different_things_apart_are_not_compared(
    runs_root: Path, open_page: OpenPage
) -> None:
    """Where a cancer label and a density happen to agree, an AUC of both would mean nothing."""
    for run_id in (GUESSING, GOOD):
        write_run(runs_root, run_id, made_up_predictions())
    other = RunFolder(runs_root / GOOD)
    card = other.card()
    write_card(replace(card, task=replace(card.task, name="density")), other.card_file)
    page = open_page("compare")
    (alone,) = page.multiselect(key="models").value
    assert not page.error
    page.multiselect(key="models").set_value([GUESSING, GOOD]).run()
    assert "answer different questions" in page.error[0].value
    assert alone in (GUESSING, GOOD)


def test_two_sets_of_one_name_are_two_by_their_content(
    runs_root: Path, open_page: OpenPage
) -> None:
    for run_id in (GUESSING, GOOD):
        with_contents(write_run(runs_root, run_id, made_up_predictions()), made_by=run_id)
    page = open_page("compare")
    assert page.multiselect(key="models").value == [GUESSING]
    page.multiselect(key="models").set_value([GUESSING, GOOD]).run()
    told = page.error[0].value.replace("\\", "")
    assert "different cases (made-up women, made-up women (other images))" in told


@pytest.mark.slow
def test_a_fold_tested_on_other_women_is_not_chosen_and_by_choice_named(
    runs_root: Path, open_page: OpenPage
) -> None:
    table = made_up_predictions(women=60)
    is_even = table["patient_id"].str[-1].isin(list("02468"))
    write_run(runs_root, GUESSING, table[is_even])
    write_run(runs_root, GOOD, table[~is_even])
    page = open_page("compare")
    assert not page.error
    assert page.multiselect(key="models").value == [GUESSING]  # the newest
    page.multiselect(key="models").set_value([GUESSING, GOOD]).run()
    assert f"{GOOD}\\: no case in common with {GUESSING}" in page.error[0].value
    assert f"Remove {GOOD} from the models" in page.error[0].value


@pytest.mark.slow
def test_a_run_is_put_beside_the_model_that_ships_on_its_own_test_women(
    runs_root: Path, open_page: OpenPage, tmp_path: Path
) -> None:
    entry = register_phantoms(tmp_path / "set")
    data = DataConfig(folder=entry.folder, adapter=entry.adapter, label_rule=entry.label_rule)
    config = get_recipe("smoke").configure(data, CANCER)
    run = write_finished_run(runs_root, GOOD, config)
    manifest = used_images(split_as_set(read_dataset(tmp_path / "set").manifest, data, CANCER))
    card = run.card()
    told = replace(card.data, fingerprint=fingerprint_of(manifest))
    write_card(replace(card, data=told), run.card_file)
    page = open_page("compare")
    page.multiselect(key="models").set_value([GOOD]).run()
    show_section(page, "Beside another")
    assert page.selectbox(key="beside_model").value == "phantom-light"
    page.button(key="beside_start").click().run()
    assert not page.exception
    job = next(run for run in list_runs(runs_root) if run.kind == "evaluate")
    wait_until_over(job)
    assert job.read_status().state is RunState.FINISHED, job.read_log(last_lines=20)
    page.run()
    page.button(key="beside_compare").click().run()
    assert page.query_params["models"] == [GOOD, job.run_id]
    assert not page.error
    assert "same" in page.success[0].value
    test_women = manifest.loc[manifest["split"] == "test", "group_id"].nunique()
    assert f"{2 * test_women} cases" in page.success[0].value  # both breasts


def test_one_model_is_compared_with_nothing(runs_root: Path, open_page: OpenPage) -> None:
    write_run(runs_root, GOOD, made_up_predictions())
    page = open_page("compare")
    assert not page.success
    page.query_params["models"] = [GOOD, "gone"]
    page.run()
    told = "\n".join(one.value.replace("\\", "") for one in page.caption)
    assert "The address also names gone: not used, for no scores are here." in told
    assert "Add a second model that scored the same cases." in told
    show_section(page, "Settings")
    assert page.info[0].value == "Choose at least two models."


BROKEN_TABLES = {
    "an empty file": ("", "not a readable CSV"),
    "no rows": ("image_id,model_id,score\n", "has no rows"),
    "no scores": ("image_id,model_id,score\na,m,\nb,m,\n", "2 of 2 rows .* have no score"),
    "no labels": ("image_id,model_id,score,dataset\na,m,0.5,made-up women\n", "no labels"),
    "no table": ("\x00\x01", "has no rows"),
}


@pytest.mark.parametrize("name", BROKEN_TABLES)
def test_a_run_whose_predictions_are_broken_is_left_out_and_named(
    name: str, runs_root: Path, open_page: OpenPage
) -> None:
    text, reason = BROKEN_TABLES[name]
    write_run(runs_root, GOOD, made_up_predictions())
    broken = write_run(runs_root, GUESSING, made_up_predictions())
    broken.file("predictions.csv").write_text(text)
    page = open_page("compare")
    page.multiselect(key="models").set_value([GUESSING, GOOD]).run()
    assert not page.exception, page.exception
    note = page.warning[0].value.replace("\\", "")
    assert note.startswith(f"{GUESSING} is left out. ")
    assert re.search(reason, note)
    assert models_of(page)["model"].tolist() == [GOOD]


def test_a_table_cut_short_is_warned_about(runs_root: Path, open_page: OpenPage) -> None:
    run = write_run(runs_root, GOOD, made_up_predictions(women=40, with_cancer=10))
    card = read_card(run.file("model_card.json"))
    whole = SplitCount(split=Split.TEST, women=40, images=160, positive_images=20)
    counted = replace(card, data=replace(card.data, splits=(whole,)))
    write_card(counted, run.file("model_card.json"))
    page = open_page("compare")
    assert not page.warning
    made_up_predictions(women=40, with_cancer=10).head(100).to_csv(
        run.file("predictions.csv"), index=False
    )
    told = page.run().warning[0].value.replace("\\", "")
    assert told.startswith(f"{GOOD}: The predictions kept here are not those the model card")


def test_a_broken_newest_run_does_not_shut_the_page(runs_root: Path, open_page: OpenPage) -> None:
    write_run(runs_root, GOOD, made_up_predictions())
    broken = write_run(runs_root, GUESSING, made_up_predictions())
    broken.file("predictions.csv").write_bytes(b"\xff\xfe")
    page = open_page("compare")
    assert page.multiselect(key="models").value == [GOOD]
    assert f"{GUESSING} is left out" in page.warning[0].value
    assert len(page.warning) == 1


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000, "\udcff"])
def test_broken_settings_name_their_run(text: str, runs_root: Path, open_page: OpenPage) -> None:
    write_run(runs_root, GOOD, made_up_predictions())
    broken = write_run(runs_root, GUESSING, made_up_predictions())
    broken.file("run.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    page = open_page("compare")
    show_section(page, "Settings")
    assert not page.exception, page.exception
    assert f"The settings of {GUESSING} cannot be read" in page.error[0].value


def test_a_broken_card_is_told_in_a_sentence(runs_root: Path, open_page: OpenPage) -> None:
    run = write_run(runs_root, GOOD, made_up_predictions())
    run.file("model_card.json").write_text("{")
    page = open_page("compare")
    show_section(page, "Published")
    assert not page.exception, page.exception
    assert f"The model card of {GOOD} is not valid JSON" in page.error[0].value.replace("\\", "")


def test_a_broken_card_costs_the_other_models_no_row_on_other_data(
    runs_root: Path, open_page: OpenPage
) -> None:
    write_run(runs_root, GOOD, made_up_predictions())
    broken = write_run(runs_root, GUESSING, made_up_predictions(skill=0.0, seed=1))
    page = open_page("compare")
    page.multiselect(key="models").set_value([GOOD]).run()
    broken.file("model_card.json").write_text("{")
    for section in ("Other data", "Beside another"):
        show_section(page, section)
        assert not page.exception, page.exception
        assert not page.error, section


def test_names_of_runs_are_not_read_as_markdown(runs_root: Path, open_page: OpenPage) -> None:
    picture = "![x](http_evil)"
    write_run(runs_root, picture, made_up_predictions(women=60))
    write_run(runs_root, GOOD, made_up_predictions(women=50))
    page = open_page("compare")
    page.multiselect(key="models").set_value([picture, GOOD]).run()
    assert "![" not in page.warning[0].value
    assert r"!\[x\](http\_evil)" in page.warning[0].value


def test_two_models_within_chance_are_said_to_be_so(runs_root: Path, open_page: OpenPage) -> None:
    write_run(runs_root, GUESSING, made_up_predictions(skill=1.0, seed=1))
    write_run(runs_root, GOOD, made_up_predictions(skill=1.05, seed=2))
    page = open_page("compare")
    page.multiselect(key="models").set_value([GUESSING, GOOD]).run()
    assert any("cannot be told apart with these 120 cases" in text.value for text in page.text)


def test_every_section_opens(runs_root: Path, open_page: OpenPage) -> None:
    write_run(runs_root, GUESSING, made_up_predictions(skill=0.0, seed=1))
    write_run(runs_root, GOOD, made_up_predictions(skill=3.0, seed=2))
    page = open_page("compare")
    page.multiselect(key="models").set_value([GUESSING, GOOD]).run()
    sections = [name for group in GROUPS.values() for name in group]
    assert len(sections) >= 11
    for section in sections:
        show_section(page, section)
        assert not page.exception, (section, page.exception)
    show_section(page, "Settings")
    assert "same settings" in page.info[0].value


def test_published_results_are_shown_as_what_they_are(runs_root: Path, open_page: OpenPage) -> None:
    write_run(runs_root, GOOD, made_up_predictions())
    page = open_page("compare")
    show_section(page, "Published")
    published = page.table[0].value
    assert set(published["data set"]) & {adapter.title for adapter in ADAPTERS}
    assert "published, not re-run" in published.columns
    assert published["known defect"].str.contains("lies|rows|leaks").any()


@pytest.mark.slow
def test_a_published_figure_stands_beside_the_run_of_its_recipe(
    runs_root: Path, open_page: OpenPage
) -> None:
    run = write_run(runs_root, GOOD, made_up_predictions())
    config = run.settings(RunConfig)
    recipe = get_recipe("vindr-resnet18-as-published")
    save_settings(
        replace(config, recipe=recipe.name, threshold=recipe.threshold), run.settings_file
    )
    page = open_page("compare")
    show_section(page, "Published")
    table = page.table[0].value
    first = table.iloc[0]
    assert first["published, not re-run"] == "gitmurphy, ResNet18 at 128 x 128"
    beside = first["runs of its recipe here"]
    assert beside.startswith(f"{GOOD}: sensitivity 0.")
    assert "Accuracy 0." in beside
    assert "F1 0." in beside
    assert " positive" in beside
    assert (table["runs of its recipe here"].iloc[1:] == "").all()


def test_an_auc_made_by_counting_alone_is_refused(runs_root: Path, open_page: OpenPage) -> None:
    write_run(runs_root, GOOD, made_up_predictions())
    page = open_page("compare")
    page.multiselect(key="models").set_value([GOOD]).run()
    page.segmented_control(key="compare_level").set_value("patient").run()
    assert "random scores would reach 0.33" in page.warning[0].value
    assert any("one breast drawn per woman" in text.value for text in page.caption)


def test_the_page_begins_with_what_can_be_compared(runs_root: Path, open_page: OpenPage) -> None:
    write_run(runs_root, GUESSING, made_up_predictions(dataset="one"))
    write_run(runs_root, GOOD, made_up_predictions(dataset="another"))
    page = open_page("compare")
    assert page.multiselect(key="models").value == [GUESSING]
    assert not page.error


def test_at_one_operating_point_and_over_a_part_of_the_curve_the_better_model_is_told(
    runs_root: Path, open_page: OpenPage
) -> None:
    write_run(runs_root, GUESSING, made_up_predictions(skill=0.0, seed=1))
    write_run(runs_root, GOOD, made_up_predictions(skill=3.0, seed=2))
    page = open_page("compare")
    page.multiselect(key="models").set_value([GUESSING, GOOD]).run()
    show_section(page, "At one operating point")
    table = page.dataframe[-1].value
    assert table["model"].tolist() == [GOOD, GUESSING]
    told = re.compile(r"90\.0 %, 90 of 100 \(95 % 8\d\.\d to 9\d\.\d %\)")
    assert table["specificity"].map(lambda cell: bool(told.fullmatch(cell))).all()
    assert table["in words"].tolist() == ["", "finds fewer"]
    page.segmented_control(key="at_one_rate_of").set_value("recall rate at most").run()
    table = page.dataframe[-1].value
    told = re.compile(r"10\.0 %, 12 of 120 \(95 % \d\.\d to 1\d\.\d %\)")
    assert table["recall rate"].map(lambda cell: bool(told.fullmatch(cell))).all()
    assert table["in words"].tolist() == ["", "finds fewer"]
    show_section(page, "ROC")
    assert not any("in words" in shown.value for shown in page.dataframe)  # folded: not computed
    page.session_state["compare_part"] = True
    table = page.run().dataframe[-1].value
    assert table["model"].tolist() == [GOOD, GUESSING]
    assert table["in words"].tolist() == ["", "worse there"]
    assert not page.exception


@pytest.mark.slow
def test_what_calling_by_each_model_is_worth_is_compared_on_probabilities(
    runs_root: Path, open_page: OpenPage
) -> None:
    for run_id, skill in ((GUESSING, 0.3), (GOOD, 3.0)):
        table = made_up_predictions(women=120, with_cancer=60, skill=skill)
        odd = table["patient_id"].str[1:].astype(int) % 2 == 1
        write_run(runs_root, run_id, table.assign(split=np.where(odd, "val", "test")))
    page = open_page("compare")
    page.multiselect(key="models").set_value([GUESSING, GOOD]).run()
    show_section(page, "Net benefit")
    table = page.dataframe[-1].value
    assert table["model"].tolist() == [GOOD, GUESSING]
    assert table["in words"].tolist() == ["", "worth less"]
    assert table["net benefit per 1,000 breasts"].str.match(r"-?\d+\.\d\d \(.* to .*\)").all()
    page.segmented_control(key="compare_split").set_value("val").run()
    assert any("no validation cases besides those judged" in one.value for one in page.warning)
    assert not page.exception


@pytest.mark.slow
def test_a_learning_curve_is_drawn_of_models_that_learnt_from_more_and_fewer_women(
    runs_root: Path, open_page: OpenPage
) -> None:
    for run_id, women, skill in ((GUESSING, 50, 0.5), (GOOD, 200, 3.0)):
        run = write_run(runs_root, run_id, made_up_predictions(skill=skill))
        card = run.card()
        learnt = SplitCount(split=Split.TRAIN, women=women, images=4 * women, positive_images=9)
        write_card(replace(card, data=replace(card.data, splits=(learnt,))), run.card_file)
        config = load_settings(run.file("run.json"), RunConfig)
        data = replace(config.data, train_share=women / 200)
        save_settings(replace(config, data=data, seed=women), run.file("run.json"))
    page = open_page("compare")
    page.multiselect(key="models").set_value([GUESSING]).run()
    show_section(page, "Learning curve")
    assert "needs two models" in page.info[-1].value
    page.multiselect(key="models").set_value([GUESSING, GOOD]).run()
    (chart,) = page.get("plotly_chart")
    drawn = json.loads(chart.proto.spec)["data"][0]
    assert drawn["x"] == [50, 200]
    assert drawn["y"][0] < drawn["y"][1]
    assert not any("differ in more" in one.value for one in page.warning)
    run = RunFolder(runs_root / GOOD)
    config = load_settings(run.file("run.json"), RunConfig)
    other = replace(config, optim=replace(config.optim, epochs=99))
    save_settings(other, run.file("run.json"))
    page.run()
    assert any("optim.epochs" in one.value for one in page.warning)


def test_a_study_of_a_model_of_density_is_not_planned_for_cancer(
    runs_root: Path, open_page: OpenPage
) -> None:
    table = made_up_predictions(women=60, with_cancer=20)
    write_run(runs_root, "20260101-000000-tiny_cnn-abcd", table, task=DENSITY)
    page = open_page("compare")
    show_section(page, "Plan a study")
    assert page.number_input(key="plan_prevalence").label == "Share of women with C or D"
    told = [one.value.replace("\\", "") for one in page.markdown]
    (needed,) = (one for one in told if " women: " in one)
    assert needed.endswith("without C or D.**")


@pytest.mark.slow
def test_the_trials_of_a_search_are_listed_with_how_many_there_were(
    runs_root: Path, open_page: OpenPage
) -> None:
    write_run(runs_root, GOOD, made_up_predictions(skill=3.0))
    page = open_page("compare")
    show_section(page, "Trials")
    assert "No search has been made" in page.info[-1].value
    base = load_settings(RunFolder(runs_root / GOOD).file("run.json"), RunConfig)
    over = {"optim.learning_rate": "log:1e-5..1e-3"}
    search = create_run(
        SearchConfig(base=base, over=over, trials=3), runs_root, what="search", total=3
    )
    search.write_status(RunStatus(state=RunState.FINISHED))
    for number, (name, aucs) in enumerate({GOOD: (0.6, 0.9), GUESSING: (0.5,)}.items(), start=1):
        run = RunFolder(runs_root / name)
        if name == GUESSING:  # ended early: no card, no predictions
            run.path.mkdir()
            save_settings(base, run.settings_file)
            run.write_status(RunStatus(state=RunState.STOPPED))
        for epoch, auc in enumerate(aucs, start=1):
            run.append_metrics({"epoch": epoch, "split": "val", "auc": auc})
        changes = {"optim.learning_rate": f"{number}e-05"}
        write_trial(run, Trial(search=search.run_id, number=number, trials=3, changes=changes))
    page.run()
    assert not page.exception
    table = page.dataframe[-1].value
    assert table["trial"].tolist() == [1, 2]
    assert table["optim.learning_rate"].tolist() == ["1e-05", "2e-05"]
    assert table["best validation AUC"].tolist() == [0.9, 0.5]
    assert table["state"].tolist() == ["finished", "stopped"]
    assert any("2 of 3 trials begun, 1 trained to the end" in one.value for one in page.caption)
    assert any("Trial 1 of 3 is the best" in one.value for one in page.text)


def test_a_study_is_planned_from_what_is_expected(runs_root: Path, open_page: OpenPage) -> None:
    write_run(runs_root, GOOD, made_up_predictions(skill=3.0))
    page = open_page("compare")
    show_section(page, "Plan a study")
    page.segmented_control(key="plan_figure").set_value("sensitivity").run()
    page.number_input(key="plan_prevalence").set_value(0.5).run()

    def planned() -> int:
        found = re.match(r"\*\*([\d,]+) women", page.markdown[-1].value)
        assert found, page.markdown[-1].value
        return int(found[1].replace(",", ""))

    narrow = planned()
    page.number_input(key="plan_reach").set_value(0.1).run()
    assert planned() < narrow / 3  # half the width, a quarter of the women
    page.segmented_control(key="plan_aim").set_value("readers").run()
    assert any("6 readers and the cases are both a sample" in one.value for one in page.caption)
    page.number_input(key="plan_other").set_value(0.85).run()
    assert "Both values are the same" in page.error[0].value
    assert not page.exception


def test_majority_and_random_are_always_in_the_leaderboard(
    runs_root: Path, open_page: OpenPage
) -> None:
    write_run(runs_root, GOOD, made_up_predictions(skill=3.0))
    page = open_page("compare")
    board = page.dataframe[0].value.set_index("model")
    assert board.loc[GOOD, "average precision"] == "– (under 50 women with cancer)"
    assert board.loc["baseline: majority", "AUC"] == "0.500 (one score for all)"
    assert board.loc["baseline: majority", "average precision"] == "0.167"  # 20 of 120
    assert "baseline: random" in board.index
    assert any("Only majority and random are shown" in text.value for text in page.caption)
    assert page.button(key="fit_baselines").label == "Fit baselines"
    assert any(f"{GOOD} ranks" in text.value and "baseline" in text.value for text in page.text)


def test_fitted_baselines_stand_among_the_models(runs_root: Path, open_page: OpenPage) -> None:
    run = write_run(runs_root, GUESSING, made_up_predictions(skill=0.0, seed=1))
    grey = made_up_predictions(skill=3.0, model_id="baseline: grey levels")
    grey.to_csv(run.file(BASELINES_NAME), index=False)
    page = open_page("compare")
    assert page.dataframe[0].value["model"].iloc[0] == "baseline: grey levels"
    assert any(
        text.value.startswith("baseline: grey levels ranks") and GUESSING in text.value
        for text in page.text
    )
    assert not any(button.key == "fit_baselines" for button in page.button)


def test_baselines_of_other_cases_are_left_out_and_named(
    runs_root: Path, open_page: OpenPage
) -> None:
    run = write_run(runs_root, GOOD, made_up_predictions())
    made_up_predictions(women=50, model_id="baseline: pixels").to_csv(
        run.file(BASELINES_NAME), index=False
    )
    page = open_page("compare")
    assert "baseline: pixels" not in set(page.dataframe[0].value["model"])
    assert any("do not score all of these cases" in text.value for text in page.caption)


def with_seed(runs_root: Path, number: int, *, skill: float, epochs: int = 10) -> str:
    """A run of the recipe that trains for so many epochs, from the seed `number`."""
    name = f"2026010{epochs % 10}-00000{number}-seeds-abcd"
    run = write_run(runs_root, name, made_up_predictions(skill=skill, seed=number))
    config = load_settings(run.file("run.json"), RunConfig)
    changed = replace(config, seed=number, optim=replace(config.optim, epochs=epochs))
    save_settings(changed, run.file("run.json"))
    return name


@pytest.mark.slow
def test_other_seeds_of_a_recipe_stand_beside_the_interval(
    runs_root: Path, open_page: OpenPage
) -> None:
    good = [with_seed(runs_root, seed, skill=3.0) for seed in (1, 2, 3)]
    poor = [with_seed(runs_root, seed, skill=0.5, epochs=9) for seed in (4, 5)]
    page = open_page("compare")
    page.multiselect(key="models").set_value([good[0], poor[0]]).run()
    again = models_of(page).set_index("model")["AUC over seeds"]
    assert re.fullmatch(r"0\.\d{3} \(SD 0\.\d{3}\) of 3 seeds", again[good[0]])
    assert again[poor[0]].endswith("of 2 seeds")
    assert any("Between seeds the mean AUC differs by +0." in text.value for text in page.text)


def test_one_seed_measures_no_luck(runs_root: Path, open_page: OpenPage) -> None:
    good = with_seed(runs_root, 1, skill=3.0)
    poor = with_seed(runs_root, 4, skill=0.5, epochs=9)
    page = open_page("compare")
    page.multiselect(key="models").set_value([good, poor]).run()
    assert set(models_of(page)["AUC over seeds"]) == {"luck of training not measured"}
    assert any(
        f"Luck of training not measured: one seed of {good} and of {poor}." in text.value
        for text in page.text
    )


def lock(run: RunFolder, threshold: float) -> None:
    lock_point(
        run,
        LockedPoint(
            threshold=threshold, level=Level.BREAST, pooling="max", calibration="none",
            split="val", dataset="made-up women", aim="fixed",
            promise=Promise(found=1, positives=1, left_alone=1, negatives=1),
            locked_at="2026-01-01T00:00:00+00:00", card_sha256=card_hash(run),
        ),
    )  # fmt: skip


def write_evaluation(
    root: Path, predictions: pd.DataFrame, *, label_rule: str = "cancer", name: str = "elsewhere"
) -> RunFolder:
    run = RunFolder(root / f"20260102-000000-evaluate-{label_rule[:4]}")
    run.path.mkdir()
    config = EvaluateConfig(
        checkpoint=GOOD, folder=name, adapter="csv_folder", label_rule=label_rule
    )
    save_settings(config, run.file("run.json"))
    run.write_status(RunStatus(state=RunState.FINISHED))
    predictions.assign(weights_sha256="0" * 64).to_csv(run.file("predictions.csv"), index=False)
    return run


def cells_of(page: AppTest) -> pd.DataFrame:
    show_section(page, "Other data")
    assert not page.exception, page.exception
    (table,) = [shown.value for shown in page.table if "scored" in shown.value.columns]
    table = table.apply(lambda column: column.str.replace("\\", ""))
    return table[table["checkpoint"] == GOOD].set_index(["scored", "label rule"])


def elsewhere(**columns: object) -> pd.DataFrame:
    table = made_up_predictions(women=40, with_cancer=10, skill=3.0, seed=7, dataset="elsewhere")
    return table.assign(image_id="e" + table["image_id"], **columns)


@pytest.mark.slow
def test_disagreements_are_told_by_scores_with_what_is_locked_and_by_ranks_on_request(
    runs_root: Path, open_page: OpenPage
) -> None:
    run = write_run(runs_root, GOOD, made_up_predictions(skill=3.0, seed=2))
    write_run(runs_root, GUESSING, made_up_predictions(skill=0.0, seed=1))
    lock(run, 0.5)
    page = open_page("compare")
    page.multiselect(key="models").set_value([GOOD, GUESSING]).run()
    show_section(page, "Disagreements")
    assert not page.exception
    told = [one.value.replace("\\", "") for one in page.caption]
    lacking = f"No threshold by breast is locked for {GUESSING}, so none is drawn there."
    assert any(one.startswith(lacking) for one in told)
    (figure,) = (one for one in page.get("plotly_chart") if "agreement" in str(one.key))
    assert "scores" in str(figure.key)
    evaluation = write_evaluation(runs_root, made_up_predictions(skill=2.0, seed=3))
    page.multiselect(key="models").set_value([evaluation.run_id, GUESSING]).run()
    assert any(one.value.replace("\\", "").startswith(lacking) for one in page.caption)
    page.multiselect(key="models").set_value([GOOD, GUESSING]).run()
    page.segmented_control(key="agreement_by").set_value("ranks").run()
    assert not page.exception
    assert not any("is locked for" in one.value for one in page.caption)


def test_a_model_is_judged_on_other_data_at_its_locked_threshold(
    runs_root: Path, open_page: OpenPage
) -> None:
    run = write_run(runs_root, GOOD, made_up_predictions(skill=3.0))
    lock(run, 0.0)
    write_evaluation(runs_root, elsewhere())
    page = open_page("compare")
    page.multiselect(key="models").set_value([GOOD]).run()
    cells = cells_of(page)
    assert cells.loc[("made-up", "cancer"), "cases"].startswith("20 positive, 100 negative")
    other = cells.loc[("elsewhere", "cancer")]
    assert other["sensitivity, locked"].startswith("100.0%, 10 of 10 (")
    assert other["specificity, locked"].startswith("0.0%, 0 of 70 (")
    assert re.fullmatch(r"0\.\d{3} \(0\.\d{3} to [01]\.\d{3}\)", other["AUC"])
    assert re.fullmatch(r"-?\d+\.\d\d \(-?\d+\.\d\d to -?\d+\.\d\d\)", other["calibration slope"])


def test_a_set_under_two_label_rules_has_a_column_for_each() -> None:
    sets = [("women", "cancer"), ("women", "density"), ("/srv/films", "cancer")]
    assert list(column_names(sets).values()) == ["women, cancer", "women, density", "films"]


def test_another_label_rule_is_marked(runs_root: Path, open_page: OpenPage) -> None:
    write_run(runs_root, GOOD, made_up_predictions(skill=3.0))
    write_evaluation(runs_root, elsewhere(), label_rule="birads-4")
    page = open_page("compare")
    page.multiselect(key="models").set_value([GOOD]).run()
    other = cells_of(page).loc[("elsewhere", "birads-4 (other)")]
    assert other["notes"] == "No operating point is locked."


@pytest.mark.slow
def test_images_that_could_not_be_read_are_told_with_the_result(
    runs_root: Path, open_page: OpenPage
) -> None:
    write_run(runs_root, GOOD, made_up_predictions(skill=3.0))
    evaluation = write_evaluation(runs_root, elsewhere())
    left_out = pd.DataFrame({"image_id": ["X7"], "path": ["x7.dcm"], "reason": ["cut short"]})
    write_left_out(evaluation, left_out)
    page = open_page("compare")
    page.multiselect(key="models").set_value([GOOD]).run()
    notes = cells_of(page).loc[("elsewhere", "cancer"), "notes"]
    assert "1 image was not scored: cannot be read (first: X7: cut short)" in notes


@pytest.mark.slow
def test_women_a_model_learnt_from_do_not_count_as_other_data(
    runs_root: Path, open_page: OpenPage
) -> None:
    table = made_up_predictions(skill=3.0)
    table["split"] = table["patient_id"].map(lambda name: "val" if int(name[1:]) % 2 else "test")
    write_run(runs_root, GOOD, table)
    write_evaluation(runs_root, table.assign(split=pd.NA), name="the same folder elsewhere")
    page = open_page("compare")
    page.multiselect(key="models").set_value([GOOD]).run()
    cells = cells_of(page)
    own = cells.loc[("made-up", "cancer"), "cases"]
    assert cells.loc[("the same folder elsewhere", "cancer"), "cases"] == own
    notes = cells.loc[("the same folder elsewhere", "cancer"), "notes"]
    assert notes.startswith("The women it was trained on are left out.")


def test_a_registered_data_set_that_was_not_scored_is_offered(
    runs_root: Path, open_page: OpenPage, tmp_path: Path
) -> None:
    write_run(runs_root, GOOD, made_up_predictions())
    entry = Registered(
        name="New set", folder=str(tmp_path), adapter="csv_folder", label_rule="as-written"
    )
    register(datasets_root(), entry)
    page = open_page("compare")
    page.multiselect(key="models").set_value([GOOD]).run()
    show_section(page, "Other data")
    assert not page.exception, page.exception
    assert f"{GOOD} on New set" in page.selectbox(key="to_evaluate").options
    assert not page.button(key="evaluate").disabled


def test_without_another_registered_data_set_that_is_said(
    runs_root: Path, open_page: OpenPage
) -> None:
    write_run(runs_root, GOOD, made_up_predictions())
    page = open_page("compare")
    page.multiselect(key="models").set_value([GOOD]).run()
    show_section(page, "Other data")
    assert not page.exception, page.exception
    assert page.caption[-2].value.replace("\\", "") == "No other data set is registered."


@pytest.mark.slow
def test_images_whose_folder_is_gone_are_listed_and_said_not_to_be_here(
    runs_root: Path, open_page: OpenPage
) -> None:
    write_run(runs_root, GOOD, made_up_predictions())
    page = open_page("compare")
    show_section(page, "Images")
    assert not page.exception, page.exception
    assert len(listed_cases(page)) == 240
    told = [caption.value.replace("\\", "") for caption in page.caption]
    (why,) = (one for one in told if "No made-up is here. Register the folder of" in one)
    assert "Was it moved" not in why
    assert page.get("page_link")[-1].proto.page == "data"


@pytest.mark.slow
def test_parameters_and_latency_stand_beside_the_auc(runs_root: Path, open_page: OpenPage) -> None:
    run = write_run(runs_root, GOOD, made_up_predictions(skill=3.0))
    save_file({"head.weight": np.zeros((2, 100), dtype=np.float32)}, run.weights_file)
    latency = Latency(
        median_seconds=0.02, low_seconds=0.01, high_seconds=0.05, passes=40, engine="torch fp32",
        device="cpu", cores=2, measured_at="2026-01-01T00:00:00+00:00", card_sha256=card_hash(run),
    )  # fmt: skip
    write_latency(run, latency)
    page = open_page("compare")
    show_section(page, "Cost")
    assert not page.exception, page.exception
    (row,) = page.dataframe[-1].value.to_dict("records")
    assert row["parameters"] == "200"
    assert row["ms an image"] == "20.0 (10.0 to 50.0, 40 passes)"
    assert row["on"] == "cpu, 2 cores, torch fp32"
    assert row["when"] == "1 Jan 2026"
    assert page.button(key="measure").label == "Measure"


def test_what_was_not_measured_is_said_not_to_be(runs_root: Path, open_page: OpenPage) -> None:
    write_run(runs_root, GOOD, made_up_predictions())
    page = open_page("compare")
    show_section(page, "Cost")
    assert not page.exception, page.exception
    assert page.dataframe[-1].value["ms an image"].tolist() == ["not measured"]


def test_an_uploaded_table_is_compared_with_a_model_and_with_guesses(
    runs_root: Path, open_page: OpenPage
) -> None:
    write_run(runs_root, GOOD, made_up_predictions(skill=3.0))
    page = open_page("compare")
    table = made_up_predictions(skill=0.0, seed=1).drop(columns=["model_id", "dataset", "split"])
    data = table.to_csv(index=False).encode()
    page.file_uploader(key="upload").set_value(("scores.csv", data, "text/csv")).run()
    assert not page.exception, page.exception
    assert not page.sidebar.children  # its room is the figures'
    board = page.dataframe[0].value["model"].tolist()
    assert board[0] == GOOD
    assert {"Uploaded table", "baseline: majority", "baseline: random"} <= set(board)
    for section in (name for group in GROUPS.values() for name in group):
        show_section(page, section)
        assert not page.exception, (section, page.exception)


def test_an_uploaded_table_alone_has_only_guesses_that_need_no_training(
    open_page: OpenPage,
) -> None:
    page = open_page("compare")
    page.multiselect(key="models").set_value([])
    data = made_up_predictions().drop(columns="model_id").to_csv(index=False).encode()
    page.file_uploader(key="upload").set_value(("scores.csv", data, "text/csv")).run()
    assert not page.exception, page.exception
    assert page.dataframe[0].value["model"].tolist()[-1] != "Uploaded table"
    assert any("a table alone has none" in text.value for text in page.caption)
    assert not any(button.key == "fit_baselines" for button in page.button)
    show_section(page, "Report")
    assert not page.exception, page.exception
    assert "an uploaded table has none" in page.info[-1].value


def test_a_margin_written_before_is_held_and_one_written_here_is_marked(
    runs_root: Path, open_page: OpenPage
) -> None:
    old = write_run(runs_root, GUESSING, made_up_predictions(skill=0.0, seed=1))
    new = write_run(runs_root, GOOD, made_up_predictions(skill=3.0, seed=2))
    for run in (old, new):
        write_about(run, About(title="EfficientNet"))  # both of one name
    written_margin(
        new, old, claim=Claim.NON_INFERIOR, figure=MarginOf.AUC, margin=0.05, level=Level.BREAST
    )
    page = open_page("compare")
    page.multiselect(key="models").set_value([GUESSING, GOOD]).run()
    show_section(page, "Margins")
    assert not page.exception
    (row,) = page.table[0].value.to_dict("records")
    assert (row["Claim"], row["Margin"], row["Result"]) == ("no worse, AUC", "0.05", "met")
    assert (row["model"], row["Against"]) == ("EfficientNet", "EfficientNet (2)")
    assert "before the test set was first opened" in row["Written"]
    assert "120 breasts of 60 women, 20 with and 100 without cancer" in row["Of"]
    for run in (old, new):  # opened an hour ago, not in this very second
        line = run.file(OPENINGS_FILE).read_text()
        run.file(OPENINGS_FILE).write_text(
            re.sub(r'"opened_at": "\d{4}', '"opened_at": "2020', line)
        )
    page.selectbox(key="margin_of").set_value(row["model"]).run()
    page.selectbox(key="compare_margin_level").set_value(Level.BREAST)
    next(one for one in page.button if one.label == "Write it down").click().run()
    assert not page.exception
    late = page.table[0].value.to_dict("records")[-1]
    assert "AFTER the test set was first opened" in late["Written"]


def test_sections_stand_in_groups_and_a_link_to_one_opens_its_group(
    runs_root: Path, open_page: OpenPage
) -> None:
    write_run(runs_root, GOOD, made_up_predictions())
    page = open_page("compare")
    show_section(page, "Cost")
    assert page.segmented_control(key="compare_group").value == "Effort"
    page.segmented_control(key="compare_group").set_value("Study").run()
    assert not page.exception
    assert page.segmented_control(key="compare_section").options == ["Report", "Plan a study"]
    assert page.segmented_control(key="compare_section").value == "Report"
