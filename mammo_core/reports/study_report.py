"""The study report of a run, from its first line to its checklists; and its model card in words."""

from collections.abc import Iterator

from mammo_core.datasets.against_card import differs_from_card
from mammo_core.reports.checklist import answered
from mammo_core.reports.checklists import GUIDELINES
from mammo_core.reports.document import (
    NOTICE,
    Block,
    Bullets,
    Document,
    Paragraph,
    Section,
    Table,
    paragraphs,
    warning,
)
from mammo_core.reports.reported import Reported
from mammo_core.reports.study import Study
from mammo_core.reports.study_data_sections import data_sections
from mammo_core.reports.study_model_sections import model_sections
from mammo_core.reports.study_result_sections import (
    TOO_NARROW,
    auc_in_words,
    cases_in_words,
    result_sections,
)
from mammo_core.reports.study_results import Results
from mammo_core.reports.wording import listed
from mammo_core.runs.openings import occasions
from mammo_core.words import many


def study_report(told: Reported, *, made_at: str, remark: str = "") -> Document:
    """Everything that the run can tell, and what it cannot, said. `remark` is on the making."""
    study = told.study
    made = paragraphs(f"Run {study.run_id}. Made {made_at}.", remark)
    return Document(
        title=f"Study report: {study.title}",
        summary=(*made, *_summary(told)),
        sections=(
            *data_sections(told),
            *model_sections(study),
            *result_sections(told),
            Section(title="Fidelity of heatmaps", blocks=tuple(_fidelity(study))),
            Section(title="Stress", blocks=tuple(_stress(study))),
            Section(title="How often this test set was opened", blocks=tuple(_openings(study))),
            Section(title="Limits", blocks=tuple(_limits(told))),
            *checklist_sections(told),
        ),
    )


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
    yield from (warning(text) for text in study.missing if text != study.data.why_missing)
    yield from (warning(text) for text in limits_of(study) if text != NOTICE)


def cautions_of(study: Study, results: Results) -> Iterator[str]:
    """What makes the headline itself doubtful."""
    if study.card is None:
        yield (
            "Without the model card it is not known to what a label was given (image, breast or "
            f"woman), so cases are counted by {results.main.cases.level}."
        )
    elif study.predictions is not None and not study.is_external:
        yield from filter(None, (differs_from_card(study.predictions, study.card),))


def limits_of(study: Study) -> tuple[str, ...]:
    """What must be said beside every number: the card's sentences, and of an evaluation its own."""
    limits = study.card.limits if study.card is not None else ()
    if study.evaluation is None or study.card is None:
        return limits
    if study.evaluation.adapter != study.card.data.dataset:
        return limits
    return (
        *limits,
        "The data set that was evaluated is of the same kind as the one trained on: women trained "
        "on may be among these cases.",
    )


def _fidelity(study: Study) -> Iterator[Block]:
    yield Paragraph(text="Heatmaps show what moved the score, not the borders of a tumour.")
    if not study.fidelity:
        yield warning("Not done: whether the heatmaps of this model show that was not measured.")
    for one in study.fidelity:
        yield Paragraph(text=f"Method {one.method}, measured {one.measured_at}:")
        yield Bullets(items=one.sentences)


def _stress(study: Study) -> Iterator[Block]:
    if not study.stress:
        yield warning("Not done: how scores hold under changed images was not measured.")
    for one in study.stress:
        yield Paragraph(text=f"Measured {one.measured_at} with {one.engine}:")
        yield Bullets(items=one.sentences)


def evaluations_in_words(study: Study) -> str:
    if not study.evaluations:
        return "None of this model is kept here."
    names = (f"{name} (run {run})" for name, run in study.evaluations)
    return f"It was evaluated on {listed(names)}; each has a report of its own."


def _openings(study: Study) -> Iterator[Block]:
    yield Paragraph(text=openings_in_words(study))
    seen = occasions(study.looks.at_results)
    if seen:
        rows = tuple((one.opened_at, one.by) for one in seen[-20:])
        yield Table(header=("When (UTC)", "First by"), rows=rows, caption="The last occasions")
    if study.looks.shared and not study.is_external:
        yield Table(
            header=("Other model of the same women and split", "Occasions"),
            rows=tuple(
                (name, f"{len(occasions(openings)):,}") for name, openings in study.looks.shared
            ),
        )


def openings_in_words(study: Study) -> str:
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
        f"These results were opened on {seen} since that is written down, this report included. "
        f"Looks within an hour are one occasion.{shared} Looks on other "
        "computers and at copies are not counted. The more often a test set decides something, the "
        "less its results mean."
    )


def _limits(told: Reported) -> Iterator[Block]:
    limits = limits_of(told.study)
    if limits:
        yield Bullets(items=limits)
    yield from paragraphs(
        ""
        if told.study.ensemble is not None
        else "One training with one seed, one split: the luck of both is in every number.",
        ""
        if told.study.is_external
        else "The test women come from the same data set as the training women; how the model does "
        f"elsewhere takes an external evaluation. {evaluations_in_words(told.study)}",
    )
