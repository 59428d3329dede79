"""A checkpoint's network as a file that other programs run (ONNX, TorchScript), held against torch
before it is handed over.

Nothing is prepared within the network: who runs it gives it what `prepare` gives, or its scores
mean nothing.
"""

import math
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mammo_core.config import PrepareSettings
from mammo_core.errors import CheckpointError
from mammo_core.inference.checkpoint import (
    Batch,
    Checkpoint,
    load_checkpoint,
    load_patch_model,
)
from mammo_core.inference.openvino import LARGEST_DIFFERENCE, trial_batch
from mammo_core.runs.card import ModelCard, read_card
from mammo_core.types import Task
from mammo_core.zoo.classifier import Classifier
from mammo_core.zoo.openvino import load_network
from mammo_core.zoo.published import slots_of

INPUT: Final = "images"
OUTPUTS: Final = ("logits", "probabilities", "score")
OPSET: Final = 17
Arrays = list[NDArray[np.float32]]


def load_whatever(folder: Path) -> Checkpoint:
    """The checkpoint in `folder`, of whole images or of patches."""
    is_of_patches = read_card(folder / "model_card.json").patches is not None
    return load_patch_model(folder) if is_of_patches else load_checkpoint(folder)


def settings_at_input(card: ModelCard) -> PrepareSettings:
    """As images are prepared for `card`, each as large as what its network takes."""
    size = (card.patches.size, card.patches.size) if card.patches else card.prepare.size
    return replace(card.prepare, size=size)


def input_shape(card: ModelCard) -> tuple[int, ...]:
    """Of one case: (channels, height, width), for two views (2, channels, height, width)."""
    one = (card.prepare.channels, *settings_at_input(card).size)
    return one if card.model.views == 1 else (card.model.views, *one)


def write_onnx(checkpoint: Checkpoint, path: Path) -> float:
    """Write the network to `path`; by how much a logit differs from torch's at most, where it is
    read as ONNX (by OpenVINO, which is installed anyway).
    """
    _refuse_places(checkpoint.card)
    axes = {name: {0: "cases"} for name in (INPUT, *OUTPUTS)}
    try:
        with warnings.catch_warnings(), _silenced():
            _hush()
            torch.onnx.export(
                _Scores(checkpoint.model, checkpoint.card.task),
                (_example(checkpoint.card),),
                path,
                dynamo=False,  # traced as for OpenVINO, and needs one package less
                input_names=[INPUT],
                output_names=list(OUTPUTS),
                dynamic_axes=axes,
                opset_version=OPSET,
            )
    except (RuntimeError, torch.onnx.OnnxExporterError) as error:
        raise CheckpointError(
            f"{checkpoint.card.model_id} cannot be written as ONNX ({type(error).__name__}): its "
            "network holds something that ONNX has no word for. Try --torchscript."
        ) from error
    run = load_network(path, "fp32")
    return _checked(checkpoint, lambda batch: run([batch]), form="ONNX")


@contextmanager
def _silenced() -> Iterator[None]:
    """What cannot be written is printed, graph and all, by code below Python's own `sys.stdout`."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def write_torchscript(checkpoint: Checkpoint, path: Path) -> float:
    """Write the network to `path`; by how much a logit differs at most, where it is read back."""
    _refuse_places(checkpoint.card)
    with warnings.catch_warnings(), torch.no_grad():
        _hush()
        scores = _Scores(checkpoint.model, checkpoint.card.task)
        traced = torch.jit.trace(scores, (_example(checkpoint.card),), check_trace=False)
        torch.jit.save(traced, path)
        read = torch.jit.load(path)

        def run(batch: Batch) -> Arrays:
            return [output.numpy() for output in read(torch.from_numpy(batch))]

        return _checked(checkpoint, run, form="TorchScript")


def _refuse_places(card: ModelCard) -> None:
    if slots_of(card.model):
        raise CheckpointError(
            f"{card.model_id} wants each view in its place and may answer once for each place, "
            "which other programs cannot tell from a score. It is not handed on; score with it "
            "here."
        )


def trial_of(card: ModelCard) -> Batch:
    """Four made-up breasts as the network takes them."""
    return trial_batch(settings_at_input(card), views=card.model.views)


class _Scores(nn.Module):
    """Logits, the share of each class, and of all positive classes together."""

    def __init__(self, model: Classifier, task: Task) -> None:
        super().__init__()
        self.model = model
        self.positive = list(task.positive_indices)
        self.eval()  # what is written as it trains would also leave `model` training

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits: Tensor = self.model(images)
        shares = logits.softmax(dim=1)
        return logits, shares, shares[:, self.positive].sum(dim=1)


def _example(card: ModelCard) -> Tensor:
    return torch.zeros(2, *input_shape(card))


def _checked(checkpoint: Checkpoint, run: Callable[[Batch], Arrays], *, form: str) -> float:
    card, batch = checkpoint.card, trial_of(checkpoint.card)
    with torch.inference_mode():
        expected = _Scores(checkpoint.model, card.task)(torch.from_numpy(batch))
    found = run(batch)
    differences = [
        float(np.abs(ours - theirs.numpy()).max())
        for ours, theirs in zip(found, expected, strict=True)
    ]
    # Said so that a NaN is never within bounds.
    if not all(one <= LARGEST_DIFFERENCE for one in differences):
        largest = next((d for d in differences if math.isnan(d)), max(differences))
        raise CheckpointError(
            f"{card.model_id} as {form} differs from torch by {largest:.2g} (allowed: "
            f"{LARGEST_DIFFERENCE:g}), so it is not handed over."
        )
    return differences[0]


def _hush() -> None:
    """Tracing is deprecated for torch.export, whose ONNX needs more packages and takes longer."""
    for kind in (FutureWarning, DeprecationWarning):
        for said in (r".*torch\.jit\.", r".*TorchScript", r".*feature will be removed"):
            warnings.filterwarnings("ignore", message=said, category=kind)
    # It warns of numbers it takes for constants; whether they are is checked afterwards.
    warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # type: ignore[attr-defined]
