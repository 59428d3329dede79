"""CBIS-DDSM, benign or malignant: four networks, focal loss, folds, an ensemble, going on."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from mammo_core.config import AugmentConfig, BalanceConfig, ModelConfig, OptimConfig
from mammo_core.training.recipes.recipe import (
    UNCHANGED,
    Manner,
    Recipe,
    as_stored,
    imagenet,
    normalised,
    pretrained,
)

_PROJECT: Final = "CBIS-DDSM, four networks"
_ROWS: Final = (
    "Not repeated here: lesion rows counted as images (704 for 641 test images), so an image with "
    "three lesions counted three times."
)
_THRESHOLD: Final = (
    "The threshold is chosen on the test set. A sensitivity of .909 went with a specificity of "
    ".472: at 39 % positive rows that is right in 64 of 100."
)
_OVERLAP: Final = (
    "31 women are in the training and the test tables once masses and calcifications merge."
)

_BOTH_CORRECTED: Final = BalanceConfig(class_weights="balanced", focal_gamma=2.0)
#: Small turns and shifts, a little light: what a breast can do in a machine.
_MEDICAL: Final = replace(
    UNCHANGED,
    mirror=0.5,
    rotation_degrees=10.0,
    zoom=0.1,
    shift=0.05,
    brightness=0.1,
    contrast=0.1,
)
_OPTIM: Final = OptimConfig(
    epochs=30, batch_size=16, learning_rate=1e-4, patience=8, least_sensitivity=0.5
)
#: name, title, network, figures
_ENTRIES: Final[tuple[tuple[str, str, ModelConfig, tuple[str, ...]], ...]] = (
    (
        "vgg16",
        "VGG-16",
        pretrained("vgg16", dropout=0.5),
        (
            "Student project, VGG16, first",
            "Student project, VGG16, best",
            "Student project, VGG16, third",
        ),
    ),
    (
        "vgg16-medical",
        "VGG-16 with a larger head",
        ModelConfig(backbone="vgg16_medical", weights="vgg16_medical-imagenet", dropout=0.5),
        (),
    ),
    ("efficientnet", "EfficientNet-B0", pretrained("efficientnet_b0", dropout=0.3), ()),
    ("light", "Light CNN", ModelConfig(backbone="light_cnn", pooling="max", dropout=0.3), ()),
)


def _both(
    name: str, title: str, model: ModelConfig, published_as: tuple[str, ...]
) -> Iterator[Recipe]:
    is_scratch = model.backbone == "light_cnn"
    optim = replace(_OPTIM, learning_rate=1e-3) if is_scratch else _OPTIM
    published = Recipe(
        name=f"cbis-{name}-as-published",
        title=f"{title}, 224 x 224, as published",
        summary=(
            "Focal loss and class weights at once, medical changes to the images, a floor under "
            "the sensitivity, the threshold chosen on the test set. Size, rates, epochs are ours."
        ),
        project=_PROJECT,
        kind=Manner.AS_PUBLISHED,
        datasets=("cbis_ddsm",),
        label_rule="pathology",
        model=model,
        prepare=normalised(as_stored((224, 224)), model.backbone),
        augment=_MEDICAL,
        balance=_BOTH_CORRECTED,
        optim=optim,
        threshold="test",
        published=published_as,
        defects=(
            "Films are stretched to a square of 224 pixels, with their labels and borders.",
            _THRESHOLD,
            _ROWS,
            _OVERLAP,
        ),
    )
    yield published
    yield replace(
        published,
        name=f"cbis-{name}-done-right",
        title=f"{title}, 1152 x 576, done right",
        summary=(
            "Official test, its women taken out of training; validation women from training; the "
            "breast cropped out of the film, its shape kept; threshold from validation."
        ),
        kind=Manner.DONE_RIGHT,
        prepare=normalised(imagenet((1152, 576)), model.backbone),
        augment=AugmentConfig(),
        balance=BalanceConfig(),
        optim=replace(optim, batch_size=8, accumulate=2),
        threshold="validation",
    )


_PAIRS: Final[tuple[Recipe, ...]] = tuple(recipe for entry in _ENTRIES for recipe in _both(*entry))
_VGG16: Final = next(recipe for recipe in _PAIRS if recipe.name == "cbis-vgg16-done-right")

CBIS: Final[tuple[Recipe, ...]] = (
    *_PAIRS,
    replace(
        _VGG16,
        name="cbis-vgg16-folds",
        title="VGG-16 in five folds, done right",
        summary=(
            "Every woman scored once by a network that never saw her. Not comparable with figures "
            "on the official test."
        ),
        folds=5,
        published=(),
    ),
    replace(
        _VGG16,
        name="cbis-vgg16-ensemble",
        title="VGG-16 three times, averaged, done right",
        summary="Three seeds on the official split, their calibrated scores averaged.",
        seeds=3,
    ),
    replace(
        _VGG16,
        name="cbis-vgg16-continued",
        title="VGG-16, training gone on with, done right",
        summary=(
            "Goes on from the newest run of cbis-vgg16-done-right on the same data, at a tenth of "
            "the rate; its test women are the same."
        ),
        optim=replace(_VGG16.optim, learning_rate=1e-5, epochs=10),
        continues="cbis-vgg16-done-right",
    ),
)
