"""Training set by test set: what each checkpoint is worth where it did not learn."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from textwrap import wrap
from typing import TYPE_CHECKING, Final

import streamlit as st

from mammo_core.config import EvaluateConfig
from mammo_core.errors import MammoError
from mammo_core.files import checkpoints_root
from mammo_core.glossary import meaning
from mammo_core.inference.verdict import locked_elsewhere
from mammo_core.metrics.calibration import Interval
from mammo_core.metrics.external import (
    External,
    finest_sound_level,
    judge_elsewhere,
    judge_external,
)
from mammo_core.metrics.uncertainty import Rate
from mammo_core.plots.overviews import Square, matrix_figure
from mammo_core.runs.card import ModelCard
from mammo_core.runs.evaluations import (
    Evaluation,
    evaluation_of,
    left_out_in_words,
    list_evaluations,
    read_left_out,
)
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.naming import last_name
from mammo_core.runs.operating_points import point_in_force
from mammo_core.runs.sidecars import known_women
from mammo_core.sharing.rights import Action
from mammo_core.types import Split
from mammo_core.words import many
from pages.components.compare.compared import Compared
from pages.components.shared import cached
from pages.components.shared.counting import note_look
from pages.components.shared.frame import escaped, toasted_errors
from pages.components.shared.pickers import (
    all_runs,
    all_titles,
    checkpoints,
    known_card,
    short_names,
)
from pages.components.shared.runs import name_of_data, show_job, start_once
from pages.components.shared.whose import (
    is_of_private_data,
    is_off,
    list_registered,
    owning,
    require_data,
    require_room,
)

Data = tuple[str, str]  # a data set's name or folder, and the label rule


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MatrixCell:
    """One checkpoint on one data set; `external` is None where nothing was scored or can be."""

    checkpoint: RunFolder
    card: ModelCard
    data: Data
    is_own: bool  # the data set it was trained on
    external: External | None = None
    evaluation: Evaluation | None = None
    notes: tuple[str, ...] = ()
    name: str = ""  # what the checkpoint is called
    short: str = ""  # and where there is little room

    @property
    def is_other_rule(self) -> bool:
        """Whether positive means something else here than it did in training."""
        return self.data[1] != self.card.data.label_rule


def cells_of(
    checkpoints: Sequence[RunFolder], registered: Sequence[Data], runs: Sequence[RunFolder]
) -> list[MatrixCell]:
    """Row by row. Columns: the sets trained on, then those evaluated, then those registered."""
    from mammo_core.datasets.matrix import under_names_of  # slow, and only asked here

    evaluations = under_names_of(list_registered(), list_evaluations(runs))
    checkpoints = [run for run in checkpoints if known_card(run)]
    own = {run.run_id: _trained_on(run) for run in checkpoints}
    titles, short = all_titles(), short_names()
    columns = dict.fromkeys(
        [
            *(data for data in own.values() if data is not None),
            *(e.data for e in evaluations if e.config.checkpoint in own),
            *registered,
        ]
    )
    return [
        replace(
            _own(run, data)
            if data == own[run.run_id]
            else _foreign(run, data, evaluation_of(evaluations, run.run_id, data)),
            name=titles[run.run_id],
            short=short[run.run_id],
        )
        for run in checkpoints
        for data in columns
    ]


def _own(run: RunFolder, data: Data) -> MatrixCell:
    card = cached.card(run)
    note_look(run, Split.TEST)
    try:
        table = cached.predictions(run)
        tested = table[(table["split"] == Split.TEST).fillna(value=False)]
        locked = locked_elsewhere(point_in_force(run))
        external = judge_external(tested, level=finest_sound_level(tested), locked=locked)
    except MammoError as error:
        return MatrixCell(checkpoint=run, card=card, data=data, is_own=True, notes=(str(error),))
    return MatrixCell(
        checkpoint=run, card=card, data=data, is_own=True, external=external,
        notes=("Its own test women.", *external.notes),
    )  # fmt: skip


def _foreign(run: RunFolder, data: Data, evaluation: Evaluation | None) -> MatrixCell:
    card = cached.card(run)
    notes: tuple[str, ...] = ()
    external = None
    if evaluation is not None and evaluation.run.has_predictions:
        note_look(evaluation.run, evaluation.config.split)
        try:
            table = cached.predictions(evaluation.run)
            left_out = left_out_in_words(read_left_out(evaluation.run))
            notes = (left_out,) if left_out else ()
            own = cached.predictions(run) if run.has_predictions else None
            external = judge_elsewhere(
                table,
                own=own,
                weights_sha256=card.weights_sha256,
                locked=locked_elsewhere(point_in_force(run)),
                learnt=known_women(run, table),
            )
            notes = (*notes, *external.notes, *_question(card, evaluation))
        except MammoError as error:
            notes = (*notes, str(error))
    return MatrixCell(
        checkpoint=run, card=card, data=data, is_own=False, external=external,
        evaluation=evaluation, notes=notes,
    )  # fmt: skip


def _question(card: ModelCard, evaluation: Evaluation) -> tuple[str, ...]:
    from mammo_core.datasets.dataset import other_question

    config = evaluation.config
    told = other_question(card, config.adapter, config.label_rule)
    return (told,) if told else ()


def _trained_on(run: RunFolder) -> Data | None:
    settings = cached.settings(run)
    if settings is None:
        return None
    return name_of_data(settings.data.folder), settings.data.label_rule


if TYPE_CHECKING:  # imported where asked for: it reads data sets
    from mammo_core.datasets.dataset import Registered


def offer_evaluating(cells: Sequence[MatrixCell], entries: "Mapping[Data, Registered]") -> None:
    """The empty squares whose data set has the classes of the checkpoint; one at a time."""
    others = [cell for cell in cells if not cell.is_own and cell.data in entries]
    if not others:
        st.caption("No other data set is registered.")
        st.page_link("pages/data.py", label="Register a folder", icon=":material/database:")
        return
    fitting = {
        f"{cell.name} on {last_name(cell.data[0])}": cell
        for cell in others
        if cell.external is None and _has_classes_of(cell, entries[cell.data])
    }
    if not fitting:
        st.caption("Every registered data set with the same classes has been scored.")
        return
    name = st.selectbox(
        "Not scored yet", list(fitting), key="to_evaluate", help=meaning("External test")
    )
    cell = fitting[name]
    job = cell.evaluation.run if cell.evaluation is not None else None
    is_free = job is None or show_job(job)
    st.button(
        "Evaluate", icon=":material/play_arrow:", key="evaluate",
        disabled=not is_free or bool(is_off(Action.TRAIN)),
        on_click=_evaluate, args=(cell.checkpoint, entries[cell.data]),
        help=is_off(Action.TRAIN)
        or "Scores every labelled and unlabelled image of the data set, as mammo evaluate does.",
    )  # fmt: skip


def _has_classes_of(cell: MatrixCell, entry: "Registered") -> bool:
    from mammo_core.datasets.dataset import get_adapter, get_label_rule

    rule = get_label_rule(get_adapter(entry.adapter), entry.label_rule)
    return rule.task.classes == cell.card.task.classes


def _evaluate(checkpoint: RunFolder, entry: "Registered") -> None:
    config = EvaluateConfig(
        checkpoint=checkpoint.run_id,
        folder=entry.name,
        adapter=entry.adapter,
        label_rule=entry.label_rule,
    )
    with toasted_errors():
        require_room()
        require_data(entry.name)
        is_private = is_of_private_data(entry.name)
        owned = owning(like=[checkpoint], is_private=is_private)
        start_once(config, checkpoints_root(), what="evaluate", own=owned)


_MOST_ROWS: Final = 12


def show_matrix(compared: Compared) -> None:
    """The chosen models first, then the others, newest first."""
    chosen = [run for run in compared.runs.values() if run.is_checkpoint]
    rest = [run for run in checkpoints() if run.run_id not in {one.run_id for one in chosen}]
    entries = {(e.name, e.label_rule): e for e in list_registered()}
    cells = cells_of([*chosen, *rest][:_MOST_ROWS], list(entries), all_runs())
    if not cells:
        st.info("There is no checkpoint yet, so there is nothing to try on other data.")
        return
    columns = column_names([cell.data for cell in cells])
    st.plotly_chart(
        matrix_figure([_square(cell, columns[cell.data]) for cell in cells]),
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
            st.caption(escaped(f"{cell.name} on {last_name(cell.data[0])}: {note}"))
    offer_evaluating(cells, entries)


def column_names(sets: Sequence[Data]) -> dict[Data, str]:
    """A set that is asked two questions stands in two columns, each named by its rule."""
    asked = Counter(name for name, _ in dict.fromkeys(sets))
    return {
        (name, rule): f"{last_name(name)}, {rule}" if asked[name] > 1 else last_name(name)
        for name, rule in sets
    }


def _square(cell: MatrixCell, column: str) -> Square:
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
        row=_title(cell), column=escape(column), lines=lines, share=share,
        is_hatched=cell.is_other_rule, is_own=cell.is_own,
    )  # fmt: skip


def _row(cell: MatrixCell) -> dict[str, str]:
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
        "checkpoint": cell.name,
        "scored": last_name(cell.data[0]),
        "label rule": f"{cell.data[1]} (other)" if cell.is_other_rule else cell.data[1],
        "AUC": f"{auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f})" if auc else "–",
        "sensitivity, locked": _rate(rates.sensitivity) if rates else "–",
        "specificity, locked": _rate(rates.specificity) if rates else "–",
        "calibration intercept": intercept,
        "calibration slope": slope,
        "cases": f"{cases.positives:,} positive, {cases.negatives:,} negative, by {cases.level}, "
        f"{many(cases.group_count, 'woman', 'women')}",
        "notes": " ".join(cell.notes),
    }
    return {name: escaped(text) for name, text in row.items()}  # a table reads Markdown


def _title(cell: MatrixCell) -> str:
    """Twenty letters a line: the room beside the squares is narrow."""
    return "<br>".join(escape(line) for line in wrap(cell.short, 20))


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
