from dataclasses import replace

import numpy as np
import pytest
import torch

from mammo_core.config import AugmentConfig
from mammo_core.training.augment import DRAWS, NAMES, augment, mix, uniform

NOTHING = AugmentConfig(
    flip=0.0, rotation_degrees=0.0, zoom=0.0, shift=0.0, brightness=0.0, contrast=0.0
)
#: A breast at the left, nothing at the right; no two pixels alike.
IMAGE = torch.zeros(1, 1, 8, 4)
IMAGE[0, 0, :, :2] = torch.arange(1, 17).reshape(8, 2) / 20


def one(settings: AugmentConfig, **numbers: float) -> torch.Tensor:
    return augment(IMAGE, drawn(**numbers), settings)


def drawn(**numbers: float) -> torch.Tensor:
    draws = torch.full((1, DRAWS), 0.5)  # the middle: no change either way
    for name, number in numbers.items():
        draws[0, NAMES.index(name)] = number
    return draws


def test_with_everything_off_nothing_changes() -> None:
    torch.testing.assert_close(augment(IMAGE, torch.rand(1, DRAWS), NOTHING), IMAGE)


def test_a_flip_turns_upside_down_and_a_mirror_left_to_right() -> None:
    settings = replace(NOTHING, flip=1.0, mirror=1.0)
    torch.testing.assert_close(one(settings, flip=0.0, mirror=1.0), IMAGE.flip(2))
    torch.testing.assert_close(one(settings, flip=1.0, mirror=0.0), IMAGE.flip(3))


def test_half_a_turn_is_both_mirrors() -> None:
    settings = replace(NOTHING, rotation_degrees=180.0)
    torch.testing.assert_close(one(settings, rotation=1.0), IMAGE.flip(2, 3), atol=1e-5, rtol=0)


def test_a_quarter_turn_keeps_shapes_in_an_image_higher_than_wide() -> None:
    image = torch.zeros(1, 1, 16, 8)
    image[0, 0, 7:9, 2:6] = 1.0  # a bar 4 wide and 2 high
    draws = drawn(rotation=1.0)
    turned = augment(image, draws, replace(NOTHING, rotation_degrees=90.0))
    expected = torch.zeros(1, 1, 16, 8)
    expected[0, 0, 6:10, 3:5] = 1.0  # now 2 wide and 4 high
    torch.testing.assert_close(turned, expected, atol=1e-5, rtol=0)


def test_a_shift_moves_by_its_share_of_the_image_and_brings_in_background() -> None:
    shifted = one(replace(NOTHING, shift=0.5), down=1.0)
    torch.testing.assert_close(shifted[:, :, :4], IMAGE[:, :, 4:])
    assert torch.all(shifted[:, :, 4:] == 0.0)


def test_light_changes_tissue_and_leaves_the_background_black() -> None:
    lit = one(replace(NOTHING, brightness=0.1, contrast=0.5), brightness=1.0, contrast=1.0)
    assert lit[0, 0, 0, 0].item() == pytest.approx(0.05 * 1.5 + 0.1)
    assert lit[0, 0, 7, 1].item() == 1.0  # 0.8 * 1.5 + 0.1 is above white
    assert torch.all(lit[:, :, :, 2:] == 0.0)


def test_each_image_of_a_batch_is_changed_by_its_own_draws() -> None:
    draws = torch.full((2, DRAWS), 0.5)
    draws[0, 0] = 0.0
    flipped, kept = augment(IMAGE.repeat(2, 1, 1, 1), draws, replace(NOTHING, flip=0.4))
    torch.testing.assert_close(flipped, IMAGE[0].flip(1))
    torch.testing.assert_close(kept, IMAGE[0])


def test_gamma_bends_grey_and_keeps_black_and_white() -> None:
    settings = replace(NOTHING, gamma=1.0)  # up to a power of 2
    torch.testing.assert_close(one(settings, gamma=1.0), IMAGE**2)
    torch.testing.assert_close(one(settings, gamma=0.0), IMAGE**0.5)
    torch.testing.assert_close(one(settings), IMAGE)


def test_noise_is_an_images_own_and_stays_out_of_the_background() -> None:
    settings = replace(NOTHING, noise=0.1)
    first, again = one(settings, noise=1.0), one(settings, noise=1.0)
    other = one(settings, noise=1.0, noise_seed=0.1)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.all(first[:, :, :, 2:] == 0.0)
    assert 0.02 < (first - IMAGE)[:, :, 1:7, :2].std() < 0.2


def test_a_black_rectangle_covers_what_was_drawn_for_it() -> None:
    image = torch.ones(1, 1, 100, 50)
    settings = replace(NOTHING, blackout=0.5)
    draws = drawn(black=0.4, black_top=0.5, black_left=0.5, black_height=0.99, black_width=0.99)
    covered = augment(image, draws, settings) == 0.0
    assert covered.sum().item() == pytest.approx(100 * 50 * (0.99 * 0.3) ** 2, rel=0.05)
    assert covered[0, 0, 50, 25]
    assert not (augment(image, drawn(black=0.6), settings) == 0.0).any()


def test_elastic_pulls_smoothly_and_by_no_more_than_asked() -> None:
    columns = torch.arange(64.0).expand(1, 1, 128, 64) / 64
    settings = replace(NOTHING, elastic=0.1)
    draws = torch.full((1, DRAWS), 0.5)
    torch.testing.assert_close(augment(columns, draws, settings), columns)
    draws[0, len(NAMES) :] = torch.rand(DRAWS - len(NAMES), generator=torch.manual_seed(0))
    moved = (augment(columns, draws, settings) - columns)[:, :, 16:-16, 16:-16]
    assert 0.02 < moved.abs().max() < 0.15  # of the width; bicubic overshoots a little
    assert moved.diff(dim=2).abs().max() < 0.02


def test_mix_up_lays_the_neighbour_over_and_mixes_what_is_to_be_said() -> None:
    images = torch.stack([torch.zeros(1, 2, 2), torch.ones(1, 2, 2)])
    targets = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    draws = drawn(mixup=0.5).repeat(2, 1)
    mixed, said = mix(images, targets, draws, most=0.4)
    assert mixed[:, 0, 0, 0].tolist() == pytest.approx([0.2, 0.8])
    assert said.flatten().tolist() == pytest.approx([0.8, 0.2, 0.2, 0.8])


def test_elastic_pulls_across_by_the_first_numbers_and_down_by_the_others() -> None:
    rows, columns = torch.meshgrid(torch.arange(128.0), torch.arange(64.0), indexing="ij")
    settings, half = replace(NOTHING, elastic=0.1), (DRAWS - len(NAMES)) // 2
    for first, across, down in ((0, 6.4, 0.0), (half, 0.0, 6.4)):  # pixels: a tenth of the width
        draws = drawn()
        draws[0, len(NAMES) + first : len(NAMES) + first + half] = 1.0
        for image, by in ((columns, across), (rows, down)):
            placed = image[None, None] / 128
            moved = 128 * (augment(placed, draws, settings) - placed)[..., 16:-16, 16:-16]
            torch.testing.assert_close(moved, torch.full_like(moved, by), atol=1e-3, rtol=0)


def numbers_of(rows: list[int], *, seed: int = 0, epoch: int = 1, copy: int = 0) -> np.ndarray:
    copies = np.full(len(rows), copy)
    return uniform(
        seed=seed, epoch=epoch, images=np.array(rows, dtype=np.uint64), copies=copies, count=4
    )


def test_an_image_draws_the_same_numbers_in_any_company() -> None:
    assert np.array_equal(numbers_of([5])[0], numbers_of([9, 5, 2])[1])


@pytest.mark.parametrize("other", [{"seed": 1}, {"epoch": 2}, {"copy": 1}])
def test_seed_epoch_and_copy_change_every_number(other: dict[str, int]) -> None:
    assert not np.any(numbers_of([5]) == numbers_of([5], **other))


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


def test_sharpness_takes_detail_away_or_brings_it_out_and_leaves_the_background_black() -> None:
    settings = replace(NOTHING, sharpness=0.1)
    torch.testing.assert_close(one(settings), IMAGE)
    blurred, sharpened = one(settings, sharpness=0.0), one(settings, sharpness=1.0)
    tissue = IMAGE > 0
    steps = [part[0, 0, :, 0].diff().diff().abs().sum() for part in (blurred, IMAGE, sharpened)]
    assert steps[0] != steps[1] != steps[2]
    assert blurred[~tissue].max() == sharpened[~tissue].max() == 0.0
    torch.testing.assert_close((blurred - IMAGE)[tissue], (IMAGE - sharpened)[tissue])
