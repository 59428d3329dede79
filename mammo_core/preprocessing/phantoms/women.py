"""Synthetic women and their mammograms, with the truth known: `write_phantom_set`.

Nothing but the lesion may tell a breast with cancer from one without. Who has cancer is drawn with
no regard to age, density, machine and site, and the random numbers that draw tissue do not depend
on the lesion. (Sharing cancer out evenly over them would be worse: what the training women have
too much of, the test women then lack, and a guess from age or machine does worse than chance.)
"""

import json
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

import cv2
import numpy as np
import pandas as pd

from mammo_core.errors import ConfigError
from mammo_core.files import replace_file
from mammo_core.preprocessing.phantoms.files import Header, encode_dicom, encode_png
from mammo_core.preprocessing.phantoms.lesions import Lesion, draw_lesion
from mammo_core.preprocessing.phantoms.view import MACHINES, Breast, Machine, Rendering, render_view
from mammo_core.records import to_document
from mammo_core.tables import BOX_COLUMNS, MANIFEST_COLUMNS
from mammo_core.types import CANCER, Laterality, Size, View

SCHEMA_VERSION: Final = 1
VIEWS: Final = (View.CC, View.MLO)
SIDES: Final = (Laterality.RIGHT, Laterality.LEFT)
DENSITIES: Final = ("A", "B", "C", "D")
#: Below this many pixels in all, starting processes takes longer than drawing.
PIXELS_WORTH_PROCESSES: Final = 20_000_000

ImageFormat = Literal["png", "dicom"]
Row = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhantomSettings:
    """What decides the bytes of a phantom set; `phantom.json` holds it and marks the folder."""

    women: int
    seed: int
    size: Size = (1024, 512)
    image_format: ImageFormat = "png"
    cancer_share: float = 1 / 3  # of the women; each has it in one breast
    lesion_contrast: float = 1.0

    def check(self) -> None:
        """Raise ConfigError with every problem, one a line."""
        problems = []
        if self.women < 1:
            problems.append(f"The number of women is {self.women}; it must be at least 1.")
        if self.seed < 0:
            problems.append(f"The seed is {self.seed}; it must be at least 0.")
        if min(self.size) < 16 or max(self.size) > 8192:
            problems.append(f"Image size is {self.size[0]} x {self.size[1]}; allowed: 16 to 8192.")
        if not 0.0 <= self.cancer_share <= 1.0:
            problems.append(f"The share with cancer is {self.cancer_share}; allowed: 0 to 1.")
        if not 0.0 < self.lesion_contrast <= 4.0:
            problems.append(f"Lesion contrast is {self.lesion_contrast}; allowed: above 0 to 4.")
        if problems:
            raise ConfigError("\n".join(problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What is known of a woman besides her breasts."""

    machine: str
    density: str
    age: int
    site: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Woman:
    """A woman who does not exist."""

    patient_id: str
    exam_id: str
    traits: Traits
    breasts: tuple[Breast, Breast]  # right, left


def write_phantom_set(
    folder: Path,
    *,
    women: int,
    seed: int,
    size: Size,
    image_format: ImageFormat = "png",
    lesion_contrast: float = 1.0,
) -> None:
    """Write `images/`, `manifest.csv`, `boxes.csv` and, last, `phantom.json` into `folder`."""
    settings = PhantomSettings(
        women=women,
        seed=seed,
        size=size,
        image_format=image_format,
        lesion_contrast=lesion_contrast,
    )
    settings.check()
    document = {"schema_version": SCHEMA_VERSION, **to_document(settings)}
    written_settings = json.dumps(document, indent=2) + "\n"
    _refuse_other_set(folder, written_settings)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    write = partial(_write_woman, folder=folder, settings=settings)
    drawn = draw_women(settings)
    if 4 * women * size[0] * size[1] < PIXELS_WORTH_PROCESSES:
        written = [write(woman) for woman in drawn]
    else:
        with ProcessPoolExecutor(
            max_workers=os.cpu_count(),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=cv2.setNumThreads,  # a process per core is enough
            initargs=(1,),
        ) as pool:
            written = list(pool.map(write, drawn, chunksize=2))
    write_truth(
        folder,
        manifest=[row for rows, _ in written for row in rows],
        boxes=[box for _, boxes in written for box in boxes],
    )
    replace_file(folder / "phantom.json", written_settings)


def _refuse_other_set(folder: Path, settings: str) -> None:
    """The same set may be written again; over another its images would stay, unlisted."""
    mark = folder / "phantom.json"
    if mark.exists():
        if mark.read_text(encoding="utf-8") == settings:
            return
        found = "a set of synthetic women made with other settings"
    elif (folder / "manifest.csv").exists():
        found = "a data set (manifest.csv)"
    else:
        return
    raise ConfigError(
        f"{folder} already holds {found}, whose images would be mixed with the new ones. Choose "
        "an empty folder, or remove this one first."
    )


def draw_women(settings: PhantomSettings) -> list[Woman]:
    """The women of a set, in the order of their ids."""
    rng = np.random.default_rng([settings.seed, 0])
    traits = [_draw_traits(rng) for _ in range(settings.women)]
    ill = rng.choice(settings.women, round(settings.women * settings.cancer_share), replace=False)
    return [
        _make_woman(number, traits[number], settings, is_ill=number in ill)
        for number in range(settings.women)
    ]


def make_breasts(
    traits: Traits, seed: tuple[int, ...], *, lesion: Lesion, lesion_side: Laterality | None
) -> tuple[Breast, Breast]:
    """Her right and left breast; the lesion is on `lesion_side`, or nowhere."""
    right, left = (
        Breast(
            side=side,
            density=traits.density,
            machine=_machine(traits.machine),
            seed=seed,
            lesion=lesion if side is lesion_side else None,
        )
        for side in SIDES
    )
    return right, left


def manifest_row(woman: Woman, breast: Breast, view: View, path: str) -> Row:
    """One image of `woman` as a row of the manifest."""
    negative, positive = CANCER.classes
    return {
        "image_id": f"{woman.patient_id}_{breast.side}_{view}",
        "path": path,
        "patient_id": woman.patient_id,
        "exam_id": woman.exam_id,
        "group_id": woman.patient_id,
        "side": str(breast.side),
        "view": str(view),
        "label": positive if breast.lesion else negative,
        "density": woman.traits.density,
        "age": woman.traits.age,
        "site": woman.traits.site,
        "machine": woman.traits.machine,
        "lesion": str(breast.lesion.kind) if breast.lesion else None,
    }


def box_rows(row: Row, rendering: Rendering) -> list[Row]:
    """The lesion of one image, if it has one, as a row of the boxes."""
    if rendering.box is None:
        return []
    return [{"image_id": row["image_id"], **to_document(rendering.box), "kind": row["lesion"]}]


def header_of(woman: Woman, breast: Breast, view: View, *, uid_seed: str) -> Header:
    """What the DICOM file of one view tells."""
    return Header(
        patient_id=woman.patient_id,
        exam_id=woman.exam_id,
        age=woman.traits.age,
        side=breast.side,
        view=view,
        machine=breast.machine,
        uid_seed=uid_seed,
    )


def write_truth(folder: Path, *, manifest: list[Row], boxes: list[Row]) -> None:
    """`manifest.csv` and `boxes.csv`, columns as the contracts have them."""
    tables = {"manifest.csv": (manifest, MANIFEST_COLUMNS), "boxes.csv": (boxes, BOX_COLUMNS)}
    for name, (rows, columns) in tables.items():
        table = pd.DataFrame(rows, columns=list(columns)).round(2)
        replace_file(folder / name, table.to_csv(index=False, lineterminator="\n"))


def _write_woman(
    woman: Woman, *, folder: Path, settings: PhantomSettings
) -> tuple[list[Row], list[Row]]:
    """Her four images on disk; their rows of the manifest and of the boxes."""
    suffix = "png" if settings.image_format == "png" else "dcm"
    rows: list[Row] = []
    boxes: list[Row] = []
    for breast in woman.breasts:
        for view in VIEWS:
            name = f"images/{woman.patient_id}_{breast.side}_{view}.{suffix}"
            rendering = render_view(breast, view, settings.size)
            if settings.image_format == "png":
                content = encode_png(rendering.pixels, bits=8)
            else:
                header = header_of(woman, breast, view, uid_seed=str(settings.seed))
                content = encode_dicom(rendering, header)
            (folder / name).write_bytes(content)
            rows.append(manifest_row(woman, breast, view, name))
            boxes += box_rows(rows[-1], rendering)
    return rows, boxes


def _draw_traits(rng: np.random.Generator) -> Traits:
    age = int(np.clip(rng.normal(58, 9), 40, 80))
    usual = np.interp(age, [40, 80], [2.0, 1.1])  # breasts grow less dense with age
    density = DENSITIES[int(np.clip(np.rint(rng.normal(usual, 0.8)), 0, 3))]
    machine = MACHINES[int(rng.integers(len(MACHINES)))].name
    return Traits(machine=machine, density=density, age=age, site=f"site {rng.integers(1, 3)}")


def _make_woman(number: int, traits: Traits, settings: PhantomSettings, *, is_ill: bool) -> Woman:
    rng = np.random.default_rng([settings.seed, 1, number])
    lesion = draw_lesion(rng, contrast=settings.lesion_contrast)
    ill_side = SIDES[int(rng.integers(2))] if is_ill else None
    seed = (settings.seed, 2, number)
    return Woman(
        patient_id=f"W{number + 1:04d}",
        exam_id=f"E{number + 1:04d}",
        traits=traits,
        breasts=make_breasts(traits, seed, lesion=lesion, lesion_side=ill_side),
    )


def _machine(name: str) -> Machine:
    return {machine.name: machine for machine in MACHINES}[name]
