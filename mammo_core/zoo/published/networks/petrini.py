"""The networks of Petrini et al.: an extractor, two wide blocks that each halve the map, a mean;
for one view, or for CC and MLO of a breast with the maps beside each other.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import timm
import torch
import torchvision
from torch import Tensor, nn

from mammo_core.config import ModelConfig
from mammo_core.errors import CheckpointError
from mammo_core.zoo.catalog import Backbone
from mammo_core.zoo.classifier import ChannelsFirst, Classifier
from mammo_core.zoo.published.networks.efficientnets import efficientnet, timm_names
from mammo_core.zoo.published.networks.parts import (
    Bundled,
    Slotted,
    State,
    joined,
    plain_names,
    under,
)

_EPS: Final = 1e-3  # of every BatchNorm in a block
_VIEWS: Final = 2
_CLF: Final = "two_views_clf."
_PATCHES: Final = 5  # classes of the patch classifier of 2021


class _Swish(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x)


class WideBlock(nn.Module):
    """An inverted bottleneck with stride 2 and squeeze-excite, without a way around it. Zeros on
    all four sides, whatever the size.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = 2 * width
        self._expand_conv = nn.Conv2d(width, inner, 1, bias=False)
        self._bn0 = nn.BatchNorm2d(inner, eps=_EPS)
        self._depthwise_conv = nn.Conv2d(
            inner, inner, 3, stride=2, padding=1, groups=inner, bias=False
        )
        self._bn1 = nn.BatchNorm2d(inner, eps=_EPS)
        self._se_reduce = nn.Conv2d(inner, width // 4, 1)
        self._se_expand = nn.Conv2d(width // 4, inner, 1)
        self._project_conv = nn.Conv2d(inner, width, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(width, eps=_EPS)
        self._swish = _Swish()

    def forward(self, x: Tensor) -> Tensor:
        x = self._swish(self._bn0(self._expand_conv(x)))
        x = self._swish(self._bn1(self._depthwise_conv(x)))
        squeezed = self._swish(self._se_reduce(x.mean(dim=(2, 3), keepdim=True)))
        x = x * torch.sigmoid(self._se_expand(squeezed))
        projected: Tensor = self._bn2(self._project_conv(x))
        return projected


class _Timm(nn.Module):
    """timm's EfficientNet up to its last norm, under the names that the state dict has."""

    def __init__(self) -> None:
        super().__init__()
        self.net = efficientnet("b0")

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.net.forward_features(images)
        return features


def _b0() -> nn.Module:
    return _Timm()


def _b3() -> nn.Module:
    return nn.Sequential(torchvision.models.efficientnet_b3(weights=None).features)


def _convnext() -> nn.Module:
    """Its stem and stages; no norm after them."""
    network: Any = timm.create_model("convnext_base", pretrained=False, num_classes=0)
    return nn.Sequential(network.stem, network.stages)


_EXTRACTORS: Final[Mapping[str, tuple[Callable[[], nn.Module], int]]] = {
    "2021": (_b0, 1280),
    "cbis": (_b3, 1536),
    "vindr": (_convnext, 1024),
    "direct": (_b3, 1536),
}


class Petrini(nn.Module):
    """`kind` says which extractor; "direct" is one learnt without patches, whose mean is taken at
    once. For two views a map has a place for CC and one for MLO.
    """

    def __init__(self, kind: str, *, views: int) -> None:
        super().__init__()
        make, width = _EXTRACTORS[kind]
        self.kind, self.views, self.width = kind, views, width
        self.extractor = make()
        self.block1, self.block2 = (
            nn.Identity() if kind == "direct" else WideBlock(views * width) for _ in range(2)
        )
        self.fc = nn.Linear(views * width, 2)

    def forward_features(self, images: Tensor) -> Tensor:
        features: Tensor = self.extractor(images)
        return features

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        if self.views > 1:
            if features.ndim == 4:  # an image standing for both
                features = features[:, None].expand(-1, self.views, -1, -1, -1)
            features = features.flatten(1, 2)
        pooled = self.block2(self.block1(features)).mean(dim=(2, 3))
        if pre_logits:
            embedding: Tensor = pooled
            return embedding
        logits: Tensor = self.fc(pooled)
        if self.views > 1:  # the same for either place: a score is of the breast
            logits = logits[:, None].expand(-1, self.views, -1)
        return logits

    def plain(self) -> Classifier:
        return Classifier(self, layout=ChannelsFirst())

    def translate(self, tables: Sequence[State]) -> State:
        (state,) = plain_names(tables)
        return self._of_pair(state) if self.views > 1 else self._of_single(state)

    def _of_single(self, state: State) -> State:
        if self.kind == "direct":
            features, fc = taken(state, "features."), taken(state, "classifier.1.")
            return joined(under("extractor.0.", features), under("fc.", fc), state)
        extractor = self._named(taken(state, "feature_extractor."))
        moved = ({_block_name(name): value} for name, value in taken(state, "top_layer.").items())
        return joined(under("extractor.", extractor), *moved, state)

    def _of_pair(self, state: State) -> State:
        """The extractor is saved several times under several names, and the classifier of single
        views with it, which two views do not use. Where that was learnt without patches the
        extractor is there once more, and its copy has a classifier of its own.
        """
        extractor = taken(state, f"{_CLF}single_clf_core.")
        single = taken(state, f"{_CLF}single_clf_full.")
        copy = taken(single, "feature_extractor.")
        whole = taken(copy, "features.")
        if whole:
            refuse_others(extractor, taken(state, f"{_CLF}feature_extractor."))
            refuse_unlike(taken(copy, "classifier."), {"1.weight": (2, self.width), "1.bias": (2,)})
        refuse_others(extractor, joined(under("0.", whole), copy))
        refuse_unlike(taken(single, "top_layer."), _top_shapes(self.width))
        rest = under(f"{_CLF}single_clf_full.", single)
        return joined(under("extractor.", self._named(extractor)), rest, state)

    def _named(self, extractor: State) -> State:
        """In the older file a classifier of patches stays, unused."""
        if self.kind != "2021":
            return extractor
        patches = {"weight": (_PATCHES, self.width), "bias": (_PATCHES,)}
        refuse_unlike(taken(extractor, "_fc."), patches)
        return under("net.", timm_names(extractor, "b0"))


def refuse_others(one: State, copy: State) -> None:
    """A module saved twice must be the same twice, and whole both times."""
    for name in [*one, *copy]:
        mine, other = one.get(name), copy.get(name)
        if mine is None or other is None or mine.dtype != other.dtype or not mine.equal(other):
            raise CheckpointError(
                f"The shared part of this file is saved twice, and differs at {name}. The file is "
                "damaged or of another model."
            )


def refuse_unlike(unused: State, wanted: Mapping[str, tuple[int, ...]]) -> None:
    """What a file holds beside the network is known too: its names and their shapes."""
    found = {name: tuple(value.shape) for name, value in unused.items()}
    for name in [*wanted, *found]:
        is_counter = name not in found and name.endswith("num_batches_tracked")
        if found.get(name) != wanted.get(name) and not is_counter:
            raise CheckpointError(
                f"A part of this file that is not used here is not as its authors' files have it "
                f"({name}: needed {wanted.get(name, 'nothing')}, found "
                f"{found.get(name, 'nothing')}). The file is damaged or of another model."
            )


def _top_shapes(width: int) -> dict[str, tuple[int, ...]]:
    """Of the head over one view: two blocks and a linear layer."""
    with torch.device("meta"):
        block = WideBlock(width).state_dict()
    return {
        f"_blocks.{number}.{name}": tuple(value.shape)
        for number in range(2)
        for name, value in block.items()
    } | {"fc.weight": (2, width), "fc.bias": (2,)}


def taken(state: State, prefix: str) -> State:
    """What stands under `prefix`, taken out of `state`."""
    names = [name for name in state if name.startswith(prefix)]
    return {name.removeprefix(prefix): state.pop(name) for name in names}


def _block_name(name: str) -> str:
    for theirs, ours in (("_blocks.0.", "block1."), ("_blocks.1.", "block2.")):
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return name


def build(backbone: Backbone, model: ModelConfig, *, classes: int, channels: int) -> Classifier:
    kind = backbone.name.rpartition("-")[2]
    trunk = Petrini(kind, views=model.views)
    return Slotted(trunk, views=_VIEWS) if model.views > 1 else Bundled(trunk)
