"""`mammo lock`: a threshold put in force, chosen on women the model learnt nothing from."""

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from mammo_core.commands.command import Command, say
from mammo_core.errors import ConfigError
from mammo_core.runs.folder import find_checkpoint
from mammo_core.types import Level

if TYPE_CHECKING:
    from mammo_core.metrics.cases import Pooling
    from mammo_core.metrics.threshold import Aim

_WITHOUT_TARGET: Final = ("youden", "f1")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a checkpoint's or an ensemble's name")
    parser.add_argument(
        "--aim",
        required=True,
        metavar="AIM[:TARGET]",
        help="sensitivity:0.9, specificity:0.9, recall-rate:0.1 (at most), cost:10 (false alarms a "
        "missed cancer is worth), youden, f1, or fixed:0.37",
    )
    parser.add_argument(
        "--conservative",
        action="store_true",
        help="let not the rate but the end of its 95 %% interval meet the target",
    )
    parser.add_argument(
        "--level", choices=[str(level) for level in Level], help="default: that of the labels"
    )
    parser.add_argument(
        "--pooling",
        metavar="RULE",
        help="how the images of a case make its score: max (default) or mean",
    )
    parser.add_argument(
        "--with-model",
        action="store_true",
        help="let it come with the model, for whoever gets that: it judges until they lock their "
        "own",
    )


def _run(arguments: argparse.Namespace) -> int:
    from mammo_core.inference.locking import lock_by_aim
    from mammo_core.inference.verdict import promise_in_words, threshold_in_words
    from mammo_core.runs.operating_points import point_in_force

    run = find_checkpoint(arguments.run)
    aim, target = _aim(arguments.aim)
    point = lock_by_aim(
        run,
        aim,
        target,
        level=Level(arguments.level) if arguments.level else None,
        is_conservative=arguments.conservative,
        now=datetime.now(UTC).isoformat(timespec="seconds"),
        rule=_rule(arguments.pooling),
        comes_with_model=arguments.with_model,
    )
    positive = " or ".join(run.card().task.positive) if run.is_checkpoint else "cancer"
    say(f"{run.run_id}: {threshold_in_words(point)} by {point.level}, locked for {point.aim}.")
    say(promise_in_words(point, positive))
    if point_in_force(run) != point:
        say("It comes with the model; here what was locked or unlocked last stays in force.")
    return 0


def _rule(name: str | None) -> "Pooling | None":
    from mammo_core.metrics.cases import Pooling

    if name is None:
        return None
    if name not in tuple(Pooling):
        raise ConfigError(f"There is no pooling {name!r}. Known: {', '.join(Pooling)}.")
    return Pooling(name)


def _aim(text: str) -> "tuple[Aim, float]":
    from mammo_core.metrics.threshold import Aim

    name, colon, number = text.partition(":")
    known = {aim.name.lower().replace("_", "-"): aim for aim in Aim}
    if name not in known:
        raise ConfigError(f"There is no aim {name!r}. Known: {', '.join(known)}.")
    if (name in _WITHOUT_TARGET) == bool(colon):
        what = "has no target" if colon else f"needs a target, as in {name}:0.9"
        raise ConfigError(f"The aim {name} {what}.")
    try:
        target = float(number or 0)
    except ValueError:
        raise ConfigError(f"The target {number!r} of {name} is no number.") from None
    if not (name == "cost" or 0.0 <= target <= 1.0):
        raise ConfigError(f"The target of {name} is {target:g}; it must lie between 0 and 1.")
    return known[name], target


LOCK: Final = Command(
    name="lock",
    summary="lock a checkpoint's threshold, chosen on its validation women",
    add_arguments=_add_arguments,
    run=_run,
)
