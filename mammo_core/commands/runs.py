"""`mammo runs`, `stop`, `resume`, `watch`, `report`: what the pages do with a run, in a shell."""

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pandas as pd

from mammo_core.commands.command import Command, note_look, say, say_aside
from mammo_core.config import RunConfig
from mammo_core.errors import ConfigError, RunError
from mammo_core.files import (
    audits_root,
    checkpoints_root,
    shipped_checkpoints_root,
    studies_root,
)
from mammo_core.runs.folder import RunFolder, RunStatus, find_checkpoint, find_run, list_runs
from mammo_core.runs.naming import is_archived, read_about, run_title, titles_of, write_about
from mammo_core.types import Level, RunState
from mammo_core.words import case_in_words, many

LOOK_EVERY_SECONDS: Final = 0.2
_SAY_AGAIN_SECONDS: Final = 5.0  # the same news with other numbers: "Preparing images: 25 of 400"
_MINUTE: Final = 60.0

Say = Callable[[str], None]


def follow(run: RunFolder, say: Say) -> RunStatus:
    """Until `run` is over; its last words are for the caller to say. An interrupt ends the looking,
    not the run, and says so.
    """
    try:
        return _followed(run, say)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"{run.run_id} goes on in the background; `mammo watch {run.run_id}` follows it, "
            f"`mammo stop {run.run_id}` ends it."
        ) from None


def _followed(run: RunFolder, say: Say) -> RunStatus:
    news, epochs, before = News(say), _Epochs(run, say), None
    while True:
        status = run.read_status()
        if status != before:  # it is written after the metrics of an epoch
            epochs.look(total=status.total)
        before = status
        if status.state.is_over:
            return status
        if not status.message.startswith("Epoch "):
            told = f"{status.state}: {status.message}" if status.message else str(status.state)
            news.hear(told, now=time.monotonic())
        time.sleep(LOOK_EVERY_SECONDS)


def ended_well(run: RunFolder) -> bool:
    """Follow `run` to its end and tell that."""
    status = follow(run, say_aside)
    say_aside(f"{status.state}: {status.message}")
    return status.state is RunState.FINISHED


class News:
    """Says each thing once, and what changes in nothing but its numbers now and then."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._line = ""
        self._kind = ""
        self._at = 0.0

    def hear(self, line: str, *, now: float) -> None:
        kind = "".join(letter for letter in line if not letter.isdigit())
        if line == self._line or (kind == self._kind and now - self._at < _SAY_AGAIN_SECONDS):
            return
        self._line, self._kind, self._at = line, kind, now
        self._say(line)


class _Epochs:
    """Says every epoch that ends; of those before one began to look, the last."""

    def __init__(self, run: RunFolder, say: Say) -> None:
        self._run = run
        self._say = say
        self._said: int | None = None
        self._ended_at: float | None = None
        self._case = case_in_words(Level.IMAGE, _views_of(run))  # in the first line alone

    def look(self, *, total: int) -> None:
        rows = list(_ended_epochs(self._run.read_metrics()))
        if self._said is None:
            self._said = rows[-2][0] if len(rows) > 1 else 0
        for epoch, train, val in rows:
            if epoch <= self._said:
                continue
            now = time.monotonic()
            left = ""
            if self._ended_at is not None and epoch < total:
                left = f"; {_in_words((now - self._ended_at) * (total - epoch))} left"
            self._ended_at, self._said = now, epoch
            told = _epoch_in_words(train, val, case=self._case)
            self._case = str(Level.IMAGE)
            self._say(f"epoch {epoch:3} of {total}: {told}{left}")


def _views_of(run: RunFolder) -> int:
    """1 for a run that is no training."""
    try:
        return run.settings(RunConfig).model.views
    except ConfigError:
        return 1


def _ended_epochs(metrics: pd.DataFrame) -> Iterator[tuple[int, pd.Series, pd.Series]]:
    """The epochs both of whose rows are there, with those of training and validation."""
    if "loss" not in metrics:
        return
    train = metrics[metrics["split"] == "train"].set_index("epoch")
    val = metrics[metrics["split"] == "val"].set_index("epoch")
    for epoch in sorted(set(train.index) & set(val.index)):
        yield int(epoch), train.loc[epoch], val.loc[epoch]


def _epoch_in_words(train: pd.Series, val: pd.Series, *, case: str) -> str:
    parts = [
        f"validation AUC {_number(val, 'auc')} by {case}",
        *([f"quadratic kappa {_number(val, 'kappa')}"] if pd.notna(val.get("kappa")) else []),
        f"sensitivity {_number(val, 'sensitivity_at_specificity_90', 2)} at specificity 0.90",
        f"loss {_number(val, 'loss')} (training {_number(train, 'loss')})",
        f"{_number(train, 'images_per_second', 0)} images/s",
    ]
    alarm = val.get("alarm")
    return ", ".join(parts) + (f". Alarm: {alarm}" if isinstance(alarm, str) else "")


def _number(row: pd.Series, name: str, decimals: int = 3) -> str:
    value = row.get(name)
    return "unknown" if value is None or pd.isna(value) else f"{value:.{decimals}f}"


def _in_words(seconds: float) -> str:
    if seconds < 2 * _MINUTE:
        return f"about {max(1.0, seconds):.0f} s"
    return f"about {seconds / _MINUTE:.0f} min"


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="its name, as `mammo runs` lists it")


def add_here_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--here",
        action="store_true",
        help="on this computer, although MAMMO_RAY names a cluster",
    )


def _add_stopped(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run", metavar="RUN", help="its name, as `mammo runs` lists it; or that of a series"
    )
    parser.add_argument(
        "--series", action="store_true", help="every run of its series: all folds, or all seeds"
    )


def _add_resumed(parser: argparse.ArgumentParser) -> None:
    _add_stopped(parser)
    add_here_argument(parser)


def _add_list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "asked",
        metavar="RUN",
        nargs="*",
        help="the one to name or archive; behind `export` those to hand to MLflow, else all",
    )
    parser.add_argument("--name", metavar="WORDS", help='what to call it; "" for its default')
    parser.add_argument("--notes", metavar="WORDS", help="what to remember of it")
    parser.add_argument(
        "--tag", action="append", metavar="WORD", help="may be repeated; replaces those it has"
    )
    hidden = parser.add_mutually_exclusive_group()
    hidden.add_argument("--archive", action="store_true", help="hide it; nothing is deleted")
    hidden.add_argument("--restore", action="store_true", help="bring it back")
    hidden.add_argument("--all", action="store_true", help="list the archived ones too")
    export = parser.add_argument_group("mammo runs export")
    export.add_argument(
        "--mlflow",
        metavar="URI",
        help="where to: http://HOST:PORT, or file:FOLDER; settings, metrics, card and weights go",
    )
    export.add_argument("--experiment", metavar="NAME", help="default mammoscope")
    export.add_argument(
        "--with-women", action="store_true", help="also the table of predictions, with ids"
    )


def _list(arguments: argparse.Namespace) -> int:
    if arguments.asked[:1] == ["export"]:
        return _export(arguments)
    if arguments.mlflow is not None or len(arguments.asked) > 1:
        raise ConfigError("One run at a time; to hand several on: mammo runs export --mlflow URI.")
    if arguments.asked:
        return _note(arguments)
    asked = (arguments.name, arguments.notes, arguments.tag)
    if arguments.archive or arguments.restore or any(one is not None for one in asked):
        raise ConfigError("Which run? Put its name, as `mammo runs` lists it, behind `mammo runs`.")
    runs = list_runs(checkpoints_root())
    titles = titles_of(runs)
    for run in runs:
        is_hidden = is_archived(run)
        if is_hidden and not arguments.all:
            continue
        try:
            status = run.read_status()
        except RunError as error:  # the others are listed all the same
            say(f"{run.run_id:44} {error}")
            continue
        archived = " (archived)" if is_hidden else ""
        say(f"{run.run_id:44} {_counted(status)} {titles[run.run_id]}{archived}. {status.message}")
    return 0


def _note(arguments: argparse.Namespace) -> int:
    """Keep what was said of the run, and tell what is known of it now."""
    run = find_run(arguments.asked[0], checkpoints_root())
    before = read_about(run)
    about = replace(
        before,
        title=before.title if arguments.name is None else arguments.name,
        notes=before.notes if arguments.notes is None else arguments.notes,
        tags=before.tags if arguments.tag is None else tuple(arguments.tag),
        is_archived=arguments.archive or (before.is_archived and not arguments.restore),
    )
    if about != before:
        write_about(run, about)
        about = read_about(run)
    say(f"{run.run_id}: {run_title(run)}{' (archived)' if about.is_archived else ''}")
    for told in (about.notes, ", ".join(about.tags)):
        if told:
            say(told)
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from mammo_core.runs.tracking import EXPERIMENT, export_runs, without_password

    if arguments.mlflow is None:
        raise ConfigError("Where to? mammo runs export --mlflow URI, a server's or file:FOLDER.")
    runs = [find_checkpoint(name) for name in arguments.asked[1:]]
    foreign = [run.run_id for run in runs if not run.settings_file.exists()]
    if foreign:
        raise RunError(
            f"{', '.join(foreign)} cannot be handed to MLflow: without a run.json the settings are "
            "not known, as of a checkpoint that was trained elsewhere. Leave it out."
        )
    runs = runs or [run for run in list_runs(checkpoints_root()) if _is_to_be_exported(run)]
    note_look(*(run for run in runs if run.is_checkpoint), by="mammo runs export")
    written = export_runs(
        runs,
        arguments.mlflow,
        experiment=arguments.experiment or EXPERIMENT,
        is_with_women=arguments.with_women,
        told=lambda run, what: say(f"{run.run_id:44} {what}"),
    )
    place = without_password(arguments.mlflow)
    say(f"{written} of {many(len(runs), 'run', 'runs')} written to {place}.")
    return 0


def _is_to_be_exported(run: RunFolder) -> bool:
    """Of all runs, where none was named; one whose status is damaged is told and passed over."""
    if is_archived(run) or not run.settings_file.exists():
        return False
    try:
        return run.read_status().state.is_over
    except RunError as error:
        say_aside(str(error))
        return False


def _series_asked_for(arguments: argparse.Namespace) -> list[RunFolder]:
    """Every run of the series that is named, or that the named run is asked to stand for; empty
    where a single run is meant.
    """
    from mammo_core.training.series import series_of, siblings_of

    name, root = arguments.run, checkpoints_root()
    is_run = any(run.run_id == name and not run.is_ensemble for run in list_runs(root))
    if is_run and not arguments.series:
        return []
    runs = siblings_of(series_of(name, root), root)
    if is_run and not runs:
        raise RunError(f"{name} stands alone. Leave --series out.")
    return runs


def _states_in_words(runs: Sequence[RunFolder]) -> str:
    states = Counter(str(run.read_status().state) for run in runs)
    return ", ".join(f"{count} {state}" for state, count in states.items())


def _stop(arguments: argparse.Namespace) -> int:
    from mammo_core.runs.jobs import stop_run

    runs = _series_asked_for(arguments)
    asked = runs or [find_run(arguments.run, checkpoints_root())]
    # The last first: else the next would begin when one that works has ended.
    at_work = [
        run
        for run in reversed(asked)
        if run.read_status().state in (RunState.QUEUED, RunState.RUNNING)
    ]
    if not at_work:
        told = f"Of this series, {_states_in_words(runs)}"
        alone = f"{asked[0].run_id} is {asked[0].read_status().state}"
        raise RunError(f"{told if runs else alone}: there is nothing to stop.")
    for run in at_work:
        stop_run(run)
    for run in at_work:
        is_over = run.read_status().state.is_over
        say(f"{run.run_id} {'is stopped' if is_over else 'will stop after its current batch'}.")
    waiting = sum(run.read_status().state is RunState.NOT_STARTED for run in asked)
    if waiting:
        say_aside(f"{waiting} not started: cancel them where they are queued.")
    return 0


def _resume(arguments: argparse.Namespace) -> int:
    from mammo_core.runs.jobs import can_be_resumed, resume_run

    runs = _series_asked_for(arguments)
    # One that was never started may wait in a cluster's queue: two workers would write one folder.
    going_on = [
        run
        for run in runs
        if can_be_resumed(run) and run.read_status().state is not RunState.NOT_STARTED
    ]
    if runs and not going_on:
        raise RunError(
            f"None of the {len(runs)} runs of the series can be resumed: {_states_in_words(runs)}."
        )
    for run in going_on or [find_run(arguments.run, checkpoints_root())]:
        resume_run(run, is_here=arguments.here)
        say(run.path)
    left = [run for run in runs if run not in going_on]
    if left:
        say_aside(f"The others of the series are left as they are: {_states_in_words(left)}.")
    return 0


def _watch(arguments: argparse.Namespace) -> int:
    """Tell every epoch, and what else there is to tell, until the run is over."""
    run = find_run(arguments.run, checkpoints_root())
    status = follow(run, say)
    say(_line(status))
    return 0 if status.state is RunState.FINISHED else 1


def _line(status: RunStatus) -> str:
    return f"{_counted(status)} {status.message}"


def _counted(status: RunStatus) -> str:
    return f"{status.state:11} {status.done:4} of {status.total:<4}"


RUNS = Command(
    name="runs",
    summary="list the runs; name, tag or archive one; hand them to MLflow",
    add_arguments=_add_list_arguments,
    run=_list,
)
STOP = Command(
    name="stop",
    summary="end a run early, or all of a series",
    add_arguments=_add_stopped,
    run=_stop,
)
RESUME = Command(
    name="resume",
    summary="go on with a stopped or lost run, or all of a series",
    add_arguments=_add_resumed,
    run=_resume,
)
WATCH = Command(name="watch", summary="follow a run", add_arguments=_add_run, run=_watch)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="its name, as `mammo runs` lists it")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="default: a file in this folder, named after RUN"
    )
    parser.add_argument(
        "--format", choices=("html", "md"), help="default: by the ending of FILE, or html"
    )
    parser.add_argument("--card", action="store_true", help="the model card instead of a report")


def _run(arguments: argparse.Namespace) -> int:
    from mammo_core.files import replace_file
    from mammo_core.reports.study.report import Format, card_text

    run, out = find_checkpoint(arguments.run), arguments.out
    refuse_no_folder(out)
    form = arguments.format or _form_of(out)
    if not arguments.card:
        say(write_report(run, out, form=form, by="mammo report"))
        return 0
    out = out or Path(f"{run.run_id}-card.{form}")
    roots = (checkpoints_root(), shipped_checkpoints_root())
    note_look(run, by="mammo report")  # the card tells test results
    replace_file(out, card_text(run, roots, audits=audits_root(), form=Format(form)))
    say(out)
    return 0


def refuse_no_folder(out: Path | None) -> None:
    """Refuse what no file can be written to."""
    if out is None:
        return
    if out.is_dir():
        raise ConfigError(f"{out} is a folder. Name the file to write in it.")
    if not out.parent.is_dir():
        raise ConfigError(f"There is no folder {out.parent} to write {out.name} to.")


def write_report(run: RunFolder, out: Path | None, *, by: str, form: str | None = None) -> Path:
    """The study report of `run`, in the form that the name says where none is asked for."""
    from mammo_core.files import replace_file
    from mammo_core.reports.study.report import Format, study_text

    form = form or _form_of(out)
    path = out or Path(f"{run.run_id}-report.{form}")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    roots = (checkpoints_root(), shipped_checkpoints_root())
    text = study_text(
        run, roots, audits=audits_root(), form=Format(form), by=by, now=now, studies=studies_root()
    )
    replace_file(path, text)
    return path


def _form_of(out: Path | None) -> str:
    return "md" if out is not None and out.suffix.lower() in (".md", ".markdown") else "html"


REPORT = Command(
    name="report",
    summary="write a study report or a model card in words",
    add_arguments=_add_arguments,
    run=_run,
)
