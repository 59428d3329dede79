"""The network a run trains: built, filled with the weights it starts from, frozen as asked."""

from dataclasses import dataclass, replace

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from mammo_core.config import OptimConfig, RunConfig
from mammo_core.errors import ConfigError
from mammo_core.training.lineage import origin_of
from mammo_core.zoo.build import build_model
from mammo_core.zoo.catalog import RANDOM, get_backbone
from mammo_core.zoo.classifier import Classifier, freeze_batch_norms, synchronise_batch_norms
from mammo_core.zoo.freezing import Stage, freeze, stages_of
from mammo_core.zoo.two_views import TwoViews
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
    classifier = _filled(config)
    classifier = classifier.to(device).to(memory_format=torch.channels_last)  # faster, the same
    views = (classifier.views,) if classifier.views > 1 else ()
    size = get_backbone(config.model.backbone).smallest_size
    example = torch.randn(2, *views, config.prepare.channels, *size).to(device)
    stages = stages_of(classifier, example)
    still: tuple[Stage, ...] = ()
    optim = config.optim
    if optim.trained != "all":
        last = optim.last_layers if optim.trained == "last_layers" else optim.last_stages
        still = freeze(classifier, stages, trained=optim.trained, last=last)
    if optim.norm == "frozen":
        freeze_batch_norms(classifier)
    elif optim.norm == "synchronised":
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


def _filled(config: RunConfig) -> Classifier:
    """The network with the weights it starts from. Two views begin from one: what was learnt of
    single images is said of both, and the mean taken.
    """
    origin = origin_of(config)
    is_from_one = config.model.views == 2 and (origin is None or origin.card.model.views == 1)
    model = replace(config.model, views=1) if is_from_one else config.model
    classifier = build_model(model, task=config.task, channels=config.prepare.channels)
    if origin is not None:
        is_same_task = origin.card.task.classes == config.task.classes
        load_weights_file(
            classifier,
            origin.run.weights_file,
            backbone=model.backbone,
            has_last_layer=is_same_task and origin.card.model.views == model.views,
        )
    elif model.weights != RANDOM:
        load_weights(classifier, backbone=model.backbone, name=model.weights)
    return TwoViews(classifier) if is_from_one else classifier
