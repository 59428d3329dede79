"""Where a cell of the map looks, against arithmetic done by hand and against gradients."""

import pytest
import torch
from torch import Tensor, nn

from mammo_core.config import ModelConfig
from mammo_core.explain.heads import cell_offset
from mammo_core.types import CANCER
from mammo_core.zoo.build import build_model
from mammo_core.zoo.classifier import ChannelsFirst, Classifier


class OnlyFeatures(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward_features(self, images: Tensor) -> Tensor:
        return self.layers(images)


def offset_of(*layers: nn.Module) -> float:
    return cell_offset(Classifier(OnlyFeatures(*layers), layout=ChannelsFirst()), channels=1)


def conv(kernel: int, stride: int, padding: int) -> nn.Module:
    return nn.Conv2d(1, 1, kernel, stride=stride, padding=padding)


def test_tiles_that_are_looked_at_one_by_one_are_exact() -> None:
    assert offset_of(conv(4, 4, 0)) == 0.0
    assert offset_of(nn.MaxPool2d(2), nn.AvgPool2d(2)) == 0.0
    assert offset_of(conv(3, 1, 1), nn.MaxPool2d(2)) == 0.0


def test_each_even_step_of_an_odd_kernel_looks_half_a_pixel_up_at_its_own_scale() -> None:
    assert offset_of(conv(3, 2, 1)) == -0.5
    assert offset_of(conv(3, 2, 1), conv(3, 2, 1)) == -0.5 - 1.0
    assert offset_of(conv(7, 2, 3), nn.MaxPool2d(3, stride=2, padding=1)) == -0.5 - 1.0
    assert offset_of(conv(3, 2, 1), nn.BatchNorm2d(1), nn.ReLU(), conv(3, 2, 1)) == -1.5


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("light_cnn", -7.5),  # strides of 2, 4, 8, 16: (16 - 1) / 2
        pytest.param("resnet18", -15.5, marks=pytest.mark.slow),
        pytest.param("mobilenetv2_100", -15.5, marks=pytest.mark.slow),
        pytest.param("efficientnet_b0", -15.5, marks=pytest.mark.slow),
        # Tensorflow pads below and right instead
        pytest.param("efficientnetv2_s", 15.5, marks=pytest.mark.slow),
        # only its first two steps; then it averages tiles
        pytest.param("densenet121", -1.5, marks=pytest.mark.slow),
        ("conv2", 0.0),
        ("test_convnext", 0.0),
        ("timm:test_vit", 0.0),
    ],
)
def test_the_networks_of_the_field_look_where_arithmetic_says(name: str, expected: float) -> None:
    model = build_model(ModelConfig(backbone=name), task=CANCER, channels=1)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    assert cell_offset(model, channels=1) == expected
    after = model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.slow
def test_two_views_look_where_one_does() -> None:
    model = build_model(ModelConfig(backbone="resnet18", views=2), task=CANCER, channels=1)
    assert cell_offset(model, channels=1) == -15.5


def test_gradients_of_random_networks_agree() -> None:
    mass = torch.zeros(96, 96, dtype=torch.float64)
    for seed in range(12):
        torch.manual_seed(seed)
        model = build_model(ModelConfig(backbone="light_cnn"), task=CANCER, channels=1).eval()
        image = torch.rand(1, 1, 96, 96, requires_grad=True)
        cell = model.features(image)[0, :, 3, 3]  # its tile: pixels 48 to 64
        (gradient,) = torch.autograd.grad((cell * torch.randn(len(cell))).sum(), image)
        mass += gradient[0, 0].double() ** 2
    centre = (mass.sum(dim=1) / mass.sum() * (torch.arange(96) + 0.5)).sum().item()
    assert centre == pytest.approx(56.0 - 7.5, abs=1.0)
