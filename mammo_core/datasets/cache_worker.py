"""The preparing process: `python -m mammo_core.datasets.cache_worker RUN_FOLDER`."""

import sys
from pathlib import Path
from typing import Final

from mammo_core.config import CacheConfig, load_settings
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.jobs import Progress, carry_out

_QUEUE: Final = "disk"  # waits for audits, which read the same files, and not for a training


def main(folder: Path) -> int:
    return carry_out(RunFolder(folder), _prepare, device=_QUEUE)


def _prepare(run: RunFolder) -> str:
    from mammo_core.datasets.dataset import read_in_question
    from mammo_core.datasets.prepared import in_words, prepare_dataset

    config = load_settings(run.file("run.json"), CacheConfig)
    built = prepare_dataset(
        read_in_question(Path(config.folder), config.adapter, config.label_rule),
        config.prepare,
        processes=config.processes,
        report=Progress(run),
        should_stop=lambda: run.asked_to_stop,
    )
    return in_words(built)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
