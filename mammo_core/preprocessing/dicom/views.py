"""Side, projection, and what is special about it: from attributes and their codes.

Codes are those of PS3.16 CID 4014 (view) and CID 4015 (view modifier), in SNOMED CT and in the
older SNOMED RT that most files carry.
"""

from dataclasses import dataclass
from typing import Final

from pydicom.dataset import Dataset

from mammo_core.preprocessing.dicom.header import code, items, text, texts
from mammo_core.types import Laterality, View

_VIEW_CODES: Final = {
    "399162004": View.CC,
    "R-10242": View.CC,
    "399368009": View.MLO,
    "R-10226": View.MLO,
    "399260004": View.ML,
    "R-10224": View.ML,
    "399352003": View.LM,
    "R-10228": View.LM,
    "399099002": View.LMO,
    "R-10230": View.LMO,
    "399192008": View.XCCL,
    "R-1024A": View.XCCL,
    "399101009": View.XCCM,
    "R-1024B": View.XCCM,
    "399196006": View.FB,
    "R-10244": View.FB,
    "399188001": View.SIO,
    "R-102D0": View.SIO,
    "441555000": View.ISO,
    "R-40AAA": View.ISO,
}
_SPECIMEN_CODES: Final = ("127457009", "G-8310")

#: Modifiers that make another view of a CC or MLO.
_VIEW_MAKING: Final = {
    "399161006": View.CV,
    "R-102D2": View.CV,
    "399011000": View.AT,
    "R-102D1": View.AT,
}
_MODIFIER_CODES: Final = {
    "399163009": "magnification",
    "R-102D6": "magnification",
    "399055006": "spot compression",
    "R-102D7": "spot compression",
    "399209000": "implant displaced",
    "R-102D5": "implant displaced",
    "399110001": "tangential",
    "R-102C2": "tangential",
    "399226006": "rolled medial",
    "R-102D4": "rolled medial",
    "399197002": "rolled lateral",
    "R-102D3": "rolled lateral",
    "415670009": "rolled superior",
    "R-102C9": "rolled superior",
    "414493004": "rolled inferior",
    "R-102CA": "rolled inferior",
    "441752004": "anterior compression",
    "P2-00161": "anterior compression",
    "442581004": "nipple in profile",
    "R-40AB3": "nipple in profile",
    "442593008": "infra-mammary fold",
    "R-40ABE": "infra-mammary fold",
    "442580003": "axillary tissue",
    "R-40AB2": "axillary tissue",
}
_IMPLANT_DISPLACED: Final = "implant displaced"


@dataclass(frozen=True, slots=True, kw_only=True)
class SideAndView:
    """What the header says of side and projection. With `modifiers` it is no screening view."""

    side: Laterality | None
    view: View | None
    modifiers: tuple[str, ...]
    notes: tuple[str, ...]


def read_side_and_view(header: Dataset) -> SideAndView:
    """Side, view and modifiers; contradictions are noted, what is unknown stays unknown."""
    side, side_notes = _side(header)
    coded = _codes(items(header, "ViewCodeSequence"))
    codes = [*coded, *_modifier_codes(header)]
    view, modifiers, view_notes = _view(header, codes)
    modifiers += [_MODIFIER_CODES[code] for code in codes if code in _MODIFIER_CODES]
    if any(code in _SPECIMEN_CODES for code in coded):
        modifiers.append("specimen")
    if text(header, "PartialView").upper() == "YES":
        modifiers.append("partial view")
    notes = [*side_notes, *view_notes]
    if text(header, "BreastImplantPresent").upper() == "YES":
        notes.append("The header says that there is an implant.")
    if _is_upside_down(header):
        notes.append("The header says that this image is upside down; it is shown as stored.")
    return SideAndView(
        side=side, view=view, modifiers=tuple(dict.fromkeys(modifiers)), notes=tuple(notes)
    )


def _side(header: Dataset) -> tuple[Laterality | None, list[str]]:
    """Image Laterality counts; Laterality is of the series, and older (PS3.3 C.7.3.1)."""
    image, series = (
        text(header, attribute).upper() for attribute in ("ImageLaterality", "Laterality")
    )
    notes = []
    if image and series and image != series:
        notes.append(
            f"The header contradicts itself on the side: image {code(image)!r}, series "
            f"{code(series)!r}; the image's was used."
        )
    said = image or series
    if said in tuple(Laterality):
        return Laterality(said), notes
    if said:
        notes.append(f"The side is given as {code(said)!r}, which is neither L nor R.")
    return None, notes


def _view(header: Dataset, codes: list[str]) -> tuple[View | None, list[str], list[str]]:
    said = text(header, "ViewPosition").upper()
    position, modifiers = _view_of_label(said)
    coded = next((_VIEW_CODES[code] for code in codes if code in _VIEW_CODES), None)
    made = next((_VIEW_MAKING[code] for code in codes if code in _VIEW_MAKING), None)
    notes = []
    if position and coded and position is not coded and position is not made:
        notes.append(
            f"The header contradicts itself on the view: position {position}, code {coded}; "
            "the position was used."
        )
    if said and position is None:
        notes.append(f"The view position {code(said)!r} is not known.")
    if made and position in (None, View.CC, View.MLO):
        return made, modifiers, notes
    return position or coded, modifiers, notes


def _view_of_label(label: str) -> tuple[View | None, list[str]]:
    """ "MLO", and the labels some machines write instead: "RMLO", "CCID", "LCC"."""
    modifiers = []
    if label.endswith("ID"):
        label = label.removesuffix("ID").strip()
        modifiers.append(_IMPLANT_DISPLACED)
    for candidate in (label, label[1:].strip() if label[:1] in ("L", "R") else ""):
        if candidate in tuple(View):
            return View(candidate), modifiers
    return None, []


def _modifier_codes(header: Dataset) -> list[str]:
    """Modifiers lie inside the item of the view (PS3.3 C.8.11.7.1), in some files beside it."""
    inside = [
        code
        for item in items(header, "ViewCodeSequence")
        for code in _codes(items(item, "ViewModifierCodeSequence"))
    ]
    return [*inside, *_codes(items(header, "ViewModifierCodeSequence"))]


def _codes(sequence: list[Dataset]) -> list[str]:
    return [text(item, "CodeValue") or text(item, "LongCodeValue") for item in sequence]


def _is_upside_down(header: Dataset) -> bool:
    """PS3.3 C.7.6.1.1.1: the second direction is that of the columns; H is towards the head."""
    directions = texts(header, "PatientOrientation")
    return len(directions) == 2 and directions[1].upper().startswith("H")
