"""Methods that look again and again, against the library and against maps one can draw by hand."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pytorch_grad_cam import ScoreCAM
from torch import Tensor, nn

from mammo_core.config import ModelConfig
from mammo_core.explain.grad_cam import log_odds
from mammo_core.explain.methods import finer, occlusion, score_cam, stretched
from mammo_core.types import CANCER
from mammo_core.zoo.build import build_model
from mammo_core.zoo.classifier import ChannelsFirst, Classifier


class BrightestPixel(nn.Module):
    """The log-odds are the brightest pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward_features(self, images: Tensor) -> Tensor:
        return images * self.weight

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        brightest = features.amax(dim=(1, 2, 3))
        return torch.stack([torch.zeros_like(brightest), brightest], dim=1)


def test_score_cam_is_the_librarys() -> None:
    torch.manual_seed(0)
    model = build_model(ModelConfig(backbone="light_cnn"), task=CANCER, channels=1).eval()
    images = torch.rand(2, 1, 64, 32)
    ours = score_cam(model, images, CANCER.positive_indices)
    with ScoreCAM(model=model, target_layers=[model.feature_map]) as cam:
        library = cam.get_cam_image(
            images,
            None,
            [lambda logits: log_odds(logits[None], CANCER.positive_indices)[0]] * 2,
            model.features(images).detach().numpy(),
            None,
        )
    np.testing.assert_allclose(ours, stretched(np.maximum(library, 0.0)), atol=1e-4)
    assert ours.max() == pytest.approx(1.0)


def test_covering_the_brightest_pixel_and_nothing_else_lowers_the_score() -> None:
    model = Classifier(BrightestPixel(), layout=ChannelsFirst()).eval()
    image = torch.zeros(1, 1, 32, 16)
    image[0, 0, 5, 3] = 4.0  # patches are 2 x 2: row 2, column 1
    (found,) = occlusion(model, image, CANCER.positive_indices)
    assert found.shape == (16, 8)
    assert np.argwhere(found > 0).tolist() == [[2, 1]]
    assert image.max() == 4.0  # covered on a copy


def tile_means(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """A map whose cells are the means of tiles of 4 x 4 pixels."""
    count, _, height, width = images.shape
    return images.reshape(count, height // 4, 4, width // 4, 4).mean(axis=(2, 4))


def test_a_finer_map_is_the_mean_of_the_coarse_cells_that_cover_it() -> None:
    image = np.zeros((1, 1, 8, 8), dtype=np.float32)
    image[0, 0, 2:4, 2:4] = 16.0  # fine cell (1, 1); each coarse cell that covers it is 4
    (found,) = finer(tile_means, image)
    assert found.shape == (4, 4)
    assert found.max() == found[1, 1] == 4.0
    # Its neighbour is covered by two cells with the bright spot in them and by two without.
    assert found[1, 2] == found[2, 1] == 2.0
    assert found[2, 2] == 1.0
    assert found[3, 3] == 0.0


def test_a_finer_map_of_factor_one_is_the_map() -> None:
    images = np.random.default_rng(0).random((2, 1, 8, 12), dtype=np.float32)
    np.testing.assert_array_equal(finer(tile_means, images, factor=1), tile_means(images))


def test_a_flat_map_stays_flat() -> None:
    assert stretched(np.full((1, 2, 2), 7.0)).max() == 0.0
