"""The narrow residual network that GMIC and the NYU classifiers look at whole mammograms with: five
stages of two blocks that norm and rectify first.
"""

import re
from typing import Final

from torch import Tensor, nn
from torch.nn import functional

from mammo_core.zoo.published.networks.parts import State, joined

WIDTHS: Final = (16, 32, 64, 128, 256)
_STRIDES: Final = (1, 2, 2, 2, 2)
_BLOCK: Final = re.compile(r"(?:.*\.)?(\d)\.(\d)\.(bn1|conv1|bn2|conv2|downsample\.0)\.(\w+)")
_LAST: Final = re.compile(r"(?:.*\.)?final_bn\.(\w+)")
_STEM: Final = (7, 7)


class Block(nn.Module):
    """Its side way, where it has one, takes what is already normed and rectified."""

    def __init__(self, channels: int, width: int, stride: int, *, is_first: bool) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        side = nn.Conv2d(channels, width, 1, stride=stride, bias=False)
        self.downsample = nn.Sequential(side) if is_first else None

    def forward(self, x: Tensor) -> Tensor:
        lit = functional.relu(self.bn1(x))
        beside = x if self.downsample is None else self.downsample(lit)
        inner = self.conv1(lit)
        made: Tensor = self.conv2(functional.relu(self.bn2(inner))) + beside
        return made


class ResNet22(nn.Module):
    """One channel in, 256 out. `padding` is that of the first convolution."""

    def __init__(self, *, padding: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, WIDTHS[0], 7, stride=2, padding=padding, bias=False)
        self.pool = nn.MaxPool2d(3, stride=2)
        stages, channels = [], WIDTHS[0]
        for width, stride in zip(WIDTHS, _STRIDES, strict=True):
            first = Block(channels, width, stride, is_first=True)
            stages.append(nn.Sequential(first, Block(width, width, 1, is_first=False)))
            channels = width
        self.stages = nn.Sequential(*stages)
        self.final_bn = nn.BatchNorm2d(WIDTHS[-1])

    def forward(self, images: Tensor) -> Tensor:
        return functional.relu(self.final_bn(self.stages(self.pool(self.stem(images)))))

    def forward_features(self, images: Tensor) -> Tensor:
        return self.forward(images)


def own_names(state: State) -> State:
    """The weights of such a network under our names, told by what they are: stage, block and layer
    stand in each name; the one kernel of 7 x 7 is the first.
    """
    return joined(*({_own_name(name, value): value} for name, value in state.items()))


def _own_name(name: str, value: Tensor) -> str:
    if value.ndim == 4 and tuple(value.shape[2:]) == _STEM:
        return "stem.weight"
    if found := _BLOCK.fullmatch(name):
        return f"stages.{found[1]}.{found[2]}.{found[3]}.{found[4]}"
    if found := _LAST.fullmatch(name):
        return f"final_bn.{found[1]}"
    return name
