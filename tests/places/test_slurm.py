"""The script of docs/cluster.md, run to its end by a Slurm of two nodes on this computer."""

import importlib.util
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from mammo_core.runs.folder import list_runs
from mammo_core.types import RunState
from tests.places.conftest import ROOT, free_port
from tests.places.test_runs_on_ray import can_hide_folders

pytestmark = pytest.mark.slow

_DAEMONS = ("munged", "slurmctld", "slurmd", "sbatch", "srun")
_AGENT = "--dashboard-agent-listen-port"
_PATH = f"{os.environ['PATH']}:/usr/sbin"  # where Debian has daemons, and not every user looks


def why_not() -> str:
    if missing := [name for name in _DAEMONS if shutil.which(name, path=_PATH) is None]:
        return f"{', '.join(missing)} not there; apt-get install --no-install-recommends slurm-wlm"
    if importlib.util.find_spec("ray") is None:
        return "Ray is not installed; pip install -r requirements-cluster.txt"
    return "" if can_hide_folders() else "it takes a root account"


@contextmanager
def daemon(*command: str, log: Path, environment: dict[str, str]) -> Iterator[None]:
    with log.open("ab") as told:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=told, stderr=told
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


def munge(folder: Path) -> list[str]:
    """What vouches for who asks; its key is readable by its owner alone."""
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    files = {"socket": "munge.socket", "key-file": key.name, "pid-file": "munged.pid"}
    told = [f"--{what}={folder / name}" for what, name in files.items()]
    return ["munged", "--foreground", "--force", f"--seed-file={folder / 'seed'}", *told]


def settings(folder: Path, nodes: tuple[str, str]) -> str:
    ports = [free_port() for _ in range(3)]
    lines = [
        "ClusterName=loopback",
        f"SlurmctldHost={nodes[0]}(127.0.0.1)",
        f"SlurmctldPort={ports[0]}",
        "SlurmUser=root",
        f"AuthInfo=socket={folder}/munge.socket",
        f"StateSaveLocation={folder}/state",
        f"SlurmdSpoolDir={folder}/spool-%h",
        f"SlurmctldPidFile={folder}/slurmctld.pid",
        f"SlurmdPidFile={folder}/slurmd-%h.pid",
        "ProctrackType=proctrack/pgid",
        "TaskPlugin=task/none",
        "MpiDefault=none",
        "MailProg=/bin/true",
        "SelectType=select/cons_tres",
        "SelectTypeParameters=CR_CPU",
        "SlurmdParameters=config_overrides",
        *(
            f"NodeName={name} NodeAddr=127.0.0.1 Port={port} CPUs=2"
            for name, port in zip(nodes, ports[1:], strict=True)
        ),
        "PartitionName=all Nodes=ALL Default=YES State=UP",
    ]
    return "\n".join(lines) + "\n"


@pytest.fixture
def slurm(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment that its commands need. The second node is this computer by another name."""
    if reason := why_not():
        pytest.skip(f"NOT TESTED: Ray inside Slurm. {reason}")
    own = socket.gethostname().partition(".")[0]
    nodes = (own, f"{own}2")
    other = ["unshare", "--uts", "sh", "-c", f"hostname {nodes[1]} && exec slurmd -D"]
    with ExitStack() as stack:
        # Not below tmp_path: what a socket is called has to be short.
        folder = Path(stack.enter_context(TemporaryDirectory()))
        (folder / "state").mkdir()
        (folder / "slurm.conf").write_text(settings(folder, nodes))
        environment = os.environ | {
            "PATH": _PATH,
            "SLURM_CONF": str(folder / "slurm.conf"),
            "HOME": str(tmp_path / "user"),
            "RAY_DEFAULT_OBJECT_STORE_MAX_MEMORY_BYTES": str(80 * 2**20),
            "OMP_NUM_THREADS": "1",
        }
        for command in (munge(folder), ["slurmctld", "-D"], ["slurmd", "-D"], other):
            log = tmp_path / "daemons.txt"
            stack.enter_context(daemon(*command, log=log, environment=environment))
            time.sleep(1.0)
        yield environment
        subprocess.run(["scancel", "--user=root"], env=environment, check=True)
        while subprocess.run(
            ["squeue", "--noheader"], env=environment, check=True, capture_output=True
        ).stdout:  # its processes are swept up
            time.sleep(0.5)


def script(folder: Path) -> str:
    """As it stands there, with the paths and ports of this computer."""
    page = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    found = re.search(r"### Ray inside Slurm.*?```bash\n(.*?)```", page, flags=re.DOTALL)
    assert found is not None
    client = f"--ray-client-server-port={free_port()}"
    text = re.sub(r"#SBATCH --gpus-per-node.*\n", "", found[1])
    for there, here in (
        ("/shared/mammoscope-code", str(ROOT)),
        ("/shared/mammoscope", str(folder)),
        # Here the two nodes share one computer, and perhaps other Rays with it.
        ("start --head", f"start --head --dashboard-port=8265 {client} {_AGENT}={free_port()}"),
        ("start --address", f"start {_AGENT}={free_port()} --address"),
        (".venv/bin/ray", f"{sys.executable} -m ray.scripts.scripts"),
        (".venv/bin/mammo", f"{sys.executable} -m mammo_core.cli"),
        ("8265", str(free_port())),
        ("6379", str(free_port())),
    ):
        assert there in text
        text = text.replace(there, here)
    return text


def test_the_script_for_slurm_trains_and_scores_inside_its_allocation(
    slurm: dict[str, str], twelve_women: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ray.sbatch").write_text(script(tmp_path / "shared"))
    sets = ["prepare.size=[32, 16]", "optim.batch_size=8", "optim.epochs=1", "device=cpu"]
    asked = ["smoke", str(twelve_women), str(twelve_women / "images")]
    log = tmp_path / "slurm.out"
    sent = subprocess.run(
        ["sbatch", "--wait", "--cpus-per-task=1", f"--output={log}", str(tmp_path / "ray.sbatch")]
        + asked
        + [part for one in sets for part in ("--set", one)],
        env=slurm,
        check=False,
        capture_output=True,
        text=True,
        timeout=1500,
    )
    assert sent.returncode == 0, sent.stderr + log.read_text()
    (run,) = list_runs(tmp_path / "shared" / "checkpoints")
    assert run.read_status().state is RunState.FINISHED
    assert run.file("place.json").exists()
    scored = run.file("scored.csv").read_text().splitlines()
    assert len(scored) == 1 + len(list((twelve_women / "images").iterdir()))
    assert "shared with all 2 nodes" in log.read_text()
