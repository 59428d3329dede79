"""Whose predictions are judged: those of a run, or of a table somebody uploads, whose columns are
guessed and open to correction.
"""

from dataclasses import dataclass
from typing import Final

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mammo_core.errors import MammoError
from mammo_core.metrics.columns import Columns, columns_in_words, guess_columns
from mammo_core.metrics.uploads import (
    Scale,
    guess_missing,
    guess_positive,
    guess_scale,
    guess_unknown,
    label_words,
    named_scale,
    open_question,
    score_numbers,
)
from mammo_core.plots.overviews import histogram_figure
from mammo_core.preprocessing.reading.cells import MOST_MEGABYTES, refuse_too_large
from mammo_core.runs.evaluations import list_evaluations
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.kept_tables import KEPT_DAYS, forget_table, keep_table
from mammo_core.types import Task
from mammo_core.words import CANCERS, CalledFor, finding_of
from pages.components.shared import cached
from pages.components.shared.frame import escaped
from pages.components.shared.pickers import checkpoints, pick_run, scored_runs, title_of
from pages.components.shared.reruns import until_done
from pages.components.shared.whose import tables_root

_ROLES: Final = (
    ("score", "Score"),
    ("label", "Label"),
    ("image_id", "Image"),
    ("patient_id", "Patient"),
    ("exam_id", "Exam"),
    ("side", "Side"),
    ("view", "View"),
    ("split", "Split"),
)
_RUN_WIDTH: Final = 300  # pixels
_PICK_WIDTH: Final = 150  # pixels; in a sidebar they wrap
PARAMETER: Final = "table"
_SHOWN_ROWS: Final = 3  # of a table whose columns are asked about
_MOST_WORDS: Final = 50  # a column with more different labels is no label


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Uploaded:
    """Predictions from a CSV; `source` changes with the file and with what its columns mean."""

    source: str
    predictions: pd.DataFrame


def pick_upload(meanings: DeltaGenerator) -> Uploaded | None:
    """What was just dropped, else the table that the address names. What its columns mean is told,
    and asked where it is not clear, in `meanings`; the page ends at an open question.
    """
    table_id = kept_upload("upload", "A CSV with a label and a score", parameter=PARAMETER)
    if table_id is None:
        return None
    table = cached.uploaded(table_id)
    guessed = guess_columns(table)
    is_clear = not open_question(table, guessed, guess_positive(label_words(table, guessed)))
    with meanings:
        with st.expander(escaped(columns_in_words(guessed)), expanded=not is_clear):
            with st.container(horizontal=True):
                columns = Columns(
                    **{role: _pick(role, title, table, guessed, table_id) for role, title in _ROLES}
                )
            every = label_words(table, columns)
            words = list(dict.fromkeys([*every[:_MOST_WORDS], *guess_unknown(every)]))
            positive = st.multiselect(
                "Labels that mean cancer", words, default=guess_positive(words),
                key=f"positive_{columns.label}_{table_id}",
            )  # fmt: skip
            unknown = st.multiselect(
                "Labels that tell no truth", [word for word in words if word not in positive],
                default=guess_unknown(words), key=f"unknown_{columns.label}_{table_id}",
            )  # fmt: skip
            scale, missing = _pick_scale(table, columns, table_id)
            if not is_clear:
                st.dataframe(table.head(_SHOWN_ROWS), hide_index=True, key="upload_head")
        question = open_question(table, columns, positive)
        if question:
            st.info(escaped(question), icon=":material/help:")
            st.stop()
        understood = cached.understood(
            table, columns, positive, unknown=unknown, scale=scale, missing=missing,
            table_id=table_id,
        )  # fmt: skip
        for note in understood.notes:
            st.info(escaped(note), icon=":material/info:")
    return Uploaded(
        source=f"{table_id} {columns} {positive} {unknown} {scale} {missing}",
        predictions=understood.predictions,
    )


def _pick_scale(table: pd.DataFrame, columns: Columns, table_id: str) -> tuple[Scale, list[float]]:
    """What the scores are, the guess first, beside how they are spread."""
    numbers = score_numbers(table, columns)
    codes = guess_missing(numbers)
    missing: list[float] = []
    if codes:
        missing = st.multiselect(
            "Numbers that are no score", codes, default=codes,
            key=f"missing_{columns.score}_{table_id}", format_func="{:g}".format,
        )  # fmt: skip
    kept = numbers[~numbers.isin(missing)]
    scales = list(Scale)
    scale = st.selectbox(
        "Scores are",
        scales,
        index=scales.index(named_scale(columns) or guess_scale(kept)),
        key=f"scale_{columns.score}_{table_id}",
    )
    if len(kept):
        st.plotly_chart(
            histogram_figure(kept.to_numpy(dtype="float64"), title="score, as written"),
            key="score_histogram",
            alt=f"Histogram of {len(kept):,} scores, {kept.min():g} to {kept.max():g}",
        )  # fmt: skip
    return scale, missing


def kept_upload(key: str, label: str, *, parameter: str) -> str | None:
    """The id of an uploaded file: it stands in the address and outlives a switch of pages."""
    upload = st.file_uploader(label, key=key, max_upload_size=MOST_MEGABYTES)
    taken = f"{key}_taken"
    if upload is not None and st.session_state.get(taken) != upload.file_id:
        with until_done(lambda: st.session_state.update({taken: upload.file_id})):
            refuse_too_large(upload.size)
            st.query_params[parameter] = keep_table(tables_root(), upload.getvalue())
    table_id = st.query_params.get(parameter)
    if not table_id:
        return None
    st.button(
        "Remove the table", icon=":material/delete:", key=f"{key}_remove", on_click=_forget,
        args=(table_id, parameter),
        help=f"Uploaded tables stay on this computer, {KEPT_DAYS} days after their last use.",
    )  # fmt: skip
    return table_id


def _forget(table_id: str, parameter: str) -> None:
    forget_table(tables_root(), table_id)
    cached.forget_uploaded()
    del st.query_params[parameter]


def _pick(
    role: str, title: str, table: pd.DataFrame, guessed: Columns, table_id: str
) -> str | None:
    names = [str(name) for name in table.columns]
    guess = getattr(guessed, role)
    return st.selectbox(
        title, names, index=None if guess is None else names.index(guess),
        placeholder="none", key=f"column_{role}_{table_id}", width=_PICK_WIDTH,
    )  # fmt: skip


_UNKNOWN: Final = "unknown"
_PREDICTIONS: Final = (
    "predictions: it has not finished, or came without them (mammo evaluate makes some)"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored:
    """A predictions table and where it comes from. `source` changes when its content does."""

    title: str
    source: str
    predictions: pd.DataFrame
    run: RunFolder | None = None  # None for an uploaded table

    @property
    def task(self) -> Task | None:
        """What the model tells apart, where a model card says so."""
        if self.run is None or not self.run.is_checkpoint:
            return None
        return cached.card(self.run).task

    @property
    def finding(self) -> CalledFor:
        """What its positive cases have, as the card of the model says that scored it."""
        try:
            return finding_of(self.task or _task_of_scorer(self.run))
        except MammoError:
            return CANCERS  # a broken card: what needs it says what is wrong

    @property
    def population(self) -> str:
        """How the women came into the set that was scored: a value of adapter.Population."""
        if self.run is None:
            return _UNKNOWN
        if self.run.is_checkpoint:
            return cached.card(self.run).data.population
        evaluations = list_evaluations([self.run])
        if not evaluations:
            return _UNKNOWN
        from mammo_core.datasets.dataset import get_adapter  # slow, and only asked for a projection

        return get_adapter(evaluations[0].config.adapter).population


def _task_of_scorer(run: RunFolder | None) -> Task | None:
    """Of an ensemble, or of the checkpoint that scored another data set, where it is still here."""
    if run is None or run.is_ensemble:
        return None if run is None else cached.card(run).task
    names = {evaluation.config.checkpoint for evaluation in list_evaluations([run])}
    found = next((one for one in checkpoints() if one.run_id in names), None)
    return None if found is None else cached.card(found).task


def differs(scored: Scored) -> str | None:
    """What a checkpoint's own table lacks of what its card counts, in a sentence."""
    if scored.run is None or not scored.run.is_checkpoint:
        return None
    from mammo_core.datasets.predictions import differs_from_card

    try:
        card = cached.card(scored.run)
    except MammoError:
        return None  # what needs the card says what is wrong with it
    return differs_from_card(scored.predictions, card)


def pick_scored(*, meanings: DeltaGenerator) -> Scored | None:
    """Those of a run, or an uploaded table, which goes first; None where there is neither. What an
    upload's columns mean is told in `meanings`.
    """
    with st.container(width=_RUN_WIDTH):
        run = pick_run("Predictions of", scored_runs(), key="run", lacking=_PREDICTIONS)
    table = pick_table(meanings)
    if table is not None:
        return table
    return scored_of(run) if run is not None else None


def pick_table(meanings: DeltaGenerator) -> Scored | None:
    """An uploaded table; None before there is one. What its columns mean is told in `meanings`."""
    with st.popover("Own scores", icon=":material/upload:"):
        uploaded = pick_upload(meanings)
    if uploaded is None:
        return None
    return Scored(title="Uploaded table", source=uploaded.source, predictions=uploaded.predictions)


def scored_of(run: RunFolder) -> Scored:
    table = cached.predictions(run)
    written = run.predictions_file.stat().st_mtime_ns
    return Scored(
        title=title_of(run),
        source=f"{run.path} {written}",
        predictions=table,
        run=run,
    )
