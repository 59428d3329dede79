"""Starting again from what an earlier run was: its settings, and a batch that fits the memory.

Needs no torch: a page fills its form from this.
"""

import json
from dataclasses import dataclass, replace
from typing import Final

from mammo_core.config import RunConfig, load_settings
from mammo_core.errors import ConfigError
from mammo_core.files import replace_file
from mammo_core.records import from_document, to_document
from mammo_core.runs.folder import RunFolder

FITTING_NAME: Final = "fitting.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """A batch that was tried out and fits, and how many of them make a step as large as before."""

    batch_size: int
    accumulate: int


def fitting_of(config: RunConfig, largest: int) -> Fitting:
    """With batches of `largest` a step sees as many images as `config` asked for, or a few more."""
    batches = -(-config.optim.batch_size // largest)
    return Fitting(batch_size=largest, accumulate=config.optim.accumulate * batches)


def write_fitting(run: RunFolder, fitting: Fitting) -> None:
    replace_file(run.file(FITTING_NAME), json.dumps(to_document(fitting)) + "\n")


def read_fitting(run: RunFolder) -> Fitting | None:
    """What was found to fit after `run` had run out of memory; None where it did not."""
    try:
        document = json.loads(run.file(FITTING_NAME).read_text(encoding="utf-8"))
        return from_document(document, Fitting, where=FITTING_NAME)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ConfigError(f"{FITTING_NAME} of {run.run_id} cannot be read: {error}") from None


def settings_of(run: RunFolder) -> RunConfig:
    """The settings of `run`, for a run of its own: not of the series it may have belonged to."""
    config = load_settings(run.file("run.json"), RunConfig)
    return replace(config, series="", data=replace(config.data, folds=0, fold=0))


def made_to_fit(config: RunConfig, fitting: Fitting) -> RunConfig:
    """`config` in smaller batches, added up to a step that sees as many images."""
    optim = replace(config.optim, batch_size=fitting.batch_size, accumulate=fitting.accumulate)
    return replace(config, optim=optim)
