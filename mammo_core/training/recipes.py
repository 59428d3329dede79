"""The recipes a training starts from. To add one, add one entry. Data only: no torch is loaded."""

import json
from dataclasses import dataclass, field, replace
from typing import Any, Final

from mammo_core.config import (
    AugmentConfig,
    BalanceConfig,
    DataConfig,
    ModelConfig,
    OptimConfig,
    PrepareSettings,
    RunConfig,
)
from mammo_core.errors import ConfigError, UnknownNameError
from mammo_core.records import from_document, to_document
from mammo_core.types import Task
from mammo_core.zoo.catalog import get_backbone


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Settings that work, and what they are good for."""

    name: str
    title: str
    summary: str
    model: ModelConfig
    prepare: PrepareSettings
    optim: OptimConfig
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    balance: BalanceConfig = field(default_factory=BalanceConfig)

    def configure(self, data: DataConfig, task: Task) -> RunConfig:
        """The settings of a run by this recipe on `data`."""
        return RunConfig(
            data=data,
            model=self.model,
            prepare=self.prepare,
            augment=self.augment,
            balance=self.balance,
            optim=self.optim,
            task=task,
        )


RECIPES: Final[tuple[Recipe, ...]] = (
    Recipe(
        name="smoke",
        title="Smoke test",
        summary="Does everything work? A light network on small images, minutes on any computer.",
        model=ModelConfig(backbone="light_cnn", pooling="max"),
        prepare=PrepareSettings(size=(256, 128)),
        balance=BalanceConfig(sampler="oversample", positive_share=0.35),
        optim=OptimConfig(epochs=40, batch_size=16, learning_rate=1e-3),
    ),
)


def get_recipe(name: str) -> Recipe:
    for recipe in RECIPES:
        if recipe.name == name:
            return recipe
    raise UnknownNameError("recipe", name, (recipe.name for recipe in RECIPES))


def with_backbone(config: RunConfig, name: str) -> RunConfig:
    """`config` with another backbone, its images normalised as that backbone expects."""
    backbone = get_backbone(name)
    channels = config.prepare.channels
    prepare = replace(
        config.prepare, mean=(backbone.mean,) * channels, std=(backbone.std,) * channels
    )
    return replace(config, model=replace(config.model, backbone=name), prepare=prepare)


def with_changes(config: RunConfig, changes: dict[str, str]) -> RunConfig:
    """`config` with settings changed by their dotted names, as in `optim.epochs=3`."""
    document = to_document(config)
    for name, text in changes.items():
        *parents, last = name.split(".")
        place = document
        for parent in parents:
            place = place.get(parent) if isinstance(place, dict) else None
        if not isinstance(place, dict) or last not in place:
            raise ConfigError(f"There is no setting {name!r}. Settings are named as in run.json.")
        place[last] = _value(text)
    return from_document(document, RunConfig, where="the settings")


def _value(text: str) -> Any:
    """JSON where it is JSON (3, true, [512, 256]), else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text
