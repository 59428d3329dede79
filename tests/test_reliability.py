"""The campaigns of benchmarks/reliability/, each at its small size."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.reliability.names import SCRIPTS, Sink, what_is_wrong

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_every_campaign_holds_at_its_small_size_and_is_told_in_the_document() -> None:
    """In a process of its own: it starts servers, mounts disks and kills what it starts."""
    command = [sys.executable, "-m", "benchmarks.reliability", "--small"]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1200
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("kind", "script"),
    [("html", one) for one in SCRIPTS if "<script>" in one.lstrip("<") or one[:2] == "<i"]
    + [("markdown", one) for one in SCRIPTS if "](" in one or one.startswith("<img")],
)
def test_a_page_that_does_not_escape_a_name_is_found_out(
    kind: str, script: str, tmp_path: Path
) -> None:
    page = Sink(name="x", take=lambda name, root: f"<h1>{name}</h1>", kind=kind)
    assert what_is_wrong(page, script, tmp_path).startswith("markup: ")


def test_a_name_that_becomes_an_address_or_a_part_of_a_script_is_found_out(tmp_path: Path) -> None:
    for number, (name, page) in enumerate(
        (
            ("javascript:x()", '<a href="{}">x</a>'),
            ("x()", "<script>'use strict'; {}</script>"),
            ("x()", '<p onclick="{}">x</p>'),
        )
    ):
        sink = Sink(name="x", take=lambda name, root, page=page: page.format(name), kind="html")
        sandbox = tmp_path / str(number)
        sandbox.mkdir()
        assert "x()" in what_is_wrong(sink, name, sandbox)
