"""Run campaigns and write down what they counted.

python -m benchmarks.reliability [NAME ...] [--size N] [--show] [--small]

Without a name all of them run, one after the other. --show prints and writes nothing down.
"""

import argparse
import os
import sys
import tempfile
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from benchmarks.reliability.campaign import (
    DOCUMENT,
    Campaign,
    CannotRunError,
    end_in_words,
    kept_result,
    result_in_words,
    section,
    watched,
)
from benchmarks.reliability.listed import CAMPAIGNS

_HEAD: Final = """# Reliability

The program attacked, starved and killed, and what was counted. Each campaign stands in the list of
`benchmarks/reliability/listed.py`, says what must hold, and is repeated by the command beside its
figures; `python start.py test --all` repeats each at a small size. Figures are those of the last
run, whatever it found: a campaign that fails says so here, one that was run at a smaller size says
at which, and one that was not run, or not since what it does was changed, says that. Times count on
a quiet machine only, and whether it was quiet is measured. All at their whole size:
`python -m benchmarks.reliability`.
"""


def main() -> int:
    names = [campaign.name for campaign in CAMPAIGNS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reliability",
        description="Campaigns: " + "; ".join(f"{one.name}: {one.title}" for one in CAMPAIGNS),
    )
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *names])
    parser.add_argument("--size", type=int, help="instead of the whole")
    parser.add_argument("--small", action="store_true", help="as small as in test --all; --show")
    parser.add_argument("--show", action="store_true", help="write nothing down")
    arguments = parser.parse_args()
    if arguments.small and not is_document_right():
        return 1
    chosen = [
        one
        for one in CAMPAIGNS
        if one.name in (arguments.names or names) and (one.small or not arguments.small)
    ]
    ended = {
        one.name: carried_out(
            one,
            one.small if arguments.small else arguments.size or one.size,
            is_shown_only=arguments.show or arguments.small,
        )
        for one in chosen
    }
    print(in_words(ended))
    return exit_code(ended)


NOT_RUN: Final = 3  # exit code: nothing failed, but not all was tried


def exit_code(ended: Mapping[str, bool | None]) -> int:
    """0 where every campaign was run and holds."""
    if False in ended.values():
        return 1
    return NOT_RUN if None in ended.values() else 0


def in_words(ended: Mapping[str, bool | None]) -> str:
    failed = [name for name, holds in ended.items() if holds is False]
    left_out = [name for name, holds in ended.items() if holds is None]
    words = f"{len(failed)} of {len(ended)} campaigns fail: {', '.join(failed) or 'none'}."
    if left_out:
        words += f" {len(left_out)} of {len(ended)} were not run: {', '.join(left_out)}."
    return words


def is_document_right() -> bool:
    """Whether the document says of each campaign what the list says."""
    old = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else ""
    if old == document(old):
        return True
    print(f"{DOCUMENT.name} does not say what the list of campaigns says: run one of them.")
    return False


def carried_out(campaign: Campaign, size: int, *, is_shown_only: bool) -> bool | None:
    """Whether its line held; None where it could not be run."""
    print(f"== {campaign.name}: {campaign.title}", flush=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        os.environ["MAMMO_HOME"] = str(Path(scratch) / "home")
        try:
            with watched() as load:
                counted = campaign.run(size, Path(scratch))
        except CannotRunError as reason:
            print(f"Not run: {reason}", flush=True)
            return None
        except Exception as error:  # noqa: BLE001 - whatever it was, the others are run
            traceback.print_exc()
            holds, result = False, end_in_words(campaign, size, error, load)
        else:
            holds, result = not counted.failures, result_in_words(campaign, counted, load)
    print(result, flush=True)
    if not is_shown_only:
        write_down(campaign, result)
    return holds


def write_down(campaign: Campaign, result: str) -> None:
    old = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else ""
    DOCUMENT.write_text(document(old, campaign, result), encoding="utf-8")


def document(old: str, campaign: Campaign | None = None, result: str = "") -> str:
    """The whole document with a new result of one campaign; the others as they were in `old`."""
    parts = [
        section(one, result if one is campaign else kept_result(old, one)) for one in CAMPAIGNS
    ]
    return "\n".join([_HEAD, *parts])


if __name__ == "__main__":
    sys.exit(main())
