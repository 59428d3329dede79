"""EfficientNets as older training scripts name and pad them, on timm's networks.

Those scripts fix the padding of every convolution when a network is built, from the square size it
was made for, not from the image; where that matters the fixed numbers are put in.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import timm
from torch import nn
from torch.nn import functional

from mammo_core.zoo.published.networks.parts import State, joined

#: Blocks of each stage (Tan and Le, 2019), which the older names count through.
DEPTHS: Final[Mapping[str, tuple[int, ...]]] = {
    "b0": (1, 2, 2, 3, 3, 4, 1),
    "b2": (2, 3, 3, 4, 4, 5, 2),
    "b5": (3, 5, 5, 7, 7, 9, 3),
}

#: Zeros before and after, on both axes, of the depthwise convolutions with stride 2, in order: what
#: comes of sizes 224, 260 and 456.
PADS: Final[Mapping[str, tuple[tuple[int, int], ...]]] = {
    "b0": ((0, 1), (1, 2), (0, 1), (1, 2)),
    "b2": ((0, 1), (2, 2), (1, 1), (2, 2)),
    "b5": ((0, 1), (1, 2), (1, 1), (2, 2)),
}
_STEM: Final = (0, 1)

_TOP: Final = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
_FIRST: Final = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_se_reduce": "se.conv_reduce",
    "_se_expand": "se.conv_expand",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}
_OTHERS: Final = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_se_reduce": "se.conv_reduce",
    "_se_expand": "se.conv_expand",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_BLOCK: Final = re.compile(r"_blocks\.(\d+)\.(_\w+)\.(.+)")


def efficientnet(kind: str, *, channels: int = 3) -> Any:
    """timm's network without a classifier, padded by the fixed numbers."""
    network = timm.create_model(
        f"tf_efficientnet_{kind}", pretrained=False, in_chans=channels, num_classes=0
    )
    network.conv_stem = _padded(network.conv_stem, _STEM)
    pads = iter(PADS[kind])
    blocks: Any = network.blocks
    for stage in blocks:
        for block in stage:
            wide = block.conv_dw.stride[0] == 2
            side = (block.conv_dw.kernel_size[0] - 1) // 2
            block.conv_dw = _padded(block.conv_dw, next(pads) if wide else (side, side))
    return network


class FixedConv(nn.Conv2d):
    """A convolution with its own zeros before and after, the same on both axes."""

    pads: tuple[int, int] = (0, 0)

    def forward(self, input: Any) -> Any:
        before, after = self.pads
        padded = functional.pad(input, (before, after, before, after))
        return self._conv_forward(padded, self.weight, self.bias)


def _padded(conv: Any, pads: tuple[int, int]) -> FixedConv:
    made = FixedConv(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,
        stride=conv.stride,
        groups=conv.groups,
        bias=conv.bias is not None,
    )
    made.pads = pads
    return made


def timm_names(state: State, kind: str) -> State:
    """`state` under timm's names; what has no place there keeps its own."""
    places = [(stage, block) for stage, depth in enumerate(DEPTHS[kind]) for block in range(depth)]
    return joined(*({_timm_name(name, places): value} for name, value in state.items()))


def _timm_name(name: str, places: list[tuple[int, int]]) -> str:
    found = _BLOCK.fullmatch(name)
    if found is None:
        first, _, rest = name.partition(".")
        return f"{_TOP[first]}.{rest}" if first in _TOP else name
    number, layer, rest = int(found[1]), found[2], found[3]
    if number >= len(places):
        return name
    stage, block = places[number]
    names = _FIRST if stage == 0 else _OTHERS
    return f"blocks.{stage}.{block}.{names[layer]}.{rest}" if layer in names else name
