"""A network as a row of stages, from the image to the last feature map: which of them are trained,
and where it can be cut.
"""

import copy
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from mammo_core.config import Trained
from mammo_core.errors import ConfigError
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


_NORMS: Final = (_NormBase, nn.LayerNorm, nn.GroupNorm)


def freeze(
    classifier: Classifier, stages: tuple[Stage, ...], *, trained: Trained, last: int
) -> tuple[Stage, ...]:
    """Let only what `trained` names have gradients; returns the stages at the front that are still.

    "last_stages" is the head and the `last` stages before it, "last_layers" the head and the `last`
    layers before it that have weights; "norm_and_head" every norm and the head; "linear" the very
    last layer alone.
    """
    if trained == "last_stages" and last > len(stages):
        raise ConfigError(
            f"This network has {len(stages)} stages before its head; {last} cannot be trained."
        )
    wanted = _wanted(classifier, stages, trained, last)
    for name, parameter in classifier.trunk.named_parameters():
        parameter.requires_grad_(name in wanted)
    first = min((depth_of(name, stages) for name in wanted), default=len(stages))
    still = {"linear": len(stages), "last_stages": len(stages) - last, "last_layers": first}
    return stages[: still.get(trained, 0)]


def train_mode(network: nn.Module) -> None:
    """Training mode, but for parts none of whose weights are trained.

    A frozen BatchNorm must not go on averaging, nor a frozen stage drop anything.
    """
    network.train()
    for module in network.modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()


def depth_of(name: str, stages: tuple[Stage, ...]) -> int:
    """The stage a weight of the trunk belongs to; the head comes after the last one."""
    if "." not in name:
        return 0  # tokens and positions of a transformer: they enter at the front
    for depth, stage in enumerate(stages):
        if any(name.startswith(f"{part}.") for part in stage.parts):
            return depth
    return len(stages)


def _wanted(
    classifier: Classifier, stages: tuple[Stage, ...], trained: Trained, last: int
) -> set[str]:
    depths = {name: depth_of(name, stages) for name, _ in classifier.trunk.named_parameters()}
    if trained == "all":
        return set(depths)
    if trained == "last_stages":
        return {name for name, depth in depths.items() if depth >= len(stages) - last}
    head = {name for name, depth in depths.items() if depth == len(stages)}
    if trained == "last_layers":
        return head | _last_layers(classifier.trunk, set(depths) - head, last)
    if trained == "norm_and_head":
        return head | _weights_of(classifier.trunk, _NORMS)
    return {name for name in head if name.startswith(f"{last_layer(classifier)}.")}


def last_layer(classifier: Classifier) -> str:
    """The dotted name, inside the trunk, of the layer that gives the logits."""
    return last_linear(classifier.trunk)


def last_linear(network: nn.Module) -> str:
    """The dotted name of the layer that gives the classes: in every network here the last linear
    one.
    """
    names: list[str] = [n for n, m in network.named_modules() if isinstance(m, nn.Linear)]
    if not names:
        raise ConfigError("This network has no linear last layer. Set optim.head_rate to 1.")
    return names[-1]


def _last_layers(trunk: nn.Module, body: set[str], last: int) -> set[str]:
    """Weights of the `last` modules of the body that hold any themselves: convolutions, norms."""
    layers: dict[str, list[str]] = {}
    for name, _ in trunk.named_parameters():
        if name in body:
            layers.setdefault(name.rpartition(".")[0], []).append(name)
    if last > len(layers):
        raise ConfigError(
            f"This network has {len(layers)} layers with weights before its head; {last} cannot be "
            "trained. Set optim.last_layers lower, or optim.trained to all."
        )
    return {name for names in list(layers.values())[-last:] for name in names}


def _weights_of(trunk: nn.Module, kinds: tuple[type[nn.Module], ...]) -> set[str]:
    return {
        f"{name}.{inner}"
        for name, module in trunk.named_modules()
        if isinstance(module, kinds)
        for inner, _ in module.named_parameters(recurse=False)
    }
