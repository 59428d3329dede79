"""A search for settings: what is drawn, and which run was which trial of it."""

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import pandas as pd

from mammo_core.config import RunConfig
from mammo_core.errors import ConfigError
from mammo_core.files import replace_file
from mammo_core.records import from_document, read_object, to_document
from mammo_core.runs.folder import RunFolder, list_runs

TRIAL_NAME: Final = "trial.json"
TABLE_NAME: Final = "trials.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchConfig:
    """`trials` trainings like `base`, the settings in `over` drawn for each; `over` as written:
    log:1e-5..1e-3, 0.1..0.5, 2..8 for whole numbers, or values with commas between them.
    """

    kind: Literal["search"] = "search"
    base: RunConfig
    over: dict[str, str]
    trials: int
    seed: int = 0

    def check(self) -> None:
        if not self.over:
            raise ConfigError("A search needs settings to search over: --over NAME=LOW..HIGH.")
        if self.trials < 2:
            raise ConfigError(f"{self.trials} trials are no search; at least 2 are.")
        for name, text in self.over.items():
            parse_range(name, text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Which trial of which search a run is."""

    search: str
    number: int  # from 1
    trials: int
    changes: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Values that a setting is drawn from: between two bounds, or one of `choices`."""

    low: float = 0.0
    high: float = 0.0
    is_log: bool = False
    is_whole: bool = False
    choices: tuple[str, ...] = ()


def parse_range(name: str, text: str) -> Range:
    """What `text`, asked for the setting `name`, means."""
    body = text.removeprefix("log:")
    low, dots, high = body.partition("..")
    if not dots:
        choices = tuple(one.strip() for one in body.split(",") if one.strip())
        if body == text and len(choices) >= 2:
            return Range(choices=choices)
    else:
        with suppress(ValueError):
            found = Range(
                low=float(low),
                high=float(high),
                is_log=body != text,
                is_whole=low.lstrip("-").isdecimal() and high.lstrip("-").isdecimal(),
            )
            is_right = math.isfinite(found.low) and math.isfinite(found.high)
            if is_right and found.low < found.high and (found.low > 0 or not found.is_log):
                return found
    raise ConfigError(
        f"{name} cannot be drawn from {text!r}. Write LOW..HIGH, log:LOW..HIGH with both above 0, "
        "or two or more values with commas between them."
    )


def write_trial(run: RunFolder, trial: Trial) -> None:
    replace_file(run.file(TRIAL_NAME), json.dumps(to_document(trial), indent=2) + "\n")


def read_trial(run: RunFolder) -> Trial | None:
    """None where the run is no trial of a search."""
    try:
        document = read_object(run.file(TRIAL_NAME), where=TRIAL_NAME)
    except FileNotFoundError:
        return None
    return from_document(document, Trial, where=TRIAL_NAME)


def trial_in_words(trial: Trial | None) -> str:
    """What must be said of a model that was picked among others; "" of one that was not."""
    if trial is None:
        return ""
    return (
        f"Trial {trial.number} of the {trial.trials} of a search over "
        f"{', '.join(sorted(trial.changes))}. The best of {trial.trials} on the validation women "
        "is partly luck, so its figures on them are too high; the test women chose nothing."
    )


def trials_of(search: str, root: Path) -> list[tuple[Trial, RunFolder]]:
    """The runs of a search by number."""
    found = [(trial, run) for run in list_runs(root) if (trial := read_trial(run))]
    return sorted(
        ((trial, run) for trial, run in found if trial.search == search),
        key=lambda entry: entry[0].number,
    )


def judged_by(config: RunConfig) -> str:
    """The column of validation metrics that trials are compared by."""
    return config.optim.monitor if config.optim.monitor in ("loss", "kappa") else "auc"


def value_column(config: RunConfig) -> str:
    """What the best value of each trial is called in the table of trials."""
    return f"best validation {judged_by(config)}"


def values_of(run: RunFolder, column: str) -> list[float]:
    """One for each epoch on the validation women; higher is better, whatever the column is."""
    metrics = run.read_metrics()
    if column not in metrics:
        return []
    told = pd.to_numeric(metrics.loc[metrics["split"] == "val", column], errors="coerce")
    return [-value if column == "loss" else value for value in told.tolist()]


def trials_table(search: SearchConfig, search_id: str, root: Path) -> pd.DataFrame:
    """A row for each trial: what was drawn, how far it came, its best on the validation women."""
    column = judged_by(search.base)
    rows: list[Mapping[str, Any]] = []
    for trial, run in trials_of(search_id, root):
        values = [value for value in values_of(run, column) if not math.isnan(value)]
        best = max(values, default=math.nan)
        rows.append(
            {
                "trial": trial.number,
                "run": run.run_id,
                **{name: trial.changes.get(name, "") for name in search.over},
                "epochs": len(values),
                value_column(search.base): -best if column == "loss" else best,
                "state": str(run.read_status().state),
                "is_whole": run.is_checkpoint,
            }
        )
    return pd.DataFrame(rows)


def best_trial(search: SearchConfig, search_id: str, root: Path) -> tuple[Trial, RunFolder] | None:
    """Of those that came to their end, the best on the validation women."""
    column = judged_by(search.base)
    ended = [entry for entry in trials_of(search_id, root) if entry[1].is_checkpoint]
    judged = [(max(values_of(run, column), default=math.nan), trial, run) for trial, run in ended]
    known = [entry for entry in judged if not math.isnan(entry[0])]
    if not known:
        return None
    _, trial, run = max(known, key=lambda entry: entry[0])
    return trial, run
