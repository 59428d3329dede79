"""The sample images that ship: synthetic exams a new user can open with one click."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from mammo_core.files import sha256_of
from mammo_core.preprocessing.cases import Case, correct_image
from mammo_core.types import ImageRef, Laterality, View

_TITLES: Final = {
    "exam": "Exam of four views (DICOM)",
    "pair": "CC and MLO of one breast (16-bit PNG)",
    "film": "Film with a bright background (PNG)",
}
_TABLE: Final = "manifest.csv"
FROM_TABLE: Final = "side and view from the samples' table"

Place = tuple[Laterality, View]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    name: str
    title: str
    files: tuple[Path, ...]
    places: Mapping[str, Place] = field(default_factory=dict)  # by the name of the file


def list_samples(root: Path) -> tuple[Sample, ...]:
    """The samples in `root`; the word before the first underscore of a file says whose it is."""
    places = _places(root / _TABLE)
    found = (
        Sample(name=name, title=title, files=tuple(sorted(root.glob(f"{name}_*"))), places=places)
        for name, title in _TITLES.items()
    )
    return tuple(sample for sample in found if sample.files)


def place_images(root: Path, case: Case, sample: Sample) -> None:
    """Tell the case made of `sample` the sides and views that its files do not store."""
    told = {sha256_of(path): sample.places.get(path.name) for path in sample.files}
    for image in case.images:
        place = told.get(image.ref.image_id)
        if place is None or (image.ref.side and image.ref.view):
            continue
        side, view = place

        def placed(ref: ImageRef, side: Laterality = side, view: View = view) -> ImageRef:
            return replace(ref, side=ref.side or side, view=ref.view or view)

        correct_image(root, case.case_id, image.ref.image_id, change=placed, note=FROM_TABLE)


def _places(table: Path) -> dict[str, Place]:
    if not table.exists():
        return {}
    with table.open(encoding="utf-8", newline="") as rows:
        return {
            row["path"]: (Laterality(row["side"]), View(row["view"]))
            for row in csv.DictReader(rows)
        }
