"""The measuring process: `python -m mammo_core.training.preflight_worker RUN_FOLDER`.

Nothing heavy is imported before the heart beats; see runs/process.py.
"""

import sys
from pathlib import Path

from mammo_core.config import RunConfig, load_settings
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.jobs import Progress, carry_out, device_of


def main(folder: Path) -> int:
    run = RunFolder(folder)
    config = load_settings(run.file("run.json"), RunConfig)
    return carry_out(run, _measure, device=device_of(config.device))


def _measure(run: RunFolder) -> str:
    from mammo_core.training.measuring import measure
    from mammo_core.training.preflight import write_preflight

    config = load_settings(run.file("run.json"), RunConfig)
    told, looks = measure(config, report=Progress(run))
    write_preflight(run.path, told, looks)
    return f"About {told.seconds / 60:.0f} minutes of training on this computer."


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
