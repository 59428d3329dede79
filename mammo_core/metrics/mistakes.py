"""The cases on the wrong side of a threshold, furthest from it first."""

import numpy as np
import pandas as pd

from mammo_core.metrics.cases import Cases


def mistakes(cases: Cases, threshold: float) -> pd.DataFrame:
    """`case_id, kind, score, distance`: first the missed cancers, then the false alarms."""
    called = cases.score >= threshold
    wrong = np.flatnonzero(called != cases.positive)
    table = pd.DataFrame(
        {
            "case_id": [cases.case_ids[row] for row in wrong],
            "kind": np.where(cases.positive[wrong], "missed", "false alarm"),
            "score": cases.score[wrong],
            "distance": np.abs(cases.score[wrong] - threshold),
        }
    )
    order = ["kind", "distance", "case_id"]
    return table.sort_values(order, ascending=[False, False, True]).reset_index(drop=True)
