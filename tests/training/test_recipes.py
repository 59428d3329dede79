from dataclasses import replace

import pytest

from mammo_core.config import BalanceConfig, DataConfig
from mammo_core.datasets.dataset import get_adapter, get_label_rule
from mammo_core.datasets.published import PUBLISHED
from mammo_core.errors import ConfigError, UnknownNameError
from mammo_core.training.by_recipe import published_of, titles_of
from mammo_core.training.recipes import RECIPES, Recipe, get_recipe, with_backbone, with_changes
from mammo_core.types import CANCER, LESION_PATCH, PATHOLOGY_PATCH
from mammo_core.zoo.catalog import get_backbone

DATA = DataConfig(folder="phantoms", adapter="phantom_set", label_rule="lesion")


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_recipe_gives_settings_that_hold(recipe: Recipe) -> None:
    task = CANCER
    if recipe.datasets and recipe.label_rule:
        task = get_label_rule(get_adapter(recipe.datasets[0]), recipe.label_rule).task
    config = recipe.configure(DATA, task)
    config.check()
    assert get_backbone(config.model.backbone)
    assert get_recipe(recipe.name) is recipe


FORMS = ("conv2", "conv2-dropout", "conv2-weighted", "conv2-oversampled")


def test_the_two_convolutions_come_in_four_forms_that_differ_in_what_they_are_named_for() -> None:
    plain, dropped, weighted, oversampled = (
        replace(get_recipe(name).configure(DATA, CANCER), recipe="") for name in FORMS
    )
    assert (plain.model.dropout, plain.optim.weight_decay) == (0.0, 0.0)
    assert (dropped.model.dropout, dropped.optim.weight_decay) == (0.5, 1e-4)
    assert plain.balance == dropped.balance == BalanceConfig()
    assert weighted.balance == BalanceConfig(class_weights="balanced")
    assert oversampled.balance == BalanceConfig(sampler="oversample", positive_share=0.5)
    for form in (plain, weighted, oversampled):
        as_dropped = replace(
            form,
            model=replace(form.model, dropout=0.5),
            optim=replace(form.optim, weight_decay=1e-4),
            balance=BalanceConfig(),
        )
        assert as_dropped == dropped
    assert not any(form.balance.warnings() for form in (plain, dropped, weighted, oversampled))


def test_the_three_convolutions_take_density_and_pathology_at_once() -> None:
    task = get_label_rule(get_adapter("density_folders"), "density-pathology").task
    config = get_recipe("conv3-dense3").configure(DATA, task)
    config.check()
    assert config.model.backbone == "conv3_dense3"
    assert len(config.task.classes) == 8


def test_an_unknown_recipe_lists_the_known() -> None:
    with pytest.raises(UnknownNameError, match=r"no recipe named 'soup'. Known: .*smoke"):
        get_recipe("soup")


def test_settings_are_changed_by_their_dotted_names() -> None:
    config = get_recipe("smoke").configure(DATA, CANCER)
    changed = with_changes(
        config, {"optim.epochs": "3", "prepare.size": "[64, 32]", "data.folder": "other"}
    )
    assert changed.optim.epochs == 3
    assert changed.prepare.size == (64, 32)
    assert changed.data.folder == "other"
    assert changed.model == config.model


@pytest.mark.parametrize("name", ["optim.epoch", "epochs", "optim.epochs.last", ""])
def test_an_unknown_setting_is_refused(name: str) -> None:
    config = get_recipe("smoke").configure(DATA, CANCER)
    with pytest.raises(ConfigError, match="There is no setting"):
        with_changes(config, {name: "3"})


def test_another_backbone_brings_its_own_normalisation() -> None:
    config = with_backbone(get_recipe("smoke").configure(DATA, CANCER), "resnet18")
    assert config.model.backbone == "resnet18"
    assert config.prepare.mean == (0.449,)
    assert config.prepare.std == (0.226,)


def test_another_backbone_takes_its_weights_and_grey_levels_along() -> None:
    config = get_recipe("linear-probe").configure(DATA, CANCER)
    changed = with_changes(config, {"model.backbone": "inception_v3"})
    assert changed.model.weights == "inception_v3-imagenet"
    assert (changed.prepare.mean, changed.prepare.std) == ((0.5,), (0.5,))
    named = with_changes(config, {"model.backbone": "resnet50", "model.weights": "mine"})
    assert (named.model.backbone, named.model.weights) == ("resnet50", "mine")
    scratch = with_changes(config, {"model.backbone": "light_cnn"})
    assert scratch.model.weights == "random"  # there are none to be had
    with pytest.raises(UnknownNameError, match="There is no backbone named 'resnet52'"):
        with_changes(config, {"model.backbone": "resnet52"})


def test_no_two_recipes_have_a_name_or_a_title_in_common() -> None:
    """The address of the Train page names a recipe by either."""
    names = [*(one.name for one in RECIPES), *(one.title for one in RECIPES)]
    assert sorted(set(names)) == sorted(names)


def test_another_kind_of_patches_takes_its_classes_along() -> None:
    config = get_recipe("lesion-patches").configure(DATA, CANCER)
    assert config.task == LESION_PATCH
    assert with_changes(config, {"patches.kind": "pathology"}).task == PATHOLOGY_PATCH


def test_no_two_published_figures_share_a_title_and_every_recipe_names_its_own() -> None:
    titles = [row.title for row in PUBLISHED]
    assert len(set(titles)) == len(titles)
    for recipe in RECIPES:
        assert {row.title for row in published_of(recipe)} == set(recipe.published)
    (beside,) = published_of(get_recipe("cbis-two-views"))
    assert (beside.dataset, beside.auc) == ("cbis_ddsm", 0.8658)


def test_a_run_stands_beside_no_figure_reached_on_another_data_set() -> None:
    config = get_recipe("cmmd-conv2-done-right").configure(DATA, CANCER)
    assert titles_of(config) == ("Student project, after its oversampled copies left the test set",)
