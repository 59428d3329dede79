"""Jobs that learn something of a checkpoint after its training, and the newest of each kind."""

from pathlib import Path
from typing import Literal

from mammo_core.config import MeasureConfig, load_settings
from mammo_core.errors import ConfigError
from mammo_core.runs.folder import RunFolder, list_runs
from mammo_core.runs.launch import start_run

Kind = Literal["baselines", "latency"]


def start_measuring(kind: Kind, checkpoint: str, root: Path) -> RunFolder:
    """Start the job; its run lies below `root`, what it learns beside the checkpoint's card."""
    return start_run(MeasureConfig(kind=kind, checkpoint=checkpoint), root, what=kind, total=0)


def latest_measuring(kind: Kind, checkpoint: str, root: Path) -> RunFolder | None:
    """The newest job of that kind for that checkpoint, at whatever stage it is."""
    wanted = MeasureConfig(kind=kind, checkpoint=checkpoint)
    for run in list_runs(root):
        try:
            if load_settings(run.file("run.json"), MeasureConfig) == wanted:
                return run
        except ConfigError:
            continue  # of another version of this program
    return None
