"""Are the predictions kept with a checkpoint those that its card was written from?

A training scores every validation and test image or fails, and its card counts them; so a table
that counts otherwise was cut short or changed since.
"""

import pandas as pd

from mammo_core.runs.card import ModelCard, SplitCount
from mammo_core.types import Split
from mammo_core.words import many


def differs_from_card(predictions: pd.DataFrame, card: ModelCard) -> str | None:
    """What a checkpoint's own `predictions` lack or have beyond its `card`, in a sentence; None
    where they agree, or where one of them does not tell splits.
    """
    if predictions["split"].isna().all():
        return None
    scored = [count for count in card.data.splits if count.split != Split.TRAIN]
    differences = [
        f"{count.split}: {_in_words(found)} here, {_in_words(count)} in the card"
        for count in scored
        for found in (_counted(predictions, count.split),)
        if found != count
    ]
    if not differences:
        return None
    return (
        "The predictions kept here are not those the model card counts "
        f"({'; '.join(differences)}). The file was cut short or changed: put back a "
        "whole predictions.csv, and trust none of these results until then."
    )


def _counted(predictions: pd.DataFrame, split: Split) -> SplitCount:
    is_of_split = (predictions["split"] == split).fillna(value=False)
    rows = predictions[is_of_split & predictions["positive"].notna()]
    return SplitCount(
        split=split,
        women=int(rows["group_id"].nunique()),
        images=len(rows),
        positive_images=int(rows["positive"].sum()),
    )


def _in_words(count: SplitCount) -> str:
    images = many(count.images, "image", "images")
    women = many(count.women, "woman", "women")
    return f"{images} of {women}, {count.positive_images:,} positive"
