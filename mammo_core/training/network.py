"""The network a run trains: built, filled with the weights it starts from, frozen as asked."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mammo_core.config import RunConfig
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
    """`still` are the stages at the front that are not trained; `example` is a batch to try."""

    classifier: Classifier
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
    still: tuple[Stage, ...] = ()
    if config.optim.trained != "all":
        still = freeze(
            classifier,
            stages_of(classifier, example),
            trained=config.optim.trained,
            last=config.optim.last_stages,
        )
    if config.optim.norm == "frozen":
        freeze_batch_norms(classifier)
    elif config.optim.norm == "synchronised":
        synchronise_batch_norms(classifier)
    return Network(classifier=classifier, still=still, example=example)


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
