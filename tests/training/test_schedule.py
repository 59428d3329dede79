import pytest

from mammo_core.config import OptimConfig
from mammo_core.training.loop import learning_rate, plateau_scale


def rates(schedule: str, *, warmup: int = 0) -> list[float]:
    """Three epochs of four steps."""
    optim = OptimConfig(epochs=3, learning_rate=0.8, schedule=schedule, warmup_epochs=warmup)
    return [learning_rate(step, optim, steps_per_epoch=4) for step in range(12)]


def test_the_cosine_rises_in_a_line_peaks_and_falls_towards_zero() -> None:
    told = rates("cosine", warmup=1)
    assert told[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert told[4] == pytest.approx(0.8)
    assert told[8] == pytest.approx(0.4)  # half way down
    assert told[4:] == sorted(told[4:], reverse=True)
    assert 0.0 < told[-1] < 0.05


def test_without_warm_up_the_first_step_is_the_highest() -> None:
    assert rates("cosine")[0] == pytest.approx(0.8)


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_a_constant_rate_stays_after_warm_up(schedule: str) -> None:
    assert rates(schedule, warmup=1)[3:] == pytest.approx([0.8] * 9)


def test_one_cycle_starts_low_peaks_at_three_tenths_and_ends_at_nothing() -> None:
    told = rates("one_cycle")
    assert told[0] == pytest.approx(0.8 / 25)
    assert max(told) == told[4] == pytest.approx(0.8, rel=0.01)
    assert told[-1] < 0.05


def scale(losses: list[float], **settings: float) -> float:
    return plateau_scale(losses, OptimConfig(schedule="plateau", **settings))


def test_a_plateau_of_three_epochs_costs_nine_tenths_of_the_rate() -> None:
    assert scale([]) == 1.0
    assert scale([1.0, 0.9, 0.95, 0.93]) == 1.0  # two epochs without a lower loss
    assert scale([1.0, 0.9, 0.95, 0.93, 0.9]) == pytest.approx(0.1)  # equal is not lower
    assert scale([1.0, 0.9, 0.95, 0.93, 0.9, 0.8]) == pytest.approx(0.1)
    assert scale([1.0] * 7) == pytest.approx(0.01)


def test_how_long_a_plateau_is_and_what_it_costs_are_settings() -> None:
    assert scale([1.0, 1.0, 1.0], plateau_patience=2, plateau_factor=0.5) == pytest.approx(0.5)
    assert scale([1.0] * 5, plateau_patience=2, plateau_factor=0.5) == pytest.approx(0.25)
    assert OptimConfig(plateau_factor=1.0).check() == [
        "Plateau factor is 1.0; it must be within 0 to 1."
    ]
    assert OptimConfig(plateau_patience=0).check() == [
        "Plateau patience is 0; it must be at least 1."
    ]
