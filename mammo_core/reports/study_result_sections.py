"""The sections of a report on what came out: results, threshold, calibration."""

from collections.abc import Iterator
from typing import Final

from mammo_core.metrics.curves import pr_curve, roc_curve
from mammo_core.plots.calibration import reliability_figure
from mammo_core.plots.pr import pr_figure
from mammo_core.plots.roc import NamedCurve, roc_figure
from mammo_core.reports.document import (
    Block,
    Bullets,
    Figure,
    Paragraph,
    Section,
    Table,
    warning,
)
from mammo_core.reports.reported import Reported
from mammo_core.reports.study import Study
from mammo_core.reports.study_part_sections import part_sections
from mammo_core.reports.study_point_sections import point_section
from mammo_core.reports.study_results import Results
from mammo_core.reports.wording import (
    NONE,
    estimate_in_words,
    number_in_words,
)
from mammo_core.words import many

TOO_NARROW: Final = (
    "No patient is named in these predictions, so images that may be of one woman are taken for "
    "several women: every interval is too narrow."
)


def result_sections(told: Reported) -> Iterator[Section]:
    results = told.results
    if results is None:
        yield Section(title="Results", blocks=(warning(told.why_no_results),))
        return
    yield Section(title="Results at every level", blocks=tuple(_levels(told.study, results)))
    yield point_section(told.study, results)
    yield Section(title="Calibration", blocks=tuple(_calibration(results)))
    yield from part_sections(results)


def cases_in_words(results: Results) -> str:
    cases = results.main.cases
    left_out = f"; {cases.unknown:,} without a known label left out" if cases.unknown else ""
    people = ("woman", "women") if results.has_women else ("group of images", "groups of images")
    return (
        f"{many(len(cases), 'case', 'cases')} by {cases.level} of "
        f"{many(cases.group_count, *people)}, {cases.positives:,} positive "
        f"({cases.positives / len(cases):.1%}){left_out}"
    )


def auc_in_words(results: Results) -> str:
    main = results.main
    if main.auc is None:
        return main.why_no_auc
    return f"AUC by {main.cases.level} {estimate_in_words(main.auc)}, {main.auc.method}"


def _levels(study: Study, results: Results) -> Iterator[Block]:
    if study.card is not None and not study.is_external:
        yield Paragraph(text=study.card.data.describe(results.main.cases.level))
    yield Paragraph(
        text=f"The labels' own level comes first in this report: {cases_in_words(results)}."
    )
    if not results.has_women:
        yield warning(TOO_NARROW)
    yield Table(
        header=(
            "A case is one", "Score", "Cases", "Positive", "Women or groups", "AUC", "Interval by",
            "Average precision",
        ),
        rows=tuple(
            (
                str(one.cases.level),
                str(one.cases.rule),
                f"{len(one.cases):,}",
                f"{one.cases.positives:,}",
                f"{one.cases.group_count:,}",
                estimate_in_words(one.auc),
                str(one.auc.method) if one.auc is not None else NONE,
                estimate_in_words(one.precision),
            )
            for one in results.levels
        ),
    )  # fmt: skip
    yield Bullets(items=_remarks(results))
    if results.main.auc is not None:
        yield from _curves(results)


def _remarks(results: Results) -> tuple[str, ...]:
    """Why an AUC is missing, what guessing reaches, what the AUC owes to sites and confounders."""
    cases = results.main.cases
    reasons = [one.why_no_auc for one in results.levels if one.why_no_auc]
    guessing = (
        f"Guessing has AUC 0.500 and an average precision of the prevalence, "
        f"{cases.positives / len(cases):.3f} by {cases.level} ({cases.positives:,} of "
        f"{len(cases):,})."
    )
    beyond = [results.beyond.sentence] if results.beyond is not None else []
    luck = "Training again with another seed would move every number; one run does not measure it."
    within = [one.sentence for one in results.within]
    return (*dict.fromkeys(reasons), guessing, *within, *beyond, luck)


def _curves(results: Results) -> Iterator[Block]:
    cases = results.main.cases
    point = results.point
    is_same = point is not None and point.cases is cases
    shown = point.delivered.point if point is not None and is_same else None
    yield Figure(
        drawing=roc_figure([NamedCurve(name="model", curve=roc_curve(cases))], point=shown),
        alt=f"ROC curve by {cases.level}; {auc_in_words(results)}.",
    )
    prevalence = cases.positives / len(cases)
    curve = NamedCurve(name="model", curve=pr_curve(cases))
    yield Figure(
        drawing=pr_figure([curve], prevalence=prevalence, point=shown),
        alt=f"PPV against sensitivity by {cases.level}, {cases.positives:,} of {len(cases):,} "
        "being positive.",
    )


def _calibration(results: Results) -> Iterator[Block]:
    calibration = results.calibration
    if calibration is None:
        yield warning("All cases are of one class, so calibration cannot be judged.")
        return
    cases = results.main.cases
    yield Paragraph(
        text=f"Of the scores as the model gives them, by {cases.level}: {cases_in_words(results)}. "
        "Until re-calibrated this is a score, not a probability."
    )
    brier = calibration.brier
    yield Table(
        header=("", "value", "perfect is"),
        rows=(
            (
                "Calibration in the large",
                number_in_words(calibration.intercept, calibration.intercept_interval),
                "0: right on the whole",
            ),
            (
                "Slope",
                number_in_words(calibration.slope, calibration.slope_interval),
                "1: neither too extreme nor too timid",
            ),
            (
                "Expected calibration error",
                number_in_words(calibration.expected_error, results.expected_error),
                "0; noise alone makes it more",
            ),
            (
                "Brier score",
                number_in_words(brier.score, calibration.brier_interval),
                f"0; {brier.uncertainty:.3f} is the prevalence alone",
            ),
        ),
    )
    yield Figure(
        drawing=reliability_figure({"bins of equally many cases": calibration}),
        alt="Mean score against the share of positive cases, in bins of equally many cases.",
    )
