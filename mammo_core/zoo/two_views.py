"""Two views of a breast (CC and MLO) scored together, by any network of this zoo.

One trunk looks at both; the vectors it makes of them stand side by side before the last layer. A
lesion seen in one view only is common, tissue laid over itself in one view commoner.
"""

from torch import Tensor, nn

from mammo_core.zoo.classifier import Classifier
from mammo_core.zoo.freezing import last_layer

VIEWS = 2


class TwoViews(Classifier):
    """Takes (breasts, 2, channels, height, width), or images one by one, each standing for both
    views: where a breast has one view only, it is given twice.

    `features` are of images, two to a breast; `embed` and `head` of breasts. Freezing, weights and
    names are those of `single`, but for the last layer, which is twice as wide.
    """

    def __init__(self, single: Classifier) -> None:
        super().__init__(single.trunk, layout=single.layout)
        self._last = last_layer(single)
        old = self.trunk.get_submodule(self._last)
        assert isinstance(old, nn.Linear)
        wide = nn.Linear(VIEWS * old.in_features, old.out_features, bias=old.bias is not None)
        self.trunk.set_submodule(self._last, wide)

    def features(self, images: Tensor) -> Tensor:
        if images.ndim == 4:
            images = images[:, None].expand(-1, VIEWS, -1, -1, -1)
        return super().features(images.flatten(0, 1))

    def embed(self, feature_map: Tensor) -> Tensor:
        each = super().embed(feature_map).flatten(1)
        return each.reshape(len(each) // VIEWS, -1)

    def head(self, feature_map: Tensor) -> Tensor:
        logits: Tensor = self.trunk.get_submodule(self._last)(self.embed(feature_map))
        return logits
