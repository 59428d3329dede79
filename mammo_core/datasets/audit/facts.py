"""One look at every file of a data set: everything that the audit asks pixels is asked here.

A file that cannot be read is a fact as well; the others go on. Memory is 4 kB an image.
"""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from mammo_core.datasets.duplicates import Fingerprints, fingerprint, join_fingerprints
from mammo_core.datasets.grey import GREY, grey_levels, reduced
from mammo_core.datasets.masks import look_at
from mammo_core.errors import ReadError
from mammo_core.preprocessing.breast import find_breast, is_chest_wall_right
from mammo_core.preprocessing.read import read_mammogram
from mammo_core.types import Mammogram, Pixels

THREADS: Final = 2
_BLANK: Final = 0.01  # standard deviation below which there is nothing to see
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
    is_blank = bool(small.std() < _BLANK)
    is_mask = not is_blank and look_at(pixels).is_mask
    return {
        "kind": mammogram.kind,
        "bits": mammogram.bits,
        "height": mammogram.size[0],
        "width": mammogram.size[1],
        "is_turned": _is_noted(mammogram, _TURNED),
        "is_declared": _is_noted(mammogram, _DECLARED),
        "is_astray": _is_noted(mammogram, _ASTRAY),
        "is_mask": is_mask,
        "is_blank": is_blank,
        "wall": None if is_blank or is_mask else _wall_of(small),
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
