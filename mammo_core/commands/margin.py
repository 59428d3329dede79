"""`mammo margin`: how much worse still counts as no worse, written down before anybody looks."""

import argparse
from typing import Final

from mammo_core.commands.command import Command, say
from mammo_core.errors import ConfigError
from mammo_core.files import checkpoints_root, shipped_checkpoints_root
from mammo_core.types import Level


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    from mammo_core.metrics.margins import Claim, MarginOf

    parser.add_argument("run", metavar="RUN", help="the new model, also while it is still training")
    parser.add_argument("--against", metavar="RUN", help="the other model")
    parser.add_argument(
        "--claim", choices=[str(one) for one in Claim], default=str(Claim("no worse"))
    )
    parser.add_argument("--figure", choices=[str(one) for one in MarginOf], default="AUC")
    parser.add_argument(
        "--margin", type=float, metavar="SIZE", help="in the figure's own units, as in 0.05"
    )
    parser.add_argument("--level", choices=[str(one) for one in Level], help="what a case is")


def _run(arguments: argparse.Namespace) -> int:
    """Without a margin, those written down so far; never a result, which would be a look."""
    from mammo_core.metrics.margins import Claim, MarginOf
    from mammo_core.reports.study.margins import written_margin
    from mammo_core.runs.folder import find_run
    from mammo_core.runs.operating_points import margins_of, when_written

    roots = (checkpoints_root(), shipped_checkpoints_root())
    run = find_run(arguments.run, *roots)
    if arguments.margin is not None:
        if arguments.against is None or arguments.level is None:
            raise ConfigError("A margin needs --against RUN and --level, or it could fit anything.")
        written_margin(
            run,
            find_run(arguments.against, *roots),
            claim=Claim(arguments.claim),
            figure=MarginOf(arguments.figure),
            margin=arguments.margin,
            level=Level(arguments.level),
        )
    for one, looks in margins_of(run, roots):
        say(
            f"{one.claim}, {one.figure}, margin {one.margin:g} by {one.level}, against "
            f"{one.against}; written {when_written(one, looks)}"
        )
    return 0


MARGIN: Final = Command(
    name="margin",
    summary="write down a margin of no worse or equivalent, before the test set is opened",
    add_arguments=_add_arguments,
    run=_run,
)
