"""Weights saved under other names: which tensor of a file belongs to which of ours.

Only names and shapes are looked at. A tensor may change its shape (a dense layer over a 7 x 7 map
is a 7 x 7 convolution) but not its number of elements; only a colour stem may serve for a grey one.
"""

import math
from collections.abc import Mapping
from typing import Final

from mammo_core.errors import CheckpointError

Shapes = Mapping[str, tuple[int, ...]]

#: What wrappers put before the names they wrap.
_WRAPPERS: Final = ("module.", "model.", "trunk.")

#: RadImageNet's published class keeps the children of torchvision's network in a numbered row.
_RADIMAGENET: Final[Mapping[str, Mapping[str, str]]] = {
    "resnet": {
        "backbone.0.": "conv1.",
        "backbone.1.": "bn1.",
        "backbone.4.": "layer1.",
        "backbone.5.": "layer2.",
        "backbone.6.": "layer3.",
        "backbone.7.": "layer4.",
    },
    "densenet": {"backbone.0.": "features."},
}

#: Torchvision numbers these networks' layers in the order in which timm names them; that the
#: function is the same is tested for each.
_SAME_ORDER: Final = ("mobilenetv2_100", "efficientnet_b0", "vgg16", "vgg16_bn", "vgg16_medical")

#: A transformer that pools by mean norms after pooling, with the same weights.
_ALIASES: Final = {"norm.weight": "fc_norm.weight", "norm.bias": "fc_norm.bias"}

#: In which order one layer's tensors are saved.
_TENSORS: Final = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def match_names(
    found: Shapes, wanted: Shapes, *, backbone: str, is_needed: Mapping[str, bool]
) -> dict[str, str]:
    """For every tensor of ours the name it has in the file; those not needed may be missing."""
    plain = {_unwrapped(name, backbone): name for name in found}
    plain |= {
        ours: plain[theirs]
        for theirs, ours in _ALIASES.items()
        if ours in wanted and ours not in plain and theirs in plain
    }
    shapes = {ours: found[theirs] for ours, theirs in plain.items()}
    by_name = {name: plain[name] for name in wanted if _fits(shapes.get(name), wanted[name])}
    missing = [name for name in wanted if is_needed[name] and name not in by_name]
    if not missing:
        return by_name
    if backbone in _SAME_ORDER:
        by_order = _match_by_order(found, wanted)
        if by_order:
            return by_order
    first = missing[0]
    raise CheckpointError(
        f"{len(missing)} of {len(wanted)} weights of {backbone} are not in this file (first: "
        f"{first}, {wanted[first]}; the file begins with {min(found, default='nothing')}). "
        "Is it for another network, or saved by another library?"
    )


def _match_by_order(found: Shapes, wanted: Shapes) -> dict[str, str]:
    theirs, ours = sorted(found, key=_natural), list(wanted)
    if len(theirs) != len(ours):
        return {}
    pairs = dict(zip(ours, theirs, strict=True))
    is_same = (
        _last(mine) == _last(other)
        and (_fits(found[other], wanted[mine]) or mine in _of_last_layer(ours))
        for mine, other in pairs.items()
    )
    return pairs if all(is_same) else {}


def _of_last_layer(names: list[str]) -> list[str]:
    """The classifier's weight and bias, which may be of another number of classes."""
    return names[-2:]


def _fits(found: tuple[int, ...] | None, wanted: tuple[int, ...]) -> bool:
    if found is None:
        return False
    is_colour_for_grey = found[1:2] == (3,) and wanted[1:2] == (1,)
    return math.prod(found) == math.prod(wanted) * (3 if is_colour_for_grey else 1)


def _unwrapped(name: str, backbone: str) -> str:
    for wrapper in _WRAPPERS:
        name = name.removeprefix(wrapper)
    for family, renamed in _RADIMAGENET.items():
        for theirs, ours in renamed.items():
            if backbone.startswith(family) and name.startswith(theirs):
                return ours + name.removeprefix(theirs)
    return name


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _natural(name: str) -> list[tuple[int, str]]:
    """features.2 before features.10, weight before bias, the classifier last."""
    *places, tensor = name.split(".")
    order = _TENSORS.index(tensor) if tensor in _TENSORS else len(_TENSORS)
    is_head = int(name.startswith("classifier."))
    numbered = [(int(place), "") if place.isdecimal() else (-1, place) for place in places]
    return [(is_head, ""), *numbered, (order, tensor)]
