"""Which checkpoint has scored which data set: the runs that `mammo evaluate` left."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import pandas as pd

from mammo_core.config import EvaluateConfig
from mammo_core.errors import ConfigError
from mammo_core.files import replace_file
from mammo_core.runs.folder import RunFolder
from mammo_core.tables import read_table
from mammo_core.words import many

#: Beside the predictions: the images that were asked for and could not be read. Columns below.
LEFT_OUT_NAME: Final = "left_out.csv"
LEFT_OUT_COLUMNS: Final = ("image_id", "path", "reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    run: RunFolder
    config: EvaluateConfig

    @property
    def data(self) -> tuple[str, str]:
        """The data set and the label rule: another rule makes other cases of the same images."""
        return self.config.folder, self.config.label_rule


def list_evaluations(runs: Iterable[RunFolder]) -> list[Evaluation]:
    """Those among `runs` that evaluate, in their order, at whatever stage they are."""
    return [
        Evaluation(run=run, config=config)
        for run in runs
        for config in (_config_of(run),)
        if config is not None
    ]


def evaluation_of(
    evaluations: Iterable[Evaluation], checkpoint: str, data: tuple[str, str]
) -> Evaluation | None:
    """The newest that has predictions, else the newest at all; `evaluations` are newest first."""
    fitting = [e for e in evaluations if e.config.checkpoint == checkpoint and e.data == data]
    scored = [e for e in fitting if e.run.has_predictions]
    return next(iter(scored or fitting), None)


def write_left_out(run: RunFolder, left_out: pd.DataFrame) -> None:
    """Only where there are any."""
    if len(left_out):
        table = left_out[list(LEFT_OUT_COLUMNS)]
        replace_file(run.file(LEFT_OUT_NAME), table.to_csv(index=False, lineterminator="\n"))


def read_left_out(run: RunFolder) -> pd.DataFrame:
    if not run.file(LEFT_OUT_NAME).exists():
        return pd.DataFrame(columns=list(LEFT_OUT_COLUMNS), dtype="string")
    table = read_table(run.file(LEFT_OUT_NAME), what="list of images left out")
    return table.reindex(columns=list(LEFT_OUT_COLUMNS))


def left_out_in_words(left_out: pd.DataFrame) -> str | None:
    """How many, and why the first was; None where there are none."""
    if left_out.empty:
        return None
    first = left_out.iloc[0]
    return (
        f"Left out: {many(len(left_out), 'image', 'images')} that cannot be read (first: "
        f"{first['image_id']}: {first['reason']}). All are listed in {LEFT_OUT_NAME} of the run."
    )


def _config_of(run: RunFolder) -> EvaluateConfig | None:
    try:
        return run.settings(EvaluateConfig) if run.kind == "evaluate" else None
    except ConfigError:
        return None  # not a run of this program's; other pages say so where it is chosen
