"""CMMD, benign or malignant: two convolutions in four forms, ResNet-50 in four; MIAS beside it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from mammo_core.config import (
    AugmentConfig,
    BalanceConfig,
    ModelConfig,
    OptimConfig,
    PrepareSettings,
)
from mammo_core.training.recipes.recipe import (
    UNCHANGED,
    Dealing,
    Manner,
    Recipe,
    imagenet,
    normalised,
    pretrained,
)

_PROJECT: Final = "CMMD and MIAS"
_WITHOUT_COPIES: Final = "Student project, after its oversampled copies left the test set"
_WITH_COPIES: Final = "Student project, with oversampled copies in the test set"
_ON_MIAS: Final = "The same model on MIAS"

_PLAIN: Final = OptimConfig(
    epochs=60, batch_size=32, optimizer="adam", learning_rate=1e-3, weight_decay=0.0
)
_WITH_L2: Final = replace(_PLAIN, weight_decay=1e-4)
_TUNED: Final = replace(_PLAIN, learning_rate=1e-5)
#: Their size; the breast cropped and padded already.
_SCRATCH: Final = PrepareSettings(size=(600, 600), mean=(0.5,), std=(0.25,))
_AUGMENT: Final = replace(UNCHANGED, flip=0.5, mirror=0.5, rotation_degrees=15.0, zoom=0.1)
_RESNET: Final = pretrained("resnet50")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """`is_oversampled`: before the split as published, in training alone done right."""

    name: str
    title: str
    model: ModelConfig
    optim: OptimConfig = _PLAIN
    weights: Literal["none", "balanced"] = "none"
    is_oversampled: bool = False


_ENTRIES: Final = (
    _Form(name="conv2", title="Two convolutions", model=ModelConfig(backbone="conv2")),
    _Form(
        name="conv2-dropout",
        title="Two convolutions, dropout and L2",
        model=ModelConfig(backbone="conv2", dropout=0.5),
        optim=_WITH_L2,
    ),
    _Form(
        name="conv2-weighted",
        title="Two convolutions, dropout, L2, class weights",
        model=ModelConfig(backbone="conv2", dropout=0.5),
        optim=_WITH_L2,
        weights="balanced",
    ),
    _Form(
        name="conv2-oversampled",
        title="Two convolutions, dropout, L2, oversampled",
        model=ModelConfig(backbone="conv2", dropout=0.5),
        optim=_WITH_L2,
        is_oversampled=True,
    ),
    _Form(
        name="resnet50-frozen",
        title="ResNet-50, frozen",
        model=_RESNET,
        optim=replace(_PLAIN, trained="linear"),
    ),
    _Form(
        name="resnet50-last30",
        title="ResNet-50, last 30 layers",
        model=_RESNET,
        optim=replace(_TUNED, trained="last_layers", last_layers=30),
    ),
    _Form(
        name="resnet50-oversampled",
        title="ResNet-50, frozen, oversampled",
        model=_RESNET,
        optim=replace(_PLAIN, trained="linear"),
        is_oversampled=True,
    ),
    _Form(
        name="resnet50-oversampled-tuned",
        title="ResNet-50, last 30 layers, oversampled",
        model=_RESNET,
        optim=replace(_TUNED, trained="last_layers", last_layers=30),
        is_oversampled=True,
    ),
)

_JOINED: Final = (
    "Not repeated here: labels joined on the patient alone, which gave 120 images both labels and "
    "1,458 images of breasts nobody biopsied a label."
)
_COPIED: Final = (
    "Copies of the rarer class were made before the split, so the same mammogram is trained and "
    "tested on. Here the copies in the test set are as stored, theirs were changed at random."
)


def _both(entry: _Form) -> Iterator[Recipe]:
    is_scratch = entry.model.backbone == "conv2"
    told = "oversampled before the split" if entry.is_oversampled else "60 epochs in batches of 32"
    published = Recipe(
        name=f"cmmd-{entry.name}-as-published",
        title=f"{entry.title}, 600 x 600, split by image, as published",
        summary=(
            f"Cropped and padded to 600 x 600, {told}, images dealt out, called from 0.5 on. "
            "Learning rates and changes to the images are ours."
        ),
        project=_PROJECT,
        kind=Manner.AS_PUBLISHED,
        datasets=("cmmd",),
        label_rule="biopsy",
        model=entry.model,
        prepare=_SCRATCH if is_scratch else imagenet((600, 600)),
        augment=_AUGMENT if entry.is_oversampled else UNCHANGED,
        balance=BalanceConfig(class_weights=entry.weights),
        optim=entry.optim,
        dealing=Dealing(
            is_by_image=True,
            has_copies=entry.is_oversampled,
            val_fraction=0.1,
            test_fraction=0.2,
        ),
        threshold="half",
        published=_published_of(entry),
        defects=(
            "The two views of a breast, and both breasts, lie on both sides of the split.",
            *((_COPIED,) if entry.is_oversampled else ()),
            _JOINED,
        ),
    )
    yield published
    yield replace(
        published,
        name=f"cmmd-{entry.name}-done-right",
        title=f"{entry.title}, done right",
        summary=(
            "Women dealt out, the cohorts D1 and D2 in equal shares; "
            + ("the rarer class shown again in training alone; " * entry.is_oversampled)
            + "threshold from validation. Score MIAS with it for an external test."
        ),
        kind=Manner.DONE_RIGHT,
        prepare=replace(published.prepare, size=(1024, 512)),
        augment=AugmentConfig(),
        balance=BalanceConfig(
            class_weights=entry.weights, sampler="even" if entry.is_oversampled else "none"
        ),
        optim=replace(
            entry.optim,
            epochs=30,
            patience=8,
            cached_variants=2 if entry.optim.trained == "linear" else 0,
        ),
        dealing=Dealing(stratify_by="site"),
        threshold="validation",
    )


def _published_of(entry: _Form) -> tuple[str, ...]:
    """The figures are of the two convolutions; which of their forms is not told for all."""
    if entry.model.backbone != "conv2":
        return ()
    return (_WITH_COPIES,) if entry.is_oversampled else (_WITHOUT_COPIES, _ON_MIAS)


#: name, title, backbone, size
_FIXED: Final = (
    ("vgg16", "VGG-16", "vgg16", (448, 224)),
    ("inceptionv3", "Inception v3", "inception_v3", (598, 299)),
    ("resnet50", "ResNet-50", "resnet50", (448, 224)),
)


def _density(name: str, title: str, backbone: str, size: tuple[int, int]) -> Recipe:
    return Recipe(
        name=f"mias-density-{name}",
        title=f"Tissue of MIAS films, {title} as fixed features",
        summary=(
            "Fatty, fatty-glandular or dense-glandular from the features of a network that has "
            "seen ImageNet, only the last layer trained; women in folds, as they are few."
        ),
        project=_PROJECT,
        kind=Manner.DONE_RIGHT,
        datasets=("mias",),
        label_rule="tissue",
        model=pretrained(backbone),
        prepare=normalised(imagenet(size), backbone),
        balance=BalanceConfig(class_weights="balanced"),
        optim=OptimConfig(
            epochs=30, batch_size=16, learning_rate=1e-3, trained="linear", cached_variants=2
        ),
        folds=5,
        defects=("322 films of 161 women: every interval is wide.",),
    )


CMMD: Final[tuple[Recipe, ...]] = (
    *(recipe for entry in _ENTRIES for recipe in _both(entry)),
    *(_density(*entry) for entry in _FIXED),
)
