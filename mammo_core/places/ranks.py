"""One training by several processes of a cluster: `python -m mammo_core.places.ranks RUN RANKS`.

Ray Train finds the machines and introduces the processes to one another; each is then a worker as
under torchrun. Where a machine is lost, Ray starts all of them again on what is left, and they go
on after the last epoch.
"""

import os
import sys
from pathlib import Path
from typing import Final

from mammo_core.files import REPOSITORY, home
from mammo_core.places.pieces import connected, has_gpus

_MODULE: Final = "mammo_core.places.ranks"
_MOST_RESTARTS: Final = 3


def command(run: Path, ranks: int) -> list[str]:
    return [sys.executable, "-m", _MODULE, str(run), str(ranks)]


def _work(settings: dict[str, str]) -> None:
    """In each process; the first alone writes to the folder, and says there what went wrong."""
    from mammo_core.worker import main as work

    os.chdir(REPOSITORY)
    work("train", Path(settings["run"]))


def main(run: Path, ranks: int) -> int:
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    connected()
    TorchTrainer(
        _work,
        train_loop_config={"run": str(run)},
        scaling_config=ScalingConfig(num_workers=ranks, use_gpu=has_gpus()),
        run_config=RunConfig(
            name=run.name,
            storage_path=str(home() / "ray"),
            failure_config=FailureConfig(max_failures=_MOST_RESTARTS),
        ),
    ).fit()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
