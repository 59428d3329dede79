"""Uploaded tables are kept by their content, found by an id, and deleted after a while."""

import os
import time
from pathlib import Path

import pytest

from mammo_core.errors import TableError
from mammo_core.runs.kept_tables import KEPT_DAYS, forget_table, keep_table, load_table

CSV = b"label,score\n1,0.9\n"


def test_a_table_comes_back_byte_by_byte_and_is_kept_once(tmp_path: Path) -> None:
    table_id = keep_table(tmp_path / "tables", CSV)
    assert load_table(tmp_path / "tables", table_id) == CSV
    assert keep_table(tmp_path / "tables", CSV) == table_id
    assert len(list((tmp_path / "tables").iterdir())) == 1


@pytest.mark.parametrize("table_id", ["", "../../etc/passwd", "g" * 32, "a" * 31, "A" * 32])
def test_what_is_no_id_opens_no_file(table_id: str, tmp_path: Path) -> None:
    with pytest.raises(TableError, match="names no uploaded table"):
        load_table(tmp_path, table_id)


def test_a_table_is_deleted_some_days_after_its_last_use(tmp_path: Path) -> None:
    old, used = keep_table(tmp_path, CSV), keep_table(tmp_path, CSV + b"0,0.1\n")
    for table_id in (old, used):
        long_ago = time.time() - (KEPT_DAYS + 1) * 86_400
        os.utime(tmp_path / f"{table_id}.csv", (long_ago, long_ago))
    load_table(tmp_path, used)
    keep_table(tmp_path, b"another")
    assert load_table(tmp_path, used)
    with pytest.raises(TableError, match=f"deleted {KEPT_DAYS} days after"):
        load_table(tmp_path, old)


def test_a_table_can_be_forgotten_at_once(tmp_path: Path) -> None:
    table_id = keep_table(tmp_path, CSV)
    forget_table(tmp_path, table_id)
    with pytest.raises(TableError, match="not kept any more"):
        load_table(tmp_path, table_id)
