"""Eight classes, density 1 to 4 by benign or malignant: a small network from scratch."""

from dataclasses import replace
from typing import Final

from mammo_core.config import AugmentConfig, BalanceConfig, ModelConfig, OptimConfig
from mammo_core.training.recipes.recipe import UNCHANGED, Dealing, Manner, Recipe, as_stored

_PUBLISHED: Final = Recipe(
    name="density-conv3-as-published",
    title="Three convolutions, eight classes, split by image, as published",
    summary=(
        "From scratch on 224 x 224 after a Laplacian filter, 45 epochs, the rate lowered on a "
        "plateau. The score is the sum of the four malignant classes. Batch size, rate, patience "
        "and factor are ours."
    ),
    project="Density and pathology, eight classes",
    kind=Manner.AS_PUBLISHED,
    datasets=("density_folders",),
    label_rule="density-pathology",
    model=ModelConfig(backbone="conv3_dense3"),
    prepare=replace(as_stored((224, 224)), filter="laplacian", mean=(0.5,), std=(0.25,)),
    augment=UNCHANGED,
    optim=OptimConfig(
        epochs=45,
        batch_size=32,
        optimizer="adam",
        learning_rate=1e-3,
        weight_decay=0.0,
        warmup_epochs=0,
        schedule="plateau",
        plateau_patience=3,
        plateau_factor=0.5,
        monitor="loss",
    ),
    dealing=Dealing(is_by_image=True, val_fraction=0.15, test_fraction=0.15),
    threshold="half",
    published=("Public notebooks, density folders",),
    defects=(
        "Every original is there 54 times, turned and mirrored: any split by image tests on "
        "mammograms that were trained on.",
        "The labelled part is 106 originals; Density4Malignant is one mammogram.",
    ),
)

DENSITY: Final[tuple[Recipe, ...]] = (
    _PUBLISHED,
    replace(
        _PUBLISHED,
        name="density-conv3-done-right",
        title="Three convolutions, eight classes, done right",
        summary=(
            "The same network, but all copies of an original stay together, rarer classes weigh "
            "more, and the threshold comes from validation. A class of one original is tested or "
            "trained on, never both."
        ),
        kind=Manner.DONE_RIGHT,
        model=ModelConfig(backbone="conv3_dense3", dropout=0.3),
        augment=AugmentConfig(mirror=0.5),
        balance=BalanceConfig(class_weights="balanced"),
        optim=replace(_PUBLISHED.optim, weight_decay=1e-4),
        dealing=Dealing(),
        threshold="validation",
    ),
)
