"""The recipes a training starts from: ours, and those of the five projects this workbench
supersedes, each as it was published and done right. To add one, add one entry to the module of its
family. Data only: no torch is loaded.
"""

import json
from dataclasses import replace
from typing import Any, Final

from mammo_core.config import RunConfig
from mammo_core.errors import ConfigError, UnknownNameError
from mammo_core.records import from_document, to_document
from mammo_core.training.recipes.beyond import BEYOND
from mammo_core.training.recipes.cbis import CBIS
from mammo_core.training.recipes.cmmd import CMMD
from mammo_core.training.recipes.density import DENSITY
from mammo_core.training.recipes.general import GENERAL
from mammo_core.training.recipes.recipe import Manner, Recipe, normalised
from mammo_core.training.recipes.roboflow import ROBOFLOW
from mammo_core.training.recipes.vindr import VINDR
from mammo_core.zoo.catalog import RANDOM, get_backbone

__all__ = ("RECIPES", "Manner", "Recipe", "get_recipe", "with_backbone", "with_changes")

RECIPES: Final[tuple[Recipe, ...]] = (
    *GENERAL,
    *VINDR,
    *ROBOFLOW,
    *DENSITY,
    *CMMD,
    *CBIS,
    *BEYOND,
)


def get_recipe(name: str) -> Recipe:
    for recipe in RECIPES:
        if recipe.name == name:
            return recipe
    raise UnknownNameError("recipe", name, (recipe.name for recipe in RECIPES))


def with_backbone(config: RunConfig, name: str) -> RunConfig:
    """`config` with another backbone, its images normalised as that backbone expects."""
    backbone = get_backbone(name)
    prepare = normalised(config.prepare, name)
    if name == config.model.backbone:
        return config
    weights = f"{name}-{backbone.pretrained_on}" if config.model.weights != RANDOM else RANDOM
    weights = weights if backbone.hub else RANDOM
    model = replace(config.model, backbone=name, weights=weights)
    return replace(config, model=model, prepare=prepare)


_BACKBONE: Final = "model.backbone"


def with_changes(config: RunConfig, changes: dict[str, str]) -> RunConfig:
    """`config` with settings changed by their dotted names, as in `optim.epochs=3`. Another
    backbone takes its normalisation and its weights along, unless these are named as well; another
    kind of patches its classes.
    """
    if _BACKBONE in changes:
        config = with_backbone(config, changes[_BACKBONE])
    document = to_document(config)
    for name, text in changes.items():
        *parents, last = name.split(".")
        place = document
        for parent in parents:
            place = place.get(parent) if isinstance(place, dict) else None
        if not isinstance(place, dict) or last not in place:
            raise ConfigError(f"There is no setting {name!r}. Settings are named as in run.json.")
        place[last] = _value(text)
    changed = from_document(document, RunConfig, where="the settings")
    return replace(changed, task=changed.patches.task) if changed.patches else changed


def _value(text: str) -> Any:
    """JSON where it is JSON (3, true, [512, 256]), else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text
