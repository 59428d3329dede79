"""The split of a run, made from its settings: the same settings give the same split."""

import pandas as pd

from mammo_core.config import DataConfig
from mammo_core.datasets.splits import with_folds, with_splits
from mammo_core.types import Split, Task


def split_as_set(manifest: pd.DataFrame, data: DataConfig, task: Task) -> pd.DataFrame:
    """`manifest`, its labelled images split as `data` says; the others have no split."""
    if data.folds:
        manifest = _with_fold(manifest, data, task)
    return with_splits(
        manifest,
        task=task,
        val_fraction=data.val_fraction,
        test_fraction=data.test_fraction,
        seed=data.split_seed,
        is_official_split=data.is_official_split or data.folds > 0,
        stratify_by=data.stratify_by,
        is_leak_allowed=data.is_leak_allowed,
    )


def used_images(split: pd.DataFrame) -> pd.DataFrame:
    """The images of a split manifest that a run trains, chooses or tests on."""
    is_used = split["split"].notna() & split["label"].notna()
    return split[is_used].reset_index(drop=True)


def _with_fold(manifest: pd.DataFrame, data: DataConfig, task: Task) -> pd.DataFrame:
    """One fold to test on, the others to train on. Validation women come from the latter, so that
    the test fold chooses nothing: not the epoch, not a threshold.
    """
    manifest = with_folds(
        manifest,
        task=task,
        folds=data.folds,
        seed=data.split_seed,
        stratify_by=data.stratify_by,
    )
    is_test = manifest["fold"] == data.fold
    split = is_test.map({True: Split.TEST, False: Split.TRAIN}, na_action="ignore")
    return manifest.assign(split=split.astype("string"))
