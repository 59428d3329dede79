"""What a recipe is. Data only: no torch is loaded, and no data set is read."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from mammo_core.config import (
    AugmentConfig,
    BalanceConfig,
    DataConfig,
    ModelConfig,
    OptimConfig,
    PatchConfig,
    PrepareSettings,
    RunConfig,
    Threshold,
)
from mammo_core.types import Size, Task
from mammo_core.zoo.catalog import get_backbone


class Manner(StrEnum):
    """`AS_PUBLISHED` keeps the mistakes of a project, each named; `DONE_RIGHT` has none of them."""

    OWN = "own"
    AS_PUBLISHED = "as published"
    DONE_RIGHT = "done right"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealing:
    """How a recipe's images come into splits; see the settings of the same names. The test set a
    data set brings is kept where women are dealt out.
    """

    is_by_image: bool = False
    has_copies: bool = False
    is_test_validation: bool = False
    val_fraction: float = 0.15
    test_fraction: float = 0.25
    stratify_by: str | None = None

    @property
    def is_leaky(self) -> bool:
        return self.is_by_image or self.has_copies or self.is_test_validation

    def deal(self, data: DataConfig) -> DataConfig:
        return replace(
            data,
            unit="image" if self.is_by_image else "woman",
            has_copies=self.has_copies,
            is_test_validation=self.is_test_validation,
            is_leak_allowed=self.is_leaky,
            val_fraction=self.val_fraction,
            test_fraction=self.test_fraction,
            stratify_by=self.stratify_by,
        )


BY_WOMAN = Dealing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Settings that work, and what they are good for.

    `datasets` are the adapters it was made for, none where it takes any; `published` are titles in
    `datasets/published.py`; `defects` are its known mistakes, or those it puts right.
    """

    name: str
    title: str
    summary: str
    model: ModelConfig
    prepare: PrepareSettings
    optim: OptimConfig
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    balance: BalanceConfig = field(default_factory=BalanceConfig)
    project: str = "General"
    kind: Manner = Manner.OWN
    datasets: tuple[str, ...] = ()
    label_rule: str = ""  # "": the first of the data set
    dealing: Dealing = BY_WOMAN
    folds: int = 0  # above 0, a run for each, and every woman scored by one that never saw her
    seeds: int = 0  # above 0, so many runs, averaged into one
    continues: str = ""  # the recipe whose newest run on the same data it goes on from
    patches: PatchConfig | None = None  # learnt from instead of whole images
    threshold: Threshold = "validation"  # where what is reported comes from
    published: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()

    def configure(self, data: DataConfig, task: Task) -> RunConfig:
        """The settings of a run by this recipe on `data`, split as `data` says."""
        return RunConfig(
            data=data,
            model=self.model,
            prepare=self.prepare,
            augment=self.augment,
            balance=self.balance,
            optim=self.optim,
            patches=self.patches,
            task=self.patches.task if self.patches else task,
            recipe=self.name,
            threshold=self.threshold,
        )

    def deal(self, data: DataConfig) -> DataConfig:
        """`data` split as the recipe says; a recipe of ours leaves that to whoever asks."""
        return data if self.kind is Manner.OWN else self.dealing.deal(data)


def imagenet(size: Size) -> PrepareSettings:
    """Images as a network expects them that has seen ImageNet, in grey."""
    return PrepareSettings(size=size, mean=(0.449,), std=(0.226,))


def as_stored(size: Size) -> PrepareSettings:
    """The whole image stretched into the frame, letters and all, the way most projects do it."""
    return PrepareSettings(
        size=size,
        crop="none",
        fit="stretch",
        is_turned=False,
        is_masked=False,
        mean=(0.449,),
        std=(0.226,),
    )


def normalised(settings: PrepareSettings, backbone: str) -> PrepareSettings:
    """`settings` with the grey levels that the weights of `backbone` expect."""
    entry, channels = get_backbone(backbone), settings.channels
    return replace(settings, mean=(entry.mean,) * channels, std=(entry.std,) * channels)


def pretrained(backbone: str, *, dropout: float = 0.0, drop_path: float = 0.0) -> ModelConfig:
    """`backbone` with the weights of ImageNet."""
    return ModelConfig(
        backbone=backbone, weights=f"{backbone}-imagenet", dropout=dropout, drop_path=drop_path
    )


#: Nothing changed at random: what a project that does not say so is taken to have done.
UNCHANGED = AugmentConfig(
    flip=0.0, rotation_degrees=0.0, zoom=0.0, shift=0.0, brightness=0.0, contrast=0.0
)
