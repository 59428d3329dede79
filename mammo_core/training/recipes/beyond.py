"""What the field does, and none of the five projects did.

A recipe that learns from patches first and from whole images then belongs here.
"""

from dataclasses import replace
from typing import Final

from mammo_core.config import AugmentConfig, BalanceConfig, ModelConfig, OptimConfig
from mammo_core.training.recipes.recipe import Manner, Recipe, imagenet, pretrained

_PROJECT: Final = "Beyond them"
_STRONG: Final = AugmentConfig(
    flip=0.5,
    mirror=0.5,
    rotation_degrees=30.0,
    zoom=0.2,
    shift=0.1,
    brightness=0.1,
    contrast=0.2,
    gamma=0.2,
    noise=0.02,
    elastic=0.02,
    blackout=0.3,
)
_TWO_VIEWS: Final = Recipe(
    name="vindr-two-views",
    title="VinDr-Mammo, CC and MLO together",
    summary=(
        "Each image is scored with the other view of its breast beside it; published gains are "
        ".02 to .05 in AUC. A GPU helps."
    ),
    project=_PROJECT,
    kind=Manner.DONE_RIGHT,
    datasets=("vindr_mammo",),
    label_rule="birads-4",
    model=ModelConfig(
        backbone="efficientnet_b0", weights="efficientnet_b0-imagenet", dropout=0.3, views=2
    ),
    prepare=imagenet((1024, 512)),
    balance=BalanceConfig(sampler="oversample", positive_share=0.2),
    optim=OptimConfig(
        epochs=15, batch_size=8, accumulate=2, learning_rate=2e-4, ema_decay=0.99, patience=5
    ),
    published=("Petrini and Kim 2025, two views",),
)

BEYOND: Final[tuple[Recipe, ...]] = (
    Recipe(
        name="rsna-winner",
        title="RSNA 2022, after its winner",
        summary=(
            "ConvNeXt-S at 2048 x 1024, averaged weights, one cancer in eight and at least one in "
            "every batch, their labels softened; four folds. Needs a large GPU for days."
        ),
        project=_PROJECT,
        kind=Manner.DONE_RIGHT,
        datasets=("rsna_2022",),
        label_rule="cancer",
        model=pretrained("convnext_small", dropout=0.5, drop_path=0.2),
        prepare=imagenet((2048, 1024)),
        augment=_STRONG,
        balance=BalanceConfig(
            sampler="oversample",
            positive_share=0.125,
            positives_per_batch=1,
            positive_smoothing=0.15,
        ),
        optim=OptimConfig(
            epochs=24,
            batch_size=8,
            optimizer="sgd",
            learning_rate=3e-3,
            ema_decay=0.9998,
        ),
        folds=4,
        published=("Challenge, first place",),
        defects=("The winner also learnt from five other data sets, which helped by .02.",),
    ),
    Recipe(
        name="rsna-norms",
        title="RSNA 2022, BatchNorm and head",
        summary=(
            "Only the norms and the head learn: most of what another machine changes lies in the "
            "norms (DoSReMC, 2025). A laptop can, in hours."
        ),
        project=_PROJECT,
        kind=Manner.DONE_RIGHT,
        datasets=("rsna_2022", "rsna_export", "cbis_ddsm", "vindr_mammo"),
        model=pretrained("resnet18"),
        prepare=imagenet((1024, 512)),
        balance=BalanceConfig(sampler="oversample", positive_share=0.2),
        optim=OptimConfig(epochs=15, batch_size=16, learning_rate=1e-3, trained="norm_and_head"),
    ),
    _TWO_VIEWS,
    replace(
        _TWO_VIEWS,
        name="cbis-two-views",
        title="CBIS-DDSM, CC and MLO together",
        datasets=("cbis_ddsm",),
        label_rule="pathology",
        balance=BalanceConfig(),
        prepare=imagenet((1152, 576)),
    ),
)
