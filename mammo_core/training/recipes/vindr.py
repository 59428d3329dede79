"""VinDr-Mammo: four networks at 128 x 128 pixels, BI-RADS 3 and above against the rest."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from mammo_core.config import AugmentConfig, BalanceConfig, ModelConfig, OptimConfig
from mammo_core.training.recipes.recipe import (
    UNCHANGED,
    Dealing,
    Manner,
    Recipe,
    as_stored,
    imagenet,
    pretrained,
)

_PROJECT: Final = "VinDr-Mammo, four networks"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Network:
    name: str
    title: str
    model: ModelConfig
    published: str
    weights: Literal["none", "balanced"] = "none"  # the loss, beside the sampler
    mean: float = 0.449
    std: float = 0.226


_ENTRIES: Final = (
    _Network(
        name="mobilenetv2",
        title="MobileNetV2",
        model=pretrained("mobilenetv2_100"),
        published="gitmurphy, MobileNetV2 at 128 x 128",
    ),
    _Network(
        name="resnet18",
        title="ResNet-18",
        model=pretrained("resnet18"),
        published="gitmurphy, ResNet18 at 128 x 128",
        weights="balanced",
    ),
    _Network(
        name="vgg16",
        title="VGG-16",
        model=pretrained("vgg16"),
        published="gitmurphy, VGG16 at 128 x 128",
        weights="balanced",
    ),
    _Network(
        name="resnet50",
        title="ResNet-50 from RadImageNet",
        model=ModelConfig(backbone="resnet50", weights="resnet50-radimagenet"),
        published="gitmurphy, ResNet50 from RadImageNet",
        mean=0.5,  # its weights expect -1 to 1
        std=0.5,
    ),
)

#: The breast by its grey levels, cut to the 2nd and 99th percentile, stretched; grey values from
#: 0 to 1 went in as they were, whatever the weights expect.
_PREPARE: Final = replace(
    as_stored((128, 128)),
    crop="breast",
    margin=0.0,
    is_masked=True,
    percentiles=(2.0, 99.0),
    channels=3,
    mean=(0.0,) * 3,
    std=(1.0,) * 3,
)
_OPTIM: Final = OptimConfig(
    epochs=10, batch_size=32, optimizer="adam", learning_rate=1e-4, weight_decay=0.0
)


def _both(entry: _Network) -> Iterator[Recipe]:
    told = "sampler and loss weighted" if entry.weights == "balanced" else "sampler weighted"
    published = Recipe(
        name=f"vindr-{entry.name}-as-published",
        title=f"{entry.title}, 128 x 128, as published",
        summary=(
            f"{told.capitalize()}, the official test set as validation, called from 0.5 on. "
            "Learning rate, optimiser and number of epochs are ours."
        ),
        project=_PROJECT,
        kind=Manner.AS_PUBLISHED,
        datasets=("vindr_mammo",),
        label_rule="birads-3",
        model=entry.model,
        prepare=_PREPARE,
        augment=replace(UNCHANGED, flip=0.3, mirror=0.3),
        balance=BalanceConfig(sampler="weighted", class_weights=entry.weights),
        optim=_OPTIM,
        dealing=Dealing(is_test_validation=True),
        threshold="half",
        published=(entry.published,),
        defects=(
            "The official test images choose the epoch.",
            "Calcifications do not survive 128 x 128 pixels; breasts are stretched to a square.",
            *(
                ("Sampler and loss both correct for few positives: scores rise for everyone.",)
                if entry.weights == "balanced"
                else ()
            ),
            "A threshold of 0.5 says nothing after such a correction.",
            "Not repeated here: finding rows counted as images (4,095 for 4,000 test images), "
            "flips of test images, DICOM turned into PNG without its window.",
        ),
    )
    yield published
    yield replace(
        published,
        name=f"vindr-{entry.name}-done-right",
        title=f"{entry.title}, 1024 x 512, done right",
        summary=(
            "Validation women out of the training exams, the breast cropped with its shape kept, "
            "one correction for few positives, threshold from validation."
        ),
        kind=Manner.DONE_RIGHT,
        prepare=replace(imagenet((1024, 512)), mean=(entry.mean,), std=(entry.std,)),
        augment=AugmentConfig(),
        balance=BalanceConfig(sampler="weighted", positive_share=0.25),
        optim=replace(_OPTIM, epochs=12, batch_size=16, optimizer="adamw", weight_decay=0.01),
        dealing=Dealing(),
        threshold="validation",
    )


VINDR: Final[tuple[Recipe, ...]] = tuple(recipe for entry in _ENTRIES for recipe in _both(entry))
