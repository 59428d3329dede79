"""The other view of the same breast: what a network over two views sees beside an image.

CC and MLO are each other's partner; any other view (ML, XCCL, ...) and an image that lacks its
companion stand alone, and serve as their own partner.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.types import ImageRef, View

_OTHER: Final[Mapping[str, View]] = {View.CC: View.MLO, View.MLO: View.CC}

Rows = NDArray[np.intp]


def partners_of(manifest: pd.DataFrame) -> Rows:
    """For each row the row of its partner, in the same woman's same exam; itself where there is
    none. Of several images of that view, the first by image_id.
    """
    table = (
        manifest[["group_id", "exam_id", "side", "view", "image_id"]].astype("string").fillna("")
    )
    groups, exams, sides, views, names = (table[name].tolist() for name in table.columns)
    breasts = [
        (*place, side) if side else None for *place, side in zip(groups, exams, sides, strict=True)
    ]
    return _paired(breasts, views, names)


def partners_among(refs: Sequence[ImageRef]) -> Rows:
    """The same for images that are read together: those of no known woman or exam are of one."""
    breasts = [(ref.patient_id, ref.exam_id, ref.side) if ref.side else None for ref in refs]
    return _paired(breasts, [ref.view or "" for ref in refs], [ref.image_id for ref in refs])


def is_lone(partners: Rows) -> NDArray[np.bool_]:
    """Row by row whether an image has nobody but itself."""
    lone: NDArray[np.bool_] = partners == np.arange(len(partners))
    return lone


def lone_in_words(partners: Rows) -> str:
    """What to say of images that stand for both views; "" where there is none."""
    lone = int(is_lone(partners).sum())
    if not lone:
        return ""
    return (
        f"{lone:,} of {len(partners):,} images have no other view (CC or MLO) of the same breast "
        "and stand in for it."
    )


def _paired(breasts: Sequence[Hashable], views: Sequence[str], names: Sequence[str]) -> Rows:
    first: dict[Hashable, int] = {}
    for row in sorted(range(len(names)), key=lambda row: names[row]):
        first.setdefault((breasts[row], views[row]), row)
    return np.array(
        [
            row if breast is None else first.get((breast, _OTHER.get(view)), row)
            for row, (breast, view) in enumerate(zip(breasts, views, strict=True))
        ],
        dtype=np.intp,
    )
