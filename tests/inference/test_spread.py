from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mammo_core.inference.checkpoint import load_checkpoint
from mammo_core.inference.engine import torch_engine
from mammo_core.inference.interpretation import looks_at, spread_of
from mammo_core.inference.scoring import score_images
from mammo_core.types import ImageRef
from tests.inference.made_up import sees_the_partner_alone, write_checkpoint
from tests.inference.test_predictor import mammogram


def test_looks_shift_the_image_and_leave_its_size() -> None:
    pixels = np.zeros((1, 64, 32), np.float32)
    pixels[0, 10, 5] = 1.0
    places = {
        name: tuple(int(at) for at in np.argwhere(look[0] == 1.0)[0])
        for name, look in looks_at(pixels).items()
    }
    assert places == {
        "as it is": (10, 5),
        "mirrored": (53, 5),
        "shifted up": (9, 5),
        "shifted down": (11, 5),
        "shifted to the chest wall": (10, 4),
        "shifted to the nipple": (10, 6),
    }


def test_the_first_score_is_the_images_own_and_the_ends_hold_all(tmp_path: Path) -> None:
    checkpoint = load_checkpoint(write_checkpoint(tmp_path))
    image = mammogram(lesion_at=(60, 20))
    spread = spread_of(checkpoint, torch_engine(checkpoint), image)
    (reading,) = score_images(checkpoint, [image])
    assert spread.scores[0] == pytest.approx(reading.score, abs=1e-6)
    assert spread.lowest <= spread.scores[0] <= spread.highest
    assert len(spread.names) == len(spread.scores) == 6


def test_over_two_views_the_partner_is_left_as_it_is(tmp_path: Path) -> None:
    checkpoint = load_checkpoint(write_checkpoint(tmp_path, views=2))
    sees_the_partner_alone(checkpoint.model)
    engine, image = torch_engine(checkpoint), mammogram(lesion_at=(60, 20))
    other = mammogram(lesion_at=(35, 15))
    ref = ImageRef(image_id="the other view")
    partner = replace(other, info=replace(other.info, ref=ref))
    beside = spread_of(checkpoint, engine, image, partner)
    assert beside.scores == pytest.approx([beside.scores[0]] * 6, abs=1e-6)
    alone = spread_of(checkpoint, engine, image)
    assert alone.scores == spread_of(checkpoint, engine, image, image).scores
    assert alone.highest - alone.lowest > 1e-4
