import pytest

from mammo_core.scores import shown_digits


@pytest.mark.parametrize(
    ("score", "shown"),
    [(0.0, "0.00"), (0.25, "0.25"), (0.01, "0.01"), (0.0131, "0.01"), (0.0031, "0.0031"),
     (0.000024, "0.000024"), (0.000001, "0.000001"), (0.999, "1.00")],
)  # fmt: skip
def test_a_score_that_is_low_is_not_shown_as_none(score: float, shown: str) -> None:
    assert shown_digits(score) == shown
