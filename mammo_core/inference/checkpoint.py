"""From a checkpoint folder to a model ready to read; everything is checked, nothing unpickled."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from mammo_core.errors import CheckpointError, MammoError
from mammo_core.files import sha256_of
from mammo_core.runs.card import ModelCard, read_card
from mammo_core.zoo.build import build_model
from mammo_core.zoo.classifier import Classifier
from mammo_core.zoo.weights import shapes_in

WEIGHTS_NAME = "weights.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """A trained model and the card that says what it is."""

    folder: Path
    card: ModelCard
    model: Classifier


def load_checkpoint(folder: Path, *, device: str = "cpu") -> Checkpoint:
    """The checkpoint in `folder`, or a CheckpointError that says why it cannot be used.

    On the device "auto" it lies on a GPU where there is one.
    """
    card = read_card(folder / "model_card.json")
    weights = folder / WEIGHTS_NAME
    if not weights.is_file():
        raise CheckpointError(f"{folder.name} has no {WEIGHTS_NAME}. Was it copied in full?")
    found = sha256_of(weights)
    if found != card.weights_sha256:
        raise CheckpointError(
            f"The weights of {folder.name} are not those its card was written for (SHA-256 "
            f"{found[:12]}..., the card says {card.weights_sha256[:12]}...). The file was changed "
            "or damaged; copy the checkpoint again."
        )
    model = _build(card, folder)
    _refuse_other_shapes(shapes_in(weights), model.state_dict(), folder)
    model.load_state_dict(load_file(weights))
    model.eval().requires_grad_(False)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return Checkpoint(folder=folder, card=card, model=model.to(device))


def _build(card: ModelCard, folder: Path) -> Classifier:
    try:
        return build_model(card.model, task=card.task, channels=card.prepare.channels)
    except MammoError as error:
        raise CheckpointError(f"The model of {folder.name} cannot be built. {error}") from None


def _refuse_other_shapes(
    shapes: Mapping[str, tuple[int, ...]], expected: Mapping[str, Tensor], folder: Path
) -> None:
    wanted = {name: tuple(tensor.shape) for name, tensor in expected.items()}
    wrong = sorted(
        name for name in wanted.keys() | shapes.keys() if wanted.get(name) != shapes.get(name)
    )
    if wrong:
        first = wrong[0]
        raise CheckpointError(
            f"{len(wrong)} of {len(wanted)} weights of {folder.name} do not fit its card (first: "
            f"{first}, needed {wanted.get(first, 'none')}, found {shapes.get(first, 'none')})."
        )
