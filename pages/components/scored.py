"""Choosing scored cases: whose predictions, of which split, counted by what. All in the URL."""

from dataclasses import dataclass
from typing import Final

import pandas as pd
import streamlit as st

from mammo_core.metrics.cases import Cases, Pooling, levels_of, rules_of
from mammo_core.runs.folder import RunFolder
from mammo_core.types import Level, Split, Task
from pages.components import cached
from pages.components.pickers import pick_run, scored_runs
from pages.components.upload import pick_upload

_RULE_WORDS: Final = {
    Pooling.MAX: "its highest image",
    Pooling.MEAN: "the mean of its images",
    Pooling.OWN_BREAST: "the cancer's own breast",
}
_RULE_HELP: Final = (
    "By exam or patient: where there is a cancer, only its own breast counts, so calling the other "
    "breast finds nothing; where there is none, any breast called is a false alarm."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored:
    """A predictions table and where it comes from. `source` changes when its content does."""

    title: str
    source: str
    predictions: pd.DataFrame
    run: RunFolder | None = None  # None for an uploaded table

    @property
    def task(self) -> Task | None:
        """What the model tells apart, where a model card says so."""
        if self.run is None or not self.run.is_checkpoint:
            return None
        return cached.card(self.run).task

    @property
    def is_biopsied_only(self) -> bool:
        """Whether the set has no women from screening without cancer, as far as is known."""
        from mammo_core.datasets import ADAPTERS  # slow, and only asked for a projection
        from mammo_core.datasets.adapter import Population

        if self.run is None or not self.run.is_checkpoint:
            return False
        name = cached.card(self.run).data.dataset
        return any(a.name == name and a.population is Population.BIOPSIED for a in ADAPTERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """What is counted: the split, what a case is, and how its images become one score."""

    split: str
    level: Level
    rule: Pooling


def pick_scored() -> Scored | None:
    """Those of a run, or an uploaded table, which goes first; None where there is neither."""
    run = pick_run("Predictions of", scored_runs(), key="run")
    uploaded = pick_upload()
    if uploaded is not None:
        return Scored(
            title="Uploaded table", source=uploaded.source, predictions=uploaded.predictions
        )
    return scored_of(run) if run is not None else None


def scored_of(run: RunFolder) -> Scored:
    table = cached.predictions(run)
    written = run.file("predictions.csv").stat().st_mtime_ns
    return Scored(
        title=run.run_id,
        source=f"{run.path} {written}",
        predictions=table,
        run=run,
    )


def pick_counting(predictions: pd.DataFrame, *, key: str) -> Counting:
    """Three small choices in a row; each is left out where there is nothing to choose."""
    splits = splits_of(predictions)
    levels = levels_of(predictions)
    with st.container(horizontal=True):
        split = splits[0]
        if len(splits) > 1:
            split = st.segmented_control(
                "Split", splits, default=split, required=True, key=f"{key}_split",
                bind="query-params",
            )  # fmt: skip
        level = st.segmented_control(
            "A case is one", levels, default=default_level(levels), required=True,
            key=f"{key}_level", bind="query-params",
        )  # fmt: skip
        rules = rules_of(predictions, level)
        rule = rules[0]
        if len(rules) > 1:
            rule = st.segmented_control(
                "and scores as", rules, default=rule, required=True, help=_RULE_HELP,
                format_func=_RULE_WORDS.__getitem__, key=f"{key}_rule_{level}",
                bind="query-params",
            )  # fmt: skip
    return Counting(split=split, level=level, rule=rule)


def count_cases(scored: Scored, counting: Counting) -> Cases:
    return cached.cases(
        scored.predictions,
        source=scored.source,
        split=counting.split,
        level=counting.level,
        rule=counting.rule,
    )


def rows_of(scored: Scored, counting: Counting) -> pd.DataFrame:
    return scored.predictions[scored.predictions["split"].fillna("") == counting.split]


def show_count(cases: Cases, predictions: pd.DataFrame) -> None:
    """How many cases there are, and what stands in the way of trusting their intervals."""
    left_out = f"; {cases.unknown:,} without a known label left out" if cases.unknown else ""
    st.caption(
        f"{len(cases):,} cases of {cases.group_count:,} women, {cases.positives:,} with cancer "
        f"({cases.positives / len(cases):.1%}){left_out}."
    )
    if predictions["patient_id"].isna().all():
        st.warning(
            "There is no patient_id in this table, so images that may be of one woman are taken "
            "for several women: every interval is too narrow.",
            icon=":material/warning:",
        )


def splits_of(predictions: pd.DataFrame) -> list[str]:
    """The splits that occur, what may be reported first; "" where none is named."""
    found = set(predictions["split"].fillna(""))
    return [name for name in (Split.TEST, Split.VAL, "", Split.TRAIN) if name in found]


def default_level(levels: tuple[Level, ...]) -> Level:
    return Level.BREAST if Level.BREAST in levels else levels[0]
