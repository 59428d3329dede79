"""What a data set must tell the workbench: who it is, what it needs on disk, how to read it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

import pandas as pd

from mammo_core.types import Level, Task

Imaging = Literal["synthetic", "digital", "film", "mixed", "unknown"]


class Population(StrEnum):
    """How the women came into the data set: what its prevalence means."""

    SCREENING = "screening"
    ENRICHED = "enriched"  # screening, with cancers added
    BIOPSIED = "biopsied"
    SYNTHETIC = "synthetic"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRule:
    """One way to turn what a data set says about an image into a class of `task`."""

    name: str
    title: str  # a sentence: what makes an image positive
    task: Task


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tables:
    """What an adapter reads: manifest and boxes under contract, and what it noticed on the way."""

    manifest: pd.DataFrame
    boxes: pd.DataFrame
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """One public or private data set. `read` turns a folder as downloaded into tables."""

    name: str
    title: str
    licence: str
    expects: str  # what must lie in the folder, in words a researcher can act on
    recognise: Callable[[Path], bool]
    read: Callable[[Path, LabelRule], Tables]
    label_rules: tuple[LabelRule, ...]  # the first is the default
    population: Population
    reference_standard: str
    label_level: Level
    imaging: Imaging
