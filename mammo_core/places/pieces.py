"""Many small tasks: rows in chunks, one chunk after the other here, many at once on a cluster; what
they come to arrives in the order of the rows.

A chunk keeps what it came to as a finished piece on the disk that all machines share, written whole
or not at all: work that is begun again finds it there. What a lost machine was doing is done again
by Ray.
"""

import hashlib
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

from mammo_core.files import replace_file
from mammo_core.places.cluster import hands_on

PIECES: Final = "pieces"  # their folder, in the cache
CHUNK: Final = 64  # rows; a multiple of the batches that networks are run with
_COUNT_EVERY_SECONDS: Final = 5.0
_AHEAD: Final = 4  # chunks in line for each core, so that none waits for the driver

Common = TypeVar("Common")
Chunk = TypeVar("Chunk")
Done = TypeVar("Done")


def in_chunks(
    task: Callable[[Common, Chunk], Done],
    common: Common,
    chunks: Iterable[Chunk],
    *,
    gpus: float = 0.0,
) -> Generator[Done, None, None]:
    """`task(common, chunk)` of each of `chunks`, in order. `task` stands at the top of a module.
    Chunks are taken as they are needed: as many are in memory as are worked on, not more.
    """
    if hands_on():
        return _on_cluster(task, common, iter(chunks), gpus)
    return (task(common, chunk) for chunk in chunks)


def _on_cluster(
    task: Callable[[Common, Chunk], Done],
    common: Common,
    chunks: Iterator[Chunk],
    gpus: float,
) -> Generator[Done, None, None]:
    ray = connected()
    there = ray.remote(task).options(num_cpus=1, num_gpus=gpus, max_retries=-1)
    kept = ray.put(common)
    running: deque[Any] = deque()
    most, counted = 0, -_COUNT_EVERY_SECONDS
    try:
        while True:
            if time.monotonic() - counted > _COUNT_EVERY_SECONDS:  # machines come and go
                counted = time.monotonic()
                most = _AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
            while len(running) < most and (chunk := next(chunks, None)) is not None:
                running.append(there.remote(kept, chunk))
            if not running:
                return
            yield _result(ray, running.popleft())
    finally:
        for left in running:
            ray.cancel(left)


def _result(ray: Any, promised: Any) -> Any:
    """What a chunk came to; its own error where it failed, as it would be raised here."""
    try:
        return ray.get(promised)
    except ray.exceptions.RayTaskError as error:
        raise error.cause or error from None


def connected() -> Any:
    """Ray, joined to the cluster that this process was started by."""
    import ray

    if not ray.is_initialized():
        ray.init(address="auto", logging_level="warning", log_to_driver=False)
    return ray


def has_gpus() -> bool:
    """Whether the cluster that this process was started by has any."""
    return bool(connected().cluster_resources().get("GPU", 0.0) >= 1.0)


def kept_piece(
    folder: Path,
    key: Iterable[str],
    make: Callable[[], bytes],
    *,
    lasts: Callable[[bytes], bool] = lambda made: True,
) -> bytes:
    """The piece of that `key` in `folder`, made now where it is not there yet; one that does not
    last is not kept.
    """
    name = hashlib.sha256("\0".join(key).encode()).hexdigest()
    piece = folder / name[:2] / name
    try:
        return piece.read_bytes()
    except FileNotFoundError:
        made = make()
        if lasts(made):
            piece.parent.mkdir(parents=True, exist_ok=True)
            replace_file(piece, made)
        return made
