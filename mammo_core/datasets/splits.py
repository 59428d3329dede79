"""Who is trained on and who is tested on: by woman, never by image.

Two images of one woman are alike. If one is trained on and the other tested on, the test measures
memory. So whole groups (`group_id`) are dealt out, the positive and the others separately, so that
every split gets its share of both.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mammo_core.errors import TableError
from mammo_core.tables import check_splits, positive_of
from mammo_core.types import Split, Task


def with_splits(
    manifest: pd.DataFrame,
    *,
    task: Task,
    val_fraction: float,
    test_fraction: float,
    seed: int,
    is_official_split: bool,
) -> pd.DataFrame:
    """`manifest`, its labelled images split. An official train and test split is kept if asked."""
    labelled = manifest[manifest["label"].notna()]
    if is_official_split and {Split.TRAIN, Split.TEST} <= set(labelled["split"].dropna()):
        manifest = _with_validation(manifest, task=task, val_fraction=val_fraction, seed=seed)
    else:
        shares = {Split.VAL: val_fraction, Split.TEST: test_fraction}
        dealt = deal_groups(labelled, task=task, shares=shares, rest=Split.TRAIN, seed=seed)
        is_labelled = manifest["label"].notna()
        splits = manifest["group_id"].map(dealt).astype("string").where(is_labelled)
        manifest = manifest.assign(split=splits)
    check_splits(manifest)
    _refuse_one_sided(manifest, task)
    return manifest


def deal_groups(
    labelled: pd.DataFrame, *, task: Task, shares: Mapping[Split, float], rest: Split, seed: int
) -> dict[str, Split]:
    """Which split each group goes to: `shares` of the groups each, what is left to `rest`."""
    positive = positive_of(labelled["label"], task).groupby(labelled["group_id"]).any()
    rng = np.random.default_rng(seed)
    dealt: dict[str, Split] = {}
    for is_positive in (True, False):
        groups = sorted(positive.index[positive.to_numpy(dtype=bool) == is_positive])
        order = [groups[i] for i in rng.permutation(len(groups))]
        start, reached = 0, 0.0
        for split, share in shares.items():
            reached += share * len(groups)
            end = round(reached)
            dealt.update(dict.fromkeys(order[start:end], split))
            start = end
        dealt.update(dict.fromkeys(order[start:], rest))
    return dealt


def _with_validation(
    manifest: pd.DataFrame, *, task: Task, val_fraction: float, seed: int
) -> pd.DataFrame:
    """The official split, a validation part taken from its training women if it brings none."""
    if (manifest["split"] == Split.VAL).any():
        return manifest
    training = manifest[(manifest["split"] == Split.TRAIN) & manifest["label"].notna()]
    shares = {Split.VAL: val_fraction}
    dealt = deal_groups(training, task=task, shares=shares, rest=Split.TRAIN, seed=seed)
    is_training = manifest["split"] == Split.TRAIN
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
