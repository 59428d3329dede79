"""What a data set must tell the workbench: who it is, what it needs on disk, how to read it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal

import pandas as pd

from mammo_core.types import DENSITY as DENSITY
from mammo_core.types import Level, Task

Imaging = Literal["synthetic", "digital", "film", "mixed", "unknown"]


class Population(StrEnum):
    """How the women came into the data set: what its prevalence means."""

    SCREENING = "screening"
    ENRICHED = "enriched"  # screening, with cancers added
    BIOPSIED = "biopsied"
    MIXED = "mixed"
    SYNTHETIC = "synthetic"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRule:
    """One way to turn what a data set says about an image into a class of `task`.

    `classes` says which class each of the data set's own words means; a word it does not list
    (and a missing one) leaves the image without a label, which is not negative. `reads` names
    which of its words those are, where a data set says several things of an image.
    """

    name: str
    title: str  # a sentence: what makes an image positive
    task: Task
    classes: Mapping[str, str] = field(default_factory=dict, hash=False)
    reads: str = "label"
    reference_standard: str = ""  # where the rule does not read what the adapter names as such
    is_among_lesions: bool = False  # every labelled image holds a lesion: benign or malignant

    def label(self, words: "pd.Series[Any]") -> "pd.Series[Any]":
        return words.map(dict(self.classes), na_action="ignore").astype("string")


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """Something known to be wrong in a data set: what was done about it, and the rows it touched.

    `rows` are image ids where the rows are images, else what the data set itself calls them.
    """

    name: str
    sentence: str
    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tables:
    """What an adapter reads: one row per image, the boxes, and what it noticed on the way."""

    manifest: pd.DataFrame
    boxes: pd.DataFrame
    notes: tuple[str, ...] = ()
    defects: tuple[Defect, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What of a data set's layout lies in a folder, and what does not. Nothing there: no match."""

    found: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def is_match(self) -> bool:
        return bool(self.found) and not self.missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """One public or private data set. `read` turns a folder as downloaded into tables."""

    name: str
    title: str
    licence: str
    expects: str  # what must lie in the folder, in words a researcher can act on
    recognise: Callable[[Path], Signs]
    read: Callable[[Path, LabelRule], Tables]
    label_rules: tuple[LabelRule, ...]  # the first is the default
    population: Population
    reference_standard: str
    label_level: Level  # what one label was given to
    imaging: Imaging


#: An opinion, not a biopsy: never to be called cancer.
SUSPICIOUS: Final = Task(
    name="suspicious",
    title="Suspicious / not suspicious",
    classes=("not suspicious", "suspicious"),
    positive=("suspicious",),
)

BIRADS: Final = Task(
    name="birads",
    title="BI-RADS assessment 1 to 5",
    classes=("1", "2", "3", "4", "5"),
    positive=("4", "5"),
    is_ordered=True,
)

NORMAL_BENIGN_CANCER: Final = Task(
    name="normal-benign-cancer",
    title="Normal / benign / cancer",
    classes=("normal", "benign", "cancer"),
    positive=("cancer",),
)

#: Whether there is anything to find, benign or malignant: what a search for lesions learns.
LESION: Final = Task(
    name="lesion",
    title="Lesion / no lesion",
    classes=("no lesion", "lesion"),
    positive=("lesion",),
)

HOLDS_BOX: Final = LabelRule(
    name="lesion",
    title="An image with a box holds a lesion; one without a box holds none.",
    task=LESION,
    classes={"True": "lesion", "False": "no lesion"},
    reads="has_box",
)

LESION_KIND: Final = Task(
    name="lesion-kind",
    title="Mass / calcification",
    classes=("mass", "calcification"),
    positive=("calcification",),
)

LESION_KIND_RULE: Final = LabelRule(
    name="lesion-kind",
    title="Mass against calcification; an image with both, or with neither, has no label.",
    task=LESION_KIND,
    classes={"mass": "mass", "calcification": "calcification"},
    reads="lesion",
)
DENSITY_RULE: Final = LabelRule(
    name="density",
    title="The density of the breast, A to D; C and D count as dense.",
    task=DENSITY,
    classes={grade: grade for grade in DENSITY.classes},
    reads="density",
    reference_standard="density as radiologists read it",
)
BIRADS_RULE: Final = LabelRule(
    name="birads",
    title="The BI-RADS assessment itself, 1 to 5; 4 and 5 count as positive.",
    task=BIRADS,
    classes={grade: grade for grade in BIRADS.classes},
    reads="birads",
    reference_standard="the assessment of radiologists, no biopsy",
)
