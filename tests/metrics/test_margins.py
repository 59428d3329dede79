"""No worse, or equivalent, by a margin."""

import numpy as np
import pytest
from scipy.stats import norm

from mammo_core.errors import ConfigError
from mammo_core.metrics.margins import AgainstMargin, Claim, Held, Margin, MarginOf, judge_margin
from mammo_core.metrics.paired_rates import rate_difference


def judged(
    low: float,
    high: float,
    *,
    claim: Claim = Claim.NON_INFERIOR,
    figure: MarginOf = MarginOf.AUC,
    is_beforehand: bool = True,
) -> AgainstMargin:
    margin = Margin(claim=claim, figure=figure, margin=0.05, against="the old model")
    return judge_margin(
        margin, value=(low + high) / 2, low=low, high=high, is_beforehand=is_beforehand
    )


def test_no_worse_needs_the_whole_interval_above_minus_the_margin() -> None:
    assert judged(-0.04, 0.20).held is Held.MET
    assert judged(-0.06, 0.20).held is Held.OPEN
    assert judged(-0.20, -0.04).held is Held.OPEN
    assert judged(-0.20, -0.06).held is Held.NOT_MET
    assert judged(-0.06, 0.20).sentence.startswith("Cannot tell: no worse in AUC")
    assert judged(-0.04, 0.02).sentence == (
        "Met: no worse in AUC than the old model by a margin of 0.05 (difference -0.010, "
        "95 % -0.040 to +0.020)."
    )


def test_equivalent_needs_both_ends_within_the_margin() -> None:
    assert "equivalent in AUC to the old" in judged(-0.04, 0.04, claim=Claim.EQUIVALENT).sentence
    assert judged(-0.04, 0.04, claim=Claim.EQUIVALENT).held is Held.MET
    assert judged(-0.04, 0.06, claim=Claim.EQUIVALENT).held is Held.OPEN
    assert judged(0.06, 0.20, claim=Claim.EQUIVALENT).held is Held.NOT_MET


def test_a_higher_recall_rate_is_worse() -> None:
    assert judged(-0.02, 0.06, figure=MarginOf.RECALL_RATE).held is Held.OPEN
    assert judged(-0.20, 0.04, figure=MarginOf.RECALL_RATE).held is Held.MET
    assert judged(0.06, 0.20, figure=MarginOf.RECALL_RATE).held is Held.NOT_MET


def test_a_margin_that_came_after_the_look_is_said_to() -> None:
    assert "not written down before" in judged(-0.04, 0.02, is_beforehand=False).sentence


def test_a_margin_is_a_share() -> None:
    with pytest.raises(ConfigError, match="The margin of AUC is 5; it must lie between 0 and 1"):
        Margin(claim=Claim.EQUIVALENT, figure=MarginOf.AUC, margin=5, against="x").check()


def shown_no_worse(studies: int) -> float:
    """Of 100 women with cancer, two images each. Half of what a model sees is the woman's for both,
    four tenths hers for this model; the new one finds .80, the old one .85, and .05 is the margin.
    """
    margin = Margin(
        claim=Claim.NON_INFERIOR, figure=MarginOf.SENSITIVITY, margin=0.05, against="old"
    )
    rng, women, shown = np.random.default_rng(0), np.repeat(np.arange(100), 2), []
    for _ in range(studies):
        hers = np.sqrt(0.5) * rng.normal(size=100)[women]
        old, new = (
            hers + np.sqrt(0.4) * rng.normal(size=100)[women] + np.sqrt(0.1) * rng.normal(size=200)
            < norm.ppf(found)
            for found in (0.85, 0.80)
        )
        difference = rate_difference(new, old, women)
        against = judge_margin(
            margin, value=difference.value, low=difference.low, high=difference.high,
            is_beforehand=True,
        )  # fmt: skip
        shown.append(against.held is Held.MET)
    return float(np.mean(shown))


def test_a_model_worse_by_the_margin_is_rarely_shown_to_be_no_worse() -> None:
    """At most one study of forty may show it; with every image a woman of her own 64 of these 1,000
    did.
    """
    assert shown_no_worse(1000) <= 0.04


@pytest.mark.slow
def test_nor_is_it_in_more_than_one_study_of_forty() -> None:
    assert shown_no_worse(10_000) <= 0.03
