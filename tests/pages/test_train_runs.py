"""Runs that are over: what they reached, what they cost, and how to start again."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mammo_core.config import DataConfig, EvaluateConfig, RunConfig, load_settings, save_settings
from mammo_core.datasets.predictions import read_predictions
from mammo_core.places.cluster import PlacedJob, write_placed
from mammo_core.runs.folder import RunFolder, RunStatus, find_run, list_runs
from mammo_core.runs.jobs import create_run
from mammo_core.runs.naming import About, read_about, write_about
from mammo_core.runs.operating_points import margins_of, openings_of
from mammo_core.runs.sidecars import read_cost
from mammo_core.training.preflight import Fitting, write_fitting
from mammo_core.training.recipes import get_recipe
from mammo_core.training.series import fold_configs
from mammo_core.types import CANCER, RunState
from tests.pages.conftest import OpenPage
from tests.pages.listed import listed_cases
from tests.pages.training_pages import (
    register_phantoms,
    wait_until_over,
    write_ended_run,
    write_finished_run,
)
from tests.predictions import made_up_predictions, write_run

RUN = "20260101-000000-light_cnn-aaaa"


@pytest.fixture
def config(tmp_path: Path, runs_root: Path) -> RunConfig:
    """The smoke recipe on 24 phantom women, with a few settings of its own."""
    entry = register_phantoms(tmp_path / "set")
    data = DataConfig(
        folder=entry.folder, adapter=entry.adapter, label_rule=entry.label_rule, split_seed=3
    )
    config = get_recipe("smoke").configure(data, CANCER)
    return replace(
        config,
        seed=11,
        prepare=replace(config.prepare, size=(64, 32)),
        optim=replace(config.optim, epochs=300, batch_size=12, learning_rate=0.0007),
    )


def started(runs_root: Path, old: RunFolder) -> RunConfig:
    (run,) = (run for run in list_runs(runs_root) if run != old)
    run.ask_to_stop()
    wait_until_over(run)
    return load_settings(run.file("run.json"), RunConfig)


@pytest.mark.slow
def test_a_copy_is_the_same_experiment(
    open_page: OpenPage, runs_root: Path, config: RunConfig
) -> None:
    old = write_ended_run(runs_root, RUN, config, RunState.STOPPED)
    page = open_page("train")
    page.button_group(key="train_show").set_value("Runs").run()
    page.button(key=f"copy_{RUN}").click().run()
    assert not page.exception
    assert page.selectbox(key="train_recipe").value == RUN
    assert page.query_params["from"] == RUN
    (told,) = [warning.value for warning in page.warning]  # four validation women are few
    assert "validation women" in told
    assert page.number_input(key=f"train_batch_{RUN}").value == 12
    page.button(key="train_start").click().run()
    assert not page.exception
    assert started(runs_root, old) == config


def test_settings_that_the_form_would_not_offer_are_in_it_as_they_were(
    open_page: OpenPage, runs_root: Path, config: RunConfig
) -> None:
    odd = replace(
        config,
        data=replace(config.data, val_fraction=0.02, test_fraction=0.7),
        model=replace(config.model, dropout=0.95),
        optim=replace(config.optim, weight_decay=2.0, clip_norm=500.0),
        balance=replace(config.balance, focal_gamma=6.0, positive_share=0.02),
    )
    odd.check()
    write_ended_run(runs_root, RUN, odd, RunState.STOPPED)
    page = open_page("train")
    page.button_group(key="train_show").set_value("Runs").run()
    page.button(key=f"copy_{RUN}").click().run()
    assert not page.exception
    for key, value in (
        ("val", 0.02), ("test", 0.7), ("dropout", 0.95), ("decay", 2.0),
        ("clip", 500.0), ("focal", 6.0),
    ):  # fmt: skip
        assert page.number_input(key=f"train_{key}_{RUN}").value == value, key
    assert page.slider(key=f"train_share_{RUN}").value == 0.02


def test_a_run_that_was_too_large_starts_again_in_batches_that_fit(
    open_page: OpenPage, runs_root: Path, config: RunConfig
) -> None:
    old = write_ended_run(runs_root, RUN, config, RunState.FAILED)
    write_fitting(old, Fitting(batch_size=3, accumulate=4))
    page = open_page("train")
    page.button_group(key="train_show").set_value("Runs").run()
    page.button(key=f"fit_{RUN}").click().run()
    assert not page.exception
    copy = started(runs_root, old)
    assert copy == replace(config, optim=replace(config.optim, batch_size=3, accumulate=4))


def test_a_click_is_heard_while_the_run_trains_though_an_epoch_has_just_ended(
    open_page: OpenPage, runs_root: Path, config: RunConfig
) -> None:
    run = write_ended_run(runs_root, RUN, config, RunState.RUNNING)
    write_finished_run(runs_root, "20260101-000000-light_cnn-bbbb", config)
    run.beat()
    page = open_page("train")
    page.button_group(key="train_show").set_value("Runs").run()
    page.selectbox(key="run").set_value(RUN).run()
    for done, label in ((2, "Write it down"), (3, "Keep"), (4, "Archive")):
        run.write_status(replace(run.read_status(), done=done))
        next(one for one in page.button if one.label == label).click().run()
        assert not page.exception
        assert "epoch" in page.get("progress")[0].proto.text
    assert len(margins_of(run, [runs_root])) == 1
    assert read_about(run).is_archived


@pytest.mark.slow
def test_alarms_stand_with_their_epochs(
    open_page: OpenPage, runs_root: Path, config: RunConfig
) -> None:
    write_ended_run(runs_root, RUN, config, RunState.STOPPED)
    page = open_page("train")
    page.button_group(key="train_show").set_value("Runs").run()
    assert any("Epoch 2: Every image gets the same score" in box.value for box in page.warning)


def test_settings_of_two_runs_are_told_where_they_differ(
    open_page: OpenPage, runs_root: Path, config: RunConfig
) -> None:
    other = "20260101-000000-light_cnn-bbbb"
    write_ended_run(runs_root, RUN, config, RunState.STOPPED)
    write_ended_run(runs_root, other, replace(config, seed=5), RunState.STOPPED)
    page = open_page("train")
    page.button_group(key="train_show").set_value("Runs").run()
    page.multiselect(key=f"settings_{other}").set_value([RUN]).run()
    assert page.dataframe[-1].value.to_dict("records") == [
        {"setting": "seed", other: "5", RUN: "11"}
    ]


def test_the_gallery_lists_the_test_images_of_a_run_the_worst_first(
    open_page: OpenPage, runs_root: Path, config: RunConfig
) -> None:
    run = write_finished_run(runs_root, RUN, config)
    assert find_run(RUN, runs_root).is_checkpoint
    page = open_page("train")
    page.button_group(key="train_show").set_value("Runs").run()
    assert not page.exception
    cases = listed_cases(page)
    table = read_predictions(run.predictions_file)
    test = table[table["split"] == "test"]
    assert sorted(case["key"] for case in cases) == sorted(test["image_id"])
    is_wrong = [case["facts"]["outcome"] in ("missed", "false alarm") for case in cases]
    assert any(is_wrong)
    assert is_wrong == sorted(is_wrong, reverse=True)


def page_of_curves(runs: list[str]) -> None:
    from pathlib import Path

    from mammo_core.runs.folder import RunFolder
    from pages.components.train.table import show_over_each_other

    folders = [RunFolder(Path(run)) for run in runs]
    show_over_each_other(folders, {run.run_id: run.run_id for run in folders})


def test_of_more_runs_than_are_drawn_over_each_other_it_is_said_how_many_are(
    runs_root: Path,
) -> None:
    runs = [str(write_run(runs_root, f"{RUN}{n}", made_up_predictions()).path) for n in range(7)]
    page = AppTest.from_function(page_of_curves, args=(runs[:6],), default_timeout=60).run()
    assert not page.exception
    assert not page.caption
    page = AppTest.from_function(page_of_curves, args=(runs,), default_timeout=60).run()
    assert not page.exception
    assert page.caption[0].value == "The first 6 of the 7 chosen are drawn and listed."


@pytest.mark.slow
def test_what_a_run_cost_is_recorded_at_the_price_entered(
    open_page: OpenPage, runs_root: Path, config: RunConfig
) -> None:
    run = write_finished_run(runs_root, RUN, config)  # one second on one cpu
    page = open_page("train")
    page.button_group(key="train_show").set_value("Runs").run()
    page.number_input(key=f"price_{RUN}").set_value(7200.0)
    page.button(key=f"record_{RUN}").click().run()
    assert not page.exception
    cost = read_cost(run)
    assert cost is not None
    assert cost.total == pytest.approx(2.0)
    assert any("2.00 EUR" in caption.value for caption in page.caption)


@pytest.mark.slow
def test_finished_folds_are_put_together(
    open_page: OpenPage, runs_root: Path, config: RunConfig
) -> None:
    folds = fold_configs(config, 2)
    for fold in folds:
        write_finished_run(runs_root, f"{RUN}-{fold.data.fold}", fold)
    page = open_page("train")
    page.button_group(key="train_show").set_value("Runs").run()
    assert "2 of 2 folds finished" in [expander.label for expander in page.expander]
    page.button(key="series_join").click().run()
    assert not page.exception
    joined = find_run(folds[0].series, runs_root)
    assert len(read_predictions(joined.file("predictions.csv"))) == 24 * 4
    assert "series_join" not in [button.key for button in page.button]
    page.selectbox(key="run").set_value(joined.run_id).run()
    assert not page.exception
    assert any("Put together from the folds" in caption.value for caption in page.caption)


def test_the_url_names_the_run_that_is_shown_though_newer_ones_come(
    open_page: OpenPage, runs_root: Path, config: RunConfig
) -> None:
    write_ended_run(runs_root, RUN, config, RunState.STOPPED)
    page = open_page("train")
    page.button_group(key="train_show").set_value("Runs").run()
    assert RUN in page.query_params["run"]
    newer = "20260102-000000-light_cnn-bbbb"
    write_ended_run(runs_root, newer, config, RunState.STOPPED)

    reloaded = open_page("train")
    reloaded.query_params["run"] = RUN
    reloaded.button_group(key="train_show").set_value("Runs").run()
    assert reloaded.selectbox(key="run").value == RUN
    reloaded.selectbox(key="run").set_value(newer).run()
    assert newer in reloaded.query_params["run"]
    reloaded.button_group(key="train_show").set_value("New run").run()
    assert "run" not in reloaded.query_params


def test_a_scoring_counts_images_and_leads_to_what_judges_it(
    open_page: OpenPage, runs_root: Path
) -> None:
    run = RunFolder(runs_root / "20260103-000000-evaluate-cccc")
    run.path.mkdir()
    scoring = EvaluateConfig(
        checkpoint="light", folder="women", adapter="csv_folder", label_rule="cancer"
    )
    save_settings(scoring, run.file("run.json"))
    run.write_status(RunStatus(state=RunState.FINISHED, done=240, total=240))
    made_up_predictions().to_csv(run.file("predictions.csv"), index=False)
    page = open_page("train")
    page.button_group(key="train_show").set_value("Runs").run()
    assert not page.exception
    assert any("image 240 of 240" in str(bar.proto) for bar in page.get("progress"))
    links = [str(link.proto) for link in page.get("page_link")]
    assert any('label: "Thresholds"' in link for link in links)
    assert any("Compare" in link and "models" in link for link in links)


def test_all_runs_stand_in_one_table_and_an_archived_one_comes_back(
    open_page: OpenPage, runs_root: Path, config: RunConfig
) -> None:
    write_finished_run(runs_root, RUN, config)
    other = write_ended_run(runs_root, "20260102-000000-light_cnn-bbbb", config, RunState.STOPPED)
    write_about(other, About(title="The other", tags=("try",)))
    page = open_page("train")
    page.button_group(key="train_show").set_value("Runs").run()
    table = page.dataframe[0].value
    assert table[["name", "state", "data", "tags"]].to_numpy().tolist() == [
        ["The other", "stopped", "phantoms", "try"],
        [RUN, "finished", "phantoms", ""],
    ]
    assert table[["test AUC", "95 %"]].to_numpy().tolist()[0] == ["–", "ended before its test"]
    assert page.expander[0].label == "All 2 runs"
    page.button(key=f"archive_{other.run_id}").click().run()
    page.selectbox(key="run").set_value(RUN).run()
    assert page.dataframe[0].value["name"].tolist() == [RUN]
    assert other.path.is_dir()
    page.toggle(key="runs_archived").set_value(True).run()
    page.selectbox(key="run").set_value(other.run_id).run()
    page.button(key=f"archive_{other.run_id}").click().run()
    assert not page.exception
    assert page.dataframe[0].value["name"].tolist() == ["The other", RUN]


def test_what_the_validation_rests_on_stands_below_the_curves(
    open_page: OpenPage, runs_root: Path, config: RunConfig
) -> None:
    run = write_ended_run(runs_root, RUN, config, RunState.STOPPED)
    counts = {"images": 40, "positive_images": 8, "women": 10}
    run.append_metrics({"epoch": 3, "split": "val", "loss": 0.7, **counts})
    page = open_page("train")
    page.button_group(key="train_show").set_value("Runs").run()
    assert any(
        "8 images with and 32 without what is looked for, of 10 women" in caption.value
        for caption in page.caption
    )


def test_a_margin_is_written_while_a_run_trains_and_its_results_are_a_look_once_shown(
    open_page: OpenPage, runs_root: Path
) -> None:
    old = write_run(runs_root, "20250101-000000-old-aaaa", made_up_predictions(women=8))
    run = write_run(runs_root, RUN, made_up_predictions(women=8))
    card = run.file("model_card.json").read_bytes()
    run.file("model_card.json").unlink()
    run.write_status(RunStatus(state=RunState.STOPPED))
    page = open_page("train")
    page.button_group(key="train_show").set_value("Runs").run()
    page.selectbox(key="run").set_value(RUN).run()
    page.selectbox(key=f"margin_{RUN}_against").set_value(old.run_id)
    page.selectbox(key=f"margin_{RUN}_level").set_value("breast")
    next(one for one in page.button if one.label == "Write it down").click().run()
    assert not page.exception
    ((margin, looks_before),) = margins_of(run, [])
    assert (margin.margin, margin.level, margin.against) == (0.05, "breast", old.run_id)
    assert looks_before == ()
    assert openings_of(run) == []
    run.file("model_card.json").write_bytes(card)
    page.run()
    assert len(openings_of(run)) == 1
    assert margins_of(run, []) == [(margin, ())]


def test_a_run_in_line_on_a_cluster_that_goes_while_the_page_is_open_is_told_as_lost(
    config: RunConfig, runs_root: Path, open_page: OpenPage
) -> None:
    run = create_run(config, runs_root, what="light_cnn", total=2)
    write_placed(run.path, PlacedJob(cluster="http://127.0.0.1:9", job="gone"))
    run.beat()
    page = open_page("train")
    page.button_group(key="train_show").set_value("Runs").run()
    assert not page.exception
    page.button(key=f"stop_{run.run_id}").click().run()
    assert not page.exception
    long_ago = time.time() - 60
    os.utime(run.file("heartbeat"), (long_ago, long_ago))
    page.run()
    assert not page.exception
    told = "\n".join(one.value for one in (*page.warning, *page.error, *page.text, *page.caption))
    assert "does not answer" in told


def test_a_model_that_ranks_its_validation_women_the_wrong_way_round_still_shows_its_cases(
    open_page: OpenPage, runs_root: Path
) -> None:
    rows = made_up_predictions(skill=0)
    wrong = rows["score"].where(rows["positive"], 1.0 + rows["score"]) / 2
    split = (rows["patient_id"].str[-1].astype(int) < 5).map({True: "val", False: "test"})
    write_run(runs_root, RUN, rows.assign(score=wrong, split=split))
    page = open_page("train")
    page.button_group(key="train_show").set_value("Runs").run()
    assert not page.exception
    (sentence,) = [one.value for one in page.caption if "operating point is set" in one.value]
    assert "no threshold" in sentence
    assert "inf" not in sentence
    assert listed_cases(page)
