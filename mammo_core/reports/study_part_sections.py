"""The sections of a report that look closer: parts of the cases, mistakes, single classes."""

import html
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from mammo_core.metrics.subgroups import FEWEST_WOMEN
from mammo_core.plots.forest import forest_figure
from mammo_core.reports.document import Block, Figure, Paragraph, Section, Table
from mammo_core.reports.study_results import Cut, Results
from mammo_core.reports.wording import estimate_in_words, rate_in_words

_MOST_MISTAKES: Final = 10


def part_sections(results: Results) -> Iterator[Section]:
    yield Section(title="Parts of the cases", blocks=tuple(_parts(results)))
    yield Section(title="Mistakes", blocks=tuple(_mistakes(results)))
    if results.classes is not None:
        yield Section(title="Classes", blocks=tuple(_classes(results)))


def _parts(results: Results) -> Iterator[Block]:
    if not results.cuts:
        yield Paragraph(
            text="No column cuts these cases: density, age, view, side, site, machine, BI-RADS and "
            "lesion are missing or have one value."
        )
        return
    at = f" Rates at the threshold {results.point.threshold:.4f}." if results.point else ""
    yield Paragraph(
        text=f"Parts with fewer than {FEWEST_WOMEN} women with or without a positive case are "
        "shown and never compared. No AUC stands where a part has one class, or where its classes "
        f"differ so much in images per case that counting alone would tell them apart.{at}"
    )
    for cut in results.cuts:
        yield _cut_table(cut, has_rates=results.point is not None)
        gap = cut.gap.sentence if cut.gap else "No two parts are large enough to be compared."
        yield Paragraph(text=gap)
        if any(part.auc is not None for part in cut.slices) and results.main.auc is not None:
            named = [replace(part, name=html.escape(part.name, quote=False)) for part in cut.slices]
            yield Figure(
                drawing=forest_figure(named, overall=results.main.auc.value),
                alt=f"AUC with 95 % interval by {cut.title}; the line is all cases.",
            )


def _cut_table(cut: Cut, *, has_rates: bool) -> Table:
    rates = ("Sensitivity", "Specificity") if has_rates else ()
    rows = []
    for part in cut.slices:
        few = ", few" if part.is_small else ""
        cells = (
            part.name,
            f"{len(part.cases):,}",
            f"{part.women_with_cancer:,} / {part.women_without:,}{few}",
            estimate_in_words(part.auc),
        )
        told = (rate_in_words(part.sensitivity), rate_in_words(part.specificity))
        rows.append((*cells, *(told if has_rates else ())))
    return Table(
        header=(cut.title, "Cases", "Women with / without", "AUC", *rates),
        rows=tuple(rows),
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


def _classes(results: Results) -> Iterator[Block]:
    report = results.classes
    if report is None:
        return
    yield Paragraph(text=f"The likeliest class is right in {rate_in_words(report.accuracy)}.")
    yield Table(
        header=("Class", "Sensitivity (recall)", "Precision", "AUC against the rest"),
        rows=tuple(
            (
                one.name,
                rate_in_words(one.sensitivity),
                rate_in_words(one.precision),
                estimate_in_words(one.auc),
            )
            for one in report.reports
        ),
    )
    yield Table(
        header=("", *(f"called {name}" for name in report.classes)),
        rows=tuple(
            (f"is {name}", *(f"{count:,}" for count in row))
            for name, row in zip(report.classes, report.confusion, strict=True)
        ),
    )
