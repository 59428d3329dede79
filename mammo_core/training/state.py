"""What a run needs to go on after it was killed: `last/`, written whole or not at all.

state.json names the file of tensors it belongs to and is replaced last, so a kill at any moment
leaves the state of one epoch or of the next. Everything random follows from the seed and the number
of the epoch; there are no random states to keep.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from mammo_core.damage import damage_in_words
from mammo_core.errors import ConfigError, RunError
from mammo_core.files import replace_file, sha256_of
from mammo_core.records import from_document, to_document
from mammo_core.training.loop import Learner
from mammo_core.training.monitor import Judged
from mammo_core.zoo.classifier import Classifier

SCHEMA_VERSION: Final = 2
_NAME: Final = "state.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The epochs that are behind, and the seconds they took."""

    history: tuple[Judged, ...] = ()
    train_losses: tuple[float, ...] = ()
    seconds: float = 0.0
    tensors: str = ""
    sha256: str = ""


def save_state(folder: Path, classifier: Classifier, learner: Learner, progress: Progress) -> None:
    """Keep the state after an epoch in `folder`; that of the epoch before goes."""
    folder.mkdir(exist_ok=True)
    file = folder / f"state-{len(progress.history)}.safetensors"
    replace_file(file, save(_tensors(classifier, learner)))
    document = to_document(progress) | {
        "schema_version": SCHEMA_VERSION,
        "tensors": file.name,
        "sha256": sha256_of(file),
    }
    replace_file(folder / _NAME, json.dumps(document, indent=2) + "\n")
    for old in folder.glob("state-*.safetensors"):
        if old != file:
            old.unlink()


def read_progress(folder: Path) -> Progress:
    """How far a run had come; nothing where it had not ended an epoch."""
    try:
        document = json.loads((folder / _NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Progress()
    except ValueError as error:
        raise RunError(
            f"{folder.name}/{_NAME} is not valid JSON: {damage_in_words(error)}. Put it back from "
            "a copy, or start the training anew."
        ) from None
    version = document.pop("schema_version", None)
    if version != SCHEMA_VERSION:
        raise RunError(
            f"{folder.name}/{_NAME} has schema version {version}; this program reads "
            f"{SCHEMA_VERSION}. Resume with the version that wrote it, or start anew."
        )
    try:
        return from_document(document, Progress, where=_NAME)
    except ConfigError as error:
        raise RunError(str(error)) from None


def load_state(folder: Path, classifier: Classifier, learner: Learner, progress: Progress) -> None:
    """Put weights, averages and optimiser back to where `progress` left them."""
    file = folder / Path(progress.tensors).name
    if not file.is_file() or sha256_of(file) != progress.sha256:
        raise RunError(
            f"The state of this run, {file.name}, is damaged or missing. Start the run anew."
        )
    tensors = load_file(file)
    classifier.load_state_dict(_under(tensors, "model."))
    if learner.average:
        learner.average.load(_under(tensors, "average."))
    _load_optimizer(learner.optimizer, _under(tensors, "optimizer."))
    scaling = _under(tensors, "scaler.")
    if learner.scaler and scaling:
        learner.scaler.load_state_dict({name: _number(value) for name, value in scaling.items()})


def _tensors(classifier: Classifier, learner: Learner) -> dict[str, Tensor]:
    average = learner.average.tensors() if learner.average else {}
    scaling = learner.scaler.state_dict() if learner.scaler else {}
    named = {
        **{f"model.{name}": tensor for name, tensor in classifier.state_dict().items()},
        **{f"average.{name}": tensor for name, tensor in average.items()},
        **{
            f"optimizer.{index}.{name}": tensor
            for index, values in learner.optimizer.state_dict()["state"].items()
            for name, tensor in values.items()
            if isinstance(tensor, Tensor)
        },
        **{f"scaler.{name}": _kept(value) for name, value in scaling.items()},
    }
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in named.items()}


def _load_optimizer(optimizer: Any, tensors: dict[str, Tensor]) -> None:
    """What is kept of a weight is laid out in memory as the weight is: fused optimisers walk
    through both side by side and would mistake one number for another.
    """
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, inner = name.partition(".")
        weight = weights[int(index)]
        is_like = tensor.shape == weight.shape
        kept = torch.empty_like(weight).copy_(tensor) if is_like else tensor
        state.setdefault(int(index), {})[inner] = kept
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def _kept(number: float) -> Tensor:
    return torch.tensor(number, dtype=torch.int64 if isinstance(number, int) else torch.float64)


def _number(value: Tensor) -> float | int:
    """What the scaler counts in whole numbers stays whole."""
    number: float | int = value.item()
    return number


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
