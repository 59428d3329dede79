"""Whether the scores are probabilities, and what calling by them is worth."""

from dataclasses import replace
from typing import Final

import numpy as np
import streamlit as st

from mammo_core.errors import TableError
from mammo_core.glossary import meaning
from mammo_core.metrics.calibration import (
    Interval,
    calibration_of,
    expected_error_interval,
    fit_score_map,
    probabilities_at,
    recalibrate,
)
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.net_benefit import decision_curve
from mammo_core.metrics.smooth import SmoothCurve, smooth_calibration, why_no_curve
from mammo_core.metrics.uncertainty import FEWEST_OF_CLASS, RatesAtThreshold
from mammo_core.plots.curves import decision_figure, reliability_figure
from mammo_core.scores import Recalibration, ScoreMap
from mammo_core.types import Split
from mammo_core.words import CalledFor
from pages.components.shared.counting import (
    Counted,
    count_cases,
    say_other_prevalence,
    splits_of,
)
from pages.components.shared.frame import escaped

_LOWEST: Final = 0.1  # per cent of cases with cancer
_HIGHEST: Final = 90.0


def show_calibration(counted: Counted, _: RatesAtThreshold) -> None:
    cases, validation = counted.cases, validation_of(counted)
    kind = None
    if validation is None:
        st.caption("Scores cannot be re-calibrated here: this table has no validation cases.")
    else:
        kind = st.segmented_control(
            "Re-calibrate on the validation cases", list(Recalibration), key="recalibration",
            help=meaning(
                "Calibration", "Re-calibration", "Temperature", "Platt", "Log-odds", "Isotonic"
            ),
            bind="query-params",
        )  # fmt: skip
    judged, score_map = cases, None
    if kind is not None and validation is not None:
        score_map = fit_score_map(validation, kind)
        judged = recalibrate(cases, score_map)
        st.caption(f"Fitted on {len(validation):,} validation cases, judged on {len(cases):,}.")
    left, right = st.columns(2)
    calibration, smooth = calibration_of(judged), smooth_calibration(judged)
    with left:
        st.plotly_chart(
            reliability_figure(
                {"bins of equally many cases": calibration},
                smooth=None if smooth is None else smooth.curve,
                finding=counted.finding,
            ),
            key="reliability",
            alt=f"Reliability: score against the share with {counted.finding.one}, in bins and "
            "smooth with a band",
        )
        st.caption(
            escaped(why_no_curve(judged) or "No smooth curve: these cases do not settle it.")
            if smooth is None
            else "Smooth: a logistic regression on a spline of the score. The band holds at each "
            "score, not for the whole curve."
        )
    with right:
        brier = calibration.brier
        st.dataframe(
            [
                _row(
                    "Calibration in the large", calibration.intercept,
                    calibration.intercept_interval, "0: right on the whole",
                ),
                _row(
                    "Slope", calibration.slope, calibration.slope_interval,
                    "1: neither too extreme nor too timid",
                ),
                _row(
                    "Brier score", brier.score, calibration.brier_interval,
                    f"0; {brier.uncertainty:.3f} is the prevalence alone",
                ),
                _row(
                    "Expected error (ECE)", calibration.expected_error,
                    expected_error_interval(judged),
                    f"0; noise alone makes it more; shown from {FEWEST_OF_CLASS} women of each "
                    "kind on",
                ),
                *_smooth_rows(smooth),
            ],
            hide_index=True,
            key="calibration",
            column_config={
                "value": st.column_config.TextColumn(
                    help=meaning("Calibration slope", "Brier score", "ECE", "ICI")
                )
            },
        )  # fmt: skip
        if kind is None:
            st.caption("Until re-calibrated this is a score, not a probability.")
    if score_map is not None:
        show_decision(cases, score_map, finding=counted.finding)


def _smooth_rows(smooth: SmoothCurve | None) -> list[dict[str, str]]:
    """How far the smooth curve lies from the scores."""
    if smooth is None:
        return []
    return [
        _row("Mean distance of the smooth curve (ICI)", smooth.ici, smooth.ici_interval, "0"),
        _row(
            "Distance that 9 of 10 stay below (E90)", smooth.e90, smooth.e90_interval,
            "0; both are drawn upwards by noise",
        ),
    ]  # fmt: skip


def validation_of(counted: Counted) -> Cases | None:
    """The cases that a map may be fitted on; None where there are none besides those judged."""
    counting = counted.counting
    if counting.split == Split.VAL or Split.VAL not in splits_of(counted.scored.predictions):
        return None
    return count_cases(counted.scored, replace(counting, split=Split.VAL))


def show_decision(cases: Cases, score_map: ScoreMap, *, finding: CalledFor) -> None:
    """Net benefit at a stated prevalence, on probabilities carried to it."""
    at_first = min(max(round(100 * score_map.prevalence, 1), _LOWEST), _HIGHEST)
    wanted = (
        st.number_input(
            "Prevalence, %", _LOWEST, _HIGHEST, at_first, 0.1, key="decision_prevalence",
            bind="query-params", width=320, help=meaning("Prevalence"),
        )
        / 100
    )  # fmt: skip
    say_other_prevalence(wanted, score_map.prevalence, of="validation cases")
    try:
        moved = probabilities_at(cases, score_map, prevalence=wanted)
    except TableError as reason:
        st.caption(escaped(str(reason)))
        return
    thresholds = np.geomspace(wanted / 20, min(0.95, wanted * 5), 100)
    curve = decision_curve(moved, prevalence=wanted, thresholds=thresholds)
    st.plotly_chart(
        decision_figure(curve, moved.level),
        key="decision",
        alt="Net benefit of the model with 95 % band, of calling all and of calling none",
    )
    st.caption(
        f"95 % intervals at each threshold, of {cases.positives:,} cases with and "
        f"{cases.negatives:,} without {escaped(finding.one)}; the prevalence and the "
        "re-calibration are taken as given. Two models are compared on the Compare page.",
        help=meaning("Decision curve", "Net benefit", "Prevalence", "95 % interval"),
    )


def _row(name: str, value: float, interval: Interval | None, meaning: str) -> dict[str, str]:
    """A number that has no interval is not shown: it would look surer than it is."""
    if interval is None:
        return {"": name, "value": "–", "95 % interval": "–", "perfect is": meaning}
    spread = f"{interval[0]:.3f} to {interval[1]:.3f}"
    return {"": name, "value": f"{value:.3f}", "95 % interval": spread, "perfect is": meaning}
