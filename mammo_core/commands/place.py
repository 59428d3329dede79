"""`mammo place`: the cluster that MAMMO_RAY names: whether it works, and any command run on it."""

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from mammo_core.commands.command import Command, say, say_aside
from mammo_core.errors import ConfigError, PlaceError

_INTERRUPTED: Final = 130  # as shells have it: 128 and the number of the signal


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    doing = parser.add_subparsers(dest="doing", required=True, metavar="WHAT")
    doing.add_parser("check", help="say what works: versions, shared folders, GPUs")
    run = doing.add_parser(
        "run", help="run a command of mammo there, as in: mammo place run predict ..."
    )
    run.add_argument("rest", nargs=argparse.REMAINDER, metavar="COMMAND ...")


def _run(arguments: argparse.Namespace) -> int:
    from mammo_core.places.cluster import SETTING, cluster_in_use

    cluster = cluster_in_use()
    if cluster is None:
        raise ConfigError(
            f"No cluster is named, so all work is done on this computer. Set {SETTING} to the "
            "address of a Ray dashboard, as http://head:8265."
        )
    if arguments.doing == "check":
        return _check(cluster)
    return _run_there(cluster, arguments.rest)


def _check(cluster: str) -> int:
    from mammo_core.places.check import check_cluster

    found = check_cluster(cluster)
    for one in found:
        say(f"{'ok     ' if one.is_well else 'problem'} {one.words}")
    return 0 if all(one.is_well for one in found) else 1


def _run_there(cluster: str, asked: list[str]) -> int:
    """What the command says is said here; interrupting this ends it there."""
    from mammo_core.places.check import ended_log
    from mammo_core.places.cluster import (
        Resources,
        job_state,
        shared_environment,
        stop_job,
        submit,
    )

    if not asked:
        raise ConfigError("Which command? As in: mammo place run predict DIR --checkpoint NAME.")
    placed = submit(
        cluster,
        [sys.executable, "-m", "mammo_core.cli", *asked],
        name=f"mammo-{asked[0]}",
        needs=Resources(cpus=0.0),  # it hands its work on
        environment=shared_environment(os.environ, "driver"),
        folder=Path.cwd(),
    )
    try:
        ended_log(placed, patience=float("inf"), tell=_tell)
    except KeyboardInterrupt:
        stop_job(placed)
        say_aside("Stopped. The same command goes on from what is finished.")
        return _INTERRUPTED
    state, said = job_state(placed)
    if state == "unknown":
        raise PlaceError(said)
    if state == "stopped":
        say_aside(
            "It was stopped on the cluster before it was done. The same command goes on from what "
            "is finished."
        )
    return 0 if state == "ended" else 1


def _tell(text: str) -> None:
    for line in text.splitlines():
        say_aside(line)


PLACE = Command(
    name="place",
    summary="the cluster of MAMMO_RAY: check it, run a command on it",
    add_arguments=_add_arguments,
    run=_run,
)
