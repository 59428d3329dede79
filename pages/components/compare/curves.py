"""The curves of several models over the same cases, one on the other."""

import math

import streamlit as st

from mammo_core.glossary import meaning
from mammo_core.metrics.calibration import calibration_of
from mammo_core.metrics.curves import pr_curve, roc_curve
from mammo_core.metrics.paired_rates import AtOneRate, sensitivities_at
from mammo_core.metrics.partial import partial_aucs, why_no_partial
from mammo_core.metrics.threshold import Aim
from mammo_core.plots.curves import NamedCurve, pr_figure, reliability_figure, roc_figure
from mammo_core.reports.wording import rate_in_words
from pages.components.compare.compared import Compared, prevalence_of
from pages.components.shared.frame import escaped, noted_errors
from pages.components.shared.held import behind_cells, estimate_cell, pick_range, pick_rate


def show_roc(compared: Compared) -> None:
    curves = [NamedCurve(name=n, curve=roc_curve(c)) for n, c in compared.models.items()]
    st.plotly_chart(roc_figure(curves), key="compare_roc", alt="ROC curves over the same cases")
    show_part(compared)


def show_pr(compared: Compared) -> None:
    curves = [NamedCurve(name=n, curve=pr_curve(c)) for n, c in compared.models.items()]
    st.plotly_chart(
        pr_figure(curves, prevalence=prevalence_of(compared.models), finding=compared.finding),
        key="compare_pr",
        alt="Precision-recall curves over the same cases",
    )


def show_reliability(compared: Compared) -> None:
    st.plotly_chart(
        reliability_figure(
            {n: calibration_of(c) for n, c in compared.models.items()}, finding=compared.finding
        ),
        key="compare_reliability",
        alt="Reliability of each model's scores",
    )


def show_at_one_rate(compared: Compared) -> None:
    aim, target = pick_rate(key="at_one_rate_of")
    found = sensitivities_at([*compared.models], [*compared.models.values()], target, aim=aim)
    st.dataframe([_row(one) for one in found], hide_index=True, key="at_one_rate")
    st.caption(
        "95 % intervals in brackets. Women are drawn again, and each draw sets every threshold "
        f"anew; differences are paired{_several(len(found))}. Each threshold is set on these very "
        "cases, so every sensitivity is a little flattered, all models alike.",
        help=meaning("Sensitivity", "Specificity", "Recall rate", "Bootstrap"),
    )
    if aim is Aim.RECALL_RATE:
        st.caption(
            f"Of these cases {prevalence_of(compared.models):.1%} are positive. Where fewer are, "
            "the same recall rate lies at another threshold."
        )


def _several(models: int) -> str:
    return f", for all pairs of {models} models at once" if models > 2 else ""


def _row(one: AtOneRate) -> dict[str, str]:
    point, found = one.point, one.sensitivity
    return {
        "model": one.name,
        "threshold": "none: nobody called"
        if math.isinf(point.threshold)
        else f"{point.threshold:.4f}",
        "specificity": rate_in_words(one.specificity),
        "recall rate": rate_in_words(one.recall_rate),
        "sensitivity": f"{found.value:.1%}, {point.true_positives:,} of {point.positives:,} "
        f"({found.low:.1%} to {found.high:.1%})",
        **behind_cells(one.behind, form=".1%", clear="finds fewer", positives=point.positives),
    }


def show_part(compared: Compared) -> None:
    """Folded: for those who look at one part of the curves."""
    with st.expander(
        "A part of the curves: partial AUC", icon=":material/crop:", key="compare_part",
        on_change="rerun",
    ) as opened:  # fmt: skip
        if not opened.open:
            return
        with noted_errors():
            _show_part(compared)


def _show_part(compared: Compared) -> None:
    over = pick_range(key="compare_range")
    first = next(iter(compared.models.values()))
    reason = why_no_partial(first)
    if reason:
        st.info(escaped(reason), icon=":material/info:")
        return
    found = partial_aucs([*compared.models], [*compared.models.values()], over)
    st.dataframe(
        [
            {
                "model": one.name,
                f"mean sensitivity, specificity {over.low:g} to {over.high:g}": estimate_cell(
                    one.estimate
                ),
                **behind_cells(
                    one.behind, form=".3f", clear="worse there", positives=first.positives
                ),
            }
            for one in found
        ],
        hide_index=True,
        key="partial_aucs",
    )
    st.caption(
        "The area under this part of the curve divided by its width: 1 is perfect, guessing has "
        f"{over.of_guessing:.3f}. 95 % intervals in brackets, by woman; differences are "
        f"paired{_several(len(found))}. Choose the range before you look, not after.",
        help=meaning("Partial AUC", "ROC curve"),
    )
