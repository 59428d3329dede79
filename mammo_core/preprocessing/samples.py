"""The samples that can be opened with a click, and where each of their images belongs."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mammo_core.files import sha256_of
from mammo_core.preprocessing.cases import Case, place_case
from mammo_core.types import Laterality, View

_TITLES: Final = {
    "exam": "Exam of four views (DICOM)",
    "pair": "CC and MLO of one breast (16-bit PNG)",
    "film": "Film with a bright background (PNG)",
}
_TABLE: Final = "manifest.csv"
PICTURES: Final = ".pictures"  # one small picture a sample; hidden, for nobody scores them
FROM_TABLE: Final = "side and view from the samples' table"

Place = tuple[Laterality, View]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    name: str
    title: str
    files: tuple[Path, ...]
    places: Mapping[str, Place] = field(default_factory=dict)  # by the name of the file
    picture: Path | None = None  # its views as they hang, small: to be shown without reading them


def list_samples(root: Path) -> tuple[Sample, ...]:
    """The samples in `root`; a file belongs to that named before its first underscore."""
    places = _places(root / _TABLE)
    found = (
        Sample(
            name=name,
            title=title,
            files=tuple(sorted(root.glob(f"{name}_*"))),
            places=places,
            picture=_picture(root / PICTURES / f"{name}.jpg"),
        )
        for name, title in _TITLES.items()
    )
    return tuple(sample for sample in found if sample.files)


def place_images(root: Path, case: Case, sample: Sample) -> None:
    """Give the case made of `sample` the sides and views that its files do not store."""
    places = {sha256_of(path): sample.places.get(path.name) for path in sample.files}
    known = {digest: place for digest, place in places.items() if place is not None}
    place_case(root, case, known, note=FROM_TABLE)


def _picture(path: Path) -> Path | None:
    return path if path.exists() else None


def _places(table: Path) -> dict[str, Place]:
    if not table.exists():
        return {}
    with table.open(encoding="utf-8", newline="") as rows:
        return {
            row["path"]: (Laterality(row["side"]), View(row["view"]))
            for row in csv.DictReader(rows)
        }
