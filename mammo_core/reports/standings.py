"""Models side by side on one data set, in lines of words."""

from collections.abc import Iterator, Mapping

from mammo_core.metrics.calibration import Calibration
from mammo_core.metrics.compare import Difference
from mammo_core.metrics.conservative import delivered_of
from mammo_core.metrics.several import SPECIFICITY, PlacedModel, Standings
from mammo_core.metrics.uncertainty import FEWEST_GROUPS, Estimate, RatesAtThreshold
from mammo_core.reports.wording import estimate_in_words, rate_in_words
from mammo_core.scores import DECIMALS
from mammo_core.words import NOTICE, UNITS, many


def standings_in_words(
    standings: Standings, *, first: str, known: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Every number with its interval and its denominator; every difference from `first`. `known`
    says of a model which of these women it may have learnt from.
    """
    known = known or {}
    one, more = UNITS[standings.level]
    split = "all of the data set" if standings.split == "all" else "the test split"
    yield (
        f"{many(standings.cases, one, more)} of {many(standings.women, 'woman', 'women')}, of "
        f"{split}, that every model scored; a score is the mean over its images."
    )
    for count, why in (
        (standings.left_out, "not every model has scored them"),
        (standings.disagreeing, "the tables differ on the truth"),
        (standings.unknown, "no label is known"),
    ):
        if count:
            yield f"{many(count, one, more)} left out: {why}."
    for name, why in standings.dropped.items():
        yield f"{name} is not among them: {why}"
    for placed in standings.placed:
        yield ""
        yield from _placed_in_words(placed, first)
        yield from _own_in_words(placed, one, more)
        if said := known.get(placed.name):
            yield f"  {said}"
    yield ""
    differences = sum(placed.difference is not None for placed in standings.placed)
    if differences > 1:
        yield f"Each of the {differences} differences stands by itself, not corrected for the rest."
    yield NOTICE


def _placed_in_words(placed: PlacedModel, first: str) -> Iterator[str]:
    yield f"{placed.name}: {_auc_in_words(placed.auc)}"
    if placed.difference is not None:
        d = placed.difference
        yield (
            f"  against {first}: {d.value:+.3f} (95 % {d.low:+.3f} to {d.high:+.3f}; {_test(d)}; "
            f"{d.cases:,} cases of {many(d.groups, 'woman', 'women')})"
        )
    if placed.before is not None:
        yield f"  calibration as it comes: {_calibration(placed.before)}"
    if placed.after is not None:
        yield f"  re-calibrated on validation: {_calibration(placed.after)}"
    if placed.promised is not None and placed.delivered is not None:
        yield from _at_threshold_in_words(placed.promised, placed.delivered)
    for note in placed.notes:
        yield f"  {note}"


def _own_in_words(placed: PlacedModel, one: str, more: str) -> Iterator[str]:
    """What a model did not score, and what it reaches on all that it did."""
    if placed.lacks:
        yield f"  {many(placed.lacks, one, more)} that another model scored it did not score"
    if placed.own is not None:
        yield f"  of all {more} it scored: {_auc_in_words(placed.own)}"


def _auc_in_words(auc: Estimate | None) -> str:
    counts = f"; {auc.positives:,} with, {auc.negatives:,} without" if auc else ""
    return f"AUC {estimate_in_words(auc)}{counts}"


def _at_threshold_in_words(
    promised: RatesAtThreshold, delivered: RatesAtThreshold
) -> Iterator[str]:
    yield (
        f"  threshold {promised.point.threshold:.{DECIMALS}f}, chosen on validation for "
        f"specificity {SPECIFICITY:g}"
    )
    for said, rates in (("promised there", promised), ("delivered", delivered)):
        yield (
            f"  {said}: sensitivity {rate_in_words(rates.sensitivity)}; specificity "
            f"{rate_in_words(rates.specificity)}"
        )
    for name in ("sensitivity", "specificity"):
        told = delivered_of(getattr(promised, name), getattr(delivered, name))
        if told is not None:
            yield f"  {name} delivered is {told.in_words}"


def _test(difference: Difference) -> str:
    if difference.p_value is None:
        few = difference.groups < FEWEST_GROUPS
        why = "too few women" if few else "nothing varies between the two"
        return f"no test, {why}; the interval is not paired"
    return f"paired by woman, p {difference.p_in_words}"


def _calibration(found: Calibration) -> str:
    if not (found.intercept_interval or found.slope_interval or found.brier_interval):
        return "not told: of so few women no number of it has an interval"
    return (
        f"intercept {_with(found.intercept, found.intercept_interval)}, slope "
        f"{_with(found.slope, found.slope_interval)}, Brier "
        f"{_with(found.brier.score, found.brier_interval)}"
    )


def _with(value: float, interval: tuple[float, float] | None) -> str:
    if interval is None:
        return "not told, for it has no interval here"
    return f"{value:.3f} (95 % {interval[0]:.3f} to {interval[1]:.3f})"
