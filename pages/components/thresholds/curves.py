"""The chosen point on the ROC and the precision-recall curve, and among all thresholds."""

import math
from typing import Final

import pandas as pd
import streamlit as st

from mammo_core.glossary import meaning
from mammo_core.metrics.cases import Cases, why_no_auc
from mammo_core.metrics.curves import (
    average_precision_with_interval,
    pr_curve,
    rate_bands,
    roc_curve,
    why_no_precision,
)
from mammo_core.metrics.paired_rates import sensitivities_at
from mammo_core.metrics.partial import partial_auc_with_interval, why_no_partial
from mammo_core.metrics.rates import DerivedRate, more_rates
from mammo_core.metrics.readers import (
    ReaderResult,
    ReadersBeside,
    ReaderStudy,
    beside_readers,
    reader_in_words,
)
from mammo_core.metrics.threshold import Aim, OperatingPoint
from mammo_core.metrics.uncertainty import Rate, RatesAtThreshold
from mammo_core.plots.curves import (
    NamedCurve,
    ReaderPoint,
    band_figure,
    move_chosen,
    pr_figure,
    roc_figure,
)
from mammo_core.reports.wording import rate_in_words
from mammo_core.words import CalledFor, many
from pages.components.shared import cached
from pages.components.shared.counting import Counted, title_of
from pages.components.shared.frame import escaped, noted_errors
from pages.components.shared.held import pick_range, pick_rate
from pages.components.shared.reader_results import show_reader_results
from pages.components.shared.scored import kept_upload
from pages.components.thresholds.threshold import is_picked, keep_threshold, told_rates

_ROC_HEIGHT: Final = 280
_ROC_MARGIN: Final = {"l": 50, "r": 10, "t": 10, "b": 40}
_ROC_DRAWN: Final = "roc_drawn"  # of which cases, and the figure


def show_roc(counted: Counted, point: OperatingPoint) -> None:
    """The ROC with the chosen point; a click on it sets the threshold."""
    cases = counted.cases
    if not cases.positives or not cases.negatives:
        return  # why, is said in the place of the AUC
    named, drawing = st.session_state.get(_ROC_DRAWN, (None, None))
    if named == counted.named:
        move_chosen(drawing, point)  # kept per visitor, so nobody else sees it move
    else:
        drawing = roc_figure([NamedCurve(name="model", curve=roc_curve(cases))], point=point)
        drawing.update_layout(height=_ROC_HEIGHT, margin=_ROC_MARGIN, showlegend=False)
        st.session_state[_ROC_DRAWN] = (counted.named, drawing)
    st.plotly_chart(
        drawing, key="roc", on_select=lambda: _take_clicked("roc", counted),
        selection_mode="points",
        alt=f"ROC curve; the chosen point has sensitivity {point.sensitivity:.1%} and "
        f"specificity {point.specificity:.1%}",
    )  # fmt: skip
    st.caption("A click on the curve sets the threshold.")


def _take_clicked(key: str, counted: Counted) -> None:
    for clicked in st.session_state[key].selection.points[:1]:
        if clicked.get("customdata") is not None:  # the corner where nobody is called has none
            keep_threshold(float(clicked["customdata"]), counted)


def show_curves(counted: Counted, rates: RatesAtThreshold) -> None:
    """PPV against sensitivity, and the rates over all thresholds."""
    cases, point = counted.cases, rates.point
    if not cases.positives or not cases.negatives:
        st.info(escaped(why_no_auc(cases) or ""), icon=":material/info:")
        return
    left, right = st.columns(2)
    with left:
        prevalence = cases.positives / len(cases)
        curve = NamedCurve(name="model", curve=pr_curve(cases))
        st.plotly_chart(
            pr_figure([curve], prevalence=prevalence, point=point, finding=counted.finding),
            key="pr", on_select=lambda: _take_clicked("pr", counted), selection_mode="points",
            alt="PPV against sensitivity; "
            + (f"the chosen point has PPV {point.ppv:.1%}" if point.called else "nobody is called"),
        )  # fmt: skip
        show_precision(counted)
    with right:
        st.plotly_chart(
            band_figure(rate_bands(cases), threshold=point.threshold),
            key="bands",
            alt="Sensitivity and specificity with 95 % intervals over all thresholds",
        )
        st.caption("Each interval holds at its own threshold, not for the whole curve.")
    _show_part(cases, counted.finding)


def _show_part(cases: Cases, finding: CalledFor) -> None:
    """Folded: it draws women a thousand times."""
    with st.expander(
        "Partial AUC, and sensitivity at a fixed recall rate", icon=":material/crop:",
        key="part_of_curve", on_change="rerun",
    ) as opened:  # fmt: skip
        if not opened.open:
            return
        left, right = st.columns(2, gap="medium")
        with left, noted_errors():
            _show_partial(cases, finding)
        with right, noted_errors():
            _show_at_one_rate(cases, finding)


def _show_partial(cases: Cases, finding: CalledFor) -> None:
    over = pick_range(key="range")
    reason = why_no_partial(cases)
    if reason:
        st.info(escaped(reason), icon=":material/info:")
        return
    found = partial_auc_with_interval(cases, over)
    if found is None:
        st.info("No woman moves this part of the curve, so it has no interval.")
        return
    st.caption(
        f"Partial AUC {found.value:.3f}, 95 % {found.low:.3f} to {found.high:.3f} "
        f"({found.method}; {cases.positives:,} with and {cases.negatives:,} without "
        f"{escaped(finding.one)}): the mean sensitivity where specificity runs from {over.low:g} "
        f"to {over.high:g}. Guessing has {over.of_guessing:.3f}."
    )


def _show_at_one_rate(cases: Cases, finding: CalledFor) -> None:
    aim, target = pick_rate(key="one_rate_of", at_first=Aim.RECALL_RATE)
    (one,) = sensitivities_at(["model"], [cases], target, aim=aim)
    point, found = one.point, one.sensitivity
    st.caption(
        f"Sensitivity {found.value:.1%}, {point.true_positives:,} of {point.positives:,}, 95 % "
        f"{found.low:.1%} to {found.high:.1%} ({found.method}), {_where(point)}: specificity "
        f"{rate_in_words(one.specificity)}; recall rate {rate_in_words(one.recall_rate)}, where "
        f"{cases.positives / len(cases):.1%} have {escaped(finding.one)}. Each draw of women "
        "sets the threshold anew. It is set on these very cases, which flatters a little."
    )


def _where(point: OperatingPoint) -> str:
    if math.isinf(point.threshold):
        return "where nobody is called, for already the highest score calls too many"
    return f"at threshold {point.threshold:.4f}"


def show_precision(counted: Counted) -> None:
    cases = counted.cases
    if why_no_auc(cases):
        st.caption("No average precision of these cases, for the reason that there is no AUC.")
        return
    guessing = f"{cases.positives / len(cases):.3f}"
    found = average_precision_with_interval(cases)
    if found is None:
        reason = f"{why_no_precision(cases)} ".lstrip()
        st.caption(f"{escaped(reason)}Guessing has an average precision of {guessing}.")
        return
    st.caption(
        f"Average precision {found.value:.3f}, 95 % {found.low:.3f} to {found.high:.3f} "
        f"({found.method}); guessing has {guessing}.",
        help=meaning("Average precision", "Precision and recall", "95 % interval"),
    )


def show_more_rates(counted: Counted, rates: RatesAtThreshold) -> None:
    """What is derived from the rates under the confusion matrix."""
    st.caption(
        "Of the five rates above: of how many women each is, and how its interval is made.",
        help="\n\n".join(
            f"{one.title}: {escaped(one.about)}" for one in told_rates(counted, rates).values()
        ),
    )
    cases, threshold = counted.cases, rates.point.threshold
    share = f", where {cases.positives / len(cases):.1%} have {counted.finding.one}"
    picked = is_picked(counted, threshold)
    figures = more_rates(cases, threshold, is_picked=picked)
    if not figures:
        st.info(f"All {len(cases):,} cases are of one class, so no rate is put together of both.")
        return
    st.dataframe([_figure_row(one, share) for one in figures], hide_index=True, key="rates")
    if picked:
        st.caption(
            "This threshold is the best of all on these cases, where it looks better than it is: "
            "intervals are wider for it, and of few women there is none."
        )
    st.caption(
        "Put together from the rates above, by woman; a number without an interval is not shown.",
        help=meaning("F1", "Youden", "95 % interval"),
    )


def _figure_row(one: DerivedRate, share: str) -> dict[str, str]:
    row = {"rate": one.name + (share if one.is_of_prevalence else "")}
    if one.low is None or one.high is None:
        return row | {"value": "–", "95 % interval": "–"}
    return row | {
        "value": f"{one.value:.3f}",
        "95 % interval": f"{one.low:.3f} to {one.high:.3f}",
    }


def show_readers(counted: Counted, rates: RatesAtThreshold) -> None:
    st.caption(
        "A CSV with the columns reader, case, modality, score and truth, or an iMRMC file. Cases "
        f"are named as here, by {counted.counting.level}: "
        + escaped(f"“{counted.cases.case_ids[0]}”.")
    )
    table_id = kept_upload("reader_study", "Scores of a reader study", parameter="readers")
    if table_id is None:
        return
    study = cached.reader_study(table_id)
    modality, called_from = _pick(study)
    beside = beside_readers(study, counted.cases, modality=modality, called_from=called_from)
    for note in (*study.notes, *beside.notes):
        st.info(escaped(note), icon=":material/info:")
    points = [
        ReaderPoint(
            name=reader_in_words(one.reader),
            sensitivity=one.sensitivity,
            specificity=one.specificity,
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
    if len(study.modalities) > 1 and st.toggle(
        "Compare two ways of reading", key="two_ways", help="Such as without the model and with it."
    ):
        cases = counted.cases
        ids = pd.Index(cases.case_ids)
        with noted_errors():
            show_reader_results(
                study,
                title=title_of(counted),
                name="study",
                truth=pd.Series(cases.positive, ids),
                women=pd.Series(cases.groups.astype(str), ids),
            )


def _pick(study: ReaderStudy) -> tuple[str, float]:
    modalities, scores = study.modalities, study.scores
    with st.container(horizontal=True):
        modality = modalities[0]
        if len(modalities) > 1:
            modality = st.selectbox(
                "Modality",
                modalities,
                key="modality",
                bind="query-params",
                help=meaning("Modality"),
            )
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
        f"{cases.positives:,} with {escaped(counted.finding.one)}; a reader calls from a score of "
        f"{called_from:g}. The model stands where it is at least as specific as the reader on the "
        "same cases; each draw of women sets that threshold anew. Differences are paired, interval "
        "and p corrected for all readers (Bonferroni). They hold for these readers: what others "
        "would do is not in the intervals."
    )


def _row(one: ReaderResult) -> dict[str, str]:
    gain = one.gain
    return {
        "reader": one.reader,
        "sensitivity": _rate(one.sensitivity),
        "specificity": _rate(one.specificity),
        "model finds there": f"{one.model.true_positives:,} of {one.model.positives:,}, "
        f"specificity {_rate(one.model_specificity)}",
        "model minus reader": f"{gain.value:+.1%} ({gain.low:+.1%} to {gain.high:+.1%})",
        "p, all readers": gain.p_in_words,
        "in words": _words(one),
    }


def _words(one: ReaderResult) -> str:
    if not one.gain.is_clear:
        positives = one.sensitivity.total
        return f"not told apart with {many(positives, 'positive case', 'positive cases')}"
    return "the model finds more" if one.gain.value > 0 else "the reader finds more"


def _rate(rate: Rate) -> str:
    return f"{rate.value:.1%}, {rate.count:,} of {rate.total:,} ({rate.low:.0%} to {rate.high:.0%})"
