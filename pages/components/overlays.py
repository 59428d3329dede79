"""The curves of several models over the same cases, one on the other."""

import streamlit as st

from mammo_core.metrics.calibration import calibration_of
from mammo_core.metrics.curves import pr_curve, roc_curve
from mammo_core.plots.calibration import reliability_figure
from mammo_core.plots.pr import pr_figure
from mammo_core.plots.roc import NamedCurve, roc_figure
from pages.components.compare_view import Compared, prevalence_of


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
