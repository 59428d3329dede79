"""3,383 screening images as a Roboflow export, positive or negative: four networks, last layers."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from mammo_core.config import AugmentConfig, BalanceConfig, OptimConfig
from mammo_core.training.recipes.recipe import (
    UNCHANGED,
    Dealing,
    Manner,
    Recipe,
    as_stored,
    imagenet,
    normalised,
    pretrained,
)

_PROJECT: Final = "3,383 images (Roboflow)"
#: name, title, backbone
_ENTRIES: Final = (
    ("resnet50", "ResNet-50", "resnet50"),
    ("resnet101", "ResNet-101", "resnet101"),
    ("efficientnetv2", "EfficientNetV2-S", "efficientnetv2_s"),
    ("convnext", "ConvNeXt-Tiny", "convnext_tiny"),
)


def _both(name: str, title: str, backbone: str) -> Iterator[Recipe]:
    published = Recipe(
        name=f"roboflow-{name}-as-published",
        title=f"{title}, last layers, split by image, as published",
        summary=(
            "Images dealt out, not women; flips, rotations, black rectangles; last layers tuned. "
            "Size, how many layers, learning rate and epochs are ours."
        ),
        project=_PROJECT,
        kind=Manner.AS_PUBLISHED,
        datasets=("roboflow", "rsna_export", "class_folders"),
        label_rule="folder",
        model=pretrained(backbone),
        prepare=normalised(as_stored((224, 224)), backbone),
        augment=replace(UNCHANGED, flip=0.5, mirror=0.5, rotation_degrees=15.0, blackout=0.5),
        optim=OptimConfig(
            epochs=15,
            batch_size=32,
            optimizer="adam",
            learning_rate=1e-4,
            weight_decay=0.0,
            trained="last_layers",
            last_layers=20,
        ),
        dealing=Dealing(is_by_image=True, val_fraction=0.15, test_fraction=0.15),
        threshold="half",
        published=("Student project, 3,383 images",),
        defects=(
            "Images of one woman lie on both sides of the split, though their names tell whose "
            "they are.",
            "Calcifications do not survive 224 x 224 pixels; every frame is stretched to a square.",
        ),
    )
    yield published
    yield replace(
        published,
        name=f"roboflow-{name}-done-right",
        title=f"{title}, last layers, done right",
        summary=(
            "Women dealt out, the breast cropped with its shape kept, more positives per epoch, "
            "threshold from validation."
        ),
        kind=Manner.DONE_RIGHT,
        prepare=normalised(imagenet((640, 320)), backbone),
        augment=AugmentConfig(),
        balance=BalanceConfig(sampler="oversample", positive_share=0.4),
        dealing=Dealing(),
        threshold="validation",
    )


ROBOFLOW: Final[tuple[Recipe, ...]] = tuple(
    recipe for entry in _ENTRIES for recipe in _both(*entry)
)
