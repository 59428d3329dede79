"""The guided form: what stands in the way of a start, and what a start is made of."""

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from mammo_core.config import DataConfig, ModelConfig, RunConfig, load_settings
from mammo_core.files import preflights_root
from mammo_core.runs.card import write_card
from mammo_core.runs.folder import RunFolder, RunStatus, list_runs
from mammo_core.runs.naming import run_title
from mammo_core.training.preflight import read_preflight
from mammo_core.training.recipes import get_recipe
from mammo_core.types import CANCER, RunState
from tests.pages.conftest import OpenPage
from tests.pages.training_pages import (
    register_leaky,
    register_phantoms,
    wait_until_over,
    write_audit_of,
    write_ended_run,
)
from tests.places.dashboard import Dashboard, served
from tests.predictions import made_up_card


@pytest.fixture
def form(open_page: OpenPage, tmp_path: Path) -> AppTest:
    register_phantoms(tmp_path / "set")
    page = open_page("train")
    page.number_input(key="train_height_smoke_light_cnn").set_value(32)
    page.number_input(key="train_width_smoke_light_cnn").set_value(16)
    return page.run()


def settings_of_started(runs_root: Path) -> list[RunConfig]:
    runs = list_runs(runs_root)
    for run in runs:
        run.ask_to_stop()
    for run in runs:
        wait_until_over(run)
    return [load_settings(run.file("run.json"), RunConfig) for run in runs]


def words(page: AppTest) -> str:
    told = (*page.caption, *page.warning, *page.error, *page.info)
    return "\n".join(element.value for element in told)


def test_what_was_chosen_is_what_is_started(form: AppTest, runs_root: Path) -> None:
    form.number_input(key="train_epochs_smoke").set_value(300)
    form.number_input(key="train_floor_smoke").set_value(0.6)
    form.number_input(key="train_batch_smoke").set_value(8)
    form.selectbox(key="train_sampler_smoke").set_value("none")
    form.selectbox(key="train_class_weights_smoke").set_value("balanced")
    form.selectbox(key="train_schedule_smoke").set_value("constant")
    form.toggle(key="train_compiled_smoke").set_value(True)
    form.toggle(key="train_deterministic_smoke").set_value(True)
    form.number_input(key="train_noise_smoke").set_value(0.1)
    form.number_input(key="train_learnt_from_smoke").set_value(0.5).run()
    form.button(key="train_start").click().run()
    assert not form.exception
    (config,) = settings_of_started(runs_root)
    assert config.data.train_share == 0.5
    assert config.prepare.size == (32, 16)
    assert (config.optim.epochs, config.optim.batch_size) == (300, 8)
    assert config.optim.least_sensitivity == 0.6
    assert (config.balance.sampler, config.balance.class_weights) == ("none", "balanced")
    assert config.optim.schedule == "constant"
    assert config.optim.is_compiled
    assert config.is_deterministic
    assert config.augment.noise == 0.1


def test_a_data_set_whose_folder_is_gone_leaves_start_off_and_says_why(
    open_page: OpenPage, tmp_path: Path
) -> None:
    register_phantoms(tmp_path / "set")
    (tmp_path / "set").rename(tmp_path / "moved")
    page = open_page("train")
    assert not page.exception
    assert page.button(key="train_start").disabled
    assert page.button(key="train_preflight").disabled
    assert "There is no folder set. Was it moved, or a disk not mounted?" in words(page)


@pytest.mark.slow
def test_a_run_is_called_as_typed_or_by_network_data_and_day(
    form: AppTest, runs_root: Path
) -> None:
    name = form.text_input(key="train_name")
    assert re.fullmatch(
        r"Light CNN \(from scratch\) on phantoms, \d+ [A-Z][a-z]{2}", name.placeholder
    )
    form.number_input(key="train_epochs_smoke").set_value(300)
    name.set_value("My first").run()
    form.button(key="train_start").click().run()
    assert not form.exception
    (run,) = list_runs(runs_root)
    assert run_title(run) == "My first"
    assert any("My first" in str(bar.proto) for bar in form.get("progress"))
    form.button_group(key="train_show").set_value("New run").run()
    assert form.text_input(key="train_name").value == ""  # the next run is another one
    settings_of_started(runs_root)


def test_what_is_folded_is_told_in_a_line(form: AppTest) -> None:
    lines = [one.value.replace("\\", "") for one in form.caption]
    assert any("32 x 16 pixels, max pooling" in line for line in lines)
    assert any("40 epochs, batches of" in line for line in lines)
    assert any(
        re.search(r"\d+ to learn from, \d+ for validation, \d+ for the test", line)
        for line in lines
    )
    form.number_input(key="train_epochs_smoke").set_value(7).run()
    assert any("7 epochs, batches of" in one.value for one in form.caption)


def test_drawing_and_weighing_at_once_is_warned_of(form: AppTest) -> None:
    assert "corrects twice" not in words(form)
    form.number_input(key="train_positive_weight_smoke").set_value(3.0).run()
    assert "corrects twice" in words(form)


def test_weights_that_are_not_here_are_named_and_hinder_the_start(form: AppTest) -> None:
    form.selectbox(key="train_recipe").set_value("linear-probe").run()
    assert "not on this computer" in words(form)
    assert form.button(key="train_start").disabled
    told = "\n".join(element.value for element in form.text)
    assert "mammo weights fetch mobilenetv2_100-imagenet" in told
    form.selectbox(key="train_weights_linear-probe_mobilenetv2_100").set_value("random").run()
    assert not form.button(key="train_start").disabled
    assert "keeps random weights" in words(form)


@pytest.mark.slow
def test_training_can_go_on_from_a_checkpoint_of_the_same_network(
    form: AppTest, runs_root: Path
) -> None:
    earlier = RunFolder(runs_root / "earlier")
    earlier.path.mkdir()
    model = ModelConfig(backbone="light_cnn", pooling="max")
    write_card(replace(made_up_card("earlier"), model=model), earlier.file("model_card.json"))
    earlier.write_status(RunStatus(state=RunState.FINISHED))
    damaged = RunFolder(runs_root / "damaged")
    damaged.path.mkdir()
    damaged.file("model_card.json").write_text("{")
    damaged.write_status(RunStatus(state=RunState.FINISHED))
    form.run()
    assert not form.exception
    weights = form.selectbox(key="train_weights_smoke_light_cnn")
    assert "Go on from Made up earlier" in weights.options
    weights.set_value("checkpoint:earlier").run()
    for _ in range(2):  # a click that was refused is no first half of a double click
        form.button(key="train_start").click().run()
        assert not form.exception
        assert "The weights of earlier are missing" in words(form)
    assert {run.run_id for run in list_runs(runs_root)} == {"earlier", "damaged"}


def test_more_folds_than_women_are_refused_before_anything_is_made(
    form: AppTest, runs_root: Path
) -> None:
    form.button_group(key="train_scheme").set_value("Cross-validation by woman").run()
    form.number_input(key="train_count_Cross-validation by woman").set_value(20).run()
    form.button(key="train_start").click().run()
    assert "20 folds need 20 women of each class; one class has" in words(form)
    assert list_runs(runs_root) == []


def test_settings_that_cannot_work_are_told_before_the_start(form: AppTest) -> None:
    form.selectbox(key="train_trained_smoke").set_value("linear")
    form.number_input(key="train_mixup_smoke").set_value(0.5).run()
    assert "kept features cannot be mixed" in words(form)
    assert form.button(key="train_start").disabled


@pytest.mark.slow
def test_a_loss_that_goes_by_the_order_of_classes_is_refused_where_they_have_none(
    form: AppTest,
) -> None:
    form.selectbox(key="train_loss_smoke").set_value("cumulative").run()
    assert "goes by the order of classes, and those of cancer have none" in words(form)
    assert form.button(key="train_start").disabled


def test_two_views_of_a_breast_are_scored_together_on_request(
    form: AppTest, runs_root: Path
) -> None:
    form.button_group(key="train_views_smoke").set_value(2)
    form.number_input(key="train_epochs_smoke").set_value(300).run()
    assert "stand in for it" not in words(form)  # every synthetic woman has both
    form.button(key="train_start").click().run()
    assert not form.exception
    (config,) = settings_of_started(runs_root)
    assert config.model.views == 2


@pytest.mark.slow
def test_two_views_are_not_offered_where_no_image_has_its_other_one(
    open_page: OpenPage, tmp_path: Path
) -> None:
    entry = register_phantoms(tmp_path / "set")
    table = pd.read_csv(tmp_path / "set" / "manifest.csv", dtype="string")
    table[table["view"] == "CC"].to_csv(tmp_path / "set" / "manifest.csv", index=False)
    page = open_page("train")
    assert entry.name == page.selectbox(key="train_data").value
    assert "None of the 48 labelled images has its other view (CC or MLO)" in words(page)
    assert "train_views_smoke" not in [group.key for group in page.button_group]


@pytest.mark.slow
def test_folds_start_one_run_each_of_one_series(form: AppTest, runs_root: Path) -> None:
    form.button_group(key="train_scheme").set_value("Cross-validation by woman").run()
    form.number_input(key="train_count_Cross-validation by woman").set_value(2)
    form.number_input(key="train_epochs_smoke").set_value(300).run()
    form.button(key="train_start").click().run()
    assert not form.exception
    configs = settings_of_started(runs_root)
    assert sorted(config.data.fold for config in configs) == [0, 1]
    assert {config.data.folds for config in configs} == {2}
    assert len({config.series for config in configs}) == 1
    form.run()
    assert "0 of 2 folds finished" in [expander.label for expander in form.expander]


def test_a_leak_is_acknowledged_before_the_start_and_recorded(
    open_page: OpenPage, tmp_path: Path, runs_root: Path
) -> None:
    register_leaky(tmp_path / "set")
    page = open_page("train")
    assert "Nobody has looked" in words(page)
    assert "24 of 24 women are in several splits" in words(page)
    assert page.button(key="train_start").disabled
    page.checkbox(key="train_unaudited_leaky").check().run()
    assert page.button(key="train_start").disabled
    page.checkbox(key="train_leak_leaky").check().run()
    page.button(key="train_start").click().run()
    (config,) = settings_of_started(runs_root)
    assert config.data.is_leak_allowed
    assert config.data.is_official_split


def test_women_dealt_out_anew_do_not_leak(open_page: OpenPage, tmp_path: Path) -> None:
    register_leaky(tmp_path / "set")
    page = open_page("train")
    page.checkbox(key="train_unaudited_leaky").check()
    page.button_group(key="train_split_leaky_smoke").set_value("Women dealt out at random").run()
    assert "several splits" not in words(page)
    assert not page.button(key="train_start").disabled
    counts = page.dataframe[0].value
    assert counts["women"].sum() == 24
    assert counts["images"].sum() == 96


@pytest.mark.slow
def test_pre_flight_is_measured_for_these_settings_alone(form: AppTest) -> None:
    form.button(key="train_preflight").click().run()
    (run,) = list_runs(preflights_root())
    wait_until_over(run)
    told, looks = read_preflight(run.path)
    form.run()
    assert not form.exception
    assert [metric.label for metric in form.metric][:2] == ["Training takes about", "Memory in use"]
    assert form.metric[2].value == f"{told.trained_weights:,}"
    low, high = told.test_interval
    assert form.metric[3].value == f"95 % {low:.2f} to {high:.2f}"
    assert len(form.image) == len(looks) == 8
    form.number_input(key="train_seed_smoke").set_value(1).run()
    assert not form.metric


def test_what_an_audit_found_serious_is_read_before_the_start(
    open_page: OpenPage, tmp_path: Path
) -> None:
    entry = register_phantoms(tmp_path / "set")
    write_audit_of(entry, "Every woman has 3 twins.")
    page = open_page("train")
    assert "The audit found: 1 serious, 0 warning, 0 note." in words(page)
    assert "Every woman has 3 twins." in words(page)
    assert page.button(key="train_start").disabled
    (box,) = page.checkbox
    box.check().run()
    assert not page.button(key="train_start").disabled


@pytest.mark.slow
def test_a_training_on_patches_is_started_with_the_task_of_patches(
    open_page: OpenPage, tmp_path: Path, runs_root: Path
) -> None:
    """With a tiny network in place of the recipe's own."""
    register_phantoms(tmp_path / "set")
    page = open_page("train")
    page.selectbox(key="train_project").select("Beyond them").run()
    page.selectbox(key="train_recipe").select("lesion-patches").run()
    page.selectbox(key="train_backbone_lesion-patches").select("light_cnn").run()
    page.selectbox(key="train_weights_lesion-patches_light_cnn").select("random")
    page.number_input(key="train_epochs_lesion-patches").set_value(1).run()
    assert not page.exception
    page.button(key="train_start").click().run()
    (started,) = settings_of_started(runs_root)
    assert started.patches is not None
    assert started.task == started.patches.task


@pytest.mark.slow
def test_whole_images_wait_for_patches_and_then_pool_both_ways(
    open_page: OpenPage, tmp_path: Path, runs_root: Path
) -> None:
    folder = tmp_path / "set"
    register_phantoms(folder)
    page = open_page("train")
    page.selectbox(key="train_project").select("Beyond them").run()
    page.selectbox(key="train_recipe").select("whole-from-patches").run()
    assert "No finished run of lesion-patches" in words(page)
    recipe = get_recipe("lesion-patches")
    data = DataConfig(folder=str(folder), adapter="phantom_set", label_rule="lesion")
    earlier = write_ended_run(
        runs_root, "on-patches", recipe.configure(data, CANCER), RunState.FINISHED
    )
    made = made_up_card("on-patches")
    write_card(replace(made, model=recipe.model, patches=recipe.patches), earlier.card_file)
    page.run()
    assert not page.exception
    assert page.selectbox(key="train_pooling_whole-from-patches").value == "avgmax"
    weights = page.selectbox(key="train_weights_whole-from-patches_mobilenetv2_100")
    assert weights.value == "checkpoint:on-patches"


@pytest.mark.slow
def test_where_is_asked_only_where_a_cluster_is_named_and_the_run_goes_there(
    form: AppTest, runs_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "train_place" not in form.session_state
    dashboard = Dashboard()
    with served(dashboard):
        monkeypatch.setenv("MAMMO_RAY", dashboard.address)
        form.run()
        assert "2 nodes; 12 of 16 CPUs and 1 of 2 GPUs free; 0 commands in line." in words(form)
        form.number_input(key="train_ranks").set_value(2)
        form.button(key="train_start").click().run()
        assert not form.exception
        (run,) = list_runs(runs_root)
        (job,) = dashboard.jobs.values()
        assert f"mammo_core.places.ranks {run.path.resolve()} 2" in job["entrypoint"]
        assert "Waiting for room on the cluster." in words(form)
        form.button(key=f"stop_{run.run_id}").click().run()
        assert not form.exception
        assert job["status"] == "STOPPED"
        assert run.read_status().state is RunState.STOPPED
    # The cluster is gone while the page is open: what is asked of it is answered in words.
    monkeypatch.setenv("MAMMO_RAY", "http://127.0.0.1:9")
    form.session_state["train_show"] = "New run"
    form.run()
    assert not form.exception
