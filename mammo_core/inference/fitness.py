"""Which images a checkpoint may score, and what must be said beside a score it gives."""

from collections.abc import Sequence
from typing import Final

from mammo_core.partners import is_lone, partners_among
from mammo_core.preprocessing.case_store import CaseImage
from mammo_core.runs.card import ModelCard
from mammo_core.types import ImageRef, Mammogram

DICOM = "DICOM"
LONE: Final = (
    "1 of 2 views: this model scores the CC and the MLO of a breast together, and this image stood "
    "in for the one that is missing."
)
UNPLACED: Final = (
    "The view or side of this image is not known, so it was scored beside itself. Set Side and "
    "View under “What was understood”: then the two views of a breast are scored together."
)
UNMATCHED: Final = (
    "This image was scored beside itself: its other view may be among the images whose view or "
    "side is not known. Set Side and View under “What was understood”."
)
UNCOMPARED: Final = (
    "No rank, no verdict and no familiarity: this model's validation images stood beside their "
    "other view, and here a view or side is not known, so images were scored beside themselves."
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
        refs = [image.ref for image in images]
        for said, ref, is_alone in zip(found, refs, is_lone(partners_among(refs)), strict=True):
            said.extend([_why_alone(ref, refs)] if is_alone else [])
    return found


def why_uncompared(card: ModelCard, refs: Sequence[ImageRef]) -> str:
    """Why scores of images read together are held against no others; "" where they may be."""
    is_unsure = card.model.views == 2 and len(refs) > 1 and not all(map(_is_placed, refs))
    return UNCOMPARED if is_unsure else ""


def _why_alone(ref: ImageRef, among: Sequence[ImageRef]) -> str:
    """One image alone lacks the other; of several, an unknown one may be the other."""
    if len(among) == 1 or all(map(_is_placed, among)):
        return LONE
    return UNMATCHED if _is_placed(ref) else UNPLACED


def _is_placed(ref: ImageRef) -> bool:
    return ref.side is not None and ref.view is not None
