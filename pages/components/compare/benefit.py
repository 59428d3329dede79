"""What calling by each model's probabilities is worth, and whether two differ in it."""

from dataclasses import replace

import streamlit as st

from mammo_core.errors import MammoError, TableError
from mammo_core.glossary import meaning
from mammo_core.metrics.calibration import fit_score_map, probabilities_at
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.net_benefit import NetBenefit, net_benefits, why_no_test
from mammo_core.scores import Recalibration
from mammo_core.types import Split
from mammo_core.words import UNITS
from pages.components.compare.compared import (
    Compared,
    labelled_of,
    prevalence_of,
    say_what_is_left_out,
)
from pages.components.shared.counting import count_cases, say_other_prevalence, splits_of
from pages.components.shared.frame import escaped
from pages.components.shared.held import behind_cells

_KINDS = (Recalibration.PLATT, Recalibration.ISOTONIC)


def show_net_benefit(compared: Compared) -> None:
    """Each model's scores become probabilities on its own validation cases."""
    first = next(iter(compared.models.values()))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control(
            "Re-calibrated by", _KINDS, default=_KINDS[0], required=True, key="benefit_kind",
            help=meaning("Net benefit", "Temperature", "Platt", "Isotonic"),
            bind="query-params",
        )  # fmt: skip
        share = 100 * prevalence_of(compared.models)
        prevalence = st.number_input(
            "Prevalence, %", 0.1, 90.0, min(max(round(share, 1), 0.1), 90.0), 0.1,
            key="benefit_prevalence", bind="query-params", width=180, help=meaning("Prevalence"),
        ) / 100  # fmt: skip
        threshold = st.number_input(
            "Called from a probability of, %", 0.1, 90.0, min(max(round(share, 1), 0.1), 90.0), 0.1,
            key="benefit_threshold", bind="query-params", width=240,
            help=meaning("Threshold", "Net benefit"),
        ) / 100  # fmt: skip
    say_other_prevalence(prevalence, share / 100, of="cases compared")
    ready, reasons = _probabilities(compared, kind, prevalence)
    say_what_is_left_out(reasons)
    if not ready:
        return
    found = net_benefits([*ready], [*ready.values()], prevalence=prevalence, threshold=threshold)
    unit = UNITS[first.level][1]
    st.dataframe(
        [_row(one, unit, positives=first.positives) for one in found],
        hide_index=True,
        key="net_benefits",
    )
    several = f", for all pairs of {len(found)} models at once" if len(found) > 2 else ""
    st.caption(
        "Positive cases found, less false alarms at the price the probability stands for: one is "
        f"worth {(1 - threshold) / threshold:.1f} false alarms. 95 % intervals in brackets; "
        f"differences are paired by woman{several}. Prevalence and re-calibration are taken as "
        "given. Choose the probability before you look, not after."
    )
    reason = why_no_test(first) if len(found) > 1 else ""
    if reason:
        st.caption(escaped(reason))


def _probabilities(
    compared: Compared, kind: Recalibration, prevalence: float
) -> tuple[dict[str, Cases], dict[str, str]]:
    ready: dict[str, Cases] = {}
    reasons: dict[str, str] = {}
    for name, cases in compared.models.items():
        try:
            score_map = fit_score_map(_validation_of(compared, name), kind)
            ready[name] = probabilities_at(cases, score_map, prevalence=prevalence)
        except MammoError as error:
            reasons[name] = str(error)
    return ready, reasons


def _validation_of(compared: Compared, name: str) -> Cases:
    counting, run = compared.counting, compared.runs.get(name)
    scored = labelled_of(run) if run is not None else None
    if (
        scored is None
        or counting.split == Split.VAL
        or Split.VAL not in splits_of(scored.predictions)
    ):
        raise TableError(
            "There are no validation cases besides those judged, so its scores cannot be turned "
            "into probabilities."
        )
    return count_cases(scored, replace(counting, split=Split.VAL))


def _row(one: NetBenefit, unit: str, *, positives: int) -> dict[str, str]:
    per = 1000
    behind = one.behind
    cells = behind_cells(
        None
        if behind is None
        else replace(
            behind, value=per * behind.value, low=per * behind.low, high=per * behind.high
        ),
        form=".2f",
        clear="worth less",
        positives=positives,
    )
    value, low, high = (f"{per * end:.2f}" for end in (one.value, one.low, one.high))
    return {
        "model": one.name,
        f"net benefit per 1,000 {unit}": f"{value} ({low} to {high})",
    } | cells
