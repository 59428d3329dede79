"""The images a reader has opened, kept so that a reload or a restart loses nothing.

Kept is what the reader of files returned, with text outside the breast masked: never the uploaded
bytes, never a file's name (names of files often hold names of women). A case lies under a hash of
its content, and is forgotten after a day unless the reader chose longer.
"""

import hashlib
import json
import re
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.errors import MammoError, ReadError
from mammo_core.files import replace_file
from mammo_core.records import from_document, to_document
from mammo_core.types import ImageRef, Laterality, Mammogram, View, Window

DAY_SECONDS: Final = 24 * 3600
_CASE_ID: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseImage:
    """One image of a case: what was read, and what the reader corrected by hand."""

    number: int  # 1, 2, 3, ... in the order the files came
    ref: ImageRef
    kind: str
    bits: int
    size: tuple[int, int]
    spacing_mm: tuple[float, float] | None
    is_spacing_at_detector: bool
    modifiers: tuple[str, ...]
    windows: tuple[Window, ...]
    notes: tuple[str, ...]
    corrected: tuple[str, ...] = ()  # "side", "view": said by the reader, not by the file

    @property
    def title(self) -> str:
        """ "R CC", or what is known of it."""
        known = [str(part) for part in (self.ref.side, self.ref.view) if part]
        return " ".join(known) or f"Image {self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A file that was not read, and why. `number` is its place among the files that came."""

    number: int
    code: str
    sentence: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    case_id: str
    images: tuple[CaseImage, ...]
    refusals: tuple[Refusal, ...]
    kept_until: float  # seconds since 1970

    def image(self, image_id: str) -> CaseImage:
        return next(image for image in self.images if image.ref.image_id == image_id)


def store_case(
    files: Sequence[bytes],
    root: Path,
    *,
    read: Callable[[bytes], Mammogram],
    mask: Callable[[Mammogram], Mammogram],
    now: float,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Case:
    """Read `files` and keep them as one case; a file that cannot be read becomes a refusal."""
    hashes = [hashlib.sha256(content).hexdigest() for content in files]
    case_id = hashlib.sha256("".join(sorted(set(hashes))).encode()).hexdigest()
    folder = root / case_id
    if (folder / "case.json").exists():
        return keep_case(load_case(root, case_id), root, until=now + DAY_SECONDS)
    folder.mkdir(parents=True, exist_ok=True)
    images: dict[str, CaseImage] = {}
    refusals = []
    for index, (content, digest) in enumerate(zip(files, hashes, strict=True)):
        report(index, len(files))
        if digest in images:
            continue
        try:
            mammogram = mask(read(content))
        except ReadError as error:
            refusals.append(
                Refusal(number=index + 1, code=error.code, sentence=error.sentence, hint=error.hint)
            )
            continue
        images[digest] = _describe(mammogram, image_id=digest, number=index + 1)
        _save_pixels(folder, digest, mammogram)
    case = Case(
        case_id=case_id,
        images=tuple(images.values()),
        refusals=tuple(refusals),
        kept_until=now + DAY_SECONDS,
    )
    _write(case, root)
    return case


def load_case(root: Path, case_id: str) -> Case:
    """The case of that id. Only 64 hex digits are an id; anything else never touches the disk."""
    if not _CASE_ID.fullmatch(case_id):
        raise MammoError("This link does not name a case. Open the images again.")
    try:
        document = json.loads((root / case_id / "case.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MammoError(
            "This case is no longer kept: it was forgotten, or its time was over. "
            "Open the images again."
        ) from None
    return from_document(document, Case, where="case.json")


def load_mammogram(root: Path, case: Case, image: CaseImage) -> Mammogram:
    """One image of `case` with its pixels, side and view as corrected."""
    folder = root / case.case_id
    wide = folder / f"{image.ref.image_id}.wide.npy"
    return Mammogram(
        ref=image.ref,
        pixels=np.load(folder / f"{image.ref.image_id}.pixels.npy", allow_pickle=False),
        kind=image.kind,
        bits=image.bits,
        spacing_mm=image.spacing_mm,
        is_spacing_at_detector=image.is_spacing_at_detector,
        modifiers=image.modifiers,
        wide=np.load(wide, allow_pickle=False) if wide.exists() else None,
        windows=image.windows,
        notes=image.notes,
    )


def correct_image(
    case: Case, root: Path, image_id: str, *, side: Laterality | None, view: View | None
) -> Case:
    """The case with side and view of one image as the reader says; what changed is marked."""
    old = case.image(image_id)
    changed = {
        name for name, value in (("side", side), ("view", view)) if value != getattr(old.ref, name)
    }
    new = replace(
        old,
        ref=replace(old.ref, side=side, view=view),
        corrected=tuple(sorted({*old.corrected, *changed})),
    )
    images = tuple(new if image is old else image for image in case.images)
    corrected = replace(case, images=images)
    _write(corrected, root)
    return corrected


def keep_case(case: Case, root: Path, *, until: float) -> Case:
    """Keep `case` at least until then."""
    kept = replace(case, kept_until=max(case.kept_until, until))
    _write(kept, root)
    return kept


def forget_case(root: Path, case: Case) -> None:
    shutil.rmtree(root / case.case_id, ignore_errors=True)


def forget_old_cases(root: Path, *, now: float | None = None) -> int:
    """Delete every case whose time is over, and what a crash left half-written; how many."""
    now = time.time() if now is None else now
    forgotten = 0
    for folder in root.glob("*"):
        if not _CASE_ID.fullmatch(folder.name):
            continue
        if _is_over(folder, now):
            shutil.rmtree(folder, ignore_errors=True)
            forgotten += 1
    return forgotten


def _is_over(folder: Path, now: float) -> bool:
    try:
        document = json.loads((folder / "case.json").read_text(encoding="utf-8"))
        return bool(now > document["kept_until"])
    except (OSError, ValueError, KeyError):
        return now - folder.stat().st_mtime > DAY_SECONDS


def _describe(mammogram: Mammogram, *, image_id: str, number: int) -> CaseImage:
    return CaseImage(
        number=number,
        ref=replace(mammogram.ref, image_id=image_id),
        kind=mammogram.kind,
        bits=mammogram.bits,
        size=mammogram.size,
        spacing_mm=mammogram.spacing_mm,
        is_spacing_at_detector=mammogram.is_spacing_at_detector,
        modifiers=mammogram.modifiers,
        windows=mammogram.windows,
        notes=mammogram.notes,
    )


def _save_pixels(folder: Path, image_id: str, mammogram: Mammogram) -> None:
    _save_array(folder / f"{image_id}.pixels.npy", mammogram.pixels)
    if mammogram.wide is not None:
        _save_array(folder / f"{image_id}.wide.npy", mammogram.wide)


def _save_array(path: Path, values: NDArray[Any]) -> None:
    scratch = path.with_suffix(".tmp")
    with scratch.open("wb") as stream:
        np.save(stream, values, allow_pickle=False)
    scratch.replace(path)


def _write(case: Case, root: Path) -> None:
    replace_file(root / case.case_id / "case.json", json.dumps(to_document(case)) + "\n")
