"""What was measured of coverage, a row each in coverage.csv, and how coverage.md tells it."""

from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

ROWS: Final = Path(__file__).with_name("coverage.csv")
WRITTEN: Final = Path(__file__).with_name("coverage.md")
NOTES: Final = Path(__file__).with_name("coverage_notes.md")
WANTED: Final = (0.92, 0.99)
MOST_WRONG: Final = 0.06  # of a test, where .05 are meant


class Part(StrEnum):
    ONE_MODEL = "one model"
    TESTS = "tests"
    TWO_MODELS = "two models"
    OWN = "own"
    OWN_TESTS = "own tests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`share` of the intervals that hold the truth, or of the tests that call equal things
    different; `beside` is the share that is hidden, or of models worse that are called no worse.
    """

    part: Part
    name: str
    design: str
    share: float
    beside: float
    studies: int


KEY: Final = ["part", "name", "design"]
_COLUMNS: Final = [field.name for field in fields(Row)]


def rows_kept() -> pd.DataFrame:
    return pd.read_csv(ROWS) if ROWS.exists() else pd.DataFrame(columns=_COLUMNS)


def keep(row: Row) -> None:
    """In the place of the row of the same name and design, else after all others."""
    kept = rows_kept()
    values = [str(row.part), *astuple(row)[1:]]
    same = (kept[KEY] == values[: len(KEY)]).all(axis=1)
    at = int(np.flatnonzero(same)[0]) if same.any() else len(kept)
    kept.loc[at] = values
    new = ROWS.with_suffix(".new")
    kept.round({"share": 5, "beside": 5}).to_csv(new, index=False)
    new.replace(ROWS)  # at once, or who reads meanwhile finds half of it


def write() -> None:
    WRITTEN.write_text(as_markdown(), encoding="utf-8")


def as_markdown() -> str:
    """coverage.md, from the rows and from what coverage_notes.md says under each heading."""
    notes = NOTES.read_text(encoding="utf-8").split("\n## ")
    said = {"": notes[0]} | {one.split("\n", 1)[0]: one.split("\n", 1)[1] for one in notes[1:]}
    return "\n".join(_lines(rows_kept(), said)).strip() + "\n"


def _lines(rows: pd.DataFrame, said: dict[str, str]) -> Iterator[str]:
    low, high = WANTED
    intervals = rows[rows["part"].isin([Part.ONE_MODEL, Part.TWO_MODELS, Part.OWN])]
    told = intervals["share"].notna()
    below, above = intervals[told & (intervals["share"] < low)], intervals["share"] > high
    tests = rows[rows["part"].isin([Part.TESTS, Part.OWN_TESTS])]
    wrong = tests[tests["share"] > MOST_WRONG]
    yield from (
        "# Coverage and errors of the first kind",
        "",
        "Written by `python -m benchmarks.coverage` from `coverage.csv`: how often the interval of "
        f"95 % of so many made-up studies held the truth, wanted in {low:.0%} to {high:.0%}, and "
        "how often tests called equal things different, where .05 is meant. How many studies "
        f"stands beside each: chance makes {_chance(250):.1%} up or down of 250, "
        f"{_chance(600):.1%} of 600, {_chance(2000):.1%} of 2,000. “Hidden” is the share of "
        "studies in which a figure is shown without an interval, or not at all.",
        "",
        f"Of {told.sum():,} rows with an interval {len(below):,} lie below {low:.0%} and "
        f"{above.sum():,} above {high:.0%}; of {len(tests):,} rows of tests {len(wrong):,} lie "
        f"above {MOST_WRONG:g}.",
        "",
        said[""].strip(),
        "",
        f"## Below {low:.0%}, and tests above {MOST_WRONG:g}",
        "",
    )
    yield from _failing(below, wrong)
    yield from _tables(rows[rows["part"] == Part.ONE_MODEL], "## ")
    for heading, part in (
        ("Tests: equal things called different", Part.TESTS),
        ("Two models: difference in AUC", Part.TWO_MODELS),
        ("Figures with studies of their own", Part.OWN),
        ("Tests with studies of their own", Part.OWN_TESTS),
    ):
        yield from ("", f"## {heading}", "", *said.get(heading, "").strip().splitlines())
        chosen = rows[rows["part"] == part]
        if part is Part.OWN:
            yield from _tables(chosen, "### ")
        else:
            yield from _TOLD[part](chosen)


def _failing(below: pd.DataFrame, wrong: pd.DataFrame) -> Iterator[str]:
    if below.empty and wrong.empty:
        yield "None."
        return
    yield "| figure or test | design | held, or called different | studies |"
    yield "|---|---|---|---|"
    for row in below.itertuples():
        yield f"| {row.name} | {row.design} | {row.share:.1%} | {row.studies:,} |"
    for row in wrong.itertuples():
        yield f"| {row.name} | {row.design} | {row.share:.3f} | {row.studies:,} |"


def _tables(rows: pd.DataFrame, mark: str) -> Iterator[str]:
    for name, part in rows.groupby("name", sort=False):
        yield from ("", f"{mark}{name}", "", "| design | held | hidden | studies |")
        yield "|---|---|---|---|"
        for row in part.itertuples():
            held = "–" if np.isnan(row.share) else f"{row.share:.1%}"
            yield f"| {row.design} | {held} | {row.beside:.0%} | {row.studies:,} |"


def _of_tests(rows: pd.DataFrame) -> Iterator[str]:
    yield from (
        "",
        "| test | models, readers or parts, and women with cancer | called different | studies |",
        "|---|---|---|---|",
    )
    for row in rows.itertuples():
        yield f"| {row.name} | {row.design} | {row.share:.3f} | {row.studies:,} |"


def _of_two_models(rows: pd.DataFrame) -> Iterator[str]:
    yield from ("", "| design | held | worse, called no worse | studies |", "|---|---|---|---|")
    for row in rows.itertuples():
        yield f"| {row.design} | {row.share:.1%} | {row.beside:.3f} | {row.studies:,} |"


_TOLD: Final = {
    Part.TESTS: _of_tests, Part.OWN_TESTS: _of_tests, Part.TWO_MODELS: _of_two_models,
}  # fmt: skip


def _chance(studies: int) -> float:
    return float(1.96 * np.sqrt(0.05 * 0.95 / studies))
