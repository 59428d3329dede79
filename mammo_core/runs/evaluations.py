"""Which checkpoint has scored which data set: the runs that `mammo evaluate` left."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from mammo_core.config import EvaluateConfig, load_settings
from mammo_core.errors import ConfigError
from mammo_core.runs.folder import RunFolder


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


def _config_of(run: RunFolder) -> EvaluateConfig | None:
    path = run.file("run.json")
    try:
        if json.loads(path.read_text(encoding="utf-8")).get("kind") != "evaluate":
            return None
        return load_settings(path, EvaluateConfig)
    except (OSError, ValueError, AttributeError, RecursionError, ConfigError):
        return None  # not a run of this program's; other pages say so where it is chosen
