"""The sections of a report on what came out: results, threshold, calibration, parts of the cases,
mistakes, single classes.
"""

import html
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from mammo_core.metrics.curves import pr_curve, roc_curve
from mammo_core.metrics.multiclass import ClassesReport
from mammo_core.metrics.partial import why_no_partial
from mammo_core.metrics.rates import more_rates
from mammo_core.metrics.smooth import why_no_curve
from mammo_core.metrics.subgroups import FEWEST_WOMEN, NO_GAP_IN_AUC
from mammo_core.metrics.uncertainty import RatesAtThreshold
from mammo_core.plots.curves import NamedCurve, pr_figure, reliability_figure, roc_figure
from mammo_core.plots.overviews import forest_figure
from mammo_core.reports.document import (
    Block,
    Bullets,
    Figure,
    Paragraph,
    Section,
    Table,
    facts,
    paragraphs,
    warning,
)
from mammo_core.reports.study.external import verified_in_words
from mammo_core.reports.study.guesses import guesses_in_blocks
from mammo_core.reports.study.results import (
    PART,
    RECALLED,
    AtPoint,
    Cut,
    Promised,
    Results,
)
from mammo_core.reports.study.study import RunStudy, lock_in_words
from mammo_core.reports.study.women import Reported
from mammo_core.reports.wording import NONE, estimate_in_words, number_in_words, rate_in_words
from mammo_core.words import CalledFor, finding_of, many

_MOST_MISTAKES: Final = 10


def _parts(results: Results, finding: CalledFor) -> Iterator[Block]:
    if not results.cuts:
        yield Paragraph(
            text="No column divides these cases: density, age, view, side, site, machine, BI-RADS "
            "and lesion are missing or have one value."
        )
        return
    at = f" Rates at the threshold {results.point.threshold:.4f}." if results.point else ""
    yield Paragraph(
        text=f"Parts with fewer than {FEWEST_WOMEN} women with or without a positive case are "
        "shown but never compared. No AUC is given where a part has one class, or where its "
        "classes differ so much in images per case that counting alone would tell them apart. "
        f"All gaps told here, in AUC and in rates, are corrected together.{at}"
    )
    for cut in results.cuts:
        yield _cut_table(cut, has_rates=results.point is not None)
        gap = cut.gap.sentence if cut.gap else NO_GAP_IN_AUC
        yield Paragraph(text=gap)
        for one in cut.rate_gaps:
            yield Paragraph(text=one.told_of(finding))
        if any(part.auc is not None for part in cut.slices) and results.main.auc is not None:
            named = [replace(part, name=html.escape(part.name, quote=False)) for part in cut.slices]
            yield Figure(
                drawing=forest_figure(named, overall=results.main.auc.value),
                alt=f"AUC with 95 % interval by {cut.title}; the line is all cases.",
            )


def _cut_table(cut: Cut, *, has_rates: bool) -> Table:
    header = (cut.title, "Cases", "Women with / without", "AUC", "Sensitivity", "Specificity")
    rows = [
        (
            part.name,
            f"{len(part.cases):,}",
            f"{part.women_with_cancer:,} / {part.women_without:,}" + ", few" * part.is_small,
            estimate_in_words(part.auc),
            rate_in_words(part.sensitivity),
            rate_in_words(part.specificity),
        )
        for part in cut.slices
    ]
    shown = len(header) if has_rates else -2
    return Table(
        header=header[:shown],
        rows=tuple(row[:shown] for row in rows),
        caption=f"By {cut.title}",
    )


def _mistakes(results: Results) -> Iterator[Block]:
    point = results.point
    if point is None:
        yield Paragraph(text="Without a threshold no case is on the wrong side of it.")
        return
    counts = point.delivered.point
    yield Paragraph(
        text=f"{counts.false_negatives:,} of {counts.positives:,} positive cases missed, "
        f"{counts.false_positives:,} false alarms among {counts.negatives:,} others; the "
        f"{_MOST_MISTAKES} furthest from the threshold of each kind:"
    )
    rows = [
        (str(row["case_id"]), str(row["kind"]), f"{row['score']:.3f}")
        for _, kind in point.mistakes.groupby("kind", sort=False)
        for _, row in kind.head(_MOST_MISTAKES).iterrows()
    ]
    if rows:
        header = ("Case", "Kind", f"Score (threshold {point.threshold:.3f})")
        yield Table(header=header, rows=tuple(rows))


def _classes(report: ClassesReport) -> Iterator[Block]:
    called = "median" if report.kappa is not None else "likeliest"
    yield Paragraph(text=f"The {called} class is right in {rate_in_words(report.accuracy)}.")
    macro = number_in_words(report.macro_f1, report.macro_f1_interval)
    yield Paragraph(text=f"F1, the mean over the classes: {macro}.")
    if report.kappa is not None:
        kappa = number_in_words(report.kappa, report.kappa_interval)
        yield Paragraph(
            text=f"Quadratic weighted kappa {kappa}, by woman: agreement beyond chance, a "
            "mistake weighing by the square of its distance."
        )
    yield Table(
        header=(
            "Class",
            "Cases",
            "Sensitivity (recall)",
            "Precision",
            "F1",
            "AUC against the rest",
        ),
        rows=tuple(
            (
                one.name,
                f"{one.sensitivity.total:,}",
                rate_in_words(one.sensitivity),
                rate_in_words(one.precision),
                number_in_words(one.f1, one.f1_interval),
                estimate_in_words(one.auc),
            )
            for one in report.reports
        ),
    )  # fmt: skip
    yield Table(
        header=("", *(f"called {name}" for name in report.classes)),
        rows=tuple(
            (f"is {name}", *(f"{count:,}" for count in row))
            for name, row in zip(report.classes, report.confusion, strict=True)
        ),
    )


def _point(study: RunStudy, results: Results) -> Iterator[Block]:
    point = results.point
    if point is None:
        yield warning(results.why_no_point)
        return
    if not point.is_locked:
        how = (
            "is as the recipe of the training says."
            if point.promised.sensitivity is None
            else "was chosen on the validation cases for this report."
        )
        yield warning(
            "No operating point is locked for this model, so nothing was promised. The threshold "
            f"below {how}"
        )
    else:
        yield Paragraph(text=lock_in_words(study.looks, is_external=study.is_external))
    yield facts(
        ("Threshold", f"{point.threshold:.4f}"),
        ("Chosen for", point.aim),
        ("A case is one", str(point.cases.level)),
        ("Its score", str(point.cases.rule)),
    )
    yield from paragraphs(point.promised.remark)
    yield _rates(point, of_verified=", of the verified" if study.verification.warning else "")
    yield from paragraphs(verified_in_words(study))
    yield _more_rates(point)
    if len(results.at_threshold) > 1:
        yield at_every_level(results)
    yield _square(point.delivered)


def _rates(point: AtPoint, *, of_verified: str) -> Table:
    rows = []
    for name, title in (
        ("sensitivity", f"Sensitivity (recall){of_verified}"),
        ("specificity", "Specificity"),
        ("recall_rate", "Recall rate"),
        ("ppv", "PPV"),
        ("npv", "NPV"),
    ):
        rates = (getattr(point.promised, name), getattr(point.delivered, name))
        rows.append((title, *map(rate_in_words, rates)))
    promised, delivered = (_prevalence(rates) for rates in (point.promised, point.delivered))
    return Table(
        header=("", f"Promised where it was chosen{promised}", f"Delivered here{delivered}"),
        rows=tuple(rows),
    )


def _more_rates(point: AtPoint) -> Table:
    """Mixtures of the rates above, for those who compare with papers that give these."""
    return Table(
        header=("", "Delivered here", "Moves with the prevalence"),
        rows=tuple(
            (
                one.name,
                number_in_words(
                    one.value,
                    None if one.low is None or one.high is None else (one.low, one.high),
                ),
                "yes" if one.is_of_prevalence else "no",
            )
            for one in more_rates(point.cases, point.threshold, is_picked=point.is_picked)
        ),
    )


def at_every_level(results: Results) -> Table:
    """By woman a cancer is found if its own breast is called; any breast called is a call."""
    return Table(
        header=("A case is one", "Score", "Sensitivity (recall)", "Specificity"),
        rows=tuple(
            (
                str(cases.level),
                str(cases.rule),
                rate_in_words(rates.sensitivity),
                rate_in_words(rates.specificity),
            )
            for cases, rates in results.at_threshold
        ),
        caption="The same threshold at every level; of a woman, a positive breast called, or none",
    )


def _prevalence(rates: Promised | RatesAtThreshold) -> str:
    """What recall rate, PPV and NPV depend on."""
    if rates.sensitivity is None or rates.specificity is None:
        return ""
    positives, negatives = rates.sensitivity.total, rates.specificity.total
    return f", {positives:,} of {positives + negatives:,} positive"


def _square(rates: RatesAtThreshold) -> Table:
    point = rates.point
    positive = (point.true_positives, point.false_negatives, point.positives)
    others = (point.false_positives, point.true_negatives, point.negatives)
    return Table(
        header=("", "called", "not called", "all"),
        rows=tuple(
            (name, *(f"{count:,}" for count in counts))
            for name, counts in (("positive", positive), ("not positive", others))
        ),
        caption="Cross-tabulation at the threshold, cases",
    )


TOO_NARROW: Final = (
    "No patient is named in these predictions, so images that may be of one woman count as "
    "several women: every interval is too narrow."
)


def result_sections(told: Reported) -> Iterator[Section]:
    results = told.results
    if results is None:
        yield Section(title="Results", blocks=(warning(told.why_no_results),))
        return
    yield Section(title="Results at every level", blocks=tuple(_levels(told.study, results)))
    yield Section(
        title="Guesses without a network", blocks=tuple(guesses_in_blocks(told.study, results))
    )
    point = tuple(_point(told.study, results))
    yield Section(title="Threshold: promised and delivered", blocks=point)
    yield Section(title="Calibration", blocks=tuple(_calibration(results)))
    parts = tuple(_parts(results, finding_of(told.study.task)))
    yield Section(title="Parts of the cases", blocks=parts)
    yield Section(title="Mistakes", blocks=tuple(_mistakes(results)))
    if results.classes is not None:
        yield Section(title="Classes", blocks=tuple(_classes(results.classes)))


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


def _levels(study: RunStudy, results: Results) -> Iterator[Block]:
    if study.card is not None and not study.is_external:
        yield Paragraph(text=study.card.data.describe(results.main.cases.level))
    yield Paragraph(
        text=f"The labels' own level comes first in this report: {cases_in_words(results)}."
    )
    if not results.has_women:
        yield warning(TOO_NARROW)
    elif results.main.cases.unnamed:
        yield warning(results.main.cases.unnamed_in_words)
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
    part = [_part_of_curve(results), *_at_recall_rate(results)] if results.main.auc else []
    return (*dict.fromkeys(reasons), guessing, *part, *within, *beyond, luck)


def _part_of_curve(results: Results) -> str:
    if results.part is None:
        return why_no_partial(results.main.cases) or "Partial AUC: none with an interval."
    return (
        f"Partial AUC, the mean sensitivity over specificities {PART.low:g} to {PART.high:g}: "
        f"{estimate_in_words(results.part)}; guessing has {PART.of_guessing:.3f}."
    )


def _at_recall_rate(results: Results) -> Iterator[str]:
    one = results.at_recall_rate
    if one is None:
        return
    found, point = one.sensitivity, one.point
    yield (
        f"Calling at most {RECALLED:.0%} of these cases finds {100 * found.value:.1f} %, "
        f"{point.true_positives:,} of {point.positives:,} "
        f"(95 % {100 * found.low:.1f} to {100 * found.high:.1f} %, the threshold set anew in every "
        "draw of women). That threshold is set on the test cases themselves, which flatters; and "
        "where fewer have cancer, it is another."
    )


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
        "Until re-calibrated this is a score, not a probability; then it is one where "
        f"{cases.finding.one} is as common as here."
    )
    intercept = number_in_words(calibration.intercept, calibration.intercept_interval)
    slope = number_in_words(calibration.slope, calibration.slope_interval)
    error = number_in_words(calibration.expected_error, results.expected_error)
    brier = number_in_words(calibration.brier.score, calibration.brier_interval)
    prevalence = f"0; {calibration.brier.uncertainty:.3f} is the prevalence alone"
    yield Table(
        header=("", "value", "perfect is"),
        rows=(
            ("Calibration in the large", intercept, "0: right on the whole"),
            ("Slope", slope, "1: neither too extreme nor too timid"),
            ("Expected calibration error", error, "0; noise alone makes it more"),
            ("Brier score", brier, prevalence),
            *_smooth_rows(results),
        ),
    )
    if results.smooth is None:
        yield from paragraphs(why_no_curve(cases))
    yield Figure(
        drawing=reliability_figure(
            {"bins of equally many cases": calibration},
            smooth=None if results.smooth is None else results.smooth.curve,
        ),
        alt="Mean score against the share of positive cases, in bins of equally many cases"
        f"{'' if results.smooth is None else ' and as a smooth curve with its 95 % band'}.",
    )


def _smooth_rows(results: Results) -> tuple[tuple[str, str, str], ...]:
    """How far the smooth curve lies from the scores."""
    smooth = results.smooth
    if smooth is None:
        return ()
    ici = number_in_words(smooth.ici, smooth.ici_interval)
    e90 = number_in_words(smooth.e90, smooth.e90_interval)
    return (
        ("Mean distance of the smooth curve (ICI)", ici, "0; noise alone makes it more"),
        ("Distance that 9 of 10 stay below (E90)", e90, "0; noise alone makes it more"),
    )
