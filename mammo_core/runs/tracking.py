"""Runs handed to an MLflow server or folder: settings as parameters, what was measured in every
epoch, the figures of the card with their intervals, and files.

mlflow-skinny is asked for only here, and only when somebody wants it (requirements-mlflow.txt).
"""

import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from mammo_core.errors import ConfigError, RunError
from mammo_core.runs.card import settings_table
from mammo_core.runs.folder import RunFolder, card_hash
from mammo_core.runs.naming import run_title
from mammo_core.runs.operating_points import MODEL_POINTS_FILE, POINTS_FILE
from mammo_core.types import RunState

EXPERIMENT: Final = "mammoscope"
_TAG: Final = "mammoscope.run"
_CARD_TAG: Final = "mammoscope.card_sha256"
_HALF_TAG: Final = "mammoscope.half_written"
_PARAMETERS, _METRICS = 100, 1000  # that a server takes at once
_LONGEST: Final = 500  # letters of a parameter
_STATES: Final = {RunState.FINISHED: "FINISHED", RunState.STOPPED: "KILLED"}
_FILES: Final = ("model_card.json", "weights.safetensors", MODEL_POINTS_FILE, POINTS_FILE)
_OF_WOMEN: Final = ("predictions.csv",)

T = TypeVar("T")
Told = Callable[[RunFolder, str], None]


def export_runs(
    runs: list[RunFolder],
    uri: str,
    *,
    experiment: str = EXPERIMENT,
    is_with_women: bool = False,
    told: Told = lambda run, what: None,
) -> int:
    """How many of `runs` were written to the MLflow at `uri`; those that are there already, with
    the same card, are left.
    """
    mlflow = _mlflow(uri)
    files = (*_FILES, *_OF_WOMEN) if is_with_women else _FILES
    written = 0
    try:
        client = mlflow.tracking.MlflowClient(uri)
        found = client.get_experiment_by_name(experiment)
        number = found.experiment_id if found else client.create_experiment(experiment)
        for run in runs:
            if _is_there(client, number, run):
                told(run, "is there already")
                continue
            _delete_half(client, number, run)
            _write(mlflow, client, number, run, files)
            told(run, "is written")
            written += 1
    except mlflow.exceptions.MlflowException as error:
        said = f"MLflow at {uri} did not take the runs: {error}"
        raise RunError(without_password(said)) from None
    return written


def without_password(text: str) -> str:
    """`text` without what stands before the @ of an address in it."""
    return re.sub(r"://[^/\s]*@", "://", text)


def _write(
    mlflow: Any, client: Any, experiment: str, run: RunFolder, files: tuple[str, ...]
) -> None:
    """By its tags it counts as there, so they come last: whoever is killed leaves a half one."""
    began, ended = _times(run)
    half = {_HALF_TAG: run.run_id}
    made = client.create_run(experiment, began, half, run_title(run)).info.run_id
    kinds = mlflow.entities
    try:
        for some in _pieces(list(_parameters(run).items()), _PARAMETERS):
            client.log_batch(made, params=[kinds.Param(name, text) for name, text in some])
        for rows in _pieces(list(_measured(run)), _METRICS):
            client.log_batch(
                made, metrics=[kinds.Metric(name, value, ended, step) for name, value, step in rows]
            )
        for name in files:
            if run.file(name).is_file():
                client.log_artifact(made, run.file(name))
        state = run.read_status().state
        client.set_terminated(made, _STATES.get(state, "FAILED"), ended)
        for name, value in {_TAG: run.run_id, **_card_tag(run)}.items():
            client.set_tag(made, name, value)
        client.delete_tag(made, _HALF_TAG)
    except BaseException:
        client.delete_run(made)  # half a run is none
        raise


def _delete_half(client: Any, experiment: str, run: RunFolder) -> None:
    for half in client.search_runs([experiment], f"tags.`{_HALF_TAG}` = '{run.run_id}'"):
        client.delete_run(half.info.run_id)


def _pieces(items: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    return (items[start : start + most] for start in range(0, len(items), most))


def _is_there(client: Any, experiment: str, run: RunFolder) -> bool:
    asked = " and ".join(
        f"tags.`{name}` = '{value}'" for name, value in {_TAG: run.run_id, **_card_tag(run)}.items()
    )
    return bool(client.search_runs([experiment], asked, max_results=1))


def _card_tag(run: RunFolder) -> dict[str, str]:
    return {_CARD_TAG: card_hash(run)} if run.is_checkpoint else {}


def _parameters(run: RunFolder) -> Mapping[str, str]:
    """Settings by their dots; a folder by its last name: where data lie is nobody's business."""
    table = settings_table({run.run_id: run.document()}, only_differences=False)
    texts = zip(table["setting"], table[run.run_id].astype(str), strict=True)
    return {name: text[:_LONGEST] for name, text in texts}


def _measured(run: RunFolder) -> Iterator[tuple[str, float, int]]:
    """Name, value and epoch of what was measured; of the card's figures the epoch that was kept."""
    for row in run.read_metrics().to_dict("records"):
        for name, value in row.items():
            is_number = isinstance(value, int | float) and math.isfinite(value)
            if is_number and name != "epoch":
                yield f"{row['split']}/{name}", float(value), int(row["epoch"])
    if not run.is_checkpoint:
        return
    card = run.card()
    for metric in card.metrics:
        name = f"{metric.split}/{metric.name.replace(' ', '_')}_by_{metric.level}"
        ends = {"": metric.value, "_low": metric.low, "_high": metric.high}
        for end, value in ends.items():
            if value is not None:
                yield name + end, value, card.training.best_epoch


def _times(run: RunFolder) -> tuple[int, int]:
    """Begin and end in milliseconds since 1970; what is not known is read off the files."""
    if run.is_checkpoint:
        record = run.card().training
        ended = datetime.fromisoformat(record.finished_at).timestamp()
        return round((ended - record.seconds) * 1000), round(ended * 1000)
    files = [run.settings_file, run.file("status.json")]
    first, last = (path.stat().st_mtime for path in files)
    return round(first * 1000), round(last * 1000)


def _mlflow(uri: str) -> Any:
    """The library, told to tell nobody that it is used; it also refuses folders unless asked."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    if "://" not in uri or uri.startswith("file:"):
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    try:
        import mlflow
        import mlflow.entities
        import mlflow.tracking
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"For this, mlflow-skinny must be installed ({error.name} is missing): "
            ".venv/bin/pip install -r requirements-mlflow.txt"
        ) from None
    return mlflow
