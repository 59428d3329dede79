"""Weights to start from, kept in MAMMO_HOME/weights under timm's names, three channels wide.

Building a network never looks here and never goes online: weights are loaded into a network that
was built, by a name in the run's settings.
"""

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from mammo_core.errors import CheckpointError, UnknownNameError
from mammo_core.zoo.catalog import WEIGHTS, Backbone, Weights, get_backbone
from mammo_core.zoo.classifier import Classifier
from mammo_core.zoo.freezing import depth_of, last_layer
from mammo_core.zoo.key_maps import match_names
from mammo_core.zoo.shelf import weights_path
from mammo_core.zoo.stages import stages_of


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
    stored = load_file(path)
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
    raise UnknownNameError("pre-trained weights", name, (weights.name for weights in WEIGHTS))


def shapes_in(path: Path) -> dict[str, tuple[int, ...]]:
    """What a safetensors file says it holds, read from its header alone."""
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            return {name: tuple(file.get_slice(name).get_shape()) for name in names}
    except FileNotFoundError:
        raise CheckpointError(f"There is no file {path.name}.") from None
    except SafetensorError as error:
        raise CheckpointError(
            f"{path.name} is not a safetensors file ({error}). Other formats can carry code: bring "
            "a .pth in with `mammo weights import`, which converts it in a limited process."
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
