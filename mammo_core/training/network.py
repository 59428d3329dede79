"""The network a run trains: built, filled with the weights it starts from, frozen as asked."""

from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from mammo_core.config import OptimConfig, RunConfig
from mammo_core.errors import ConfigError
from mammo_core.training.lineage import origin_of
from mammo_core.zoo.build import build_model
from mammo_core.zoo.catalog import RANDOM, get_backbone
from mammo_core.zoo.classifier import Classifier
from mammo_core.zoo.freezing import freeze
from mammo_core.zoo.norms import freeze_batch_norms, synchronise_batch_norms
from mammo_core.zoo.stages import Stage, stages_of
from mammo_core.zoo.weights import load_weights, load_weights_file


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Network:
    """`still` are those of its `stages` at the front that are not trained at first; `example` is a
    batch to try.
    """

    classifier: Classifier
    stages: tuple[Stage, ...]
    still: tuple[Stage, ...]
    example: Tensor


def make_network(config: RunConfig, device: torch.device) -> Network:
    """The same for the same settings, to the bit."""
    torch.manual_seed(config.seed)
    channels = config.prepare.channels
    classifier = build_model(config.model, task=config.task, channels=channels)
    _fill(classifier, config)
    classifier = classifier.to(device).to(memory_format=torch.channels_last)  # faster, the same
    example = torch.randn(2, channels, *get_backbone(config.model.backbone).smallest_size)
    example = example.to(device)
    stages = stages_of(classifier, example)
    still: tuple[Stage, ...] = ()
    if config.optim.trained != "all":
        still = freeze(
            classifier, stages, trained=config.optim.trained, last=config.optim.last_stages
        )
    if config.optim.norm == "frozen":
        freeze_batch_norms(classifier)
    elif config.optim.norm == "synchronised":
        synchronise_batch_norms(classifier)
    return Network(classifier=classifier, stages=stages, still=still, example=example)


def unfreeze(network: Network, optim: OptimConfig, *, epoch: int) -> None:
    """Let what is trained in `epoch` have gradients, where stages are unfrozen one by one."""
    if not optim.unfreeze_every:
        return
    more = (epoch - 1) // optim.unfreeze_every
    last = min(optim.last_stages + more, len(network.stages))
    freeze(network.classifier, network.stages, trained="last_stages", last=last)
    if optim.norm == "frozen":
        freeze_batch_norms(network.classifier)


def refuse_apart(network: Network, optim: OptimConfig, fabric: Fabric, *, images: int) -> None:
    """What several processes together would do differently from one, without anybody noticing."""
    if fabric.world_size == 1:
        return
    if images < optim.batch_size:
        raise ConfigError(
            f"{images} training images are less than one batch of {optim.batch_size}, so some "
            "processes would have nothing to do. Make optim.batch_size smaller."
        )
    if optim.unfreeze_every:
        raise ConfigError("Stages are unfrozen one by one in one process only: use one GPU.")
    has_norms = any(isinstance(module, _BatchNorm) for module in network.classifier.modules())
    if has_norms and optim.norm == "own" and fabric.device.type == "cuda":
        raise ConfigError(
            "On several GPUs every BatchNorm would measure its own share of a batch. Set "
            "optim.norm to synchronised or frozen."
        )


def _fill(classifier: Classifier, config: RunConfig) -> None:
    model = config.model
    if model.weights == RANDOM:
        return
    origin = origin_of(config)
    if origin is None:
        load_weights(classifier, backbone=model.backbone, name=model.weights)
        return
    load_weights_file(
        classifier,
        origin.run.file("weights.safetensors"),
        backbone=model.backbone,
        has_last_layer=origin.card.task.classes == config.task.classes,
    )
