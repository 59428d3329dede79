"""The cases worth looking at: on the wrong side of a threshold, or ranked apart by two models."""

import numpy as np
import pandas as pd

from mammo_core.errors import TableError
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


def disagreements(one: Cases, other: Cases) -> pd.DataFrame:
    """`case_id, truth, one, other, apart`: ranks as shares of all cases, furthest apart first."""
    if one.case_ids != other.case_ids:
        raise TableError("Disagreements need the same cases in the same order.")
    ranks = [pd.Series(model.score).rank(pct=True).to_numpy() for model in (one, other)]
    table = pd.DataFrame(
        {
            "case_id": one.case_ids,
            "truth": np.where(one.positive, "cancer", "no cancer"),
            "one": ranks[0],
            "other": ranks[1],
            "apart": np.abs(ranks[0] - ranks[1]),
        }
    )
    order = ["apart", "case_id"]
    return table.sort_values(order, ascending=[False, True]).reset_index(drop=True)
