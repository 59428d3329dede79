"""How often each interval that is shown holds the truth, and how often each test that is shown
calls equal things different, on made-up women. Writes coverage.csv and, from it, coverage.md.

    python -m benchmarks.coverage                 # all, 2,000 studies each: hours on one core
    python -m benchmarks.coverage 200             # a look
    python -m benchmarks.coverage 2000 readers "3 readers"   # what is called so; the rest stays
    python -m benchmarks.coverage 0 list          # measures nothing: writes coverage.md anew
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from benchmarks.claims import OWN_TESTS, TESTS, Claim, designs_of
from benchmarks.coverage_rows import Part, Row, keep, write
from benchmarks.figures import CUTS, ENTRIES, Entry, held_of, held_of_gaps
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
    (3, 150), (5, 250), (10, 500), (20, 1000), (40, 2000), (50, 2500), (34, 100), (170, 500),
)  # fmt: skip
KINDS: Final = ("one case", "clustered", "five levels")
_OF_RANKS: Final = (
    (20, 1000),
    (40, 2000),
    (50, 2500),
)  # designs that are there for what ranks alone
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is measured at once; `title` is what it is chosen by."""

    title: str
    rows: Callable[[int], Iterable[Row]]


def jobs() -> Iterator[Job]:
    yield from _jobs_of_one_model()
    for part, tests in ((Part.TESTS, TESTS), (Part.OWN_TESTS, OWN_TESTS)):
        for one in designs_of(tests):
            title = f"test: {one.name}: {one.design}"
            yield Job(title=title, rows=partial(_test, part, one))
    for (ill, count, new, old), images in product(RIVALS, (1, 4)):
        kind = "one case" if images == 1 else "clustered"
        words = f"{ill} of {count}, {new} against {old}, {kind}"
        rows = partial(_two_models, words, ill, count, (new, old), images)
        yield Job(title=f"two models: {words}", rows=rows)
    for entry in ENTRIES:
        for number, words in enumerate(entry.designs):
            yield Job(title=f"{entry.title}: {words}", rows=partial(_own, entry, number))
    for number, cut in enumerate(CUTS):
        yield Job(title=f"gaps between parts: {cut.words}", rows=partial(_gaps, number))


def _jobs_of_one_model() -> Iterator[Job]:
    for (ill, count), auc, kind in product(DESIGNS, AUCS, KINDS):
        words = f"{ill} of {count}, AUC {auc}, {kind}"
        rows = partial(_one_model, words, ill, count, auc, kind)
        yield Job(title=f"one model: {words}", rows=rows)
    for count, images, spread in product((40, 100, 400), (1, 4), (0.4, 0.8)):
        words = f"{count} women, {images} each, error {spread}"
        yield Job(title=f"classes: {words}", rows=partial(_classes, words, count, images, spread))


def _one_model(
    words: str, ill: int, count: int, auc: float, kind: str, studies: int
) -> Iterator[Row]:
    return _rows(Part.ONE_MODEL, words, _held(studies, ill, count, skill_of(auc), kind))


def _classes(words: str, count: int, images: int, spread: float, studies: int) -> Iterator[Row]:
    held = _held_of_classes(min(studies, OF_CLASSES), count, images, spread)
    return _rows(Part.ONE_MODEL, words, held)


def _own(entry: Entry, number: int, studies: int) -> Iterator[Row]:
    words = list(entry.designs)[number]
    return _rows(Part.OWN, words, held_of(entry, number, studies))


def _gaps(number: int, studies: int) -> Iterator[Row]:
    return _rows(Part.OWN, CUTS[number].words, held_of_gaps(number, studies))


def _rows(part: Part, design: str, answers: Mapping[str, Sequence[bool | None]]) -> Iterator[Row]:
    for name, found in answers.items():
        told = [one for one in found if one is not None]
        yield Row(
            part=part, name=name, design=design,
            share=float(np.mean(told)) if told else float("nan"),
            beside=1 - len(told) / len(found), studies=len(found),
        )  # fmt: skip


def _test(part: Part, one: Claim, studies: int) -> Iterator[Row]:
    yield Row(
        part=part, name=one.name, design=one.design, share=one.claimed_in(studies),
        beside=float("nan"), studies=studies,
    )  # fmt: skip


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


def _two_models(
    words: str, ill: int, count: int, aucs: tuple[float, float], images: int, studies: int
) -> Iterator[Row]:
    """How often the interval of the difference holds it, and how often a model worse by the very
    margin is called no worse; 1 in 40 may be.
    """
    rng = np.random.default_rng(count + ill)
    lows, highs = np.transpose([
        (found.low, found.high)
        for found in (
            auc_difference(*two_rivals(rng, ill, count, aucs, images)) for _ in range(studies)
        )
    ])  # fmt: skip
    true = aucs[0] - aucs[1]
    yield Row(
        part=Part.TWO_MODELS, name="difference in AUC", design=words,
        share=float(np.mean((lows <= true) & (true <= highs))),
        beside=float(np.mean(lows > true)), studies=studies,
    )  # fmt: skip


def main() -> None:
    """What holds every word is measured; each row is kept as soon as it is there."""
    numbers = [int(one) for one in sys.argv[1:] if one.isdigit()] or [STUDIES]
    words = [one for one in sys.argv[1:] if not one.isdigit()]
    for job in jobs() if numbers[0] else ():
        if all(word in job.title for word in words):
            for row in job.rows(numbers[0]):
                keep(row)
                print(f"{job.title}: {row.name} {row.share:.3f} {row.beside:.3f}", flush=True)
    write()


if __name__ == "__main__":
    main()
