"""Deletion and insertion on a score one can follow in the head, and maps of shuffled weights."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mammo_core.config import ModelConfig
from mammo_core.explain.fidelity import Marked, deletion_and_insertion, likeness, shuffled
from mammo_core.types import CANCER
from mammo_core.zoo.build import build_model


def one_bright_pixel() -> Marked:
    pixels = np.zeros((1, 64, 32), dtype=np.float32)
    pixels[0, 20, 20] = 1.0
    everything = np.ones((64, 32), dtype=bool)
    return Marked(
        image_id="I", group_id="W", pixels=pixels, breast=everything, lesion=pixels[0] > 0
    )


def brightest(images: NDArray[np.float32]) -> NDArray[np.float32]:
    return images.max(axis=(1, 2, 3))


def ranks(first: tuple[int, int]) -> NDArray[np.float64]:
    """8 x 4 cells of 8 x 8 pixels; one comes first, the others in the order they lie."""
    order = -np.arange(32.0).reshape(8, 4)
    order[first] = 1.0
    return order


def test_a_score_that_hangs_on_the_first_cell_falls_and_rises_at_once() -> None:
    deletion, insertion = deletion_and_insertion(
        brightest, one_bright_pixel(), ranks((2, 2)), offset=0.0
    )
    # 1 at no cell and (blurred) nearly 0 from 1/32 on: half the first step of 1/32.
    assert deletion == pytest.approx(1 / 64, abs=0.01)
    assert insertion == pytest.approx(1 - 1 / 64, abs=0.01)


def test_a_map_that_names_the_cell_last_is_told_by_both_numbers() -> None:
    last = -ranks((2, 2))
    deletion, insertion = deletion_and_insertion(brightest, one_bright_pixel(), last, offset=0.0)
    assert deletion > 0.7
    assert insertion < 0.3


def test_shuffling_keeps_every_weight_and_leaves_the_model_alone() -> None:
    model = build_model(ModelConfig(backbone="light_cnn"), task=CANCER, channels=1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    copied = shuffled(model, seed=1)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    for one, other in zip(model.parameters(), copied.parameters(), strict=True):
        assert torch.equal(one.flatten().sort().values, other.flatten().sort().values)
    assert not torch.equal(next(model.parameters()), next(copied.parameters()))


def test_likeness_is_one_for_the_same_order_minus_one_for_the_opposite_and_none_for_a_flat() -> (
    None
):
    marked = one_bright_pixel()
    one = np.arange(32.0).reshape(8, 4)
    assert likeness(one, one**3, marked, offset=0.0) == pytest.approx(1.0)
    assert likeness(one, -one, marked, offset=0.0) == pytest.approx(-1.0)
    assert likeness(one, np.zeros((8, 4)), marked, offset=0.0) == 0.0
