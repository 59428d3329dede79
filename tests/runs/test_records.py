from dataclasses import dataclass
from pathlib import Path

import pytest

from mammo_core.errors import DiskError, RunError
from mammo_core.runs.sidecars import append_record, read_records
from tests.full_disk import room_for


@dataclass(frozen=True, kw_only=True)
class Note:
    number: int


def test_records_come_back_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    for number in (3, 1, 2):
        append_record(path, Note(number=number))
    assert [note.number for note in read_records(path, Note)] == [3, 1, 2]


def test_what_comes_after_a_cut_line_gets_a_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_text('{"number": 1}\n{"num')
    append_record(path, Note(number=2))
    assert path.read_text() == '{"number": 1}\n{"num\n{"number": 2}\n'


def test_a_record_that_finds_no_room_says_so_and_leaves_no_half_of_itself(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    append_record(path, Note(number=1))
    with room_for(path.stat().st_size + 5), pytest.raises(DiskError, match="no room left"):
        append_record(path, Note(number=2))
    append_record(path, Note(number=3))
    assert [note.number for note in read_records(path, Note)] == [1, 3]


@pytest.mark.parametrize("broken", [b'{"number"', b"\xff\xfe", b'{"number": "two"}', b"[]"])
def test_a_damaged_line_is_named_with_what_to_do(tmp_path: Path, broken: bytes) -> None:
    path = tmp_path / "run" / "notes.jsonl"
    path.parent.mkdir()
    path.write_bytes(b'{"number": 1}\n' + broken + b"\n")
    with pytest.raises(RunError, match=r"line 2 of notes.jsonl in the folder run.*delete line 2"):
        read_records(path, Note)
