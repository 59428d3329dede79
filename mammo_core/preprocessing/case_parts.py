"""The parts of a case that are looked at together: all of a small one, else breast by breast."""

from typing import Final

from mammo_core.preprocessing.case_store import Case, CaseImage
from mammo_core.types import Laterality

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
