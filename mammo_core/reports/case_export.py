"""A case with its scores as a table to take away: what was read, what was corrected by hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pandas as pd

from mammo_core.preprocessing.case_store import Case

NOTICE: Final = "For research only. Not a medical device."
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageScore:
    """One score as exported, with what it takes to find its model again."""

    model_id: str
    weights_sha256: str
    engine: str
    score: float


def case_rows(case: Case, scores: Mapping[str, ImageScore]) -> pd.DataFrame:
    """One row per image of `case`; an image without a score keeps its row."""
    rows = []
    for image in case.images:
        score = scores.get(image.ref.image_id)
        rows.append(
            {
                "image": image.number,
                "sha256": image.ref.image_id,
                "side": image.ref.side,
                "view": image.ref.view,
                "set_by_hand": " and ".join(image.corrected),
                "score": score.score if score else None,
                "model": score.model_id if score else None,
                "weights_sha256": score.weights_sha256 if score else None,
                "engine": score.engine if score else None,
                "notes": "; ".join(image.notes),
                "notice": NOTICE,
            }
        )
    return pd.DataFrame(rows)


def to_safe_csv(table: pd.DataFrame) -> str:
    """CSV that a spreadsheet shows and never runs: a text that starts a formula is quoted."""

    def defused(value: object) -> object:
        if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
            return f"'{value}"
        return value

    return table.map(defused).to_csv(index=False)
