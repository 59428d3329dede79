"""What the field does, and none of the five projects did."""

from dataclasses import replace
from typing import Final

from mammo_core.config import AugmentConfig, BalanceConfig, ModelConfig, OptimConfig, PatchConfig
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
    published=("Petrini and Kim 2025, two views, VinDr-Mammo",),
)

#: Grey levels and sharpness change widely, or film against detector is what is learnt.
_LESIONS: Final = Recipe(
    name="lesion-patches",
    title="Lesions, from patches around boxes",
    summary=(
        "A lesion against tissue elsewhere in the same images, in later epochs against what looks "
        "most like one. Half an hour on a laptop; a training on whole images starts from it."
    ),
    project=_PROJECT,
    model=pretrained("mobilenetv2_100"),
    prepare=imagenet((640, 416)),
    augment=AugmentConfig(
        rotation_degrees=180.0,
        zoom=0.25,
        shift=0.08,
        brightness=0.1,
        contrast=0.25,
        gamma=0.25,
        sharpness=0.7,
    ),
    optim=OptimConfig(
        epochs=8,
        batch_size=32,
        learning_rate=3e-4,
        weight_decay=1e-3,
        warmup_epochs=0,
        ema_decay=0.99,
    ),
    patches=PatchConfig(),
)
_WHOLE: Final = Recipe(
    name="whole-from-patches",
    title="Whole images, from what patches taught",
    summary=(
        "Every weight trained, gently, from the newest run of lesion-patches; mean and maximum of "
        "the last map side by side, averaged weights. Hours on a laptop."
    ),
    project=_PROJECT,
    model=replace(pretrained("mobilenetv2_100", dropout=0.3), pooling="avgmax"),
    prepare=imagenet((544, 352)),
    augment=AugmentConfig(
        rotation_degrees=15.0, zoom=0.12, shift=0.04, contrast=0.2, gamma=0.25, sharpness=0.3
    ),
    balance=BalanceConfig(label_smoothing=0.03, positive_smoothing=0.07),
    optim=OptimConfig(
        epochs=3,
        batch_size=16,
        learning_rate=2e-4,
        head_rate=0.5,  # means and maxima are 2,560 numbers: a step moves all of them
        warmup_epochs=1,
        ema_decay=0.995,
    ),
    continues="lesion-patches",
)

#: Density is a matter of how much is bright: grey levels change little, and no detail is needed.
_DENSITY: Final = Recipe(
    name="density-ordinal",
    title="Density A to D, in their order",
    summary=(
        "How dense the breast is, as a radiologist graded it; the loss knows that D is further "
        "from A than B is, and quadratic kappa on validation chooses the epoch. About a quarter of "
        "an hour for a thousand images on a laptop."
    ),
    project=_PROJECT,
    kind=Manner.DONE_RIGHT,
    datasets=("rsna_2022", "rsna_export", "vindr_mammo", "inbreast", "cbis_ddsm", "csv_folder"),
    label_rule="density",
    model=pretrained("mobilenetv2_100", dropout=0.3),
    prepare=imagenet((352, 224)),
    augment=AugmentConfig(
        rotation_degrees=15.0, zoom=0.15, shift=0.04, brightness=0.03, contrast=0.1, gamma=0.1
    ),
    balance=BalanceConfig(class_weights="root"),
    optim=OptimConfig(
        epochs=6,
        batch_size=16,
        learning_rate=2e-4,
        head_rate=5.0,
        warmup_epochs=1,
        ema_decay=0.98,
        loss="cumulative",
        monitor="kappa",
    ),
)

BEYOND: Final[tuple[Recipe, ...]] = (
    _LESIONS,
    _WHOLE,
    _DENSITY,
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
        published=("Petrini and Kim 2025, two views, CBIS-DDSM",),
    ),
)
