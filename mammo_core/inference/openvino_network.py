"""Networks converted for OpenVINO and run by it, on a CPU.

Importing OpenVINO would go online to tell its makers, and so would converting. It has a stand-in
for machines that lack `openvino_telemetry`; here every machine lacks it.
"""

import importlib
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from mammo_core.inference.forward import Batch, Number, Outputs, inputs_of, outputs_of
from mammo_core.types import Size
from mammo_core.zoo.classifier import Classifier

_TELEMETRY: Final = "openvino_telemetry"
_HINTS: Final = {"fp32": "f32", "bf16": "bf16"}


class ConversionError(Exception):
    """OpenVINO does not know how to run a network."""


def has_bf16() -> bool:
    """Whether this processor calculates in bf16, rather than only rounding to it."""
    found: list[str] = _openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "BF16" in found


def write_network(model: Classifier, path: Path, *, channels: int, size: Size) -> None:
    """`model` as OpenVINO's .xml and .bin, for any number of images of `size`."""
    openvino = _openvino()
    try:
        with warnings.catch_warnings(), torch.no_grad():
            # Tracing is deprecated for torch.export, which takes longer here and which OpenVINO
            # cannot convert for every transformer.
            for kind in (FutureWarning, DeprecationWarning):
                warnings.filterwarnings("ignore", message=r".*torch\.jit\.", category=kind)
            # It warns of numbers it takes for constants; whether they are is checked afterwards.
            warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # type: ignore[attr-defined]
            example: tuple[Tensor, ...] = (torch.zeros(2, channels, *size),)
            shapes = [[-1, channels, *size]]
            if model.views > 1:
                example, shapes = (*example, torch.tensor([0, 1, 1, 0])), [*shapes, [-1]]
            traced = torch.jit.trace(_Outputs(model).eval(), example, check_trace=False)
            network = openvino.convert_model(traced, input=shapes)
    except (RuntimeError, ValueError, openvino.frontend.OpConversionFailure) as error:
        raise ConversionError(type(error).__name__) from error
    openvino.save_model(network, path, compress_to_fp16=False)


def load_network(path: Path, number: Number) -> Callable[[Batch], Outputs]:
    """The network in `path`, ready to run from any thread, one batch at a time."""
    core = _openvino().Core()
    # Not mapped into memory: the cache may drop the files while the network runs.
    settings = {
        "INFERENCE_PRECISION_HINT": _HINTS[number],
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_MMAP": False,
    }
    request = core.compile_model(path, "CPU", settings).create_infer_request()
    one_at_a_time = threading.Lock()

    def run(batch: Batch) -> Outputs:
        with one_at_a_time:
            found = request.infer(list(inputs_of(batch)))
        logits, feature_map, embedding = (found[index] for index in range(3))
        return Outputs(logits=logits, feature_map=feature_map, embedding=embedding)

    return run


class _Outputs(nn.Module):
    """The three outputs of an engine in one forward pass."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(
        self, images: Tensor, places: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        return outputs_of(self.classifier, images, places)


def _openvino() -> Any:
    if _TELEMETRY not in sys.modules:
        # The import system's own way to say that there is no such module.
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]
    return importlib.import_module("openvino")
