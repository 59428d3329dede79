"""Synthetic mammograms written by `mammo phantom`, with the truth known by construction."""

from pathlib import Path
from typing import Final

from mammo_core.datasets.adapters import csv_folder
from mammo_core.datasets.adapters.adapter import Adapter, LabelRule, Population, Signs, Tables
from mammo_core.datasets.adapters.layout import look_for, require
from mammo_core.types import CANCER, Level

MARK: Final = "phantom.json"  # the last file `mammo phantom` writes

LESION: Final = LabelRule(
    name="lesion",
    title="A breast in which a lesion was drawn is cancer; every other is not.",
    task=CANCER,
)


def recognise(folder: Path) -> Signs:
    return look_for(folder, MARK, csv_folder.MANIFEST_NAME)


def read(folder: Path, rule: LabelRule) -> Tables:
    require(recognise(folder), folder=folder, expects=ADAPTER.expects)
    return csv_folder.read(folder, rule)


ADAPTER = Adapter(
    name="phantom_set",
    title="Synthetic mammograms",
    licence="none needed: no woman was imaged",
    expects="A folder written by `mammo phantom --out DIR`, complete.",
    recognise=recognise,
    read=read,
    label_rules=(LESION,),
    population=Population.SYNTHETIC,
    reference_standard="known by construction",
    label_level=Level.BREAST,
    imaging="synthetic",
)
