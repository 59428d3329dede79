from dataclasses import replace

import pytest
import torch

from mammo_core.config import AugmentConfig
from mammo_core.training.augment import DRAWS, augment

NOTHING = AugmentConfig(
    flip=0.0, rotation_degrees=0.0, zoom=0.0, shift=0.0, brightness=0.0, contrast=0.0
)
#: A breast at the left, nothing at the right; no two pixels alike.
IMAGE = torch.zeros(1, 1, 8, 4)
IMAGE[0, 0, :, :2] = torch.arange(1, 17).reshape(8, 2) / 20


def one(settings: AugmentConfig, **numbers: float) -> torch.Tensor:
    names = ["flip", "mirror", "rotation", "zoom", "down", "right", "brightness", "contrast"]
    draws = torch.full((1, DRAWS), 0.5)  # the middle: no change either way
    for name, number in numbers.items():
        draws[0, names.index(name)] = number
    return augment(IMAGE, draws, settings)


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
    draws = torch.full((1, DRAWS), 0.5)
    draws[0, 2] = 1.0
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
