"""Processes killed at any moment, as a power cut or the system's own killer would: what is left?"""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors.torch import load_file

from benchmarks.reliability.campaign import Counted
from benchmarks.reliability.nursery import Nursery
from mammo_core.config import PrepareSettings, RunConfig
from mammo_core.datasets.predictions import read_predictions
from mammo_core.errors import MammoError
from mammo_core.preprocessing.cache import Cache, open_images, plan_build
from mammo_core.preprocessing.phantoms.women import write_phantom_set
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.jobs import create_run
from mammo_core.training.learning import read_progress
from tests.inference.made_up import write_checkpoint
from tests.training.test_worker import tiny_config

_EPOCHS: Final = 3
_KILLS_A_RUN: Final = 3
_TIMES: Final = ["images_per_second", "memory_gb"]


def killed_or_ended(nursery: Nursery, after: float, *work: str) -> bool:
    """Whether the work was killed; False where it was quicker."""
    child = nursery.start(*work)
    time.sleep(after)
    with contextlib.suppress(ProcessLookupError):  # it has ended
        os.kill(child, signal.SIGKILL)
    return nursery.wait() == -signal.SIGKILL


def unreadable(run: RunFolder) -> str:
    """What of a run cannot be read; "" for nothing."""
    looks: dict[str, Callable[[], object]] = {
        "status": run.read_status,
        "settings": lambda: run.settings(RunConfig),
        "metrics": run.read_metrics,
        "progress": lambda: read_progress(run.file("last")),
        "state": lambda: [load_file(one) for one in run.file("last").glob("state-*.safetensors")],
    }
    if run.weights_file.exists():
        looks["weights"] = lambda: load_file(run.weights_file)
    if run.card_file.exists():
        looks["card"] = run.card
        looks["predictions"] = lambda: read_predictions(run.predictions_file)
    for name, look in looks.items():
        try:
            look()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is counted
            return f"{name}: {type(error).__name__}: {error}"
    return ""


def differs(run: RunFolder, whole: RunFolder) -> str:
    """In what a run is another than one that nobody killed; "" for nothing."""
    one, other = load_file(run.weights_file), load_file(whole.weights_file)
    if one.keys() != other.keys() or not all(torch.equal(one[name], other[name]) for name in one):
        return "weights"
    if (
        not run.read_metrics()
        .drop(columns=_TIMES)
        .equals(whole.read_metrics().drop(columns=_TIMES))
    ):
        return "metrics"
    tables = [
        read_predictions(each.predictions_file).drop(columns="model_id") for each in (run, whole)
    ]
    return "" if tables[0].equals(tables[1]) else "predictions"


def training(size: int, scratch: Path) -> Counted:
    women = scratch / "women"
    write_phantom_set(women, women=12, seed=0, size=(64, 32))
    config = tiny_config(women, epochs=_EPOCHS)
    nursery = Nursery()
    for name in ("warm", "whole"):
        whole = create_run(config, scratch / name, what="killed", total=_EPOCHS)
        start = time.monotonic()
        nursery.start("train", str(whole.path))
        if nursery.wait() != 0:
            raise RuntimeError(f"A run that nobody kills ended: {whole.read_status().message}")
        seconds = time.monotonic() - start
    draws = np.random.default_rng(17)
    killed = resumed = 0
    failures: list[str] = []
    while killed < size:
        run = create_run(config, scratch / f"run-{resumed}", what="killed", total=_EPOCHS)
        kills = min(_KILLS_A_RUN, size - killed)
        after = draws.uniform(0, seconds, kills)
        killed += _killed_again_and_again(nursery, run, after, killed, failures)
        resumed += 1
        failures += [f"run {resumed}: {problem}" for problem in _to_its_end(nursery, run, whole)]
        shutil.rmtree(run.path)
    nursery.close()
    unread = sum(one.startswith("kill") for one in failures)
    return Counted(
        size=killed,
        figures=(
            f"{killed} kills of {resumed} runs of {_EPOCHS} epochs ({seconds:.1f} s without a "
            f"kill), each at a moment drawn between its start and its end: {unread} left "
            f"something unreadable; {resumed - len(failures) + unread} of {resumed} runs, resumed "
            "to their end, have weights, metrics and predictions equal to the last bit.",
        ),
        failures=tuple(failures),
    )


def _killed_again_and_again(
    nursery: Nursery, run: RunFolder, after: Sequence[float], before: int, failures: list[str]
) -> int:
    """How many kills there were: a run that ends first is killed no more."""
    for number, seconds in enumerate(after):
        if not killed_or_ended(nursery, float(seconds), "train", str(run.path)):
            return number
        if problem := unreadable(run):
            failures.append(f"kill {before + number + 1}: {problem}")
    return len(after)


def _to_its_end(nursery: Nursery, run: RunFolder, whole: RunFolder) -> Iterator[str]:
    if not run.is_checkpoint:
        nursery.start("train", str(run.path))
        if nursery.wait() != 0:
            yield f"not resumed: {run.read_status().message}"
            return
    if problem := differs(run, whole):
        yield f"other {problem} than of a run that nobody killed"


def images_in(folder: Path, count: int) -> list[Path]:
    folder.mkdir(parents=True)
    values = np.random.default_rng(3).integers(60, 200, (64, 48)).astype(np.uint8)
    y, x = np.mgrid[:64, :48]
    values[(y - 32) ** 2 + (x - 48) ** 2 > 28**2] = 0
    for number in range(count):
        picture = values + (values > 0) * np.uint8(number % 50)
        path = folder / f"{number:03d}.pgm"
        path.write_bytes(b"P5 48 64 255\n" + picture.astype(np.uint8).tobytes())
    return sorted(folder.iterdir())


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is killed, and what it gave where nobody killed it."""

    nursery: Nursery
    files: Sequence[Path]
    asked: tuple[str, ...]  # of a prediction, up to the name of its table
    cache: Cache
    whole: Path


def cache_and_prediction(size: int, scratch: Path) -> Counted:
    """In turns: a builder of the cache, and a prediction that writes a table."""
    draws = np.random.default_rng(5)
    write_phantom_set(scratch / "women", women=2, seed=0, size=(64, 32))
    women = sorted((scratch / "women" / "images").iterdir())
    checkpoint = write_checkpoint_in(scratch / "model")
    work = Work(
        nursery=Nursery(),
        files=images_in(scratch / "images", 40),
        asked=("predict", *map(str, women), "--checkpoint", str(checkpoint), "--out"),
        cache=Cache(root=scratch / "reference", settings=PrepareSettings(size=(32, 16))),
        whole=scratch / "whole.csv",
    )
    kinds = (_killed_builder, _killed_prediction)
    seconds = usual_seconds(work, scratch)
    failures: list[str] = []
    killed = [0, 0]
    tries = 0
    while sum(killed) < size:
        kind = tries % 2
        after = float(draws.uniform(0, seconds[kind]))
        was_killed, problem = kinds[kind](work, scratch / f"try-{tries}", after)
        killed[kind] += was_killed
        failures += [f"try {tries}: {problem}"] if problem else []
        tries += 1
    work.nursery.close()
    return Counted(
        size=sum(killed),
        figures=(
            f"{killed[0]} kills of a builder of the cache ({len(work.files)} images), {killed[1]} "
            f"of a prediction ({len(women)} images): {len(failures)} times something was lost, "
            "doubled, half or another than without a kill, after it was started again.",
        ),
        failures=tuple(failures),
    )


def _built(work: Work, cache: Cache) -> tuple[str, ...]:
    return ("build", str(cache.root), str(work.files[0].parent))


def _scored(work: Work, out: Path | None = None) -> tuple[str, ...]:
    return ("command", *work.asked, str(out or work.whole))


def usual_seconds(work: Work, scratch: Path) -> list[float]:
    """Of a build and of a prediction, each the second time: at the first a network is converted,
    and kills drawn from that long would mostly come when all is over.
    """
    _unkilled(work, *_built(work, work.cache))
    _unkilled(work, *_scored(work))
    again = Cache(root=scratch / "again", settings=work.cache.settings)
    return [
        _unkilled(work, *_built(work, again)),
        _unkilled(work, *_scored(work, scratch / "again.csv")),
    ]


def _unkilled(work: Work, *words: str) -> float:
    start = time.monotonic()
    work.nursery.start(*words)
    if work.nursery.wait() != 0:
        raise RuntimeError(f"{words[0]} ended badly, and nobody had killed it")
    return time.monotonic() - start


def _killed_builder(work: Work, place: Path, after: float) -> tuple[bool, str]:
    cache = Cache(root=place, settings=work.cache.settings)
    was_killed = killed_or_ended(work.nursery, after, *_built(work, cache))
    there = [file for file in work.files if cache.find(file) is not None]
    held = _all(cache, there)
    work.nursery.start(*_built(work, cache))
    work.nursery.wait()
    if plan_build(cache, work.files).missing:
        return was_killed, "the cache was not built to its end"
    if _all(cache, work.files) != _all(work.cache, work.files):
        return was_killed, "other levels than of a build that nobody killed"
    if _all(cache, there) != held:
        return was_killed, "what was built before the kill has changed"
    # What a kill left half-written has a name of its own, and is swept an hour later.
    kept = [path for path in cache.folder.glob("*/*.u*") if path.suffix != ".tmp"]
    return was_killed, "" if len(kept) == len(work.files) else "images are there twice"


def _killed_prediction(work: Work, place: Path, after: float) -> tuple[bool, str]:
    out = place.with_suffix(".csv")
    was_killed = killed_or_ended(work.nursery, after, *_scored(work, out))
    left = out.read_text() if out.exists() else ""
    if not work.whole.read_text().startswith(left):  # its rows are there as soon as they are known
        return was_killed, "rows that are not those of a run that nobody killed"
    work.nursery.start(*_scored(work, out))
    work.nursery.wait()
    is_same = out.exists() and out.read_bytes() == work.whole.read_bytes()
    return was_killed, "" if is_same else "other scores than of a run that nobody killed"


def write_checkpoint_in(folder: Path) -> Path:
    folder.mkdir()
    return write_checkpoint(folder)


def _all(cache: Cache, files: Sequence[Path]) -> list[bytes]:
    try:
        images = open_images(cache, files)
    except MammoError:
        return []
    return [np.asarray(images[number]).tobytes() for number in range(len(files))]
