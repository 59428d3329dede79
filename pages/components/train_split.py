"""How the women of a data set are split for a run, and what each split then holds."""

from dataclasses import replace
from typing import Final

import pandas as pd
import streamlit as st

from mammo_core.config import DataConfig
from mammo_core.datasets.reading import Dataset
from mammo_core.datasets.registry import Registered
from mammo_core.datasets.run_split import split_as_set
from mammo_core.datasets.splits import find_leak
from mammo_core.tables import positive_of
from mammo_core.training.start_check import few_to_choose_by
from mammo_core.types import Split, Task
from pages.components.guard import escaped

_OWN: Final = "Women dealt out at random"
_OFFICIAL: Final = "The split the data set brings"


def pick_split(
    entry: Registered, dataset: Dataset, before: DataConfig, *, key: str
) -> tuple[DataConfig, tuple[str, ...]]:
    """`before` as changed here, and what has still to be done in words. `key` names defaults."""
    has_own = {Split.TRAIN, Split.TEST} <= set(dataset.manifest["split"].dropna())
    is_official = has_own
    if has_own:
        split = st.segmented_control(
            "Split",
            [_OFFICIAL, _OWN],
            default=_OFFICIAL if before.is_official_split else _OWN,
            required=True,
            key=f"train_split_{entry.name}_{key}",
        )
        is_official = split == _OFFICIAL
    left, middle, right = st.columns(3)
    val = left.number_input(
        "Share for validation", 0.05, 0.5, before.val_fraction, 0.05, key=f"train_val_{key}"
    )
    test = middle.number_input(
        "Share for the test", 0.05, 0.6, before.test_fraction, 0.05, key=f"train_test_{key}",
        disabled=is_official,
    )  # fmt: skip
    seed = right.number_input(
        "Seed of the split", 0, None, before.split_seed, key=f"train_deal_{key}"
    )
    data = replace(
        before,
        folder=entry.folder,
        adapter=entry.adapter,
        label_rule=entry.label_rule,
        is_official_split=is_official or not has_own,
        val_fraction=val,
        test_fraction=test,
        split_seed=seed,
        is_leak_allowed=False,
    )
    leak = find_leak(dataset.manifest) if is_official else None
    if not leak:
        return data, ()
    st.error(
        f"{leak.stamp.capitalize()}. A network recognises a woman it has learnt from: what it "
        "reaches on such a test means nothing.",
        icon=":material/error:",
    )
    is_taken = st.checkbox(
        "I know. Let every result of this run be stamped with it.", key=f"train_leak_{entry.name}"
    )
    undone = () if is_taken else ("Acknowledge the leak, or deal the women out anew.",)
    return replace(data, is_leak_allowed=is_taken), undone


def show_counts(dataset: Dataset, data: DataConfig, task: Task) -> None:
    """Women and images of every split, before anything is started."""
    tolerant = replace(data, is_leak_allowed=True)
    table = split_as_set(dataset.manifest, tolerant, task)
    table = table[table["split"].notna() & table["label"].notna()]
    counted = table.assign(positive=positive_of(table["label"], task)).groupby("split")
    counts = pd.DataFrame(
        {
            "women": counted["group_id"].nunique(),
            "images": counted.size(),
            "of these positive": counted["positive"].sum(),
        }
    )
    st.dataframe(counts.reindex([str(split) for split in Split]), key="train_counts")
    for sentence in few_to_choose_by(table, data, task):
        st.warning(escaped(sentence), icon=":material/warning:")
