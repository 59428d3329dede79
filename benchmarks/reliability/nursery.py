"""A process that has imported everything slow, and forks a child for each thing to be killed.

So a kill costs the work it interrupts and not seconds of imports. One line of JSON in, the number
of the child out; when the child has ended, however it did, its status.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks.reliability.campaign import ROOT, refuse_windows


def train(folder: str) -> int:
    from mammo_core.worker import main

    return main("train", Path(folder))


def build(cache: str, images: str) -> int:
    from mammo_core.config import PrepareSettings
    from mammo_core.preprocessing.cache import Cache, build_cache

    built = build_cache(
        Cache(root=Path(cache), settings=PrepareSettings(size=(32, 16))),
        sorted(Path(images).iterdir()),
        processes=1,
        report=lambda done, total: None,
    )
    return len(built.unreadable)


def command(*words: str) -> int:
    from mammo_core.cli import main

    return main(list(words))


WORKS: Final[dict[str, Callable[..., int]]] = {
    work.__name__: work for work in (train, build, command)
}


class Nursery:
    """The process, seen from a campaign."""

    def __init__(self) -> None:
        refuse_windows()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.reliability.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENVINO_NUM_THREADS": "1"},
        )
        self._line()

    def start(self, work: str, *arguments: str) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([work, *arguments]) + "\n")
        self._process.stdin.flush()
        return int(self._line())

    def wait(self) -> int:
        """How the last child ended: 0, its own number, or minus the signal that killed it."""
        return int(self._line())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("The nursery has ended.")
        return line


def main() -> int:
    import torch

    import mammo_core.inference.scoring
    import mammo_core.training.session
    import mammo_core.worker  # noqa: F401 - imported so that no child has to

    torch.set_num_threads(1)
    print("ready", flush=True)
    for line in sys.stdin:
        work, *arguments = json.loads(line)
        child = os.fork()
        if child == 0:
            _be_a_child(work, arguments)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    return 0


def _be_a_child(work: str, arguments: list[Any]) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    status = 1
    try:
        status = WORKS[work](*arguments)
    finally:
        os._exit(status)


if __name__ == "__main__":
    sys.exit(main())
