"""The chosen point on the ROC and the precision-recall curve, and among all thresholds."""

import streamlit as st

from mammo_core.metrics.artefact import why_no_auc
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.curves import pr_curve, roc_curve
from mammo_core.metrics.more_rates import Figure, more_rates
from mammo_core.metrics.threshold import OperatingPoint
from mammo_core.metrics.uncertainty import RatesAtThreshold, rate_bands
from mammo_core.plots.bands import band_figure
from mammo_core.plots.confusion import confusion_figure
from mammo_core.plots.pr import pr_figure
from mammo_core.plots.roc import NamedCurve, roc_figure
from pages.components import cached_metrics
from pages.components.auc_view import show_auc
from pages.components.counting import Counted
from pages.components.guard import escaped
from pages.components.threshold_view import keep_threshold


def show_curves(counted: Counted, rates: RatesAtThreshold) -> None:
    cases, point = counted.cases, rates.point

    def take_clicked(key: str) -> None:
        for clicked in st.session_state[key].selection.points[:1]:
            if clicked.get("customdata") is not None:  # the corner where nobody is called has none
                keep_threshold(float(clicked["customdata"]))

    if not cases.positives or not cases.negatives:
        st.caption(escaped(why_no_auc(cases) or ""))
        show_confusion(point)
        return
    left, middle, right = st.columns([5, 5, 4])
    with left:
        st.plotly_chart(
            roc_figure([NamedCurve(name="model", curve=roc_curve(cases))], point=point),
            key="roc", on_select=lambda: take_clicked("roc"), selection_mode="points",
            alt=f"ROC curve; the chosen point has sensitivity {point.sensitivity:.1%} and "
            f"specificity {point.specificity:.1%}",
        )  # fmt: skip
        show_auc(counted)
    with middle:
        prevalence = cases.positives / len(cases)
        curve = NamedCurve(name="model", curve=pr_curve(cases))
        st.plotly_chart(
            pr_figure([curve], prevalence=prevalence, point=point),
            key="pr", on_select=lambda: take_clicked("pr"), selection_mode="points",
            alt=f"PPV against sensitivity; the chosen point has PPV {point.ppv:.1%}",
        )  # fmt: skip
        show_precision(cases)
    with right:
        show_confusion(point)
    st.caption("A click on a curve sets the threshold.")


def show_confusion(point: OperatingPoint) -> None:
    st.plotly_chart(
        confusion_figure(point),
        key="confusion",
        alt=f"{point.true_positives} found, {point.false_negatives} missed, "
        f"{point.false_positives} false alarms, {point.true_negatives} left alone",
    )


def show_precision(cases: Cases) -> None:
    if why_no_auc(cases):
        st.caption("No average precision of these cases, for the reason that there is no AUC.")
        return
    guessing = f"{cases.positives / len(cases):.3f}"
    found = cached_metrics.average_precision(cases)
    if found is None:
        st.caption(f"Guessing has an average precision of {guessing}.")
        return
    st.caption(
        f"Average precision {found.value:.3f}, 95 % {found.low:.3f} to {found.high:.3f} "
        f"({found.method}); guessing has {guessing}."
    )


def show_bands(counted: Counted, rates: RatesAtThreshold) -> None:
    st.plotly_chart(
        band_figure(rate_bands(counted.cases), threshold=rates.point.threshold),
        key="bands",
        alt="Sensitivity and specificity with 95 % intervals over all thresholds",
    )
    st.caption("Each interval holds at its own threshold, not for the whole curve.")
    figures = more_rates(counted.cases, rates.point.threshold)
    if not figures:
        return
    share = f", where {counted.cases.positives / len(counted.cases):.1%} have cancer"
    st.dataframe([_figure_row(one, share) for one in figures], hide_index=True, key="more_rates")
    st.caption("Women drawn again; a number is shown only where the draws give it an interval.")


def _figure_row(one: Figure, share: str) -> dict[str, str]:
    row = {"at the threshold": one.name + (share if one.is_of_prevalence else "")}
    if one.low is None or one.high is None:
        return row | {"value": "–", "95 % interval": "–"}
    return row | {
        "value": f"{one.value:.3f}",
        "95 % interval": f"{one.low:.3f} to {one.high:.3f}",
    }
