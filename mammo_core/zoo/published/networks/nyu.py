"""The NYU classifiers of images alone: one network for all CC, one for all MLO; heads over both
breasts ("views"), or one for each of the four images ("images").

An image is seen by both networks, and its place says whose map counts.
"""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from mammo_core.config import ModelConfig
from mammo_core.types import Size
from mammo_core.zoo.catalog import Backbone
from mammo_core.zoo.classifier import ChannelsFirst, Classifier
from mammo_core.zoo.published.networks.parts import (
    Slotted,
    State,
    joined,
    mean_of_probabilities,
    plain_names,
    under,
)
from mammo_core.zoo.published.networks.petrini import refuse_others, taken
from mammo_core.zoo.published.networks.resnet22 import WIDTHS, ResNet22, own_names
from mammo_core.zoo.published.nyu import CC_WINDOW, MLO_WINDOW

_WIDTH: Final = WIDTHS[-1]
_HIDDEN: Final = 512
_PLACES: Final = 4  # L-CC, R-CC, L-MLO, R-MLO
_IMAGES: Final = ("lcc", "rcc", "lmlo", "rmlo")
_MALIGNANT: Final = 2  # rows: left benign, right benign, left malignant, right malignant
_FLOOR: Final = 1e-9


class _Output(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc_layer = nn.Linear(width, 8)

    def forward(self, x: Tensor) -> Tensor:
        """(rows, outcomes, 2): no and yes, as logarithms."""
        shares: Tensor = self.fc_layer(x).unflatten(1, (4, 2)).log_softmax(dim=2)
        return shares


class Nyu(nn.Module):
    """Both networks' maps lie in one, channels of CC first, the shorter map in the middle."""

    def __init__(self, *, cc_window: Size, mlo_window: Size, is_by_view: bool) -> None:
        super().__init__()
        self.cc_window, self.mlo_window, self.is_by_view = cc_window, mlo_window, is_by_view
        self.cc, self.mlo = ResNet22(padding=0), ResNet22(padding=0)
        if is_by_view:
            self.fc1_cc, self.fc1_mlo = (nn.Linear(2 * _WIDTH, _HIDDEN) for _ in range(2))
            self.output_layer_cc, self.output_layer_mlo = _Output(_HIDDEN), _Output(_HIDDEN)
        else:
            for name in _IMAGES:
                self.add_module(f"fc1_{name}", nn.Linear(_WIDTH, _WIDTH))
                self.add_module(f"output_layer_{name}", _Output(_WIDTH))

    def forward_features(self, images: Tensor) -> Tensor:
        maps = [
            network(standardised(_middle(images, window)))
            for network, window in ((self.cc, self.cc_window), (self.mlo, self.mlo_window))
        ]
        size = [max(one.shape[axis] for one in maps) for axis in (2, 3)]
        return torch.cat([_laid(one, size) for one in maps], dim=1)

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        if features.ndim == 4:  # an image standing for all
            features = features[:, None].expand(-1, _PLACES, -1, -1, -1)
        cc, mlo = features.split(_WIDTH, dim=2)
        sizes = (self._cells(self.cc_window), self._cells(self.mlo_window))
        means = [_mean(one, size) for one, size in zip((cc, mlo), sizes, strict=True)]
        vectors = torch.cat([means[0][:, :2], means[1][:, 2:]], dim=1)  # each place by its own
        if pre_logits:
            return vectors.flatten(1)
        return self._by_view(vectors) if self.is_by_view else self._by_image(vectors)

    def _by_view(self, vectors: Tensor) -> Tensor:
        """Of either place of a breast the same: the mean of what CC and MLO say of it."""
        cc = self.output_layer_cc(functional.relu(self.fc1_cc(vectors[:, :2].flatten(1))))
        mlo = self.output_layer_mlo(functional.relu(self.fc1_mlo(vectors[:, 2:].flatten(1))))
        both = mean_of_probabilities([cc, mlo])[:, _MALIGNANT:]
        return torch.cat([both, both], dim=1)

    def _by_image(self, vectors: Tensor) -> Tensor:
        said = []
        for place, name in enumerate(_IMAGES):
            hidden = functional.relu(self.get_submodule(f"fc1_{name}")(vectors[:, place]))
            said.append(self.get_submodule(f"output_layer_{name}")(hidden)[:, 1])
        return torch.stack(said, dim=1)

    def _cells(self, window: Size) -> tuple[int, int]:
        """The size of a network's own map, by its strides."""
        rows, columns = (_after(side) for side in window)
        return rows, columns

    def plain(self) -> Classifier:
        return Classifier(self.mlo, layout=ChannelsFirst())

    def translate(self, tables: Sequence[State]) -> State:
        """Each network is saved three times: for the view, and for its left and right image."""
        (state,) = plain_names(tables)
        named: list[State] = []
        for view in ("cc", "mlo"):
            own = taken(state, f"four_view_resnet.{view}.")
            for side in ("l", "r"):
                refuse_others(own, taken(state, f"four_view_resnet.{side}_{view}."))
            named.append(under(f"{view}.", own_names(own)))
        return joined(*named, state)


def _after(side: int) -> int:
    """Cells along a side: a convolution of 7 and a pooling of 3 without padding, four halvings."""
    side = (side - 7) // 2 + 1
    side = (side - 3) // 2 + 1
    for _ in range(4):
        side = (side - 1) // 2 + 1
    return side


def _middle(images: Tensor, window: Size) -> Tensor:
    """`window` of the frame: in the middle of its height, from the chest wall on."""
    top = (images.shape[2] - window[0]) // 2
    return images[:, :, top : top + window[0], : window[1]]


def standardised(images: Tensor) -> Tensor:
    """Of mean 0 and spread 1, each image for itself."""
    mean = _mean_of_image(images)
    spread = _mean_of_image((images - mean).square()).sqrt()
    return (images - mean) / spread.clamp(min=_FLOOR)


def _mean_of_image(images: Tensor) -> Tensor:
    """Row by row, then of the rows: OpenVINO adds five million pixels up one by one in 32 bits, and
    was off by three in a thousand.
    """
    rows = functional.avg_pool2d(images, (1, int(images.shape[3])))
    return functional.avg_pool2d(rows, (int(rows.shape[2]), 1))


def _laid(one: Tensor, size: Sequence[int]) -> Tensor:
    above, beside = size[0] - one.shape[2], size[1] - one.shape[3]
    return functional.pad(one, (0, beside, above // 2, above - above // 2))


def _mean(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Of the part of each map that a network made; the rest is padding."""
    return maps.sum(dim=(3, 4)) / (size[0] * size[1])


def build(backbone: Backbone, model: ModelConfig, *, classes: int, channels: int) -> Slotted:
    is_by_view = backbone.name.endswith("-views")
    trunk = Nyu(cc_window=CC_WINDOW, mlo_window=MLO_WINDOW, is_by_view=is_by_view)
    return Slotted(trunk, views=_PLACES)
