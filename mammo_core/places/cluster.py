"""A Ray cluster, spoken to over the HTTP of its dashboard: commands started, asked after, stopped.

MAMMO_RAY names it. Ray itself need not be installed where pages and shell run, and is not imported
here: https://docs.ray.io/en/latest/cluster/running-applications/job-submission/rest.html. Queues,
machines and retries are Ray's; what a run does is read from its folder, as everywhere.
"""

import json
import os
import secrets
import shlex
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote, urlsplit

from mammo_core.errors import ConfigError, PlaceError
from mammo_core.files import REPOSITORY, checkpoints_root, home, replace_file
from mammo_core.records import from_document, read_object, to_document
from mammo_core.words import many

SETTING: Final = "MAMMO_RAY"
PLACED_NAME: Final = "place.json"
_PLACE: Final = "MAMMO_PLACE"  # set in whatever runs on a cluster
_DASHBOARD_PORT: Final = 8265
_PATIENCE_SECONDS: Final = 3.0  # a page waits for the answer
_LONG_PATIENCE_SECONDS: Final = 60.0  # what was given up on may have been put in line all the same
_FRESH_SECONDS: Final = 4.0

JobState = Literal["waiting", "working", "ended", "stopped", "failed", "unknown"]
_STATES: Final[Mapping[str, JobState]] = {
    "PENDING": "waiting",
    "RUNNING": "working",
    "SUCCEEDED": "ended",
    "STOPPED": "stopped",
    "FAILED": "failed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a command is given on one machine."""

    cpus: float = 1.0
    gpus: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a cluster has, and what of it is free now; `waiting` counts commands in line."""

    nodes: int
    cpus: float
    free_cpus: float
    gpus: float
    free_gpus: float
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedJob:
    """Which command on which cluster carries a run out, by how many processes that train together;
    kept in the run's folder.
    """

    cluster: str
    job: str
    ranks: int = 1


def cluster_in_use(environment: Mapping[str, str] = os.environ) -> str | None:
    """The address of the dashboard; None where no cluster is named."""
    named = environment.get(SETTING, "").strip()
    if not named:
        return None
    parts = urlsplit(named)
    try:
        if parts.hostname and parts.scheme in ("http", "https"):
            return f"{parts.scheme}://{parts.netloc}"
        if parts.hostname and parts.scheme == "ray":
            host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            return f"http://{host}:{_DASHBOARD_PORT}"
    except ValueError:
        pass
    raise ConfigError(
        f"{SETTING} is {named!r}, which names no Ray cluster. Write the address of its dashboard, "
        "as http://head:8265, or ray://head:10001 where the dashboard has its usual port."
    )


def is_on_cluster(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process was started by a cluster, which has given it its share of a machine."""
    return environment.get(_PLACE, "") in ("worker", "driver")


def hands_on(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process was started to hand all work on to the machines of a cluster. One that
    holds a share of them itself must not: it would wait for room that it takes up.
    """
    return environment.get(_PLACE) == "driver"


def shared_environment(
    own: Mapping[str, str], place: Literal["worker", "driver"]
) -> dict[str, str]:
    """What a command finds on every machine: the same program, folders and settings."""
    kept = {name: own[name] for name in (SETTING, "MAMMO_ROOTS") if name in own}
    return kept | {
        _PLACE: place,
        "MAMMO_HOME": str(home().resolve()),
        "MAMMO_CHECKPOINTS": str(checkpoints_root().resolve()),
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
    }


def submit(
    cluster: str,
    command: Sequence[str],
    *,
    name: str,
    needs: Resources,
    environment: Mapping[str, str],
    folder: Path = REPOSITORY,
    log: Path | None = None,
) -> PlacedJob:
    """Put `command` in line on the cluster; it runs in `folder` there, its output going to `log`,
    else to where `job_log` finds it.
    """
    told = f" >> {shlex.quote(str(log))} 2>&1" if log else ""
    job = f"{name}-{secrets.token_hex(3)}"
    document = {
        "submission_id": job,
        "entrypoint": f"cd {shlex.quote(str(folder))} && exec {shlex.join(command)}{told}",
        "entrypoint_num_cpus": needs.cpus,
        "entrypoint_num_gpus": needs.gpus,
        "runtime_env": {"env_vars": dict(environment)},
        "metadata": {"job_name": name},
    }
    _ask(cluster, "/api/jobs/", document, patience=_LONG_PATIENCE_SECONDS)
    return PlacedJob(cluster=cluster, job=job)


def write_placed(folder: Path, placed: PlacedJob) -> None:
    replace_file(folder / PLACED_NAME, json.dumps(to_document(placed)) + "\n")


def forget_placed(folder: Path) -> None:
    (folder / PLACED_NAME).unlink(missing_ok=True)


def read_placed(folder: Path) -> PlacedJob | None:
    """Where the run in `folder` was put in line; None where it runs on this computer."""
    with suppress(FileNotFoundError, ConfigError):
        return from_document(
            read_object(folder / PLACED_NAME, where=PLACED_NAME), PlacedJob, where=PLACED_NAME
        )
    return None


def job_state(placed: PlacedJob) -> tuple[JobState, str]:
    """How the command stands, and what Ray says of it. One question a few seconds is asked of the
    cluster, however many runs are looked at.
    """
    known = _jobs(placed.cluster, int(time.monotonic() / _FRESH_SECONDS))
    if isinstance(known, str):
        return "unknown", known
    found = known.get(placed.job) or _one_job(placed)  # one put in line since is not in the list
    if found is None:
        return "unknown", "The cluster knows nothing of it: it was started anew since."
    state, message = found
    return _STATES.get(state, "unknown"), message


def _one_job(placed: PlacedJob) -> tuple[str, str] | None:
    try:
        job = _ask(placed.cluster, f"/api/jobs/{quote(placed.job)}")
    except PlaceError:
        return None
    return str(job.get("status")), str(job.get("message") or "")


@lru_cache(maxsize=4)
def _jobs(cluster: str, moment: int) -> dict[str, tuple[str, str]] | str:
    """Status and message by name; a sentence where the cluster cannot be asked."""
    try:
        listed = _ask(cluster, "/api/jobs/")
    except PlaceError as error:
        return str(error)
    return {
        str(job.get("submission_id")): (str(job.get("status")), str(job.get("message") or ""))
        for job in listed
    }


def stop_job(placed: PlacedJob) -> None:
    _ask(placed.cluster, f"/api/jobs/{quote(placed.job)}/stop", {})


def job_log(placed: PlacedJob) -> str:
    return str(_ask(placed.cluster, f"/api/jobs/{quote(placed.job)}/logs")["logs"])


def room_of(cluster: str) -> Room:
    status = _ask(cluster, "/api/cluster_status")["data"]["clusterStatus"] or {}
    load = status.get("loadMetricsReport") or {}
    usage = load.get("usage") or {}
    (used_cpus, cpus), (used_gpus, gpus) = (usage.get(one, (0.0, 0.0)) for one in ("CPU", "GPU"))
    return Room(
        nodes=sum(int(count) for _, count in load.get("nodeTypes") or ()),
        cpus=cpus,
        free_cpus=cpus - used_cpus,
        gpus=gpus,
        free_gpus=gpus - used_gpus,
        waiting=sum(job.get("status") == "PENDING" for job in _ask(cluster, "/api/jobs/")),
    )


def room_in_words(room: Room) -> str:
    gpus = f"{room.free_gpus:g} of {many(int(room.gpus), 'GPU', 'GPUs')}" if room.gpus else "no GPU"
    return (
        f"{many(room.nodes, 'node', 'nodes')}; {room.free_cpus:g} of {room.cpus:g} CPUs and {gpus} "
        f"free; {many(room.waiting, 'command', 'commands')} in line."
    )


def ray_version(cluster: str) -> str:
    return str(_ask(cluster, "/api/version")["ray_version"])


def _token(environment: Mapping[str, str]) -> str:
    """What Ray's own variables say that a cluster asks for; "" where they say nothing."""
    if file := environment.get("RAY_AUTH_TOKEN_PATH"):
        try:
            return Path(file).expanduser().read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            raise ConfigError("RAY_AUTH_TOKEN_PATH names no file that can be read.") from error
    return environment.get("RAY_AUTH_TOKEN", "")


def _ask(
    cluster: str,
    path: str,
    document: Mapping[str, Any] | None = None,
    *,
    patience: float = _PATIENCE_SECONDS,
) -> Any:
    headers = {"Content-Type": "application/json"}
    if token := _token(os.environ):
        headers["Authorization"] = f"Bearer {token}"
    data = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(f"{cluster}{path}", data=data, headers=headers)
    straight = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with straight.open(request, timeout=patience) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        said = error.read(400).decode(errors="replace").strip() or error.reason
        raise PlaceError(f"The Ray cluster at {cluster} refused: {said}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise PlaceError(
            f"The Ray cluster at {cluster} does not answer ({reason}). Is it up, and is {SETTING} "
            "the address of its dashboard?"
        ) from error
