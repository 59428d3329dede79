"""Weights to start from, kept in MAMMO_HOME/weights under timm's names, three channels wide.

Building a network never looks here and never goes online: weights are loaded into a network that
was built, by a name in the run's settings.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from mammo_core.errors import CheckpointError, UnknownNameError
from mammo_core.zoo.catalog import WEIGHTS, Backbone, Weights, get_backbone
from mammo_core.zoo.classifier import Classifier
from mammo_core.zoo.freezing import depth_of, last_layer, stages_of
from mammo_core.zoo.shelf import weights_path

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
    last_layer_of_ours = ours[-2:]  # its weight and bias may be of another number of classes
    is_same = (
        _last(mine) == _last(other)
        and (_fits(found[other], wanted[mine]) or mine in last_layer_of_ours)
        for mine, other in pairs.items()
    )
    return pairs if all(is_same) else {}


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


def load_weights(classifier: Classifier, *, backbone: str, name: str) -> None:
    """Fill `classifier` with the weights of that name; only its last layer keeps its own."""
    load_weights_file(classifier, weights_path(backbone, name), backbone=backbone)


def load_weights_file(
    classifier: Classifier, path: Path, *, backbone: str, has_last_layer: bool = False
) -> None:
    """Fill `classifier` from a safetensors file; shapes are compared before anything is loaded.

    The last layer is taken as well where the file comes from a model of the same task.
    """
    ours = classifier.trunk.state_dict()
    names = match_names(
        shapes_in(path),
        {name: tuple(tensor.shape) for name, tensor in ours.items()},
        backbone=backbone,
        is_needed=_needed(classifier, get_backbone(backbone)),
    )
    stored = tensors_in(path)
    last = f"{last_layer(classifier)}."
    state = {
        mine: _shaped(stored[theirs], ours[mine])
        for mine, theirs in names.items()
        if has_last_layer or not mine.startswith(last)
    }
    classifier.trunk.load_state_dict(state, strict=False)


def get_weights(name: str) -> Weights:
    for weights in WEIGHTS:
        if weights.name == name:
            return weights
    known = (weights.name for weights in WEIGHTS)
    raise UnknownNameError("pre-trained weights", name, known, is_plural=True)


def tensors_in(path: Path) -> dict[str, Tensor]:
    """What a safetensors file holds; one with a value that is no number is refused, for it would
    make one of every image.
    """
    shapes_in(path)  # refuses what is no such file
    tensors = load_file(path)
    lost = [name for name, tensor in tensors.items() if not torch.isfinite(tensor.float()).all()]
    if lost:
        raise CheckpointError(
            f"{len(lost)} of {len(tensors)} weights in {path.parent.name}/{path.name} hold what is "
            f"no number (first: {lost[0]}), so no score can come of them. Use another checkpoint, "
            "or train it again with a lower learning rate."
        )
    return tensors


def shapes_in(path: Path) -> dict[str, tuple[int, ...]]:
    """What a safetensors file says it holds, read from its header before anything is allocated."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - not a dict
    except FileNotFoundError:
        raise CheckpointError(f"There is no file {path.name}.") from None
    except SafetensorError as error:
        raise CheckpointError(
            f"{path.parent.name}/{path.name} is not a safetensors file ({error}). Only safetensors "
            "are read: other formats can carry code. Bring a .pth in with `mammo weights import`, "
            "which converts it in a limited process."
        ) from None


def _needed(classifier: Classifier, backbone: Backbone) -> dict[str, bool]:
    """Every weight before the head is needed; of the head, what the file has is taken."""
    stem = next(parameter for parameter in classifier.parameters() if parameter.ndim == 4)
    images = torch.zeros(1, stem.shape[1], *backbone.smallest_size, device=stem.device)
    stages = stages_of(classifier, images)
    return {
        name: depth_of(name, stages) < len(stages) and not name.endswith("num_batches_tracked")
        for name in classifier.trunk.state_dict()
    }


def _shaped(stored: Tensor, ours: Tensor) -> Tensor:
    """A colour stem summed over its channels sees grey as it saw three equal colours."""
    if stored.ndim == 4 and stored.shape[1] == 3 and ours.shape[1] == 1:
        return stored.sum(dim=1, keepdim=True)
    return stored.reshape(ours.shape)
