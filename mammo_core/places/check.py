"""Whether a cluster can do our work, node by node: versions, shared folders, GPUs.

Run on the cluster as `python -m mammo_core.places.check`: a function of the program that is started
travels whole to the nodes, so that one without this program can still say that it lacks it.
"""

import hashlib
import json
import os
import platform
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from mammo_core.errors import PlaceError
from mammo_core.files import REPOSITORY, checkpoints_root, home
from mammo_core.places.cluster import (
    PlacedJob,
    Resources,
    Room,
    job_log,
    job_state,
    ray_version,
    room_in_words,
    room_of,
    shared_environment,
    stop_job,
    submit,
)
from mammo_core.records import from_document
from mammo_core.words import many

_PATIENCE_SECONDS: Final = 90.0
_NODE_SECONDS: Final = 40.0
_ANSWER: Final = "nodes seen: "


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSeen:
    """One machine of a cluster. An empty `program` is not there; `unseen` are folders that are."""

    name: str
    python: str = ""
    ray: str = ""
    program: str = ""
    unseen: tuple[str, ...] = ()
    gpus: float = 0.0
    problem: str = ""  # why nothing else is known of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One line of the answer."""

    is_well: bool
    words: str


def program_version() -> str:
    """Of the code itself: a version number is not raised with every change."""
    found = hashlib.sha256()
    for source in sorted((REPOSITORY / "mammo_core").rglob("*.py")):
        found.update(source.read_bytes())
    return found.hexdigest()[:12]


def check_cluster(cluster: str, *, own_program: str | None = None) -> list[Checked]:
    """What works and what does not, in words; PlaceError where the cluster does not answer."""
    version, nodes = ray_version(cluster), _ask_nodes(cluster)
    room = room_of(cluster)  # afterwards: a node that is new is counted some seconds later
    return findings(nodes, room, ray=version, program=own_program or program_version())


def findings(nodes: Sequence[NodeSeen], room: Room, *, ray: str, program: str) -> list[Checked]:
    """`ray` is the version of the dashboard, `program` that of this computer."""
    heard = [node for node in nodes if not node.problem]
    found = [
        Checked(
            is_well=True,
            words=f"The cluster answers: {room_in_words(replace(room, nodes=len(nodes)))}",
        )
    ]
    found += [
        Checked(is_well=False, words=f"Node {node.name} does not work: {node.problem}")
        for node in nodes
        if node.problem
    ]
    ours = {"Python": platform.python_version(), "Ray": ray, "this program": program}
    found += _told_of_versions(heard, ours)
    found += _told_of_folders(heard)
    if not room.gpus:
        found.append(Checked(is_well=True, words="No node has a GPU: trainings run on CPUs."))
    else:
        having = sum(node.gpus > 0 for node in nodes)
        found.append(
            Checked(
                is_well=True,
                words=f"{many(int(room.gpus), 'GPU', 'GPUs')} on {many(having, 'node', 'nodes')}.",
            )
        )
    return found


def _told_of_versions(nodes: Sequence[NodeSeen], ours: Mapping[str, str]) -> Iterator[Checked]:
    read: Mapping[str, Callable[[NodeSeen], str]] = {
        "Python": lambda node: node.python,
        "Ray": lambda node: node.ray,
        "this program": lambda node: node.program,
    }
    for what, wanted in ours.items():
        other = [node for node in nodes if read[what](node) != wanted]
        if not other:
            words = f"{what.capitalize()} is {wanted} on {_all(nodes)}."
            yield Checked(is_well=True, words=words)
            continue
        told = ", ".join(f"{node.name}: {read[what](node) or 'not there'}" for node in other)
        yield Checked(
            is_well=False,
            words=f"{what.capitalize()} is {wanted} here, and another on {len(other)} of "
            f"{many(len(nodes), 'node', 'nodes')} ({told}). Results would not be the same: use one "
            "environment on a disk that all share.",
        )


def _told_of_folders(nodes: Sequence[NodeSeen]) -> Iterator[Checked]:
    for name, folder in _folders().items():
        blind = [node.name for node in nodes if name in node.unseen]
        if not blind:
            yield Checked(is_well=True, words=f"{name} ({folder}) is shared with {_all(nodes)}.")
            continue
        yield Checked(
            is_well=False,
            words=f"{name} ({folder}) is not shared with {len(blind)} of "
            f"{many(len(nodes), 'node', 'nodes')} ({', '.join(blind)}), or cannot be written to "
            "there. Runs and prepared images would be lost: mount it there, or set "
            f"{name} to a folder that every node sees.",
        )


def _all(nodes: Sequence[NodeSeen]) -> str:
    return "the one node" if len(nodes) == 1 else f"all {len(nodes)} nodes"


def _folders() -> dict[str, Path]:
    return {"MAMMO_HOME": home().resolve(), "MAMMO_CHECKPOINTS": checkpoints_root().resolve()}


def _ask_nodes(cluster: str) -> list[NodeSeen]:
    with _marked(_folders().values()) as mark:
        placed = submit(
            cluster,
            [sys.executable, "-m", "mammo_core.places.check", mark],
            name="mammo-place-check",
            needs=Resources(cpus=0.0),
            environment=shared_environment(os.environ, "worker"),
            folder=Path("/"),  # a node without the program's folder shall say so itself
        )
        log = ended_log(placed, patience=_PATIENCE_SECONDS)
    for line in log.splitlines():
        if line.startswith(_ANSWER):
            listed = json.loads(line.removeprefix(_ANSWER))
            return [from_document(one, NodeSeen, where="the cluster's answer") for one in listed]
    told = " ".join(log.strip().splitlines()[-3:]) or "it said nothing"
    raise PlaceError(
        f"The check did not come to its end on the cluster: {told}. The head of the cluster needs "
        f"this program and its Python ({sys.executable}) where they are here."
    )


@contextmanager
def _marked(folders: Iterable[Path]) -> Iterator[str]:
    """A file that was not there before, in each of `folders`: whoever sees it sees the same."""
    mark = f".mammo-place-{secrets.token_hex(8)}"
    made = [folder / mark for folder in folders]
    try:
        for file in made:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        yield mark
    finally:
        for file in made:
            for one in (file, *file.parent.glob(f"{file.name}.*")):
                one.unlink(missing_ok=True)


def ended_log(
    placed: PlacedJob, *, patience: float, tell: Callable[[str], None] | None = None
) -> str:
    """All that the command said, once it is over; `tell` hears it as it comes."""
    end, told = time.monotonic() + patience, 0
    while True:
        state, said = job_state(placed)
        log = job_log(placed) if tell or state not in ("waiting", "working") else ""
        if tell and len(log) > told:
            tell(log[told:])
            told = len(log)
        if state not in ("waiting", "working"):
            return log or said
        if time.monotonic() > end:
            with suppress(PlaceError):
                stop_job(placed)
            raise PlaceError(
                f"The cluster has not done it within {patience:.0f} seconds ({state}). Is there "
                "room on it?"
            )
        time.sleep(1.0)


def _look(folders: Mapping[str, str], mark: str) -> dict[str, Any]:
    """On a node: which versions it has, and which marked folders it does not see or write to."""
    import uuid

    import ray

    unseen = []
    for name, folder in folders.items():
        seen = Path(folder) / mark
        try:
            own = seen.with_name(f"{mark}.{uuid.uuid4().hex}")
            if not seen.exists():
                raise OSError
            own.touch()
        except OSError:
            unseen.append(name)
    try:
        from mammo_core.places.check import program_version as version

        program = version()
    except ImportError:
        program = ""
    return {
        "python": platform.python_version(),
        "ray": ray.__version__,
        "program": program,
        "unseen": unseen,
    }


def main(mark: str) -> int:
    """On the head: ask every node, and print what each has to say."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ray.init(address="auto", logging_level="warning", log_to_driver=False)
    folders = {name: str(folder) for name, folder in _folders().items()}
    nodes = [node for node in ray.nodes() if node["Alive"]]
    asked = [
        ray.remote(_look)
        .options(
            num_cpus=0,
            max_retries=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
        )
        .remote(folders, mark)
        for node in nodes
    ]
    told = []
    for node, answer in zip(nodes, asked, strict=True):
        name = f"{node['NodeManagerHostname']} {node['NodeID'][:6]}"
        seen = {"name": name, "gpus": float(node["Resources"].get("GPU", 0.0))}
        try:
            seen |= ray.get(answer, timeout=_NODE_SECONDS)
        except ray.exceptions.RayError as error:
            seen["problem"] = str(error).strip().splitlines()[-1]
        told.append(seen)
    sys.stdout.write(f"{_ANSWER}{json.dumps(told)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
