"""The other view of the same breast: what a network over two views sees beside an image.

CC and MLO are each other's partner; any other view (ML, XCCL, ...) and an image that lacks its
companion stand alone, and serve as their own partner.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.errors import TableError
from mammo_core.types import ImageRef, Laterality, View

_OTHER: Final[Mapping[str, View]] = {View.CC: View.MLO, View.MLO: View.CC}

Rows = NDArray[np.intp]

#: Which image has its place where, among those looked at together; no side: the breast's own.
Slot = tuple[Laterality | None, View]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seats:
    """For each image the rows of those it is looked at with, in the order in which the network
    wants them, (images, places), and which place is its own; -1 where none is for such an image.
    """

    rows: Rows
    own: Rows

    def at(self, rows: Sequence[int] | Rows) -> "Seats":
        return Seats(rows=self.rows[rows], own=self.own[rows])


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


def seats_of(manifest: pd.DataFrame, views: int, slots: Sequence[Slot]) -> Seats:
    """Who sits beside each image of `manifest`. Without `slots` an image comes before its partner;
    with them each place has its view, and the image itself takes those that nobody has.
    """
    if not slots:
        return _unplaced(partners_of(manifest), views)
    table = manifest[["group_id", "exam_id", "side", "view"]].astype("string").fillna("")
    groups, exams, sides, seen = (table[name].tolist() for name in table.columns)
    return _seated(
        list(zip(groups, exams, strict=True)), sides, seen, manifest["image_id"].tolist(), slots
    )


def seats_among(refs: Sequence[ImageRef], views: int, slots: Sequence[Slot]) -> Seats:
    """The same for images that are read together."""
    if not slots:
        return _unplaced(partners_among(refs), views)
    return _seated(
        [(ref.patient_id, ref.exam_id) for ref in refs],
        [ref.side or "" for ref in refs],
        [ref.view or "" for ref in refs],
        [ref.image_id for ref in refs],
        slots,
    )


def has_seat(manifest: pd.DataFrame, slots: Sequence[Slot]) -> NDArray[np.bool_]:
    """Row by row whether one of the `slots` is for such an image; without `slots` any has one."""
    sides, views = (manifest[name].astype("string").fillna("") for name in ("side", "view"))
    return np.array(
        [not slots or _own_place(*one, slots) >= 0 for one in zip(sides, views, strict=True)],
        dtype=np.bool_,
    )


def why_no_seat(side: str, view: str, slots: Sequence[Slot]) -> str:
    """That none of the `slots` is for such an image, as a sentence; "" where one is."""
    if not slots or _own_place(side, view, slots) >= 0:
        return ""
    *most, last = (" ".join(filter(None, slot)) for slot in slots)
    needs_side = any(wanted for wanted, _ in slots)
    is_known = view and (side or not needs_side)
    what = f"is {f'{side} {view}'.strip()}" if is_known else "does not tell which it is"
    return f"This model reads {', '.join(most)} and {last}; this image {what}."


def _own_place(side: str, view: str, slots: Sequence[Slot]) -> int:
    own = (
        place
        for place, (wanted_side, wanted_view) in enumerate(slots)
        if view == wanted_view and side == (wanted_side or side)
    )
    return next(own, -1)


def _unplaced(partners: Rows, views: int) -> Seats:
    each = np.arange(len(partners))
    rows = np.stack([each, partners], axis=1) if views == 2 else each[:, None]
    return Seats(rows=rows, own=np.zeros(len(partners), dtype=np.intp))


def _seated(
    exams: Sequence[Hashable],
    sides: Sequence[str],
    views: Sequence[str],
    names: Sequence[str],
    slots: Sequence[Slot],
) -> Seats:
    first: dict[Hashable, int] = {}
    for row in sorted(range(len(names)), key=lambda row: names[row]):
        if sides[row]:
            first.setdefault((exams[row], sides[row], views[row]), row)
    rows = np.zeros((len(names), len(slots)), dtype=np.intp)
    own = np.zeros(len(names), dtype=np.intp)
    for row, (exam, side, view) in enumerate(zip(exams, sides, views, strict=True)):
        own[row] = _own_place(side, view, slots)
        for place, (wanted_side, wanted_view) in enumerate(slots):
            there = (exam, wanted_side or side, wanted_view)
            rows[row, place] = row if place == own[row] else first.get(there, row)
    return Seats(rows=rows, own=own)


def of_own_place(logits: NDArray[np.float32], *, classes: int, own: Rows) -> NDArray[np.float32]:
    """Of a network that says something for each place, what it says for an image's own. What has
    none must not come so far: the score of another image would be shown as its own.
    """
    if (own < 0).any():
        raise TableError(
            f"{int((own < 0).sum())} of {len(own)} images are of a side or view that this model "
            "does not read, so they cannot be scored by it. Leave them out."
        )
    if logits.shape[1] == classes:
        return logits
    by_place = logits.reshape(len(logits), -1, classes)
    chosen: NDArray[np.float32] = by_place[np.arange(len(logits)), own]
    return chosen


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
