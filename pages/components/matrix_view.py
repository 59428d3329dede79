"""Training set by test set: what each checkpoint is worth where it did not learn."""

from html import escape
from typing import Final

import streamlit as st

from mammo_core.metrics.calibration import Interval
from mammo_core.metrics.uncertainty import Rate
from mammo_core.paths import datasets_root
from mammo_core.plots.matrix import Square, matrix_figure
from mammo_core.words import many
from pages.components.compare_view import Compared
from pages.components.evaluate_offer import offer_evaluating
from pages.components.guard import escaped
from pages.components.matrix_cells import Cell, cells_of, short_name
from pages.components.pickers import all_runs, checkpoints

_MOST_ROWS: Final = 12


def show_matrix(compared: Compared) -> None:
    """The chosen models first, then the others, newest first."""
    from mammo_core.datasets.registry import list_registered  # slow, and only asked here

    chosen = [run for run in compared.runs if run.is_checkpoint]
    rest = [run for run in checkpoints() if run.run_id not in {one.run_id for one in chosen}]
    entries = {(e.name, e.label_rule): e for e in list_registered(datasets_root())}
    cells = cells_of([*chosen, *rest][:_MOST_ROWS], list(entries), all_runs())
    if not cells:
        st.info("There is no checkpoint yet, so there is nothing to try on other data.")
        return
    st.plotly_chart(
        matrix_figure([_square(cell) for cell in cells]),
        key="matrix",
        alt="AUC of each checkpoint on each data set; the table below has the same numbers",
    )
    st.caption(
        "AUC by breast where sides are known, else by image; sensitivity and specificity at the "
        "threshold locked on the checkpoint's own validation women, never chosen anew; "
        "calibration of the scores as the model gives them. Framed: its own data set, test women "
        "only. Hatched: another label rule, so positive means something else there. Intervals of "
        "all numbers stand in the table; a number without one is not shown."
    )
    st.table([_row(cell) for cell in cells if cell.external], hide_index=True)
    for cell in cells:
        for note in () if cell.external else cell.notes:
            st.caption(escaped(f"{cell.checkpoint.run_id} on {short_name(cell.data)}: {note}"))
    offer_evaluating(cells, entries)


def _square(cell: Cell) -> Square:
    found = cell.external
    marks = (f"other label rule: {escape(cell.data[1])}",) if cell.is_other_rule else ()
    if found is None:
        lines: tuple[str, ...] = ("not scored", *marks)
        share = None
    else:
        auc = found.auc
        ranked = f"<b>{auc.value:.3f}</b> ({auc.low:.3f} to {auc.high:.3f})" if auc else "no AUC"
        rates = found.rates
        called = (
            f"sens {_percent(rates.sensitivity)}, spec {_percent(rates.specificity)}"
            if rates
            else "no threshold locked"
        )
        fit = found.calibration
        is_known = fit is not None and None not in (fit.intercept_interval, fit.slope_interval)
        calibrated = (
            f"intercept {fit.intercept:+.2f}, slope {fit.slope:.2f}" if fit and is_known else ""
        )
        lines = tuple(line for line in (ranked, called, calibrated, *marks) if line)
        share = 0.0 if auc is None else max(0.0, 2 * auc.value - 1)
    return Square(
        row=_title(cell), column=escape(short_name(cell.data)), lines=lines, share=share,
        is_hatched=cell.is_other_rule, is_own=cell.is_own,
    )  # fmt: skip


def _row(cell: Cell) -> dict[str, str]:
    found = cell.external
    if found is None:
        return {}
    auc, rates, fit = found.auc, found.rates, found.calibration
    cases = found.cases
    intercept, slope = (
        (_number(fit.intercept, fit.intercept_interval), _number(fit.slope, fit.slope_interval))
        if fit
        else ("–", "–")
    )
    row = {
        "checkpoint": cell.checkpoint.run_id,
        "scored": short_name(cell.data),
        "label rule": f"{cell.data[1]} (other)" if cell.is_other_rule else cell.data[1],
        "AUC": f"{auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f})" if auc else "–",
        "sensitivity, locked": _rate(rates.sensitivity) if rates else "–",
        "specificity, locked": _rate(rates.specificity) if rates else "–",
        "calibration intercept": intercept,
        "calibration slope": slope,
        "cases": f"{cases.positives:,} with, {cases.negatives:,} without cancer, by {cases.level}, "
        f"{many(cases.group_count, 'woman', 'women')}",
        "notes": " ".join(cell.notes),
    }
    return {name: escaped(text) for name, text in row.items()}  # a table reads Markdown


def _title(cell: Cell) -> str:
    """Twenty letters a line: names of runs are long, and the room beside the squares is not."""
    name = cell.checkpoint.run_id
    return "<br>".join(escape(name[start : start + 20]) for start in range(0, len(name), 20))


def _percent(rate: Rate) -> str:
    return f"{rate.value:.0%}" if rate.total else "–"


def _rate(rate: Rate) -> str:
    if not rate.total:
        return "–"
    return f"{rate.value:.1%}, {rate.count:,} of {rate.total:,} ({rate.low:.0%} to {rate.high:.0%})"


def _number(value: float, interval: Interval | None) -> str:
    if interval is None:
        return "–"
    return f"{value:.2f} ({interval[0]:.2f} to {interval[1]:.2f})"
