"""All images of a data set, prepared into the cache."""

import os
from collections.abc import Callable
from pathlib import Path

from mammo_core.config import PrepareSettings
from mammo_core.datasets.dataset import Dataset
from mammo_core.errors import ConfigError
from mammo_core.files import cache_root
from mammo_core.preprocessing.cache import Built, Cache, Plan, build_cache, plan_build


def plan_preparing(dataset: Dataset, settings: PrepareSettings) -> Plan:
    """The images still missing, the room they would take, and the room there is."""
    return plan_build(_cache(settings), _files(dataset))


def prepare_dataset(
    dataset: Dataset,
    settings: PrepareSettings,
    *,
    processes: int,
    report: Callable[[int, int, str], None],
    should_stop: Callable[[], bool] = lambda: False,
) -> Built:
    """Prepare every image that is not in the cache yet, on `processes` cores (0: all)."""
    return build_cache(
        _cache(settings),
        _files(dataset),
        processes=processes or os.cpu_count() or 1,
        report=lambda done, total: report(done, total, f"Preparing images: {done} of {total}"),
        should_stop=should_stop,
    )


def in_words(built: Built) -> str:
    """The outcome as one sentence."""
    if built.was_stopped:
        return f"Stopped on request; the {built.built} images prepared so far stay in the cache."
    told = f"{built.built} images prepared."
    if built.unreadable:
        first = built.unreadable[0]
        told += (
            f" {len(built.unreadable)} cannot be read (first: {first.file.name}: {first.reason})"
        )
    return told


def _cache(settings: PrepareSettings) -> Cache:
    problems = settings.check()
    if problems:
        raise ConfigError("\n".join(problems))
    return Cache(root=cache_root(), settings=settings)


def _files(dataset: Dataset) -> list[Path]:
    """Each once: in some collections several rows tell of one image."""
    return [dataset.root / str(path) for path in dataset.manifest["path"].drop_duplicates()]
