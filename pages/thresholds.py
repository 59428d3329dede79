"""Thresholds: move the threshold, see which cancers are found and who is called for nothing."""

import streamlit as st

from mammo_core.metrics.cases import Cases
from mammo_core.metrics.choices import threshold_for_sensitivity
from mammo_core.metrics.curves import roc_curve
from mammo_core.metrics.uncertainty import Rate, auc_with_interval, rates_at
from mammo_core.plots.confusion import confusion_figure
from mammo_core.plots.roc import NamedCurve, roc_figure
from mammo_core.plots.thresholds import score_histogram
from pages.components.frame import require_frame
from pages.components.guard import shown_errors
from pages.components.scored import count_cases, pick_counting, pick_predictions

SUGGESTED_SENSITIVITY = 0.9


def show_rate(name: str, rate: Rate) -> None:
    with st.container(border=True):
        st.metric(name, f"{rate.value:.1%}" if rate.total else "–")
        st.caption(
            f"{rate.count:,} of {rate.total:,}, 95 % {rate.low:.1%} to {rate.high:.1%}"
            if rate.total
            else "no such case",
            help=f"{rate.method}, {rate.groups:,} women",
        )


@st.fragment
def show_threshold(cases: Cases) -> None:
    suggested = threshold_for_sensitivity(cases, SUGGESTED_SENSITIVITY).threshold
    threshold = st.slider(
        "Threshold: a case that scores at least this is called",
        0.0, 1.0, int(suggested * 1000) / 1000, 0.001,
        format="%.3f", key="threshold", bind="query-params",
    )  # fmt: skip
    rates = rates_at(cases, threshold)
    prevalence = f"{cases.positives / len(cases):.1%} of these cases have cancer"
    for column, (name, rate) in zip(
        st.columns(5),
        (
            ("Sensitivity (recall)", rates.sensitivity),
            ("Specificity", rates.specificity),
            ("Recall rate", rates.recall_rate),
            ("PPV", rates.ppv),
            ("NPV", rates.npv),
        ),
        strict=True,
    ):
        with column:
            show_rate(name, rate)
    st.caption(f"Recall rate, PPV and NPV hold where {prevalence}, and nowhere else.")
    left, middle, right = st.columns(3)
    with left:
        curve = NamedCurve(name="model", curve=roc_curve(cases))
        st.plotly_chart(
            roc_figure([curve], point=rates.point),
            key="roc",
            alt=f"ROC curve; the chosen point has sensitivity {rates.point.sensitivity:.1%} "
            f"and specificity {rates.point.specificity:.1%}",
        )
    with middle:
        st.plotly_chart(
            score_histogram(cases, threshold),
            key="histogram",
            alt="Scores of cases with and without cancer, and the threshold",
        )
    with right:
        st.plotly_chart(
            confusion_figure(rates.point),
            key="confusion",
            alt=f"{rates.point.true_positives} found, {rates.point.false_negatives} missed, "
            f"{rates.point.false_positives} false alarms, {rates.point.true_negatives} left alone",
        )


require_frame()
st.title("Thresholds")
with shown_errors():
    with st.sidebar:
        predictions = pick_predictions()
    if predictions is None:
        st.info(
            "No run has predictions yet. Train one on the Train page, or upload a CSV at the left.",
            icon=":material/tune:",
        )
        st.stop()
    cases = count_cases(predictions, pick_counting(predictions, key="count"))
    auc = auc_with_interval(cases)
    st.caption(
        f"{len(cases):,} cases of {cases.group_count:,} women, {cases.positives:,} with cancer"
        + (f"; {cases.unknown:,} without a known label left out" if cases.unknown else "")
        + f". AUC {auc.value:.3f} (95 % {auc.low:.3f} to {auc.high:.3f}, {auc.method})."
    )
    show_threshold(cases)
