"""How often each interval that is shown holds the truth, and how often each test that is shown
calls equal things different, on made-up women. Writes benchmarks/coverage.md.

    python -m benchmarks.coverage            # 2,000 studies each: an hour on one core
    python -m benchmarks.coverage 200 50     # a look: so many studies of intervals, and of tests
    python -m benchmarks.coverage differences 600   # only two models and margins; the rest stays
    python -m benchmarks.coverage own 300 200   # only figures with studies of their own
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from benchmarks.claims import OWN_TESTS, TESTS, type_one
from benchmarks.figures import DRAWN, ENTRIES, Row, held_of, held_of_gaps, rows_of
from benchmarks.women import (
    AUCS,
    RIVALS,
    drawn,
    probabilities,
    skill_of,
    two_rivals,
)
from mammo_core.metrics.agreement import Weighting, agreement
from mammo_core.metrics.calibration import calibration_of, expected_error_interval
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.clinic import project_at, why_no_projection
from mammo_core.metrics.compare import auc_difference
from mammo_core.metrics.confounding import auc_within
from mammo_core.metrics.curves import average_precision, average_precision_with_interval
from mammo_core.metrics.multiclass import report_classes
from mammo_core.metrics.paired_rates import sensitivities_at
from mammo_core.metrics.rates import more_rates
from mammo_core.metrics.threshold import Aim, choose_threshold, threshold_for_specificity
from mammo_core.metrics.uncertainty import Estimate, Rate, auc_of, auc_with_interval, rates_at
from mammo_core.tables import check_predictions, class_columns
from mammo_core.types import Level, Task

STUDIES: Final = 2000
OF_CLASSES: Final = 250  # studies, at most
LARGE: Final = 50_000  # women whose number is taken for the truth
DESIGNS: Final = (
    (3, 150), (5, 250), (10, 500), (20, 1000), (40, 2000), (34, 100), (170, 500),
)  # fmt: skip
WRITTEN: Final = Path(__file__).with_name("coverage.md")
NOTES: Final = Path(__file__).with_name("coverage_notes.md")
KINDS: Final = ("one case", "clustered", "five levels")
_OF_RANKS: Final = ((20, 1000), (40, 2000))  # designs that are there for what ranks alone
WANTED: Final = (0.92, 0.99)
PREVALENCE: Final = 0.006

Interval = tuple[float, float]
Figure = tuple[float, Interval | None]


def _ends(estimate: Estimate | Rate | None) -> Interval | None:
    if estimate is None or not np.isfinite(estimate.low):
        return None
    return estimate.low, estimate.high


def figures_of(cases: Cases, skill: float) -> dict[str, Figure]:
    """Every number that is shown by default, with its interval; None where it is hidden."""
    threshold = float(norm.cdf(1.0))
    rates = rates_at(cases, threshold)
    true = probabilities(cases, skill)
    calibration = calibration_of(true)
    precision = average_precision_with_interval(cases)
    found: dict[str, Figure] = {
        "AUC": (auc_of(cases.score, cases.positive), _ends(auc_with_interval(cases))),
        "AUC within three sites": _within(cases),
        "average precision": (average_precision(cases), _ends(precision)),
        "sensitivity": (rates.sensitivity.value, _ends(rates.sensitivity)),
        "specificity": (rates.specificity.value, _ends(rates.specificity)),
        "recall rate": (rates.recall_rate.value, _ends(rates.recall_rate)),
        "PPV": (rates.ppv.value, _ends(rates.ppv)),
        "NPV": (rates.npv.value, _ends(rates.npv)),
        "calibration in the large": (calibration.intercept, calibration.intercept_interval),
        "calibration slope": (calibration.slope, calibration.slope_interval),
        "Brier score": (calibration.brier.score, calibration.brier_interval),
        "expected calibration error": (
            calibration.expected_error, expected_error_interval(true)
        ),
    }  # fmt: skip
    for one in more_rates(true, float(np.quantile(true.score, 0.85))):
        if one.name == "Probabilistic F1":
            ends = None if one.low is None or one.high is None else (one.low, one.high)
            found[one.name] = (one.value, ends)
    for one in more_rates(cases, threshold):
        if one.name != "Probabilistic F1":
            ends = None if one.low is None or one.high is None else (one.low, one.high)
            found[one.name] = (one.value, ends)
    return found


def _within(cases: Cases) -> Figure:
    site = pd.Series(np.array(["A", "B", "C"])[cases.groups % 3])
    found = auc_within(cases, site, column="site")
    return (np.nan, None) if found is None else (found.value, (found.low, found.high))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Population:
    """What is true of so many women: the figures, the scores of each class, rising, and the
    sensitivity where specificity is .9.
    """

    figures: dict[str, float]
    at_specificity: float
    ill: NDArray[np.float64]
    well: NDArray[np.float64]

    @staticmethod
    def of(cases: Cases, skill: float) -> "Population":
        figures = figures_of(cases, skill) | projected(cases)
        return Population(
            figures={name: value for name, (value, _) in figures.items()},
            at_specificity=threshold_for_specificity(cases, 0.9).sensitivity,
            ill=np.sort(cases.score[cases.positive]),
            well=np.sort(cases.score[~cases.positive]),
        )

    def called(self, threshold: float) -> tuple[float, float]:
        """Shares of those with and without cancer who score as high."""
        ill, well = (
            1 - float(np.searchsorted(scores, threshold)) / len(scores)
            for scores in (self.ill, self.well)
        )
        return ill, well


def projected(cases: Cases) -> dict[str, Figure]:
    """What the threshold would mean for 1,000 women screened; here every case is a woman."""
    if not cases.is_one_per_group:
        return {}
    women = replace(cases, level=Level.PATIENT)
    is_told = not why_no_projection(women)
    found = project_at(women, float(norm.cdf(1.0)), PREVALENCE)
    return {
        f"projection: {name}": (
            getattr(found.middle, name),
            (getattr(found.low, name), getattr(found.high, name)) if is_told else None,
        )
        for name in ("recalled", "found", "ppv")
    }  # fmt: skip


def at_chosen(cases: Cases, truth: Population) -> dict[str, bool | None]:
    """Rates on the very cases that a threshold was chosen on, held against all women at it."""
    held: dict[str, bool | None] = {}
    for aim, target in (
        (Aim.SENSITIVITY, 0.9), (Aim.SPECIFICITY, 0.9), (Aim.F1, 0.0), (Aim.YOUDEN, 0.0),
    ):  # fmt: skip
        threshold = choose_threshold(cases, aim, target).threshold
        found, alarms = truth.called(threshold)
        share = cases.positives / len(cases)
        rates = rates_at(cases, threshold, is_picked=aim.is_picked)
        true = {
            "sensitivity": (rates.sensitivity, found),
            "specificity": (rates.specificity, 1 - alarms),
            "PPV": (rates.ppv, share * found / max(share * found + (1 - share) * alarms, 1e-12)),
        }
        words = f"{aim} {target:g}" if target else str(aim)
        for name, (rate, value) in true.items():
            held[f"{name}, threshold by {words}"] = _holds(_ends(rate), value)
    (one,) = sensitivities_at([""], [cases], 0.9)
    name = "sensitivity where specificity is .9"
    held[name] = _holds(_ends(one.sensitivity), truth.at_specificity)
    return held


def _holds(ends: Interval | None, value: float) -> bool | None:
    return None if ends is None else ends[0] <= value <= ends[1]


def coverage(studies: int) -> Iterator[Row]:
    """Figure, design, share of the intervals that hold the truth, share that is hidden."""
    for (ill, count), auc, kind in product(DESIGNS, AUCS, KINDS):
        found = _held(studies, ill, count, skill_of(auc), kind)
        yield from rows_of(found, f"{ill} of {count}, AUC {auc}, {kind}")
    for count, images, spread in product((40, 100, 400), (1, 4), (0.4, 0.8)):
        found = _held_of_classes(min(studies, OF_CLASSES), count, images, spread)
        yield from rows_of(found, f"{count} women, {images} each, error {spread}")


def _held(
    studies: int, ill: int, count: int, skill: float, kind: str
) -> dict[str, list[bool | None]]:
    """Per figure and study whether its interval holds the truth; None where it is hidden."""
    rng = np.random.default_rng(count + ill)
    times = LARGE // count
    truth = Population.of(drawn(rng, times * count, times * ill, skill, kind), skill)
    held: dict[str, list[bool | None]] = {}
    for _ in range(studies):
        cases = drawn(rng, count, ill, skill, kind)
        if kind == "five levels" or (ill, count) in _OF_RANKS:
            answers = {
                "AUC": _holds(_ends(auc_with_interval(cases)), truth.figures["AUC"]),
                "average precision": _holds(
                    _ends(average_precision_with_interval(cases)),
                    truth.figures["average precision"],
                ),
            }
        else:
            told = figures_of(cases, skill) | projected(cases)
            answers = {name: _holds(ends, truth.figures[name]) for name, (_, ends) in told.items()}
            answers |= at_chosen(cases, truth)
        for name, answer in answers.items():
            held.setdefault(name, []).append(answer)
    return held


DENSITY: Final = Task(
    name="density", title="Density", classes=("A", "B", "C", "D"), positive=("D",), is_ordered=True
)
_SHARES: Final = (0.1, 0.4, 0.4, 0.1)


def _judged(
    rng: np.random.Generator, count: int, images: int, spread: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Truth, call and woman of each image; half of the error is hers."""
    truth = np.repeat(rng.choice(4, size=count, p=_SHARES), images)
    groups = np.repeat(np.arange(count), images)
    error = rng.normal(size=count)[groups] + rng.normal(size=len(groups))
    called = np.clip(np.rint(truth + spread * error / np.sqrt(2)), 0, 3)
    return truth, called.astype(np.intp), groups


def _figures_of_classes(
    truth: NDArray[np.intp], called: NDArray[np.intp], groups: NDArray[np.intp]
) -> dict[str, Figure]:
    words = np.array(DENSITY.classes)
    table = pd.DataFrame(np.eye(4)[called], columns=class_columns(DENSITY)).assign(
        image_id=[f"i{number}" for number in range(len(truth))],
        patient_id=[f"w{number}" for number in groups],
        model_id="m",
        label=words[truth],
        positive=truth == 3,
        score=(called == 3).astype(float),
    )
    report = report_classes(check_predictions(table), DENSITY, Level.IMAGE)
    two = agreement(
        list(words[truth]), list(words[called]), groups,
        order=DENSITY.classes, weighting=Weighting.NONE,
    )  # fmt: skip
    plain = None if two.low is None or two.high is None else (two.low, two.high)
    return {
        "kappa, quadratic": (report.kappa or np.nan, report.kappa_interval),
        "kappa, unweighted": (two.kappa, plain),
        "F1, mean over classes": (report.macro_f1, report.macro_f1_interval),
        "F1 of a class of one in ten": (report.reports[0].f1, report.reports[0].f1_interval),
        "F1 of a class of four in ten": (report.reports[1].f1, report.reports[1].f1_interval),
    }


def _held_of_classes(
    studies: int, count: int, images: int, spread: float
) -> dict[str, list[bool | None]]:
    rng = np.random.default_rng(count + images)
    truth = _figures_of_classes(*_judged(rng, LARGE, images, spread))
    held: dict[str, list[bool | None]] = {}
    for _ in range(studies):
        told = _figures_of_classes(*_judged(rng, count, images, spread))
        for name, (_, ends) in told.items():
            held.setdefault(name, []).append(_holds(ends, truth[name][0]))
    return held


def differences(studies: int) -> Iterator[tuple[str, float, float]]:
    """Of a design: how often the interval of the difference holds it, and how often a model worse
    by the very margin is called no worse; 1 in 40 may be.
    """
    for (ill, count, new, old), images in product(RIVALS, (1, 4)):
        rng = np.random.default_rng(count + ill)
        lows, highs = np.transpose([
            (found.low, found.high)
            for found in (
                auc_difference(*two_rivals(rng, ill, count, (new, old), images))
                for _ in range(studies)
            )
        ])  # fmt: skip
        true = new - old
        held = float(np.mean((lows <= true) & (true <= highs)))
        kind = "one case" if images == 1 else "clustered"
        yield f"{ill} of {count}, {new} against {old}, {kind}", held, float(np.mean(lows > true))


DIFFERENCES: Final = "## Two models: difference in AUC"
OWN: Final = "## Figures with studies of their own"


def _differences_written(studies: int) -> Iterator[str]:
    yield from (
        DIFFERENCES,
        "",
        "The third column is how often a model that is worse by the very margin meets it (0.03 or "
        "less).",
        "",
        "| design | held | worse, called no worse | studies |",
        "|---|---|---|---|",
    )
    for design, held, wrong in differences(studies):
        yield f"| {design} | {held:.1%} | {wrong:.3f} | {studies:,} |"


def _own_written(studies: int, of_tests: int) -> Iterator[str]:
    yield from (
        OWN,
        "",
        "How many studies stands beside each; what draws women again in every study has fewer. "
        f"Chance makes {_chance(studies):.1%} up or down of {studies:,}, {_chance(DRAWN):.1%} of "
        f"{DRAWN:,}. The truth is that of 20,000 women, or known where ratings are normal.",
    )
    rows = [row for entry in ENTRIES for row in held_of(entry, studies)]
    table = pd.DataFrame([*rows, *held_of_gaps(studies)], columns=_COLUMNS)
    for name, part in table.groupby("figure", sort=False):
        yield from _rows_written(f"### {name}: {part['studies'].max():,} studies each", part)
    yield from (
        "",
        f"### Tests: equal things called different, {of_tests:,} studies each "
        f"({min(of_tests, DRAWN):,} of partial AUC)",
        "",
        *_TESTS_HEADER,
    )
    for name, count, who, share in type_one(OWN_TESTS, of_tests):
        yield f"| {name} | {count} | {who} | {share:.3f} |"


def main() -> None:
    """By name one part is measured anew, and the rest of what is written stays."""
    numbers = [int(one) for one in sys.argv[1:] if one.isdigit()] or [STUDIES]
    part = next((one for one in sys.argv[1:] if not one.isdigit()), "")
    studies, of_tests = numbers[0], numbers[-1]
    if part:
        text = WRITTEN.read_text(encoding="utf-8")
        first, second = (text.index(heading) for heading in (DIFFERENCES, OWN))
        parts = {"": text[:first], "differences": text[first:second], "own": text[second:]}
    else:
        table = pd.DataFrame(coverage(studies), columns=_COLUMNS)
        parts = {"": "\n".join(_written(table, studies, of_tests))}
    if part in ("", "differences"):
        parts["differences"] = "\n".join(_differences_written(studies))
    if part in ("", "own"):
        parts["own"] = "\n".join(_own_written(studies, of_tests))
    WRITTEN.write_text("\n\n".join(one.strip() for one in parts.values()) + "\n", encoding="utf-8")


_COLUMNS: Final = ["figure", "design", "held", "hidden", "studies"]
_TESTS_HEADER: Final = (
    "| test | models, readers or parts | women with cancer | called different (.05 or less) |",
    "|---|---|---|---|",
)


def _chance(studies: int) -> float:
    return float(1.96 * np.sqrt(0.05 * 0.95 / studies))


def _rows_written(heading: str, part: pd.DataFrame) -> Iterator[str]:
    yield from ("", heading, "", "| design | held | hidden |", "|---|---|---|")
    for row in part.itertuples():
        held = "–" if np.isnan(row.held) else f"{row.held:.1%}"
        yield f"| {row.design} | {held} | {row.hidden:.0%} |"


def _written(table: pd.DataFrame, studies: int, of_tests: int) -> Iterator[str]:
    low, high = WANTED
    told = table["held"].notna()
    below, above = table[told & (table["held"] < low)], table[told & (table["held"] > high)]
    yield from (
        "# Coverage and errors of the first kind",
        "",
        f"Written by `python -m benchmarks.coverage {studies} {of_tests}`: {studies:,} made-up "
        f"studies of each interval ({OF_CLASSES} of those of several classes), {of_tests:,} of "
        f"each test. An interval of 95 % should hold the truth, that of {LARGE:,} women, in "
        f"{low:.0%} to {high:.0%}; what chance alone makes of so many studies is "
        f"{_chance(studies):.1%} up or down. “Hidden” is the share of studies in which a figure is "
        "shown without an interval, or not at all.",
        "",
        f"Of {told.sum():,} rows with an interval {len(below):,} lie below {low:.0%} and "
        f"{len(above):,} above {high:.0%}.",
        "",
        NOTES.read_text(encoding="utf-8").strip(),
        "",
        f"## Below {low:.0%}",
        "",
        "| figure | design | held |",
        "|---|---|---|",
    )
    for row in below.itertuples():
        yield f"| {row.figure} | {row.design} | {row.held:.1%} |"
    for name, part in table.groupby("figure", sort=False):
        yield from _rows_written(f"## {name}", part)
    yield from ("", "## Tests: equal things called different", "", *_TESTS_HEADER)
    for name, count, who, share in type_one(TESTS, of_tests):
        yield f"| {name} | {count} | {who} | {share:.3f} |"


if __name__ == "__main__":
    main()
