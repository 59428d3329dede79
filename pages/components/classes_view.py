"""Models with more than two classes: each against the rest, and the square of all."""

import pandas as pd
import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.metrics.multiclass import ClassReport, has_classes, report_classes
from mammo_core.metrics.uncertainty import Rate, RatesAtThreshold
from pages.components.counting import Counted


def has_several_classes(counted: Counted) -> bool:
    try:
        task = counted.scored.task
    except MammoError:
        return False  # a broken card: what needs it says what is wrong, the rest goes on
    return task is not None and has_classes(counted.rows, task)


def show_classes(counted: Counted, _: RatesAtThreshold) -> None:
    task = counted.scored.task
    if task is None:
        return
    report = report_classes(counted.rows, task, counted.counting.level)
    st.dataframe([_row(one) for one in report.reports], hide_index=True, key="classes")
    kappa = "" if report.kappa is None else f" Quadratic kappa {report.kappa:.3f}."
    left_out = (
        f" {report.left_out:,} cases without one known class left out." if report.left_out else ""
    )
    st.caption(f"The likeliest class is right in {_words(report.accuracy)}.{kappa}{left_out}")
    square = pd.DataFrame(
        report.confusion,
        index=[f"is {name}" for name in report.classes],
        columns=[f"called {name}" for name in report.classes],
    )
    st.dataframe(square, key="square")


def _row(one: ClassReport) -> dict[str, str]:
    return {
        "class": one.name,
        "sensitivity (recall)": _words(one.sensitivity),
        "precision": _words(one.precision),
        "F1": f"{one.f1:.3f}",
        "AUC against the rest": "–"
        if one.auc is None
        else f"{one.auc.value:.3f} ({one.auc.low:.3f} to {one.auc.high:.3f})",
    }


def _words(rate: Rate) -> str:
    if not rate.total:
        return "–"
    return (
        f"{rate.value:.1%}, {rate.count:,} of {rate.total:,} "
        f"(95 % {rate.low:.0%} to {rate.high:.0%})"
    )
