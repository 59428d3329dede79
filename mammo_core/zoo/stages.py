"""A network as a row of stages, from the image to the last feature map; and where to cut it.

Nothing here knows any architecture: the order is found by running the network once and watching
which of its parts are called. Parts that the features never call belong to the head.
"""

import copy
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from mammo_core.zoo.classifier import Classifier

#: Children of a network that hold a row of stages, not one.
_ROWS: Final = ("blocks", "stages", "layers", "features")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Parts that are called one after the other; only the first has weights worth a name."""

    name: str
    parts: tuple[str, ...]  # dotted names inside the trunk, in the order of calling


class _CutShortError(Exception):
    """Carries the output of the part at which a forward pass was cut short."""

    def __init__(self, output: Tensor) -> None:
        super().__init__()
        self.output = output


def stages_of(classifier: Classifier, images: Tensor) -> tuple[Stage, ...]:
    """The stages of `classifier`, found with `images`, a small batch of the right channels."""
    stages: list[Stage] = []
    for name in _called_parts(classifier, images):
        part = classifier.trunk.get_submodule(name)
        if stages and not _has_own_weights(part):
            last = stages[-1]
            stages[-1] = Stage(name=last.name, parts=(*last.parts, name))
        else:
            stages.append(Stage(name=name, parts=(name,)))
    return tuple(stages)


class Prefix(nn.Module):
    """The first stages of a network, up to and including the last of `stages`."""

    def __init__(self, classifier: Classifier, stages: tuple[Stage, ...]) -> None:
        super().__init__()
        self.classifier = classifier
        self.last = stages[-1].parts[-1]

    def forward(self, images: Tensor) -> Tensor:
        def stop(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
            raise _CutShortError(output)

        handle = self.classifier.trunk.get_submodule(self.last).register_forward_hook(stop)
        try:
            self.classifier.features(images)
        except _CutShortError as cut:
            return cut.output
        finally:
            handle.remove()
        raise AssertionError(f"{self.last} was not called")


def suffix_of(classifier: Classifier, stages: tuple[Stage, ...]) -> Classifier:
    """`classifier` without its first `stages`, sharing the weights of the rest.

    It takes what the prefix gives: the stages that are left out pass on what they are given.
    """
    memo: dict[int, object] = {id(p): p for p in classifier.parameters()}
    memo |= {id(b): b for b in classifier.buffers()}
    skipped = {part for stage in stages for part in stage.parts}
    memo |= {id(classifier.trunk.get_submodule(name)): nn.Identity() for name in skipped}
    suffix: Classifier = copy.deepcopy(classifier, memo)
    return suffix


def can_be_cut(classifier: Classifier, stages: tuple[Stage, ...], images: Tensor) -> bool:
    """Whether prefix and suffix together are the whole; some networks have hidden paths.

    The prefix sees images one by one, the suffix what it gives of as many as are scored together.
    """
    classifier.eval()
    with torch.no_grad():
        try:
            features = Prefix(classifier.each, stages)(images.flatten(0, -4))
            joined = suffix_of(classifier, stages)(features.unflatten(0, images.shape[:-3]))
        except (RuntimeError, AssertionError, ValueError, TypeError, IndexError):
            return False
        return torch.allclose(joined, classifier(images), atol=1e-5)


def _called_parts(classifier: Classifier, images: Tensor) -> list[str]:
    trunk = classifier.trunk
    called: list[str] = []
    handles = [
        trunk.get_submodule(name).register_forward_pre_hook(
            lambda _module, _inputs, name=name: called.append(name)
        )
        for name in _parts(trunk)
    ]
    was_training = classifier.training
    classifier.eval()
    try:
        with torch.no_grad():
            classifier.features(images)
    finally:
        classifier.train(was_training)
        for handle in handles:
            handle.remove()
    return list(dict.fromkeys(called))


def _parts(trunk: nn.Module) -> list[str]:
    names: list[str] = []
    for name, child in trunk.named_children():
        if name in _ROWS:
            names.extend(f"{name}.{inner}" for inner, _ in child.named_children())
        else:
            names.append(name)
    return names


def _has_own_weights(part: nn.Module) -> bool:
    """Whether a part is more than a norm, an activation or a pooling."""
    weights = [parameter for parameter in part.parameters() if parameter.ndim > 1]
    return bool(weights)
