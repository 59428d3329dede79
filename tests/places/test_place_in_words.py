"""What is said of a cluster, and of runs on it; the cluster is made up, and no Ray is needed."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mammo_core.cli import main
from mammo_core.errors import ConfigError, PlaceError
from mammo_core.files import REPOSITORY, checkpoints_root
from mammo_core.places.check import NodeSeen, findings, program_version
from mammo_core.places.cluster import (
    PlacedJob,
    Room,
    cluster_in_use,
    room_in_words,
    room_of,
    write_placed,
)
from mammo_core.runs.folder import list_runs
from mammo_core.runs.jobs import create_run, resume_run, start, stop_run
from mammo_core.training.series import start_series
from mammo_core.types import RunState
from tests.places.dashboard import Dashboard, served
from tests.training.made_up import CONFIG

ROOM = Room(nodes=2, cpus=16, free_cpus=12, gpus=2, free_gpus=1, waiting=3)


@pytest.fixture
def dashboard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Dashboard]:
    made_up = Dashboard()
    with served(made_up):
        monkeypatch.setenv("MAMMO_RAY", made_up.address)
        monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path))
        yield made_up


@pytest.mark.parametrize(
    ("named", "address"),
    [
        ("", None),
        ("http://head:9000/", "http://head:9000"),
        ("https://head", "https://head"),
        ("ray://head:10001", "http://head:8265"),
        ("ray://[::1]:10001", "http://[::1]:8265"),
    ],
)
def test_the_cluster_is_named_by_its_dashboard_or_by_its_client_port(
    named: str, address: str | None
) -> None:
    assert cluster_in_use({"MAMMO_RAY": named}) == address


@pytest.mark.parametrize("named", ["head:8265", "ray://", "ftp://head", "http://"])
def test_what_names_no_cluster_is_refused_in_words(named: str) -> None:
    with pytest.raises(ConfigError, match="names no Ray cluster"):
        cluster_in_use({"MAMMO_RAY": named})


@pytest.mark.slow
def test_no_ray_is_loaded_where_no_cluster_is_named_nor_to_start_a_run_on_one() -> None:
    code = (
        "import sys, mammo_core.cli, mammo_core.worker, mammo_core.training.series, "
        "mammo_core.places.check, mammo_core.places.pieces, mammo_core.places.ranks, "
        "mammo_core.training.searching; sys.exit('ray' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False).returncode == 0


def test_a_run_is_put_in_line_with_a_gpu_and_its_share_of_cores(dashboard: Dashboard) -> None:
    run = create_run(CONFIG_AUTO, checkpoints_root(), what="made_up", total=2)
    start(run, kind="train")
    (job,) = dashboard.jobs.values()
    assert (job["entrypoint_num_gpus"], job["entrypoint_num_cpus"]) == (1.0, 8.0)
    assert f"-m mammo_core.worker train {run.path} >> {run.path}/log.txt 2>&1" in job["entrypoint"]
    told = job["runtime_env"]["env_vars"]
    assert told["MAMMO_CHECKPOINTS"] == str(checkpoints_root())
    assert told["RAY_USAGE_STATS_ENABLED"] == "0"


CONFIG_AUTO = CONFIG.__class__(data=CONFIG.data, model=CONFIG.model, optim=CONFIG.optim)


def test_a_run_that_waits_long_for_room_is_not_lost_and_can_be_taken_out(
    dashboard: Dashboard,
) -> None:
    run = create_run(CONFIG, checkpoints_root(), what="made_up", total=2)
    start(run, kind="train")
    later = run.file("heartbeat").stat().st_mtime + 10_000
    status = run.read_status(now=later)
    assert (status.state, status.message) == (RunState.QUEUED, "Waiting for room on the cluster.")
    stop_run(run)
    assert run.read_status(now=later).state is RunState.STOPPED
    assert [job["status"] for job in dashboard.jobs.values()] == ["STOPPED"]
    resume_run(run)
    assert len(dashboard.jobs) == 2
    assert not run.is_asked_to_stop()


def test_a_run_that_could_not_begin_says_what_ray_said(dashboard: Dashboard) -> None:
    run = create_run(CONFIG, checkpoints_root(), what="made_up", total=2)
    start(run, kind="train")
    for job in dashboard.jobs.values():
        job.update(status="FAILED", message="No such file: python")
    status = run.read_status()
    assert status.state is RunState.LOST
    assert status.message == "It never began. No such file: python"


def test_a_run_in_line_on_a_cluster_that_is_gone_is_lost(tmp_path: Path) -> None:
    run = create_run(CONFIG, tmp_path, what="made_up", total=2)
    run.beat()
    write_placed(run.path, PlacedJob(cluster="http://127.0.0.1:9", job="x"))
    beat = run.file("heartbeat").stat().st_mtime
    assert run.read_status(now=beat + 1).state is RunState.QUEUED
    gone = run.read_status(now=beat + 40)
    assert gone.state is RunState.LOST
    assert "does not answer" in gone.message
    with pytest.raises(PlaceError, match="Is it up"):
        room_of("http://127.0.0.1:9")


def test_here_means_here_although_a_cluster_is_named(dashboard: Dashboard) -> None:
    run = create_run(CONFIG, checkpoints_root(), what="made_up", total=2)
    with pytest.raises(ConfigError, match="need a cluster"):
        start(run, kind="train", is_here=True, ranks=2)
    assert dashboard.asked == []


def test_what_cannot_be_trained_together_leaves_no_run_behind(
    dashboard: Dashboard, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="need a cluster"):
        start_series([CONFIG], tmp_path / "runs", is_here=True, ranks=2)
    assert list_runs(tmp_path / "runs") == []


@pytest.mark.parametrize(("became", "code"), [("SUCCEEDED", 0), ("STOPPED", 1), ("FAILED", 1)])
def test_a_command_on_the_cluster_is_well_only_where_it_came_to_its_end(
    became: str, code: int, dashboard: Dashboard, capsys: pytest.CaptureFixture[str]
) -> None:
    dashboard.begins_as = became
    assert main(["place", "run", "predict", "folder"]) == code
    assert ("stopped on the cluster" in capsys.readouterr().err) == (became == "STOPPED")


def test_the_room_there_is_is_said_in_one_line(dashboard: Dashboard) -> None:
    assert room_in_words(ROOM) == "2 nodes; 12 of 16 CPUs and 1 of 2 GPUs free; 3 commands in line."
    assert room_of(dashboard.address) == Room(
        nodes=2, cpus=16, free_cpus=12, gpus=2, free_gpus=1, waiting=0
    )


def test_a_token_is_sent_along_where_the_variables_of_ray_name_one(
    dashboard: Dashboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room_of(dashboard.address)
    assert dashboard.tokens == {None}
    (tmp_path / "token").write_text("abc\n")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    room_of(dashboard.address)
    assert dashboard.tokens == {None, "Bearer abc"}
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="names no file"):
        room_of(dashboard.address)


def node(name: str, **other: Any) -> NodeSeen:
    python = ".".join(map(str, sys.version_info[:3]))
    return NodeSeen(**({"name": name, "python": python, "ray": "2.60.0", "program": "ab"} | other))


def told_of(*nodes: NodeSeen) -> list[str]:
    found = findings(nodes, ROOM, ray="2.60.0", program="ab")
    return [one.words for one in found if not one.is_well]


def test_of_a_cluster_as_it_should_be_nothing_is_complained_of() -> None:
    assert told_of(node("a", gpus=2.0), node("b")) == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"python": "3.9.1"}, "and another on 1 of 2 nodes (b: 3.9.1)"),
        ({"ray": "2.59.0"}, "Ray is 2.60.0 here, and another on 1 of 2 nodes (b: 2.59.0)"),
        ({"program": ""}, "and another on 1 of 2 nodes (b: not there)"),
        ({"unseen": ("MAMMO_HOME",)}, "is not shared with 1 of 2 nodes (b)"),
        ({"problem": "it died"}, "Node b does not work: it died"),
    ],
)
def test_what_is_wrong_with_a_node_is_told_with_its_name(wrong: dict[str, Any], words: str) -> None:
    (told,) = told_of(node("a"), node("b", **wrong))
    assert words in told


def test_the_version_of_the_program_is_that_of_its_code() -> None:
    assert len(program_version()) == 12
    assert program_version() == program_version()
