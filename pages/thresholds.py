"""Thresholds: move the threshold, see which cancers are found and who is called for nothing."""

import streamlit as st

from mammo_core.metrics.cases import Cases
from mammo_core.metrics.curves import average_precision, pr_curve, roc_curve
from mammo_core.metrics.mistakes import mistakes
from mammo_core.metrics.multiclass import has_classes
from mammo_core.metrics.threshold import OperatingPoint
from mammo_core.metrics.uncertainty import rates_at
from mammo_core.plots.confusion import confusion_figure
from mammo_core.plots.pr import pr_figure
from mammo_core.plots.roc import NamedCurve, roc_figure
from mammo_core.types import Split
from pages.components.auc_view import show_auc
from pages.components.calibration_view import show_calibration
from pages.components.classes_view import show_classes
from pages.components.frame import require_frame
from pages.components.guard import shown_errors
from pages.components.operating_view import show_operating_point
from pages.components.scored import (
    Counting,
    Scored,
    count_cases,
    pick_counting,
    pick_scored,
    show_count,
    splits_of,
)
from pages.components.screening_view import show_screening
from pages.components.slices_view import show_slices
from pages.components.threshold_view import keep_threshold, pick_threshold, show_rates

SECTIONS = ("Curves", "Operating point", "Screening", "Calibration", "Slices", "Mistakes")


def show_curves(scored: Scored, counting: Counting, cases: Cases, point: OperatingPoint) -> None:
    def take_clicked(key: str) -> None:
        for clicked in st.session_state[key].selection.points[:1]:
            if "customdata" in clicked:
                keep_threshold(float(clicked["customdata"]))

    left, middle, right = st.columns([5, 5, 4])
    with left:
        st.plotly_chart(
            roc_figure([NamedCurve(name="model", curve=roc_curve(cases))], point=point),
            key="roc", on_select=lambda: take_clicked("roc"), selection_mode="points",
            alt=f"ROC curve; the chosen point has sensitivity {point.sensitivity:.1%} and "
            f"specificity {point.specificity:.1%}",
        )  # fmt: skip
        show_auc(scored, counting, cases)
    with middle:
        prevalence = cases.positives / len(cases)
        curve = NamedCurve(name="model", curve=pr_curve(cases))
        st.plotly_chart(
            pr_figure([curve], prevalence=prevalence, point=point),
            key="pr", on_select=lambda: take_clicked("pr"), selection_mode="points",
            alt=f"PPV against sensitivity; the chosen point has PPV {point.ppv:.1%}",
        )  # fmt: skip
        st.caption(
            f"Average precision {average_precision(cases):.3f}; guessing has {prevalence:.3f}."
        )
    with right:
        st.plotly_chart(
            confusion_figure(point),
            key="confusion",
            alt=f"{point.true_positives} found, {point.false_negatives} missed, "
            f"{point.false_positives} false alarms, {point.true_negatives} left alone",
        )
    st.caption("A click on a curve sets the threshold.")


def show_mistakes(cases: Cases, point: OperatingPoint) -> None:
    st.caption(
        f"{point.false_negatives:,} of {point.positives:,} cancers missed, "
        f"{point.false_positives:,} false alarms among {point.negatives:,}; furthest first."
    )
    st.dataframe(mistakes(cases, point.threshold), hide_index=True, key="mistakes")


@st.fragment
def show_threshold(scored: Scored, counting: Counting, cases: Cases) -> None:
    threshold = pick_threshold(cases)
    rates = rates_at(cases, threshold)
    show_rates(rates, cases)
    task = scored.task
    has_more = task is not None and has_classes(scored.predictions, task)
    section = st.segmented_control(
        "Show", (*SECTIONS, "Classes") if has_more else SECTIONS, default=SECTIONS[0],
        required=True, key="section", bind="query-params",
    )  # fmt: skip
    with shown_errors():
        match section:
            case "Curves":
                show_curves(scored, counting, cases, rates.point)
            case "Operating point":
                show_operating_point(scored, counting, cases, rates)
            case "Screening":
                show_screening(scored, counting, threshold)
            case "Calibration":
                show_calibration(cases, validation_of(scored, counting))
            case "Slices":
                show_slices(scored, counting, cases, threshold)
            case "Mistakes":
                show_mistakes(cases, rates.point)
            case "Classes" if task is not None:
                show_classes(scored, counting, task)


def validation_of(scored: Scored, counting: Counting) -> Cases | None:
    if counting.split == Split.VAL or Split.VAL not in splits_of(scored.predictions):
        return None
    return count_cases(scored, Counting(split=Split.VAL, level=counting.level, rule=counting.rule))


require_frame()
st.title("Thresholds")
with shown_errors():
    with st.sidebar:
        scored = pick_scored()
    if scored is None:
        st.info(
            "No run has predictions yet. Train one on the Train page, or upload a CSV at the left.",
            icon=":material/tune:",
        )
        st.stop()
    counting = pick_counting(scored.predictions, key="count")
    cases = count_cases(scored, counting)
    show_count(cases, scored.predictions)
    show_threshold(scored, counting, cases)
