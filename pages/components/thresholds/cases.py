"""The cases on the wrong side of the threshold, with pictures, each a click away from Read."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd
import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.metrics.cases import images_of, mistakes
from mammo_core.metrics.multiclass import ClassReport, has_classes, report_classes
from mammo_core.metrics.subgroups import (
    FEWEST_WOMEN,
    SLICED_BY,
    Slice,
    largest_gap,
    sliceable,
    slices_of,
)
from mammo_core.metrics.uncertainty import Rate, RatesAtThreshold, auc_of
from mammo_core.plots.overviews import forest_figure
from mammo_core.reports.wording import number_in_words
from mammo_core.scores import called_in_words
from mammo_core.tables import to_safe_csv
from pages.components.shared import cached
from pages.components.shared.counting import Counted
from pages.components.shared.frame import escaped, noted_errors
from pages.components.shared.pickers import can_read
from pages.components.shared.runs import shown_dataset

if TYPE_CHECKING:  # imported where asked for: the table needs none of it
    from mammo_core.datasets.dataset import Dataset

_PICTURED: Final = 6
_ACROSS: Final = 3
_THUMBNAIL: Final = 220  # pixels


def show_mistakes(counted: Counted, rates: RatesAtThreshold) -> None:
    point = rates.point
    st.caption(
        f"{point.false_negatives:,} of {point.positives:,} cancers missed, "
        f"{point.false_positives:,} false alarms among {point.negatives:,}; furthest first."
    )
    table = mistakes(counted.cases, point.threshold)
    st.dataframe(table, hide_index=True, key="mistakes")
    st.download_button(
        "Download as CSV", to_safe_csv(table), "mistakes.csv", "text/csv", key="mistakes_csv",
        icon=":material/download:",
    )  # fmt: skip
    if table.empty:
        return
    kind = st.segmented_control(
        "Look at", list(table["kind"].unique()), key="look_at", bind="query-params"
    )
    if kind is None:
        return
    if counted.scored.run is None:
        st.caption("An uploaded table has no images.")
        return
    dataset = shown_dataset(counted.scored.run)
    if dataset is None:
        return
    with noted_errors():
        shown = table[table["kind"] == kind].head(_PICTURED)
        for start in range(0, len(shown), _ACROSS):
            columns = st.columns(_ACROSS)
            rows = shown.iloc[start : start + _ACROSS]
            for column, (_, row) in zip(columns, rows.iterrows(), strict=False):
                with column.container(border=True):
                    _show_case(counted, dataset, row)


def _show_case(counted: Counted, dataset: "Dataset", row: "pd.Series[str]") -> None:
    case_id = str(row["case_id"])
    images = images_of(counted.rows, counted.cases, case_id)
    paths = dataset.manifest.set_index("image_id")["path"].reindex(images["image_id"]).dropna()
    st.markdown(f"**{escaped(case_id)}**, score {float(row['score']):.3f}")
    for path in paths:
        data = cached.picture(str(dataset.root), str(path), side=_THUMBNAIL)
        if data is not None:
            st.image(data, width=_THUMBNAIL)
    if paths.empty:
        st.caption("Its images are not in the folder any more.")
    elif st.button("Open in Read", key=f"open_{case_id}", icon=":material/radiology:"):
        from pages.components.read.intake import (
            store_files,
        )  # reads images, which few visits ask for

        store_files([(dataset.root / Path(path)).read_bytes() for path in paths])
        opened = {"case": st.query_params["case"]}
        if counted.scored.run is not None and can_read(counted.scored.run):
            opened["model"] = counted.scored.run.run_id
        st.switch_page("pages/read.py", query_params=opened)


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
    st.dataframe([_slice_row(part) for part in slices], hide_index=True, key="slices")
    st.caption(
        f"Grey: fewer than {FEWEST_WOMEN} women with or without cancer; such parts are not "
        "compared. Sensitivity and specificity at the threshold above."
    )


def _slice_row(part: Slice) -> dict[str, str]:
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
    st.dataframe([_class_row(one) for one in report.reports], hide_index=True, key="classes")
    kappa = ""
    if report.kappa is not None:
        kappa = f" Quadratic kappa {number_in_words(report.kappa, report.kappa_interval)}."
    left_out = (
        f" {report.left_out:,} cases without one known class left out." if report.left_out else ""
    )
    told = f"The {called_in_words(task)} is right in {_words(report.accuracy)}."
    st.caption(f"{told}{kappa}{left_out}")
    square = pd.DataFrame(
        report.confusion,
        index=[f"is {name}" for name in report.classes],
        columns=[f"called {name}" for name in report.classes],
    )
    st.dataframe(square, key="square")


def _class_row(one: ClassReport) -> dict[str, str]:
    return {
        "class": one.name,
        "sensitivity (recall)": _words(one.sensitivity),
        "precision": _words(one.precision),
        "F1": number_in_words(one.f1, one.f1_interval),
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
