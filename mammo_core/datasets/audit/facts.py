"""One look at every file of a data set, and the copies among them: what every check of the audit is
given.
"""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from mammo_core.datasets.dataset import Dataset
from mammo_core.datasets.duplicates import (
    Fingerprints,
    find_copies,
    fingerprint,
    group_copies,
    join_fingerprints,
)
from mammo_core.datasets.small_images import GREY, grey_levels, reduced
from mammo_core.errors import ReadError
from mammo_core.preprocessing.breast import find_breast, is_chest_wall_right
from mammo_core.preprocessing.reading.read import read_mammogram
from mammo_core.tables import positive_of
from mammo_core.types import Mammogram, Pixels, Task, Unfit

THREADS: Final = 2
_TURNED: Final = "was turned inside out"  # what the readers note of such images
_DECLARED: Final = "MONOCHROME1 was turned"
_ASTRAY: Final = "background is bright although"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Facts:
    """`table` has one row per path, in the order asked; `prints` those of its readable rows."""

    table: pd.DataFrame
    prints: Fingerprints

    @property
    def readable(self) -> pd.DataFrame:
        return self.table[self.table["error"].isna()]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Look:
    row: dict[str, object]
    print: Fingerprints | None


def gather_facts(
    root: Path,
    paths: Sequence[str],
    *,
    report: Callable[[int, int], None] = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Facts:
    """Look at every file. Where `should_stop` turns true the rest is left out."""
    looks: list[_Look] = []
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(paths), 16 * THREADS):
            if should_stop():
                break
            chunk = paths[start : start + 16 * THREADS]
            looks.extend(pool.map(lambda path: _look_at(root / path, path), chunk))
            report(len(looks), len(paths))
    table = pd.DataFrame([look.row for look in looks], columns=_columns())
    prints = join_fingerprints([look.print for look in looks if look.print is not None])
    return Facts(table=_typed(table), prints=prints)


def _columns() -> list[str]:
    return [
        *("path", "error", "code", "content", "kind", "bits", "height", "width"),
        *("is_turned", "is_declared", "is_astray", "is_mask", "is_blank", "wall", *GREY),
    ]


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    text = dict.fromkeys(("path", "error", "code", "content", "kind", "wall"), "string")
    flags = dict.fromkeys(
        ("is_turned", "is_declared", "is_astray", "is_mask", "is_blank"), "boolean"
    )
    counts = dict.fromkeys(("bits", "height", "width"), "Int64")
    return table.astype({**text, **flags, **counts, **dict.fromkeys(GREY, "Float64")})


def _look_at(file: Path, path: str) -> _Look:
    row: dict[str, object] = {"path": path}
    try:
        data = file.read_bytes()
    except OSError as error:
        missing = {"code": "no_file", "error": f"This file cannot be opened: {error.strerror}."}
        return _Look(row={**row, **missing}, print=None)
    row["content"] = hashlib.sha256(data).hexdigest()
    try:
        mammogram = read_mammogram(data)
    except ReadError as error:
        return _Look(row={**row, "code": error.code, "error": error.sentence}, print=None)
    return _Look(row={**row, **_describe(mammogram)}, print=fingerprint(mammogram.pixels))


def _describe(mammogram: Mammogram) -> dict[str, object]:
    pixels = mammogram.pixels
    small = reduced(pixels)
    unfit = mammogram.info.unfit
    return {
        "kind": mammogram.info.kind,
        "bits": mammogram.info.bits,
        "height": mammogram.size[0],
        "width": mammogram.size[1],
        "is_turned": _is_noted(mammogram, _TURNED),
        "is_declared": _is_noted(mammogram, _DECLARED),
        "is_astray": _is_noted(mammogram, _ASTRAY),
        "is_mask": unfit is Unfit.MASK,
        "is_blank": unfit is Unfit.BLANK,
        "wall": None if unfit else _wall_of(small),
        **grey_levels(small),
    }


def _is_noted(mammogram: Mammogram, words: str) -> bool:
    return any(words in note for note in mammogram.notes)


def _wall_of(small: Pixels) -> str | None:
    """On which side of the frame the chest wall lies; unknown where no outline is found."""
    try:
        mask = find_breast(small)
    except ReadError:
        return None
    if mask.all():
        return None
    return "R" if is_chest_wall_right(mask) else "L"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AuditEvidence:
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


def gather_evidence(dataset: Dataset, facts: Facts, pairs: pd.DataFrame) -> AuditEvidence:
    """Lay facts and copies beside the manifest; several rows may speak of one file."""
    manifest = dataset.manifest.reset_index(drop=True)
    images = manifest.merge(facts.table.drop_duplicates("path"), on="path", how="left")
    images["positive"] = positive_of(images["label"], dataset.label_rule.task)
    groups = group_copies(pairs, len(facts.readable))
    group_of = pd.Series(groups, index=pd.Index(facts.readable["path"]))
    is_copied = group_of.duplicated(keep=False)
    images["copy_group"] = images["path"].map(group_of[is_copied]).astype("Int64")
    return AuditEvidence(dataset=dataset, images=images, pairs=_pairs_of_rows(images, facts, pairs))


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
