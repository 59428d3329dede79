"""What the networks of published models have in common: a mean of probabilities as logits, and the
names in an author's file turned into ours.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import log
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mammo_core.errors import CheckpointError
from mammo_core.zoo.classifier import ChannelsFirst, Classifier

State = dict[str, Tensor]


class Bundled(Classifier):
    """A network that more than a pooling and a linear layer follow: torch differentiates its head.

    `translate` turns the tables of weights in an author's files into the state of this network.
    """

    has_plain_head = False

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__(trunk, layout=ChannelsFirst())


class Several(nn.Module):
    """Networks of one kind: their maps lie side by side, `width` channels of each, and their
    probabilities are averaged.
    """

    width: int

    def __init__(self, nets: Iterable[nn.Module]) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)

    def forward_features(self, images: Tensor) -> Tensor:
        nets: Any = self.nets
        return torch.cat([member.forward_features(images) for member in nets], dim=1)

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        nets: Any = self.nets
        each = [
            member.forward_head(own, pre_logits=pre_logits)
            for member, own in zip(nets, features.split(self.width, dim=1), strict=True)
        ]
        if pre_logits:
            return torch.cat(each, dim=1)
        return mean_of_probabilities([two_logits(self.positive(one)) for one in each])

    def positive(self, logits: Tensor) -> Tensor:
        """The one number, of all that a member says, which is counted."""
        return logits

    def own_names(self, table: State) -> State:
        """A member's weights by our names."""
        return table

    def translate(self, tables: Sequence[State]) -> State:
        return joined(
            *(
                under(f"nets.{number}.", self.own_names(table))
                for number, table in enumerate(plain_names(tables))
            )
        )


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
    """Of a network that says one number per image, (images, 1): softmax gives 1 - p and p.

    Not by logsigmoid: OpenVINO takes the logarithm of a sigmoid, no number beyond 88 either way.
    """
    return torch.cat([-functional.softplus(logits), -functional.softplus(-logits)], dim=1)


def mean_of_probabilities(log_shares: Sequence[Tensor]) -> Tensor:
    """The logarithm of the mean of probabilities given by their logarithms: softmax leaves it."""
    return torch.logsumexp(torch.stack(list(log_shares)), dim=0) - log(len(log_shares))


def plain_names(tables: Sequence[Mapping[str, Tensor]]) -> list[State]:
    """Without what parallel training puts before a name."""
    return [
        joined(*({name.removeprefix("module."): value} for name, value in table.items()))
        for table in tables
    ]


def under(prefix: str, state: Mapping[str, Tensor]) -> State:
    return {f"{prefix}{name}": value for name, value in state.items()}


def joined(*parts: Mapping[str, Tensor]) -> State:
    """All of `parts`; a name that two of them have is refused, for one would replace the other."""
    whole: State = {}
    for part in parts:
        for name, value in part.items():
            if name in whole:
                raise CheckpointError(
                    f"This file holds two weights for one place ({name}). It is damaged, or of "
                    "another model."
                )
            whole[name] = value
    return whole
