"""A checkpoint of random weights, with a card that fits it."""

from pathlib import Path
from typing import Literal

import torch
from torch import nn

from mammo_core.config import ModelConfig, PrepareSettings
from mammo_core.files import sha256_of
from mammo_core.runs.card import DataRecord, ModelCard, TrainingRecord, write_card
from mammo_core.training.outcome import save_weights
from mammo_core.types import CANCER
from mammo_core.zoo.build import build_model
from mammo_core.zoo.classifier import Classifier
from mammo_core.zoo.freezing import last_layer

PREPARE = PrepareSettings(size=(64, 32))


def card(
    weights_sha256: str, *, heatmap_peak: float | None = 0.5, views: Literal[1, 2] = 1
) -> ModelCard:
    return ModelCard(
        model_id="made-up",
        title="Made up",
        task=CANCER,
        model=ModelConfig(backbone="light_cnn", views=views),
        prepare=PREPARE,
        data=DataRecord(
            dataset="none", title="None", licence="none", label_rule="none",
            reference_standard="none", seen="synthetic", fingerprint="0" * 64, splits=(),
        ),
        training=TrainingRecord(
            finished_at="2026-01-01T00:00:00+00:00", seconds=0.0, epochs=0, best_epoch=0,
            device="cpu", versions={},
        ),
        weights_sha256=weights_sha256,
        heatmap_peak=heatmap_peak,
    )  # fmt: skip


def write_checkpoint(folder: Path, *, seed: int = 0, views: Literal[1, 2] = 1) -> Path:
    torch.manual_seed(seed)
    model = build_model(ModelConfig(backbone="light_cnn", views=views), task=CANCER, channels=1)
    if views == 2:  # as learnt: the image and its partner each by weights of their own
        nn.init.normal_(model.trunk.get_parameter(f"{last_layer(model)}.weight"), std=0.1)
    weights = folder / "weights.safetensors"
    save_weights(model, weights)
    write_card(card(sha256_of(weights), views=views), folder / "model_card.json")
    return folder


def sees_the_partner_alone(model: Classifier) -> None:
    """Take from a network over two views what it makes of the image it scores."""
    weight = model.trunk.get_parameter(f"{last_layer(model)}.weight")
    with torch.no_grad():
        weight[:, : weight.shape[1] // 2] = 0.0
