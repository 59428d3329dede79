"""A checkpoint's network, ready to run: one interface, whatever runs it.

On a GPU that is torch, on a CPU OpenVINO, which takes a third of the time or less. The name of the
engine says which, and at what precision; it stands beside every score. torch is loaded where it
reads, and with it the room of half a gigabyte is taken.
"""

import ctypes
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mammo_core.errors import CheckpointError, ConfigError
from mammo_core.explain.closed_form import Head
from mammo_core.inference.checkpoint import (
    AnyCheckpoint,
    Batch,
    Checkpoint,
    Outputs,
    forward,
    load_checkpoint,
    load_unbuilt,
)
from mammo_core.inference.openvino import (
    EngineCheck,
    check_of,
    engine_folder,
    find_head,
    is_converted,
    network_path,
    open_network,
)
from mammo_core.records import from_document
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder, card_hash
from mammo_core.runs.operating_points import LockedPoint, locked_points
from mammo_core.zoo.openvino import Number, has_bf16

if TYPE_CHECKING:
    from mammo_core.zoo.classifier import Classifier

_FAST_FILE: Final = "fast_check.json"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Engine:
    """`run` may be called from any thread; `head` is what heatmaps are made from."""

    name: str
    run: Callable[[Batch], Outputs]
    head: "Head | Classifier"
    note: str = ""  # why this one and not the usual
    batch: int = 4  # images in one pass: the views of an exam
    rest: Callable[[], None] = lambda: None  # gives back the room that passes have taken


@dataclass(frozen=True, slots=True, kw_only=True)
class FastCheck:
    """What bf16 changed on validation images. An empty `problem` allows it."""

    model_id: str
    card_sha256: str
    engine: str
    checked_at: str  # ISO 8601, UTC
    images: int = 0
    women: int = 0
    difference: float | None = None  # the largest of a logit
    points: tuple[LockedPoint, ...] = ()  # those that no case may cross
    crossed: int = 0  # cases that did
    problem: str = ""


def open_to_read(folder: Path) -> tuple[AnyCheckpoint, Engine]:
    """The checkpoint in `folder` and its engine; where a converted network does all of the reading,
    without torch.
    """
    if not _may_have_gpu():
        unbuilt = load_unbuilt(folder)
        check = check_of(unbuilt)
        head = None if check.problem else find_head(unbuilt.card, check)
        if head is not None and unbuilt.card.model.views == 1:
            return unbuilt, _openvino(unbuilt.card, head)
    loaded = load_checkpoint(folder, device="auto")
    return loaded, open_engine(loaded)


def _may_have_gpu() -> bool:
    """False where torch cannot find one either: there is no driver."""
    if Path("/dev/kfd").exists():  # AMD's
        return True
    with suppress(OSError):
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        return True
    return False


def has_to_convert(card: ModelCard) -> bool:
    """Whether whoever opens it on this computer waits for its network to be converted."""
    return not _may_have_gpu() and not is_converted(card)


def open_engine(
    checkpoint: Checkpoint,
    *,
    is_fast: bool = False,
    tell: Callable[[str], object] = lambda words: None,
) -> Engine:
    """The engine for the device that the checkpoint was loaded on.

    The first time, its network is converted and held against torch, by a process of its own, which
    takes seconds or minutes; `tell` is told so. Fast, in bf16, is refused unless `check_fast` has
    found that it changes nothing that matters.
    """
    if is_fast:
        if reason := why_not_fast(checkpoint):
            raise CheckpointError(f"Fast reading with {checkpoint.card.model_id} is off. {reason}")
        return fast_engine(checkpoint)
    if device_of(checkpoint) != "cpu":
        return torch_engine(checkpoint)
    check = check_of(checkpoint, tell=tell)
    return torch_engine(checkpoint, because=check) if check.problem else _converted(checkpoint)


def why_not_fast(checkpoint: Checkpoint) -> str:
    """Why fast reading is off, as a sentence; empty where it is on."""
    run = RunFolder(checkpoint.folder)
    repeat = f"Run `mammo checkpoints check {checkpoint.card.model_id}`."
    check = find_fast_check(checkpoint)
    if check is None:
        return f"What it changes has not been checked yet. {repeat}"
    if check.problem:
        return check.problem
    if set(locked_points(run)) - set(check.points):
        return f"A threshold was locked since it was checked. {repeat}"
    return ""


def find_fast_check(checkpoint: Checkpoint) -> FastCheck | None:
    """What was found out on this computer; None where nothing was, or for another card."""
    try:
        document = json.loads(fast_check_file(checkpoint.card).read_text(encoding="utf-8"))
        check = from_document(document, FastCheck, where=_FAST_FILE)
    except (OSError, ValueError, RecursionError, ConfigError):
        return None
    is_same_card = check.card_sha256 == card_hash(RunFolder(checkpoint.folder))
    return check if is_same_card else None


def fast_check_file(card: ModelCard) -> Path:
    """Beside the converted network: it holds for this processor and this library alone."""
    return engine_folder(card) / _FAST_FILE


def fast_engine(checkpoint: Checkpoint) -> Engine:
    """bf16, whether or not it has been checked; a CheckpointError where this computer has none."""
    if device_of(checkpoint) != "cpu":
        return torch_engine(checkpoint, "bf16")
    check = check_of(checkpoint)
    if check.problem:
        raise CheckpointError(check.reason)
    if not has_bf16():
        raise CheckpointError("This processor does not calculate in bf16.")
    return _converted(checkpoint, "bf16")


def torch_engine(
    checkpoint: AnyCheckpoint, number: Number = "fp32", *, because: EngineCheck | None = None
) -> Engine:
    """torch, on the device the checkpoint is on; `because` of what OpenVINO could not do."""
    return Engine(
        name=f"torch {number}" + (f" ({because.problem})" if because else ""),
        run=partial(forward, checkpoint.model, number=number),
        head=_head(checkpoint),
        note=because.reason if because else "",
    )


def device_of(checkpoint: AnyCheckpoint) -> str:
    return next(checkpoint.model.parameters()).device.type


def _converted(checkpoint: Checkpoint, number: Number = "fp32") -> Engine:
    return _openvino(checkpoint.card, _head(checkpoint), number)


def _openvino(card: ModelCard, head: "Head | Classifier", number: Number = "fp32") -> Engine:
    run, rest = open_network(network_path(card), number)
    return Engine(
        name=f"openvino {number}",
        run=run,
        rest=rest,
        head=head,
        batch=1,  # on a CPU as quick as four at once, and OpenVINO keeps what a pass has needed
    )


def _head(checkpoint: AnyCheckpoint) -> "Head | Classifier":
    from mammo_core.explain.heads import head_of

    return head_of(checkpoint.model, channels=checkpoint.card.prepare.channels)
