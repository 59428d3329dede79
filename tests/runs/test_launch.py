import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from mammo_core.config import MeasureConfig
from mammo_core.runs.jobs import KEEP_MEMORY, create_run, worker_environment

FAULTS_OF_FIVE_LARGE_BLOCKS = """
import resource
import numpy as np
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def use():
    np.empty(2**26, dtype=np.uint8).fill(1)
use()
before = faults()
for _ in range(5):
    use()
print(faults() - before)
"""


def test_what_somebody_has_set_for_the_workers_stays() -> None:
    told = worker_environment({"MALLOC_MMAP_MAX_": "7", "HOME": "/h"})
    assert told == {**KEEP_MEMORY, "MALLOC_MMAP_MAX_": "7", "HOME": "/h"}


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told so")
def test_a_worker_is_not_given_the_same_memory_anew_for_every_layer() -> None:
    def faults(environment: dict[str, str]) -> int:
        command = [sys.executable, "-c", FAULTS_OF_FIVE_LARGE_BLOCKS]
        told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return int(told.stdout)

    usual = {name: value for name, value in os.environ.items() if name not in KEEP_MEMORY}
    blocks = 5 * 2**26 // (2 * 2**20)  # counted in the largest pages a system deals in
    assert faults(worker_environment(usual)) < blocks // 4
    assert faults(usual) >= blocks


def test_what_a_killed_import_left_is_swept_where_a_run_begins(tmp_path: Path) -> None:
    """Not everybody has a server, which sweeps by the hour; one that goes on is left alone."""
    left, goes_on = tmp_path / ".importing-abcd1234", tmp_path / ".importing-efgh5678"
    for folder in (left, goes_on):
        folder.mkdir()
        (folder / "weights").write_bytes(b"half")
    for path in (left / "weights", left):
        os.utime(path, (0, 0))
    config = MeasureConfig(kind="latency", checkpoint="any")
    run = create_run(config, tmp_path, what="latency", total=0)
    assert sorted(tmp_path.iterdir()) == [goes_on, run.path]
