"""The section of a report on its threshold: what was promised, and what is delivered."""

from collections.abc import Iterator

from mammo_core.metrics.uncertainty import RatesAtThreshold
from mammo_core.reports.document import (
    Block,
    Paragraph,
    Section,
    Table,
    facts,
    paragraphs,
    warning,
)
from mammo_core.reports.looks import lock_in_words
from mammo_core.reports.study import Study
from mammo_core.reports.study_point import AtPoint, Promised
from mammo_core.reports.study_results import Results
from mammo_core.reports.wording import (
    rate_in_words,
)


def point_section(study: Study, results: Results) -> Section:
    blocks = tuple(_point(study, results))
    return Section(title="Threshold: promised and delivered", blocks=blocks)


def _point(study: Study, results: Results) -> Iterator[Block]:
    point = results.point
    if point is None:
        yield warning(results.why_no_point)
        return
    if not point.is_locked:
        yield warning(
            "No operating point was locked for this model, so nothing was promised. The threshold "
            "below was chosen on the validation cases for this report."
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
    yield _rates(point)
    if len(results.at_threshold) > 1:
        yield _at_every_level(results)
    yield _square(point.delivered)


def _rates(point: AtPoint) -> Table:
    rows = []
    for name, title in (
        ("sensitivity", "Sensitivity (recall)"),
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


def _at_every_level(results: Results) -> Table:
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
        caption="The same threshold at every level",
    )


def _prevalence(rates: Promised | RatesAtThreshold) -> str:
    """What recall rate, PPV and NPV depend on."""
    positives, negatives = rates.sensitivity.total, rates.specificity.total
    return f", {positives:,} of {positives + negatives:,} positive"


def _square(rates: RatesAtThreshold) -> Table:
    point = rates.point
    return Table(
        header=("", "called", "not called", "all"),
        rows=(
            (
                "positive",
                f"{point.true_positives:,}",
                f"{point.false_negatives:,}",
                f"{point.positives:,}",
            ),
            (
                "not positive",
                f"{point.false_positives:,}",
                f"{point.true_negatives:,}",
                f"{point.negatives:,}",
            ),
        ),
        caption="Cross-tabulation at the threshold, cases",
    )
