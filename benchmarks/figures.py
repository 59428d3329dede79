"""Figures whose studies differ from those of one model's ranks, an entry each: how a study of a
design is made up, what intervals the product tells of it, and what is true.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from benchmarks.women import (
    AUCS,
    RIVALS,
    cases_of,
    drawn,
    probabilities,
    skill_of,
    two_rivals,
)
from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.froc import Matched, afroc_area, found_at
from mammo_core.metrics.mrmc import Crossed, ReaderFigure, Readers, compare_modalities
from mammo_core.metrics.net_benefit import benefit_interval, net_benefits
from mammo_core.metrics.partial import (
    SpecificityRange,
    partial_auc,
    partial_auc_with_interval,
    partial_aucs,
)
from mammo_core.metrics.subgroups import Slice, gaps_between, slice_of

Interval = tuple[float, float]
Told = dict[str, Interval | None]
Rng = np.random.Generator
HIGH: Final = SpecificityRange(low=0.8, high=1.0)
WORTH: Final = 0.1  # the probability from which on a woman is called
CALLED_FROM: Final = 0.75  # by a reader
LARGE: Final = 400_000  # women whose figure is taken for the truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`drawn` makes up a study with so many times the women; `told` and `true` go by figure. Where
    `is_own`, each study has a truth of its own, as of the very readers who took part.
    """

    title: str
    designs: Mapping[str, Any]
    drawn: Callable[[Rng, Any, int], Any]
    told: Callable[[Any], Told]
    true: Callable[[Any], Mapping[str, float]]
    size: Callable[[Any], int]  # women of a design
    is_own: bool = False
    large: int = LARGE


def held_of(entry: Entry, number: int, studies: int) -> dict[str, list[bool | None]]:
    """Per figure and study of the design of that number: whether its interval holds the truth; None
    where it is hidden.
    """
    design = list(entry.designs.values())[number]
    rng = np.random.default_rng(number)
    times = 1 if entry.is_own else max(1, entry.large // entry.size(design))
    truth = entry.true(entry.drawn(rng, design, times))
    answers: dict[str, list[bool | None]] = {}
    for _ in range(studies):
        study = entry.drawn(rng, design, 1)
        true = entry.true(study) if entry.is_own else truth
        for name, ends in entry.told(study).items():
            is_held = None if ends is None else ends[0] <= true[name] <= ends[1]
            answers.setdefault(name, []).append(is_held)
    return answers


# One model


_KINDS: Final = ("one case", "clustered")
_SIZES: Final = ((10, 500), (34, 100), (170, 500))


def _alone(*sizes: tuple[int, int]) -> dict[str, tuple[int, int, float, str]]:
    return {
        f"{ill} of {count}, AUC {auc}, {kind}": (ill, count, skill_of(auc), kind)
        for (ill, count), auc, kind in product(sizes, AUCS, _KINDS)
    }


_ALONE: Final = _alone(*_SIZES)
_FEWEST: Final = _alone((20, 500))  # of whom partial AUC is told at all


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Alone:
    cases: Cases
    prevalence: float
    skill: float

    @property
    def as_probabilities(self) -> Cases:
        return probabilities(self.cases, self.skill)


def _one_model(rng: Rng, design: tuple[int, int, float, str], times: int) -> _Alone:
    ill, count, skill, kind = design
    cases = drawn(rng, times * count, times * ill, skill, kind)
    return _Alone(cases=cases, prevalence=cases.positives / len(cases), skill=skill)


def _partial_told(study: _Alone) -> Told:
    found = partial_auc_with_interval(study.cases, HIGH)
    return {"partial AUC": None if found is None else (found.low, found.high)}


def _worth_told(study: _Alone) -> Told:
    _, low, high = benefit_interval(
        study.as_probabilities, prevalence=study.prevalence, threshold=WORTH
    )
    return {"net benefit": (low, high)}


def _worth(study: _Alone) -> float:
    return benefit_interval(study.as_probabilities, prevalence=study.prevalence, threshold=WORTH)[0]


# Two models


_RIVALS: Final = tuple(one for one in RIVALS if one[2:] == (0.9, 0.95) and one[0] != 20)
_PAIRS: Final = {
    f"{ill} of {count}, {new} against {old}, {'one case' if images == 1 else 'clustered'}": (
        ill, count, (new, old), images,
    )
    for (ill, count, new, old), images in product(_RIVALS, (1, 4))
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Two:
    models: list[Cases]
    prevalence: float


def _two(rng: Rng, design: tuple[int, int, tuple[float, float], int], times: int) -> _Two:
    ill, count, aucs, images = design
    models = two_rivals(rng, times * ill, times * count, aucs, images)
    as_probabilities = [
        probabilities(one, skill_of(auc)) for one, auc in zip(models, aucs, strict=True)
    ]
    return _Two(models=as_probabilities, prevalence=ill / count)


def _gap_told(name: str, best: Any, other: Any) -> Told:
    """As the first model less the second, whichever of them came out as the best."""
    found = other.behind
    if found is None:
        return {name: None}
    return {name: (found.low, found.high) if best.name == "new" else (-found.high, -found.low)}


def _partials_told(study: _Two) -> Told:
    best, other = partial_aucs(["new", "old"], study.models, HIGH)
    return _gap_told("difference in partial AUC", best, other)


def _worths_told(study: _Two) -> Told:
    best, other = net_benefits(
        ["new", "old"], study.models, prevalence=study.prevalence, threshold=WORTH
    )
    return _gap_told("difference in net benefit", best, other)


def _worths_apart(study: _Two) -> float:
    new, old = (
        benefit_interval(one, prevalence=study.prevalence, threshold=WORTH)[0]
        for one in study.models
    )
    return new - old


# Marks against boxes: a lesion in one image of two


_MARKED: Final = {
    f"{ill} women with a lesion of {count}": (ill, count, 1.0)
    for ill, count in ((10, 100), (34, 100), (170, 500))
}


def marked(rng: Rng, design: tuple[int, int, float], times: int = 1) -> Matched:
    """Two images of each woman, alike in what draws false marks; some lesions are not marked."""
    ill, count, shift = design
    groups = np.repeat(np.arange(times * count), 2)
    hers = np.repeat(rng.normal(size=times * count), 2) * 0.5
    false_images = np.repeat(np.arange(len(groups)), rng.poisson(np.exp(hers) * 1.5))
    seen = norm.cdf(rng.normal(size=times * ill) + shift)
    return Matched(
        lesions=np.where(rng.random(times * ill) < 0.9, seen, -np.inf),
        lesion_groups=np.arange(times * ill),
        false_marks=norm.cdf(rng.normal(size=len(false_images)) * 0.8 + hers[false_images]),
        false_groups=groups[false_images],
        false_images=false_images,
        image_groups=groups,
        has_lesion=(groups < times * ill) & (np.arange(len(groups)) % 2 == 0),
    )


_ALLOWED: Final = {f"FROC, lesions found at {one:g} false marks an image": one for one in (0.25, 1)}


def _marked_told(matched: Matched) -> Told:
    at = {name: found_at(matched, allowed) for name, allowed in _ALLOWED.items()}
    area = afroc_area(matched)
    told: Told = {name: (one.low, one.high) for name, one in at.items()}
    return told | {"AFROC area": None if area is None else (area.low, area.high)}


def _marked_true(matched: Matched) -> Mapping[str, float]:
    area = afroc_area(matched)
    at = {
        name: found_at(matched, allowed, resamples=1).sensitivity
        for name, allowed in _ALLOWED.items()
    }
    return at | {"AFROC area": float("nan") if area is None else area.value}


# Readers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Read:
    """How much higher a cancer is rated: `means` (2 modalities, readers) by each, `like` by readers
    like them.
    """

    reads: Crossed
    means: NDArray[np.float64]
    like: NDArray[np.float64]


def roe_metz(
    rng: Rng,
    *,
    readers: int = 5,
    women: int = 100,
    images: int = 1,
    gain: float = 0.0,
    skill: float = 1.5,
    alike: bool = False,
) -> Read:
    """Roe and Metz (1997): readers, cases and what modality, reader and case do to each other;
    where `alike`, AI does to every reader the same.
    """
    cases = women * images
    groups = np.repeat(np.arange(women), images)
    positive = groups % 2 == 0

    def part(share: float, *shape: int) -> NDArray[np.float64]:
        return np.asarray(np.sqrt(share) * rng.normal(size=shape))

    own = part(0.01, 1, readers, 1) + part(0.0 if alike else 0.01, 2, readers, 1)
    seen = part(0.3, 1, 1, women) + part(0.2, 2, 1, women) + part(0.2, 1, readers, women)
    like = skill + gain * np.array([0.0, 1.0])
    means = own + like[:, None, None]
    reads = Crossed(
        modalities=("without AI", "with AI"),
        readers=tuple(f"r{number}" for number in range(readers)),
        scores=means * positive + seen[:, :, groups] + part(0.3, 2, readers, cases),
        positive=positive,
        groups=groups,
    )
    return Read(reads=reads, means=means[:, :, 0], like=like)


_READ: Final = {
    f"{readers} readers, {women} women, gain {gain:g}": (readers, women, gain, 1.5)
    for readers, women, gain in product((3, 5, 10), (40, 100), (0.0, 0.5))
} | {
    f"{readers} readers, {women} women, sensitivity .92 to .97": (readers, women, 0.5, 2.2)
    for readers, women in product((3, 10), (20, 40))
}


def _read(rng: Rng, design: tuple[int, int, float, float], _: int) -> Read:
    readers, women, gain, skill = design
    return roe_metz(rng, readers=readers, women=women, gain=gain, skill=skill)


def _name_of(figure: ReaderFigure, about: Readers) -> str:
    return f"readers with and without AI, {figure}: {about}"


def _read_told(figure: ReaderFigure, study: Read) -> Told:
    told: Told = {}
    for about in Readers:
        try:
            found = compare_modalities(study.reads, figure, called_from=CALLED_FROM, about=about)
        except TableError:
            told[_name_of(figure, about)] = None
        else:
            told[_name_of(figure, about)] = (found.low, found.high)
    return told


def _read_true(study: Read) -> Mapping[str, float]:
    """Ratings are normal, so the truth is known: of these readers, and of readers like them."""
    true = {}
    for about, means, spread in (
        (Readers.FIXED, study.means, 0.0),
        (Readers.RANDOM, study.like, 0.02),
    ):
        aucs = norm.cdf(means / np.sqrt(2 + spread))
        found = norm.cdf((means - CALLED_FROM) / np.sqrt(1 + spread))
        true[_name_of(ReaderFigure.AUC, about)] = float(np.mean(aucs[1] - aucs[0]))
        true[_name_of(ReaderFigure.SENSITIVITY, about)] = float(np.mean(found[1] - found[0]))
        true[_name_of(ReaderFigure.SPECIFICITY, about)] = 0.0
    return true


# Parts of the cases


PART_THRESHOLD: Final = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Where parts are not alike, a cancer is plainer in one of them."""

    ill: int
    count: int
    column: str = "view"
    alike: bool = True
    auc: float = 0.78

    @property
    def words(self) -> str:
        alike = "alike" if self.alike else "unlike"
        return f"{self.ill} of {self.count}, AUC {self.auc:g}, by {self.column}, {alike}"


CUTS: Final = tuple(
    Cut(ill=ill, count=count, column=column, alike=alike, auc=auc)
    for (ill, count, columns, auc), alike in product(
        (
            (24, 300, ("view",), 0.98), (60, 200, ("view", "site"), 0.78),
            (170, 500, ("view", "site"), 0.78), (170, 500, ("view", "site"), 0.98),
        ),
        (True, False),
    )
    for column in columns
)  # fmt: skip


def in_parts(rng: Rng, design: Cut, times: int = 1) -> dict[str, list[Slice]]:
    """Two images of each woman, CC and MLO; women are of three sites."""
    women, column = times * design.count, design.column
    positive = np.repeat(np.arange(women) % design.count < design.ill, 2)
    site = np.repeat(rng.choice(list("ABC"), women), 2)
    view = np.tile(["CC", "MLO"], women)
    plainer = np.where((view == "CC") if column == "view" else (site == "A"), 0.5, 0.0)
    seen = np.repeat(rng.normal(size=women), 2) + 0.5 * rng.normal(size=2 * women)
    skill = skill_of(design.auc) * np.sqrt(1.25)
    score = norm.cdf(seen + (skill + (not design.alike) * plainer) * positive)
    value = view if column == "view" else site
    woman = np.repeat(np.arange(women), 2)
    parts = [
        _part(name, woman[value == name], positive[value == name], score[value == name])
        for name in sorted(set(map(str, value)))
    ]
    return {column: parts}


def _part(
    name: str, woman: NDArray[np.intp], positive: NDArray[np.bool_], score: NDArray[np.float64]
) -> Slice:
    """As `slices_of` cuts it from a table, which takes fifty times as long (a test compares)."""
    cases = replace(
        cases_of(score, positive, images=1), groups=np.unique(woman, return_inverse=True)[1]
    )
    women = tuple(f"w{number}" for number in woman)
    return slice_of(name, cases, women=women, threshold=PART_THRESHOLD)


GAPS_AT_ONCE: Final = "gaps between parts, in AUC and rates at once"


def _figures_of(cuts: Mapping[str, list[Slice]]) -> Mapping[tuple[str, str], float]:
    """By figure and part."""
    found = {}
    for (part,) in zip(*cuts.values(), strict=True):
        called = part.cases.score >= PART_THRESHOLD
        ill = part.cases.positive
        found |= {
            ("AUC", part.name): part.auc.value if part.auc else float("nan"),
            ("sensitivity", part.name): float(called[ill].mean()),
            ("specificity", part.name): float((~called[~ill]).mean()),
            ("recall rate", part.name): float(called.mean()),
            ("share with cancer less mean score", part.name): float(
                (ill - part.cases.score).mean()
            ),
        }
    return found


def held_of_gaps(number: int, studies: int) -> dict[str, list[bool | None]]:
    """Gaps are picked and their intervals hold at once: a study is held where all shown are."""
    design, rng = CUTS[number], np.random.default_rng(number)
    true = _figures_of(in_parts(rng, design, LARGE // design.count))
    held: list[bool | None] = []
    for _ in range(studies):
        found = gaps_between(in_parts(rng, design), PART_THRESHOLD)
        in_auc = [
            gap.low <= true["AUC", gap.better] - true["AUC", gap.worse] <= gap.high
            for gap in found.in_auc.values()
        ]
        in_rates = [
            gap.low <= true[gap.figure, gap.higher] - true[gap.figure, gap.lower] <= gap.high
            for gap in found.in_rates
        ]
        held.append(all([*in_auc, *in_rates]) if in_auc or in_rates else None)
    return {GAPS_AT_ONCE: held}


ENTRIES: Final = (
    *(
        Entry(
            title=f"readers, {figure}", designs=_READ, drawn=_read,
            told=partial(_read_told, figure), true=_read_true, size=lambda one: one[1],
            is_own=True,
        )
        for figure in ReaderFigure
    ),
    Entry(
        title="net benefit",
        designs=_ALONE, drawn=_one_model, told=_worth_told, size=lambda one: one[1],
        true=lambda study: {"net benefit": _worth(study)},
    ),
    Entry(
        title="difference in net benefit",
        designs=_PAIRS, drawn=_two, told=_worths_told, size=lambda one: one[1],
        true=lambda study: {"difference in net benefit": _worths_apart(study)},
    ),
    Entry(
        title="marks",
        designs=_MARKED, drawn=marked, told=_marked_told, true=_marked_true,
        size=lambda one: one[1], large=40_000,
    ),
    Entry(
        title="partial AUC",
        designs=_ALONE | _FEWEST, drawn=_one_model, told=_partial_told, size=lambda one: one[1],
        true=lambda study: {"partial AUC": partial_auc(study.cases, HIGH)},
    ),
    Entry(
        title="difference in partial AUC",
        designs=_PAIRS, drawn=_two, told=_partials_told, size=lambda one: one[1],
        true=lambda study: {
            "difference in partial AUC": partial_auc(study.models[0], HIGH)
            - partial_auc(study.models[1], HIGH)
        },
    ),
)  # fmt: skip
