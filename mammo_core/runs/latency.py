"""How long a checkpoint takes for one image, on which machine, by which engine; and its size.

Measured after the training and kept beside the card: another machine is another number.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mammo_core.damage import damage_in_words
from mammo_core.errors import ConfigError, RunError
from mammo_core.files import replace_file
from mammo_core.records import from_document, to_document
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.operating_points import card_hash

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
    replace_file(run.file(FILE_NAME), json.dumps(to_document(latency), indent=2) + "\n")


def read_latency(run: RunFolder) -> Latency | None:
    """What was measured for the card the run has now; None where nothing was."""
    try:
        document = json.loads(run.file(FILE_NAME).read_text(encoding="utf-8"))
        latency = from_document(document, Latency, where=FILE_NAME)
    except FileNotFoundError:
        return None
    except (ValueError, ConfigError) as error:
        raise RunError(
            f"The latency of {run.run_id} cannot be read: {damage_in_words(error)}. Delete "
            f"{FILE_NAME} in its folder; the model itself is whole."
        ) from None
    return latency if latency.card_sha256 == card_hash(run) else None


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
