"""The cases on the wrong side of the threshold, and those of one part, as a case list."""

from typing import Final

import pandas as pd
import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.glossary import meaning
from mammo_core.metrics.cases import mistakes
from mammo_core.metrics.multiclass import ClassReport, has_classes, report_classes
from mammo_core.metrics.subgroups import (
    FEWEST_WOMEN,
    NO_GAP_IN_AUC,
    SLICED_BY,
    Slice,
    gaps_between,
    rows_of_slice,
    sliceable,
    slices_of,
)
from mammo_core.metrics.uncertainty import Rate, RatesAtThreshold, auc_of
from mammo_core.plots.overviews import forest_figure
from mammo_core.reports.wording import number_in_words
from mammo_core.scores import called_in_words
from mammo_core.tables import to_safe_csv
from mammo_core.words import CalledFor
from pages.components.shared.caselist.panel import (
    cases_listing,
    counted_listing,
    show_cases_panel,
    source_of,
    with_tag_column,
)
from pages.components.shared.counting import Counted
from pages.components.shared.frame import escaped

#: Of a part of the cases, and of a class against the rest.
_HELP: Final = {
    column: st.column_config.TextColumn(help=meaning(*terms))
    for column, terms in {
        "AUC": ("AUC",),
        "AUC, 95 %": ("95 % interval",),
        "sensitivity": ("Sensitivity",),
        "specificity": ("Specificity",),
        "sensitivity (recall)": ("Sensitivity",),
        "precision": ("PPV",),
        "F1": ("F1",),
        "AUC against the rest": ("AUC",),
    }.items()
}


def show_mistakes(counted: Counted, rates: RatesAtThreshold) -> None:
    point, several = rates.point, escaped(counted.finding.several)
    st.caption(
        f"{point.false_negatives:,} of {point.positives:,} {several} missed, "
        f"{point.false_positives:,} false alarms among {point.negatives:,}; furthest first."
    )
    table = mistakes(counted.cases, point.threshold)
    listing = counted_listing(counted, list(table["case_id"]), threshold=point.threshold)
    show_cases_panel(listing, key="mistakes")
    st.download_button(
        "Download as CSV", to_safe_csv(table), "mistakes.csv", "text/csv", key="mistakes_csv",
        icon=":material/download:",
    )  # fmt: skip


def show_slices(counted: Counted, rates: RatesAtThreshold) -> None:
    counting, cases = counted.counting, counted.cases
    source = source_of(counted.scored.run, page="thresholds")
    predictions = with_tag_column(counted.rows, source)
    columns = sliceable(predictions)
    if not columns:
        st.info("This table has no column to cut by: density, age, view, side, site, machine, tag.")
        return
    column = st.segmented_control(
        "Cut by", columns, default=columns[0], required=True, key="cut",
        format_func=SLICED_BY.__getitem__, bind="query-params",
    )  # fmt: skip
    threshold = rates.point.threshold
    cuts = {
        name: slices_of(
            predictions, name, level=counting.level, rule=counting.rule, threshold=threshold
        )
        for name in columns
    }
    slices = cuts[column]
    st.plotly_chart(
        forest_figure(slices, overall=auc_of(cases.score, cases.positive), finding=counted.finding),
        key="forest",
        alt=f"AUC with interval by {SLICED_BY[column]}",
    )
    gaps = gaps_between(cuts, threshold)
    gap = gaps.in_auc.get(column)
    st.markdown(escaped(gap.sentence) if gap else NO_GAP_IN_AUC)
    for one in gaps.in_rates:
        if one.column == column:
            st.markdown(escaped(one.told_of(counted.finding)))
    names = [part.name for part in slices]
    place = f"slices_{column}"

    def choose() -> None:
        cells = st.session_state[place].selection.cells
        if cells:
            st.session_state["slice"] = names[cells[0][0]]

    st.dataframe(
        [_slice_row(part, counted.finding) for part in slices], hide_index=True, key=place,
        on_select=choose, selection_mode="single-cell", column_config=_HELP,
    )  # fmt: skip
    st.caption(
        f"Grey: fewer than {FEWEST_WOMEN} women with or without "
        f"{escaped(counted.finding.one)}; the AUCs of such parts are not compared. A rate at the "
        f"threshold above is compared where {FEWEST_WOMEN} women stand behind it. Intervals and p "
        "of gaps are corrected together: AUC, rates and every column of this table. Click on a row "
        "for its cases.",
        help=meaning("Bonferroni", "p value"),
    )
    chosen = st.pills("Cases of", names, key="slice", bind="query-params")
    part = next((part for part in slices if part.name == chosen), None)
    if part is not None:
        rows = rows_of_slice(predictions, column, part.name)
        listing = cases_listing(
            rows, part.cases, part.cases.case_ids, threshold=rates.point.threshold, source=source
        )
        show_cases_panel(listing, key="slice_cases")


def _slice_row(part: Slice, finding: CalledFor) -> dict[str, str]:
    return {
        "part": part.name,
        f"women with / without {finding.one}": f"{part.women_with_cancer:,} / "
        f"{part.women_without:,}",
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
    st.dataframe(
        [_class_row(one) for one in report.reports], hide_index=True, key="classes",
        column_config=_HELP,
    )  # fmt: skip
    kappa = ""
    if report.kappa is not None:
        kappa = f" Quadratic kappa {number_in_words(report.kappa, report.kappa_interval)}."
    left_out = (
        f" {report.left_out:,} cases without one known class left out." if report.left_out else ""
    )
    told = f"The {called_in_words(task)} is right in {_words(report.accuracy)}."
    st.caption(
        f"{told}{kappa}{left_out}", help=meaning("Confusion matrix", "Kappa", "Quadratic kappa")
    )
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
