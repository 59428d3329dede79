"""What is read from a DICOM header. Whatever is not listed here is never read at all.

Values are parsed here from their raw bytes, because files break the rules of their value types in
more ways than a library expects (a decimal comma, an UL where a US belongs, a lone blank).
"""

import math
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from mammo_core.errors import ReadError

#: Hashed with the key of this installation as soon as they are read: see identity.py.
IDENTITY: Final = ("PatientID", "StudyInstanceUID", "SOPInstanceUID")

ATTRIBUTES: Final = (
    # what it is
    "SOPClassUID",
    "ImageType",
    "Modality",
    "PresentationIntentType",
    "ConversionType",
    "DetectorType",
    "BodyPartExamined",
    "QualityControlImage",
    "DeidentificationMethod",  # compared with our own mark of synthetic images, never kept
    "PixelIntensityRelationship",
    "PixelIntensityRelationshipSign",
    # side and projection
    "ImageLaterality",
    "Laterality",
    "ViewPosition",
    "ViewCodeSequence",
    "ViewModifierCodeSequence",
    "PatientOrientation",
    "PartialView",
    "BreastImplantPresent",
    # the pixel matrix
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "NominalScannedPixelSpacing",
    "ExtendedOffsetTable",
    # from stored values to grey
    "RescaleSlope",
    "RescaleIntercept",
    "ModalityLUTSequence",
    "VOILUTSequence",
    "VOILUTFunction",
    "WindowCenter",
    "WindowWidth",
    "WindowCenterWidthExplanation",
    "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
)

#: Shown to a reader and used for nothing else: no image changes with them.
MAKING: Final = ("Manufacturer", "KVP", "BodyPartThickness", "CompressionForce")

VENDOR_BLOCK: Final = 0x7E010010  # the private creator under which Hologic keeps its own format
OVERLAY_GROUPS: Final = range(0x6000, 0x6020, 2)
OVERLAY_BIT_POSITION: Final = 0x0102
OVERLAY_DATA: Final = 0x3000

_CODE: Final = re.compile(r"[A-Z0-9_ ]{0,16}")
_LONGEST_QUOTE: Final = 40


def tags_to_read() -> list[int]:
    """The tags the parser may keep; it skips all others unread."""
    named = [_tag(keyword) for keyword in (*IDENTITY, *ATTRIBUTES, *MAKING)]
    overlays = [
        (group << 16) + element
        for group in OVERLAY_GROUPS
        for element in (OVERLAY_BIT_POSITION, OVERLAY_DATA)
    ]
    return [*named, *overlays, VENDOR_BLOCK]


def raw(header: Dataset, attribute: str | int) -> bytes:
    """The bytes of a value as they lie in the file; empty where it is missing or a sequence."""
    element = _element(header, attribute)
    value = element.value if element is not None else None
    return bytes(value) if isinstance(value, bytes | bytearray) else b""


def is_present(header: Dataset, attribute: str | int) -> bool:
    return _element(header, attribute) is not None


def texts(header: Dataset, attribute: str | int) -> list[str]:
    """The values of a text attribute, stripped of padding; one empty text where there is none."""
    value = raw(header, attribute).decode("latin-1")
    return [part.strip(" \0\t\r\n") for part in value.split("\\")]


def text(header: Dataset, attribute: str | int) -> str:
    return texts(header, attribute)[0]


def quoted(value: str) -> str:
    """Text from a file, made fit to stand in a sentence: short, printable, plain."""
    plain = "".join(c if c.isascii() and c.isprintable() else "?" for c in value)
    return plain if len(plain) <= _LONGEST_QUOTE else plain[: _LONGEST_QUOTE - 3] + "..."


def code(value: str) -> str:
    """A coded value (CS, PS3.5 6.2) as it stands; free text may name anybody and is not kept."""
    return value if _CODE.fullmatch(value) else "no code"


def numbers(header: Dataset, attribute: str) -> list[float | None]:
    """Decimal values in their order; None where one is not a number. "3,5" is read as 3.5."""
    if not raw(header, attribute).strip(b" \0"):
        return []
    return [_number(part) for part in texts(header, attribute)]


def number(header: Dataset, attribute: str) -> float | None:
    return next(iter(numbers(header, attribute)), None)


def has_decimal_comma(header: Dataset, attribute: str) -> bool:
    return b"," in raw(header, attribute)


def integer(header: Dataset, attribute: str | int) -> int | None:
    """A whole number, binary or written in digits; None where it is missing or is none."""
    element = _element(header, attribute)
    value = raw(header, attribute)
    if element is None or (not value.strip(b" \0") and len(value) not in (2, 4)):
        return None
    if element.VR == "IS" or attribute == "NumberOfFrames":
        digits = text(header, attribute)
        return int(digits) if digits.lstrip("+-").isdigit() else None
    code = {2: "h" if element.VR == "SS" else "H", 4: "i" if element.VR == "SL" else "I"}
    if len(value) not in code:
        return None
    order = "<" if getattr(element, "is_little_endian", True) else ">"
    return int(struct.unpack(order + code[len(value)], value)[0])


def needed_integer(header: Dataset, attribute: str) -> int:
    """A number without which pixels mean nothing."""
    value = integer(header, attribute)
    if value is None:
        raise missing(attribute)
    return value


def missing(attribute: str) -> ReadError:
    tag = _tag(attribute)
    return ReadError(
        "missing_attribute",
        f"This DICOM does not say its {attribute} ({tag >> 16:04X},{tag & 0xFFFF:04X}), "
        "without which its pixels cannot be read.",
        "Export the image again from where it came.",
    )


def items(header: Dataset, attribute: str) -> list[Dataset]:
    """The items of a sequence; none where it is missing or no sequence."""
    element = _element(header, attribute)
    if element is None:
        return []
    value: Any = header[_tag(attribute)].value
    return [item for item in value if isinstance(item, Dataset)] if _is_items(value) else []


def words(header: Dataset, attribute: str) -> list[int]:
    """The unsigned 16-bit values of a table's descriptor."""
    element = _element(header, attribute)
    value = raw(header, attribute)
    order = "<" if getattr(element, "is_little_endian", True) else ">"
    count = len(value) // 2
    return list(struct.unpack(f"{order}{count}H", value[: 2 * count]))


def overlays(header: Dataset) -> list[int]:
    """The overlay groups that the header speaks of."""
    return [
        group
        for group in OVERLAY_GROUPS
        if is_present(header, (group << 16) + OVERLAY_BIT_POSITION)
        or is_present(header, (group << 16) + OVERLAY_DATA)
    ]


def _is_items(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes)


def _number(digits: str) -> float | None:
    try:
        value = float(digits.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _element(header: Dataset, attribute: str | int) -> Any:
    tag = attribute if isinstance(attribute, int) else _tag(attribute)
    return header.get_item(tag)


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return int(tag)


_LARGEST_MM: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spacing:
    mm: tuple[float, float] | None = None  # (row, column)
    is_at_detector: bool = False
    notes: tuple[str, ...] = ()


def read_spacing(header: Dataset) -> Spacing:
    """Pixel Spacing where it was calibrated, else what the detector or the film scanner says.

    PS3.3 C.10.7.1.3: a Pixel Spacing equal to Imager Pixel Spacing was not calibrated.
    """
    patient = _spacing(header, "PixelSpacing")
    detector = _spacing(header, "ImagerPixelSpacing") or _spacing(
        header, "NominalScannedPixelSpacing"
    )
    notes = tuple(
        f"{attribute} is not two lengths above 0; it was left out."
        for attribute in ("PixelSpacing", "ImagerPixelSpacing")
        if raw(header, attribute).strip(b" \0") and _spacing(header, attribute) is None
    )
    if patient and patient != detector:
        return Spacing(mm=patient, notes=notes)
    return Spacing(mm=detector, is_at_detector=detector is not None, notes=notes)


def _spacing(header: Dataset, attribute: str) -> tuple[float, float] | None:
    values = numbers(header, attribute)
    if len(values) != 2 or values[0] is None or values[1] is None:
        return None
    row, column = values[0], values[1]
    return (row, column) if 0 < row < _LARGEST_MM and 0 < column < _LARGEST_MM else None


#: By a word of theirs in small letters. Whatever else a file writes there is not told: it may name
#: anybody.
_MAKERS: Final[Mapping[str, str]] = {
    "agfa": "Agfa",
    "carestream": "Carestream",
    "fuji": "Fujifilm",
    "fujifilm": "Fujifilm",
    "ge medical": "GE",
    "ge healthcare": "GE",
    "giotto": "IMS Giotto",
    "hologic": "Hologic",
    "ims": "IMS Giotto",
    "kodak": "Kodak",
    "konica": "Konica Minolta",
    "lorad": "Lorad",
    "planmed": "Planmed",
    "philips": "Philips",
    "sectra": "Sectra",
    "siemens": "Siemens",
}
_LONGEST_MAKER: Final = 64  # PS3.5 6.2, LO
#: What each may be of a mammogram, at least and at most, and its unit.
_AMOUNTS: Final[Mapping[str, tuple[str, float, float, str]]] = {
    "KVP": ("Tube voltage", 10.0, 60.0, "kV"),
    "BodyPartThickness": ("Compressed to", 5.0, 200.0, "mm"),
    "CompressionForce": ("Compression", 1.0, 400.0, "N"),
}
_INTENTS: Final = ("FOR PRESENTATION", "FOR PROCESSING")


def read_making(header: Dataset) -> tuple[tuple[str, str], ...]:
    """By what and how the image was made, in words: known makers and sound amounts alone."""
    found = []
    said = raw(header, "Manufacturer")[:_LONGEST_MAKER].decode("latin-1").lower()
    maker = next((name for word, name in _MAKERS.items() if re.search(rf"\b{word}\b", said)), "")
    if maker:
        found.append(("Made by", maker))
    for attribute, (name, least, most, unit) in _AMOUNTS.items():
        amount = number(header, attribute)
        if amount is not None and least <= amount <= most:
            found.append((name, f"{amount:.3g} {unit}"))
    intent = text(header, "PresentationIntentType").upper()
    return (*found, ("Pixels", intent.lower())) if intent in _INTENTS else tuple(found)
