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
from mammo_core.types import Size, Task
from mammo_core.zoo.catalog import RANDOM, get_backbone


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


def _imagenet(size: Size) -> PrepareSettings:
    """Images as a network expects them that has seen ImageNet, in grey."""
    return PrepareSettings(size=size, mean=(0.449,), std=(0.226,))


#: The four forms of the two-convolution network share all but what each is named for.
_PLAIN: Final = OptimConfig(
    epochs=30, batch_size=32, optimizer="adam", learning_rate=1e-3, weight_decay=0.0
)
_WITH_L2: Final = replace(_PLAIN, weight_decay=1e-4)
_DROPOUT: Final = ModelConfig(backbone="conv2", dropout=0.5)

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
    Recipe(
        name="linear-probe",
        title="Linear probe",
        summary=(
            "The last layer alone, on a network that has seen ImageNet: minutes on a laptop. What "
            "it reaches is the least a longer training must beat."
        ),
        model=ModelConfig(backbone="mobilenetv2_100", weights="mobilenetv2_100-imagenet"),
        prepare=_imagenet((512, 256)),
        balance=BalanceConfig(class_weights="balanced"),
        optim=OptimConfig(
            epochs=20, batch_size=32, learning_rate=3e-4, trained="linear", cached_variants=2
        ),
    ),
    Recipe(
        name="last-stages",
        title="Last stages",
        summary="The last two stages and the head, on kept features of the rest: still a laptop.",
        model=ModelConfig(
            backbone="mobilenetv2_100", weights="mobilenetv2_100-imagenet", dropout=0.2
        ),
        prepare=_imagenet((512, 256)),
        balance=BalanceConfig(class_weights="balanced"),
        optim=OptimConfig(
            epochs=8,
            batch_size=32,
            learning_rate=1e-4,
            ema_decay=0.99,
            trained="last_stages",
            last_stages=2,
            cached_variants=4,
        ),
    ),
    Recipe(
        name="norms",
        title="Norms and head",
        summary=(
            "BatchNorm and the head: adapts a network to the grey levels of other machines. A GPU "
            "helps."
        ),
        model=ModelConfig(backbone="resnet18", weights="resnet18-imagenet"),
        prepare=_imagenet((1024, 512)),
        balance=BalanceConfig(class_weights="balanced"),
        optim=OptimConfig(epochs=15, batch_size=16, learning_rate=1e-3, trained="norm_and_head"),
    ),
    Recipe(
        name="full",
        title="Full training",
        summary="Everything, with averaged weights and more cancers per batch. Needs a GPU.",
        model=ModelConfig(
            backbone="convnext_small", weights="convnext_small-imagenet", pooling="max", dropout=0.3
        ),
        prepare=_imagenet((1536, 768)),
        augment=AugmentConfig(
            rotation_degrees=20.0, zoom=0.15, gamma=0.2, noise=0.02, elastic=0.02, blackout=0.2
        ),
        balance=BalanceConfig(
            sampler="oversample",
            positive_share=0.25,
            positives_per_batch=1,
            positive_smoothing=0.1,
        ),
        optim=OptimConfig(
            epochs=24,
            batch_size=8,
            accumulate=2,
            learning_rate=1e-4,
            weight_decay=0.05,
            ema_decay=0.999,
            patience=8,
        ),
    ),
    Recipe(
        name="conv2",
        title="Two convolutions, plain",
        summary="From scratch, nothing done against learning by heart, nor about cancers few.",
        model=ModelConfig(backbone="conv2"),
        prepare=PrepareSettings(size=(256, 256)),
        optim=_PLAIN,
    ),
    Recipe(
        name="conv2-dropout",
        title="Two convolutions, dropout and L2",
        summary="Against learning by heart: half of the dense layer dropped, large weights costly.",
        model=_DROPOUT,
        prepare=PrepareSettings(size=(256, 256)),
        optim=_WITH_L2,
    ),
    Recipe(
        name="conv2-weighted",
        title="Two convolutions, dropout, L2 and class weights",
        summary="Also about cancers few: an image of the rarer class weighs more in the loss.",
        model=_DROPOUT,
        prepare=PrepareSettings(size=(256, 256)),
        balance=BalanceConfig(class_weights="balanced"),
        optim=_WITH_L2,
    ),
    Recipe(
        name="conv2-oversampled",
        title="Two convolutions, dropout, L2 and oversampling",
        summary=(
            "Instead of weights: training images of cancer are shown again, changed anew, until "
            "they are half. Never test images."
        ),
        model=_DROPOUT,
        prepare=PrepareSettings(size=(256, 256)),
        balance=BalanceConfig(sampler="oversample", positive_share=0.5),
        optim=_WITH_L2,
    ),
    Recipe(
        name="conv3-dense3",
        title="Three convolutions, three dense layers",
        summary=(
            "From scratch, with BatchNorm; made for telling density and pathology apart at once, "
            "eight classes, the rare ones weighing more."
        ),
        model=ModelConfig(backbone="conv3_dense3", dropout=0.3),
        prepare=PrepareSettings(size=(224, 224)),
        balance=BalanceConfig(class_weights="balanced"),
        optim=_WITH_L2,
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
    if name == config.model.backbone:
        return config
    weights = f"{name}-{backbone.pretrained_on}" if config.model.weights != RANDOM else RANDOM
    weights = weights if backbone.hub else RANDOM
    model = replace(config.model, backbone=name, weights=weights)
    return replace(config, model=model, prepare=prepare)


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
