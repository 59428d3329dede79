"""The example project: made once, found again, gone on with, and deleted without a trace."""

import json
import time
from pathlib import Path

import pytest

from mammo_core.datasets.dataset import Registered, list_registered, register
from mammo_core.errors import RunError
from mammo_core.example import (
    DATA_NAME,
    KIND,
    NETWORKS,
    REPORT_NAME,
    ExampleConfig,
    begin_example,
    delete_example,
    find_example,
    is_whole,
    networks_of,
)
from mammo_core.files import audits_root, datasets_root, home
from mammo_core.runs.folder import RunFolder, RunStatus, list_runs
from mammo_core.runs.jobs import create_run
from mammo_core.runs.naming import run_title
from mammo_core.runs.operating_points import point_in_force
from mammo_core.sharing.owners import OF_DATA_SET, OF_RUN, read_owner, write_owner
from mammo_core.sharing.rights import Owner
from mammo_core.types import RunState, Split
from tests.predictions import made_up_predictions, write_run

SECONDS = 300


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


def made_up_example(root: Path, state: RunState = RunState.FINISHED) -> RunFolder:
    """As the worker leaves it, with two networks, one that nobody trained."""
    example = create_run(ExampleConfig(), root, what=KIND, total=3)
    names = [f"20260101-00000{number}-light_cnn-aaaa" for number in range(len(NETWORKS))]
    for name in names:
        write_run(root, name, made_up_predictions())
    made = dict(zip(NETWORKS, names, strict=True))
    example.file("made.json").write_text(json.dumps({"runs": made}), encoding="utf-8")
    example.file(REPORT_NAME).write_text("<p>told</p>", encoding="utf-8")
    example.write_status(RunStatus(state=state, done=3, total=3))
    example.beat()
    return example


def test_whoever_asks_again_gets_the_one_there_is(root: Path) -> None:
    write_run(root, "20270101-000000-light_cnn-bbbb", made_up_predictions())
    assert find_example(list_runs(root)) is None
    example = made_up_example(root)
    assert is_whole(example)
    assert begin_example(root) == find_example(list_runs(root)) == example
    assert len(list_runs(root)) == 4


def test_one_that_is_still_being_made_is_not_made_twice_and_cannot_be_deleted(root: Path) -> None:
    example = made_up_example(root, RunState.RUNNING)
    assert begin_example(root) == example
    assert not is_whole(example)
    with pytest.raises(RunError, match="still being made"):
        delete_example(root)
    assert len(networks_of(example)) == len(NETWORKS)


def test_one_of_whose_networks_somebody_deleted_is_not_whole(root: Path) -> None:
    example = made_up_example(root)
    networks_of(example)[0].file("status.json").unlink()
    assert not is_whole(example)


def test_deleting_takes_what_it_made_and_nothing_else(root: Path) -> None:
    other = write_run(root, "20270101-000000-light_cnn-bbbb", made_up_predictions())
    made_up_example(root)
    women = home() / "synthetic"
    for name in (KIND, "60-women"):
        (women / name).mkdir(parents=True)
    for name, folder in ((DATA_NAME, KIND), ("mine", "60-women")):
        entry = Registered(
            name=name, folder=str(women / folder), adapter="phantom_set", label_rule="lesion"
        )
        register(datasets_root(), entry)
    delete_example(root)
    assert list_runs(root) == [other]
    assert [entry.name for entry in list_registered(datasets_root())] == ["mine"]
    assert [path.name for path in women.iterdir()] == ["60-women"]
    delete_example(root)  # there is none


def wait_until(run: RunFolder, *, done: int) -> None:
    """Until so many steps are done, or it is over."""
    deadline = time.monotonic() + SECONDS
    while not (status := run.read_status()).state.is_over and status.done < done:
        assert time.monotonic() < deadline, run.read_log(last_lines=20)
        time.sleep(0.2)


@pytest.mark.slow
def test_a_small_one_is_stopped_goes_on_and_is_made_to_its_end_and_deleted(root: Path) -> None:
    config, owner = ExampleConfig(women=24, epochs=3), Owner(folder="0" * 16)
    example = begin_example(root, config)
    write_owner(example.file(OF_RUN), owner)
    wait_until(example, done=3)  # an epoch of the first network
    example.ask_to_stop()
    wait_until(example, done=config.steps)
    assert example.read_status().state is RunState.STOPPED
    assert [run.is_checkpoint for run in networks_of(example)] == [False]

    assert begin_example(root) == example
    wait_until(example, done=config.steps + 1)
    assert example.read_status().state is RunState.FINISHED, example.read_log(last_lines=20)
    assert is_whole(example)
    networks = networks_of(example)
    assert [run_title(run) for run in networks] == list(NETWORKS)
    starts = [run.card().model.weights for run in networks]
    assert starts == ["random", "checkpoint:phantom-light"]
    for run in networks:
        point = point_in_force(run)
        assert point is not None
        assert point.split == Split.VAL
        assert read_owner(run.file(OF_RUN)) == owner
    (entry,) = datasets_root().glob(f"*{OF_DATA_SET}")
    assert read_owner(entry) == owner
    report = example.file(REPORT_NAME).read_text(encoding="utf-8")
    assert "Nobody has audited" not in report
    assert "synthetic" in report

    delete_example(root)
    assert list_runs(root) == list_runs(audits_root()) == list_registered(datasets_root()) == []
    assert not (home() / "synthetic" / KIND).exists()
