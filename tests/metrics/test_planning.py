"""How many women: against a published formula, the intervals that will be shown, and against
studies made up at the size planned.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from mammo_core.errors import ConfigError
from mammo_core.metrics.compare import auc_difference
from mammo_core.metrics.mrmc import Covariances, Crossed, ReaderFigure, obuchowski_rockette
from mammo_core.metrics.planning import (
    READER_LIKENESS,
    READER_SPREAD,
    PlannedFigure,
    StudyPlan,
    discordant,
    mcnemar_cases,
    women_needed,
)
from mammo_core.metrics.uncertainty import (
    auc_covariance,
    auc_parts,
    hanley_mcneil_variance,
    newcombe_interval,
    normal_quantile,
    wilson_interval,
)
from tests.metrics.conftest import cases_of

AUC = StudyPlan(figure=PlannedFigure.AUC, expected=0.85, prevalence=0.25)
SENSITIVITY = StudyPlan(figure=PlannedFigure.SENSITIVITY, expected=0.9, prevalence=0.01)


def test_mcnemar_comes_out_by_the_formula_of_connor() -> None:
    """Biometrics 43 (1987), 207-211; shares .45 and .05 at a power of .8 by hand."""
    by_hand = ((1.95996 * 0.5**0.5 + 0.84162 * (0.5 - 0.4**2) ** 0.5) / 0.4) ** 2
    assert mcnemar_cases(0.45, 0.05, power=0.8) == pytest.approx(by_hand, abs=0.01)
    assert by_hand == pytest.approx(22.0, abs=0.05)


def test_the_planned_interval_is_the_one_that_will_be_shown() -> None:
    needed = women_needed(SENSITIVITY)
    low, _ = wilson_interval(0.9, needed.with_cancer)
    assert 0.9 - low <= 0.05 < 0.9 - wilson_interval(0.9, needed.with_cancer - 1)[0]
    assert needed.without == 99 * needed.with_cancer
    of_auc = women_needed(AUC)
    reach = [
        0.85 - newcombe_interval(0.85, ill, 3 * ill, z=normal_quantile())[0]
        for ill in (of_auc.with_cancer, of_auc.with_cancer - 1)
    ]
    assert reach[0] <= 0.05 < reach[1]
    assert of_auc.without == 3 * of_auc.with_cancer


def test_specificity_needs_women_without_cancer() -> None:
    needed = women_needed(replace(SENSITIVITY, figure=PlannedFigure.SPECIFICITY, prevalence=0.5))
    assert needed.without == women_needed(replace(SENSITIVITY, prevalence=0.5)).with_cancer


def test_two_breasts_that_are_alike_are_worth_less_than_two_women() -> None:
    alone = women_needed(SENSITIVITY).with_cancer
    alike = women_needed(replace(SENSITIVITY, cases_per_woman=2, likeness=0.5))
    assert alike.with_cancer == pytest.approx(0.75 * alone, abs=1)  # (1 + .5) / 2
    unlike = women_needed(replace(SENSITIVITY, cases_per_woman=2, likeness=0.0))
    assert unlike.with_cancer == pytest.approx(0.5 * alone, abs=1)
    assert "each worth 0.67 of one alone" in alike.remarks[0]


def power_of_two_aucs(studies: int) -> float:
    """Of the paired test the pages show, on studies as large as planned."""
    rng = np.random.default_rng(0)

    def drawn(ill: int, well: int) -> list[tuple[np.ndarray, np.ndarray]]:
        positive = np.arange(ill + well) < ill
        seen = rng.normal(size=ill + well)
        skills = (norm.ppf(0.8) * np.sqrt(2), norm.ppf(0.88) * np.sqrt(2))
        return [
            (0.8 * seen + 0.6 * rng.normal(size=ill + well) + skill * positive, positive)
            for skill in skills
        ]

    large = [auc_parts(score, ill, np.arange(40_000)) for score, ill in drawn(10_000, 30_000)]
    correlation = auc_covariance(*large) / np.sqrt(
        auc_covariance(large[0], large[0]) * auc_covariance(large[1], large[1])
    )
    plan = replace(AUC, expected=0.8, other=0.88, correlation=float(correlation))
    needed = women_needed(plan)
    seen = []
    for _ in range(studies):
        one, other = (cases_of(*model) for model in drawn(needed.with_cancer, needed.without))
        seen.append(auc_difference(one, other).is_clear)
    return float(np.mean(seen))


def test_a_difference_of_two_aucs_is_seen_about_as_often_as_planned() -> None:
    assert 0.7 <= power_of_two_aucs(60) <= 1.0


@pytest.mark.slow
def test_a_difference_of_two_aucs_is_seen_at_least_as_often_as_planned() -> None:
    """Of bell-shaped scores oftener: .91 where .80 was planned."""
    assert 0.78 <= power_of_two_aucs(2000) <= 0.95


def test_a_difference_between_readers_is_seen_as_often_as_planned() -> None:
    """Studies drawn from the model that the test rests on, at the size planned."""
    plan = replace(AUC, expected=0.75, other=0.82, readers=6, prevalence=0.5)
    ill = women_needed(plan).with_cancer
    error = hanley_mcneil_variance(0.785, ill, ill)
    one, two, three = error * READER_LIKENESS, error * 0.3, error * 0.3
    spread = np.full((12, 12), three)
    for modality in (0, 6):
        spread[modality : modality + 6, modality : modality + 6] = two
    spread[np.arange(12), np.arange(12)] = error
    spread[np.arange(6), np.arange(6) + 6] = spread[np.arange(6) + 6, np.arange(6)] = one
    reads = Crossed(
        modalities=("without", "with"), readers=("r",) * 6, scores=np.zeros((2, 6, 1)),
        positive=np.ones(1, dtype=bool), groups=np.zeros(1, dtype=np.intp),
    )  # fmt: skip
    rng, seen = np.random.default_rng(1), []
    for _ in range(1500):
        values = np.repeat([[0.75], [0.82]], 6, axis=1) + rng.multivariate_normal(
            np.zeros(12), spread
        ).reshape(2, 6)
        values += rng.normal(size=(2, 6)) * READER_SPREAD / np.sqrt(2)
        found = obuchowski_rockette(
            values,
            Covariances(
                error=error, one=one, two=two, three=three,
                error_by_modality=(error, error), two_by_modality=(two, two),
            ),
            reads=reads,
            figure=ReaderFigure.AUC,
        )  # fmt: skip
        seen.append(found.p_value < 0.05)
    assert np.mean(seen) == pytest.approx(0.8, abs=0.04)


def test_calls_that_agree_need_fewer_women() -> None:
    plan = replace(SENSITIVITY, expected=0.8, other=0.9)
    alike, apart = (women_needed(replace(plan, correlation=one)) for one in (0.6, 0.0))
    assert alike.with_cancer < apart.with_cancer
    assert discordant(0.8, 0.9, 0.0) == pytest.approx((0.08, 0.18))
    assert discordant(0.8, 0.9, 0.9) == pytest.approx((0.0, 0.1))  # no more than all agree


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (replace(AUC, expected=1.0), "The expected value is 1; it must lie between"),
        (replace(AUC, other=0.85), "Both values are the same"),
        (replace(AUC, readers=5), "needs 3 or more, for"),
        (replace(AUC, other=0.9, readers=2), "how readers differ cannot be learnt from fewer"),
        (replace(AUC, other=0.9, readers=5, reader_likeness=0.1), "at least that of the errors"),
        (replace(AUC, expected=float("nan")), "The expected value is nan"),
        (replace(AUC, reach=float("inf")), "The reach of the interval is inf"),
        (replace(AUC, cases_per_woman=float("nan")), "nan cases a woman"),
        (replace(AUC, cases_per_woman=float("inf")), "inf cases a woman"),
        (replace(AUC, other=0.9, readers=5, reader_spread=float("nan")), "spread between readers"),
        (replace(AUC, likeness=1.0), "The likeness is 1"),
        (replace(AUC, cases_per_woman=0.5), "0.5 cases a woman"),
        (replace(AUC, expected=0.75, other=0.751, readers=3), "Not even 10,000,000 cases"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(plan: StudyPlan, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        women_needed(plan)


@pytest.mark.parametrize("prevalence", [0.02, 0.5, 0.98])
def test_no_plan_has_fewer_than_ten_women_of_a_class(prevalence: float) -> None:
    needed = women_needed(replace(AUC, reach=0.4, prevalence=prevalence))
    assert min(needed.with_cancer, needed.without) == 10


def test_readers_who_differ_more_or_err_less_alike_need_more_women() -> None:
    plan = replace(AUC, expected=0.75, other=0.82, readers=6, prevalence=0.5)
    usual = women_needed(plan).women
    assert women_needed(replace(plan, reader_spread=0.04)).women > usual
    assert women_needed(replace(plan, reader_likeness=0.6)).women < usual
    assert "correlate by 0.6" in women_needed(replace(plan, reader_likeness=0.6)).remarks[0]


def test_two_rates_are_named_as_a_native_would() -> None:
    remark = women_needed(replace(SENSITIVITY, other=0.8)).remarks[0]
    assert "their sensitivities correlate by 0.5" in remark
