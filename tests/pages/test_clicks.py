"""What a click does that comes while a page still answers the click before: Streamlit ends that run
at the next thing that it draws or asks its session for.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from streamlit.runtime.scriptrunner import StopException, get_script_run_ctx
from streamlit.testing.v1 import AppTest

from mammo_core.config import (
    DataConfig,
    EmbedConfig,
    JudgeConfig,
    MeasureConfig,
    RunConfig,
    save_settings,
)
from mammo_core.datasets.dataset import list_registered
from mammo_core.errors import RunError
from mammo_core.files import datasets_root, measurements_root
from mammo_core.runs.folder import RunFolder, list_runs
from mammo_core.runs.kept_tables import keep_table
from mammo_core.sharing.owners import OF_RUN, read_owner, write_owner
from mammo_core.sharing.rights import Owner, Role, Visitor
from mammo_core.training.preflight import start_preflight
from mammo_core.training.recipes import get_recipe
from mammo_core.training.series import fold_configs
from mammo_core.types import CANCER, RunState
from pages.components.compare import beside, cost, leaderboard, matrix
from pages.components.shared.runs import start_once
from pages.components.shared.whose import owning
from pages.components.thresholds import lesions
from pages.components.thresholds import map as map_of
from pages.components.train import place
from pages.components.train.place import LastStart, start_all, start_like
from tests.pages.conftest import OpenPage
from tests.pages.training_pages import register_phantoms, write_ended_run, write_finished_run

ANNA = Visitor(name="anna", role=Role.RESEARCHER, folder="a" * 16)
FAILED = "20260101-000000-light-aaaa"
MODEL = "20260101-000001-light-bbbb"
RIVAL = "20260101-000002-light-cccc"
CHECK = "pages.components.train.place.check_start"
WORKER = "mammo_core.runs.jobs.start_worker"
WAIT = 20.0


def click() -> None:
    """Another one, on whatever else there is."""
    ctx = get_script_run_ctx()
    assert ctx is not None
    ctx.session_state._yield_callback.__self__.request_stop()  # type: ignore[attr-defined]


@pytest.fixture
def config(tmp_path: Path, runs_root: Path) -> RunConfig:
    entry = register_phantoms(tmp_path / "set")
    data = DataConfig(folder=entry.folder, adapter=entry.adapter, label_rule=entry.label_rule)
    return get_recipe("smoke").configure(data, CANCER)


@pytest.fixture
def last(monkeypatch: pytest.MonkeyPatch) -> LastStart:
    """Of one tab, whose workers do nothing."""
    found = LastStart()
    monkeypatch.setattr(place, "last_start", lambda: found)
    monkeypatch.setattr(WORKER, lambda run, **_: run.beat())
    return found


@pytest.mark.parametrize("slow", [CHECK, WORKER])
def test_what_was_being_started_as_a_click_came_is_shown_by_the_next_run_of_the_page(
    slow: str, open_page: OpenPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_phantoms(tmp_path / "set")
    page = open_page("train")
    monkeypatch.setattr(CHECK, lambda configs: None)
    monkeypatch.setattr(WORKER, lambda run, **_: None)
    monkeypatch.setattr(slow, lambda *_, **__: click())
    page.button(key="train_start").click().run()
    (run,) = list_runs(tmp_path / "checkpoints")
    page.run()
    assert not page.exception
    assert page.button_group(key="train_show").value == "Runs"
    assert page.query_params["run"] == run.run_id


def start_beside_another(
    first: Callable[[], None], second: Callable[[], None], has_begun: Event, goes_on: Event
) -> None:
    threads = [Thread(target=one) for one in (first, second)]
    threads[0].start()
    assert has_begun.wait(WAIT)
    threads[1].start()
    threads[1].join(0.2)
    goes_on.set()
    for thread in threads:
        thread.join(WAIT)
        assert not thread.is_alive()


def test_the_second_half_of_a_double_click_waits_for_the_first_and_shows_what_it_starts(
    last: LastStart, config: RunConfig, runs_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_begun, goes_on = Event(), Event()

    def check(configs: object) -> None:
        has_begun.set()
        assert goes_on.wait(WAIT)

    monkeypatch.setattr(place, "check_start", check)
    halves = [lambda: start_all([config]), lambda: start_all([config])]
    start_beside_another(*halves, has_begun, goes_on)
    (run,) = list_runs(runs_root)
    assert last.run_id == run.run_id
    assert last.is_to_be_shown


def test_the_second_half_starts_what_the_first_did_not(
    last: LastStart, config: RunConfig, runs_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_ended_run(runs_root, FAILED, config, RunState.FINISHED)
    answers = iter([RunError("refused"), None])

    def check(configs: object) -> None:
        answer = next(answers)
        if answer is not None:
            raise answer

    monkeypatch.setattr(place, "check_start", check)
    with pytest.raises(RunError):
        start_all([config])
    start_all([config])
    assert len(list_runs(runs_root)) == 2
    assert last.run_id != FAILED


def test_only_the_same_wanted_again_at_once_is_a_double_click(config: RunConfig) -> None:
    last = LastStart()
    assert not last.has_begun([config], asked=0.0)
    last.note(fold_configs(config, 2), FAILED)
    assert last.has_begun(fold_configs(config, 2), asked=last.ended - 9)  # while it was started
    assert last.has_begun(fold_configs(config, 2), asked=last.ended + 1)
    assert not last.has_begun(fold_configs(config, 2), asked=last.ended + 3)
    assert not last.has_begun([replace(config, seed=5)], asked=last.ended)


def test_what_takes_the_place_of_a_failed_run_is_started_once_and_shown_again(
    last: LastStart, config: RunConfig, runs_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "check_start", lambda configs: None)
    failed = write_ended_run(runs_root, FAILED, config, RunState.FAILED)
    start_like(failed, config)
    (run,) = (one for one in list_runs(runs_root) if one != failed)
    last.ended -= 60
    last.run_id, last.is_to_be_shown = "", False
    start_like(failed, config)
    assert len(list_runs(runs_root)) == 2
    assert (last.run_id, last.is_to_be_shown) == (run.run_id, True)


def test_a_job_that_a_second_click_wants_while_it_is_begun_is_begun_once(
    runs_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_begun, goes_on = Event(), Event()
    config = MeasureConfig(kind="latency", checkpoint=MODEL)

    def work(run: RunFolder, **_: object) -> None:
        has_begun.set()
        assert goes_on.wait(WAIT)
        run.beat()

    def begin() -> None:
        start_once(config, measurements_root(), what="latency", own=lambda run: None)

    monkeypatch.setattr(WORKER, work)
    start_beside_another(begin, begin, has_begun, goes_on)
    (job,) = list_runs(measurements_root())
    job.write_status(replace(job.read_status(), state=RunState.FAILED))
    begin()
    assert len(list_runs(measurements_root())) == 2  # of one that is over
    for run in list_runs(measurements_root()):
        run.file("status.json").write_text("{")
    begin()
    assert len(list_runs(measurements_root())) == 3  # damaged ones are in nobody's way


def starters(model: RunFolder, rival: RunFolder, config: RunConfig) -> list[Callable[[], Any]]:
    """The callbacks that begin a long job."""
    (entry,) = list_registered(datasets_root())
    froc = JudgeConfig(kind="froc", checkpoint=model.run_id, images=20)
    embed = EmbedConfig(
        checkpoint=model.run_id, folder=entry.folder, adapter=entry.adapter,
        label_rule=entry.label_rule,
    )  # fmt: skip
    return [
        lambda: matrix._evaluate(model, entry),
        lambda: beside._start(beside._wanted(model, rival), rival, model),
        lambda: cost._start(model.run_id),
        lambda: leaderboard._start(model),
        lambda: lesions._start(froc, model),
        lambda: map_of._start(embed),
        lambda: start_like(model, replace(config, seed=5)),
    ]


def test_a_job_is_somebodys_and_begins_though_a_click_comes_as_it_is_made_and_a_second_makes_none(
    last: LastStart, config: RunConfig, runs_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, rival = (write_finished_run(runs_root, name, config) for name in (MODEL, RIVAL))
    for run in (model, rival):
        write_owner(run.file(OF_RUN), Owner(folder=ANNA.folder))
    made = []

    def save(settings: object, file: Path) -> None:
        save_settings(settings, file)
        made.append(file)

    def look() -> Visitor:
        if made:
            raise StopException
        return ANNA

    monkeypatch.setattr("pages.components.shared.whose.visitor", look)
    monkeypatch.setattr("mammo_core.runs.jobs.save_settings", save)
    monkeypatch.setattr("mammo_core.training.preflight.start_worker", lambda run, **_: run.beat())
    monkeypatch.setattr(place, "check_start", lambda configs: None)
    for begin in starters(model, rival, config):
        for _ in range(2):
            with suppress(StopException):
                begin()
            last.ended -= 60
        (file,) = made
        made.clear()
        job = RunFolder(file.parent)
        assert read_owner(job.file(OF_RUN)) == Owner(folder=ANNA.folder)
        assert job.read_status().state is RunState.QUEUED
    job = start_preflight(config, runs_root, own=owning())
    assert read_owner(job.file(OF_RUN)) == Owner(folder=ANNA.folder)


def sample_page() -> None:
    import streamlit as st

    from pages.components.read import intake

    with intake.shown_errors():
        intake._take_sample()
    st.button("Exam", key="exam", on_click=intake._want, args=("exam",))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, runs_root: Path) -> list[BaseException | None]:
    """What each opening of a sample comes to, from the last to the first."""
    answers: list[BaseException | None] = []

    def open_sample(sample: object) -> None:
        answer = answers.pop()
        if answer is not None:
            raise answer

    monkeypatch.setattr("pages.components.read.intake.open_sample", open_sample)
    return answers


def test_a_sample_that_a_click_kept_from_opening_is_opened_by_the_next_run_and_by_no_other(
    opened: list[BaseException | None],
) -> None:
    opened += [None, StopException()]
    page = AppTest.from_function(sample_page).run()
    page.button(key="exam").click().run()
    assert opened == [None]
    page.run()
    assert opened == []
    page.run()
    assert not page.exception


def test_a_sample_that_is_refused_is_not_opened_again_and_again(
    opened: list[BaseException | None],
) -> None:
    opened += [RunError("The disk is full.")]
    page = AppTest.from_function(sample_page).run()
    page.button(key="exam").click().run()
    assert [one.value for one in page.error] == ["The disk is full."]
    page.run()
    assert not page.error


def test_a_sample_gives_way_to_a_case_that_was_opened_while_it_was_read(
    opened: list[BaseException | None],
) -> None:
    opened += [None, StopException()]
    page = AppTest.from_function(sample_page).run()
    page.button(key="exam").click().run()
    page.query_params["case"] = "another"
    page.run()
    assert opened == [None]
    del page.query_params["case"]
    page.run()
    assert opened == [None]


def upload_page() -> None:
    from pages.components.shared.frame import shown_errors
    from pages.components.shared.scored import kept_upload

    with shown_errors():
        kept_upload("upload", "A table", parameter="table")


def test_a_table_that_a_click_came_in_the_way_of_is_kept_by_the_next_run_a_refused_one_by_none(
    runs_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[BaseException] = [RunError("The disk is full."), StopException()]

    def keep(root: Path, data: bytes) -> str:
        if answers:
            raise answers.pop()
        return keep_table(root, data)

    monkeypatch.setattr("pages.components.shared.scored.keep_table", keep)
    page = AppTest.from_function(upload_page).run()
    page.file_uploader(key="upload").set_value(("a.csv", b"score,label\n1,0\n", "text/csv")).run()
    page.run()
    assert [one.value for one in page.error] == ["The disk is full."]
    page.run()
    assert not page.error
    answers.append(StopException())
    page.file_uploader(key="upload").set_value(("b.csv", b"score,label\n1,1\n", "text/csv")).run()
    assert "table" not in page.query_params
    page.run()
    assert page.query_params["table"]
