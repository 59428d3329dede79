"""Two views of a breast (CC and MLO) scored together, by any network of this zoo.

One trunk looks at both; the vectors it makes of them stand side by side before the last layer. A
lesion seen in one view only is common, tissue laid over itself in one view commoner.
"""

import torch
from torch import Tensor, nn

from mammo_core.zoo.classifier import Classifier
from mammo_core.zoo.freezing import last_layer

VIEWS = 2


class TwoViews(Classifier):
    """Takes (pairs, 2, channels, height, width), the image that is scored before its partner; or
    images one by one, each standing for both views.

    `features` are of images, two to a pair; `embed` and `head` of pairs. Freezing, weights and
    names are those of `single`, but for the last layer, which is twice as wide and begins by saying
    the mean of what `single` says of each view.
    """

    views = VIEWS

    def __init__(self, single: Classifier) -> None:
        super().__init__(single.trunk, layout=single.layout)
        self._last = last_layer(single)
        old = self.trunk.get_submodule(self._last)
        assert isinstance(old, nn.Linear)
        wide = nn.Linear(VIEWS * old.in_features, old.out_features, bias=old.bias is not None)
        with torch.no_grad():
            wide.weight.copy_(widened(old.weight))
            if old.bias is not None:
                wide.bias.copy_(old.bias)
        self.trunk.set_submodule(self._last, wide)

    @property
    def each(self) -> Classifier:
        """Its head is that of pairs and serves nobody; `features` and `embed` are of images."""
        return Classifier(self.trunk, layout=self.layout)

    def features(self, images: Tensor) -> Tensor:
        if images.ndim == 4:
            images = images[:, None].expand(-1, VIEWS, -1, -1, -1)
        return super().features(images.flatten(0, 1))

    def embed(self, feature_map: Tensor) -> Tensor:
        each = super().embed(feature_map).flatten(1)
        beside: Tensor = each.unflatten(0, (-1, VIEWS))
        return beside.flatten(1)

    def head(self, feature_map: Tensor) -> Tensor:
        logits: Tensor = self.trunk.get_submodule(self._last)(self.embed(feature_map))
        return logits


class Beside(Classifier):
    """`pair` with the other view held still: a network over the image alone, to be explained.

    `other` is the feature map of that view, (1, channels, rows, columns).
    """

    def __init__(self, pair: TwoViews, other: Tensor) -> None:
        super().__init__(pair.trunk, layout=pair.layout)
        self._pair = pair
        self._other = other

    def embed(self, feature_map: Tensor) -> Tensor:
        return self._pair.embed(self._both(feature_map))

    def head(self, feature_map: Tensor) -> Tensor:
        return self._pair.head(self._both(feature_map))

    def _both(self, feature_map: Tensor) -> Tensor:
        return torch.stack([feature_map, self._other.expand_as(feature_map)], dim=1).flatten(0, 1)


class HeldStill(Classifier):
    """A network over several images with all but one held still: a network over that one alone, to
    be explained. `maps` are the feature maps of all, (places, channels, rows, columns).
    """

    has_plain_head = False

    def __init__(self, whole: Classifier, maps: Tensor, own: int) -> None:
        super().__init__(whole.trunk, layout=whole.layout)
        self._whole, self._maps, self._own = whole, maps, own

    def embed(self, feature_map: Tensor) -> Tensor:
        return self._whole.embed(self._all(feature_map))

    def head(self, feature_map: Tensor) -> Tensor:
        logits = self._whole.head(self._all(feature_map))
        own: Tensor = logits.unflatten(1, (self._whole.views, -1))[:, self._own]
        return own

    def _all(self, feature_map: Tensor) -> Tensor:
        seats = [
            feature_map if place == self._own else one.expand_as(feature_map)
            for place, one in enumerate(self._maps)
        ]
        return torch.stack(seats, dim=1).flatten(0, 1)


def widened(weight: Tensor) -> Tensor:
    """A last layer over one view as one over two: the mean of what it says of each."""
    return torch.cat([weight] * VIEWS, dim=1) / VIEWS
