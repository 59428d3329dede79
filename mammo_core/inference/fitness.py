"""Which images a checkpoint may score, and what must be said beside a score it gives."""

from collections.abc import Sequence
from typing import Final

from mammo_core.partners import is_lone, partners_among
from mammo_core.preprocessing.case_store import CaseImage
from mammo_core.runs.card import ModelCard
from mammo_core.types import Mammogram

DICOM = "DICOM"
LONE: Final = (
    "1 of 2 views: this model scores the CC and the MLO of a breast together, and this image stood "
    "in for the one that is missing."
)


def why_not(card: ModelCard, mammogram: Mammogram | CaseImage) -> str | None:
    """Why this model does not score this image, as a sentence; None where it does."""
    if card.data.seen == "synthetic" and not mammogram.is_synthetic:
        return (
            "This model has only seen synthetic images; this is not one of them, so it is not "
            "scored. Choose a model that learnt from mammograms."
        )
    return None


def remark(card: ModelCard, mammogram: Mammogram | CaseImage) -> str | None:
    """What must stand beside this model's score of this image; None where there is nothing."""
    kinds = card.data.file_kinds
    if not mammogram.kind.startswith(DICOM) or DICOM in kinds:
        return None
    if not kinds:
        return (
            "This is a DICOM, and the model's card does not say whether it was ever measured on "
            "DICOM: its figures may not hold here."
        )
    return (
        f"This is a DICOM, and this model was never measured on DICOM (only on {', '.join(kinds)})"
        ": its figures may not hold here."
    )


def remarks(card: ModelCard, images: Sequence[Mammogram | CaseImage]) -> list[list[str]]:
    """What must stand beside this model's score of each of `images`, which are read together."""
    found = [[told] if (told := remark(card, image)) else [] for image in images]
    if card.model.views == 2:
        lone = is_lone(partners_among([image.ref for image in images]))
        for said, is_alone in zip(found, lone, strict=True):
            said.extend([LONE] if is_alone else [])
    return found
