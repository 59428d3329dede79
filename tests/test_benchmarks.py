"""The table of `python -m benchmarks`: each side in a process of its own, in turns, told whole."""

import math
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks import cache, growth, metrics, reading
from benchmarks.__main__ import PARTS, entries_of
from benchmarks.coverage_rows import (
    MOST_WRONG,
    NOTES,
    WANTED,
    WRITTEN,
    Part,
    as_markdown,
    rows_kept,
)
from benchmarks.side_by_side import (
    Comparison,
    Growth,
    compare,
    drawn_on,
    grow,
    in_megabytes,
    in_seconds,
    in_times,
    measure,
    table,
)
from mammo_core.files import REPOSITORY
from mammo_core.metrics import (
    agreement,
    curves,
    mrmc,
    multiclass,
    net_benefit,
    partial,
    rates,
    smooth,
    subgroups,
    uncertainty,
    verified,
)
from tests import benchmarked
from tests.benchmarked import HELD, LACKING, MORE, TURNS

README = REPOSITORY / "benchmarks" / "README.md"
MODULE = benchmarked.__name__


def test_a_row_tells_the_best_turn_of_each_side_and_how_often_it_goes_into_the_other() -> None:
    first, second = compare(MODULE, TURNS)
    assert first[:4] == ("turns", "1.0 s", "b: 3.0 s", "3")
    assert second[2] == "books: 2.0 s"  # after two turns of both; the first is not timed
    assert first[4].endswith(" MB")


def test_what_is_missing_or_broken_is_told_and_the_rest_is_measured() -> None:
    missing, broken, there = compare(MODULE, LACKING)
    assert missing[2] == "rival: not installed: pip install surely_not_installed"
    assert broken[2] == "broken: failed (ValueError: a new version / has another name)"
    assert (missing[3], broken[3]) == ("-", "-")
    assert there == ("lacking", "500 ms", "b: 1.5 s", "3", "-", "-")


def test_memory_is_what_a_side_took_at_its_most_beyond_what_was_loaded() -> None:
    found = measure(MODULE, HELD, size=1, turns=1)
    held, other = found["held"], found["a"]
    assert not isinstance(held, str)
    assert not isinstance(other, str)
    if math.isnan(held.megabytes):
        pytest.skip("this system does not tell")
    assert 60 <= held.megabytes < 80
    assert other.megabytes < 16
    soon = found["soon"]
    assert not isinstance(soon, str)
    assert in_megabytes(soon.megabytes) == "-"  # it was over before anybody could look


def test_growth_is_drawn_on_beyond_what_was_measured_and_says_so() -> None:
    cells = grow(MODULE, MORE)
    assert cells[:4] == (
        "more",
        "8 min",
        "about 83 min, from 1,000",
        "about 833 min, from 1,000",
    )
    assert cells[4].endswith(" at 1,000")
    assert drawn_on({100: 3.0, 1_000: 12.0}, 10_000) == pytest.approx(102.0)


def test_seconds_have_a_unit_that_fits() -> None:
    told = [in_seconds(seconds) for seconds in (0.00042, 0.042, 4.2, 420.0)]
    assert told == ["0.4 ms", "42 ms", "4.2 s", "7 min"]
    assert [in_times(ratio) for ratio in (0.253, 3.0, 114.2, 7_671.0)] == [
        "0.25",
        "3",
        "114",
        "7,671",
    ]


def test_the_table_is_markdown() -> None:
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


@pytest.mark.parametrize("part", PARTS)
def test_the_readme_names_every_entry(part: str) -> None:
    told = README.read_text(encoding="utf-8")
    entries = entries_of(part)
    assert len({entry.what for entry in entries}) == len(entries) > 0
    for entry in entries:
        assert f"| {entry.what} |" in told
        if isinstance(entry, Comparison):
            assert all(f"| {side.name}: " in told for side in entry.instead)
            assert len({side.name for side in entry.sides}) == len(entry.sides)


QUICK: list[tuple[Any, int]] = [
    (reading.ENTRIES[0], 64),
    (cache.ENTRIES[2], 2),
    (metrics.ENTRIES[0], 2_000),
    (metrics.ENTRIES[1], 2_000),
    (metrics.ENTRIES[2], 2_000),
    (growth.ENTRIES[2], 8),
    (growth.ENTRIES[3], 400),
]
SLOW: list[tuple[Any, int]] = [
    *((entry, 64) for entry in reading.ENTRIES[1:]),
    (cache.ENTRIES[0], 1),
    (growth.ENTRIES[0], 2),
    (growth.ENTRIES[1], 40),
    (growth.ENTRIES[4], 40),
]


@pytest.mark.parametrize(
    ("entry", "size"),
    [
        *(pytest.param(*one, id=one[0].what) for one in QUICK),
        *(pytest.param(*one, id=one[0].what, marks=pytest.mark.slow) for one in SLOW),
    ],
)
def test_every_side_does_its_work(
    entry: Comparison | Growth, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    folder = tmp_path / "data"
    folder.mkdir()
    entry.put(folder, size)
    for side in entry.sides:
        if side.is_there:
            with side.open(folder) as work:
                assert work() > 0


@pytest.mark.slow
def test_an_exam_is_read_and_scored_by_the_networks_that_ship(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks.score_and_heatmap import exam

    monkeypatch.setenv("MAMMO_HOME", str(tmp_path))
    exam(rounds=1)
    told = capsys.readouterr().out.splitlines()[-1]
    networks, read, scored = (cell.strip() for cell in told.strip("|").split("|"))
    assert networks.startswith("5 networks, ")
    assert all(float(cell.removesuffix(" s")) > 0.0 for cell in (read, scored))


def test_the_table_of_coverage_is_that_of_its_rows_and_notes() -> None:
    assert WRITTEN.read_text(encoding="utf-8") == as_markdown()


def test_no_interval_that_is_shown_holds_too_rarely_and_no_test_claims_too_often() -> None:
    rows = rows_kept()
    tests = rows["part"].isin([Part.TESTS, Part.OWN_TESTS])
    told = rows[rows["share"].notna()]
    assert told.loc[~tests, "share"].min() >= WANTED[0]
    assert told.loc[tests, "share"].max() <= MOST_WRONG
    assert set(rows["part"]) == set(Part)


def test_what_holds_more_often_than_it_says_is_explained() -> None:
    rows = rows_kept()
    above = rows[~rows["part"].isin([Part.TESTS, Part.OWN_TESTS]) & (rows["share"] > WANTED[1])]
    notes = " ".join(NOTES.read_text(encoding="utf-8").lower().split())
    said = notes.split("above 99 %: ")[1].split("intervals that are shown and have no row")[0]
    figures = {name.split(",")[0] for name in above["name"]}
    assert {one for one in figures if one.lower() not in said} == set()


@pytest.mark.parametrize(
    ("figure", "fewest"),
    [
        ("average precision", (curves.FEWEST_FOR_PRECISION,)),
        ("probabilistic F1", (uncertainty.FEWEST_GROUPS,)),
        ("balanced accuracy", (rates.FEWEST_TO_JOIN,)),
        ("expected calibration error", (uncertainty.FEWEST_OF_CLASS,)),
        ("every rate at the best", (uncertainty.FEWEST_OF_CLASS,)),
        ("F1, the mean over classes", (multiclass._FEWEST_OF_RAREST,)),
        ("partial AUC", (partial.FEWEST_OF_EACH,)),
        ("smooth calibration curve", (smooth.FEWEST_OF_EACH,)),
        ("Brier score", (uncertainty.FEWEST_GROUPS,)),
        ("test of two AUCs", (uncertainty.FEWEST_GROUPS,)),
        ("test of two net benefits", (net_benefit.FEWEST_OF_EACH,)),
        ("gaps between parts", (subgroups.FEWEST_WOMEN,)),
        ("readers", (mrmc.FEWEST_WOMEN, mrmc.FEWEST_FIXED, mrmc.FEWEST_READERS)),
        ("Begg and Greenes", (verified.FEWEST_OF_EACH,)),
        ("kappa", (uncertainty.FEWEST_GROUPS, agreement._FEWEST_APART)),
    ],
)  # fmt: skip
def test_what_is_hidden_of_few_is_told_with_the_number_of_the_code(
    figure: str, fewest: tuple[int, ...]
) -> None:
    """In the table of coverage_notes.md."""
    table = NOTES.read_text(encoding="utf-8").split("| figure | hidden |")[1].split("\n\n")[0]
    lines = table.splitlines()
    (limits,) = (line.split("|")[2] for line in lines if line.startswith(f"| {figure}"))
    assert tuple(int(number) for number in re.findall(r"\d+", limits)) == fewest
