"""Synthetic women and their mammograms, with the truth known: `write_phantom_set`.

Nothing but the lesion may tell a breast with cancer from one without: age, density, machine and
site are shared out evenly between the women with cancer and the others.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pandas as pd

from mammo_core.errors import ConfigError
from mammo_core.files import replace_file
from mammo_core.preprocessing.phantom_files import write_dicom, write_png
from mammo_core.preprocessing.phantom_tissue import Breast, Lesion, LesionKind, render_view
from mammo_core.records import to_document
from mammo_core.tables import BOX_COLUMNS, MANIFEST_COLUMNS
from mammo_core.types import CANCER, Laterality, Size, View

SCHEMA_VERSION: Final = 1
VIEWS: Final = (View.CC, View.MLO)
SIDES: Final = (Laterality.RIGHT, Laterality.LEFT)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhantomSettings:
    """What decides the bytes of a phantom set; `phantom.json` holds it and marks the folder."""

    women: int
    seed: int
    size: Size = (1024, 512)
    image_format: Literal["png", "dicom"] = "png"
    cancer_share: float = 1 / 3  # of the women; each has it in one breast

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
        if problems:
            raise ConfigError("\n".join(problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Woman:
    """A woman who does not exist."""

    patient_id: str
    exam_id: str
    age: int
    density: str
    site: str
    machine: str
    breasts: tuple[Breast, Breast]  # right, left


def write_phantom_set(
    folder: Path,
    *,
    women: int,
    seed: int,
    size: Size,
    image_format: Literal["png", "dicom"] = "png",
) -> None:
    """Write `images/`, `manifest.csv`, `boxes.csv` and, last, `phantom.json` into `folder`."""
    settings = PhantomSettings(women=women, seed=seed, size=size, image_format=image_format)
    settings.check()
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, object]] = []
    boxes: list[dict[str, object]] = []
    for woman in draw_women(settings):
        for breast in woman.breasts:
            for view in VIEWS:
                rendering = render_view(breast, view, size)
                image_id = f"{woman.patient_id}_{breast.side}_{view}"
                suffix = "png" if image_format == "png" else "dcm"
                path = folder / "images" / f"{image_id}.{suffix}"
                if image_format == "png":
                    write_png(path, rendering.pixels)
                else:
                    write_dicom(path, rendering, woman=woman, side=breast.side, view=view)
                rows.append(_manifest_row(woman, breast, view, image_id, f"images/{path.name}"))
                boxes.extend(
                    {"image_id": image_id, **to_document(box), "kind": str(breast.lesion.kind)}
                    for box in rendering.boxes
                    if breast.lesion
                )
    _write_table(folder / "manifest.csv", rows, list(MANIFEST_COLUMNS))
    _write_table(folder / "boxes.csv", boxes, list(BOX_COLUMNS))
    document = {"schema_version": SCHEMA_VERSION, **to_document(settings)}
    replace_file(folder / "phantom.json", json.dumps(document, indent=2) + "\n")


def draw_women(settings: PhantomSettings) -> list[Woman]:
    """The women of a set, in the order of their ids."""
    rng = np.random.default_rng([settings.seed, 0])
    drawn = [_draw_traits(rng) for _ in range(settings.women)]
    ill = _share_out_cancer(drawn, settings.cancer_share, rng)
    return [
        _make_woman(number, traits, is_ill=number in ill, seed=settings.seed)
        for number, traits in enumerate(drawn)
    ]


def _draw_traits(rng: np.random.Generator) -> tuple[str, str, int, str]:
    age = int(np.clip(rng.normal(58, 9), 40, 80))
    likely_density = np.interp(age, [40, 80], [2.1, 1.0])
    density = "ABCD"[int(np.clip(np.rint(rng.normal(likely_density, 0.8)), 0, 3))]
    return str(rng.choice(["1", "2"])), density, age, str(rng.choice(["site 1", "site 2"]))


def _share_out_cancer(
    drawn: list[tuple[str, str, int, str]], share: float, rng: np.random.Generator
) -> set[int]:
    """Which women have cancer: evenly along the list sorted by machine, density and age."""
    order = sorted(range(len(drawn)), key=lambda number: drawn[number])
    ranks = (np.arange(len(drawn)) + rng.random()) * share
    return {order[i] for i in np.flatnonzero(np.floor(ranks + share) > np.floor(ranks))}


def _make_woman(
    number: int, traits: tuple[str, str, int, str], *, is_ill: bool, seed: int
) -> Woman:
    machine, density, age, site = traits
    rng = np.random.default_rng([seed, 1, number])
    ill_side = SIDES[rng.integers(2)] if is_ill else None
    breasts = [
        Breast(
            side=side,
            density=density,
            machine=machine,
            seed=(seed, 2, number),
            lesion=_draw_lesion(rng) if side == ill_side else None,
        )
        for side in SIDES
    ]
    return Woman(
        patient_id=f"W{number + 1:04d}",
        exam_id=f"E{number + 1:04d}",
        age=age,
        density=density,
        site=site,
        machine=machine,
        breasts=(breasts[0], breasts[1]),
    )


def _draw_lesion(rng: np.random.Generator) -> Lesion:
    return Lesion(
        kind=LesionKind(str(rng.choice(list(LesionKind)))),
        depth=float(rng.uniform(0.3, 0.7)),
        lateral=float(rng.uniform(-0.45, 0.45)),
        height=float(rng.uniform(-0.45, 0.45)),
        radius_mm=float(rng.uniform(5.0, 9.0)),
        contrast=float(rng.uniform(0.8, 1.2)),
        seed=int(rng.integers(2**31)),
    )


def _manifest_row(
    woman: Woman, breast: Breast, view: View, image_id: str, path: str
) -> dict[str, object]:
    negative, positive = CANCER.classes
    return {
        "image_id": image_id,
        "path": path,
        "patient_id": woman.patient_id,
        "exam_id": woman.exam_id,
        "group_id": woman.patient_id,
        "side": str(breast.side),
        "view": str(view),
        "label": positive if breast.lesion else negative,
        "density": woman.density,
        "age": woman.age,
        "site": woman.site,
        "machine": woman.machine,
        "lesion": str(breast.lesion.kind) if breast.lesion else None,
    }


def _write_table(path: Path, rows: list[dict[str, object]], columns: list[str]) -> None:
    replace_file(path, pd.DataFrame(rows, columns=columns).to_csv(index=False, lineterminator="\n"))
