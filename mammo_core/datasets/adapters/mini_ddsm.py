"""Mini-DDSM: 1,952 women from the film archive DDSM, with masks for tumours.

`Status` is of the WOMAN. In a woman with cancer only a breast with a drawn tumour has it; what her
other breast has, the table does not say.
"""

from pathlib import Path, PureWindowsPath
from typing import Final

import pandas as pd

from mammo_core.datasets.adapters.adapter import (
    Adapter,
    Defect,
    LabelRule,
    Population,
    Signs,
    Tables,
)
from mammo_core.datasets.adapters.layout import (
    DENSITIES,
    SIDES,
    list_images,
    look_at_files,
    make_defect,
    read_sheet,
    require,
)
from mammo_core.tables import BOX_COLUMNS, check_boxes, check_manifest
from mammo_core.types import CANCER, Level

TABLE: Final = "DataWMask.xlsx"
SHEET: Final = "Data"
TREES: Final = ("MINI-DDSM-Complete-PNG-16", "MINI-DDSM-Complete-JPEG-8")
_STATUS: Final = ("Normal", "Benign", "Cancer")
_COLUMNS: Final = (
    "fullPath",
    "fileName",
    "View",
    "Side",
    "Status",
    "Tumour_Contour",
    "Age",
    "Density",
)
_NONE: Final = "-"

TUMOUR: Final = LabelRule(
    name="tumour",
    title="A breast of a woman with cancer in which a tumour is drawn has cancer; breasts of women "
    "without cancer have not; the other breast of a woman with cancer is unknown.",
    task=CANCER,
    classes={"Cancer": "cancer", "Benign": "no cancer", "Normal": "no cancer"},
)


def recognise(folder: Path) -> Signs:
    signs = {
        TABLE: _table_path(folder) is not None,
        f"{TREES[0]}/ or {TREES[1]}/": any((folder / tree).is_dir() for tree in TREES),
    }
    return Signs(
        found=tuple(name for name, is_there in signs.items() if is_there),
        missing=tuple(name for name, is_there in signs.items() if not is_there),
    )


def read(folder: Path, rule: LabelRule) -> Tables:
    require(recognise(folder), folder=folder, expects=ADAPTER.expects)
    table = read_sheet(
        _table_path(folder) or folder / TABLE, inside=folder, columns=_COLUMNS, sheet=SHEET
    )
    table = table.replace(_NONE, pd.NA)
    # name without ending -> path. The table speaks of one tree, the folder may hold the other.
    tree = next(tree for tree in TREES if (folder / tree).is_dir())
    paths = [f"{tree}/{path}" for path in list_images(folder / tree)]
    files = {path.rpartition("/")[2].rpartition(".")[0]: path for path in paths}
    image_id = table["fileName"].str.rpartition(".")[0]
    patient = table["fullPath"].map(_case_of)
    side = table["Side"].str.upper().map(SIDES)
    has_tumour = table["Tumour_Contour"].notna().groupby([patient, side]).transform("any")
    is_unknown = (table["Status"] == "Cancer") & ~has_tumour
    manifest = check_manifest(
        pd.DataFrame(
            {
                "image_id": image_id,
                "path": image_id.map(files).fillna(table["fullPath"].str.replace("\\", "/")),
                "patient_id": patient,
                "side": side,
                "view": table["View"].str.upper(),
                "label": rule.label(table["Status"].mask(is_unknown)),
                "density": table["Density"].map(DENSITIES),
                "age": pd.to_numeric(table["Age"], errors="coerce"),
                "lesion": table["Tumour_Contour"].notna().map({True: "tumour", False: pd.NA}),
                "status_of_woman": table["Status"].str.lower(),
            }
        )
    )
    boxes, unread = _boxes(folder, table, image_id, files)
    return Tables(
        manifest=manifest, boxes=boxes, defects=_defects(manifest, table, is_unknown, unread)
    )


def _table_path(folder: Path) -> Path | None:
    places = (folder, *(folder / tree for tree in TREES))
    return next((place / TABLE for place in places if (place / TABLE).is_file()), None)


def _case_of(path: str) -> str:
    """`Cancer\\0493\\A_0493_1.LEFT_CC.png` is of case Cancer/0493; numbers repeat over folders."""
    parts = PureWindowsPath(path).parts
    return "/".join(parts[-3:-1])


def _boxes(
    folder: Path, table: pd.DataFrame, image_id: "pd.Series[str]", files: dict[str, str]
) -> tuple[pd.DataFrame, list[str]]:
    """A box per drawn tumour; the masks have the size of their image."""
    contours = table.filter(regex=r"^Tumour_Contour\d*$").assign(image_id=image_id)
    drawn = contours.melt(id_vars="image_id", value_name="mask").dropna(subset=["mask"])
    names = drawn["mask"].map(lambda path: PureWindowsPath(path).stem)
    drawn = drawn.assign(path=names.map(files))
    looked = look_at_files(folder, sorted(set(drawn["path"].dropna())), name="mini-ddsm")
    found = drawn.merge(looked[looked["x0"].notna()], on="path")
    unread = drawn.loc[~drawn["path"].isin(found["path"]), "image_id"]
    boxes = found.assign(kind="tumour")[list(BOX_COLUMNS)]
    return check_boxes(boxes), list(unread)


def _defects(
    manifest: pd.DataFrame, table: pd.DataFrame, is_unknown: "pd.Series[bool]", unread: list[str]
) -> tuple[Defect, ...]:
    is_strange = ~table["Status"].isin(_STATUS)
    return (
        *make_defect(
            "other-breast-of-cancer",
            manifest.loc[is_unknown, "image_id"],
            lambda n: (
                f"{n} images are of a breast without a drawn tumour in a woman with cancer: "
                "the status is the woman's, so they are left without a label."
            ),
        ),
        *make_defect(
            "density-zero",
            manifest.loc[table["Density"] == "0", "image_id"],
            lambda n: f"The density of {n} images is given as 0, which is none; it is missing.",
        ),
        *make_defect(
            "mask-unread",
            unread,
            lambda n: (
                f"A tumour is drawn in {n} images, but its mask was not found or holds "
                "nothing; they have no box for it."
            ),
        ),
        *make_defect(
            "status-unknown",
            manifest.loc[is_strange, "image_id"],
            lambda n: f"{n} images have a status other than {', '.join(_STATUS)}: no label.",
        ),
    )


ADAPTER = Adapter(
    name="mini_ddsm",
    title="Mini-DDSM",
    licence="as on its Kaggle page; cite the authors",
    expects=f"{TABLE} beside {TREES[0]}/ or {TREES[1]}/ with folders Normal, Benign and Cancer.",
    recognise=recognise,
    read=read,
    label_rules=(TUMOUR,),
    population=Population.MIXED,
    reference_standard="biopsy for cancer and benign; follow-up of four years for normal",
    label_level=Level.PATIENT,
    imaging="film",
)
