"""The curves of several models over the same cases, one on the other."""

from collections.abc import Mapping

import streamlit as st

from mammo_core.metrics.calibration import calibration_of
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.compare import RateDifference, holm, rate_difference
from mammo_core.metrics.curves import pr_curve, roc_curve
from mammo_core.metrics.threshold import OperatingPoint, threshold_for_specificity
from mammo_core.metrics.uncertainty import rate_with_interval
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
    points = {n: threshold_for_specificity(c, target) for n, c in compared.models.items()}
    best_first = sorted(points, key=lambda name: points[name].sensitivity, reverse=True)
    best = best_first[0]
    differences = {
        name: _difference(compared.models, points, best, name) for name in best_first[1:]
    }
    adjusted = dict(zip(differences, holm([d.p_value for d in differences.values()]), strict=True))
    st.dataframe(
        [
            _row(
                name, compared.models[name], points[name], differences.get(name), adjusted.get(name)
            )
            for name in best_first
        ],
        hide_index=True,
        key="at_one_specificity",
    )
    st.caption(
        "95 % intervals in brackets. Each threshold is set on these very cases, so every "
        "sensitivity is a little flattered, all models alike. Differences are paired by case."
    )


def _difference(
    models: Mapping[str, Cases], points: Mapping[str, OperatingPoint], best: str, other: str
) -> RateDifference:
    positive = models[best].positive
    hits = [(models[n].score >= points[n].threshold)[positive] for n in (best, other)]
    return rate_difference(hits[0], hits[1], models[best].groups[positive])


def _row(
    name: str,
    cases: Cases,
    point: OperatingPoint,
    difference: RateDifference | None,
    p_value: float | None,
) -> dict[str, str]:
    found = rate_with_interval(
        (cases.score >= point.threshold)[cases.positive], cases.groups[cases.positive]
    )
    row = {
        "model": name,
        "threshold": f"{point.threshold:.4f}",
        "specificity": f"{point.specificity:.1%}",
        "sensitivity": f"{found.value:.1%}, {found.count:,} of {found.total:,} "
        f"({found.low:.1%} to {found.high:.1%})",
        "less than the best by": "",
        "p (Holm)": "",
        "in words": "",
    }
    if difference is None or p_value is None:
        return row
    is_clear = difference.is_clear and p_value < 0.05
    return row | {
        "less than the best by": f"{difference.value:.1%} ({difference.low:+.1%} to "
        f"{difference.high:+.1%})",
        "p (Holm)": "< 0.001" if p_value < 0.001 else f"{p_value:.3f}",
        "in words": "finds fewer" if is_clear else f"not told apart with {found.total:,} cancers",
    }
