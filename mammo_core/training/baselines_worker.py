"""Baselines for a run that has none: `python -m mammo_core.training.baselines_worker RUN_FOLDER`.

See runs/process.py.
"""

import sys
from pathlib import Path

from mammo_core.config import MeasureConfig, load_settings
from mammo_core.paths import checkpoints_root, shipped_checkpoints_root
from mammo_core.runs.folder import RunFolder, find_run
from mammo_core.runs.jobs import Progress, carry_out

_QUEUE = "disk"  # images are read and no network is run: a training need not wait


def main(folder: Path) -> int:
    return carry_out(RunFolder(folder), _fit, device=_QUEUE)


def _fit(job: RunFolder) -> str:
    from mammo_core.training.baselines import baselines_of

    wanted = load_settings(job.file("run.json"), MeasureConfig).checkpoint
    run = find_run(wanted, checkpoints_root(), shipped_checkpoints_root())
    return baselines_of(run, report=Progress(job), should_stop=lambda: job.asked_to_stop)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
