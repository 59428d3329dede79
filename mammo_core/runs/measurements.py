"""Jobs that learn something of a checkpoint after its training, and the newest of each kind."""

from pathlib import Path
from typing import Literal

from mammo_core.config import MeasureConfig
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.launch import latest_run, start_run

Kind = Literal["baselines", "latency"]


def start_measuring(kind: Kind, checkpoint: str, root: Path) -> RunFolder:
    """Start the job; its run lies below `root`, what it learns beside the checkpoint's card."""
    return start_run(MeasureConfig(kind=kind, checkpoint=checkpoint), root, what=kind, total=0)


def latest_measuring(kind: Kind, checkpoint: str, root: Path) -> RunFolder | None:
    """The newest job of that kind for that checkpoint, at whatever stage it is."""
    return latest_run(MeasureConfig(kind=kind, checkpoint=checkpoint), root)
