"""Networks run by OpenVINO, which on a CPU takes a third of torch's time or less: converted,
loaded, called. Whether what it says is what torch says is for those who use it to check.
"""

import importlib
import sys
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # a network that is converted runs without torch
    from torch import Tensor, nn

Number = Literal["fp32", "bf16"]
_TELEMETRY: Final = "openvino_telemetry"
_HINTS: Final = {"fp32": "f32", "bf16": "bf16"}


class ConversionError(Exception):
    """OpenVINO does not know how to run a network."""


def has_bf16() -> bool:
    """Whether this processor calculates in bf16, rather than only rounding to it."""
    found: list[str] = _openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "BF16" in found


def write_network(
    model: "nn.Module", path: Path, *, example: "tuple[Tensor, ...]", shapes: list[list[int]]
) -> None:
    """`model` as OpenVINO's .xml and .bin; -1 in `shapes` stands for any number of images."""
    import torch

    openvino = _openvino()
    try:
        with warnings.catch_warnings(), torch.no_grad():
            # Tracing is deprecated for torch.export, which takes longer here and which OpenVINO
            # cannot convert for every transformer.
            for kind in (FutureWarning, DeprecationWarning):
                warnings.filterwarnings("ignore", message=r".*torch\.jit\.", category=kind)
            # It warns of numbers it takes for constants; whether they are is checked afterwards.
            warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # type: ignore[attr-defined]
            traced = torch.jit.trace(model.eval(), example, check_trace=False)
            network = openvino.convert_model(traced, input=shapes)
    except (RuntimeError, ValueError, openvino.frontend.OpConversionFailure) as error:
        raise ConversionError(type(error).__name__) from error
    openvino.save_model(network, path, compress_to_fp16=False)


class LoadedNetwork:
    """From inputs to outputs, from any thread, one batch at a time."""

    def __init__(self, compiled: Any) -> None:
        self._compiled, self._request = compiled, compiled.create_infer_request()
        self._one_at_a_time = threading.Lock()

    def __call__(self, inputs: Sequence[NDArray[Any]]) -> list[NDArray[np.float32]]:
        with self._one_at_a_time:
            found = self._request.infer(list(inputs))
        return [found[index] for index in range(len(found))]

    def rest(self) -> None:
        """Give back the room that a pass has taken; the next takes it again, and a little time."""
        with self._one_at_a_time:
            self._compiled.release_memory()


def load_network(path: Path, number: Number) -> LoadedNetwork:
    """The network in `path`, ready to run."""
    core = _openvino().Core()
    # Not mapped into memory: the cache may drop the files while the network runs.
    settings = {
        "INFERENCE_PRECISION_HINT": _HINTS[number],
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_MMAP": False,
    }
    return LoadedNetwork(core.compile_model(path, "CPU", settings))


def _openvino() -> Any:
    if _TELEMETRY not in sys.modules:
        # The import system's own way to say that there is no such module.
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]
    return importlib.import_module("openvino")
