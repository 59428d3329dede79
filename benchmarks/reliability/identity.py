"""Words that say who a woman is, planted wherever a file can hold any, and looked for later."""

import hashlib
import io
import re
import struct
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image
from pydicom.datadict import DicomDictionary, keyword_for_tag, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from benchmarks.reliability.campaign import Counted
from mammo_core.errors import MammoError, ReadError
from mammo_core.files import cases_root, home, worklists_root
from mammo_core.inference.verdict import ScoredImage, score_cases
from mammo_core.preprocessing.cases import (
    Case,
    forget_case,
    forget_old_cases,
    load_mammogram,
    store_case,
    with_names,
)
from mammo_core.preprocessing.dicom.header import MAKING, tags_to_read
from mammo_core.preprocessing.grouping import Arrived, group_files
from mammo_core.preprocessing.prepare import to_pane
from mammo_core.preprocessing.reading.read import (
    keep_mammogram,
    read_evidence,
    read_mammogram,
)
from mammo_core.preprocessing.worklists import keep_worklist
from mammo_core.reports.case.archive import case_zip, identified_dicom
from mammo_core.reports.case.picture import Appearance
from mammo_core.reports.case.record import Pseudonyms, ReadCase, ReadImage
from tests.preprocessing.dicom_files import element, file_of, header_of, with_elements
from tests.preprocessing.test_mutants import spoiled
from tests.reports.read_cases import read_case, reading

_TEXTS: Final = ("AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT")
_NUMBERS: Final = ("DS", "IS")
#: A mark in what must be read would change the image. What is merely shown takes one.
_NEEDED: Final = frozenset(tags_to_read()) - {tag_for_keyword(one) for one in MAKING}
_A_FILE: Final = 90  # marks
_SPOILED: Final = 3  # of each file, for the words of refusals


class Marks:
    """Words and numbers that nothing else says, each with the place where it was planted."""

    def __init__(self) -> None:
        self.planted: dict[bytes, str] = {}
        self._numbers = count(1)

    def word(self, place: str) -> str:
        return self._keep(f"Qz{next(self._numbers):05d}kX", place)

    def for_vr(self, vr: str, place: str) -> str | None:
        number = next(self._numbers)
        made = {
            "DA": f"17{number % 100:02d}1{number % 3}{1 + number % 28:02d}",
            "TM": f"235959.{870_000 + number}",
            "DT": f"17991231235959.{870_000 + number}",
            "UI": f"1.2.7778.{8_700_000 + number}",
            "CS": f"QZ{number:05d}KX",
            **dict.fromkeys(_TEXTS, f"Qz{number:05d}kX"),
            **dict.fromkeys(_NUMBERS, str(777_800_000 + number)),
        }.get(vr)
        return None if made is None else self._keep(made, place)

    def _keep(self, mark: str, place: str) -> str:
        self.planted[mark.encode()] = place
        return mark


def _identity_tags() -> Iterator[tuple[BaseTag, str]]:
    """Every attribute of the standard that a person or a program may write words into."""
    for number, (vr, *_) in sorted(DicomDictionary.items()):
        tag = Tag(number)
        if tag in _NEEDED or tag.group in (0x0000, 0x0002, 0x0004, 0x0028, 0x7FE0):
            continue
        if tag.element == 0 or keyword_for_tag(tag) in ("SOPClassUID", "Modality"):
            continue
        yield tag, vr


def breast(seed: int) -> np.ndarray:
    """Grain in a half disc at the left edge, so that no two are the same file."""
    y, x = np.mgrid[:96, :72]
    grain = np.random.default_rng(seed).integers(0, 500, (96, 72))
    return np.where((y - 48) ** 2 + x**2 < 40**2, 1500 + grain, 0).astype(np.uint16)


_NO_PICTURE: Final = re.compile(r"report_\d+\.dcm$")  # and some of its UIDs are new each time
#: Rows and columns beside the breast: of letters burned in, and of those that an overlay draws.
_LETTERS: Final = (slice(2, 9), slice(48, 72))
_OVERLAY: Final = (slice(86, 94), slice(48, 72))


def lettered(seed: int) -> np.ndarray:
    pixels = breast(seed)
    pixels[_LETTERS] = np.where(np.arange(24) % 3, 4095, 0)
    return pixels


def marked_dicom(marks: Marks, tags: Sequence[tuple[BaseTag, str]], seed: int) -> bytes:
    pixels = lettered(seed)
    header = header_of(pixels)
    header.ImageLaterality, header.ViewPosition = "L", ("CC", "MLO")[seed % 2]
    for tag, vr in tags:
        if (mark := marks.for_vr(vr, f"({tag.group:04X},{tag.element:04X})")) is not None:
            header.add_new(tag, vr, mark)
    _mark_sequences(header, marks)
    _mark_private_and_overlays(header, marks)
    header.PatientID = marks.word("PatientID")
    header.StudyInstanceUID = marks.for_vr("UI", "StudyInstanceUID")
    header.SeriesInstanceUID = marks.for_vr("UI", "SeriesInstanceUID")
    header.SOPInstanceUID = marks.for_vr("UI", "SOPInstanceUID")
    header.PixelData = pixels.tobytes()
    header["PixelData"].VR = "OW"
    comment = marks.word("an element out of order")
    return with_elements(file_of(header), element(0x00204000, "LT", comment.encode()))


def _mark_sequences(header: Dataset, marks: Marks) -> None:
    deepest = Dataset()
    deepest.PatientName = marks.word("nested three deep")
    middle = Dataset()
    middle.RequestAttributesSequence = [deepest]
    middle.RequestedProcedureDescription = marks.word("nested two deep")
    item = Dataset()
    item.PatientID = marks.word("nested")
    item.ReferencedStudySequence = [middle]
    header.OtherPatientIDsSequence = [item]
    header.ReferencedPatientSequence = [item]
    view = Dataset()
    view.CodeMeaning = marks.word("the meaning of a code")
    header.ViewCodeSequence = [view]


def _mark_private_and_overlays(header: Dataset, marks: Marks) -> None:
    for group in (0x0009, 0x0011, 0x0019, 0x7E01):
        header.add_new((group, 0x0010), "LO", marks.word(f"private creator {group:04X}"))
        header.add_new((group, 0x1001), "LO", marks.word(f"private {group:04X}"))
        header.add_new((group, 0x1002), "UN", marks.word(f"private bytes {group:04X}").encode())
    header.add_new((0x6000, 0x0022), "LO", marks.word("overlay description"))
    header.add_new((0x6000, 0x1500), "LO", marks.word("overlay label"))
    _draw_overlay(header, marks.word("overlay data").encode())


def _draw_overlay(header: Dataset, mark: bytes) -> None:
    """Letters in a plane of bits (PS3.3 C.9.2), whose first row holds the mark."""
    bits = np.zeros((96, 72), dtype=np.uint8)
    bits[_OVERLAY] = np.arange(24) % 3 > 0
    plane = bytearray(np.packbits(bits, axis=None, bitorder="little").tobytes())
    plane[: len(mark)] = mark
    for element_number, vr, value in (
        (0x0010, "US", 96),
        (0x0011, "US", 72),
        (0x0040, "CS", "G"),
        (0x0050, "SS", [1, 1]),
        (0x0100, "US", 1),
        (0x0102, "US", 0),
        (0x3000, "OW", bytes(plane)),
    ):
        header.add_new((0x6000, element_number), vr, value)


def marked_pictures(marks: Marks, seed: int) -> Iterator[bytes]:
    grey = (lettered(seed) // 16).astype(np.uint8)
    image = Image.fromarray(grey)
    exif = Image.Exif()
    exif[0x010E], exif[0x013B] = marks.word("EXIF description"), marks.word("EXIF artist")
    xmp = f"<x:xmpmeta>{marks.word('XMP')}</x:xmpmeta>".encode()
    for kind, options in (
        ("JPEG", {"comment": marks.word("JPEG comment"), "exif": exif, "xmp": xmp, "quality": 95}),
        ("TIFF", {"tiffinfo": {270: marks.word("TIFF description"), 315: marks.word("artist")}}),
    ):
        stream = io.BytesIO()
        image.save(stream, kind, **options)
        yield stream.getvalue()
    stream = io.BytesIO()
    image.save(stream, "PNG", exif=exif)
    yield _with_text(stream.getvalue(), marks.word("PNG text"))
    yield b"P5\n# " + marks.word("PGM comment").encode() + b"\n72 96 255\n" + grey.tobytes()


def _with_text(png: bytes, text: str) -> bytes:
    body = b"tEXtAuthor\0" + text.encode()
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return png[:33] + chunk + png[33:]


def planted_files(marks: Marks, size: int) -> list[tuple[str, bytes]]:
    """Names and contents with at least `size` marks."""
    tags = list(_identity_tags())
    files: list[tuple[str, bytes]] = []
    seed = 0
    while len(marks.planted) < size:
        start = seed * _A_FILE % len(tags)
        some = tags[start : start + min(_A_FILE, size)]
        made = [marked_dicom(marks, some, seed)]
        if seed % 4 == 0:
            made += list(marked_pictures(marks, seed))
        for content in made:
            files.append((f"{marks.word('folder name')}/{marks.word('file name')}.dcm", content))
        seed += 1
    return files


def found_in(blobs: Mapping[str, bytes], marks: Marks) -> list[str]:
    """Where each mark was planted and where it turned up; in text of 8 or 16 bits."""
    found = []
    for where, blob in blobs.items():
        wide = blob.replace(b"\0", b"")
        for mark, place in marks.planted.items():
            if mark in blob or mark in wide:
                found.append(f"{place} ({mark.decode()}) in {where}")
    return found


def everything_below(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*"))
    names = {"names of files": "\n".join(map(str, paths)).encode()}
    files = {path.name: path.read_bytes() for path in paths if path.is_file()}
    return names | files


def unzipped(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return {f"export {name}": data for name, data in members.items()} | {
        "names in the export": "\n".join(members).encode()
    }


def read_and_keep(files: Sequence[tuple[str, bytes]]) -> list[Case]:
    """As the Read page does with what is dropped on it, and as it then shows it: by its names."""
    arrived = [Arrived(content=content, name=name) for name, content in files]
    root = cases_root()
    root.mkdir(parents=True, exist_ok=True)
    cases = [
        store_case(
            [files[place][1] for place in places],
            root,
            keep=keep_mammogram,
            now=time.time(),
        )
        for places in group_files(arrived)
    ]
    keep_worklist(worklists_root(), [case.case_id for case in cases])
    names = {hashlib.sha256(content).hexdigest(): name for name, content in files}
    return [with_names(case, names) for case in cases]


def as_read(case: Case) -> ReadCase:
    """The images of `case` as they are kept and shown, with a score that nobody computed."""
    images = []
    for image in case.images:
        mammogram = load_mammogram(cases_root(), case, image)
        shown = to_pane(mammogram, longest=max(mammogram.size))
        images.append(
            ReadImage(
                about=image,
                pixels=shown.pixels,
                reduction=shown.reduction,
                windows=shown.windows,
                reading=reading(0.3, image.ref),
                method="Grad-CAM",
                remark=" ".join(image.info.notes),
            )
        )
    scored = [ScoredImage(ref=one.about.ref, title=one.title, score=0.3) for one in images]
    return replace(
        read_case(),
        case_id=case.case_id,
        images=tuple(images),
        scores=tuple(score_cases(scored, None)),
    )


def export_of(case: ReadCase) -> bytes:
    """All that the Read page exports without identity."""
    return case_zip(case, Appearance(), _pseudonyms(case))


def export_with_identity(case: ReadCase, contents: Mapping[str, bytes]) -> bytes:
    """What it exports for one's own archive, from the same files dropped once more."""
    originals = {
        image.about.ref.image_id: read_evidence(contents[image.about.ref.image_id])
        for image in case.images
    }
    made = identified_dicom(case, Appearance(), _pseudonyms(case), originals)
    return b"\n".join(file.content for file in made)


def _pseudonyms(case: ReadCase) -> Pseudonyms:
    return Pseudonyms(key=b"k" * 32, case_id=case.case_id)


def letters_in(case: ReadCase) -> list[str]:
    """What is not the same in an export of the case once there is nothing beside the breast, where
    the letters were: then they are in it.
    """
    images = []
    for image in case.images:
        pixels = image.pixels.copy()
        pixels[_LETTERS] = pixels[_OVERLAY] = 0
        images.append(replace(image, pixels=pixels))
    clean = unzipped(export_of(replace(case, images=tuple(images))))
    return [
        f"letters beside the breast are in {name}"
        for name, content in unzipped(export_of(case)).items()
        if clean.get(name) != content and not _NO_PICTURE.search(name)
    ]


def refusals_of(files: Sequence[tuple[str, bytes]]) -> bytes:
    """What is said of the same files spoiled: words that quote a file could quote a name."""
    draws = np.random.default_rng(3)
    said = []
    for _, content in files:
        for _ in range(_SPOILED):
            try:
                read_mammogram(spoiled(content, draws))
            except ReadError as error:
                said.append(str(error))
    return "\n".join(said).encode()


def markers(size: int, scratch: Path) -> Counted:
    marks = Marks()
    files = planted_files(marks, size)
    cases = read_and_keep(files)
    read = sum(len(case.images) for case in cases)
    failures = [f"not read: {one.sentence}" for case in cases for one in case.refusals]
    failures += burned_in(cases)
    failures += never_planted(files, marks)
    places = {"kept": found_in(everything_below(home()), marks)}
    shown = [as_read(case) for case in cases if case.images]
    exported = [unzipped(export_of(case)) for case in shown]
    places["exported"] = [one for export in exported for one in found_in(export, marks)]
    failures += [letters for case in shown for letters in letters_in(case)]
    named = _identified(shown, files, marks, failures)
    places["said of spoiled files"] = found_in({"refusals": refusals_of(files)}, marks)
    places["kept after exports with identity"] = found_in(everything_below(home()), marks)
    for case in cases:
        forget_case(cases_root(), case, now=time.time())
    forget_old_cases(cases_root(), now=time.time() + 120)
    places["left after forgetting"] = found_in(everything_below(home()), marks)
    left = [path.name for path in cases_root().glob("*") if path.is_dir()]
    failures += [f"not forgotten: {name}" for name in left]
    failures += [f"{how}: {what}" for how, found in places.items() for what in found]
    counts = Counter(place.split("(")[0] or "attributes" for place in marks.planted.values())
    told = ", ".join(f"{how} {len(found)}" for how, found in places.items())
    return Counted(
        size=len(marks.planted),
        figures=(
            f"{len(marks.planted):,} marks ({counts['attributes']:,} in attributes of the "
            f"standard, the others nested, private, in overlays, names and pictures' own texts) in "
            f"{len(files)} files, {read} of them read; {len(exported)} cases were exported, "
            f"{named} of them with identity too. Found: {told}. Forgotten cases left a folder "
            f"{len(left)} times.",
        ),
        failures=tuple(failures),
    )


def _identified(
    shown: Sequence[ReadCase],
    files: Sequence[tuple[str, bytes]],
    marks: Marks,
    failures: list[str],
) -> int:
    """How many cases were exported with identity: all that were DICOM, each naming its woman."""
    contents = {hashlib.sha256(content).hexdigest(): content for _, content in files}
    count = 0
    for case in shown:
        if not all(image.about.info.kind.startswith("DICOM") for image in case.images):
            continue
        try:
            made = export_with_identity(case, contents)
        except MammoError as error:
            failures.append(f"not exported with identity: {error}")
            continue
        whose = {one.partition(" (")[0] for one in found_in({"export": made}, marks)}
        if not {"PatientID", "StudyInstanceUID"} <= whose:
            failures.append(f"an export with identity names only {sorted(whose)}")
        count += 1
    return count


def never_planted(files: Sequence[tuple[str, bytes]], marks: Marks) -> list[str]:
    """What was not even in the files could be found nowhere: then the count would mean nothing."""
    everything = b"\n".join(name.encode() + b"\n" + content for name, content in files)
    return [
        f"not even in the files: {mark.decode()} ({place})"
        for mark, place in marks.planted.items()
        if mark not in everything
    ]


def burned_in(cases: Sequence[Case]) -> list[str]:
    """Letters beside the breast must be background in what is kept for a model to read."""
    seen = []
    for case in cases:
        for image in case.images:
            kept = load_mammogram(cases_root(), case, image)
            for values in filter(None.__ne__, (kept.pixels, kept.wide)):
                if max(values[_LETTERS].max(), values[_OVERLAY].max()) > 0:
                    seen.append(f"letters beside the breast are kept in {image.title}")
    return seen
