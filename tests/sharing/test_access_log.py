"""The access log: what was changed afterwards is found."""

import json
from pathlib import Path

import pytest

from mammo_core.cli import main
from mammo_core.errors import DiskError, RunError
from mammo_core.sharing.access_log import note_access, read_accesses, verify
from tests.full_disk import room_for

CASE = "c" * 64


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path))
    file = tmp_path / "access.jsonl"
    for action in ("signed in", "opened a case", "saw a score", "signed out"):
        note_access(file, "anna", action, case=CASE if "case" in action else "", model="m")
    return file


def test_each_line_follows_from_the_one_before(log: Path) -> None:
    assert [one.action for one in read_accesses(log)][1] == "opened a case"
    assert [one.case for one in read_accesses(log)] == ["", CASE, "", ""]
    found = verify(log)
    assert (found.lines, found.holds_noted) == (4, True)
    note_access(log, "ben", "signed in")
    assert verify(log, noted=found.last).holds_noted


def test_a_line_that_is_changed_taken_out_or_put_in_is_found(log: Path) -> None:
    lines = log.read_text().splitlines(keepends=True)
    forged = json.dumps({**json.loads(lines[1]), "account": "ben"}) + "\n"
    for changed, first_wrong in (
        ([lines[0], forged, *lines[2:]], 3),
        ([lines[0], *lines[2:]], 2),
        ([lines[0], lines[1], lines[1], *lines[2:]], 3),
        ([lines[1], lines[0], *lines[2:]], 1),
    ):
        log.write_text("".join(changed))
        with pytest.raises(RunError, match=f"Line {first_wrong} "):
            verify(log)


def test_lines_cut_off_the_end_are_found_by_a_hash_that_was_noted(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["access-log", "verify"]) == 0
    noted = capsys.readouterr().out.strip().rpartition(" ")[2]
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(lines[:-1]))
    assert main(["access-log", "verify"]) == 0, "a chain alone cannot tell"
    assert main(["access-log", "verify", "--noted", noted]) == 2
    assert "cut off" in capsys.readouterr().err


def test_half_a_line_stands_as_damaged_and_the_next_begins_anew(log: Path) -> None:
    log.write_bytes(log.read_bytes()[:-20])
    note_access(log, "ben", "signed in")
    with pytest.raises(RunError, match=r"Line 4 .* damaged"):
        verify(log)
    last = json.loads(log.read_text().splitlines()[-1])
    assert last["account"] == "ben"


def test_a_line_that_finds_no_room_leaves_the_log_whole(log: Path) -> None:
    before = verify(log).lines
    with room_for(log.stat().st_size + 40), pytest.raises(DiskError, match="no room left"):
        note_access(log, "anna", "opened a case")
    note_access(log, "anna", "opened a case")
    assert verify(log).lines == before + 1
