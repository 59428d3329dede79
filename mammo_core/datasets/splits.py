"""Who is trained on and who is tested on: by woman, never by image.

Two images of one woman are alike. If one is trained on and the other tested on, the test measures
memory. So whole groups (`group_id`) are dealt out: a woman, else an exam, else the copies of one
image. Every split gets its share of each class and, if asked, of the values of one more column.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from mammo_core.errors import TableError
from mammo_core.tables import check_splits, positive_of
from mammo_core.types import Split, Task

LEAKY: Final = "leaky split"
_MANY_VALUES: Final = 8  # a column of numbers with more is cut into thirds before it stratifies


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """Groups that lie in more than one split: a result made from such a split means nothing."""

    groups: tuple[str, ...]
    of_groups: int

    def __bool__(self) -> bool:
        return bool(self.groups)

    @property
    def stamp(self) -> str:
        """What stands beside every result of such a split; empty where there is no leak."""
        if not self:
            return ""
        return f"{LEAKY}: {len(self.groups)} of {self.of_groups} women are in several splits"


def find_leak(table: pd.DataFrame) -> Leak:
    """The leak of a manifest's split, or of a predictions table's."""
    splits = table.dropna(subset=["split"]).groupby("group_id")["split"].nunique()
    return Leak(groups=tuple(splits.index[splits > 1]), of_groups=len(splits))


def with_splits(
    manifest: pd.DataFrame,
    *,
    task: Task,
    val_fraction: float,
    test_fraction: float,
    seed: int,
    is_official_split: bool,
    stratify_by: str | None = None,
    is_leak_allowed: bool = False,
) -> pd.DataFrame:
    """`manifest`, its labelled images split. An official train and test split is kept if asked.

    An official split that leaks is refused, unless it was asked for by name.
    """
    labelled = manifest[manifest["label"].notna()]
    if is_official_split and {Split.TRAIN, Split.TEST} <= set(labelled["split"].dropna()):
        manifest = _with_validation(
            manifest, task=task, val_fraction=val_fraction, seed=seed, stratify_by=stratify_by
        )
    else:
        shares = {Split.VAL: val_fraction, Split.TEST: test_fraction}
        strata = strata_of(labelled, task=task, key="group_id", column=stratify_by)
        dealt = deal(strata, shares=shares, rest=Split.TRAIN, seed=seed)
        manifest = _placed(manifest, dealt, key="group_id")
    if not is_leak_allowed:
        check_splits(manifest)
    _refuse_one_sided(manifest, task)
    return manifest


def with_image_splits(
    manifest: pd.DataFrame, *, task: Task, val_fraction: float, test_fraction: float, seed: int
) -> pd.DataFrame:
    """A split by image, which leaks wherever a woman has several: to show what that does."""
    labelled = manifest[manifest["label"].notna()]
    shares = {Split.VAL: val_fraction, Split.TEST: test_fraction}
    strata = strata_of(labelled, task=task, key="image_id", column=None)
    return _placed(
        manifest, deal(strata, shares=shares, rest=Split.TRAIN, seed=seed), key="image_id"
    )


def with_folds(
    manifest: pd.DataFrame, *, task: Task, folds: int, seed: int, stratify_by: str | None = None
) -> pd.DataFrame:
    """`manifest` with its labelled images in `folds` parts (column `fold`, from 0), by group."""
    if folds < 2:
        raise TableError(f"{folds} folds are no cross-validation; at least 2 are.")
    labelled = manifest[manifest["label"].notna()]
    strata = strata_of(labelled, task=task, key="group_id", column=stratify_by)
    fewest = int(positive_groups(labelled, task).value_counts().min()) if len(strata) else 0
    if fewest < folds:
        raise TableError(
            f"{folds} folds need {folds} women of each class; one class has {fewest}. "
            "Choose fewer folds."
        )
    order = _shuffled(strata, seed)
    fold = {group: place % folds for place, group in enumerate(order)}
    numbers = manifest["group_id"].map(fold).where(manifest["label"].notna())
    return manifest.assign(fold=numbers.astype("Int64"))


def positive_groups(labelled: pd.DataFrame, task: Task) -> "pd.Series[bool]":
    """Per group whether any of its images is positive."""
    positive = positive_of(labelled["label"], task)
    return positive.groupby(labelled["group_id"]).any()


def strata_of(
    labelled: pd.DataFrame, *, task: Task, key: str, column: str | None
) -> "pd.Series[Any]":
    """Per group its stratum: its highest class, and its value of `column`."""
    place = labelled["label"].map({name: place for place, name in enumerate(task.classes)})
    highest = place.groupby(labelled[key]).max().astype(int).astype("string")
    if column is None:
        return highest
    if column not in labelled or labelled[column].isna().all():
        raise TableError(f"The split cannot be stratified by {column}: no image tells it.")
    value = labelled[column]
    if pd.api.types.is_numeric_dtype(value) and value.nunique() > _MANY_VALUES:
        value = pd.Series(pd.qcut(value.astype("float64"), 3, duplicates="drop"))
    value = value.astype("string").fillna("unknown")
    return highest + " " + value.groupby(labelled[key]).first()


def deal(
    strata: "pd.Series[Any]", *, shares: Mapping[Split, float], rest: Split, seed: int
) -> dict[str, Split]:
    """Which split each group goes to: `shares` of every stratum, what is left to `rest`.

    Groups come stratum by stratum, in random order within; each goes to the split that lacks most.
    So every stratum gets its shares to within one group, and so does the whole.
    """
    wanted = {**shares, rest: 1.0 - sum(shares.values())}
    given = dict.fromkeys(wanted, 0)
    dealt = {}
    for place, group in enumerate(_shuffled(strata, seed), start=1):
        split = max(wanted, key=lambda split: wanted[split] * place - given[split])
        given[split] += 1
        dealt[group] = split
    return dealt


def _placed(manifest: pd.DataFrame, dealt: Mapping[str, Split], *, key: str) -> pd.DataFrame:
    splits = manifest[key].map(dict(dealt)).astype("string")
    return manifest.assign(split=splits.where(manifest["label"].notna()))


def _shuffled(strata: "pd.Series[Any]", seed: int) -> Sequence[str]:
    """Stratum by stratum, in an order that depends on the seed and not on that of the rows."""
    rng = np.random.default_rng(seed)
    strata = strata.sort_index()
    order: list[str] = []
    for stratum in sorted(strata.unique()):
        groups = strata.index[strata == stratum]
        order.extend(groups[rng.permutation(len(groups))])
    return order


def _with_validation(
    manifest: pd.DataFrame, *, task: Task, val_fraction: float, seed: int, stratify_by: str | None
) -> pd.DataFrame:
    """The official split, a validation part taken from its training women if it brings none."""
    if (manifest["split"] == Split.VAL).any():
        return manifest
    is_training = (manifest["split"] == Split.TRAIN).fillna(value=False)
    training = manifest[is_training & manifest["label"].notna()]
    strata = strata_of(training, task=task, key="group_id", column=stratify_by)
    dealt = deal(strata, shares={Split.VAL: val_fraction}, rest=Split.TRAIN, seed=seed)
    moved = manifest["group_id"].map(dealt).astype("string")
    return manifest.assign(split=manifest["split"].mask(is_training & moved.notna(), moved))


def _refuse_one_sided(manifest: pd.DataFrame, task: Task) -> None:
    positive = positive_of(manifest["label"], task)
    for split in Split:
        part = positive[manifest["split"] == split].dropna()
        if part.all() or not part.any():
            raise TableError(
                f"Of {len(part)} labelled images in the {split} split {int(part.sum())} are "
                f"positive. Every split needs both classes: more women, or another share."
            )
