import pytest

from mammo_core.config import DataConfig
from mammo_core.errors import ConfigError, UnknownNameError
from mammo_core.training.recipes import RECIPES, Recipe, get_recipe, with_backbone, with_changes
from mammo_core.types import CANCER
from mammo_core.zoo.catalog import get_backbone

DATA = DataConfig(folder="phantoms", adapter="phantom_set", label_rule="lesion")


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_recipe_gives_settings_that_hold(recipe: Recipe) -> None:
    config = recipe.configure(DATA, CANCER)
    config.check()
    assert get_backbone(config.model.backbone)
    assert get_recipe(recipe.name) is recipe


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
