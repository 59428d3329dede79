"""What the networks of published models have in common: a mean of probabilities as logits, and the
names in an author's file turned into ours.
"""

from collections.abc import Mapping, Sequence
from math import log

import torch
from torch import Tensor, nn
from torch.nn import functional

from mammo_core.zoo.classifier import ChannelsFirst, Classifier

State = dict[str, Tensor]


class Bundled(Classifier):
    """A network that more than a pooling and a linear layer follow: torch differentiates its head.

    `translate` turns the tables of weights in an author's files into the state of this network.
    """

    has_plain_head = False

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__(trunk, layout=ChannelsFirst())


class Slotted(Bundled):
    """Takes (rows, places, channels, height, width), every image in the place of its view; or
    images one by one, each standing for all. Its logits are those of each place in turn.
    """

    def __init__(self, trunk: nn.Module, *, views: int) -> None:
        super().__init__(trunk)
        self.views = views

    @property
    def each(self) -> Classifier:
        return Bundled(self.trunk)

    def features(self, images: Tensor) -> Tensor:
        if images.ndim == 4:
            images = images[:, None].expand(-1, self.views, -1, -1, -1)
        return super().features(images.flatten(0, 1))

    def head(self, feature_map: Tensor) -> Tensor:
        return super().head(feature_map.unflatten(0, (-1, self.views))).flatten(1)

    def embed(self, feature_map: Tensor) -> Tensor:
        return super().embed(feature_map.unflatten(0, (-1, self.views)))


def two_logits(logits: Tensor) -> Tensor:
    """Of a network that says one number per image, (images, 1): softmax gives 1 - p and p."""
    return torch.cat([functional.logsigmoid(-logits), functional.logsigmoid(logits)], dim=1)


def mean_of_probabilities(log_shares: Sequence[Tensor]) -> Tensor:
    """The logarithm of the mean of probabilities given by their logarithms: softmax leaves it."""
    return torch.logsumexp(torch.stack(list(log_shares)), dim=0) - log(len(log_shares))


def plain_names(tables: Sequence[Mapping[str, Tensor]]) -> list[State]:
    """Without what parallel training puts before a name."""
    return [
        {name.removeprefix("module."): value for name, value in table.items()} for table in tables
    ]
