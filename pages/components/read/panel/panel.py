"""What a model says of a case, in about thirty words: per breast the score among those of women the
model had not seen, against the threshold in force; one sentence for the exam. Another threshold may
be tried in the browser; the locked one is out of its reach.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import streamlit as st

from mammo_core.inference.verdict import (
    BELOW_NOT_NORMAL,
    ScoredCase,
    Verdict,
    nouns_of,
    said_of_all,
    verdict_on,
    where_in_words,
)
from mammo_core.metrics.cases import Cases, Pooling
from mammo_core.runs.operating_points import LockedPoint
from mammo_core.scores import shown_digits
from mammo_core.types import Split
from mammo_core.words import CANCERS, OUTSIDE, CalledFor

_HERE: Final = Path(__file__).parent
UNJUDGED: Final = "No verdict."
UNLOCKED: Final = "No verdict: no threshold is locked."
_POOLED: Final = {Pooling.MAX: "highest", Pooling.MEAN: "mean", Pooling.OWN_BREAST: "highest"}

_COMPONENT: Final = st.components.v2.component(
    "mammo_score_panel",
    html='<div class="panel" role="group" aria-label="What the model says"></div>',
    css=(_HERE / "panel.css").read_text(encoding="utf-8"),
    js=(_HERE / "panel.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backdrop:
    """What scores are drawn on: per case the cases like it, the split they are of, "" where each
    was scored in cross-validation, and what the positive ones have.
    """

    cases: Callable[[ScoredCase], Cases | None]
    split: str = Split.VAL
    finding: CalledFor = CANCERS

    @property
    def legend(self) -> str:
        who = "Validation" if self.split else "Women it had not seen (cross-validation)"
        return f"{who}: ■ with {self.finding.one}, □ without."


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelRow:
    """One breast, exam or image. `side` is "above" or "below", and "" where nothing judges it."""

    title: str
    score: float
    shown: str
    side: str
    alt: str
    note: str  # why it is drawn on nothing
    nouns: str  # what many such cases are called
    positive: tuple[float, ...]  # scores of the cases it is compared with that have the finding ...
    other: tuple[float, ...]  # ... and of those without


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Everything the panel writes and draws. `key` changes with what is shown, and takes back a
    threshold that was tried.
    """

    key: str
    headline: str
    aside: str
    stamp: str
    alarm: str  # why the score may mean nothing, in one short line
    rows: tuple[PanelRow, ...]
    threshold: float | None
    shownThreshold: str  # noqa: N815  the browser reads it
    belowAside: str = BELOW_NOT_NORMAL  # noqa: N815
    where: str = where_in_words(Split.VAL)
    having: str = CANCERS.one
    legend: str = ""


def panel_of(
    cases: Sequence[ScoredCase],
    point: LockedPoint | None,
    compared: Backdrop,
    *,
    key: str,
    alarm: str = "",
    unjudged: str = UNJUDGED,
) -> Panel:
    """`cases` as they are shown; `unjudged` stands where nothing judges them."""
    verdicts = [verdict_on(case, point) for case in cases]
    rows = tuple(
        _row(case, verdict, compared) for case, verdict in zip(cases, verdicts, strict=True)
    )
    threshold = next((verdict.threshold for verdict in verdicts if verdict), None)
    headline, aside = said_of_all(cases, point)
    if not headline:
        aside = aside or unjudged
    is_drawn = any(row.positive or row.other for row in rows)
    return Panel(
        key=f"{key} {threshold}",
        headline=headline,
        aside=aside,
        stamp=OUTSIDE if any(case.is_outside for case in cases) else "",
        alarm=alarm,
        rows=rows,
        threshold=threshold,
        shownThreshold="" if threshold is None else f"{threshold:.4f}",
        where=where_in_words(compared.split),
        having=compared.finding.one,
        legend=compared.legend if is_drawn else "",
    )


def show_panel(panel: Panel, *, key: str) -> None:
    _COMPONENT(key=key, data=as_data(panel))


def as_data(panel: Panel) -> dict[str, Any]:
    return asdict(panel)


def words_of(panel: Panel) -> str:
    """Everything that is written on it before a threshold is tried."""
    rows = (f"{row.title} {row.side} {row.shown} {row.note}" for row in panel.rows)
    return " ".join((panel.stamp, panel.alarm, panel.headline, panel.aside, *rows, panel.legend))


def shown_score(score: float, verdict: Verdict | None) -> str:
    """Two digits, or as many as it takes to tell the score from the threshold beside it."""
    if verdict is None:
        return shown_digits(score)
    for digits in (2, 3, 4):
        if round(score, digits) != round(verdict.threshold, digits):
            return f"{score:.{digits}f}"
    return f"{score:.5f}"


def _row(case: ScoredCase, verdict: Verdict | None, compared: Backdrop) -> PanelRow:
    beside = None if case.is_outside else compared.cases(case)
    shown, nouns = shown_score(case.score, verdict), nouns_of(case.level)
    alt = f"{case.title}: score {shown} on a scale from 0 to 1"
    note = ""
    if len(case.images) > 1:
        alt += f", {_POOLED[case.rule]} of {len(case.images)} views"
    positive: tuple[float, ...] = ()
    other: tuple[float, ...] = ()
    if verdict is not None:
        alt += f", threshold {verdict.threshold:.4f}"
    if beside is not None:
        positive = _sorted(beside.score[beside.positive])
        other = _sorted(beside.score[~beside.positive])
        which = "validation" if compared.split else "cross-validated"
        alt += (
            f", over {len(positive):,} {which} {nouns} with {compared.finding.one} and "
            f"{len(other):,} without"
        )
    elif not case.is_outside:
        note = f"no {nouns} to compare with"
    return PanelRow(
        title=case.title,
        score=case.score,
        shown=shown,
        side="" if verdict is None else ("above" if verdict.is_above else "below"),
        alt=alt,
        note=note,
        nouns=nouns,
        positive=positive,
        other=other,
    )


def _sorted(scores: "np.ndarray[Any, Any]") -> tuple[float, ...]:
    return tuple(np.sort(scores).tolist())
