"""The sample images that ship: synthetic exams a new user can open with one click."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TITLES: Final = {
    "exam": "Exam of four views (DICOM)",
    "pair": "CC and MLO of one breast (16-bit PNG)",
    "film": "Film with a bright background (PNG)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    name: str
    title: str
    files: tuple[Path, ...]


def list_samples(root: Path) -> tuple[Sample, ...]:
    """The samples in `root`; the word before the first underscore of a file says whose it is."""
    found = (
        Sample(name=name, title=title, files=tuple(sorted(root.glob(f"{name}_*"))))
        for name, title in _TITLES.items()
    )
    return tuple(sample for sample in found if sample.files)
