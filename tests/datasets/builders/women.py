"""Enough drawn women to be split and trained on, in the layout of each data set a recipe is for.

Every third woman has cancer in her left breast, a bright spot in both views; nobody else has one.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tests.datasets.builders import cbis, cmmd, density, mias, rsna, vindr
from tests.datasets.builders.drawn import texture, write_dicom, write_picture, write_text

WOMEN: Final = 24
VIEWS: Final = (("L", "CC"), ("L", "MLO"), ("R", "CC"), ("R", "MLO"))


def has_cancer(woman: int, side: str) -> bool:
    return woman % 3 == 0 and side == "L"


def drawn(woman: int, side: str, view: str) -> NDArray[np.uint8]:
    """Her breast, its chest wall where that side has it."""
    image = texture(1000 + 4 * woman + VIEWS.index((side, view)))
    if has_cancer(woman, side):
        image[40:56, 8:24] = 255
    return image if side == "L" else np.ascontiguousarray(image[:, ::-1])


def _tested(woman: int) -> bool:
    """In an official test set: every fourth pair of women."""
    return woman // 3 % 3 == 2


def build_vindr(folder: Path) -> None:
    header = f"{vindr.LEADING},breast_birads,breast_density,split"
    images, findings = [header], [
        f"{vindr.LEADING},breast_birads,breast_density,finding_categories,finding_birads,"
        "xmin,ymin,xmax,ymax,split"
    ]  # fmt: skip
    for woman in range(WOMEN):
        study, split = f"{woman:032x}", "test" if _tested(woman) else "training"
        for number, (side, view) in enumerate(VIEWS):
            image = f"{4 * woman + number:032x}"
            write_dicom(
                folder / "images" / study / f"{image}.dicom", drawn(woman, side, view),
                side=side, view=view,
            )  # fmt: skip
            grade = 5 if has_cancer(woman, side) else 1
            row = f"{study},{'f' * 32},{image},{side},{view},96,72,BI-RADS {grade},DENSITY B"
            images.append(f"{row},{split}")
            findings.append(f"{row},\"['No Finding']\",,,,,,{split}")
    write_text(folder / "breast-level_annotations.csv", "\n".join(images) + "\n")
    write_text(folder / "finding_annotations.csv", "\n".join(findings) + "\n")


def build_roboflow(folder: Path) -> None:
    """Images of a screening set whose names tell whose they are."""
    for woman in range(WOMEN):
        for number, (side, view) in enumerate(VIEWS):
            place = "malignant" if has_cancer(woman, side) else "benign"
            stem = f"{10000 + woman}_{100 + 4 * woman + number}_png"
            name = f"{stem}.rf.{4 * woman + number:032x}.jpg"
            write_picture(folder / place / name, drawn(woman, side, view))


def build_rsna(folder: Path) -> None:
    rows = [rsna.HEADER]
    for woman in range(WOMEN):
        for number, (side, view) in enumerate(VIEWS):
            image = 100 + 4 * woman + number
            cancer = int(has_cancer(woman, side))
            told = (1, 10000 + woman, image, side, view, "60.0", cancer, "ABCD"[woman // 2 % 4], 29)
            rows.append(rsna.row(told))
            path = folder / "train_images" / str(10000 + woman) / f"{image}.dcm"
            write_dicom(path, drawn(woman, side, view), side=side, view=view)
    write_text(folder / "train.csv", "\n".join(rows) + "\n")


def build_cmmd(folder: Path) -> None:
    rows: list[list[object]] = []
    for woman in range(WOMEN):
        patient = f"D{1 + woman % 2}-{woman + 1:04d}"
        place = folder / "CMMD" / patient / "07-18-2010-78873" / "1.000000-68100"
        for number, (side, view) in enumerate(VIEWS, start=1):
            write_dicom(
                place / f"1-{number}.dcm", drawn(woman, side, view), side=side, view=view,
                is_view_coded_only=True, voi_function="SIGMOID",
            )  # fmt: skip
        for side in "LR":
            word = "Malignant" if has_cancer(woman, side) else "Benign"
            rows.append([patient, side, 50, 2, "mass", word, None])
    cmmd.write_sheet(folder / cmmd.SHEET, rows)


def build_cbis(folder: Path) -> None:
    lesions = [
        cbis.Lesion(
            kind="mass",
            split="test" if _tested(woman) else "train",
            patient=f"P_{woman + 1:05d}",
            side="LEFT",
            view=view,
            number=1,
            pathology="MALIGNANT" if has_cancer(woman, "L") else "BENIGN",
            box=(8, 40, 24, 56),
        )
        for woman in range(WOMEN)
        for view in ("CC", "MLO")
    ]
    cbis.build_jpeg(folder, lesions)
    for lesion in lesions:
        series = cbis.series_of(lesion.image_key, "image")
        film = drawn(int(lesion.patient[2:]) - 1, "L", lesion.view)
        write_picture(folder / "jpeg" / series / "1-204.jpg", film)


def build_mias(folder: Path) -> None:
    tissues = "FGD"
    rows = [
        f"mdb{2 * woman + film:03d} {tissues[woman % 3]} "
        + ("CIRC M 100 100 20" if has_cancer(woman, "L") and film == 2 else "NORM")
        for woman in range(WOMEN)
        for film in (1, 2)
    ]
    write_text(folder / "Info.txt", mias.PROSE + "\n".join(rows) + "\n")
    mias.write_films(folder, rows, side=128)


def build_density(folder: Path) -> None:
    """Six originals of each class, each turned and flipped."""
    rows = ["filename,label"]
    for place, name in enumerate(density.ORIGINALS):
        for original in range(6):
            seed = 10 * place + original
            for number, copy in enumerate(density.copies_of(texture(seed, (96, 96)))):
                file = f"{20586900 + seed}_{number}.png"
                write_picture(folder / "train" / file, copy)
                rows.append(f"{file},{name}")
    write_text(folder / "train/Training_set.csv", "\n".join(rows) + "\n")


BUILDERS: Final[dict[str, Callable[[Path], None]]] = {
    "vindr_mammo": build_vindr,
    "roboflow": build_roboflow,
    "rsna_2022": build_rsna,
    "cmmd": build_cmmd,
    "cbis_ddsm": build_cbis,
    "mias": build_mias,
    "density_folders": build_density,
}
