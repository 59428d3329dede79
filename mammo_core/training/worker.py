"""The training process: `python -m mammo_core.training.worker RUN_FOLDER`.

Nothing heavy is imported before the heart beats; see runs/process.py.
"""

import os
import sys
import time
from pathlib import Path
from typing import Final

from mammo_core.config import RunConfig, load_settings
from mammo_core.errors import MammoError
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.jobs import carry_out, device_of

#: torchrun ends all processes when one fails: the first must have written down why by then.
_LET_THE_FIRST_SPEAK_SECONDS: Final = 5.0


def main(folder: Path) -> int:
    """Carry the run out. Of several processes (torchrun) the first alone keeps its folder."""
    run = RunFolder(folder)
    if int(os.environ.get("RANK", "0")) > 0:
        return _train_along(run)
    config = load_settings(run.file("run.json"), RunConfig)
    return carry_out(run, _train, device=_queue_of(run, config))


def _queue_of(run: RunFolder, config: RunConfig) -> str:
    """Under torchrun a scheduler has given out the devices: nobody waits for another's."""
    return run.run_id if "WORLD_SIZE" in os.environ else device_of(config.device)


def _train_along(run: RunFolder) -> int:
    try:
        _train(run)
    except MammoError as error:
        sys.stderr.write(f"{error}\n")
        time.sleep(_LET_THE_FIRST_SPEAK_SECONDS)
        return 1
    return 0


def _train(run: RunFolder) -> str:
    from mammo_core.training.session import train

    return train(run)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
