"""Tables that somebody uploads: their cells come back as text, and cost the server little."""

import io
import json
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mammo_core.errors import TableError
from mammo_core.preprocessing.reading import limits
from mammo_core.preprocessing.reading.cells import decode_cells, read_csv
from mammo_core.preprocessing.reading.messages import receive_cells, send_cells

WIDE = b",".join(b"c%03d" % number for number in range(4000))
HOSTILE = {
    "one line": (b"a" * 20 * limits.MEGABYTE, "a cell of 20,971,520 characters"),
    "a line of separators": (b"," * 20 * limits.MEGABYTE, "has 20,971,521 columns"),
    "a million columns": (
        b",".join(b"c%d" % number for number in range(10**6)) + b"\n" + b"1," * 10**6,
        "has 1,000,000 columns",
    ),
    "short lines below a wide one": (
        b",".join(b"c%d" % number for number in range(4000)) + b"\n1" * 2_000_000,
        "8,000 million in all; at most 20 million are read",
    ),
    "a wide header over two lines": (
        b'"a\n",' + WIDE[5:] + (b"\n" + b"1," * 3999) * 5100,
        "lines of 4,000 cells, 20 million in all",
    ),
    "a wide header below a blank line": (
        b"\n" + WIDE + (b"\n" + b"1," * 3999) * 5100,
        "lines of 4,000 cells, 20 million in all",
    ),
    "a line of sixteen megabytes": (
        b",".join(b"c%d" % number for number in range(2000)) + b"\n" + (b"x" * 9_000 + b",") * 1999,
        "a line of more than 16 MB",
    ),
    "a bracket of quotation marks": (b"a,b\n" + b'"' * 20_000_001, "breaks off within quotation"),
    "a cell that never ends": (b'a,b\n"' + b"x,\n" * 5_000_000, "breaks off within quotation"),
    "a long cell": (b'a,b\n"' + b"x," * 5_000_000 + b'",1', "cell of 10,000,000 characters"),
    "bytes that are no text": (b"a,b\n1,\0\n", "it is binary"),
    "text that grows on its way": (
        b"a,b\n" + (b"\x01" * 9_000 + b",1\n") * 6_000,
        "holds more than 256 MB of text",
    ),
    "blanks before the data": (b"a\n" + b" \n" * 1_000_000 + b"BEGIN DATAX\n,", "cells where"),
}
LONG_TO_READ = ("text that grows on its way", "a line of sixteen megabytes")


def test_a_table_comes_back_as_text_with_what_is_missing() -> None:
    table = read_csv("id;ä;id\n007;é;1\n;;2\n".encode())
    assert table.columns.tolist() == ["id", "ä", "id.1"]
    assert table.iloc[0].tolist() == ["007", "é", "1"]
    assert table["ä"].isna().tolist() == [False, True]
    assert set(map(str, table.dtypes)) == {"string"}
    assert table.index.tolist() == [0, 1]


@pytest.mark.slow
def test_of_many_cells_those_of_every_piece_come_in_order() -> None:
    data = b"n,half\n" + b"".join(b"%d,%d\n" % (number, number // 2) for number in range(600_000))
    assert len(decode_cells(data)) == 5  # the names, a row, and three times 250,000 at most
    table = read_csv(data)
    assert table["n"].astype("int64").tolist() == list(range(600_000))
    assert table["half"].iloc[-1] == "299999"


def test_a_header_alone_is_a_table_without_rows() -> None:
    assert read_csv(b"id,score\n").shape == (0, 2)


def test_rows_that_are_longer_than_the_header_are_refused_and_not_shifted() -> None:
    with pytest.raises(TableError, match="its lines have more cells than its first"):
        read_csv(b"id,score\n1,2,0.5\n")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name in LONG_TO_READ else name
        for name in HOSTILE
    ],
)
def test_a_hostile_table_is_one_sentence_and_costs_its_server_little(name: str) -> None:
    data, said = HOSTILE[name]
    read_csv(b"id\n1\n")  # the reading process is there
    before, started = _peak_megabytes(), time.process_time()
    with pytest.raises(TableError) as refused:
        read_csv(data)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 400
    assert time.process_time() - started < 5.0
    assert _peak_megabytes() - before < 100


def _peak_megabytes() -> float:
    """The most memory of this process since this was asked last."""
    if sys.platform != "linux":
        return 0.0
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+(\d+)", status)
    assert found
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return int(found[1]) / 1024


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (["a", "a"],),
        (["a", None],),
        ({"a": 1},),
        (["a"], [[1]]),
        (["a"], [["x"], ["y"]]),
        (["a", "b"], [["x"], ["y", "z"]]),
        (["a"], [[["x"]]]),
    ],
)
def test_what_is_no_table_of_words_is_believed_of_no_reading_process(pieces: Sequence[Any]) -> None:
    stream = io.BytesIO()
    send_cells(stream, [json.dumps(one).encode() for one in pieces])
    stream.seek(0)
    with pytest.raises((EOFError, ValueError)):
        receive_cells(stream)


def test_a_table_is_asked_for_no_more_bytes_than_a_table_may_have() -> None:
    document = json.dumps({"cells_bytes": [2**40]}).encode()
    stream = io.BytesIO(len(document).to_bytes(4, "little") + document)
    with pytest.raises(EOFError):
        receive_cells(stream)


def test_an_empty_table_has_columns_of_text() -> None:
    assert isinstance(read_csv(b"id\n")["id"].dtype, pd.StringDtype)
