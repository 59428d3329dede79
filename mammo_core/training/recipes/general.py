"""Recipes of no project: from a smoke test to a full training, for any data set."""

from dataclasses import replace
from typing import Final

from mammo_core.config import (
    AugmentConfig,
    BalanceConfig,
    ModelConfig,
    OptimConfig,
    PrepareSettings,
)
from mammo_core.training.recipes.recipe import Recipe, imagenet

#: The four forms of the two-convolution network share all but what each is named for.
_PLAIN: Final = OptimConfig(
    epochs=30, batch_size=32, optimizer="adam", learning_rate=1e-3, weight_decay=0.0
)
_WITH_L2: Final = replace(_PLAIN, weight_decay=1e-4)
_DROPOUT: Final = ModelConfig(backbone="conv2", dropout=0.5)

GENERAL: Final[tuple[Recipe, ...]] = (
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
        prepare=imagenet((512, 256)),
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
        prepare=imagenet((512, 256)),
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
        prepare=imagenet((1024, 512)),
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
        prepare=imagenet((1536, 768)),
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
