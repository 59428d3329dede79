"""The example project: made once, found again, gone on with, and deleted without a trace."""

import json
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mammo_core.config import AuditConfig, EvaluateConfig
from mammo_core.datasets.dataset import Registered, latest_audit, list_registered, register
from mammo_core.errors import RunError
from mammo_core.example import (
    DATA_NAME,
    KIND,
    NETWORKS,
    REPORT_NAME,
    ExampleConfig,
    begin_example,
    count_others,
    delete_example,
    find_example,
    is_whole,
    make_example,
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


def women_at(folder: Path, name: str = DATA_NAME) -> Registered:
    folder.mkdir(parents=True)
    entry = Registered(name=name, folder=str(folder), adapter="phantom_set", label_rule="lesion")
    register(datasets_root(), entry)
    return entry


def audit_of(entry: Registered) -> RunFolder:
    config = AuditConfig(
        name=entry.name, folder=entry.folder, adapter=entry.adapter, label_rule=entry.label_rule
    )
    return start_nothing(config, audits_root(), what="audit")


def start_nothing(settings: object, root: Path, *, what: str) -> RunFolder:
    """A job that runs, as far as anybody can see."""
    run = create_run(settings, root, what=what, total=3)
    run.write_status(RunStatus(state=RunState.RUNNING, done=1, total=3))
    run.beat()
    return run


def test_another_folder_of_the_same_name_is_not_learnt_from_and_not_forgotten(
    root: Path, tmp_path: Path
) -> None:
    another = women_at(tmp_path / "another")
    audit_of(another).write_status(RunStatus(state=RunState.FINISHED))
    example = made_up_example(root)
    with pytest.raises(RunError, match="Another folder is registered under the name"):
        make_example(example, report=lambda *_: None, should_stop=lambda: False)
    delete_example(root)
    assert list_runs(root) == []
    assert list_registered(datasets_root()) == [another]
    assert latest_audit(another, audits_root()) is not None


@pytest.mark.parametrize("by", ["an audit", "a run by name", "a run by folder", "a test of it"])
def test_what_others_are_using_is_not_deleted_under_them(root: Path, by: str) -> None:
    women = women_at(home() / "synthetic" / KIND)
    network = networks_of(made_up_example(root))[0].run_id
    if by == "an audit":
        other = audit_of(women)
    else:
        folder = {"a run by name": DATA_NAME, "a run by folder": women.folder}.get(by, "elsewhere")
        config = EvaluateConfig(
            checkpoint=network if by == "a test of it" else "phantom-light",
            folder=folder, adapter="phantom_set", label_rule="lesion",
        )  # fmt: skip
        other = start_nothing(config, root, what="evaluate")
    with pytest.raises(RunError, match="used by 1 job that is not over yet"):
        delete_example(root)
    assert Path(women.folder).is_dir()
    assert count_others(root) == int(by in ("a run by name", "a run by folder"))
    other.write_status(replace(other.read_status(), state=RunState.STOPPED))
    delete_example(root)
    assert not Path(women.folder).exists()


def test_of_somebody_elses_example_nothing_is_deleted_nor_the_women_it_has(root: Path) -> None:
    theirs = made_up_example(root)
    mine = create_run(ExampleConfig(), root, what=KIND, total=3)
    mine.write_status(RunStatus(state=RunState.FINISHED))
    women = women_at(home() / "synthetic" / KIND)
    delete_example(root, may_delete=lambda example: example == mine)
    assert not mine.path.exists()
    assert is_whole(theirs)
    assert list_registered(datasets_root()) == [women]
    assert Path(women.folder).is_dir()


def test_two_who_ask_at_once_get_one_example_owned_before_it_starts(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned: list[RunFolder] = []
    started: list[tuple[RunFolder, list[RunFolder]]] = []

    def create_late(*settings: Any, **named: Any) -> RunFolder:
        time.sleep(0.1)
        return create_run(*settings, **named)

    def start(run: RunFolder, **_: object) -> None:
        started.append((run, list(owned)))
        run.beat()

    monkeypatch.setattr("mammo_core.example.create_run", create_late)
    monkeypatch.setattr("mammo_core.example.start", start)
    both = threading.Barrier(2)

    def ask() -> None:
        both.wait()
        begin_example(root, own=owned.append)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (example,) = list_runs(root)
    assert started == [(example, [example])]


def test_it_draws_trains_two_locks_them_reports_and_ends_in_words(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The audit, training and the report's text are others' work, and stood in for here."""
    audited: list[None] = []
    trained = []

    def create(example: RunFolder, title: str, changes: dict[str, str]) -> RunFolder:
        trained.append((title, changes))
        scores = made_up_predictions().assign(split="val")
        return write_run(root, f"20270101-00000{len(trained)}-light_cnn-aaaa", scores)

    monkeypatch.setattr("mammo_core.example._create", create)
    monkeypatch.setattr("mammo_core.example._audit", lambda _: audited.append(None))
    monkeypatch.setattr("mammo_core.example.start", lambda run, **_: None)
    monkeypatch.setattr(
        "mammo_core.reports.study.report.study_text", lambda run, *_, **__: f"<p>{run.run_id}</p>"
    )
    monkeypatch.setattr("mammo_core.example._SIZE", (64, 32))
    config, told = ExampleConfig(women=1, epochs=1), []
    example = create_run(config, root, what=KIND, total=config.steps)
    words = make_example(
        example, report=lambda done, total, said: told.append((done, said)),
        should_stop=lambda: False,
    )  # fmt: skip
    assert trained == list(NETWORKS.items())
    networks = networks_of(example)
    assert len(networks) == len(NETWORKS)
    for run in networks:
        point = point_in_force(run)
        assert point is not None
        assert point.split == Split.VAL
    assert example.file(REPORT_NAME).read_text(encoding="utf-8") == f"<p>{networks[-1].run_id}</p>"
    assert told[0] == (0, "Drawing 1 women")
    assert told[-1] == (config.steps, "")
    assert words.startswith("Two models of 1 drawn women, their thresholds locked")
    assert len(audited) == len(list_registered(datasets_root())) == 1

    make_example(example, report=lambda *_: None, should_stop=lambda: False)
    assert len(trained) == len(NETWORKS), "what is there is not made again"


def test_where_the_home_is_a_link_its_audit_is_still_found_and_deleted(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "linked").symlink_to(home(), target_is_directory=True)
    home().mkdir()
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "linked"))
    monkeypatch.setattr("mammo_core.example._SIZE", (64, 32))
    monkeypatch.setattr("mammo_core.example._audit", lambda *_: None)
    monkeypatch.setattr("mammo_core.example._train", lambda *_, **__: False)
    example = create_run(ExampleConfig(women=1), root, what=KIND, total=9)
    make_example(example, report=lambda *_: None, should_stop=lambda: False)
    example.write_status(RunStatus(state=RunState.STOPPED))
    (entry,) = list_registered(datasets_root())
    kept = replace(entry, folder=str(Path(entry.folder).resolve()))  # as `keep_audit` does
    audit_of(kept).write_status(RunStatus(state=RunState.FINISHED))
    assert latest_audit(entry, audits_root()) is not None
    delete_example(root)
    assert list_runs(audits_root()) == []


def test_a_network_is_only_ever_looked_up_by_its_name(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = write_run(tmp_path, "outside", made_up_predictions())
    monkeypatch.setattr("mammo_core.example._draw", lambda *_: None)
    monkeypatch.setattr("mammo_core.example._audit", lambda *_: None)
    monkeypatch.setattr("mammo_core.example.start", lambda *_, **__: None)
    created = []

    def create(example: RunFolder, title: str, changes: dict[str, str]) -> RunFolder:
        created.append(title)
        return outside

    monkeypatch.setattr("mammo_core.example._create", create)
    example = create_run(ExampleConfig(), root, what=KIND, total=9)
    first = next(iter(NETWORKS))
    example.file("made.json").write_text(json.dumps({"runs": {first: "../outside"}}))
    make_example(example, report=lambda *_: None, should_stop=lambda: bool(created))
    assert created == [first]


def wait_until(run: RunFolder, *, done: int) -> None:
    """Until so many steps are done, or it is over."""
    deadline = time.monotonic() + SECONDS
    while not (status := run.read_status()).state.is_over and status.done < done:
        assert time.monotonic() < deadline, run.read_log(last_lines=20)
        time.sleep(0.2)


@pytest.mark.slow
def test_a_small_one_is_stopped_goes_on_and_is_made_to_its_end_and_deleted(root: Path) -> None:
    config, owner = ExampleConfig(women=24, epochs=6), Owner(folder="0" * 16)
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
    assert list_runs(root) == list_runs(audits_root()) == []
    assert list_registered(datasets_root()) == []
    assert not (home() / "synthetic" / KIND).exists()
