"""Guesses that need neither images nor training: what every model must beat on the same cases."""

from dataclasses import replace
from typing import Final

import numpy as np

from mammo_core.metrics.auc import auc_of
from mammo_core.metrics.cases import Cases

_DRAWS: Final = 21


def guess_majority(cases: Cases) -> Cases:
    """One score for everybody: the share with cancer. It ranks nothing."""
    return replace(cases, score=np.full(len(cases), cases.positives / len(cases)))


def guess_randomly(cases: Cases, *, seed: int = 0) -> Cases:
    """Scores drawn evenly, in the order of the case ids, so that no table's order decides them.

    One draw may be lucky: of several, the one in the middle by AUC stands for guessing.
    """
    order = np.argsort(np.array(cases.case_ids))
    draws = np.random.default_rng(seed).random((_DRAWS, len(cases)))
    scores = np.empty_like(draws)
    scores[:, order] = draws
    by_auc = np.argsort([auc_of(score, cases.positive) for score in scores], kind="stable")
    return replace(cases, score=scores[by_auc[_DRAWS // 2]])


def says_one_thing(cases: Cases) -> bool:
    """Whether every case has the same score: the AUC is then .5 by definition, without chance."""
    return bool(len(cases) and (cases.score == cases.score[0]).all())
