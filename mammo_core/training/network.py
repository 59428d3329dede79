"""The network a run trains: built, filled with the weights it starts from, frozen as asked."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from mammo_core.config import ModelConfig, RunConfig
from mammo_core.errors import CheckpointError
from mammo_core.paths import checkpoints_root, shipped_checkpoints_root
from mammo_core.runs.card import read_card
from mammo_core.runs.folder import find_run
from mammo_core.zoo.build import build_model
from mammo_core.zoo.catalog import RANDOM, get_backbone
from mammo_core.zoo.classifier import Classifier
from mammo_core.zoo.freezing import freeze
from mammo_core.zoo.norms import freeze_batch_norms, synchronise_batch_norms
from mammo_core.zoo.stages import Stage, stages_of
from mammo_core.zoo.weights import load_weights, load_weights_file

#: `run:<id>` as the name of weights goes on from a checkpoint of the same task and backbone.
FROM_RUN: Final = "run:"


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
    if not model.weights.startswith(FROM_RUN):
        load_weights(classifier, backbone=model.backbone, name=model.weights)
        return
    run = find_run(
        model.weights.removeprefix(FROM_RUN), checkpoints_root(), shipped_checkpoints_root()
    )
    card = read_card(run.file("model_card.json"))
    _refuse_other_model(card.model, model, run.run_id)
    load_weights_file(
        classifier,
        run.file("weights.safetensors"),
        backbone=model.backbone,
        has_last_layer=card.task.classes == config.task.classes,
    )


def _refuse_other_model(theirs: ModelConfig, ours: ModelConfig, run_id: str) -> None:
    if (theirs.backbone, theirs.pooling) != (ours.backbone, ours.pooling):
        raise CheckpointError(
            f"{run_id} is a {theirs.backbone} with {theirs.pooling} pooling, this run a "
            f"{ours.backbone} with {ours.pooling} pooling. To go on from it, use the same."
        )
