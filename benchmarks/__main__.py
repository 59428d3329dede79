"""What Mammoscope takes beside what one would use instead: `python -m benchmarks [PART ...]`.

All parts take about half an hour on two quiet cores. What is not installed is told, and
nothing fails of it.
"""

import argparse
import importlib
import os
import sys
import time
from collections.abc import Sequence
from typing import Final

from benchmarks.side_by_side import GROWN, Entry, Growth, compare, grow, table

#: The module of each part; its ENTRIES are rows of the table.
PARTS: Final = {
    "reading": "benchmarks.reading",
    "cache": "benchmarks.cache",
    "training": "benchmarks.training",
    "score": "benchmarks.score_and_heatmap",
    "metrics": "benchmarks.metrics",
    "pages": "benchmarks.viewer",
    "growth": "benchmarks.growth",
}
HEADS: Final = ("work", "here", "instead", "ratio", "memory here", "memory instead")
GROWTH_HEADS: Final = ("work", *(f"{size:,}" for size in GROWN), "memory")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; else all")
    asked = parser.parse_args().parts or list(PARTS)
    if unknown := sorted(set(asked) - PARTS.keys()):
        parser.error(f"There is no part {', '.join(unknown)}. Known: {', '.join(PARTS)}.")
    started = time.monotonic()
    print(f"Load before: {_load()}\n")
    rows: list[tuple[str, ...]] = []
    grown: list[tuple[str, ...]] = []
    for part in asked:
        for entry in entries_of(part):
            if isinstance(entry, Growth):
                grown.append(grow(PARTS[part], entry))
                _tell(grown[-1:])
            else:
                rows += compare(PARTS[part], entry)
                _tell(rows[-len(entry.instead) :])
    if rows:
        print(f"\n{table(HEADS, rows)}")
    if grown:
        print(f"\n{table(GROWTH_HEADS, grown)}")
    minutes = (time.monotonic() - started) / 60
    print(f"\nLoad after: {_load()}; it took {minutes:.1f} minutes.")


def entries_of(part: str) -> Sequence[Entry]:
    try:
        entries: Sequence[Entry] = importlib.import_module(PARTS[part]).ENTRIES
    except ModuleNotFoundError as error:
        print(f"Left out: {part}. Not installed: pip install {error.name}", flush=True)
        return ()
    return entries


def _tell(rows: Sequence[tuple[str, ...]]) -> None:
    """As it goes; the table comes at the end."""
    print(*(", ".join(row) for row in rows), sep="\n", file=sys.stderr, flush=True)


def _load() -> str:
    """Above the cores, or near them before anything was started, other work took its share."""
    threads = os.environ.get("OMP_NUM_THREADS", "as many as cores")
    return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores (threads: {threads})"


if __name__ == "__main__":
    main()
