"""The threshold control: drag it, or say what it shall achieve; the value stands in the URL."""

from typing import Final

import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.metrics.cases import Cases, Pooling
from mammo_core.metrics.choices import Aim, choose_threshold
from mammo_core.metrics.uncertainty import Rate, RatesAtThreshold
from mammo_core.words import many
from pages.components.counting import Counted
from pages.components.first_threshold import FLATTERS, first_threshold, is_for_choosing
from pages.components.guard import escaped
from pages.components.threshold_slider import show_threshold_slider

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
        st.button("Set", on_click=_set_by, args=(cases, aim, target), key="set_threshold")
    return threshold


def aim_in_words(cases: Cases, threshold: float) -> str:
    """The aim that the reader set this threshold by; "fixed" where none was."""
    aim, target = st.session_state.get(_CHOSEN, (Aim.FIXED, threshold))
    try:
        is_of_aim = min(1.0, choose_threshold(cases, aim, target).threshold) == threshold
    except MammoError:
        is_of_aim = False
    if not is_of_aim:
        return str(Aim.FIXED)
    return f"{aim} {target:g}" if aim in _TARGETS else str(aim)


def _target_key(aim: Aim) -> str:
    return f"target_{aim.name.lower()}"


def _set_by(cases: Cases, aim: Aim, target: float) -> None:
    try:
        keep_threshold(choose_threshold(cases, aim, target).threshold)
        st.session_state[_CHOSEN] = (aim, target)
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
    women = many(rate.groups, "woman", "women") if is_by_woman else "women not told"
    return {
        "rate": name,
        "value": f"{rate.value:.1%}",
        "of": f"{rate.count:,} of {rate.total:,} ({women})",
        "95 % interval": f"{rate.low:.1%} to {rate.high:.1%}",
        "by": rate.method,
    }
