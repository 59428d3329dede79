"""Readers of a study as points on the model's ROC, and what the model finds where they stand."""

import streamlit as st

from mammo_core.metrics.curves import roc_curve
from mammo_core.metrics.readers import ReaderResult, ReadersBeside, ReaderStudy, beside_readers
from mammo_core.metrics.uncertainty import Rate, RatesAtThreshold
from mammo_core.plots.roc import NamedCurve, ReaderPoint, roc_figure
from mammo_core.words import many
from pages.components import cached_metrics
from pages.components.counting import Counted
from pages.components.guard import escaped
from pages.components.upload import kept_upload


def show_readers(counted: Counted, rates: RatesAtThreshold) -> None:
    st.caption(
        "A CSV with the columns reader, case, modality, score and truth, or an iMRMC file. Cases "
        f"are named as here, by {counted.counting.level}: "
        + escaped(f"“{counted.cases.case_ids[0]}”.")
    )
    table_id = kept_upload("reader_study", "Scores of a reader study", parameter="readers")
    if table_id is None:
        return
    study = cached_metrics.reader_study(table_id)
    modality, called_from = _pick(study)
    beside = beside_readers(study, counted.cases, modality=modality, called_from=called_from)
    for note in (*study.notes, *beside.notes):
        st.info(escaped(note), icon=":material/info:")
    points = [
        ReaderPoint(
            name=f"reader {one.reader}", sensitivity=one.sensitivity, specificity=one.specificity
        )
        for one in beside.results
    ]
    curve = NamedCurve(name="model, the cases read", curve=roc_curve(beside.cases))
    left, right = st.columns([5, 4])
    with left:
        st.plotly_chart(
            roc_figure([curve], readers=points),
            key="readers_roc",
            alt="ROC of the model over the cases read, and the point of each reader",
        )
    with right:
        st.caption(_basis(counted, beside, called_from))
    st.dataframe([_row(one) for one in beside.results], hide_index=True, key="readers")


def _pick(study: ReaderStudy) -> tuple[str, float]:
    modalities, scores = study.modalities, study.scores
    with st.container(horizontal=True):
        modality = modalities[0]
        if len(modalities) > 1:
            modality = st.selectbox("Modality", modalities, key="modality", bind="query-params")
        called_from = scores[-1]
        if len(scores) > 2:
            called_from = st.selectbox(
                "A reader calls from a score of", scores, index=len(scores) // 2,
                key="called_from", format_func="{:g}".format,
            )  # fmt: skip
    return modality, called_from


def _basis(counted: Counted, beside: ReadersBeside, called_from: float) -> str:
    cases = beside.cases
    return (
        f"{many(len(cases), 'case', 'cases')}{counted.women_in_words(cases)}, "
        f"{cases.positives:,} with cancer; a reader calls from a score of {called_from:g}. The "
        "model stands where it is at least as specific as the reader on the same cases; that "
        "threshold is set on these very cases, which flatters the model a little. Differences are "
        "paired, women whole. They hold for these readers: what other readers would do is not in "
        "the intervals."
    )


def _row(one: ReaderResult) -> dict[str, str]:
    gain = one.gain
    p = "< 0.001" if gain.p_value < 0.001 else f"{gain.p_value:.3f}"
    return {
        "reader": one.reader,
        "sensitivity": _rate(one.sensitivity),
        "specificity": _rate(one.specificity),
        "model finds there": f"{one.model.true_positives:,} of {one.model.positives:,}, "
        f"specificity {one.model.specificity:.1%}",
        "model minus reader": f"{gain.value:+.1%} ({gain.low:+.1%} to {gain.high:+.1%})",
        "p": p,
        "in words": _words(one),
    }


def _words(one: ReaderResult) -> str:
    if not one.gain.is_clear:
        return f"not told apart with {one.gain.cases:,} cancers"
    return "the model finds more" if one.gain.value > 0 else "the reader finds more"


def _rate(rate: Rate) -> str:
    return f"{rate.value:.1%}, {rate.count:,} of {rate.total:,} ({rate.low:.0%} to {rate.high:.0%})"
