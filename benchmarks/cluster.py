"""What handing work out to a cluster costs: `python -m benchmarks.cluster`, where Ray is installed.

Everything runs on this computer, on one core: what is measured is the handing out, not the help.
"""

import os
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_AUTH_MODE"] = "disabled"  # on loopback, while this runs
os.environ["OMP_NUM_THREADS"] = "1"
# Else its workers give way to whatever else runs here; Ray spells it so.
os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112

from mammo_core.config import DataConfig
from mammo_core.files import REPOSITORY
from mammo_core.inference.in_pieces import Scorer, score_chunk
from mammo_core.inference.many_files import find_files
from mammo_core.places.pieces import CHUNK, in_chunks
from mammo_core.training.recipes import get_recipe
from mammo_core.training.series import start_series
from mammo_core.types import CANCER, RunState
from tests.inference.made_up import write_checkpoint
from tests.phantoms import FOLDER, put_phantoms
from tests.places.conftest import free_port

_CHUNKS = 2
_SIZE = (1024, 512)
_TURNS = 3


def count(_: None, chunk: Sequence[int]) -> int:
    return len(chunk)


def seconds_of(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def show_overhead(folder: Path) -> None:
    put_phantoms(folder / "set", women=CHUNK * _CHUNKS // 4, size=_SIZE)
    (folder / "model").mkdir()
    scorer = Scorer(checkpoint=write_checkpoint(folder / "model"))
    files = list(find_files([folder / "set" / "images"]))
    chunks = [
        (files[start : start + CHUNK], [one.shown for one in files[start : start + CHUNK]])
        for start in range(0, len(files), CHUNK)
    ]

    def score(place: str) -> float:
        os.environ["MAMMO_PLACE"] = place
        shutil.rmtree(folder / "home" / "cache" / "pieces", ignore_errors=True)
        return seconds_of(lambda: list(in_chunks(score_chunk, scorer, chunks)))

    for place in ("", "driver"):
        score(place)  # opens the network in the process that will score
    pairs = [(score(""), score("driver")) for _ in range(_TURNS)]
    ratios = sorted(there / here for here, there in pairs)
    here = statistics.median(one for one, _ in pairs)
    print(
        f"{len(files)} images in {len(chunks)} chunks, {_TURNS} turns: {here:.2f} s here; on the "
        f"cluster {statistics.median(ratios):.3f} times as long ({ratios[0]:.3f} to "
        f"{ratios[-1]:.3f})"
    )


def show_rows() -> None:
    os.environ["MAMMO_PLACE"] = "driver"
    for total in (10**3, 10**4, 10**5, 10**6):
        chunks = (list(range(start, min(total, start + CHUNK))) for start in range(0, total, CHUNK))
        took = seconds_of(lambda chunks=chunks: sum(in_chunks(count, None, chunks)))
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{total:>9,} rows: {took:6.1f} s, {most:.0f} MB at most in who hands out")


def show_start(folder: Path) -> None:
    """From the order until the worker is at work; the cluster has a free core each time."""
    put_phantoms(folder / "few", women=12)
    data = DataConfig(folder=str(folder / "few"), adapter="phantom_set", label_rule="lesion")
    config = replace(get_recipe("smoke").configure(data, CANCER), device="cpu", workers=1)
    os.environ["MAMMO_PLACE"] = ""

    def start(*, is_here: bool) -> float:
        begun = time.perf_counter()
        (run,) = start_series([config], folder / "runs", is_here=is_here)
        while run.read_status().state is RunState.QUEUED:
            time.sleep(0.05)
        took = time.perf_counter() - begun
        run.ask_to_stop()
        while not run.read_status().state.is_over:
            time.sleep(0.2)
        return took

    pairs = [(start(is_here=True), start(is_here=False)) for _ in range(_TURNS)]
    for place, number in (("here", 0), ("on the cluster", 1)):
        took = sorted(pair[number] for pair in pairs)
        print(f"A run starts {place} in {took[1]:.1f} s ({took[0]:.1f} to {took[-1]:.1f})")
    ratios = sorted(there / here for here, there in pairs)
    print(f"On the cluster {ratios[1]:.2f} times as long ({ratios[0]:.2f} to {ratios[-1]:.2f})")


def main() -> None:
    import ray

    with tempfile.TemporaryDirectory() as made:
        os.environ["MAMMO_HOME"] = f"{made}/home"
        os.environ[FOLDER] = made
        port = free_port()
        os.environ["MAMMO_RAY"] = f"http://127.0.0.1:{port}"
        os.environ["MAMMO_CHECKPOINTS"] = f"{made}/runs"
        told = {"PYTHONPATH": str(REPOSITORY), "MAMMO_HOME": f"{made}/home"}
        ray.init(
            address="local",
            num_cpus=1,
            include_dashboard=True,
            dashboard_port=port,
            object_store_memory=80 * 2**20,
            log_to_driver=False,
            logging_level="warning",
            runtime_env={"env_vars": told},
        )
        print(f"Load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        show_start(Path(made))
        show_overhead(Path(made))
        show_rows()
        print(f"Load after: {os.getloadavg()[0]:.1f}")
        ray.shutdown()


if __name__ == "__main__":
    main()
