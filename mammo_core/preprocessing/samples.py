"""The sample images that ship: synthetic exams a new user can open with one click."""

from dataclasses import dataclass
from pathlib import Path

from mammo_core.tables import read_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    name: str
    title: str
    files: tuple[Path, ...]


def list_samples(root: Path) -> tuple[Sample, ...]:
    """The samples listed in `samples.csv` (columns sample, title, file), in its order."""
    if not (root / "samples.csv").exists():
        return ()
    table = read_table(root / "samples.csv", what="list of samples")
    return tuple(
        Sample(
            name=str(name),
            title=str(rows["title"].iloc[0]),
            files=tuple(root / file for file in rows["file"]),
        )
        for name, rows in table.groupby("sample", sort=False)
    )
