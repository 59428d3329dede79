import json
from pathlib import Path

import pytest

from mammo_core.config import RunConfig, load_settings
from mammo_core.datasets.predictions import read_predictions, write_predictions
from mammo_core.errors import CheckpointError, ConfigError, RunError, TableError
from mammo_core.records import damage_in_words
from mammo_core.runs.card import read_card
from mammo_core.runs.sidecars import COST_FILE as COST
from mammo_core.runs.sidecars import LATENCY_FILE as LATENCY
from mammo_core.runs.sidecars import read_cost, read_latency
from tests.predictions import made_up_predictions, write_run


def test_where_json_breaks_off_is_told() -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads('{"a":')
    assert damage_in_words(caught.value) == "it breaks off or is damaged at line 1, column 6"


def test_a_table_cut_within_a_row_says_which_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    write_predictions(made_up_predictions(women=2).iloc[:5], path)
    whole = path.read_text().splitlines()
    path.write_text("\n".join([*whole[:4], whole[4].split(",")[0]]) + "\n")
    with pytest.raises(TableError, match=r"1 of 4 rows .* \(first: row 4\).*copy it again"):
        read_predictions(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "it is empty. Save it as CSV"),
        (b"a,b\n\xff", "it holds bytes that are no UTF-8 text"),
        (b"a,b\n1,2\n1,2,3\n", "line 3 has 3 cells where the lines above have 2"),
        (b'a,b\n1,"2\n', "it breaks off within quotation marks"),
    ],
)
def test_a_file_that_is_no_table_is_told_in_plain_words(
    tmp_path: Path, content: bytes, told: str
) -> None:
    path = tmp_path / "predictions.csv"
    path.write_bytes(content)
    with pytest.raises(TableError) as caught:
        read_predictions(path)
    assert told in str(caught.value)
    assert "copy it again" in str(caught.value)
    assert "codec" not in str(caught.value)


@pytest.mark.parametrize("content", [b'{"a":', b"\xff\xfe"])
def test_a_damaged_card_and_damaged_settings_say_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model_card.json"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"not valid JSON: it .*from a copy"):
        read_card(path)
    with pytest.raises(ConfigError, match=r"not valid JSON: it .*from a copy"):
        load_settings(path, RunConfig)


def test_what_lies_beside_a_card_says_what_to_do_where_it_is_damaged(tmp_path: Path) -> None:
    run = write_run(tmp_path, "20260101-000000-tiny_cnn-torn", made_up_predictions(women=4))
    for name, read in (
        ("status.json", run.read_status),
        (LATENCY, lambda: read_latency(run)),
        (COST, lambda: read_cost(run)),
    ):
        run.file(name).write_bytes(b"\xff")
        with pytest.raises(RunError, match=r"cannot be read: it holds bytes .*(back|Delete)"):
            read()
