"""The study report of a run, from its first line to its checklists, and its model card in words; as
HTML or Markdown.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Final

import pandas as pd

from mammo_core.datasets.dataset import other_question
from mammo_core.datasets.predictions import differs_from_card
from mammo_core.errors import CheckpointError, RunError
from mammo_core.inference.interpretation import UNLIKE, make_reference
from mammo_core.inference.verdict import promised_rates
from mammo_core.reports.checklists.checklist import Guideline, answered
from mammo_core.reports.checklists.claim import CLAIM_2024
from mammo_core.reports.checklists.stard_ai import STARD_AI
from mammo_core.reports.checklists.tripod_ai import TRIPOD_AI
from mammo_core.reports.document import (
    Block,
    Bullets,
    Document,
    Paragraph,
    Section,
    Table,
    paragraphs,
    render_html,
    render_markdown,
    warning,
)
from mammo_core.reports.study.external import external_section
from mammo_core.reports.study.margins import MarginHeld, hold_margins, margins_section
from mammo_core.reports.study.model_sections import data_sections, model_sections
from mammo_core.reports.study.readers import studies_section
from mammo_core.reports.study.result_sections import (
    TOO_NARROW,
    at_every_level,
    auc_in_words,
    cases_in_words,
    result_sections,
)
from mammo_core.reports.study.results import Results
from mammo_core.reports.study.study import ALL, RunStudy, Sight
from mammo_core.reports.study.women import Reported, read_reported
from mammo_core.reports.wording import listed, rate_in_words
from mammo_core.runs.card import Metric, ModelCard
from mammo_core.runs.folder import RunFolder, find_run
from mammo_core.runs.operating_points import (
    LockedPoint,
    note_opening,
    occasions,
    openings_of,
)
from mammo_core.runs.sidecars import read_embeddings
from mammo_core.types import Split
from mammo_core.words import NOTICE, day_in_words, many

#: The guidelines a report answers, in the order in which it does. To add one, add one entry.
GUIDELINES: Final[tuple[Guideline, ...]] = (CLAIM_2024, STARD_AI, TRIPOD_AI)

#: What a card tells of the results beside the figures it was written with.
_ON_CARD: Final = ("Guesses without a network", "Calibration", "Parts of the cases", "Classes")


def study_report(
    told: Reported,
    *,
    made_at: str,
    remark: str = "",
    studies: Path | None = None,
    margins: Sequence[MarginHeld] = (),
) -> Document:
    """Everything that the run can tell, and what it cannot, said. `remark` is on the making."""
    study = told.study
    made = paragraphs(f"Run {study.run_id}. Made {day_in_words(made_at)}.", remark)
    return Document(
        title=f"Study report: {study.title}",
        summary=(*made, *_summary(told)),
        sections=(
            *data_sections(told),
            *model_sections(study),
            *result_sections(told),
            *margins_section(margins),
            *_external(told),
            *(studies_section(studies, study.run_id) if studies is not None else ()),
            *_judged(study),
            Section(title="How often this test set was opened", blocks=tuple(_openings(study))),
            Section(title="Limits", blocks=tuple(_limits(told))),
            *checklist_sections(told),
        ),
    )


def _external(told: Reported) -> Iterator[Section]:
    """Nothing in the report of an evaluation, which is one itself, or of an ensemble."""
    if not told.study.is_external and told.study.ensemble is None:
        yield external_section(told.study.run_id, told.elsewhere)


def checklist_sections(told: Reported) -> Iterator[Section]:
    for guideline in GUIDELINES:
        rows = tuple(
            (item.number, item.section, item.topic, str(answer.status), answer.text)
            for item, answer in answered(guideline, told)
        )
        header = ("Item", "Section", "Topic, in our words", "Status", "From this run")
        yield Section(
            title=f"Checklist: {guideline.title}",
            blocks=(
                Paragraph(text=f"{guideline.reference} {guideline.remark}".strip()),
                Table(header=header, rows=rows),
            ),
        )


def _summary(told: Reported) -> Iterator[Block]:
    study, results = told.study, told.results
    what = "an external evaluation" if study.is_external else "the test cases of a training"
    if study.ensemble is not None:
        what = "the test cases of an ensemble"
    if results is None:
        yield warning(told.why_no_results)
    else:
        yield from (warning(text) for text in cautions_of(study, results))
        yield Paragraph(text=f"Results are of {what}: {cases_in_words(results)}.")
        yield Paragraph(text=f"{auc_in_words(results).rstrip('.')}.")
        if not results.has_women:
            yield warning(TOO_NARROW)
        elif results.main.cases.unnamed:
            yield warning(results.main.cases.unnamed_in_words)
    yield from (warning(text) for text in study.missing if text != study.data.why_missing)
    yield from (warning(text) for text in limits_of(study) if text != NOTICE)


MAY_LEAK: Final = (
    "Leaky split: the settings of the training let women, images or copies of them lie on both "
    "sides of the split, so these results may show what is remembered."
)


def cautions_of(study: RunStudy, results: Results) -> Iterator[str]:
    """What makes the headline itself doubtful."""
    if study.card is None:
        yield (
            "Without the model card it is not known to what a label was given (image, breast or "
            f"woman), so cases are counted by {results.main.cases.level}."
        )
        if study.training is not None and study.training.data.is_leak_allowed:
            yield MAY_LEAK
    elif study.predictions is not None and not study.is_external:
        yield from filter(None, (differs_from_card(study.predictions, study.card),))
    yield from results.collapses


def limits_of(study: RunStudy) -> tuple[str, ...]:
    """What must be said beside every number: the card's sentences, and of an evaluation its own."""
    limits = study.card.limits if study.card is not None else ()
    if study.evaluation is None or study.card is None:
        return limits
    asked = other_question(study.card, study.evaluation.adapter, study.evaluation.label_rule)
    limits = (*limits, asked) if asked else limits
    if study.learnt:
        limits = (
            *limits,
            f"The model, or one it went on from, learnt from {len(study.learnt):,} of "
            f"these women (first: {study.learnt[0]}): scores of theirs show what it "
            "remembers, not what it can do.",
        )
    if study.evaluation.adapter != study.card.data.dataset:
        return limits
    return (
        *limits,
        "The data set that was evaluated is of the same kind as the one trained on: women trained "
        "on may be among these cases.",
    )


def _judged(study: RunStudy) -> Iterator[Section]:
    """What has learnt patches is asked for lesions; all else for heatmaps and how scores hold."""
    if study.card is not None and study.card.patches:
        yield from _lesions(study)
        return
    yield Section(title="Fidelity of heatmaps", blocks=tuple(_fidelity(study)))
    if study.froc:
        yield from _lesions(study)
    yield Section(title="Stress", blocks=tuple(_stress(study)))


def _lesions(study: RunStudy) -> Iterator[Section]:
    blocks: list[Block] = []
    for one in study.froc:
        marks = f"Marks are the regions of heatmaps by {one.method}. " if one.method else ""
        blocks.append(Paragraph(text=f"{marks}Measured {day_in_words(one.measured_at)}:"))
        blocks.append(Bullets(items=one.sentences))
    nothing = warning("Not done: whether it finds lesions in whole images was not measured.")
    yield Section(title="Lesions found in whole images", blocks=tuple(blocks) or (nothing,))


def _of_results(told: Reported, familiar: str) -> Iterator[Section]:
    """What a card tells of a model that scores images."""
    study = told.study
    yield Section(title="Operating point", blocks=tuple(_point(told)))
    if told.results is not None and told.results.within:
        yield Section(title="Within a site and a machine", blocks=tuple(_within(told.results)))
    yield from (one for one in result_sections(told) if one.title in _ON_CARD)
    yield Section(title="Fidelity of heatmaps", blocks=tuple(_fidelity(study)))
    yield Section(title="Stress", blocks=tuple(_stress(study)))
    yield Section(title="Unlike images", blocks=paragraphs(familiar))


def _within(results: Results) -> Iterator[Block]:
    yield Paragraph(
        text=f"By {results.main.cases.level}, cases ranked only against those of the same place:"
    )
    yield Bullets(items=tuple(one.sentence for one in results.within))


def _fidelity(study: RunStudy) -> Iterator[Block]:
    yield Paragraph(text="Heatmaps show what moved the score, not the borders of a tumour.")
    if not study.fidelity:
        yield warning("Not done: whether the heatmaps of this model show that was not measured.")
    for one in study.fidelity:
        yield Paragraph(text=f"Method {one.method}, measured {day_in_words(one.measured_at)}:")
        yield Bullets(items=one.sentences)


def _stress(study: RunStudy) -> Iterator[Block]:
    if not study.stress:
        yield warning("Not done: how scores hold under changed images was not measured.")
    for one in study.stress:
        yield Paragraph(text=f"Measured {day_in_words(one.measured_at)} with {one.engine}:")
        yield Bullets(items=one.sentences)


def evaluations_in_words(study: RunStudy) -> str:
    if not study.evaluations:
        return "None of this model is kept here."
    names = (f"{name} (run {run})" for name, run in study.evaluations)
    return f"It was evaluated on {listed(names)}; see External evaluation."


def _openings(study: RunStudy) -> Iterator[Block]:
    yield Paragraph(text=openings_in_words(study))
    seen = occasions(study.looks.at_results)
    if seen:
        rows = tuple((one.opened_at[:16].replace("T", " "), one.by) for one in seen[-20:])
        yield Table(header=("When (UTC)", "First by"), rows=rows, caption="The last occasions")
    if study.looks.shared and not study.is_external:
        yield Table(
            header=("Other model of the same women and split", "Occasions"),
            rows=tuple(
                (name, f"{len(occasions(openings)):,}") for name, openings in study.looks.shared
            ),
        )


def openings_in_words(study: RunStudy) -> str:
    """How often somebody looked, this report included, and what that count cannot know."""
    if study.looks.why_no_openings:
        return study.looks.why_no_openings
    seen = many(len(occasions(study.looks.at_results)), "occasion", "occasions")
    others = sum(len(occasions(openings)) for _, openings in study.looks.shared)
    shared = ""
    if study.looks.shared and not study.is_external:
        models = many(len(study.looks.shared), "other model was", "other models were")
        shared = (
            f" {models} tested on the same women; their results were opened on "
            f"{many(others, 'occasion', 'occasions')}."
        )
    return (
        f"These results were opened on {seen} since openings began to be recorded, this report "
        f"included. Openings within an hour count as one occasion.{shared} Openings on other "
        "computers and of copies are not counted. The more often a test set decides something, the "
        "less its results mean."
    )


def _limits(told: Reported) -> Iterator[Block]:
    collapses = told.results.collapses if told.results is not None else ()
    limits = (*limits_of(told.study), *collapses)
    if limits:
        yield Bullets(items=limits)
    yield from paragraphs(
        ""
        if told.study.ensemble is not None
        else "One training with one seed, one split: chance in either affects every number.",
        ""
        if told.study.is_external
        else "The test women come from the same data set as the training women; only an external "
        f"evaluation can show how the model does elsewhere. {evaluations_in_words(told.study)}",
    )


def model_card(told: Reported, *, familiar: str) -> Document:
    """The card of a checkpoint; a CheckpointError where the run has none. `familiar` tells how
    images unlike its own are known.
    """
    study = told.study
    if study.card is None:
        raise CheckpointError(f"{study.run_id} has no model card. {' '.join(study.missing)}")
    data = next(section for section in data_sections(told) if section.title == "Data")
    return Document(
        title=f"Model card: {study.card.title}",
        summary=(Paragraph(text=f"Checkpoint {study.card.model_id}."),),
        sections=(
            data,
            *model_sections(study),
            Section(title="Split", blocks=(_counts(study.card),)),
            Section(title="Measured", blocks=tuple(_measured(study.card))),
            *(_lesions(study) if study.card.patches else _of_results(told, familiar)),
            Section(title="Limits", blocks=(Bullets(items=limits_of(study) or ("none stated",)),)),
        ),
    )


def _counts(card: ModelCard) -> Table:
    several = card.counted[1]
    return Table(
        header=("Split", "Women or groups", several.capitalize(), f"Positive {several}"),
        rows=tuple(
            (
                card.split_name(one.split),
                f"{one.women:,}",
                f"{one.images:,}",
                f"{one.positive_images:,}",
            )
            for one in card.data.splits
        ),
    )


def _measured(card: ModelCard) -> Iterator[Block]:
    if not card.metrics:
        yield warning("Nothing was measured when the card was written.")
        return
    yield Table(
        header=("", "Split", "A case is one", "Value", "Positive", "Others", "Women"),
        rows=tuple(
            (
                metric.title,
                card.split_name(metric.split),
                card.case(metric.level),
                _value(metric),
                f"{metric.positives:,}",
                f"{metric.negatives:,}",
                f"{metric.women:,}",
            )
            for metric in card.metrics_to_show
        ),
    )


def _value(metric: Metric) -> str:
    if metric.value is None or metric.low is None or metric.high is None:
        return metric.method  # it says why there is none
    spread = f"95 % {metric.low:.3f} to {metric.high:.3f}"
    return f"{metric.value:.3f} ({spread}; {metric.method})"


def _point(told: Reported) -> Iterator[Block]:
    study, results, point = told.study, told.results, told.study.point
    if point is None:
        yield warning(study.looks.why_no_locks or "No operating point is locked for this model.")
        return
    yield Paragraph(
        text=f"In force: threshold {point.threshold:.4f} by {point.level} ({point.pooling} of its "
        f"images), for {point.aim}, locked {day_in_words(point.locked_at)}, chosen on "
        f"{point.dataset}, {point.split or 'out of fold'}. What was counted where they were chosen:"
    )
    yield Table(
        header=("Chosen for", "Threshold", "A case is one", "Sensitivity", "Specificity"),
        rows=tuple(_counted_at(one) for one in study.looks.locks),
    )
    if results is not None and len(results.at_threshold) > 1:
        yield at_every_level(results)


def _counted_at(point: LockedPoint) -> tuple[str, ...]:
    told = (rate_in_words(rate) for rate in promised_rates(point))
    return (point.aim, f"{point.threshold:.4f}", str(point.level), *told)


class Format(StrEnum):
    """Its value is how a file's name ends."""

    HTML = "html"
    MARKDOWN = "md"


def study_text(
    run: RunFolder,
    roots: Sequence[Path],
    *,
    audits: Path,
    form: Format,
    by: str,
    now: str,
    studies: Path | None = None,
    sight: Sight = ALL,
) -> str:
    """The study report of `run`, of what `sight` allows. Reading it is a look at the test set,
    which `by` is noted for. `studies` holds the reader studies kept here.
    """
    told = read_reported(run, roots, audits=audits, sight=sight)
    remark = _noted(run, by=by, now=now) if run.has_predictions else ""
    of_this = f"{by} of {run.run_id}" if sight.is_named else by
    for one in told.elsewhere:  # their results are shown as well
        _noted(one.run, by=of_this, now=now)
    told = _with_this_look(told, run)
    held = hold_margins(run, roots, sight=sight)
    for margin in held:  # so are those of the model that it is held against
        if margin.found is not None:
            _noted(find_run(margin.written.against, *roots), by=of_this, now=now)
    document = study_report(told, made_at=now, remark=remark, studies=studies, margins=held)
    return render_html(document) if form is Format.HTML else render_markdown(document)


def _noted(run: RunFolder, *, by: str, now: str) -> str:
    """Empty, or why the look could not be written down: a folder that only can be read still has
    its report, which then says so.
    """
    try:
        note_opening(run, by=by, now=now)
    except RunError as error:
        return str(error)
    return ""


def _with_this_look(told: Reported, run: RunFolder) -> Reported:
    """The report counts itself; that a log cannot be read was found out before."""
    study = told.study
    if study.looks.why_no_openings:
        return told
    seen = tuple(openings_of(run))
    at_test_set = study.looks.at_test_set if study.is_external else seen
    looks = replace(study.looks, at_results=seen, at_test_set=at_test_set)
    return replace(told, study=replace(study, looks=looks))


def card_text(
    run: RunFolder, roots: Sequence[Path], *, audits: Path, form: Format, sight: Sight = ALL
) -> str:
    """The model card of `run` in words, of what `sight` allows."""
    told = read_reported(run, roots, audits=audits, sight=sight)
    document = model_card(told, familiar=_familiar(run, told.study))
    return render_html(document) if form is Format.HTML else render_markdown(document)


def _familiar(run: RunFolder, study: RunStudy) -> str:
    """What an image is held against to know one that is unlike those it learnt from."""
    if study.card is None or study.is_external:
        return ""
    try:
        kept = read_embeddings(run, study.card)
    except CheckpointError as error:
        return str(error)
    if kept is None or make_reference(kept) is None:
        return "Not kept: what its own images look like to it, so unlike ones are not told apart."
    learnt, others = (_of_split(kept.images, split) for split in (Split.TRAIN, Split.VAL))
    first = "the first of its networks" if study.card.model.members > 1 else "it"
    return (
        f"An image is called unlike those it learnt from where it lies further from {learnt} that "
        f"{first} learnt from than {UNLIKE:.0%} of {others} that were not learnt from, by the "
        f"{kept.vectors.shape[1]:,} numbers kept of what the network sees in an image. How many "
        "strange images that finds was not measured."
    )


def _of_split(images: pd.DataFrame, split: Split) -> str:
    part = images[images["split"] == split]
    women = many(part["group_id"].nunique(), "woman", "women")
    return f"{many(len(part), 'image', 'images')} of {women}"
