"""The curves of several models over the same cases, one on the other."""

import streamlit as st

from mammo_core.metrics.calibration import calibration_of
from mammo_core.metrics.curves import pr_curve, roc_curve
from mammo_core.metrics.paired_rates import AtSpecificity, sensitivities_at
from mammo_core.plots.curves import NamedCurve, pr_figure, reliability_figure, roc_figure
from pages.components.compare.compared import Compared, prevalence_of


def show_roc(compared: Compared) -> None:
    curves = [NamedCurve(name=n, curve=roc_curve(c)) for n, c in compared.models.items()]
    st.plotly_chart(roc_figure(curves), key="compare_roc", alt="ROC curves over the same cases")


def show_pr(compared: Compared) -> None:
    curves = [NamedCurve(name=n, curve=pr_curve(c)) for n, c in compared.models.items()]
    st.plotly_chart(
        pr_figure(curves, prevalence=prevalence_of(compared.models)),
        key="compare_pr",
        alt="Precision-recall curves over the same cases",
    )


def show_reliability(compared: Compared) -> None:
    st.plotly_chart(
        reliability_figure({n: calibration_of(c) for n, c in compared.models.items()}),
        key="compare_reliability",
        alt="Reliability of each model's scores",
    )


def show_at_one_specificity(compared: Compared) -> None:
    target = st.number_input(
        "Specificity of at least", 0.0, 1.0, 0.9, 0.01, key="at_specificity", bind="query-params",
        width=320,
    )  # fmt: skip
    found = sensitivities_at([*compared.models], [*compared.models.values()], target)
    st.dataframe([_row(one) for one in found], hide_index=True, key="at_one_specificity")
    several = f", for all pairs of {len(found)} models at once" if len(found) > 2 else ""
    st.caption(
        "95 % intervals in brackets. Women are drawn again, and each draw sets every threshold "
        f"anew; differences are paired{several}. Each threshold is set on these very cases, so "
        "every sensitivity is a little flattered, all models alike."
    )


def _row(one: AtSpecificity) -> dict[str, str]:
    point, found, behind = one.point, one.sensitivity, one.behind
    row = {
        "model": one.name,
        "threshold": f"{point.threshold:.4f}",
        "specificity": f"{point.specificity:.1%}",
        "sensitivity": f"{found.value:.1%}, {point.true_positives:,} of {point.positives:,} "
        f"({found.low:.1%} to {found.high:.1%})",
        "less than the best by": "",
        "p": "",
        "in words": "",
    }
    if behind is None:
        return row
    return row | {
        "less than the best by": f"{behind.value:.1%} ({behind.low:+.1%} to {behind.high:+.1%})",
        "p": behind.p_in_words,
        "in words": "finds fewer"
        if behind.is_clear
        else f"not told apart with {point.positives:,} cancers",
    }
