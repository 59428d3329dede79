"""The recipes of the projects on the Train page: found, told of, started."""

from pathlib import Path

import pytest

from mammo_core.config import RunConfig
from mammo_core.datasets.dataset import read_dataset
from mammo_core.runs.folder import list_runs
from mammo_core.training.recipes import RECIPES, get_recipe
from tests.pages.conftest import OpenPage
from tests.pages.started_recipes import (
    finishes_an_epoch,
    register_layout,
    start_from_page,
)
from tests.pages.training_pages import register_phantoms, wait_until_over


def test_recipes_are_offered_by_project(open_page: OpenPage, tmp_path: Path) -> None:
    register_phantoms(tmp_path / "set")
    page = open_page("train")
    projects = page.selectbox(key="train_project")
    assert list(projects.options) == list(dict.fromkeys(recipe.project for recipe in RECIPES))
    projects.set_value("CMMD and MIAS").run()
    offered = page.selectbox(key="train_recipe")
    assert offered.value == "cmmd-conv2-as-published"
    assert len(offered.options) == sum(recipe.project == "CMMD and MIAS" for recipe in RECIPES)
    told = "\n".join(element.value for element in (*page.markdown, *page.caption))
    assert "AUC 0.700" in told
    assert "was made for Chinese Mammography Database (CMMD)" in told


def test_a_split_as_published_has_to_be_acknowledged_and_a_sound_one_not(
    open_page: OpenPage, tmp_path: Path
) -> None:
    entry = register_layout("vindr_mammo", tmp_path / "vindr")
    page = open_page("train")
    page.selectbox(key="train_project").set_value("VinDr-Mammo, four networks").run()
    assert page.selectbox(key="train_recipe").value == "vindr-mobilenetv2-as-published"
    assert page.selectbox(key=f"train_rule_{entry.name}").value == "birads-3"
    errors = "\n".join(element.value for element in page.error)
    assert "test images chose the epoch" in errors
    assert page.button(key="train_start").disabled
    page.selectbox(key="train_recipe").set_value("vindr-mobilenetv2-done-right").run()
    assert not page.error
    assert not any(box.key == f"train_leak_{entry.name}" for box in page.checkbox)


def test_the_split_the_data_bring_can_be_taken_with_a_recipe_that_deals_out_images(
    open_page: OpenPage, tmp_path: Path
) -> None:
    entry = register_layout("vindr_mammo", tmp_path / "vindr")
    manifest = read_dataset(tmp_path / "vindr").manifest
    recipe = "roboflow-resnet50-as-published"
    page = open_page("train")
    page.selectbox(key="train_project").set_value("3,383 images (Roboflow)").run()
    split = page.segmented_control(key=f"train_split_{entry.name}_{recipe}")
    assert split.value == "As published, mistakes included"
    split.set_value("The split the data set brings").run()
    counts = page.dataframe[0].value
    tested = manifest[manifest["split"] == "test"]
    assert counts.loc["test", "women"] == tested["group_id"].nunique()
    assert counts.loc["test", "images"] == tested["label"].notna().sum()
    assert not page.error


@pytest.mark.slow
def test_what_is_started_is_the_recipe_with_its_mistakes_and_stamped(
    open_page: OpenPage, tmp_path: Path, runs_root: Path
) -> None:
    entry = register_layout("cmmd", tmp_path / "cmmd")
    recipe = get_recipe("cmmd-resnet50-oversampled-as-published")
    run = start_from_page(open_page("train"), recipe, entry)
    wait_until_over(run)
    config = list_runs(runs_root)[0].settings(RunConfig)
    assert config.recipe == recipe.name
    assert (config.data.unit, config.data.has_copies) == ("image", True)
    assert config.threshold == "half"
    assert any("leaky split" in limit for limit in run.card().limits)


ONE_EACH = (
    "roboflow-resnet50-done-right", "density-conv3-as-published", "cbis-light-as-published",
    "rsna-norms",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", ONE_EACH)
def test_a_recipe_of_each_project_finishes_an_epoch_on_its_layout(
    name: str, tmp_path: Path, runs_root: Path
) -> None:
    recipe = get_recipe(name)
    entry = register_layout(recipe.datasets[0], tmp_path / recipe.datasets[0])
    assert finishes_an_epoch(recipe, entry)
