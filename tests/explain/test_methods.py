"""Maps of tiny networks, and of one whose evidence can be added up in the head."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mammo_core.config import ModelConfig
from mammo_core.errors import UnknownNameError
from mammo_core.explain.grad_cam import full_colour, grad_cam, log_odds
from mammo_core.explain.methods import METHODS, OWN, Method, explain_with, get_method
from mammo_core.reading import ABSOLUTE_METHODS, METHOD_TITLES
from mammo_core.types import CANCER
from mammo_core.zoo.build import build_model
from mammo_core.zoo.classifier import ChannelsFirst, Classifier


class Brightness(nn.Module):
    """Two features, brightness and its double; the mean of the second is the log-odds + 1."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward_features(self, images: Tensor) -> Tensor:
        return torch.cat([images, 2.0 * images], dim=1) * self.weight

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        mean = features.mean(dim=(2, 3))
        return torch.stack([torch.zeros_like(mean[:, 1]), mean[:, 1] - 1.0], dim=1)


def classifier(name: str) -> Classifier:
    torch.manual_seed(3)
    model = build_model(ModelConfig(backbone=name), task=CANCER, channels=1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean += 0.1 * torch.randn_like(module.running_mean)
                module.running_var *= 1.0 + torch.rand_like(module.running_var)
    return model.eval()


def test_the_cells_of_a_mean_add_up_to_the_log_odds_less_the_bias() -> None:
    images = torch.tensor([[[[0.0, 1.0], [3.0, 4.0]]]])  # mean 2, so log-odds 2 * 2 - 1 = 3
    model = Classifier(Brightness(), layout=ChannelsFirst())
    with torch.no_grad():
        feature_map = model.features(images)
    maps = grad_cam(model, feature_map, CANCER.positive_indices)
    assert maps[0] == pytest.approx(np.array([[0.0, 0.5], [1.5, 2.0]]))
    assert maps.sum() == pytest.approx(3.0 + 1.0)


def test_log_odds_are_those_of_the_summed_probability() -> None:
    probabilities = torch.tensor([[0.5, 0.3, 0.2]])
    assert log_odds(probabilities.log(), (1, 2)).item() == pytest.approx(0.0, abs=1e-6)
    assert log_odds(probabilities.log(), (2,)).item() == pytest.approx(np.log(0.2 / 0.8))


@pytest.mark.parametrize("name", ["light_cnn", "test_resnet", "test_convnext", "test_efficientnet"])
def test_ours_is_the_librarys_before_it_stretches(name: str) -> None:
    model = classifier(name if name != "test_efficientnet" else "timm:test_efficientnet")
    with torch.no_grad():
        feature_map = model.features(torch.rand(3, 1, 128, 64) * 4.0 - 2.0)
    library = get_method("grad_cam_relative")
    highest = 0.0
    for positive in ((0,), (1,)):  # what speaks for one class speaks against the other
        ours = grad_cam(model, feature_map, positive)
        low, high = ours.min(axis=(1, 2), keepdims=True), ours.max(axis=(1, 2), keepdims=True)
        theirs = library.explain(model, feature_map, positive)
        np.testing.assert_allclose((ours - low) / (high - low + 1e-7), theirs, atol=1e-4)
        highest = max(highest, float(high.max() - low.min()))
    assert highest > 1e-4


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_every_method_finds_the_half_the_evidence_lies_in(method: Method) -> None:
    model = Classifier(Brightness(), layout=ChannelsFirst()).eval()
    images = torch.zeros(2, 1, 4, 6)
    images[0, 0, 1, 1] = 1.0  # left
    images[1, 0, 2, 4] = 1.0  # right
    left, right = explain_with(method, model, images, CANCER.positive_indices)
    assert np.unravel_index(left.argmax(), left.shape) == (1, 1)
    assert np.unravel_index(right.argmax(), right.shape) == (2, 4)
    assert left[:, 3:].max() < left.max() / 2
    assert right[:, :3].max() < right.max() / 2
    if method.is_relative:
        assert (left.min(), left.max()) == pytest.approx((0.0, 1.0), abs=1e-5)


def test_full_colour_is_what_one_normal_image_in_two_hundred_exceeds() -> None:
    assert full_colour(np.arange(1001.0)) == pytest.approx(995.0)
    assert full_colour(np.array([])) is None


def test_an_unknown_method_lists_the_known() -> None:
    with pytest.raises(UnknownNameError, match=r"no explanation method named 'x'. Known: grad_cam"):
        get_method("x")


def test_what_is_told_of_methods_without_torch_is_true_of_all_of_them() -> None:
    assert {method.name: method.title for method in METHODS} == METHOD_TITLES
    assert tuple(m.name for m in (*METHODS, OWN) if not m.is_relative) == ABSOLUTE_METHODS
