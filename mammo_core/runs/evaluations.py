"""Which checkpoint has scored which data set: the runs that `mammo evaluate` left."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from mammo_core.config import EvaluateConfig
from mammo_core.errors import ConfigError
from mammo_core.files import replace_file
from mammo_core.runs.folder import RunFolder
from mammo_core.tables import read_table
from mammo_core.words import many

#: Beside the predictions: the images that were asked for and got no score. Columns below.
LEFT_OUT_NAME: Final = "left_out.csv"
LEFT_OUT_COLUMNS: Final = ("image_id", "path", "kind", "reason")
UNREADABLE: Final = "cannot be read"  # the kind of what is no Unfit
NO_PLACE: Final = "of another side or view"  # than a model over several views reads


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
    """The newest that has predictions, else the newest at all; `evaluations` are newest first. What
    was scored beside another run, on its test women alone, is not counted.
    """
    fitting = [
        e
        for e in evaluations
        if e.config.checkpoint == checkpoint and e.data == data and not e.config.split_of
    ]
    scored = [e for e in fitting if e.run.has_predictions]
    return next(iter(scored or fitting), None)


def write_left_out(run: RunFolder, left_out: pd.DataFrame) -> None:
    """Only where there are any."""
    if len(left_out):
        table = left_out.reindex(columns=list(LEFT_OUT_COLUMNS))
        replace_file(run.file(LEFT_OUT_NAME), table.to_csv(index=False, lineterminator="\n"))


def read_left_out(run: RunFolder) -> pd.DataFrame:
    if not run.file(LEFT_OUT_NAME).exists():
        return pd.DataFrame(columns=list(LEFT_OUT_COLUMNS), dtype="string")
    table = read_table(run.file(LEFT_OUT_NAME), what="list of images left out")
    return table.reindex(columns=list(LEFT_OUT_COLUMNS))


def left_out_in_words(left_out: pd.DataFrame, *, scored: int | None = None) -> str | None:
    """How many of all that were asked for, by kind, and why the first was; None where none was."""
    if left_out.empty:
        return None
    first = left_out.iloc[0]
    count = many(len(left_out), "image", "images")
    if scored is not None:
        count = f"{len(left_out):,} of {many(scored + len(left_out), 'image', 'images')}"
    verb = "was" if len(left_out) == 1 else "were"
    return (
        f"{count} {verb} not scored: {kinds_in_words(left_out['kind'].fillna(UNREADABLE))} (first: "
        f"{first['image_id']}: {first['reason']}). All are listed in {LEFT_OUT_NAME} of the run."
    )


def kinds_in_words(kinds: "pd.Series[Any]") -> str:
    """`blank`, or `2 blank, 1 cannot be read` where there are several kinds."""
    counts = kinds.value_counts()
    if len(counts) == 1:
        return str(counts.index[0])
    return ", ".join(f"{count} {kind}" for kind, count in counts.items())


def _config_of(run: RunFolder) -> EvaluateConfig | None:
    try:
        return run.settings(EvaluateConfig) if run.kind == "evaluate" else None
    except ConfigError:
        return None  # not a run of this program's; other pages say so where it is chosen
