"""The campaigns of benchmarks/reliability/, each at its small size."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_every_campaign_holds_at_its_small_size_and_is_told_in_the_document() -> None:
    """In a process of its own: it starts servers, mounts disks and kills what it starts."""
    command = [sys.executable, "-m", "benchmarks.reliability", "--small"]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1200
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
