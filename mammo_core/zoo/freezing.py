"""What of a network is trained; the rest keeps its weights and its statistics."""

from typing import Final

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from mammo_core.config import Trained
from mammo_core.errors import ConfigError
from mammo_core.zoo.classifier import Classifier
from mammo_core.zoo.stages import Stage

_NORMS: Final = (_NormBase, nn.LayerNorm, nn.GroupNorm)


def freeze(
    classifier: Classifier, stages: tuple[Stage, ...], *, trained: Trained, last: int
) -> tuple[Stage, ...]:
    """Let only what `trained` names have gradients; returns the stages at the front that are still.

    "last_stages" is the head and the `last` stages before it; "norm_and_head" every norm and the
    head; "linear" the very last layer alone.
    """
    if trained == "last_stages" and last > len(stages):
        raise ConfigError(
            f"This network has {len(stages)} stages before its head; {last} cannot be trained."
        )
    wanted = _wanted(classifier, stages, trained, last)
    for name, parameter in classifier.trunk.named_parameters():
        parameter.requires_grad_(name in wanted)
    still = {"linear": len(stages), "last_stages": len(stages) - last}.get(trained, 0)
    return stages[:still]


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
    if trained == "norm_and_head":
        return head | _weights_of(classifier.trunk, _NORMS)
    return {name for name in head if name.startswith(f"{last_layer(classifier)}.")}


def last_layer(classifier: Classifier) -> str:
    """The dotted name, inside the trunk, of the layer that gives the logits."""
    names: list[str] = [n for n, m in classifier.trunk.named_modules() if isinstance(m, nn.Linear)]
    return names[-1]


def _weights_of(trunk: nn.Module, kinds: tuple[type[nn.Module], ...]) -> set[str]:
    return {
        f"{name}.{inner}"
        for name, module in trunk.named_modules()
        if isinstance(module, kinds)
        for inner, _ in module.named_parameters(recurse=False)
    }
