"""From a checkpoint folder to a model ready to read (everything is checked, nothing unpickled), and
one pass of it over a batch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.errors import CheckpointError, MammoError
from mammo_core.files import sha256_of
from mammo_core.runs.card import ModelCard, read_card
from mammo_core.zoo.openvino import Number

if TYPE_CHECKING:  # whoever reads with a converted network needs no torch
    from torch import Tensor

    from mammo_core.zoo.classifier import Classifier

WEIGHTS_NAME = "weights.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """A trained model and the card that says what it is."""

    folder: Path
    card: ModelCard
    model: "Classifier"


@dataclass(frozen=True, kw_only=True, eq=False)
class Unbuilt:
    """A sound checkpoint whose network torch builds when something asks for it: most of what is
    read, a converted network reads.
    """

    folder: Path
    card: ModelCard

    @cached_property
    def model(self) -> "Classifier":
        return load_checkpoint(self.folder).model


AnyCheckpoint = Checkpoint | Unbuilt


def load_unbuilt(folder: Path) -> Unbuilt:
    """The checkpoint in `folder` by its files alone, or a CheckpointError; what only its network
    can tell is told when that is built.
    """
    card = _card_of_whole_images(folder)
    _weights_of(folder, card)
    return Unbuilt(folder=folder, card=card)


def load_checkpoint(folder: Path, *, device: str = "cpu") -> Checkpoint:
    """The checkpoint in `folder`, or a CheckpointError that says why it cannot be used.

    On the device "auto" it lies on a GPU where there is one.
    """
    return _load(folder, _card_of_whole_images(folder), device)


def _card_of_whole_images(folder: Path) -> ModelCard:
    card = read_card(folder / "model_card.json")
    if card.patches:
        raise CheckpointError(
            f"{folder.name} has learnt patches of images and gives no score for a mammogram. Start "
            f"a training on whole images from it: model.weights=checkpoint:{folder.name}."
        )
    return card


def load_patch_model(folder: Path, *, device: str = "cpu") -> Checkpoint:
    """A checkpoint that has learnt lesions from patches, to look for them in whole images."""
    card = read_card(folder / "model_card.json")
    if card.patches is None:
        raise CheckpointError(
            f"{folder.name} has learnt whole images, not patches of them, so it finds no lesions. "
            "Choose a model trained by the recipe lesion-patches."
        )
    return _load(folder, card, device)


def _weights_of(folder: Path, card: ModelCard) -> Path:
    """The weights that `card` was written for."""
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
    return weights


def _load(folder: Path, card: ModelCard, device: str) -> Checkpoint:
    import torch

    from mammo_core.zoo.weights import shapes_in, tensors_in

    weights = _weights_of(folder, card)
    shapes = shapes_in(weights)
    _refuse_other_members(shapes, card, folder)  # before as many are built as a card claims
    model = _build(card, folder)
    _refuse_other_shapes(shapes, model.state_dict(), folder)
    model.load_state_dict(tensors_in(weights))
    model.eval().requires_grad_(False)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return Checkpoint(folder=folder, card=card, model=model.to(device))


def _build(card: ModelCard, folder: Path) -> "Classifier":
    from mammo_core.zoo.build import build_model

    try:
        return build_model(card.model, task=card.task, channels=card.prepare.channels)
    except MammoError as error:
        raise CheckpointError(f"The model of {folder.name} cannot be built. {error}") from None


def _refuse_other_members(
    shapes: Mapping[str, tuple[int, ...]], card: ModelCard, folder: Path
) -> None:
    parts = [name.split(".") for name in shapes]
    seated = {part[2] for part in parts if part[:2] == ["trunk", "members"] and len(part) > 2}
    if max(1, len(seated)) != card.model.members:
        raise CheckpointError(
            f"The card of {folder.name} tells of {card.model.members} networks that read together, "
            f"its weights of {max(1, len(seated))}. Copy the checkpoint again."
        )


def _refuse_other_shapes(
    shapes: Mapping[str, tuple[int, ...]], expected: "Mapping[str, Tensor]", folder: Path
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


#: (images, channels, height, width), as `prepare` gives them; for a network over two views
#: (images, 2, channels, height, width), each beside its partner.
Batch = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outputs:
    """What any engine gives; in 32 bits, whatever it calculated in."""

    logits: NDArray[np.float32]  # (images, classes)
    feature_map: NDArray[np.float32]  # (images, channels, rows, columns); of both views in turn
    embedding: NDArray[np.float32]  # (images, width): what the last layer sees


#: Of all images in one pass: with more, the maps inside a network would not fit into memory.
MOST_PIXELS: Final = 8 * 2**20


def in_pieces(run: Callable[[Batch], Outputs], batch: Batch) -> Outputs:
    """What `run` gives, of so many images at a time as are looked at in bounded memory."""
    most = max(1, MOST_PIXELS * batch.shape[-3] // int(np.prod(batch.shape[1:])))
    if len(batch) <= most:
        return run(batch)
    parts = [run(batch[start : start + most]) for start in range(0, len(batch), most)]
    return Outputs(
        logits=np.concatenate([part.logits for part in parts]),
        feature_map=np.concatenate([part.feature_map for part in parts]),
        embedding=np.concatenate([part.embedding for part in parts]),
    )


def forward(model: "Classifier", batch: Batch, number: Number = "fp32") -> Outputs:
    return in_pieces(partial(_forward, model, number=number), batch)


def _forward(model: "Classifier", batch: Batch, *, number: Number) -> Outputs:
    import torch

    device = next(model.parameters()).device
    # On a GPU, cuDNN rounds what goes into a convolution to 10 bits (TF32) unless told not to.
    exact = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    cast = torch.autocast(device.type, dtype=torch.bfloat16, enabled=number == "bf16")
    with torch.inference_mode(), exact, cast:
        inputs = [torch.from_numpy(array).to(device) for array in inputs_of(batch)]
        logits, feature_map, embedding = outputs_of(model, *inputs)
        return Outputs(
            logits=_array(logits), feature_map=_array(feature_map), embedding=_array(embedding)
        )


def inputs_of(batch: Batch) -> tuple[NDArray[Any], ...]:
    """What is looked at: images; of pairs each image once, and which of them each view is. In an
    exam every image is scored, and is also beside another.
    """
    if batch.ndim == 4:
        return (np.ascontiguousarray(batch),)
    images = batch.reshape(-1, *batch.shape[2:])
    first: dict[bytes, int] = {}
    places = np.array([first.setdefault(image.tobytes(), len(first)) for image in images])
    _, rows = np.unique(places, return_index=True)
    return images[rows], places.astype(np.int64)


def outputs_of(
    model: "Classifier", images: "Tensor", places: "Tensor | None" = None
) -> "tuple[Tensor, Tensor, Tensor]":
    """Logits, feature map and embedding from `inputs_of` a batch."""
    each = model.each.features(images)
    feature_map = each if places is None else each.index_select(0, places)
    return model.head(feature_map), feature_map, model.embed(feature_map)


def _array(tensor: "Tensor") -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.float().cpu().numpy()
    return array
