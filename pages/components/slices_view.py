"""The same model on parts of the cases, with the largest gap named."""

import streamlit as st

from mammo_core.metrics.auc import auc_of
from mammo_core.metrics.subgroups import (
    FEWEST_WOMEN,
    SLICED_BY,
    Slice,
    largest_gap,
    sliceable,
    slices_of,
)
from mammo_core.metrics.uncertainty import Rate, RatesAtThreshold
from mammo_core.plots.forest import forest_figure
from pages.components.counting import Counted
from pages.components.guard import escaped


def show_slices(counted: Counted, rates: RatesAtThreshold) -> None:
    predictions, counting, cases = counted.rows, counted.counting, counted.cases
    columns = sliceable(predictions)
    if not columns:
        st.info("This table has no column to cut by: density, age, view, side, site, machine.")
        return
    column = st.segmented_control(
        "Cut by", columns, default=columns[0], required=True, key="cut",
        format_func=SLICED_BY.__getitem__, bind="query-params",
    )  # fmt: skip
    slices = slices_of(
        predictions,
        column,
        level=counting.level,
        rule=counting.rule,
        threshold=rates.point.threshold,
    )
    st.plotly_chart(
        forest_figure(slices, overall=auc_of(cases.score, cases.positive)),
        key="forest",
        alt=f"AUC with interval by {SLICED_BY[column]}",
    )
    gap = largest_gap(slices)
    st.markdown(escaped(gap.sentence) if gap else "No two parts are large enough to be compared.")
    st.dataframe([_row(part) for part in slices], hide_index=True, key="slices")
    st.caption(
        f"Grey: fewer than {FEWEST_WOMEN} women with or without cancer; such parts are not "
        "compared. Sensitivity and specificity at the threshold above."
    )


def _row(part: Slice) -> dict[str, str]:
    return {
        "part": part.name,
        "women with / without cancer": f"{part.women_with_cancer:,} / {part.women_without:,}",
        "AUC": "–" if part.auc is None else f"{part.auc.value:.3f}",
        "AUC, 95 %": "–" if part.auc is None else f"{part.auc.low:.3f} to {part.auc.high:.3f}",
        "sensitivity": _rate(part.sensitivity),
        "specificity": _rate(part.specificity),
    }


def _rate(rate: Rate) -> str:
    if not rate.total:
        return "–"
    return f"{rate.count:,} of {rate.total:,} (95 % {rate.low:.0%} to {rate.high:.0%})"
