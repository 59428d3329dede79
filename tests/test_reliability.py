"""The campaigns of benchmarks/reliability/, each at its small size."""

import contextlib
import hashlib
import json
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.reliability.__main__ import NOT_RUN, carried_out, exit_code, in_words
from benchmarks.reliability.campaign import Campaign, Counted
from benchmarks.reliability.client import Drawn, look_at, sample_files
from benchmarks.reliability.damage import be_ready, outcome_and_death
from benchmarks.reliability.disks import (
    TOO_SMALL,
    Writer,
    full_disks,
    lines_on,
    log_on,
    outcome_of,
    sizes_of,
)
from benchmarks.reliability.edges import edges
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
from benchmarks.reliability.kills import Work, usual_seconds
from benchmarks.reliability.memory import MemoryHeld, held_through, wait_until_steady
from benchmarks.reliability.names import SCRIPTS, Sink, what_is_wrong
from benchmarks.reliability.people import (
    RUN,
    Files,
    cases_kept,
    is_scored,
    lost_of,
    not_moved,
    not_opened,
    one_of_its_own,
    slider_of,
    two_of_four,
    write_scores,
)
from benchmarks.reliability.scripts import Sightings, Spot, unseen
from mammo_core.config import PrepareSettings
from mammo_core.errors import DiskError, MammoError
from mammo_core.files import samples_root, scratch_beside, shipped_checkpoints_root
from mammo_core.inference.kept import SAMPLE_READINGS
from mammo_core.preprocessing.cache import Cache
from mammo_core.preprocessing.reading.isolation import ReadingProcess
from mammo_core.reports.case.record import ReadCase
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.naming import is_archived
from pages.components.shared.viewer.viewer import pack_message
from tests.full_disk import room_for
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


def test_a_campaign_that_ends_by_itself_is_told_as_failing_and_ends_no_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAMMO_HOME", "")  # each has its own

    def end(size: int, scratch: Path) -> Counted:
        raise RuntimeError(f"{scratch}/log is gone")

    campaign = Campaign(
        name="x", title="X", counts="", line="", unit="tries", size=2, small=1, run=end
    )
    assert carried_out(campaign, 1, is_shown_only=True) is False
    assert "**FAILS: ended by RuntimeError.** log is gone" in capsys.readouterr().out


def test_a_reader_that_dies_at_its_first_try_alone_has_died(tmp_path: Path) -> None:
    died = tmp_path / "died"
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from mammo_core.preprocessing.reading.messages import (\n"
        "    Refused, Reply, Request, receive, send)\n"
        f"died, files = Path({str(died)!r}), 0\n"
        "send(sys.stdout.buffer, Reply())\n"
        "while True:\n"
        "    sys.stdin.buffer.read(receive(sys.stdin.buffer, Request).length)\n"
        "    files += 1\n"
        "    if files == 2 and not died.exists():\n"
        "        died.touch()\n"
        "        os.abort()\n"
        "    refused = Refused(code='damaged', sentence='It is damaged.', hint='')\n"
        "    send(sys.stdout.buffer, Reply(refused=refused))\n"
    )
    with contextlib.closing(ReadingProcess(command=(sys.executable, "-c", code))) as process:
        be_ready(process, b"x")
        outcomes = [outcome_and_death(process, b"x") for _ in range(2)]
    assert outcomes == [("damaged", True), ("damaged", False)]


class SlowAtFirst:
    """As much of a nursery as is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.clock = 0.0

    def monotonic(self) -> float:
        return self.clock

    def start(self, *words: str) -> int:
        self.clock += 0.0 if words[0] in self.asked else 2.0
        self.asked.append(words[0])
        return 1

    def wait(self) -> int:
        return 0


def test_kills_are_drawn_from_how_long_a_work_takes_when_nothing_is_converted_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nursery = SlowAtFirst()
    monkeypatch.setattr("benchmarks.reliability.kills.time", nursery)
    work = Work(
        nursery=nursery,  # type: ignore[arg-type]
        files=[tmp_path / "images" / "a.pgm"],
        asked=("predict",),
        cache=Cache(root=tmp_path, settings=PrepareSettings()),
        whole=tmp_path / "whole.csv",
    )
    assert usual_seconds(work, tmp_path) == [0.0, 0.0]
    assert nursery.clock == 4.0


def test_a_disk_without_room_for_our_own_ballast_is_not_tried(tmp_path: Path) -> None:
    with room_for(4096):
        assert outcome_of(log_on, tmp_path) == TOO_SMALL
    sizes = sizes_of(Writer(name="x", work=log_on, least=4 * 4096), 15 * 4096, 10)
    assert (len(sizes), min(sizes), max(sizes)) == (10, 5 * 4096, 14 * 4096)


def test_a_writer_that_no_disk_was_large_enough_for_is_told_as_failing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, stand_in in (
        ("small_disk", lambda place, size: contextlib.nullcontext(tmp_path)),
        ("space_of", lambda work, scratch: 2**16),
        (
            "_writers",
            lambda scratch: [
                Writer(name="some", work=lambda disk: "told"),
                Writer(name="none", work=lambda disk: TOO_SMALL),
            ],
        ),
    ):
        monkeypatch.setattr(f"benchmarks.reliability.disks.{name}", stand_in)
    counted = full_disks(6, tmp_path)
    assert counted.size == 3
    assert counted.failures == ("none: no disk was large enough to try",)


def test_what_a_page_says_is_wrong_is_a_failure() -> None:
    drawn = Drawn()
    for kind in (Alert.WARNING, Alert.ERROR):
        message = ForwardMsg()
        message.delta.new_element.alert.format = kind
        message.delta.new_element.alert.body = f"Checkpoint {kind} lacks weights."
        look_at(message, drawn)
    assert drawn.errors == [f"Checkpoint {Alert.ERROR} lacks weights."]


def test_scores_without_weights_are_no_model_to_read_with(tmp_path: Path) -> None:
    write_scores(tmp_path)
    run = RunFolder(tmp_path / "checkpoints" / RUN)
    assert (is_archived(run), run.has_predictions) == (True, True)


def test_of_what_people_drop_no_score_is_kept_with_a_checkpoint() -> None:
    kept = (shipped_checkpoints_root() / "phantom-light" / SAMPLE_READINGS).read_text()

    def are_kept(files: Files) -> list[bool]:
        return [hashlib.sha256(content).hexdigest() in kept for _, content in files]

    assert are_kept(sample_files(samples_root(), "exam_")) == [True] * 4
    draws = np.random.default_rng(0)
    assert are_kept([*two_of_four(draws), *one_of_its_own(draws)]) == [False] * 3


def test_a_page_that_shows_no_score_of_what_was_dropped_is_found_out() -> None:
    ids = [hashlib.sha256(content).hexdigest()[:12] for content in (b"a", b"b")]
    files = [("a.dcm", b"a"), ("b.dcm", b"b")]
    panel = 'component_name: "mammo_score_panel" key: "{}"'
    assert is_scored(Drawn(texts=[panel.format(" ".join(ids))]), files)
    assert not is_scored(Drawn(texts=[panel.format(ids[0])]), files)
    assert not is_scored(Drawn(texts=[f'component_name: "mammo_viewer" {ids}']), files)


def test_a_case_that_is_lost_under_many_people_is_found_out(tmp_path: Path) -> None:
    assert cases_kept(tmp_path, ["b"]) == (0, ["case b is lost"])


def test_an_exception_amid_uploads_is_raised_and_nothing_watches_on() -> None:
    def fail() -> Iterator[None]:
        yield
        raise ValueError("The server is gone.")

    before = set(threading.enumerate())
    with pytest.raises(ValueError, match="gone"):
        held_through(fail(), lambda: 300.0)
    assert set(threading.enumerate()) <= before


def test_memory_is_measured_when_a_model_is_loaded_and_not_in_a_pause_before() -> None:
    passed = 0.0

    def wait(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    def held() -> float:
        return 300.0 if passed < 15 else 420.0

    assert wait_until_steady(held, lambda: False, wait=wait)
    assert passed == 45
    assert wait_until_steady(held, lambda: passed < 100, wait=wait)
    assert passed == 129
    assert not wait_until_steady(lambda: 10 * passed, lambda: False, wait=wait)


def test_a_threshold_is_moved_as_a_browser_moves_it() -> None:
    message = ForwardMsg()
    message.delta.fragment_id = "a fragment"
    component = message.delta.new_element.bidi_component
    component.id, component.component_name = "a slider", "mammo_threshold_slider"
    component.bytes = pack_message({"of": "these scores"}, [np.zeros(3)])
    drawn = Drawn()
    look_at(message, drawn)
    slider = slider_of(drawn)
    assert slider.header["of"] == "these scores"
    asked = slider.changed({"threshold": 0.5}, query="run=x", page_hash="a page").rerun_script
    assert (asked.fragment_id, asked.query_string) == ("a fragment", "run=x")
    assert asked.page_script_hash == "a page"
    (widget,) = asked.widget_states.widgets
    assert (widget.id, json.loads(widget.json_value)) == ("a slider", {"threshold": 0.5})


def test_a_threshold_that_stays_or_a_page_drawn_as_a_whole_is_found_out() -> None:
    moved = Drawn(is_part=True)
    assert not_moved(moved, "run=x&threshold=0.25", 0.25) == []
    assert not_moved(moved, "run=x", 0.25) == ["the threshold stayed where it was"]
    assert not_moved(Drawn(), "threshold=0.25", 0.25) == ["the whole page was drawn anew"]


def test_of_every_file_at_the_edge_the_words_of_its_refusal_are_known() -> None:
    assert [
        edge.name for edge in edges() if edge.said and not re.search(r"\w\w|\d", edge.said)
    ] == []
