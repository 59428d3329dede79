import numpy as np
import pytest

from mammo_core.training.augment import uniform


def draw(rows: list[int], *, seed: int = 0, epoch: int = 1, copy: int = 0) -> np.ndarray:
    copies = np.full(len(rows), copy)
    return uniform(
        seed=seed, epoch=epoch, images=np.array(rows, dtype=np.uint64), copies=copies, count=4
    )


def test_an_image_draws_the_same_numbers_in_any_company() -> None:
    assert np.array_equal(draw([5])[0], draw([9, 5, 2])[1])


@pytest.mark.parametrize("other", [{"seed": 1}, {"epoch": 2}, {"copy": 1}])
def test_seed_epoch_and_copy_change_every_number(other: dict[str, int]) -> None:
    assert not np.any(draw([5]) == draw([5], **other))


def test_the_numbers_are_spread_evenly_over_zero_to_one() -> None:
    numbers = uniform(
        seed=3,
        epoch=7,
        images=np.arange(10_000, dtype=np.uint64),
        copies=np.zeros(10_000, int),
        count=2,
    )
    assert numbers.min() >= 0.0
    assert numbers.max() < 1.0
    assert np.histogram(numbers, bins=10)[0].min() > 1_800  # 2,000 expected, s.d. 42
    assert abs(np.corrcoef(numbers[:, 0], numbers[:, 1])[0, 1]) < 0.05
    assert abs(np.corrcoef(numbers[:-1, 0], numbers[1:, 0])[0, 1]) < 0.05
