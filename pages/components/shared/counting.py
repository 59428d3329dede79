"""What is counted: the split, what a case is, and how its images become one score. In the URL."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import pandas as pd
import streamlit as st

from mammo_core.glossary import meaning
from mammo_core.metrics.cases import Cases, Pooling, levels_of, rules_of
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.operating_points import has_points, note_opening
from mammo_core.runs.verification import Verification
from mammo_core.types import Level, Split
from mammo_core.words import CalledFor, many
from pages.components.shared import cached
from pages.components.shared.frame import escaped, noted_errors
from pages.components.shared.runs import verification_of_run
from pages.components.shared.scored import Scored, differs

_SEEN: Final = "test_results_seen"  # runs whose look in this visit is written down


def note_look(run: RunFolder | None, split: str) -> None:
    """A look at `run` is one at its test set where `split` is, or where it was only evaluated."""
    if run is None or (has_points(run) and split != Split.TEST):
        return
    seen = st.session_state.setdefault(_SEEN, set())
    if run.path in seen:
        return
    seen.add(run.path)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with noted_errors():
        note_opening(run, by="Thresholds, Compare and Train pages", now=now)


_ROUNDED: Final = 0.0006  # the field begins with per cents of one decimal
_RULE_WORDS: Final = {
    Pooling.MAX: "its highest image",
    Pooling.MEAN: "the mean of its images",
    Pooling.OWN_BREAST: "the breast with the finding",
}
_RULE_HELP: Final = (
    "By exam or patient: where one breast has what is looked for, only that one counts, so calling "
    "the other finds nothing; where none has, any breast called is a false alarm."
)


def say_other_prevalence(wanted: float, own: float, *, of: str) -> None:
    """Where it is not that of the cases: a field keeps what it held before another model or split
    was chosen.
    """
    if abs(wanted - own) >= _ROUNDED:
        st.caption(
            f"Of the {of}, {own:.1%} are positive; what follows is told for {wanted:.1%}, as it "
            "stands in the field."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """One choice of each."""

    split: str
    level: Level
    rule: Pooling


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counted:
    """Predictions, how they are counted, and the cases that come of it."""

    scored: Scored
    counting: Counting
    cases: Cases
    verification: Verification  # what "without cancer" rests on

    @property
    def finding(self) -> CalledFor:
        """What the positive cases have."""
        return self.cases.finding

    @property
    def rows(self) -> pd.DataFrame:
        """The predictions of the split that is counted."""
        return rows_of(self.scored, self.counting)

    @property
    def named(self) -> cached.Named:
        """For what is kept of these cases."""
        counting = self.counting
        return {
            "source": self.scored.source,
            "split": counting.split,
            "level": counting.level,
            "rule": counting.rule,
        }

    @property
    def is_by_woman(self) -> bool:
        """Whether the table tells which images are of one woman."""
        return bool(self.scored.predictions["patient_id"].notna().any())

    def women_in_words(self, cases: Cases) -> str:
        """To follow a number of cases: how many women they are of, where that is known."""
        if not self.is_by_woman:
            return ", women not known"
        women = f" of {many(cases.group_count, 'woman', 'women')}"
        return f"{women}, {cases.unnamed:,} of them without patient id" if cases.unnamed else women


def pick_counting(predictions: pd.DataFrame, *, key: str) -> Counting:
    """Three small choices in a row; each is left out where there is nothing to choose."""
    splits = splits_of(predictions)
    levels = levels_of(predictions)
    with st.container(horizontal=True, width="content"):
        split = splits[0]
        if len(splits) > 1:
            split = st.segmented_control(
                "Split", splits, default=split, required=True, key=f"{key}_split",
                format_func=lambda name: name or "no split", bind="query-params",
                help=meaning("Split", "Fold", "Out of fold"),
            )  # fmt: skip
        level = st.segmented_control(
            "A case is one", levels, default=default_level(levels), required=True,
            key=f"{key}_level", bind="query-params", help=meaning("Case"),
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


def count(scored: Scored, counting: Counting) -> Counted:
    return Counted(
        scored=scored,
        counting=counting,
        cases=count_cases(scored, counting),
        verification=verification_of_run(scored.run),
    )


def rows_of(scored: Scored, counting: Counting) -> pd.DataFrame:
    """The predictions of the split that is counted. Shared, never changed."""
    return cached.rows(scored.predictions, source=scored.source, split=counting.split)


def count_cases(scored: Scored, counting: Counting) -> Cases:
    note_look(scored.run, counting.split)
    return cached.cases(
        scored.predictions,
        source=scored.source,
        split=counting.split,
        level=counting.level,
        rule=counting.rule,
        finding=scored.finding,
    )


def show_count(counted: Counted) -> None:
    """How many cases there are, and what stands in the way of trusting their intervals."""
    cases = counted.cases
    left_out = f"; {cases.unknown:,} without a known label left out" if cases.unknown else ""
    st.caption(
        f"{many(len(cases), 'case', 'cases')}{counted.women_in_words(cases)}, "
        f"{cases.positives:,} with {escaped(counted.finding.one)} "
        f"({cases.positives / len(cases):.1%}){left_out}."
    )
    difference = differs(counted.scored)
    if difference is not None:
        st.warning(escaped(difference), icon=":material/warning:")
    if unknown := women_unknown(counted.scored, cases):
        st.warning(unknown, icon=":material/warning:")


def mark_unnamed(cases: Cases) -> None:
    """Above the figures of a section, whose intervals all rest on it."""
    if cases.unnamed:
        st.caption(
            f":material/warning: Every interval below takes each of {cases.unnamed:,} cases "
            "without patient id for a woman of its own, and may be too narrow."
        )


def women_unknown(scored: Scored, cases: Cases) -> str:
    """What follows where the women of some or all cases are not known; else ""."""
    if scored.predictions["patient_id"].notna().any():
        return cases.unnamed_in_words
    return (
        "There is no patient_id in this table, so images that may be of one woman are taken for "
        "several women: every interval is too narrow."
    )


def splits_of(predictions: pd.DataFrame) -> list[str]:
    """The splits that occur, what may be reported first; "" where none is named."""
    found = set(predictions["split"].fillna(""))
    return [name for name in (Split.TEST, Split.VAL, "", Split.TRAIN) if name in found]


_SPLIT_WORDS: Final = {
    Split.TEST: "test split",
    Split.VAL: "validation split",
    Split.TRAIN: "training split",
}


def split_in_words(split: str) -> str:
    return _SPLIT_WORDS[Split(split)] if split in tuple(Split) else "no split"


def rule_in_words(rule: Pooling) -> str:
    return _RULE_WORDS[rule]


def is_out_of_fold(counted: Counted) -> bool:
    """Whether every case was scored by a model that had not seen it."""
    return not counted.counting.split and bool(counted.rows["fold"].notna().all())


def title_of(counted: Counted) -> str:
    """What is shown: whose scores, of which split, counted by what."""
    counting = counted.counting
    split = "out of fold" if is_out_of_fold(counted) else split_in_words(counting.split)
    return f"{counted.scored.title}: {split}, by {counting.level}"


def default_level(levels: tuple[Level, ...]) -> Level:
    return Level.BREAST if Level.BREAST in levels else levels[0]
