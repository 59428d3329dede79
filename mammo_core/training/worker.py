"""The training process: `python -m mammo_core.training.worker RUN_FOLDER`.

Nothing heavy is imported before the heart beats; see runs/process.py.
"""

import os
import sys
from pathlib import Path

from mammo_core.config import RunConfig, load_settings
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.process import carry_out, device_of


def main(folder: Path) -> int:
    """Carry the run out. Of several processes (torchrun) the first alone keeps its folder."""
    run = RunFolder(folder)
    if int(os.environ.get("RANK", "0")) > 0:
        _train(run)
        return 0
    config = load_settings(run.file("run.json"), RunConfig)
    return carry_out(run, _train, device=device_of(config.device))


def _train(run: RunFolder) -> str:
    from mammo_core.training.session import train

    return train(run)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
