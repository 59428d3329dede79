"""What an exam costs with a checkpoint: seconds, and the most memory a process of its own took.

`python -m mammo_core.inference.cost FOLDER` says it as JSON: a process that does nothing else has
the model's own peak.
"""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mammo_core.errors import RunError
from mammo_core.files import REPOSITORY
from mammo_core.records import from_document

SECONDS: Final = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamCost:
    """Of four images, read once after a first pass; preparing them is not in it."""

    seconds: float
    peak_bytes: int | None  # None where the system does not tell it, as Windows
    engine: str


def cost_in_words(cost: ExamCost) -> str:
    if cost.peak_bytes is None:
        memory = "memory is not told on this system"
    else:
        memory = f"at most {cost.peak_bytes / 2**30:.1f} GiB"
    return f"{cost.seconds:.1f} s, {memory} ({cost.engine})"


def measure_exam(checkpoint: Path) -> ExamCost:
    """In a process of its own."""
    command = [sys.executable, "-m", "mammo_core.inference.cost", str(checkpoint.resolve())]
    try:
        done = subprocess.run(
            command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        raise RunError(f"{checkpoint.name} read no exam in {SECONDS} seconds.") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it was ended"])[-1]
        raise RunError(f"An exam could not be read with {checkpoint.name}: {last}")
    return from_document(json.loads(done.stdout), ExamCost, where="cost of an exam")


def _main(folder: Path) -> None:
    from mammo_core.inference.checkpoint import load_checkpoint
    from mammo_core.inference.engine import open_engine
    from mammo_core.inference.openvino import trial_batch
    from mammo_core.inference.scoring import looked_at_as_one

    checkpoint = load_checkpoint(folder, device="auto")
    engine = open_engine(checkpoint)
    card = checkpoint.card
    exam = trial_batch(card.prepare, views=card.model.views)[:: looked_at_as_one(card)]
    engine.run(exam[:1])
    started = time.perf_counter()
    engine.run(exam)
    seconds = time.perf_counter() - started
    told = {"seconds": seconds, "peak_bytes": _peak(), "engine": engine.name}
    sys.stdout.write(json.dumps(told))


def _peak() -> int | None:
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
