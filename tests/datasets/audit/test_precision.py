"""How wide the intervals will be, before anything is trained."""

import math

import pytest

from mammo_core.datasets.audit.result import Severity
from mammo_core.datasets.audit.shortcuts import check_precision, measure_precision
from mammo_core.metrics.uncertainty import hanley_mcneil_variance
from tests.datasets.audit.made import evidence_of, rows, the_one


def test_women_count_and_not_their_images() -> None:
    """Ten images each: 20 women with and 20 without, whatever the number of images."""
    women = [f"W{n // 10}" for n in range(400)]
    labels = ["cancer" if (n // 10) % 2 else "no cancer" for n in range(400)]
    precision = measure_precision(
        evidence_of(rows(400, patient_id=women, label=labels, split="test"))
    )
    assert precision is not None
    assert (precision.women_with, precision.women_without, precision.is_official) == (20, 20, True)
    error = math.sqrt(hanley_mcneil_variance(0.8, 20, 20))
    assert precision.auc_half_width == pytest.approx(1.96 * error, rel=1e-3)
    assert precision.smallest_difference == pytest.approx((1.96 + 0.84) * error, rel=1e-3)


def test_without_a_test_split_a_quarter_of_the_women_is_assumed() -> None:
    precision = measure_precision(evidence_of(rows(80)))
    assert precision is not None
    assert (precision.women_with, precision.women_without) == (10, 10)
    assert not precision.is_official


def test_a_small_test_set_is_a_warning_a_large_one_a_note() -> None:
    small = the_one(check_precision(measure_precision(evidence_of(rows(80)))))
    large = the_one(check_precision(measure_precision(evidence_of(rows(4000)))))
    assert small.severity is Severity.WARNING
    assert large.severity is Severity.NOTE
    assert "500 women with and 500 without" in large.sentence


def test_a_test_set_without_cancer_is_serious() -> None:
    precision = measure_precision(evidence_of(rows(20, label="no cancer")))
    assert the_one(check_precision(precision)).severity is Severity.SERIOUS
