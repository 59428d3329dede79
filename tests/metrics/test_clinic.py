from dataclasses import replace

import numpy as np
import pytest

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.clinic import Benchmark, project, project_at, triage, why_no_projection
from mammo_core.types import Level
from tests.metrics.conftest import cases_of

BCSC = Benchmark()


def women(score: list[float], positive: list[int]) -> Cases:
    return replace(cases_of(score, positive), level=Level.PATIENT)


def test_the_readers_of_the_bcsc_come_out_at_their_own_prevalence() -> None:
    readers = project(BCSC.sensitivity, BCSC.specificity, BCSC.prevalence)
    assert readers.ppv == pytest.approx(0.044, abs=0.0005)
    assert readers.found == pytest.approx(5.1, abs=0.05)
    assert readers.recalled == pytest.approx(115, abs=0.6)
    assert readers.missed == pytest.approx(BCSC.missed, abs=0.05)


def test_the_same_threshold_has_another_ppv_where_cancer_is_rare() -> None:
    assert project(0.9, 0.9, 0.5).ppv == pytest.approx(0.9)
    assert project(0.9, 0.9, 0.01).ppv == pytest.approx(9 / 108)
    assert project(0.9, 0.9, 0.01).npv == pytest.approx(891 / 892)


def test_nobody_recalled_has_no_ppv() -> None:
    assert np.isnan(project(0.0, 1.0, 0.01).ppv)


def test_images_are_not_women() -> None:
    with pytest.raises(TableError, match="a programme calls women"):
        project_at(cases_of([0.1, 0.9], [0, 1]), 0.5, 0.006)


def test_four_women_with_cancer_are_too_few_for_a_projection() -> None:
    """Of three the range of the PPV held it in 85 to 91 of 100 studies."""
    scores = [0.1] * 20
    assert why_no_projection(women(scores, [1] * 5 + [0] * 15)) == ""
    assert "No projection from 4 women" in why_no_projection(women(scores, [1] * 4 + [0] * 16))


def test_a_projection_carries_the_doubt_of_its_shares() -> None:
    spread = project_at(women([0.1, 0.2, 0.6, 0.9], [0, 0, 0, 1]), 0.5, 0.01)
    assert spread.middle.found == pytest.approx(10)
    assert spread.low.found < 3
    assert spread.middle.false_alarms == pytest.approx(330)
    assert spread.low.false_alarms < 330 < spread.high.false_alarms
    assert (spread.sensitivity.count, spread.sensitivity.total) == (1, 1)


def test_the_range_of_the_recalled_holds_what_many_studies_recall() -> None:
    """At a prevalence of 40 %: with sensitivity and specificity at their lower ends together, what
    one adds the other takes away, and the range held it in 70 to 94 of 100 studies."""
    rng = np.random.default_rng(0)
    held = []
    for _ in range(300):
        score = rng.random(60)
        positive = np.arange(60) < 30
        spread = project_at(
            women([*(score < np.where(positive, 0.8, 0.2)).astype(float)], [*positive]), 0.5, 0.4
        )
        assert spread.low.recalled <= spread.middle.recalled <= spread.high.recalled
        assert spread.low.ppv <= spread.middle.ppv <= spread.high.ppv
        assert spread.low.npv <= spread.middle.npv <= spread.high.npv
        held.append(spread.low.recalled <= 440 <= spread.high.recalled)
    assert np.mean(held) >= 0.92


def test_a_woman_recalled_for_her_other_breast_is_recalled_but_not_found() -> None:
    """Of 4 with cancer 1 is found, 1 called on the other breast; of 4 without 1 is called."""
    own = women([0.9, 0.1, 0.2, 0.3, 0.8, 0.1, 0.1, 0.1], [1, 1, 1, 1, 0, 0, 0, 0])
    highest = women([0.9, 0.7, 0.2, 0.3, 0.8, 0.1, 0.1, 0.1], [1, 1, 1, 1, 0, 0, 0, 0])
    middle = project_at(own, 0.5, 0.4, recalled=highest).middle
    assert middle.found == pytest.approx(100)
    assert middle.missed == pytest.approx(300)
    assert middle.elsewhere == pytest.approx(100)
    assert middle.false_alarms == pytest.approx(150)
    assert middle.recalled == pytest.approx(350)
    assert middle.ppv == pytest.approx(100 / 350)
    assert middle.npv == pytest.approx(450 / 650)  # 200 of the 650 left alone have cancer


def test_the_women_are_matched_by_name_not_by_place() -> None:
    own = women([0.9, 0.1, 0.1, 0.1], [1, 1, 0, 0])
    highest = replace(
        women([0.1, 0.1, 0.7, 0.9], [0, 0, 1, 1]), case_ids=tuple(reversed(own.case_ids))
    )
    assert project_at(own, 0.5, 0.5, recalled=highest).middle.elsewhere == pytest.approx(250)
    with pytest.raises(TableError, match="are not the 3 scored by any breast"):
        project_at(own, 0.5, 0.5, recalled=women([0.1, 0.7, 0.9], [0, 1, 1]))


def test_triage_counts_who_is_not_read_and_what_that_costs() -> None:
    ten = women([0.1, 0.1, 0.1, 0.5, 0.5, 0.9, 0.05, 0.5, 0.95, 0.99], [0] * 6 + [1] * 4)
    result = triage(ten, rule_out=0.3, rule_in=0.8, prevalence=0.01)
    assert result.not_read[0] == pytest.approx(990 / 2 + 10 / 4)
    assert result.read[0] == pytest.approx(990 / 3 + 10 / 4)
    assert result.called[0] == pytest.approx(990 / 6 + 10 / 2)
    assert result.cancers_not_read[0] == pytest.approx(2.5)
    for value, low, high in (result.not_read, result.read, result.called, result.cancers_not_read):
        assert 0 <= low < value < high <= 1000
    share = result.share_not_read
    assert result.cancers_not_read[1:] == pytest.approx((10 * share.low, 10 * share.high))
    assert (result.share_not_read.count, result.share_not_read.total) == (1, 4)


def test_thresholds_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(TableError, match="lies above the rule-in"):
        triage(women([0.1, 0.9], [0, 1]), rule_out=0.8, rule_in=0.3, prevalence=0.01)
