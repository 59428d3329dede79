"""Whom a checkpoint has seen: what keeps her from being tested by a network that knows her.

`seen.csv` beside the card lists every labelled image of the run with its split, and those that the
checkpoint it started from had learnt from. Women are found again by their images' content, and
within one data set by their ids.
"""

from pathlib import Path
from typing import Final

import pandas as pd

from mammo_core.files import replace_file
from mammo_core.runs.folder import RunFolder
from mammo_core.tables import read_table
from mammo_core.types import Split

SEEN_NAME: Final = "seen.csv"
COLUMNS: Final = ("dataset", "image_id", "group_id", "split", "content")
_LEARNT: Final = (Split.TRAIN, Split.VAL)  # validation chose the epoch


def write_seen(own: pd.DataFrame, before: pd.DataFrame | None, path: Path) -> None:
    """`before` is what the checkpoint that was started from had seen, where one was."""
    parts = [own] if before is None else [own, before[before["split"].isin(_LEARNT)]]
    replace_file(path, pd.concat(parts).to_csv(index=False, lineterminator="\n"))


def read_seen(run: RunFolder) -> pd.DataFrame | None:
    """None for checkpoints from elsewhere or from before this was kept."""
    path = run.file(SEEN_NAME)
    if not path.exists():
        return None
    return read_table(path, what="list of seen images").reindex(columns=list(COLUMNS))


def unknown_seen(run_id: str) -> str:
    """What cannot be known of a checkpoint without that list, and what can be done."""
    return (
        f"{run_id} does not tell whom it has seen (it has no {SEEN_NAME}): whether these women are "
        "among those it learnt from cannot be known. Where its data set is still here, `mammo "
        f"checkpoints seen {run_id}` writes the list anew; else train it again, or judge it on "
        "women it cannot have seen."
    )


def learnt_from(seen: pd.DataFrame, women: pd.DataFrame) -> list[str]:
    """The group_ids of `women` (`dataset, group_id`, and `content` where known) learnt from."""
    learnt = seen[seen["split"].isin(_LEARNT)]
    person = ["dataset", "group_id"]
    known = seen.merge(learnt[person].drop_duplicates(), on=person)  # all images of those women
    is_known = pd.MultiIndex.from_frame(women[person].astype("string")).isin(
        pd.MultiIndex.from_frame(known[person])
    )
    if "content" in women.columns:
        is_known |= women["content"].isin(known["content"].dropna()).to_numpy()
    return sorted(women.loc[is_known, "group_id"].unique())
