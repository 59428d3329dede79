"""The example project: a study of drawn women, made from nothing in the background. Two small
networks that start from different weights learn from the same women; each is tested on women it has
not seen and gets a threshold, locked on its validation women; a study report is written.

Every step looks first for what is there already: whoever stopped goes on, whoever has it finds it.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from mammo_core.config import DataConfig
from mammo_core.errors import RunError
from mammo_core.files import (
    audits_root,
    checkpoints_root,
    datasets_root,
    home,
    jobs_root,
    locked,
    measurements_root,
    preflights_root,
    replace_file,
    shipped_checkpoints_root,
)
from mammo_core.records import from_document, read_object, to_document
from mammo_core.runs.folder import RunFolder, list_runs
from mammo_core.runs.jobs import can_be_resumed, create_run, resume_run, start
from mammo_core.runs.naming import About, write_about
from mammo_core.sharing.owners import OF_DATA_SET, OF_RUN, copy_owner
from mammo_core.types import Report, RunState

if TYPE_CHECKING:
    from mammo_core.datasets.dataset import Registered

TITLE: Final = "Example project"
DATA_NAME: Final = "Example: drawn women"
REPORT_NAME: Final = "report.html"
KIND: Final = "example"
#: What the two networks are called, and how each differs from the recipe: in where it starts.
NETWORKS: Final = {
    "Example: from random weights": {},
    "Example: from a trained model": {"model.weights": "checkpoint:phantom-light"},
}
_RECIPE: Final = "smoke"
_SIZE: Final = (512, 256)
_VALIDATION: Final = "0.25"  # of the women: thresholds are chosen on them
_SENSITIVITY: Final = 0.9
_MADE_NAME: Final = "made.json"
_LOOK_EVERY_SECONDS: Final = 0.5
_STOPPED: Final = "Stopped on request. What is made so far stays, and it can go on from there."


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleConfig:
    """How large a study is made."""

    kind: Literal["example"] = "example"
    women: int = 120
    epochs: int = 6
    seed: int = 20

    @property
    def steps(self) -> int:
        """Drawing, looking through, the epochs, thresholds and report."""
        return 3 + len(NETWORKS) * self.epochs


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleMade:
    """The ids of the networks there are so far, by what they are called."""

    runs: dict[str, str] = field(default_factory=dict)


def find_example(runs: Iterable[RunFolder]) -> RunFolder | None:
    """The newest among `runs`, which are newest first; None where nobody has asked for one."""
    return next(iter(_examples(runs)), None)


def _examples(runs: Iterable[RunFolder]) -> list[RunFolder]:
    return [run for run in runs if f"-{KIND}-" in run.run_id and run.kind == KIND]


def networks_of(example: RunFolder) -> list[RunFolder]:
    """Those that are still here, in the order in which they were made."""
    here = {run.run_id: run for run in list_runs(example.path.parent)}
    return [here[run_id] for run_id in _read_made(example).runs.values() if run_id in here]


def is_whole(example: RunFolder) -> bool:
    """Whether all of it is made, and none of it gone since."""
    is_made = (
        example.read_status().state is RunState.FINISHED and example.file(REPORT_NAME).exists()
    )
    finished = [run for run in networks_of(example) if run.is_checkpoint]
    return is_made and len(finished) == len(NETWORKS)


def begin_example(
    root: Path,
    config: ExampleConfig | None = None,
    *,
    own: Callable[[RunFolder], None] = lambda example: None,
) -> RunFolder:
    """The one there is, which goes on where it was left; else a new one, started, once `own` has
    been given it. Two who ask at the same time get the same.
    """
    with locked(_lock_file()):
        return _begin(root, config or ExampleConfig(), own)


def _lock_file() -> Path:
    return jobs_root() / f"{KIND}.lock"


def _begin(root: Path, config: ExampleConfig, own: Callable[[RunFolder], None]) -> RunFolder:
    example = find_example(list_runs(root))
    if example is not None and can_be_resumed(example):
        resume_run(example, is_here=True)
        return example
    if example is not None and (not example.read_status().state.is_over or is_whole(example)):
        return example
    example = create_run(config, root, what=KIND, total=config.steps)
    write_about(example, About(title=TITLE))
    own(example)
    start(example, kind=KIND, is_here=True)
    return example


def make_example(example: RunFolder, *, report: Report, should_stop: Callable[[], bool]) -> str:
    """The worker's part; its closing words."""
    config = example.settings(ExampleConfig)
    report(0, config.steps, f"Drawing {config.women} women")
    _draw(example, config)
    report(1, config.steps, "Looking through the images")
    _audit(should_stop)
    for number, (title, changes) in enumerate(NETWORKS.items()):

        def told(epochs: int, message: str, *, title: str = title, number: int = number) -> None:
            done = 2 + number * config.epochs + epochs
            report(done, config.steps, f"{title}. {message}".strip())

        if should_stop() or not _train(example, title, changes, told=told, should_stop=should_stop):
            return _STOPPED
    report(config.steps - 1, config.steps, "Locking thresholds, writing the report")
    networks = networks_of(example)
    for run in networks:
        _lock(run)
    _write_report(networks[-1], example.file(REPORT_NAME))
    report(config.steps, config.steps, "")
    return (
        f"Two models of {config.women} drawn women, their thresholds locked, and a study report. "
        "All of it is synthetic and says nothing of real women."
    )


def delete_example(
    root: Path, *, may_delete: Callable[[RunFolder], bool] = lambda example: True
) -> None:
    """Everything it made: its networks with all that was learnt of them, women, audit, report.
    Of an example that `may_delete` denies, all stays, and so do the women.
    """
    with locked(_lock_file()):
        examples = _examples(list_runs(root))
        allowed = [example for example in examples if may_delete(example)]
        is_all, made = len(allowed) == len(examples), _made_by(allowed)
        if any(_is_busy(run) for run in made):
            raise RunError("The example project is still being made. Stop it first.")
        _refuse_users(root, made, with_women=is_all)
        for run in made:
            shutil.rmtree(run.path)
        if is_all:
            _delete_data()


def count_others(root: Path) -> int:
    """Runs that learnt from the example's women, or were tested on them, and are not its own."""
    own = _made_by(_examples(list_runs(root)))
    wanted = _names_of_women()
    return sum(_uses(run, wanted) for run in list_runs(root) if run not in own)


def _made_by(examples: Iterable[RunFolder]) -> list[RunFolder]:
    return [run for example in examples for run in (*networks_of(example), example)]


def _is_busy(run: RunFolder) -> bool:
    return not run.read_status().state.is_over and not can_be_resumed(run)


def _refuse_users(root: Path, made: list[RunFolder], *, with_women: bool) -> None:
    wanted = {run.run_id for run in made} | (_names_of_women() if with_women else set())
    running = list_runs(root, audits_root(), measurements_root(), preflights_root())
    users = sum(_uses(run, wanted) and _is_busy(run) for run in running if run not in made)
    if users:
        jobs = "1 job that is" if users == 1 else f"{users} jobs that are"
        raise RunError(
            f"The women or models of the example project are used by {jobs} not over yet. "
            "Wait until then, or stop what uses them, and delete it again."
        )


def _uses(run: RunFolder, wanted: set[str]) -> bool:
    """Whether its settings name one of `wanted`, or a folder that does."""
    try:
        named = set(_named_in(run.document()))
    except RunError:
        return False  # settings that nobody can read
    return any(word in wanted or str(Path(word).resolve()) in wanted for word in named)


def _named_in(settings: dict[str, Any]) -> Iterator[str]:
    """Every data set and checkpoint, however deep."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _named_in(value)
        elif name in ("folder", "checkpoint") and isinstance(value, str):
            yield value


def _names_of_women() -> set[str]:
    """Their folder, and every name that leads to it, also after somebody has forgotten it."""
    from mammo_core.datasets.dataset import list_registered

    entries = list_registered(datasets_root())
    others = {entry.name for entry in entries if not _is_ours(entry)}
    return {str(_folder()), DATA_NAME, *(entry.name for entry in entries)} - others


def _draw(example: RunFolder, config: ExampleConfig) -> None:
    from mammo_core.datasets.dataset import Registered, file_of, register
    from mammo_core.preprocessing.phantoms.women import write_phantom_set

    folder, entry = _folder(), file_of(datasets_root(), DATA_NAME)
    if entry.exists() and _entry() is None:
        raise RunError(
            f"Another folder is registered under the name {DATA_NAME!r}, so the drawn women cannot "
            "be. Forget it on Data, register it there under another name, and let this go on."
        )
    if not (folder / "phantom.json").exists():  # written last
        write_phantom_set(folder, women=config.women, seed=config.seed, size=_SIZE)
    if not entry.exists():
        copy_owner(example.file(OF_RUN), entry.with_suffix(OF_DATA_SET))
        register(
            datasets_root(),
            Registered(
                name=DATA_NAME, folder=str(folder), adapter="phantom_set", label_rule="lesion"
            ),
        )


def _folder() -> Path:
    return (home() / "synthetic" / KIND).resolve()


def _audit(should_stop: Callable[[], bool]) -> None:
    from mammo_core.datasets.audit.report import keep_audit
    from mammo_core.datasets.audit.run import audit_dataset
    from mammo_core.datasets.dataset import latest_audit, read_in_question

    entry = _entry()
    if entry is None or latest_audit(entry, audits_root()) is not None:
        return
    dataset = read_in_question(Path(entry.folder), entry.adapter, entry.label_rule)
    found = audit_dataset(dataset, made_at=_now(), should_stop=should_stop)
    if not should_stop():
        keep_audit(dataset, found, audits_root())


def _entry() -> "Registered | None":
    from mammo_core.datasets.dataset import list_registered

    registered = list_registered(datasets_root())
    own = (entry for entry in registered if entry.name == DATA_NAME and _is_ours(entry))
    return next(own, None)


def _is_ours(entry: "Registered") -> bool:
    return Path(entry.folder).resolve() == _folder()


def _train(
    example: RunFolder,
    title: str,
    changes: dict[str, str],
    *,
    told: Callable[[int, str], None],
    should_stop: Callable[[], bool],
) -> bool:
    """To its end, in a process of its own; False where that was asked to stop."""
    made = _read_made(example)
    here = {run.run_id: run for run in list_runs(example.path.parent)}
    run = here.get(made.runs.get(title, ""))
    if run is None:
        run = _create(example, title, changes)
        _write_made(example, replace(made, runs=made.runs | {title: run.run_id}))
        start(run, kind="train", is_here=True)
    elif can_be_resumed(run):
        resume_run(run, is_here=True)
    while not (status := run.read_status()).state.is_over:
        if should_stop():
            run.ask_to_stop()
        told(status.done, status.message)
        time.sleep(_LOOK_EVERY_SECONDS)
    if status.state is not RunState.FINISHED and not should_stop():
        raise RunError(f"{title} is {status.state}. {status.message}".strip())
    return status.state is RunState.FINISHED


def _create(example: RunFolder, title: str, changes: dict[str, str]) -> RunFolder:
    from mammo_core.training.by_recipe import configure
    from mammo_core.training.recipes import get_recipe
    from mammo_core.training.series import create_series

    epochs = example.settings(ExampleConfig).epochs
    data = DataConfig(folder=DATA_NAME, adapter="phantom_set", label_rule="lesion")
    asked = {"optim.epochs": str(epochs), "data.val_fraction": _VALIDATION} | changes
    config = configure(get_recipe(_RECIPE), data, asked, root=example.path.parent)
    (run,) = create_series([config], example.path.parent, title=title)
    copy_owner(example.file(OF_RUN), run.file(OF_RUN))
    return run


def _lock(run: RunFolder) -> None:
    from mammo_core.inference.locking import lock_by_aim
    from mammo_core.metrics.threshold import Aim
    from mammo_core.runs.operating_points import locked_points

    if not locked_points(run):
        aim = Aim.SENSITIVITY
        lock_by_aim(run, aim, _SENSITIVITY, level=None, is_conservative=False, now=_now())


def _write_report(run: RunFolder, path: Path) -> None:
    from mammo_core.reports.study.report import Format, study_text

    roots = (checkpoints_root(), shipped_checkpoints_root())
    text = study_text(
        run, roots, audits=audits_root(), form=Format.HTML, by="the example project", now=_now()
    )
    replace_file(path, text)


def _delete_data() -> None:
    from mammo_core.datasets.dataset import forget, latest_audit

    entry = _entry()
    if entry is not None:
        while (audit := latest_audit(entry, audits_root())) is not None:
            shutil.rmtree(audit.path)
        forget(datasets_root(), DATA_NAME)
    shutil.rmtree(_folder(), ignore_errors=True)


def _read_made(example: RunFolder) -> ExampleMade:
    if not example.file(_MADE_NAME).exists():
        return ExampleMade()
    document = read_object(example.file(_MADE_NAME), where=_MADE_NAME)
    return from_document(document, ExampleMade, where=_MADE_NAME)


def _write_made(example: RunFolder, made: ExampleMade) -> None:
    replace_file(example.file(_MADE_NAME), json.dumps(to_document(made), indent=2) + "\n")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
