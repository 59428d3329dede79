"""Processes killed at any moment, as a power cut or the system's own killer would: what is left?"""

import os
import shutil
import signal
import time
from collections.abc import Callable, Sequence
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
    try:
        os.kill(child, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it has ended
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

    def new_run(name: str) -> RunFolder:
        return create_run(config, scratch / name, what="killed", total=_EPOCHS)

    nursery.start("train", str(new_run("warm").path))
    nursery.wait()
    whole = new_run("whole")
    start = time.monotonic()
    nursery.start("train", str(whole.path))
    if nursery.wait() != 0:
        raise RuntimeError(f"The run that nobody kills ended badly: {whole.read_status().message}")
    seconds = time.monotonic() - start
    draws = np.random.default_rng(17)
    killed = resumed = 0
    failures = []
    while killed < size:
        run = new_run(f"run-{resumed}")
        for _ in range(min(_KILLS_A_RUN, size - killed)):
            after = float(draws.uniform(0, seconds))
            if not killed_or_ended(nursery, after, "train", str(run.path)):
                break
            killed += 1
            if problem := unreadable(run):
                failures.append(f"kill {killed}: {problem}")
        if not run.is_checkpoint:
            nursery.start("train", str(run.path))
            if nursery.wait() != 0:
                failures.append(f"run {resumed}: not resumed: {run.read_status().message}")
                continue
        resumed += 1
        if problem := differs(run, whole):
            failures.append(f"run {resumed}: other {problem} than of a run that nobody killed")
        shutil.rmtree(run.path)
    nursery.close()
    return Counted(
        size=killed,
        figures=(
            f"{killed} kills of {resumed} runs of {_EPOCHS} epochs ({seconds:.1f} s without a "
            f"kill), each at a moment drawn between its start and its end: "
            f"{sum(one.startswith('kill') for one in failures)} left something unreadable; "
            f"{resumed - sum('other' in one for one in failures)} of {resumed} runs, resumed to "
            "their end, have weights, metrics and predictions equal to the last bit.",
        ),
        failures=tuple(failures),
    )


def _images(folder: Path, count: int) -> list[Path]:
    folder.mkdir(parents=True)
    values = np.random.default_rng(3).integers(60, 200, (64, 48)).astype(np.uint8)
    y, x = np.mgrid[:64, :48]
    values[(y - 32) ** 2 + (x - 48) ** 2 > 28**2] = 0
    for number in range(count):
        picture = values + (values > 0) * np.uint8(number % 50)
        path = folder / f"{number:03d}.pgm"
        path.write_bytes(b"P5 48 64 255\n" + picture.astype(np.uint8).tobytes())
    return sorted(folder.iterdir())


def cache_and_prediction(size: int, scratch: Path) -> Counted:
    """In turns: a builder of the cache, and a prediction that writes a table."""
    nursery = Nursery()
    draws = np.random.default_rng(5)
    files = _images(scratch / "images", 40)
    checkpoint = write_checkpoint_in(scratch / "model")
    whole = scratch / "whole.csv"
    write_phantom_set(scratch / "women", women=2, seed=0, size=(64, 32))
    women = sorted((scratch / "women" / "images").iterdir())
    asked = ["predict", *map(str, women), "--checkpoint", str(checkpoint), "--out"]
    failures: list[str] = []
    killed = [0, 0]
    reference = Cache(root=scratch / "reference", settings=PrepareSettings(size=(32, 16)))
    works: Sequence[tuple[str, ...]] = (
        ("build", str(reference.root), str(scratch / "images")),
        ("command", *asked, str(whole)),
    )
    seconds = []
    for work in works:
        start = time.monotonic()
        nursery.start(*work)
        if nursery.wait() != 0:
            raise RuntimeError(f"{work[0]} ended badly, and nobody had killed it")
        seconds.append(time.monotonic() - start)
    levels = [image.tobytes() for image in _all(reference, files)]
    tries = 0
    while sum(killed) < size:
        tries += 1
        after = float(draws.uniform(0, seconds[tries % 2]))
        if tries % 2 == 0:
            cache = Cache(root=scratch / f"cache-{tries}", settings=reference.settings)
            work = ("build", str(cache.root), str(scratch / "images"))
            killed[0] += killed_or_ended(nursery, after, *work)
            there = [file for file in files if cache.find(file) is not None]
            held = {file: _all(cache, [file])[0].tobytes() for file in there}
            nursery.start(*work)
            nursery.wait()
            if plan_build(cache, files).missing:
                failures.append(f"try {tries}: the cache was not built to its end")
            elif [image.tobytes() for image in _all(cache, files)] != levels:
                failures.append(f"try {tries}: other levels than of a build that nobody killed")
            elif any(_all(cache, [file])[0].tobytes() != held[file] for file in there):
                failures.append(f"try {tries}: what was built before the kill has changed")
            if len([*cache.folder.glob("*/*.u*")]) != len(files):
                failures.append(f"try {tries}: images are there twice")
        else:
            out = scratch / f"{tries}.csv"
            killed[1] += killed_or_ended(nursery, after, "command", *asked, str(out))
            if out.exists() and out.read_bytes() != whole.read_bytes():
                failures.append(f"try {tries}: half a table of scores")
            nursery.start("command", *asked, str(out))
            nursery.wait()
            if not out.exists() or out.read_bytes() != whole.read_bytes():
                failures.append(f"try {tries}: other scores than of a run that nobody killed")
    nursery.close()
    return Counted(
        size=sum(killed),
        figures=(
            f"{killed[0]} kills of a builder of the cache ({len(files)} images), {killed[1]} of a "
            f"prediction ({len(women)} images): {len(failures)} times something was lost, doubled, half or "
            "another than without a kill, after it was started again.",
        ),
        failures=tuple(failures),
    )


def write_checkpoint_in(folder: Path) -> Path:
    folder.mkdir()
    return write_checkpoint(folder)


def _all(cache: Cache, files: Sequence[Path]) -> list[np.ndarray]:
    try:
        images = open_images(cache, files)
    except MammoError:
        return []
    return [np.asarray(images[number]) for number in range(len(files))]
