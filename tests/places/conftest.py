"""A real cluster for the tests beside it: three nodes of Ray, each a process of this computer."""

import importlib.util
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_GOES = 3


@dataclass(frozen=True, eq=False)
class ThreeNodes:
    """`tell` has the cluster lose a node ("kill") or get one ("add")."""

    address: str
    process: "subprocess.Popen[str]"

    def tell(self, what: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def started(log: Path) -> ThreeNodes:
    """Ray gives a node 30 seconds to come up: on a busy computer that takes more than one go."""
    for _ in range(_GOES):
        port = free_port()
        with log.open("ab") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.places.three_nodes", str(port)],
                cwd=ROOT,
                env=os.environ | {"OMP_NUM_THREADS": "1", "RAY_AUTH_MODE": "disabled"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert process.stdout is not None
        nodes = ThreeNodes(address=f"http://127.0.0.1:{port}", process=process)
        if process.stdout.readline() == "up\n":
            return nodes
        ended(nodes)
    raise AssertionError(f"No cluster came up: {log.read_text(errors='replace')[-2000:]}")


def ended(nodes: ThreeNodes) -> None:
    assert nodes.process.stdin is not None
    nodes.process.stdin.close()
    nodes.process.wait(timeout=60)
    assert nodes.process.stdout is not None
    nodes.process.stdout.close()


@pytest.fixture(scope="session")
def three_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreeNodes]:
    if importlib.util.find_spec("ray") is None:
        pytest.skip(
            "NOT TESTED: work on a cluster. Ray is not installed; "
            "pip install -r requirements-cluster.txt"
        )
    nodes = started(tmp_path_factory.mktemp("cluster") / "log.txt")
    yield nodes
    ended(nodes)


@pytest.fixture
def cluster(three_nodes: ThreeNodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ThreeNodes:
    """Named by MAMMO_RAY; folders that are new and shared."""
    monkeypatch.setenv("MAMMO_RAY", three_nodes.address)
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "checkpoints"))
    return three_nodes
