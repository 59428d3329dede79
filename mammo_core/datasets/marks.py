"""Marks on the images of a data set held against its boxes, whoever set them: a network, or a table
that somebody else made.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from mammo_core.datasets.dataset import Dataset
from mammo_core.datasets.small_images import boxes_of
from mammo_core.errors import TableError
from mammo_core.metrics.froc import (
    FALSE_MARKS,
    FoundAt,
    MarkedImage,
    Matched,
    afroc_area,
    found_at,
    froc_curve,
    match_marks,
)
from mammo_core.reading import Mark
from mammo_core.runs.measured import Froc, FrocPoint, MeasuredArea, Share
from mammo_core.words import many

_MOST_STEPS: Final = 200  # of the curve that is kept
_NEEDED: Final = ("image", "x", "y", "score")


def froc_of(
    images: Sequence[MarkedImage],
    *,
    dataset: str,
    split: str,
    seed: int = 0,
    measured_at: str = "",
    card_sha256: str = "",
) -> Froc:
    """What the marks find; a TableError where no image has a box."""
    matched = match_marks(images)
    found = [found_at(matched, allowed, seed=seed) for allowed in _told(matched)]
    return Froc(
        dataset=dataset,
        split=split,
        images=len(images),
        images_without=sum(not image.boxes for image in images),
        women=found[0].groups,
        women_with=found[0].groups_with,
        left_out=0,
        points=tuple(_point(one) for one in found),
        curve=_kept_curve(matched),
        area=_area(matched),
        seed=seed,
        measured_at=measured_at,
        card_sha256=card_sha256,
    )


def read_marks(cells: pd.DataFrame) -> pd.DataFrame:
    """`image, x, y, score` of an uploaded CSV: a row a mark, in pixels of the original image."""
    table = cells.set_axis([str(name).strip().lower() for name in cells.columns], axis="columns")
    table = table.rename(columns={"image_id": "image"})
    missing = [name for name in _NEEDED if name not in table.columns]
    if missing:
        raise TableError(
            f"The table of marks lacks the column {', '.join(missing)}. It has "
            f"{', '.join(map(str, table.columns))}; wanted are image, x, y and score."
        )
    numbers = table[["x", "y", "score"]].apply(pd.to_numeric, errors="coerce")
    unread = ~np.isfinite(numbers.to_numpy(dtype=np.float64)).all(axis=1)
    if unread.any():
        raise TableError(
            f"{int(unread.sum())} of {len(table)} marks have an x, y or score that is no number "
            f"(first: image {table['image'][unread].iloc[0]}). Leave a mark out, or fill it in."
        )
    read: pd.DataFrame = numbers.assign(image=table["image"].astype("string"))[list(_NEEDED)]
    return read


def marked_images(
    rows: pd.DataFrame, dataset: Dataset, marks: pd.DataFrame
) -> tuple[list[MarkedImage], int]:
    """The images of `rows` (image_id, group_id, positive) with the boxes of `dataset` and their
    `marks`, none where the table has none; and how many images were left out because they hold a
    lesion whose place is not told.
    """
    strangers = marks[~marks["image"].isin(rows["image_id"])]
    if len(strangers):
        raise TableError(
            f"{many(len(strangers), 'mark is', 'marks are')} on images that are not among the "
            f"{len(rows):,} counted here (first: {strangers['image'].iloc[0]}). Images are named "
            f"as in the data set, like {rows['image_id'].iloc[0]}."
        )
    is_placed = rows["image_id"].isin(dataset.boxes["image_id"])
    is_healthy = (rows["positive"] == False).fillna(value=False)  # noqa: E712 - unknown is neither
    kept = rows[is_placed | is_healthy]
    by_image = {str(name): part for name, part in marks.groupby("image", sort=False)}
    images = [
        MarkedImage(
            group=str(row.group_id),
            boxes=boxes_of(dataset.boxes, str(row.image_id)),
            marks=_marks(by_image.get(str(row.image_id))),
        )
        for row in kept[["image_id", "group_id"]].itertuples(index=False)
    ]
    return images, len(rows) - len(kept)


def _marks(table: pd.DataFrame | None) -> tuple[Mark, ...]:
    if table is None:
        return ()
    return tuple(
        Mark(x=float(x), y=float(y), score=float(score))
        for x, y, score in table[["x", "y", "score"]].to_numpy(dtype=np.float64)
    )


def _told(matched: Matched) -> tuple[float, ...]:
    """Up to the first that puts up with every false mark there is: more finds nothing more."""
    most = len(matched.false_marks) / len(matched.image_groups)
    return tuple(
        one
        for one, less in zip(FALSE_MARKS, (0.0, *FALSE_MARKS), strict=False)
        if not less or less < most
    )


def _point(found: FoundAt) -> FrocPoint:
    others = found.without_lesion
    return FrocPoint(
        allowed=found.allowed,
        above=found.above,
        found=Share(count=found.found, total=found.lesions, low=found.low, high=found.high),
        false_marks=found.false_marks,
        false_without=others.value if others else None,
        without_low=_known(others.low) if others else None,
        without_high=_known(others.high) if others else None,
    )


def _area(matched: Matched) -> MeasuredArea | None:
    area = afroc_area(matched)
    if area is None:
        return None
    return MeasuredArea(
        value=area.value, low=area.low, high=area.high, lesions=area.positives,
        images=area.negatives, women=area.groups, method=str(area.method),
    )  # fmt: skip


def _kept_curve(matched: Matched) -> tuple[tuple[float, float], ...]:
    """As far as is told of, thinned to what can be seen."""
    curve = froc_curve(matched)
    curve = curve[curve["false_marks"] <= max(FALSE_MARKS)]
    steps = np.unique(np.linspace(0, len(curve) - 1, min(len(curve), _MOST_STEPS)).astype(int))
    kept: pd.DataFrame = curve.iloc[steps][["false_marks", "sensitivity"]].round(4)
    return tuple((float(marks), float(share)) for marks, share in kept.itertuples(index=False))


def _known(number: float) -> float | None:
    return number if np.isfinite(number) else None
