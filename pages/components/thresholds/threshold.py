"""The threshold control: dragged in the browser, whose numbers follow; or set by what it shall
achieve. Its value stands in the URL beside where it was chosen: on which scores, counted how. Where
it begins owes nothing to the cases shown.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.glossary import meaning
from mammo_core.inference.verdict import as_given
from mammo_core.metrics.cases import Cases, Pooling
from mammo_core.metrics.conservative import PROMISABLE, choose_conservatively
from mammo_core.metrics.threshold import (
    SUGGESTED_SENSITIVITY,
    Aim,
    choose_threshold,
    was_picked,
)
from mammo_core.metrics.uncertainty import Rate, RatesAtThreshold
from mammo_core.runs.evaluations import list_evaluations
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.operating_points import LockedPoint, has_points, point_in_force
from mammo_core.types import Level, Split
from mammo_core.words import CANCERS, CalledFor, many
from pages.components.shared import cached
from pages.components.shared.counting import (
    Counted,
    Counting,
    count_cases,
    is_out_of_fold,
    rule_in_words,
    split_in_words,
)
from pages.components.shared.frame import escaped, toasted_errors
from pages.components.shared.pickers import checkpoints
from pages.components.shared.scored import Scored, scored_of
from pages.components.shared.viewer import viewer

_HERE: Final = Path(__file__).parent

_COMPONENT: Final = st.components.v2.component(
    "mammo_threshold_slider",
    html='<div class="threshold"></div>',
    css=(_HERE / "slider.css").read_text(encoding="utf-8"),
    js=viewer.join_scripts(_HERE, ["slider.js"]),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldRate:
    """A rate as it is called, its interval, and on asking what both rest on."""

    title: str
    interval: str
    about: str


def show_threshold_slider(
    cases: Cases,
    *,
    threshold: float,
    on_release: Callable[[float], None],
    key: str,
    rates: Mapping[str, ToldRate] | None = None,
    on_open: Callable[[str], None] | None = None,
    prevalence: float | None = None,
    finding: CalledFor = CANCERS,
) -> None:
    """Show `threshold` and what it does to `cases`; `on_release` is told where the reader left it.

    `on_release` runs before the script does, and should keep the value for the next `threshold`.
    With the `rates` at the threshold, by name, their intervals stand beside them until it is moved.
    `on_open` is told which cases a bar or a cell of the confusion matrix stands for
    (metrics/choice.py).
    With a `prevalence` the outcome per 1,000 cases is shown, too.
    """
    # Full precision: a case exactly at the threshold must be called here as it is in Python.
    scores = [
        np.sort(cases.score[chosen]).astype(np.float64)
        for chosen in (cases.positive, ~cases.positive)
    ]
    shown = hashlib.sha256(b"|".join(part.tobytes() for part in scores)).hexdigest()[:12]
    header = {
        "of": shown,
        "threshold": threshold,
        "prevalence": prevalence,
        "level": str(cases.level),
        "positives": cases.positives,
        "negatives": cases.negatives,
        "rates": {name: asdict(told) for name, told in (rates or {}).items()},
        "opens": on_open is not None,
        "finding": asdict(finding),
    }

    def release() -> None:
        moved = st.session_state[key].threshold
        if moved is not None and moved["of"] == shown:  # not of cases that were exchanged meanwhile
            on_release(float(moved["value"]))

    def open_cases() -> None:
        asked = st.session_state[key].opened
        if asked is not None and on_open is not None:
            on_open(str(asked))

    _COMPONENT(
        key=key,
        data=viewer.pack_message(header, scores),
        on_threshold_change=release,
        on_opened_change=open_cases,
    )


def told_rates(counted: Counted, rates: RatesAtThreshold) -> dict[str, ToldRate]:
    """By the names that the control gives them."""
    of_verified = ", of the verified" if counted.verification.warning else ""
    share = counted.cases.positives / len(counted.cases)
    where = f"; where {share:.1%} have {counted.finding.one}"
    named = {
        "Sensitivity (recall)": (rates.sensitivity, of_verified, ""),
        "Specificity": (rates.specificity, "", ""),
        "Recall rate": (rates.recall_rate, "", where),
        "PPV": (rates.ppv, "", where),
        "NPV": (rates.npv, "", where),
    }
    return {
        name: ToldRate(
            title=f"{name}{of_whom}",
            interval=_interval(rate),
            about=f"{_counts(rate, is_by_woman=counted.is_by_woman)}{among}",
        )
        for name, (rate, of_whom, among) in named.items()
    }


def _interval(rate: Rate) -> str:
    if not rate.total:
        return ""
    if not rate.is_told:
        return f"Interval: {rate.method}"
    return f"95 % {100 * rate.low:.1f} to {100 * rate.high:.1f} %"


def _counts(rate: Rate, *, is_by_woman: bool) -> str:
    if not rate.total:
        return "no such case"
    women = many(rate.groups, "woman", "women") if is_by_woman else "women not known"
    return f"{rate.count:,} of {rate.total:,} ({women}); {rate.method}"


FLATTERS: Final = "Chosen on these very cases: it flatters."
_FOR_CHOOSING: Final = "Chosen on these cases, which are there to choose on; no test."
_NOT_KNOWN: Final = "It came with the address, which does not tell where it was chosen."


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenOn:
    """Where a threshold was chosen. `scores` tells one table of scores from another."""

    scores: str
    counting: Counting

    @property
    def in_words(self) -> str:
        counting = self.counting
        place = f"the {split_in_words(counting.split)}" if counting.split else "cases of no split"
        return f"{place}, by {counting.level} ({rule_in_words(counting.rule)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The threshold that is shown, where it comes from in a sentence, and where it was chosen:
    None where that is not known.
    """

    threshold: float
    sentence: str
    chosen_on: ChosenOn | None


def chosen_here(counted: Counted) -> ChosenOn:
    """Where a threshold is chosen that is moved now."""
    scores = counted.scored.predictions["score"].to_numpy(dtype=np.float64)
    digest = hashlib.sha256(scores.tobytes()).hexdigest()[:12]
    return ChosenOn(scores=digest, counting=counted.counting)


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """A threshold that nobody has chosen yet, where it comes from, and how what chose it was
    counted.
    """

    threshold: float
    sentence: str
    counting: Counting


def first_threshold(counted: Counted) -> First:
    """The locked point; else the choice on the model's validation cases; else on these cases."""
    model = model_of(counted.scored)
    locked = _locked(model, counted)
    if locked is not None:
        return First(
            threshold=min(1.0, locked.threshold),
            sentence=f"{_whose(locked)}, {locked.threshold:.4f}: {locked.aim}, chosen on "
            f"{where_in_words(locked)}.",
            counting=replace(counted.counting, split=locked.split),
        )
    if is_for_choosing(counted):
        return _chosen_on(counted.cases, _FOR_CHOOSING, counted.counting)
    elsewhere = _cases_for_choosing(model, counted)
    if elsewhere is None:
        return _chosen_on(counted.cases, FLATTERS, counted.counting)
    cases, name = elsewhere
    return _chosen_on(
        cases,
        f"Begins where at least {SUGGESTED_SENSITIVITY:.0%} of the {cases.positives:,} {name} "
        f"cases with {counted.finding.one} are found; these cases did not choose it.",
        replace(counted.counting, split=str(Split.VAL) if name == "validation" else ""),
    )


def _whose(point: LockedPoint) -> str:
    if point.comes_with_model:
        return "This threshold comes with the model"
    return "This is the locked operating point"


def where_in_words(point: LockedPoint) -> str:
    return f"the {split_in_words(point.split)}" if point.split else "scores out of fold"


def is_for_choosing(counted: Counted) -> bool:
    """Validation, or out-of-fold: every case scored by a model that had not seen it."""
    return counted.counting.split == Split.VAL or is_out_of_fold(counted)


def model_of(scored: Scored) -> RunFolder | None:
    """The checkpoint that scored the table: the run itself, or the one that was evaluated."""
    run = scored.run
    if run is None or has_points(run):
        return run
    names = {evaluation.config.checkpoint for evaluation in list_evaluations([run])}
    found = next((one for one in checkpoints() if one.run_id in names), None)
    if found is None:
        return None
    try:
        weights = cached.card(found).weights_sha256
    except MammoError:
        return None  # whether it has these weights is not known
    is_other = set(scored.predictions.get("weights_sha256", ())) - {weights}
    return None if is_other else found


def _chosen_on(cases: Cases, sentence: str, counting: Counting) -> First:
    if not cases.positives:
        return First(
            threshold=0.5,
            sentence="Begins at 0.5, which means nothing by itself: no case here is positive.",
            counting=counting,
        )
    point = choose_threshold(cases, Aim.SENSITIVITY, SUGGESTED_SENSITIVITY)
    return First(threshold=point.threshold, sentence=sentence, counting=counting)


def _locked(model: RunFolder | None, counted: Counted) -> LockedPoint | None:
    counting = counted.counting
    try:
        point = None if model is None else as_given(point_in_force(model))
    except MammoError:
        return None  # the section on the operating point says what is wrong with it
    if point is None or (point.level, point.pooling) != (counting.level, counting.rule):
        return None
    return point


def _cases_for_choosing(model: RunFolder | None, counted: Counted) -> tuple[Cases, str] | None:
    """Validation cases of the model, else its out-of-fold cases, counted as the cases shown."""
    scored = counted.scored
    try:
        source = scored if model is None or model == scored.run else scored_of(model)
        splits = source.predictions["split"].fillna("")
        unsplit = source.predictions[splits == ""]
        if (splits == Split.VAL).any():
            split, name = str(Split.VAL), "validation"
        elif len(unsplit) and unsplit["fold"].notna().all():
            split, name = "", "out-of-fold"
        else:
            return None
        cases = count_cases(source, replace(counted.counting, split=split))
    except MammoError:
        return None  # its table is broken, or cannot be counted so: then these cases choose
    return (cases, name) if cases.positives else None


PARAMETER: Final = "threshold"
CHOSEN_ON: Final = "chosen"  # in the address: scores, split, level and rule
_CHOSEN: Final = "chosen_aim"  # the aim and target that the reader set a threshold by
_BEGINS: Final = (Aim.SENSITIVITY, SUGGESTED_SENSITIVITY, False)
_TARGETS: Final = {Aim.SENSITIVITY: 0.9, Aim.SPECIFICITY: 0.9, Aim.RECALL_RATE: 0.1, Aim.COST: 10.0}


def threshold_in_url() -> float | None:
    """The reader's threshold; None before there is one."""
    try:
        wanted = float(st.query_params.get(PARAMETER, "nan"))
    except ValueError:
        return None
    return wanted if 0.0 <= wanted <= 1.0 else None


def chosen_on_in_url() -> ChosenOn | None:
    """Where that threshold was chosen; None where the address does not tell."""
    try:
        scores, split, level, rule = st.query_params.get(CHOSEN_ON, "").split(".")
        return ChosenOn(
            scores=scores, counting=Counting(split=split, level=Level(level), rule=Pooling(rule))
        )
    except ValueError:
        return None


def keep_threshold(threshold: float, counted: Counted) -> None:
    """For callbacks: it is chosen on what is `counted`. Calling nobody has an infinite threshold;
    the control ends at 1.
    """
    here = chosen_here(counted)
    counting = here.counting
    st.query_params[PARAMETER] = repr(min(1.0, threshold))
    st.query_params[CHOSEN_ON] = ".".join(
        (here.scores, counting.split, counting.level, counting.rule)
    )


def forget_threshold() -> None:
    """For callbacks: the page begins anew."""
    st.session_state.pop(_CHOSEN, None)
    for name in (PARAMETER, CHOSEN_ON):
        if name in st.query_params:
            del st.query_params[name]


def standing_threshold(counted: Counted) -> Standing:
    """The reader's threshold, unless it was chosen on other scores, where it meant something else;
    else the first.
    """
    wanted, chosen_on, here = threshold_in_url(), chosen_on_in_url(), chosen_here(counted)
    if wanted is not None and chosen_on is not None and chosen_on.scores != here.scores:
        forget_threshold()
        wanted = None
    if wanted is None:
        first = first_threshold(counted)
        return Standing(
            threshold=first.threshold,
            sentence=first.sentence,
            chosen_on=replace(here, counting=first.counting),
        )
    if chosen_on is None:
        sentence = _NOT_KNOWN
    elif chosen_on == here:
        sentence = _FOR_CHOOSING if is_for_choosing(counted) else FLATTERS
    else:
        sentence = f"Chosen on {chosen_on.in_words}; these cases did not choose it."
    return Standing(threshold=wanted, sentence=sentence, chosen_on=chosen_on)


def show_threshold(
    counted: Counted, standing: Standing, rates: RatesAtThreshold, *, on_open: Callable[[str], None]
) -> None:
    """The slider with its numbers, and where its threshold comes from."""
    show_threshold_slider(
        counted.cases,
        threshold=standing.threshold,
        rates=told_rates(counted, rates),
        on_release=lambda threshold: keep_threshold(threshold, counted),
        on_open=on_open,
        finding=counted.finding,
        key="slider",
    )
    st.caption(
        escaped(f"{standing.sentence}{_own_breast(counted)}"),
        help=meaning("Sensitivity", "Specificity", "Recall rate", "PPV", "NPV", "Wilson"),
    )


def _own_breast(counted: Counted) -> str:
    if counted.cases.rule is not Pooling.OWN_BREAST:
        return ""
    one = counted.finding.one
    return (
        f" By woman: {'a cancer' if counted.finding.is_cancer else one} counts as found only where "
        f"its own breast is called; without {one}, no breast may be called."
    )


def begin_anew() -> None:
    """Back to where the page begins; there is nothing to go back from before a threshold is set."""
    if threshold_in_url() is not None:
        st.button(
            "Begin anew", icon=":material/restart_alt:", key="anew", on_click=forget_threshold,
            help="Back to the threshold that this page begins with",
        )  # fmt: skip


def set_by_aim(counted: Counted) -> None:
    """A threshold by what it shall achieve on these cases."""
    with st.popover("Set by an aim", icon=":material/target:"):
        aims = [aim for aim in Aim if aim is not Aim.FIXED]
        aim = st.selectbox(
            "Aim", aims, format_func=lambda one: _aim_for(one, counted.finding), key="aim",
            bind="query-params",
            help=meaning("Threshold", "Sensitivity", "Specificity", "Recall rate", "Youden", "F1"),
        )  # fmt: skip
        target = 0.0
        if aim in _TARGETS:
            is_share = aim is not Aim.COST
            target = st.number_input(
                "Target", 0.0, 1.0 if is_share else 1000.0, _TARGETS[aim],
                0.01 if is_share else 1.0, key=_target_key(aim), bind="query-params",
            )  # fmt: skip
        is_careful = aim in PROMISABLE and st.toggle(
            "By the end of its 95 % interval", key="is_careful", bind="query-params",
            help="What is met on these cases is often not met on the next: of ten "
            f"{escaped(counted.finding.several)}, a sensitivity of 0.9 in one study of four. "
            "So the interval must meet it, too.",
        )  # fmt: skip
        st.button(
            "Set", on_click=_set_by, args=(counted, aim, target, is_careful), key="set_threshold"
        )


def _aim_for(aim: Aim, finding: CalledFor) -> str:
    missed = "a missed cancer" if finding.is_cancer else f"a missed case with {finding.one}"
    return aim.capitalize().replace("a missed cancer", missed)


def aim_in_words(cases: Cases, threshold: float) -> str:
    """The aim that the reader set this threshold by, or the page begins with; "fixed" where it is
    neither's.
    """
    aim, target, is_careful = st.session_state.get(_CHOSEN, _BEGINS)
    if not _is_of_aim(cases, threshold):
        return str(Aim.FIXED)
    words = f"{aim} {target:g}" if aim in _TARGETS else str(aim)
    return f"{words}, by the end of its 95 % interval" if is_careful else words


def _is_of_aim(cases: Cases, threshold: float) -> bool:
    """Whether the aim in force gives it on these cases; on some it can be met by none."""
    aim, target, is_careful = st.session_state.get(_CHOSEN, _BEGINS)
    choose = choose_conservatively if is_careful else choose_threshold
    try:
        return choose(cases, aim, target).threshold == threshold
    except MammoError:
        return False


def is_picked(counted: Counted, threshold: float) -> bool:
    """Whether it was taken for the best of all on these very cases, so that its rates flatter: set
    so by the reader, or locked so.
    """
    aim = st.session_state.get(_CHOSEN, _BEGINS)[0]
    if aim.is_picked and _is_of_aim(counted.cases, threshold):
        return True
    locked = _locked(model_of(counted.scored), counted)
    return (
        locked is not None
        and (locked.threshold, locked.split) == (threshold, counted.counting.split)
        and was_picked(locked.aim)
    )


def _target_key(aim: Aim) -> str:
    return f"target_{aim.name.lower()}"


def _set_by(counted: Counted, aim: Aim, target: float, is_careful: bool) -> None:
    choose = choose_conservatively if is_careful else choose_threshold
    with toasted_errors():
        keep_threshold(choose(counted.cases, aim, target).threshold, counted)
        st.session_state[_CHOSEN] = (aim, target, is_careful)
