"""The synthetic mammograms that ship in `sample_images/`: a few files, many formats.

One four-view exam as DICOM, each view in another transfer syntax; one breast as 16-bit PNG; one
view with a bright background, as scanned film has it.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from mammo_core.errors import ConfigError
from mammo_core.files import replace_file
from mammo_core.preprocessing.phantoms.files import Syntax, encode_dicom, encode_png
from mammo_core.preprocessing.phantoms.lesions import Lesion, LesionKind
from mammo_core.preprocessing.phantoms.view import MACHINES, Breast, Rendering, render_view
from mammo_core.preprocessing.phantoms.women import (
    SIDES,
    VIEWS,
    Row,
    Traits,
    Woman,
    box_rows,
    header_of,
    make_breasts,
    manifest_row,
    write_truth,
)
from mammo_core.preprocessing.samples import PICTURES
from mammo_core.tables import read_table
from mammo_core.types import Laterality, Pixels, Size, View

SIZE: Final[Size] = (1280, 640)
PICTURE_HEIGHT: Final = 192  # pixels; shown less than half as high, which is sharp on a fine screen
ALDER, BIRCH = (machine.name for machine in MACHINES)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleFile:
    """One file to write."""

    name: str
    woman: Woman
    side: Laterality
    view: View
    form: Syntax | str  # of DICOM; or "16-bit PNG", "inverted PNG"

    @property
    def breast(self) -> Breast:
        return self.woman.breasts[SIDES.index(self.side)]


def write_samples(folder: Path, size: Size = SIZE) -> None:
    """Write the sample images, `manifest.csv`, `boxes.csv`, a README, and a small picture of each
    sample into `folder`. Nobody else's data set or README is written over.
    """
    _refuse_others(folder)
    (folder / PICTURES).mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    boxes: list[Row] = []
    views: dict[str, list[Pixels]] = defaultdict(list)
    for sample in sample_files():
        rendering = render_view(sample.breast, sample.view, size)
        replace_file(folder / sample.name, _encoded(sample, rendering))
        rows.append(manifest_row(sample.woman, sample.breast, sample.view, sample.name))
        boxes += box_rows(rows[-1], rendering)
        views[sample.name.partition("_")[0]].append(rendering.pixels)
    for name, pixels in views.items():
        replace_file(folder / PICTURES / f"{name}.jpg", _picture(pixels))
    write_truth(folder, manifest=rows, boxes=boxes)
    replace_file(folder / "README.md", _readme())


def _refuse_others(folder: Path) -> None:
    listed, names = folder / "manifest.csv", {sample.name for sample in sample_files()}
    if listed.exists():
        paths = read_table(listed, what="manifest").get("path")
        is_ours = paths is not None and set(paths.astype(str)) <= names
    else:
        is_ours = not (folder / "README.md").exists() and not (folder / "boxes.csv").exists()
    if not is_ours:
        raise ConfigError(
            f"{folder} already holds something else (manifest.csv, boxes.csv or README.md), which "
            "the samples would replace. Choose an empty folder."
        )


def sample_files() -> list[SampleFile]:
    """All that ship, in the order in which they hang."""
    exam, pair, film = _women()
    syntaxes = (Syntax.EXPLICIT, Syntax.RLE, Syntax.JPEG_LOSSLESS, Syntax.JPEG_2000)
    hung = [(side, view) for view in VIEWS for side in SIDES]
    right, left = SIDES
    return [
        *(
            SampleFile(
                name=f"exam_{side}_{view}_{syntax.lower().replace(' ', '-')}.dcm",
                woman=exam,
                side=side,
                view=view,
                form=syntax,
            )
            for (side, view), syntax in zip(hung, syntaxes, strict=True)
        ),
        *(
            SampleFile(
                name=f"pair_R_{view}_16-bit.png",
                woman=pair,
                side=right,
                view=view,
                form="16-bit PNG",
            )
            for view in VIEWS
        ),
        SampleFile(
            name="film_L_MLO_inverted.png",
            woman=film,
            side=left,
            view=View.MLO,
            form="inverted PNG",
        ),
    ]


def _women() -> tuple[Woman, Woman, Woman]:
    spiculated = Lesion(
        kind=LesionKind.SPICULATED, depth=0.55, lateral=0.25, height=0.2, radius_mm=8.0,
        contrast=1.0, seed=1,
    )  # fmt: skip
    grains = Lesion(
        kind=LesionKind.CALCIFICATIONS, depth=0.5, lateral=-0.15, height=0.3, radius_mm=7.0,
        contrast=1.0, seed=2,
    )  # fmt: skip
    return (
        _woman(1, Traits(machine=ALDER, density="B", age=57, site="site 1"), spiculated, "L"),
        _woman(2, Traits(machine=BIRCH, density="C", age=49, site="site 1"), grains, "R"),
        _woman(3, Traits(machine=ALDER, density="B", age=64, site="site 2"), grains, None),
    )


def _woman(number: int, traits: Traits, lesion: Lesion, side: str | None) -> Woman:
    ill_side = Laterality(side) if side else None
    return Woman(
        patient_id=f"S{number:03d}",
        exam_id=f"X{number:03d}",
        traits=traits,
        breasts=make_breasts(traits, (7, number), lesion=lesion, lesion_side=ill_side),
    )


def _encoded(sample: SampleFile, rendering: Rendering) -> bytes:
    if isinstance(sample.form, Syntax):
        header = header_of(sample.woman, sample.breast, sample.view, uid_seed="samples")
        return encode_dicom(rendering, header, sample.form)
    if sample.form == "16-bit PNG":
        return encode_png(rendering.pixels, bits=12)
    return encode_png(np.float32(1) - rendering.pixels, bits=8)


def _picture(views: Sequence[Pixels]) -> bytes:
    """`views` beside each other, as a JPEG."""
    sizes = [(round(PICTURE_HEIGHT * one.shape[1] / one.shape[0]), PICTURE_HEIGHT) for one in views]
    small = [
        cv2.resize(one, size, interpolation=cv2.INTER_AREA)
        for one, size in zip(views, sizes, strict=True)
    ]
    _, data = cv2.imencode(".jpg", np.rint(np.hstack(small) * 255).astype(np.uint8))
    return bytes(data)


def _readme() -> str:
    lines = [
        "# Synthetic mammograms",
        "",
        "No woman was imaged for these files: `mammo phantom --samples sample_images` draws them,",
        "and makes up their ids, ages and dates. They show what the workbench reads and how;",
        "they say nothing of how well a model finds cancer.",
        "",
        "| file | form | breast | density | machine | truth |",
        "|---|---|---|---|---|---|",
    ]
    for sample in sample_files():
        breast = sample.breast
        form = f"DICOM, {sample.form}" if isinstance(sample.form, Syntax) else sample.form
        truth = f"cancer: {breast.lesion.kind}" if breast.lesion else "no cancer"
        lines.append(
            f"| {sample.name} | {form} | {sample.side} {sample.view} "
            f"| {breast.density} | {breast.machine.name} | {truth} |"
        )
    lines += [
        "",
        "`manifest.csv` holds a row per image, `boxes.csv` the place of each lesion in pixels;",
        "`.pictures/` has each sample small.",
        "",
    ]
    return "\n".join(lines)
