"""What a builder of a fixture promises of the folder it wrote."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Fixture:
    """A folder in a data set's layout, and what the right adapter must make of it."""

    name: str
    adapter: str
    build: Callable[[Path], None]
    images: int
    labels: Mapping[str, Mapping[str, int]]  # rule -> label -> images
    groups: int
    needed: str  # a file or folder without which the layout is not recognised
    boxes: int = 0
    splits: Mapping[str, int] = field(default_factory=dict)
    defects: Mapping[str, int] = field(default_factory=dict)  # name -> rows touched
    missing_files: int = 0
