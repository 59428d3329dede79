"""Guesses that need neither images nor training: what every model must beat on the same cases."""

from dataclasses import replace

import numpy as np

from mammo_core.metrics.cases import Cases


def guess_majority(cases: Cases) -> Cases:
    """One score for everybody: the share with cancer. It ranks nothing."""
    return replace(cases, score=np.full(len(cases), cases.positives / len(cases)))


def guess_randomly(cases: Cases, *, seed: int = 0) -> Cases:
    """Scores drawn evenly, in the order of the case ids, so that no table's order decides them."""
    order = np.argsort(np.array(cases.case_ids))
    score = np.empty(len(cases))
    score[order] = np.random.default_rng(seed).random(len(cases))
    return replace(cases, score=score)


def says_one_thing(cases: Cases) -> bool:
    """Whether every case has the same score: the AUC is then .5 by definition, without chance."""
    return bool(len(cases) and (cases.score == cases.score[0]).all())
