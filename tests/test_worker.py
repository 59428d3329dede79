"""The table of kinds of work: whatever settings ask for, somebody does it."""

from pathlib import Path
from typing import get_args, get_type_hints

from mammo_core import config
from mammo_core.archive.worklists import WorkConfig
from mammo_core.example import ExampleConfig
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.jobs import WORKER
from mammo_core.runs.searches import SearchConfig
from mammo_core.training.preflight import KIND as PREFLIGHT
from mammo_core.worker import KINDS
from mammo_core.worker import __name__ as name


def test_every_kind_of_work_that_settings_ask_for_is_done_by_somebody() -> None:
    hints = [
        get_type_hints(record)["kind"]
        for record in (*vars(config).values(), ExampleConfig, SearchConfig, WorkConfig)
        if isinstance(record, type) and "kind" in getattr(record, "__annotations__", {})
        if record is not config.PatchConfig  # what patches are of; a part of a training's settings
    ]
    asked = {kind for hint in hints for kind in get_args(hint)}
    assert len(asked) >= 8
    assert asked | {PREFLIGHT} == set(KINDS)


def test_the_worker_is_called_by_its_name() -> None:
    assert name == WORKER


def test_two_readers_of_one_disk_wait_for_one_another_and_not_for_a_training() -> None:
    run = RunFolder(Path("a-run"))
    assert KINDS["audit"].device(run) == KINDS["prepare"].device(run) == "disk"
    assert KINDS["latency"].device(run) != "disk"
