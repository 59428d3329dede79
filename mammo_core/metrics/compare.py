"""Several models over the same cases: which cases they share, and whether the truths agree."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SharedCases:
    """The same cases in the same order, once per model."""

    cases: tuple[Cases, ...]
    left_out: tuple[int, ...]  # per model, its cases that some other model lacks
    disagreeing: int  # cases left out because the models' tables differ on the truth

    @property
    def is_complete(self) -> bool:
        return not any(self.left_out) and not self.disagreeing


def share_cases(models: Sequence[Cases]) -> SharedCases:
    """Only the cases that every model scored and on whose truth all tables agree."""
    datasets = sorted({cases.dataset for cases in models})
    levels = sorted({cases.level for cases in models})
    if len(datasets) > 1 or len(levels) > 1:
        different = datasets if len(datasets) > 1 else levels
        raise TableError(
            f"These predictions are of different cases ({', '.join(map(str, different))}), so the "
            "models cannot be compared. Choose predictions of one data set, counted alike."
        )
    names = set(models[0].case_ids).intersection(*(cases.case_ids for cases in models[1:]))
    if not names:
        raise TableError("These predictions have no case in common, so they cannot be compared.")
    shared = pd.Index(sorted(names))
    rows = [pd.Index(cases.case_ids).get_indexer(shared) for cases in models]
    truths = np.stack([cases.positive[row] for cases, row in zip(models, rows, strict=True)])
    agree = (truths == truths[0]).all(axis=0)
    if not agree.any():
        raise TableError("The tables agree on the truth of no case. Do their labels differ?")
    return SharedCases(
        cases=tuple(_taken(c, row[agree]) for c, row in zip(models, rows, strict=True)),
        left_out=tuple(len(cases) - len(shared) for cases in models),
        disagreeing=int((~agree).sum()),
    )


def _taken(cases: Cases, rows: NDArray[np.intp]) -> Cases:
    return replace(
        cases,
        case_ids=tuple(cases.case_ids[row] for row in rows),
        groups=pd.factorize(cases.groups[rows])[0],
        positive=cases.positive[rows],
        score=cases.score[rows],
        images=cases.images[rows],
    )
