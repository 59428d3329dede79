"""The threshold control: dragged in the browser, whose numbers follow; or set by what it shall
achieve. Its value stands in the URL; where it begins owes nothing to the cases shown.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.inference.verdict import as_given
from mammo_core.metrics.cases import Cases, Pooling
from mammo_core.metrics.conservative import PROMISABLE, choose_conservatively
from mammo_core.metrics.threshold import SUGGESTED_SENSITIVITY, Aim, choose_threshold
from mammo_core.metrics.uncertainty import Rate, RatesAtThreshold
from mammo_core.runs.evaluations import list_evaluations
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.operating_points import LockedPoint, has_points, point_in_force
from mammo_core.types import Split
from mammo_core.words import many
from pages.components.shared import cached
from pages.components.shared.counting import Counted, count_cases
from pages.components.shared.frame import escaped
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


def show_threshold_slider(
    cases: Cases,
    *,
    threshold: float,
    on_release: Callable[[float], None],
    key: str,
    prevalence: float | None = None,
) -> None:
    """Show `threshold` and what it does to `cases`; `on_release` is told where the reader left it.

    `on_release` runs before the script does, and should keep the value for the next `threshold`.
    With a `prevalence` the outcome per 1,000 cases is shown, too.
    """
    header = {
        "threshold": threshold,
        "prevalence": prevalence,
        "level": str(cases.level),
        "positives": cases.positives,
        "negatives": cases.negatives,
    }
    # Full precision: a case exactly at the threshold must be called here as it is in Python.
    scores = [np.sort(cases.score[cases.positive]), np.sort(cases.score[~cases.positive])]

    def release() -> None:
        moved = st.session_state[key].threshold
        if moved is not None:
            on_release(float(moved))

    _COMPONENT(
        key=key,
        data=viewer.pack_message(
            header, [scores[0].astype(np.float64), scores[1].astype(np.float64)]
        ),
        on_threshold_change=release,
    )


FLATTERS: Final = "Chosen on these very cases: it flatters."
_FOR_CHOOSING: Final = "Chosen on these cases, which are there to choose on; no test."


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """A threshold that nobody has chosen yet, and where it comes from."""

    threshold: float
    sentence: str


def first_threshold(counted: Counted) -> First:
    """The locked point; else the choice on the model's validation cases; else on these cases."""
    model = model_of(counted.scored)
    locked = _locked(model, counted)
    if locked is not None:
        return First(
            threshold=min(1.0, locked.threshold),
            sentence=f"This is the locked operating point, {locked.threshold:.4f}: {locked.aim}, "
            f"chosen on the split “{locked.split or 'none'}”.",
        )
    if is_for_choosing(counted):
        return _chosen_on(counted.cases, _FOR_CHOOSING)
    elsewhere = _cases_for_choosing(model, counted)
    if elsewhere is None:
        return _chosen_on(counted.cases, FLATTERS)
    cases, name = elsewhere
    return _chosen_on(
        cases,
        f"Begins where at least {SUGGESTED_SENSITIVITY:.0%} of the {cases.positives:,} {name} "
        "cancers are found; these cases did not choose it.",
    )


def is_for_choosing(counted: Counted) -> bool:
    """Validation, or out-of-fold: every case scored by a model that had not seen it."""
    split = counted.counting.split
    return split == Split.VAL or (not split and bool(counted.rows["fold"].notna().all()))


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


def _chosen_on(cases: Cases, sentence: str) -> First:
    if not cases.positives:
        return First(
            threshold=0.5,
            sentence="Begins at 0.5, which means nothing by itself: no case here has cancer.",
        )
    point = choose_threshold(cases, Aim.SENSITIVITY, SUGGESTED_SENSITIVITY)
    return First(threshold=point.threshold, sentence=sentence)


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
_CHOSEN: Final = "chosen_aim"  # the aim and target that the reader set a threshold by
_TARGETS: Final = {Aim.SENSITIVITY: 0.9, Aim.SPECIFICITY: 0.9, Aim.RECALL_RATE: 0.1, Aim.COST: 10.0}


def threshold_in_url() -> float | None:
    """The reader's threshold; None before there is one."""
    try:
        wanted = float(st.query_params.get(PARAMETER, "nan"))
    except ValueError:
        return None
    return wanted if 0.0 <= wanted <= 1.0 else None


def keep_threshold(threshold: float) -> None:
    """For callbacks. Calling nobody has an infinite threshold; the control ends at 1."""
    st.query_params[PARAMETER] = repr(min(1.0, threshold))


def pick_threshold(counted: Counted) -> float:
    """The slider, where its threshold comes from, and the aims."""
    cases, wanted = counted.cases, threshold_in_url()
    if wanted is None:
        first = first_threshold(counted)
        threshold, sentence = first.threshold, first.sentence
    else:
        is_aimed = aim_in_words(cases, wanted) != Aim.FIXED
        threshold = wanted
        sentence = FLATTERS if is_aimed and not is_for_choosing(counted) else ""
    show_threshold_slider(cases, threshold=threshold, on_release=keep_threshold, key="slider")
    if sentence:
        st.caption(escaped(sentence))
    with st.popover("Set by an aim", icon=":material/target:"):
        aims = [aim for aim in Aim if aim is not Aim.FIXED]
        aim = st.selectbox("Aim", aims, format_func=str.capitalize, key="aim", bind="query-params")
        target = 0.0
        if aim in _TARGETS:
            is_share = aim is not Aim.COST
            target = st.number_input(
                "Target", 0.0, 1.0 if is_share else 1000.0, _TARGETS[aim],
                0.01 if is_share else 1.0, key=_target_key(aim), bind="query-params",
            )  # fmt: skip
        is_careful = aim in PROMISABLE and st.toggle(
            "By the end of its 95 % interval", key="is_careful", bind="query-params",
            help="What is met on these cases is often not met on the next: of ten cancers, a "
            "sensitivity of 0.9 in one study of four. So the interval must meet it, too.",
        )  # fmt: skip
        st.button(
            "Set", on_click=_set_by, args=(cases, aim, target, is_careful), key="set_threshold"
        )
    return threshold


def aim_in_words(cases: Cases, threshold: float) -> str:
    """The aim that the reader set this threshold by; "fixed" where none was."""
    aim, target, is_careful = st.session_state.get(_CHOSEN, (Aim.FIXED, threshold, False))
    choose = choose_conservatively if is_careful else choose_threshold
    try:
        is_of_aim = choose(cases, aim, target).threshold == threshold
    except MammoError:
        is_of_aim = False
    if not is_of_aim:
        return str(Aim.FIXED)
    words = f"{aim} {target:g}" if aim in _TARGETS else str(aim)
    return f"{words}, by the end of its 95 % interval" if is_careful else words


def _target_key(aim: Aim) -> str:
    return f"target_{aim.name.lower()}"


def _set_by(cases: Cases, aim: Aim, target: float, is_careful: bool) -> None:
    choose = choose_conservatively if is_careful else choose_threshold
    try:
        keep_threshold(choose(cases, aim, target).threshold)
        st.session_state[_CHOSEN] = (aim, target, is_careful)
    except MammoError as error:
        st.toast(escaped(str(error)), icon=":material/error:")


def show_rates(rates: RatesAtThreshold, counted: Counted) -> None:
    """Every rate with its counts and its interval."""
    cases = counted.cases
    share = f"where {cases.positives / len(cases):.1%} have cancer"
    named = (
        ("Sensitivity (recall)", rates.sensitivity),
        ("Specificity", rates.specificity),
        (f"Recall rate, {share}", rates.recall_rate),
        (f"PPV, {share}", rates.ppv),
        (f"NPV, {share}", rates.npv),
    )
    st.dataframe(
        [_row(name, rate, is_by_woman=counted.is_by_woman) for name, rate in named],
        hide_index=True,
        key="rates",
        width="stretch",
    )
    if cases.rule is Pooling.OWN_BREAST:
        st.caption(
            "By woman: a cancer counts as found only where its own breast is called; without "
            "cancer, no breast may be called."
        )


def _row(name: str, rate: Rate, *, is_by_woman: bool) -> dict[str, str]:
    if not rate.total:
        return {"rate": name, "value": "–", "of": "no such case", "95 % interval": "–", "by": ""}
    women = many(rate.groups, "woman", "women") if is_by_woman else "women not known"
    return {
        "rate": name,
        "value": f"{rate.value:.1%}",
        "of": f"{rate.count:,} of {rate.total:,} ({women})",
        "95 % interval": f"{rate.low:.1%} to {rate.high:.1%}",
        "by": rate.method,
    }
