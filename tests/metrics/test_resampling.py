import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mammo_core.metrics.uncertainty import resampled_weights, strata_of
from tests.metrics.resampled import resampled_aucs

SCORE = np.array([0.1, 0.4, 0.35, 0.8, 0.4, 0.9, 0.2, 0.7])
POSITIVE = np.array([0, 0, 1, 1, 1, 0, 0, 1], dtype=bool)
WOMEN = np.array([0, 0, 1, 1, 2, 2, 3, 4])


def test_every_resample_draws_as_many_women_of_each_kind() -> None:
    strata = strata_of(POSITIVE, WOMEN)
    assert strata.tolist() == [0, 1, 1, 0, 1]
    weights = np.concatenate(list(resampled_weights(strata, resamples=50, seed=0)))
    assert weights.shape == (50, 5)
    assert (weights[:, strata == 1].sum(axis=1) == 3).all()
    assert (weights[:, strata == 0].sum(axis=1) == 2).all()


def test_a_resampled_auc_is_the_auc_of_the_drawn_images() -> None:
    aucs = resampled_aucs(SCORE[None, :], POSITIVE, WOMEN, resamples=20, seed=3)[0]
    weights = np.concatenate(
        list(resampled_weights(strata_of(POSITIVE, WOMEN), resamples=20, seed=3))
    )
    for value, drawn in zip(aucs, weights[:, WOMEN], strict=True):
        rows = np.repeat(np.arange(8), drawn)
        assert value == pytest.approx(roc_auc_score(POSITIVE[rows], SCORE[rows]), abs=1e-12)


def test_two_models_see_the_same_resamples() -> None:
    aucs = resampled_aucs(np.stack([SCORE, SCORE]), POSITIVE, WOMEN, resamples=30, seed=1)
    assert (aucs[0] == aucs[1]).all()
    assert len(np.unique(aucs[0])) > 5


def test_the_seed_decides_the_resamples() -> None:
    one, same, other = (
        resampled_aucs(SCORE[None, :], POSITIVE, WOMEN, resamples=30, seed=seed)
        for seed in (1, 1, 2)
    )
    assert (one == same).all()
    assert (one != other).any()
