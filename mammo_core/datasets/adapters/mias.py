"""mini-MIAS: 322 digitised films of 161 women, 1024 x 1024, one table that circulates in two forms.

The original Info.txt begins with prose and has no header; the copy on Kaggle has a header and
leaves out two lesions. The origin of its coordinates is the LOWER left corner.

The list calls odd films right. The letters burned into the films and the names of the digitised
original say the opposite wherever they were looked at, so there are two adapters to choose from.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from mammo_core.datasets.adapters.adapter import (
    NORMAL_BENIGN_CANCER,
    Adapter,
    Defect,
    LabelRule,
    Population,
    Signs,
    Tables,
)
from mammo_core.datasets.adapters.layout import content_of, make_defect, require
from mammo_core.errors import TableError
from mammo_core.tables import BOX_COLUMNS, check_boxes, check_manifest
from mammo_core.types import CANCER, Level, Task

TABLE: Final = "Info.txt"
EXPECTS: Final = (
    f"{TABLE} beside mdb001.pgm to mdb322.pgm, or the archive's own data/labels and data/pgm."
)
SIDE: Final = 1024  # pixels
_MOST_BYTES: Final = 2**20  # of the list, which has 330 lines
_ROW: Final = re.compile(r"mdb\d{3}\s+[FGD]\s+[A-Z]{4}\b.*")
_TISSUES: Final = {"F": "fatty", "G": "fatty-glandular", "D": "dense-glandular"}
_LESIONS: Final = {
    "CALC": "calcification",
    "CIRC": "circumscribed mass",
    "SPIC": "spiculated mass",
    "MISC": "ill-defined mass",
    "ARCH": "architectural distortion",
    "ASYM": "asymmetry",
}
_WORDS: Final = {"B": "benign", "M": "malignant"}

TISSUE: Final = Task(
    name="tissue",
    title="Background tissue: fatty, fatty-glandular, dense-glandular",
    classes=tuple(_TISSUES.values()),
    positive=("dense-glandular",),
    is_ordered=True,
)
MALIGNANT_RULE: Final = LabelRule(
    name="malignant",
    title="An image with a malignant abnormality has cancer; normal and benign have not.",
    task=CANCER,
    classes={"normal": "no cancer", "benign": "no cancer", "malignant": "cancer"},
)
ABNORMAL_ONLY: Final = LabelRule(
    name="malignant-or-benign",
    title="Malignant against benign abnormalities; normal images have no label.",
    task=CANCER,
    classes={"benign": "no cancer", "malignant": "cancer"},
    is_among_lesions=True,
)
THREE_CLASSES: Final = LabelRule(
    name="normal-benign-malignant",
    title="Normal, benign or malignant, by the worst abnormality in the image.",
    task=NORMAL_BENIGN_CANCER,
    classes={"normal": "normal", "benign": "benign", "malignant": "cancer"},
)
TISSUE_RULE: Final = LabelRule(
    name="tissue",
    title="The background tissue in three classes; dense-glandular counts as positive.",
    task=TISSUE,
    classes={name: name for name in TISSUE.classes},
    reference_standard="background tissue as a radiologist read it",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Abnormality:
    """A row of the table. A position is given for some abnormalities only."""

    image_id: str
    tissue: str
    kind: str | None
    severity: str | None
    circle: tuple[int, int, int] | None  # x, y from the lower left, radius


def recognise(folder: Path) -> Signs:
    table, films = _find_table(folder), _find_films(folder)
    signs = {TABLE: table is not None, "mdb001.pgm": films is not None}
    return Signs(
        found=tuple(name for name, is_there in signs.items() if is_there),
        missing=tuple(name for name, is_there in signs.items() if not is_there),
    )


def _find_table(folder: Path) -> Path | None:
    """The list of films, perhaps where the original archive has it: below data/labels."""
    places = (TABLE, f"labels/{TABLE}", f"data/labels/{TABLE}", "data/labels", "labels")
    files = [folder / place for place in places]
    files += [file for place in files[3:] if place.is_dir() for file in sorted(place.iterdir())]
    return next((file for file in files if file.is_file() and _is_list(file, folder)), None)


def _is_list(file: Path, folder: Path) -> bool:
    try:
        return bool(_rows_in(_text(file, folder)))
    except TableError:  # large, or elsewhere: whatever it is, it is not the list of this folder
        return False


def _find_films(folder: Path) -> Path | None:
    places = (folder, folder / "pgm", folder / "data" / "pgm")
    return next((one for one in places if any(True for _ in one.glob("mdb*.pgm"))), None)


def _text(file: Path, folder: Path) -> str:
    return content_of(file, inside=folder, most=_MOST_BYTES).decode("latin-1")


def read(folder: Path, rule: LabelRule) -> Tables:
    """With the sides as the list gives them."""
    return _read(folder, rule, is_odd_right=True)


def read_by_letters(folder: Path, rule: LabelRule) -> Tables:
    """With the sides as the letters on the films give them."""
    return _read(folder, rule, is_odd_right=False)


def _read(folder: Path, rule: LabelRule, *, is_odd_right: bool) -> Tables:
    table, films = _find_table(folder), _find_films(folder)
    if table is None or films is None:
        require(recognise(folder), folder=folder, expects=EXPECTS)
        raise TableError(f"{folder.name} lost a part while it was read.")
    rows = read_abnormalities(_text(table, folder))
    prefix = films.relative_to(folder).as_posix()
    manifest = _manifest(rows, rule, is_odd_right=is_odd_right)
    manifest["path"] = ("" if prefix == "." else f"{prefix}/") + manifest["path"]
    return Tables(
        manifest=manifest,
        boxes=_boxes(rows),
        notes=(_edition(rows),),
        defects=(*_disputed_sides(manifest, is_odd_right=is_odd_right), *_defects(rows)),
    )


def _disputed_sides(manifest: pd.DataFrame, *, is_odd_right: bool) -> tuple[Defect, ...]:
    followed, other = ("list", "mias_letters") if is_odd_right else ("letters", "mias")
    return make_defect(
        "sides-disputed",
        manifest["image_id"],
        lambda n: (
            f"The sides of all {n} films are disputed: the list calls odd films right, while the "
            "letters burned in (58 of 58 looked at) and the names of the digitised original (55 "
            f"of 55) say left. The {followed} was followed; choose the adapter {other} for the "
            "other."
        ),
    )


def read_abnormalities(text: str) -> list[Abnormality]:
    """The rows of Info.txt in either edition, whatever stands around them."""
    rows = [_abnormality(line.split()) for line in _rows_in(text)]
    if not rows:
        raise TableError(f"{TABLE} holds no row that begins with mdb001 or another image's name.")
    return rows


def _rows_in(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if _ROW.fullmatch(line.strip())]


def _abnormality(tokens: list[str]) -> Abnormality:
    position = [int(token) for token in tokens[4:7] if token.isdecimal()]
    severity = tokens[3] if len(tokens) > 3 else None
    if severity not in (None, *_WORDS):
        raise TableError(f"{tokens[0]} in {TABLE} has the severity {severity!r}; B or M is known.")
    return Abnormality(
        image_id=tokens[0],
        tissue=_TISSUES[tokens[1]],
        kind=None if tokens[2] == "NORM" else _LESIONS.get(tokens[2], tokens[2].lower()),
        severity=_WORDS[severity] if severity else None,
        circle=(position[0], position[1], position[2]) if len(position) == 3 else None,
    )


def _manifest(rows: list[Abnormality], rule: LabelRule, *, is_odd_right: bool) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "image_id": [row.image_id for row in rows],
            "tissue": [row.tissue for row in rows],
            "kind": [row.kind for row in rows],
            "severity": [row.severity or "normal" for row in rows],
        }
    )
    images = table.groupby("image_id")
    # benign < malignant < normal in the alphabet; a normal row never stands beside another
    words = images["severity"].agg(
        lambda found: "malignant" if "malignant" in set(found) else found.iloc[0]
    )
    number = words.index.str.removeprefix("mdb").astype(int)
    tissue = images["tissue"].first()
    return check_manifest(
        pd.DataFrame(
            {
                "image_id": words.index,
                "path": words.index + ".pgm",
                "patient_id": [f"pair {(n + 1) // 2:03d}" for n in number],
                "side": ["R" if bool(n % 2) is is_odd_right else "L" for n in number],
                "view": "MLO",
                "label": rule.label(tissue if rule is TISSUE_RULE else words).to_numpy(),
                "lesion": images["kind"].agg(_joined).mask(lambda text: text == ""),
                "tissue": tissue,
                "severity": words,
            }
        ).reset_index(drop=True)
    )


def _joined(kinds: "pd.Series[str]") -> str:
    return "; ".join(sorted(set(kinds.dropna())))


def _boxes(rows: list[Abnormality]) -> pd.DataFrame:
    """Squares around the circles, y turned to count from the top."""
    boxes = [
        {
            "image_id": row.image_id,
            "x0": row.circle[0] - row.circle[2],
            "y0": SIDE - row.circle[1] - row.circle[2],
            "x1": row.circle[0] + row.circle[2],
            "y1": SIDE - row.circle[1] + row.circle[2],
            "kind": row.kind,
        }
        for row in rows
        if row.circle
    ]
    return check_boxes(pd.DataFrame(boxes, columns=list(BOX_COLUMNS)))


def _edition(rows: list[Abnormality]) -> str:
    """The two editions differ in mdb212 and mdb214."""
    disputed = {row.image_id: row.kind for row in rows if row.image_id in ("mdb212", "mdb214")}
    if all(disputed.values()) and disputed:
        return "Labels of the original edition: mdb212 and mdb214 are benign calcifications."
    if disputed:
        return (
            "Labels of the copy with a header: mdb212 and mdb214 are normal here, while the "
            "original edition calls them benign calcifications."
        )
    return "mdb212 and mdb214 are not in the table, so its edition cannot be told."


def _defects(rows: list[Abnormality]) -> tuple[Defect, ...]:
    names = pd.Series([row.image_id for row in rows])
    severities = pd.Series([row.severity for row in rows]).groupby(names).nunique()
    return (
        *make_defect(
            "several-rows",
            names[names.duplicated()],
            lambda n: (
                f"The table has {len(rows)} rows but {names.nunique()} images; {n} images "
                "have several abnormalities and count once."
            ),
        ),
        *make_defect(
            "no-position",
            [row.image_id for row in rows if row.kind and row.circle is None],
            lambda n: f"{n} images have an abnormality without a position, so no box.",
        ),
        *make_defect(
            "benign-and-malignant",
            severities.index[severities > 1],
            lambda n: (
                f"{n} images hold a benign and a malignant abnormality; they count as malignant."
            ),
        ),
    )


ADAPTER = Adapter(
    name="mias",
    title="mini-MIAS",
    licence="research only; may not be rented, leased or sold; cite the authors",
    expects=EXPECTS,
    recognise=recognise,
    read=read,
    label_rules=(MALIGNANT_RULE, ABNORMAL_ONLY, THREE_CLASSES, TISSUE_RULE),
    population=Population.ENRICHED,
    reference_standard="biopsy of the malignant ones; radiologists' marks for the others",
    label_level=Level.IMAGE,
    imaging="film",
)

BY_LETTERS = Adapter(
    name="mias_letters",
    title="mini-MIAS, sides as the letters on the films say",
    licence="research only; may not be rented, leased or sold; cite the authors",
    expects=EXPECTS,
    recognise=recognise,
    read=read_by_letters,
    label_rules=(MALIGNANT_RULE, ABNORMAL_ONLY, THREE_CLASSES, TISSUE_RULE),
    population=Population.ENRICHED,
    reference_standard="biopsy of the malignant ones; radiologists' marks for the others",
    label_level=Level.IMAGE,
    imaging="film",
)
