"""The one shape every network takes here: image -> last feature map -> logits."""

from typing import Final, Protocol

import torch
from timm.layers.norm_act import convert_sync_batchnorm
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from mammo_core.config import MapPooling

#: The submodule whose output is the last feature map, (batch, channels, rows, columns), whatever
#: the network: explanations look there.
EXPLAIN_LAYER: Final = "feature_map"


class Classifier(nn.Module):
    """A network cut in two at its last feature map; `trunk` names its halves as timm does.

    `features` is the costly half; everything after it is `head`, a function of the map alone.
    Transformers' tokens are laid out as a map too, so nobody else needs to know about them.
    """

    has_plain_head: bool = True  # whether what follows the map may be written as plain arrays
    has_own_map: bool = False  # whether it says itself, cell by cell, what it finds
    views: int = 1  # images that are scored together: `features` gives so many maps to one score

    def __init__(self, trunk: nn.Module, *, layout: "Layout") -> None:
        super().__init__()
        self.trunk = trunk
        self.feature_map = nn.Identity()
        self._layout = layout

    @property
    def layout(self) -> "Layout":
        return self._layout

    @property
    def each(self) -> "Classifier":
        """What looks at images one by one."""
        return self

    @property
    def has_attention(self) -> bool:
        """Whether every cell of the map looks at the whole image."""
        return not isinstance(self._layout, ChannelsFirst)

    def features(self, images: Tensor) -> Tensor:
        features: Tensor = self.trunk.forward_features(images)  # type: ignore[operator]
        opened: Tensor = self.feature_map(self._layout.open(features, images))
        return opened

    def head(self, feature_map: Tensor) -> Tensor:
        logits: Tensor = self.trunk.forward_head(self._layout.close(feature_map))  # type: ignore[operator]
        return logits

    def embed(self, feature_map: Tensor) -> Tensor:
        """The vector the last layer sees: what two images are compared by."""
        closed = self._layout.close(feature_map)
        embedding: Tensor = self.trunk.forward_head(closed, pre_logits=True)  # type: ignore[operator]
        return embedding

    def own_map(self, feature_map: Tensor) -> Tensor:
        """(images, rows, columns), 0 to 1; of a network that has one."""
        found: Tensor = self.trunk.own_map(feature_map)  # type: ignore[operator]
        return found

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images))


class Layout(Protocol):
    """How a trunk's features become a (batch, channels, rows, columns) map, and back."""

    def open(self, features: Tensor, images: Tensor) -> Tensor: ...
    def close(self, feature_map: Tensor) -> Tensor: ...


class ChannelsFirst:
    """Convolutional networks: the features are the map."""

    def open(self, features: Tensor, images: Tensor) -> Tensor:
        return features

    def close(self, feature_map: Tensor) -> Tensor:
        return feature_map


class ChannelsLast:
    """Swin and its kin keep the channels at the end."""

    def open(self, features: Tensor, images: Tensor) -> Tensor:
        return features.permute(0, 3, 1, 2)

    def close(self, feature_map: Tensor) -> Tensor:
        return feature_map.permute(0, 2, 3, 1)


class Tokens:
    """Plain vision transformers: a row of tokens, led by a few that belong to no patch.

    The head pools over the patches alone, so the leading tokens can be left out of the map; zeros
    take their place on the way back.
    """

    def __init__(self, *, leading: int, patch: tuple[int, int]) -> None:
        self._leading = leading
        self._patch = patch

    def open(self, features: Tensor, images: Tensor) -> Tensor:
        rows = -(-images.shape[2] // self._patch[0])
        columns = -(-images.shape[3] // self._patch[1])
        patches = features[:, self._leading :]
        batch, _, channels = patches.shape
        return patches.transpose(1, 2).reshape(batch, channels, rows, columns)

    def close(self, feature_map: Tensor) -> Tensor:
        patches = feature_map.flatten(2).transpose(1, 2)
        batch, _, channels = patches.shape
        return torch.cat([patches.new_zeros(batch, self._leading, channels), patches], dim=1)


class GeneralisedMean(nn.Module):
    """GeM (Radenovic et al., 2018): power 1 is the mean, a large power the maximum; learned.

    A lesion fills a few cells of the map; the mean drowns it, the maximum trains on one cell only.
    """

    def __init__(self, power: float = 3.0, floor: float = 1e-6) -> None:
        super().__init__()
        self.power = nn.Parameter(torch.tensor(power))
        self.floor = floor

    def forward(self, feature_map: Tensor) -> Tensor:
        powered = feature_map.float().clamp(min=self.floor).pow(self.power)
        pooled: Tensor = powered.mean(dim=(2, 3), keepdim=True).pow(1.0 / self.power)
        return pooled.to(feature_map.dtype)


def make_pooling(name: MapPooling) -> nn.Module:
    if name == "gem":
        return GeneralisedMean()
    return nn.AdaptiveAvgPool2d(1) if name == "avg" else nn.AdaptiveMaxPool2d(1)


def freeze_batch_norms(network: nn.Module) -> None:
    """Keep every BatchNorm's weights and statistics: small batches would only blur them."""
    for module in network.modules():
        if isinstance(module, _NormBase):
            module.requires_grad_(False)


def synchronise_batch_norms(classifier: Classifier) -> None:
    """Let the processes of a training (on GPUs) average over one batch, not each over its own."""
    classifier.trunk = convert_sync_batchnorm(classifier.trunk)  # type: ignore[no-untyped-call]
