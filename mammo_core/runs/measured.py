"""What was measured of a checkpoint on images it did not learn from: whether its heatmaps point at
lesions, and how its scores bear images as they might have come.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeVar

import pandas as pd

from mammo_core.reading import Looking
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.sidecars import add_beside, of_this_card
from mammo_core.types import Level
from mammo_core.words import many

FIDELITY_FILE: Final = "fidelity.json"
#: A map that resembles that of shuffled weights so much shows edges, not what was learnt.
WORTHLESS_FROM: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRate:
    """A mean over images with its 95 % interval by woman; what chance gives; and the gain over it,
    which is positive where the map does better. None where no interval can be known.
    """

    value: float
    low: float | None
    high: float | None
    chance: float
    gain: float
    gain_low: float | None
    gain_high: float | None

    @property
    def beats_chance(self) -> bool:
        return self.gain_low is not None and self.gain_low > 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """One method of one checkpoint on the marked images of one data set."""

    method: str
    dataset: str
    split: str
    images: int
    women: int
    pointing: MeasuredRate  # the highest point lies in the lesion, widened by half a cell
    energy: MeasuredRate  # share of the evidence in the lesion
    overlap: MeasuredRate  # intersection over union of the lesion and the cells around the peak
    deletion: MeasuredRate  # mean score while the highest cells are blurred away: low is good
    insertion: MeasuredRate  # mean score while they are given back: high is good
    likeness: float  # Spearman's correlation with the maps of shuffled weights
    likeness_low: float | None
    likeness_high: float | None
    pointing_of_shuffled: float
    seed: int
    measured_at: str  # ISO 8601, UTC
    card_sha256: str

    @property
    def is_worthless(self) -> bool:
        """Whether the map hardly changes when the weights are shuffled."""
        return self.likeness >= WORTHLESS_FROM

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was found, in the words shown beside the heatmap."""
        basis = f"{many(self.images, 'image', 'images')} of {many(self.women, 'woman', 'women')}"
        return (
            f"On {basis} with a marked lesion ({self.dataset}, {self.split}):",
            "The highest point lies in the lesion's box, or within half a cell of it, in "
            f"{_share(self.pointing)}; "
            f"{_chance(self.pointing)}",
            f"{_share(self.energy)} of the evidence lies in it; {_chance(self.energy)}",
            f"Intersection over union with it: {_share(self.overlap)}; {_chance(self.overlap)}",
            f"Mean score while the highest cells are blurred away: {_plain(self.deletion)}; "
            f"in random order {self.deletion.chance:.3f}.",
            f"Mean score while they are given back: {_plain(self.insertion)}; "
            f"in random order {self.insertion.chance:.3f}.",
            self._on_shuffled(),
        )

    def _on_shuffled(self) -> str:
        like = f"{self.likeness:+.2f}{_interval(self.likeness_low, self.likeness_high, '+.2f')}"
        if self.is_worthless:
            return (
                f"Worthless: with all weights shuffled the maps stay much the same (rank "
                f"correlation {like}), so they do not show what the model learnt."
            )
        return (
            f"With all weights shuffled the maps change (rank correlation {like}) and point into "
            f"the lesion in {100 * self.pointing_of_shuffled:.0f} %."
        )


Judged = TypeVar("Judged", "Fidelity", "StressTest", "Froc")


def _newest(known: Iterable[Judged], what: Callable[[Judged], Hashable]) -> list[Judged]:
    """The last of each `what`, in the order in which they were measured."""
    newest = {what(one): one for one in known}
    return sorted(newest.values(), key=lambda one: one.measured_at)


def add_fidelity(run: RunFolder, fidelity: Fidelity) -> None:
    """Keep `fidelity` beside the card of `run`, behind those that are there."""
    add_beside(run, FIDELITY_FILE, fidelity)


def fidelity_of(run: RunFolder) -> list[Fidelity]:
    """What is known of this card's heatmaps, the newest last; one per method, set and split."""
    known = of_this_card(run, FIDELITY_FILE, Fidelity)
    return _newest(known, lambda one: (one.method, one.dataset, one.split))


def _share(figure: MeasuredRate) -> str:
    low, high = (None if end is None else 100 * end for end in (figure.low, figure.high))
    return f"{100 * figure.value:.0f} %{_interval(low, high, '.0f')}"


def _plain(figure: MeasuredRate) -> str:
    return f"{figure.value:.3f}{_interval(figure.low, figure.high, '.3f')}"


def _chance(figure: MeasuredRate) -> str:
    by_chance = f"by chance, matched for area, {100 * figure.chance:.0f} %"
    return f"{by_chance}." if figure.beats_chance else f"{by_chance}: no better than chance."


def _interval(low: float | None, high: float | None, form: str) -> str:
    if low is None or high is None:
        return " (too few women for an interval)"
    return f" (95 % {low:{form}} to {high:{form}})"


STRESS_FILE: Final = "stress.json"
#: The change that leaves nothing of the breast, and with it should leave nothing of the AUC.
BREAST_BLANKED: Final = "breast_blanked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """`count` of `total` with the 95 % interval by woman; None where there are no cases."""

    count: int
    total: int
    low: float | None
    high: float | None

    @property
    def value(self) -> float | None:
        return self.count / self.total if self.total else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AtThreshold:
    """What a change does to the verdicts at the locked threshold."""

    sensitivity: Share
    sensitivity_change: float
    change_low: float
    change_high: float
    flipped: Share  # verdicts that are others than of the image as it is


@dataclass(frozen=True, slots=True, kw_only=True)
class StressResult:
    """One change: AUC by image, and its paired difference from that of the images as they are."""

    name: str
    title: str
    auc: float
    auc_low: float
    auc_high: float
    auc_change: float
    change_low: float
    change_high: float
    verdicts: AtThreshold | None = None

    @property
    def is_changed(self) -> bool:
        return self.change_low > 0.0 or self.change_high < 0.0

    @property
    def tells_without_breast(self) -> bool:
        """Whether something beside the breast gives the label away."""
        return self.name == BREAST_BLANKED and not self.auc_low <= 0.5 <= self.auc_high


#: How the intervals of a stress test are made, kept with it.
AS_IN_COMPARE: Final = "as of two models over the same cases"
_OLDER: Final = (
    "An older version made these intervals, those of changes alike to both sides: they are too "
    "narrow where few women are ranked wrongly. `mammo stress` makes them anew, and `mammo card` "
    "those out of fold."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StressTest:
    """A checkpoint under every change, on one data set."""

    dataset: str
    split: str
    images: int
    positive_images: int
    women: int
    engine: str
    auc: float  # by image, of the images as they are
    auc_low: float
    auc_high: float
    level: Level | None  # of the threshold in force; None where none is, or not for raw scores
    threshold: float | None
    sensitivity: Share | None  # of the images as they are
    results: tuple[StressResult, ...]
    seed: int
    measured_at: str  # ISO 8601, UTC
    card_sha256: str
    intervals: str = ""  # how they were made; "" of an older version, which made them otherwise

    @property
    def caution(self) -> str:
        """What must be known of the intervals; "" where they are made as now."""
        return "" if self.intervals else _OLDER

    @property
    def without_breast(self) -> str:
        """What the scores tell where nothing of the breast is left; "" where it was not asked."""
        found = [result for result in self.results if result.name == BREAST_BLANKED]
        return _in_words(found[0], self.level) if found else ""

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was found, one sentence a change."""
        basis = (
            f"{many(self.images, 'image', 'images')} of {many(self.women, 'woman', 'women')}, "
            f"{self.positive_images} positive ({self.dataset}, {self.split})"
        )
        auc = f"AUC by image {_with_interval(self.auc, self.auc_low, self.auc_high)}"
        without = "" if self.threshold is not None else " No threshold is in force: no verdicts."
        return (
            f"As they are, {basis}: {auc}.{without}",
            *(_in_words(result, self.level) for result in self.results),
            *([self.caution] if self.caution else []),
        )


def add_stress(run: RunFolder, stress: StressTest) -> None:
    """Keep `stress` beside the card of `run`, behind those that are there."""
    add_beside(run, STRESS_FILE, stress)


def stress_of(run: RunFolder) -> list[StressTest]:
    """What is known of this card under stress, the newest last; one per data set and split."""
    known = of_this_card(run, STRESS_FILE, StressTest)
    return _newest(known, lambda one: (one.dataset, one.split))


def changes_table(test: StressTest) -> pd.DataFrame:
    """One row a change, in words, the images as they are first; a verdict only where there are."""
    as_they_are = {
        "Images": "As they are",
        "AUC by image": _spread(test.auc, test.auc_low, test.auc_high),
        "Its change": "",
        "Sensitivity": _counted(test.sensitivity),
        "Verdicts that flip": "",
    }
    table = pd.DataFrame([as_they_are, *(_row(result) for result in test.results)])
    is_judged = test.sensitivity is not None
    return table if is_judged else table.drop(columns=["Sensitivity", "Verdicts that flip"])


def _row(result: StressResult) -> dict[str, str]:
    verdicts = result.verdicts if result.name != BREAST_BLANKED else None
    return {
        "Images": result.title,
        "AUC by image": _spread(result.auc, result.auc_low, result.auc_high),
        "Its change": _spread(result.auc_change, result.change_low, result.change_high, sign="+"),
        "Sensitivity": _counted(verdicts.sensitivity) if verdicts else "",
        "Verdicts that flip": _counted(verdicts.flipped) if verdicts else "",
    }


def _spread(value: float, low: float, high: float, *, sign: str = "") -> str:
    return f"{value:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"


def _counted(share: Share | None) -> str:
    return "" if share is None else f"{share.count:,} of {share.total:,}"


def _in_words(result: StressResult, level: Level | None) -> str:
    change = _with_interval(result.auc_change, result.change_low, result.change_high, sign="+")
    words = (
        f"{result.title}: AUC {_with_interval(result.auc, result.auc_low, result.auc_high)}, "
        f"change {change}"
    )
    if result.verdicts is not None:
        words += "; " + _verdicts_in_words(result.verdicts, level)
    if result.name != BREAST_BLANKED:
        return f"{words}."
    if result.tells_without_breast:
        return f"{words}. Something beside the breast gives the label away!"
    return (
        f"{words}. Without the breast it cannot be told from guessing (.5); an AUC of up to "
        f"{result.auc_high:.2f} is not excluded."
    )


def _verdicts_in_words(verdicts: AtThreshold, level: Level | None) -> str:
    found, flipped = verdicts.sensitivity, verdicts.flipped
    change = _with_interval(
        verdicts.sensitivity_change, verdicts.change_low, verdicts.change_high, sign="+"
    )
    return (
        f"sensitivity {found.count} of {found.total}, change {change}; "
        f"{flipped.count} of {flipped.total} verdicts by {level} flip"
    )


def _with_interval(value: float, low: float, high: float, *, sign: str = "") -> str:
    return f"{value:{sign}.3f} (95 % {low:{sign}.3f} to {high:{sign}.3f})"


FROC_FILE: Final = "froc.json"
#: False marks an image at which a lesion finder is told of in a sentence, and set to on Read.
USUAL_FALSE_MARKS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FrocPoint:
    """What is found where at most `allowed` false marks an image are put up with: marks count that
    are surer than `above`.
    """

    allowed: float
    above: float
    found: Share  # lesions
    false_marks: int  # in all images
    false_without: float | None  # false marks an image that holds no lesion; None: no such image
    without_low: float | None
    without_high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredArea:
    """The area under the alternative FROC curve with its interval by woman."""

    value: float
    low: float
    high: float
    lesions: int
    images: int  # without a lesion
    women: int
    method: str  # of the interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Froc:
    """Marks on the images of one data set: of a lesion finder, of the regions of heatmaps by a
    `method`, or that somebody else set.
    """

    dataset: str
    split: str
    images: int
    images_without: int  # of them, those that hold no lesion
    women: int
    left_out: int  # images of women it learnt from, which are not judged on
    points: tuple[FrocPoint, ...]
    curve: tuple[tuple[float, float], ...]  # false marks an image, sensitivity
    seed: int
    measured_at: str  # ISO 8601, UTC
    card_sha256: str
    area: MeasuredArea | None = None  # None where every image holds a lesion, or was not asked
    looking: Looking = field(default_factory=Looking)
    reach: float = 0.0  # prepared pixels by which a box is widened
    seconds: float = 0.0  # an image, on the device it was measured on
    method: str = ""  # of the heatmaps whose regions are the marks
    women_with: int | None = None  # women with a lesion; None where it was not kept

    @property
    def usual(self) -> FrocPoint:
        """At one false mark an image, or as near to it as was measured."""
        return min(self.points, key=lambda point: abs(point.allowed - USUAL_FALSE_MARKS))

    @property
    def headline(self) -> str:
        """The one sentence that stands beside its marks."""
        whose = " it did not learn from" if self.card_sha256 else ""
        told = (
            f"On {many(self.images, 'image', 'images')} of {many(self.women, 'woman', 'women')}"
            f"{whose} ({self.dataset}): {_found_in_words(self.usual)}."
        )
        if self.images_without:
            return f"{told} {self.area_in_words}".rstrip()
        return f"{told} Every one holds a lesion: false marks in others were not measured."

    @property
    def area_in_words(self) -> str:
        """ "" where there is none."""
        area = self.area
        if area is None:
            return ""
        return (
            f"AFROC area {_with_interval(area.value, area.low, area.high)}, {area.method}: how "
            f"often one of {many(area.lesions, 'lesion', 'lesions')} is marked surer than the "
            f"surest mark in one of {many(area.images, 'image', 'images')} without."
        )

    @property
    def rule(self) -> str:
        """When a mark hits."""
        wider = f", widened by {self.reach:g} prepared pixels on each side" if self.reach else ""
        return (
            f"A mark hits a lesion when it lies in its box{wider}; further marks in it are not "
            "counted as false."
        )

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was found, one sentence a number of false marks."""
        lesions = self.points[0].found.total
        basis = (
            f"On {many(self.images, 'image', 'images')} of {many(self.women, 'woman', 'women')} "
            f"with {self._boxes_in_words(lesions)} ({self.dataset}, {self.split}), "
            f"{self.images_without:,} without one{self._left_out_in_words}:"
        )
        found = (f"{_found_in_words(point)}." for point in self.points)
        area = (self.area_in_words,) if self.area else ()
        return (basis, *found, *area, self.rule)

    def _boxes_in_words(self, boxes: int) -> str:
        """A lesion that is seen in two views is two boxes."""
        told = many(boxes, "lesion box", "lesion boxes")
        if self.women_with is None:
            return told
        return f"{told} in {many(self.women_with, 'woman', 'women')} with a lesion"

    @property
    def _left_out_in_words(self) -> str:
        if self.method or not self.card_sha256:
            return ""
        return f"; {self.left_out:,} images left out of women it learnt from"


def add_froc(run: RunFolder, froc: Froc) -> None:
    """Keep `froc` beside the card of `run`, behind those that are there."""
    add_beside(run, FROC_FILE, froc)


def froc_of(run: RunFolder) -> list[Froc]:
    """How well this card's network finds lesions, the newest last; one per data set, split and way
    to make marks.
    """
    known = of_this_card(run, FROC_FILE, Froc)
    return _newest(known, lambda one: (one.dataset, one.split, one.method))


def froc_tables(froc: Froc) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What its figure is drawn from: the curve, and the points that carry intervals."""
    points = [(one.allowed, one.found.value, one.found.low, one.found.high) for one in froc.points]
    return (
        pd.DataFrame(froc.curve, columns=["false_marks", "sensitivity"]),
        pd.DataFrame(points, columns=["allowed", "sensitivity", "low", "high"]),
    )


def _found_in_words(point: FrocPoint) -> str:
    found, marks = point.found, f"{point.allowed:g}"
    share, low, high = (100 * (end or 0.0) for end in (found.value, found.low, found.high))
    words = (
        f"at {marks} false {'mark' if point.allowed == 1 else 'marks'} an image "
        f"{found.count:,} of {many(found.total, 'lesion box', 'lesion boxes')} found, "
        f"{share:.0f} % (95 % {low:.0f} to {high:.0f})"
    )
    if point.false_without is None:
        return words
    return (
        f"{words}; {point.false_without:.2f}"
        f"{_interval(point.without_low, point.without_high, '.2f')} false marks in an image "
        "without a lesion"
    )
