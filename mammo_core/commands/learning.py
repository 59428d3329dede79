"""`mammo learning-curve`: a run trained again on growing shares of its training women."""

import argparse
from dataclasses import replace

from mammo_core.commands.command import Command, say, say_aside
from mammo_core.commands.train import finished_training, settings_again
from mammo_core.errors import ConfigError
from mammo_core.files import checkpoints_root


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a finished training, as `mammo runs` lists it")
    parser.add_argument(
        "--shares",
        default="0.125,0.25,0.5",
        metavar="LIST",
        help="of its training women, whole women of each class, a smaller share within a larger "
        "(default 0.125,0.25,0.5)",
    )


def _run(arguments: argparse.Namespace) -> int:
    """Start a run a share, one after the other; validation and test women stay as they are."""
    from mammo_core.runs.naming import run_title
    from mammo_core.training.preflight import check_start
    from mammo_core.training.series import start_series

    before = finished_training(arguments.run)
    settings = settings_again(before)
    wanted = {
        share: replace(settings, data=replace(settings.data, train_share=share))
        for share in _shares(arguments.shares)
    }
    for config in wanted.values():
        config.check()
    check_start([*wanted.values()])
    for share, config in wanted.items():
        title = f"{run_title(before)}, {share:.1%} of the women"
        (run,) = start_series([config], checkpoints_root(), title=title)
        say(run.path)
    say_aside("They train one after the other. Compare shows the curve of those that are chosen.")
    return 0


def _shares(text: str) -> list[float]:
    try:
        return sorted({float(part) for part in text.split(",")})
    except ValueError:
        raise ConfigError(
            f"--shares {text!r} is no list of numbers. Write it as 0.125,0.25,0.5."
        ) from None


LEARNING_CURVE = Command(
    name="learning-curve",
    summary="train a run again on growing shares of its training women",
    add_arguments=_add_arguments,
    run=_run,
)
