"""The campaigns of benchmarks/reliability/, each at its small size."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.reliability.__main__ import NOT_RUN, exit_code, in_words
from benchmarks.reliability.client import Drawn
from benchmarks.reliability.disks import lines_on, outcome_of
from benchmarks.reliability.identity import (
    Marks,
    as_read,
    breast,
    everything_below,
    export_with_identity,
    found_in,
    lettered,
    letters_in,
    marked_dicom,
    read_and_keep,
)
from benchmarks.reliability.names import SCRIPTS, Sink, what_is_wrong
from benchmarks.reliability.people import (
    MemoryHeld,
    held_through,
    lost_of,
    not_opened,
    one_of_its_own,
)
from benchmarks.reliability.scripts import Sightings, Spot, unseen
from mammo_core.errors import DiskError, MammoError
from mammo_core.files import scratch_beside
from mammo_core.reports.case.record import ReadCase
from tests.reports.read_cases import read_case

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_every_campaign_holds_at_its_small_size_and_is_told_in_the_document() -> None:
    """In a process of its own: it starts servers, mounts disks and kills what it starts."""
    command = [sys.executable, "-m", "benchmarks.reliability", "--small"]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1200
    )
    if ended.returncode == NOT_RUN:
        pytest.skip(ended.stdout.splitlines()[-1])
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_campaign_that_was_not_run_has_not_held() -> None:
    assert exit_code({"names": True, "disks": None}) == NOT_RUN
    assert exit_code({"names": False, "disks": None}) == 1
    assert exit_code({"names": True}) == 0
    assert in_words({"names": True, "disks": None}).endswith("1 of 2 were not run: disks.")


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


def test_what_is_left_half_written_is_found_before_anybody_sweeps(tmp_path: Path) -> None:
    def leave(disk: Path) -> str:
        scratch_beside(disk / "x.json").write_text("half")
        raise DiskError("There is no room left on the disk.")

    assert "left behind: ['.x.json" in outcome_of(leave, tmp_path)
    assert outcome_of(lambda disk: "told", tmp_path / "clean") == "told"
    (tmp_path / "imported").mkdir()
    (tmp_path / "imported" / ".importing-x1y2").mkdir()
    assert ".importing-x1y2" in outcome_of(lambda disk: "done", tmp_path / "imported")


def test_a_full_disk_that_is_not_told_of_in_words_is_found_out(tmp_path: Path) -> None:
    def fail(error: Exception) -> str:
        raise error

    assert outcome_of(lambda disk: fail(OSError(28, "x")), tmp_path).startswith("OSError")
    assert outcome_of(lambda disk: fail(MammoError("Sorry.")), tmp_path) == "other words: Sorry."


def test_half_a_line_or_one_too_few_on_a_full_disk_is_found_out(tmp_path: Path) -> None:
    lines: list[int] = []

    def add(disk: Path, number: int) -> None:
        if number == 3 and (disk / "ballast").exists():
            lines.append(-1)  # half of it
            raise DiskError("There is no room left on the disk.")
        lines.append(number)

    assert lines_on(tmp_path, add, lambda disk: lines) == "what was taken cannot be read as it was"
    lines.clear()
    assert lines_on(tmp_path, add, lambda disk: [one for one in lines if one >= 0]) == "told"


def case_of(pixels: np.ndarray) -> ReadCase:
    case = read_case()
    return replace(case, images=(replace(case.images[0], pixels=pixels, heat=None, regions=()),))


def test_letters_beside_the_breast_that_reach_an_export_are_found() -> None:
    found = letters_in(case_of(lettered(0)))
    assert any("_image.dcm" in one for one in found)
    assert any(".png" in one for one in found)
    assert any("report.html" in one for one in found)
    assert letters_in(case_of(breast(0))) == []


def test_a_mark_that_is_kept_is_found_wherever_it_lies(tmp_path: Path) -> None:
    marks = Marks()
    for place in ("name", "text", "wide"):
        marks.word(place)
    name, text, wide = (mark.decode() for mark in marks.planted)
    (tmp_path / name).mkdir()
    (tmp_path / name / "a.json").write_text(f"x{text}x")
    (tmp_path / name / "b.bin").write_bytes(wide.encode("utf-16-le"))
    found = found_in(everything_below(tmp_path), marks)
    assert {one.partition(" (")[0] for one in found} == {"name", "text", "wide"}


def test_the_marks_of_a_woman_are_in_an_export_that_names_her(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else that export was not made, and nothing of it could be left behind."""
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path))
    marks = Marks()
    files = [("a.dcm", marked_dicom(marks, [], 0))]
    (case,) = read_and_keep(files)
    contents = {case.images[0].ref.image_id: files[0][1]}
    made = export_with_identity(as_read(case), contents)
    named = {one.partition(" (")[0] for one in found_in({"export": made}, marks)}
    assert named >= {"PatientID", "StudyInstanceUID"}


def test_what_the_first_upload_made_a_server_keep_is_found_out() -> None:
    """Measured from before it: from after it nothing seems to be kept."""
    megabytes = 300.0

    def upload() -> Iterator[None]:
        nonlocal megabytes
        for kept in (600.0, 610.0):
            megabytes = kept
            yield

    held = held_through(upload(), lambda: megabytes, patience=0.0)
    assert held == MemoryHeld(start=300.0, peak=610.0, end=610.0)
    assert held.failures == ["the server kept 310 MB when all tabs were closed"]
    assert MemoryHeld(start=300.0, peak=1600.0, end=400.0).failures == ["the server held 1600 MB"]
    assert MemoryHeld(start=300.0, peak=900.0, end=480.0).failures == []


def test_a_case_that_an_address_was_given_for_and_is_gone_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "cases" / "a").mkdir(parents=True)
    assert lost_of(["a", "b", "b"], tmp_path) == ["case b is lost"]


def test_a_case_that_the_next_server_does_not_show_is_found_out() -> None:
    gone = Drawn(texts=["This case is no longer kept."])
    assert not_opened("c", gone, images=["1f"]) == ["case c: 1 of 1 images are not shown"]
    assert not_opened("c", Drawn(texts=["x"], errors=["OSError: y"]), images=["1f"])
    assert not_opened("c", Drawn(texts=['{"key": "1f"}']), images=["1f"]) == []


def test_no_two_people_drop_the_same_file() -> None:
    draws = np.random.default_rng(0).spawn(2)
    dropped = [one_of_its_own(own)[0][1] for own in draws for _ in range(2)]
    assert len(set(dropped)) == 4


def test_a_place_that_shows_no_script_has_tried_nothing() -> None:
    places = {name: Spot(name=name, address="", is_shown=name != "c") for name in "abc"}
    assert unseen(Counter({"a": 1}), places) == [
        "b showed none of the scripts as text: nothing was tried there"
    ]


class PageThatRuns:
    """As much of a tab as is asked for."""

    def wait_for_timeout(self, milliseconds: float) -> None: ...

    def evaluate(self, asked: str) -> object:
        return ["alert: 1"] if asked == "window.__ran" else "<script>alert(1)</script>"


def test_a_script_that_runs_is_told_with_its_place() -> None:
    looks = Sightings()
    looks.look(PageThatRuns(), Spot(name="a report", address=""), "<script>alert(1)</script>")  # type: ignore[arg-type]
    assert looks.ran == ["'<script>alert(1)</script>', a report: alert: 1"]
    assert looks.shown["a report"] == 1
