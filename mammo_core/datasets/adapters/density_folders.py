"""Folders Density1Benign to Density4Malignant: few mammograms, each turned and flipped many times.

Every label comes with dozens of copies of the same image, so splitting the files at random puts
copies of one mammogram on both sides. Files are grouped by the id in their names where they carry
one, else by comparing pixels in every orientation.
"""

import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd

from mammo_core.datasets.adapters.adapter import (
    DENSITY,
    Adapter,
    LabelRule,
    Population,
    Signs,
    Tables,
)
from mammo_core.datasets.adapters.layout import (
    DENSITIES,
    empty_boxes,
    list_images,
    make_defect,
    read_rows,
    require,
)
from mammo_core.datasets.small_images import remembered
from mammo_core.errors import ReadError
from mammo_core.tables import check_manifest
from mammo_core.types import CANCER, Level, Task

if TYPE_CHECKING:  # slow to load, and asked only where files carry no id
    from mammo_core.datasets.duplicates import Fingerprints

CLASSES: Final = tuple(f"Density{d}{p}" for d in range(1, 5) for p in ("Benign", "Malignant"))
TABLE: Final = "Training_set.csv"
_INBREAST: Final = re.compile(r"^(\d{8})(?!\d)")
_THREADS: Final = 2

EIGHT: Final = Task(
    name="density-pathology",
    title="Density 1 to 4, benign or malignant",
    classes=CLASSES,
    positive=tuple(name for name in CLASSES if name.endswith("Malignant")),
)
MALIGNANT_RULE: Final = LabelRule(
    name="malignant",
    title="A folder called Malignant is cancer, whatever its density.",
    task=CANCER,
    classes={name: "cancer" if name in EIGHT.positive else "no cancer" for name in CLASSES},
    is_among_lesions=True,
)
EIGHT_RULE: Final = LabelRule(
    name="density-pathology",
    title="The eight folders as eight classes; the malignant ones count as positive.",
    task=EIGHT,
    classes={name: name for name in CLASSES},
)
DENSITY_RULE: Final = LabelRule(
    name="density",
    title="The density, 1 to 4 as A to D; C and D count as dense.",
    task=DENSITY,
    classes={name: DENSITIES[name[len("Density")]] for name in CLASSES},
    reference_standard="density as radiologists read it",
)


def recognise(folder: Path) -> Signs:
    if (folder / "train" / TABLE).is_file() or (folder / TABLE).is_file():
        return Signs(found=(TABLE,))
    there = tuple(name for name in CLASSES if (folder / name).is_dir())
    missing = tuple(f"{name}/" for name in CLASSES if name not in there) if there else ()
    return Signs(found=there, missing=missing)


def read(folder: Path, rule: LabelRule) -> Tables:
    require(recognise(folder), folder=folder, expects=ADAPTER.expects)
    table = _list_labelled(folder)
    group = _groups(folder, list(table["path"]))
    manifest = check_manifest(
        pd.DataFrame(
            {
                "image_id": table["path"],
                "path": table["path"],
                "group_id": group,
                "label": rule.label(table["class"]),
                "density": table["class"].str[len("Density")].map(DENSITIES),
            }
        )
    )
    originals = manifest["group_id"].nunique()
    copies = manifest["group_id"].duplicated(keep=False)
    defects = (
        *make_defect(
            "copies-counted-as-images",
            manifest.loc[copies, "image_id"],
            lambda n: (
                f"{len(manifest)} files are {originals} originals: {n} files are turned, "
                "flipped or equalised copies of one another, and stay together."
            ),
        ),
        *make_defect(
            "no-patients",
            manifest["image_id"],
            lambda n: (
                f"Nothing says whose the {originals} originals are: two views of one woman "
                "may fall on both sides of a split."
            ),
        ),
    )
    return Tables(manifest=manifest, boxes=empty_boxes(), defects=defects)


def _list_labelled(folder: Path) -> pd.DataFrame:
    """`path, class`: from the table of the challenge's copy, else from the folders."""
    for place in (folder / "train", folder):
        if (place / TABLE).is_file():
            table = read_rows(place / TABLE, inside=folder, columns=("filename", "label"))
            prefix = "" if place == folder else "train/"
            return pd.DataFrame({"path": prefix + table["filename"], "class": table["label"]})
    paths = [f"{name}/{path}" for name in CLASSES for path in list_images(folder / name)]
    column = pd.Series(paths, dtype="string")
    return pd.DataFrame({"path": column, "class": column.str.partition("/")[0]})


def _groups(folder: Path, paths: list[str]) -> "pd.Series[str]":
    names = pd.Series([path.rpartition("/")[2] for path in paths], dtype="string")
    ids = names.str.extract(_INBREAST)[0]
    if ids.notna().all():
        return "image " + ids
    files = [folder / path for path in paths if (folder / path).is_file()]
    groups = remembered("density-folders", files, lambda: _groups_by_pixels(folder, paths))
    return pd.Series(paths, dtype="string").map(groups.set_index("path")["group"])


def _groups_by_pixels(folder: Path, paths: list[str]) -> pd.DataFrame:
    from mammo_core.datasets.duplicates import find_copies, group_copies, join_fingerprints

    with ThreadPoolExecutor(_THREADS) as pool:
        prints = list(pool.map(partial(_fingerprint, folder), paths))
    readable = [path for path, found in zip(paths, prints, strict=True) if found is not None]
    joined = join_fingerprints([found for found in prints if found is not None])
    numbers = group_copies(find_copies(joined), len(readable))
    return pd.DataFrame({"path": readable, "group": [f"original {n + 1:04d}" for n in numbers]})


def _fingerprint(folder: Path, path: str) -> "Fingerprints | None":
    """A file that cannot be read is a group of its own; the audit names it."""
    from mammo_core.datasets.duplicates import fingerprint
    from mammo_core.preprocessing.reading.read import read_mammogram

    try:
        return fingerprint(read_mammogram(folder / path, inside=folder).pixels)
    except ReadError:
        return None


ADAPTER = Adapter(
    name="density_folders",
    title="Density and pathology folders (Huang and Lin)",
    licence="CC BY 4.0",
    expects=f"the eight folders {CLASSES[0]} to {CLASSES[-1]}, or train/ with {TABLE}.",
    recognise=recognise,
    read=read,
    label_rules=(MALIGNANT_RULE, EIGHT_RULE, DENSITY_RULE),
    population=Population.UNKNOWN,
    reference_standard="as the authors derived it from INbreast, MIAS and DDSM",
    label_level=Level.IMAGE,
    imaging="mixed",
)
