import pytest

from mammo_core.training.schedule import cosine_with_warmup


def test_the_rate_rises_in_a_line_peaks_and_falls_to_zero() -> None:
    rates = [cosine_with_warmup(step, warmup=4, total=12, peak=0.8) for step in range(12)]
    assert rates[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert rates[4] == pytest.approx(0.8)
    assert rates[8] == pytest.approx(0.4)  # half way down
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert cosine_with_warmup(12, warmup=4, total=12, peak=0.8) == pytest.approx(0.0)


def test_without_warm_up_the_first_step_is_the_highest() -> None:
    assert cosine_with_warmup(0, warmup=0, total=5, peak=0.8) == pytest.approx(0.8)
