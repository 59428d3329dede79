"""Which of the files that came together are of one woman: by what a DICOM calls its exam, by what
names say, else by folder. And which images of one woman are looked at together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mammo_core.preprocessing.cases import Case, CaseImage
from mammo_core.preprocessing.file_names import woman_of_name
from mammo_core.preprocessing.reading.read import is_dicom, read_exam
from mammo_core.types import Laterality

#: More pictures than this in one folder, without anything that says so, are no one woman's.
MOST_OF_ONE: Final = 8

#: How PNG, JPEG, TIFF and PGM begin.
_PICTURES: Final = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"P2", b"P5")
_HEAD_BYTES: Final = 2**18


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A file as it came. Its name, with the folder it was dropped in, is looked at and not kept."""

    content: bytes
    name: str = ""

    @property
    def folder(self) -> str:
        """ "" for a file dropped by itself."""
        return self.name.replace("\\", "/").rpartition("/")[0]


def group_files(files: Sequence[Arrived]) -> list[list[int]]:
    """The places in `files` that make one case each, in the order in which they came.

    What is neither a picture nor names an exam or a woman goes with the first case, to be refused
    there.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    others = []
    for place, file in enumerate(files):
        group = _group_of(file)
        if group is None:
            others.append(place)
        else:
            groups.setdefault(group, []).append(place)
    found = []
    for (kind, _), members in groups.items():
        if kind == "folder" and len(members) > MOST_OF_ONE:
            found += [[place] for place in members]
        else:
            found.append(members)
    found.sort()
    return [sorted([*found[0], *others]), *found[1:]] if found else [others]


def _group_of(file: Arrived) -> tuple[str, str] | None:
    exam = read_exam(file.content)
    if exam:
        return "exam", exam
    if not (file.content.startswith(_PICTURES) or is_dicom(file.content[:_HEAD_BYTES])):
        return None
    woman = woman_of_name(file.name)
    return ("woman", woman) if woman else ("folder", file.folder)


_MOST: Final = 2  # images that can be shown twice on one screen
_BREASTS: Final = {Laterality.RIGHT: "Right breast", Laterality.LEFT: "Left breast"}


def parts_of(case: Case) -> dict[str, tuple[CaseImage, ...]]:
    """By title, each of one or two images; together they are all of `case`.

    A breast of more than two images, and what is of no known side, is taken image by image.
    """
    if len(case.images) <= _MOST:
        return {"All images": case.images}
    parts: dict[str, tuple[CaseImage, ...]] = {}
    for side, title in _BREASTS.items():
        images = tuple(image for image in case.images if image.ref.side is side)
        if 0 < len(images) <= _MOST:
            parts[title] = images
    placed = {image for images in parts.values() for image in images}
    for image in case.images:
        if image not in placed:
            title = image.title if image.title not in parts else f"{image.title} ({image.number})"
            parts[title] = (image,)
    return parts
