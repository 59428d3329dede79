"""`mammo find-lesions`: a network of lesion patches looks for marked lesions in whole images."""

import argparse
from dataclasses import replace
from datetime import UTC, datetime

from mammo_core.commands.command import Command, at_least, note_look, say, show_progress
from mammo_core.reading import Looking
from mammo_core.runs.folder import find_checkpoint
from mammo_core.words import NOTICE


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a model that has learnt lesion patches")
    parser.add_argument(
        "--data", metavar="DIR", help="a data set's folder or name (default: what it learnt from)"
    )
    parser.add_argument(
        "--adapter", metavar="NAME", help="the kind of data set (default: recognised)"
    )
    parser.add_argument("--label-rule", metavar="NAME", help="what makes an image positive")
    parser.add_argument(
        "--split",
        choices=("test", "val"),
        default="test",
        help="test: women it did not learn from (default); val: those who chose the epoch, to "
        "choose settings by; nothing is kept",
    )
    parser.add_argument(
        "--spacing", type=int, metavar="PIXELS", help="between the places of the map"
    )
    parser.add_argument(
        "--apart", type=float, metavar="PATCHES", help="that marks keep from each other"
    )
    parser.add_argument(
        "--window", type=int, metavar="CELLS", help="judged at once; 0: as many as a patch has"
    )
    parser.add_argument("--seed", type=at_least(0), default=0, help="of the intervals (default 0)")


def _run(arguments: argparse.Namespace) -> int:
    from mammo_core.inference.finding import Search, judge_finder

    run = find_checkpoint(arguments.run)
    search = Search(
        folder=arguments.data,
        adapter=arguments.adapter,
        label_rule=arguments.label_rule,
        split=arguments.split,
        looking=_looking(arguments),
        seed=arguments.seed,
    )
    now = datetime.now(UTC).isoformat(timespec="seconds")
    found = judge_finder(run, search, now=now, report=show_progress)
    if search.split == "test":
        note_look(run, by="mammo find-lesions")
    for line in (f"{run.run_id}:", *found.sentences, f"{found.seconds:.2f} s an image.", NOTICE):
        say(line)
    return 0


def _looking(arguments: argparse.Namespace) -> Looking:
    """As usual, but for what was asked for."""
    asked = {name: getattr(arguments, name) for name in ("spacing", "apart", "window")}
    return replace(Looking(), **{name: one for name, one in asked.items() if one is not None})


FIND_LESIONS = Command(
    name="find-lesions",
    summary="mark lesions with a model of lesion patches, and compare with marked ones",
    add_arguments=_add_arguments,
    run=_run,
)
