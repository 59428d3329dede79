"""What every check of the audit is given: the data set, its facts, and which images are copies."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mammo_core.datasets.audit.facts import Facts
from mammo_core.datasets.duplicates import find_copies, group_copies
from mammo_core.datasets.reading import Dataset
from mammo_core.tables import positive_of
from mammo_core.types import Task


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """`images` is the manifest with the facts of each file beside it, `positive`, and `copy_group`:
    equal numbers are copies of one image, missing where there is no copy.

    `pairs` holds two rows of `images` per pair: `first`, `second`, and the `correlation`.
    """

    dataset: Dataset
    images: pd.DataFrame
    pairs: pd.DataFrame

    @property
    def task(self) -> Task:
        return self.dataset.label_rule.task

    @property
    def boxes(self) -> pd.DataFrame:
        return self.dataset.boxes

    @property
    def people(self) -> str:
        """What a group of the data set is: women, where they are known."""
        return "women" if self.told("patient_id") else "groups of images"

    def told(self, column: str) -> bool:
        """Whether any image tells this column."""
        return column in self.images and bool(self.images[column].notna().any())


def gather_evidence(dataset: Dataset, facts: Facts, pairs: pd.DataFrame) -> Evidence:
    """Lay facts and copies beside the manifest; several rows may speak of one file."""
    manifest = dataset.manifest.reset_index(drop=True)
    images = manifest.merge(facts.table.drop_duplicates("path"), on="path", how="left")
    images["positive"] = positive_of(images["label"], dataset.label_rule.task)
    groups = group_copies(pairs, len(facts.readable))
    group_of = pd.Series(groups, index=pd.Index(facts.readable["path"]))
    is_copied = group_of.duplicated(keep=False)
    images["copy_group"] = images["path"].map(group_of[is_copied]).astype("Int64")
    return Evidence(dataset=dataset, images=images, pairs=_pairs_of_rows(images, facts, pairs))


def search_copies(facts: Facts) -> pd.DataFrame:
    """Pairs of copies among the readable files, by their place among them. Masks are all alike."""
    pairs = find_copies(facts.prints)
    is_image = ~(facts.readable["is_mask"] | facts.readable["is_blank"]).to_numpy(dtype=bool)
    of_images = np.flatnonzero(is_image[pairs["first"]] & is_image[pairs["second"]])
    return pairs.iloc[of_images].reset_index(drop=True)


def _pairs_of_rows(images: pd.DataFrame, facts: Facts, pairs: pd.DataFrame) -> pd.DataFrame:
    """From places among readable files to the first row of `images` that shows each file."""
    paths: pd.Series[Any] = facts.readable["path"].reset_index(drop=True)
    row_of = pd.Series(images.index, index=images["path"])
    row_of = row_of[~row_of.index.duplicated()]
    return pairs.assign(
        first=row_of.loc[paths[pairs["first"]]].to_numpy(),
        second=row_of.loc[paths[pairs["second"]]].to_numpy(),
    )
