"""A read case as a table to take away: what was read, what was corrected by hand, what came out."""

from typing import Final

import pandas as pd

from mammo_core.reports.case_record import ReadCase
from mammo_core.tables import safe_cell

NOTICE: Final = "For research only. Not a medical device."


def to_csv(case: ReadCase) -> str:
    return to_safe_csv(case_rows(case))


def case_rows(case: ReadCase) -> pd.DataFrame:
    """One row per image of `case`; an image without a score keeps its row."""
    rows = []
    for image in case.images:
        about, reading = image.about, image.reading
        rows.append(
            {
                "image": about.number,
                "sha256": about.ref.image_id,
                "side": about.ref.side,
                "view": about.ref.view,
                "set_by_hand": " and ".join(about.corrected),
                "score": reading.score if reading else None,
                "model": case.card.model_id if reading else None,
                "weights_sha256": case.card.weights_sha256 if reading else None,
                "engine": reading.engine if reading else None,
                "notes": "; ".join(n for n in (image.unread, image.remark, *about.notes) if n),
                "notice": NOTICE,
            }
        )
    return pd.DataFrame(rows)


def to_safe_csv(table: pd.DataFrame) -> str:
    """CSV that a spreadsheet shows and never runs: a text that starts a formula is quoted."""
    return table.map(lambda v: safe_cell(v) if isinstance(v, str) else v).to_csv(index=False)
