"""A checkpoint's network, ready to run: one interface, whatever runs it.

On a GPU that is torch, on a CPU OpenVINO, which takes a third of the time or less. The name of the
engine says which, and at what precision; it stands beside every score.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from mammo_core.errors import CheckpointError
from mammo_core.explain.closed_form import Head
from mammo_core.explain.heads import head_of
from mammo_core.inference.checkpoint import Checkpoint
from mammo_core.inference.forward import Batch, Number, Outputs, forward
from mammo_core.inference.openvino import (
    EngineCheck,
    find_check,
    has_bf16,
    load_network,
    make_check,
    network_path,
)
from mammo_core.zoo.classifier import Classifier

Precision = Literal["fp32", "fast"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Engine:
    """`run` may be called from any thread; `head` is what heatmaps are made from."""

    name: str
    run: Callable[[Batch], Outputs]
    head: Head | Classifier
    note: str = ""  # why this one and not the usual


def open_engine(checkpoint: Checkpoint, precision: Precision = "fp32") -> Engine:
    """The engine for the device that the checkpoint was loaded on.

    The first time, its network is converted and held against torch, which takes seconds. "fast" is
    refused unless `check_fast` has found that it changes nothing that matters.
    """
    if precision == "fast":
        from mammo_core.inference.fast import why_not_fast

        reason = why_not_fast(checkpoint)
        if reason:
            raise CheckpointError(f"Fast reading with {checkpoint.card.model_id} is off. {reason}")
        return fast_engine(checkpoint)
    if device_of(checkpoint) != "cpu":
        return torch_engine(checkpoint)
    check = _check_of(checkpoint)
    return torch_engine(checkpoint, because=check) if check.problem else _openvino(checkpoint)


def fast_engine(checkpoint: Checkpoint) -> Engine:
    """bf16, whether or not it has been checked; a CheckpointError where this computer has none."""
    if device_of(checkpoint) != "cpu":
        return torch_engine(checkpoint, "bf16")
    check = _check_of(checkpoint)
    if check.problem:
        raise CheckpointError(check.reason)
    if not has_bf16():
        raise CheckpointError("This processor does not calculate in bf16.")
    return _openvino(checkpoint, "bf16")


def torch_engine(
    checkpoint: Checkpoint, number: Number = "fp32", *, because: EngineCheck | None = None
) -> Engine:
    """torch, on the device the checkpoint is on; `because` of what OpenVINO could not do."""
    return Engine(
        name=f"torch {number}" + (f" ({because.problem})" if because else ""),
        run=partial(forward, checkpoint.model, number=number),
        head=_head(checkpoint),
        note=because.reason if because else "",
    )


def device_of(checkpoint: Checkpoint) -> str:
    return next(checkpoint.model.parameters()).device.type


def _openvino(checkpoint: Checkpoint, number: Number = "fp32") -> Engine:
    return Engine(
        name=f"openvino {number}",
        run=load_network(network_path(checkpoint.card), number),
        head=_head(checkpoint),
    )


def _check_of(checkpoint: Checkpoint) -> EngineCheck:
    return find_check(checkpoint.card) or make_check(checkpoint)


def _head(checkpoint: Checkpoint) -> Head | Classifier:
    return head_of(checkpoint.model, channels=checkpoint.card.prepare.channels)
