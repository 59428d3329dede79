import numpy as np
import pytest

from mammo_core.metrics.verified import begg_greenes, corrected_in_words, why_not_corrected

#: With and without disease and not verified, of those called and those not.
SCANS = {True: (231, 32, 166), False: (27, 54, 140)}


def scans() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    called, positive, verified = [], [], []
    for call, (ill, well, unknown) in SCANS.items():
        called += [call] * (ill + well + unknown)
        positive += [True] * ill + [False] * (well + unknown)
        verified += [True] * (ill + well) + [False] * unknown
    return np.array(called), np.array(positive), np.array(verified)


def test_the_correction_comes_out_as_by_hand() -> None:
    """Begg and Greenes: shares of disease among the verified, for all called (429) and all
    not called (221); spread of the log-odds n / (n1 n0) + (1 - p1) / d1 + (1 - p0) / d0.
    """
    ill_called, ill_not = 429 * 231 / 263, 221 * 27 / 81
    assert ill_called / (ill_called + ill_not) == pytest.approx(0.8365, abs=5e-5)
    found = begg_greenes(*scans(), np.arange(650))
    assert found is not None
    assert found.sensitivity.of_verified == pytest.approx(0.895, abs=5e-4)
    assert found.specificity.of_verified == pytest.approx(0.628, abs=5e-4)
    assert found.sensitivity.value == pytest.approx(0.8365, abs=5e-5)
    assert found.specificity.value == pytest.approx(0.7384, abs=5e-5)
    spread = np.sqrt(650 / (429 * 221) + (1 - 231 / 263) / 231 + (1 - 27 / 81) / 27)
    half = 1.959964 * spread
    odds = np.log(0.83646 / (1 - 0.83646))
    ends = 1 / (1 + np.exp(-np.array([odds - half, odds + half])))
    assert (found.sensitivity.low, found.sensitivity.high) == pytest.approx(ends, abs=5e-4)
    assert "306 of them not verified; of the verified alone 89.5%" in corrected_in_words(found)[0]


def test_where_all_are_verified_nothing_is_corrected() -> None:
    called, positive, _ = scans()
    found = begg_greenes(called, positive, np.ones(650, dtype=bool), np.arange(650))
    assert found is not None
    assert found.sensitivity.value == pytest.approx(found.sensitivity.of_verified)


def test_each_woman_told_twice_tells_no_more() -> None:
    once = begg_greenes(*scans(), np.arange(650))
    twice = begg_greenes(*(np.repeat(one, 2) for one in scans()), np.repeat(np.arange(650), 2))
    assert once is not None
    assert twice is not None
    assert twice.sensitivity.low == pytest.approx(once.sensitivity.low, abs=1e-6)


def held_in(studies: int) -> float:
    """By the interval of sensitivity, where a fifth of those not called is verified."""
    rng, held = np.random.default_rng(0), []
    for _ in range(studies):
        groups = np.repeat(np.arange(400), 2)
        ill = np.repeat(rng.random(400) < 0.25, 2)
        frail = np.repeat(rng.normal(size=400), 2)
        called = frail + rng.normal(size=800) + 2.0 * ill > 1.0
        verified = called | np.repeat(rng.random(400) < 0.2, 2)
        found = begg_greenes(called, ill, verified, groups)
        if found is not None:
            truth = 0.76025  # of a normal with variance 2 and mean 2 to lie above 1
            held.append(found.sensitivity.low <= truth <= found.sensitivity.high)
    assert len(held) > 0.4 * studies
    return float(np.mean(held))


def test_the_interval_holds_the_sensitivity_of_all() -> None:
    assert held_in(60) >= 0.85


@pytest.mark.slow
def test_the_interval_holds_in_nineteen_of_twenty_studies() -> None:
    assert held_in(1500) >= 0.92


def test_without_verified_cases_that_were_not_called_there_is_no_correction() -> None:
    called, positive, verified = scans()
    only_called = verified & called
    assert begg_greenes(called, positive, only_called, np.arange(650)) is None
    reason = why_not_corrected(called, positive, only_called)
    assert "verified cases with cancer among those not called, and there are 0" in reason
