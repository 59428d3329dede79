"""The command `mammo`: every page's work without a browser."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Final

from mammo_core.commands.accounts import ACCESS_LOG, ACCOUNT
from mammo_core.commands.archive import ARCHIVE
from mammo_core.commands.checkpoints import CHECKPOINTS
from mammo_core.commands.command import Command
from mammo_core.commands.data import AUDIT, PHANTOM, PREPARE
from mammo_core.commands.data_sets import DATA
from mammo_core.commands.evaluate import ENSEMBLE, EVALUATE
from mammo_core.commands.example import EXAMPLE
from mammo_core.commands.files import INSPECT, PREDICT
from mammo_core.commands.finding import FIND_LESIONS
from mammo_core.commands.fuse import FUSE
from mammo_core.commands.judging import CARD, EXPLAIN_CHECK, FROC, STRESS
from mammo_core.commands.learning import LEARNING_CURVE
from mammo_core.commands.leaving import EXPORT
from mammo_core.commands.lock import LOCK
from mammo_core.commands.margin import MARGIN
from mammo_core.commands.place import PLACE
from mammo_core.commands.planning import PLAN
from mammo_core.commands.published import PUBLISHED_MODELS
from mammo_core.commands.readers import READERS
from mammo_core.commands.receive import RECEIVE
from mammo_core.commands.recipes import RECIPES
from mammo_core.commands.runs import REPORT, RESUME, RUNS, STOP, WATCH
from mammo_core.commands.train import REPRODUCE, SEARCH, TRAIN
from mammo_core.commands.weights import WEIGHTS
from mammo_core.errors import MammoError
from mammo_core.files import keep_private, told_of_disk
from mammo_core.words import NOTICE

COMMANDS: Final[tuple[Command, ...]] = (
    ACCESS_LOG,
    ACCOUNT,
    ARCHIVE,
    AUDIT,
    CARD,
    CHECKPOINTS,
    DATA,
    ENSEMBLE,
    EVALUATE,
    EXAMPLE,
    EXPLAIN_CHECK,
    EXPORT,
    FIND_LESIONS,
    FROC,
    FUSE,
    INSPECT,
    LEARNING_CURVE,
    LOCK,
    MARGIN,
    PHANTOM,
    PLACE,
    PLAN,
    PREDICT,
    PREPARE,
    PUBLISHED_MODELS,
    READERS,
    RECEIVE,
    RECIPES,
    REPORT,
    REPRODUCE,
    RESUME,
    RUNS,
    SEARCH,
    STOP,
    STRESS,
    TRAIN,
    WATCH,
    WEIGHTS,
)


#: As shells have it: 128 and the number of the signal.
_NOBODY_READS: Final = 141
_INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. A mistake the user can mend is a sentence on stderr and exit code 2."""
    parser = argparse.ArgumentParser(
        prog="mammo",
        description=f"Mammoscope on the command line. {NOTICE}",
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    asked = sys.argv[1:] if arguments is None else list(arguments)
    for command in COMMANDS:
        own = subparsers.add_parser(command.name, help=command.summary)
        if asked[:1] == [command.name]:  # the others' help costs imports that nobody asked for
            command.add_arguments(own)
    chosen = parser.parse_args(asked)
    run = {command.name: command.run for command in COMMANDS}[chosen.command]
    try:
        with told_of_disk():
            keep_private()
            code = run(chosen)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has read enough (`mammo runs | head`). What is left must go somewhere, or
        # Python complains when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _NOBODY_READS
    except MammoError as error:
        print(f"mammo {chosen.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupt:  # whoever follows a run says that it goes on
        said = str(interrupt) or "Interrupted before it was done."
        print(f"\nmammo {chosen.command}: {said}", file=sys.stderr)
        return _INTERRUPTED
    return code


if __name__ == "__main__":
    sys.exit(main())
