"""How long a checkpoint takes for one image, on which machine, by which engine; and its size.

Measured after the training and kept beside the card: another machine is another number.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mammo_core.errors import RunError
from mammo_core.runs.beside import keep_one, read_one
from mammo_core.runs.folder import RunFolder

FILE_NAME: Final = "latency.json"
_LENGTH: Final = 8  # bytes that say how long the header of a safetensors file is
_LONGEST_HEADER: Final = 100_000_000  # bytes, as the format allows
_NOT_LEARNT: Final = (".running_mean", ".running_var", ".num_batches_tracked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Seconds of one prepared image through the network: the median of `passes`, and the range
    that nine of ten lie in.
    """

    median_seconds: float
    low_seconds: float  # twentieth part below it ...
    high_seconds: float  # ... and above this
    passes: int
    engine: str
    device: str
    cores: int
    measured_at: str  # ISO 8601, UTC
    card_sha256: str

    @property
    def machine(self) -> str:
        return f"{self.device}, {self.cores} cores, {self.engine}"


def write_latency(run: RunFolder, latency: Latency) -> None:
    """A measurement made earlier is replaced."""
    keep_one(run, FILE_NAME, latency)


def read_latency(run: RunFolder) -> Latency | None:
    """What was measured for the card the run has now; None where nothing was."""
    return read_one(run, FILE_NAME, Latency, what="latency")


def count_parameters(weights: Path) -> int | None:
    """Learnt numbers in a safetensors file, from its header alone; None where there is no file.

    What a norm only remembers is not learnt.
    """
    try:
        with weights.open("rb") as stream:
            length = int.from_bytes(stream.read(_LENGTH), "little")
            header: Any = json.loads(stream.read(length)) if length <= _LONGEST_HEADER else None
        learnt: int = sum(
            math.prod(entry["shape"])
            for name, entry in header.items()
            if name != "__metadata__" and not name.endswith(_NOT_LEARNT)
        )
        return learnt
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise RunError(
            f"The weights of {weights.parent.name} are not a safetensors file. Was it copied whole?"
        ) from None
