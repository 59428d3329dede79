"""Compare: models side by side over the same cases, and whether they can be told apart."""

from collections.abc import Mapping

import streamlit as st

from mammo_core.metrics.artefact import why_no_auc
from mammo_core.metrics.calibration import calibration_of
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.compare import SharedCases, compare_to_best, share_cases
from mammo_core.metrics.curves import average_precision, pr_curve, roc_curve
from mammo_core.metrics.uncertainty import auc_with_interval
from mammo_core.plots.calibration import reliability_figure
from mammo_core.plots.pr import pr_figure
from mammo_core.plots.roc import NamedCurve, roc_figure
from pages.components.compare_view import like_the_newest, show_disagreements, show_settings
from pages.components.counting import count_cases, pick_counting
from pages.components.frame import require_frame
from pages.components.guard import shown_errors
from pages.components.pickers import scored_runs
from pages.components.scored import scored_of

SECTIONS = ("ROC", "Precision and recall", "Calibration", "Disagreements", "Settings")


def say_what_is_compared(shared: SharedCases, names: list[str]) -> None:
    count = len(shared.cases[0])
    if shared.is_complete:
        st.success(f"All compared on the same {count:,} cases.", icon=":material/check:")
        return
    lacking = ", ".join(
        f"{number:,} of {name}"
        for name, number in zip(names, shared.left_out, strict=True)
        if number
    )
    st.warning(
        f"Compared on the {count:,} cases that all have."
        + (f" Left out: {lacking}." if lacking else "")
        + (
            f" {shared.disagreeing:,} cases left out because the tables differ on the truth."
            if shared.disagreeing
            else ""
        ),
        icon=":material/warning:",
    )


def show_leaderboard(models: Mapping[str, Cases]) -> None:
    estimates = {name: auc_with_interval(cases) for name, cases in models.items()}
    best_first = sorted(models, key=lambda name: estimates[name].value, reverse=True)
    st.dataframe(
        [
            {
                "model": name,
                "AUC": f"{estimates[name].value:.3f}",
                "95 % interval": f"{estimates[name].low:.3f} to {estimates[name].high:.3f}",
                "by": estimates[name].method,
                "average precision": f"{average_precision(models[name]):.3f}",
                "with cancer": estimates[name].positives,
                "without": estimates[name].negatives,
                "women": estimates[name].groups,
                "case": models[name].level,
            }
            for name in best_first
        ],
        hide_index=True,
        key="leaderboard",
    )
    for comparison in compare_to_best(best_first, [models[name] for name in best_first]):
        st.text(f"{comparison.sentence}{p_in_words(comparison.holm_p)}")
    if len(models) > 1:
        st.caption(
            "Intervals are over women. Training again with another seed would move each AUC, too: "
            "the luck of training is not measured by one run."
        )


def p_in_words(p_value: float | None) -> str:
    if p_value is None:
        return ""
    return f" p {'< 0.001' if p_value < 0.001 else f'= {p_value:.3f}'} (Holm)."


def show_section(section: str, models: Mapping[str, Cases]) -> None:
    first = next(iter(models.values()))
    match section:
        case "ROC":
            curves = [NamedCurve(name=n, curve=roc_curve(c)) for n, c in models.items()]
            st.plotly_chart(
                roc_figure(curves), key="compare_roc", alt="ROC curves over the same cases"
            )
        case "Precision and recall":
            curves = [NamedCurve(name=n, curve=pr_curve(c)) for n, c in models.items()]
            st.plotly_chart(
                pr_figure(curves, prevalence=first.positives / len(first)),
                key="compare_pr",
                alt="Precision-recall curves over the same cases",
            )
        case "Calibration":
            st.plotly_chart(
                reliability_figure({n: calibration_of(c) for n, c in models.items()}),
                key="compare_reliability",
                alt="Reliability of each model's scores",
            )
        case "Disagreements":
            show_disagreements(models)
        case "Settings":
            show_settings([runs[name] for name in models])


require_frame()
st.title("Compare")

runs = {run.run_id: run for run in scored_runs()}
if not runs:
    st.info(
        "No run has predictions yet. Train one on the Train page.", icon=":material/leaderboard:"
    )
    st.stop()
with shown_errors():
    names = st.multiselect(
        "Models", list(runs), default=like_the_newest(list(runs.values())), key="models",
        bind="query-params",
    )  # fmt: skip
    if not names:
        st.info("Choose at least one model.")
        st.stop()
    scored = [scored_of(runs[name]) for name in names]
    counting = pick_counting(scored[0].predictions, key="compare")
    shared = share_cases([count_cases(table, counting) for table in scored])
    say_what_is_compared(shared, names)
    models = dict(zip(names, shared.cases, strict=True))
    reason = why_no_auc(shared.cases[0])
    if reason:
        st.warning(reason, icon=":material/block:")
        st.stop()
    show_leaderboard(models)
    section = st.segmented_control(
        "Show", SECTIONS, default=SECTIONS[0], required=True, key="compare_section",
        bind="query-params",
    )  # fmt: skip
    show_section(section, models)
