"""Tests that are shown, an entry each: how often one calls equal things different."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from benchmarks.figures import (
    CALLED_FROM,
    HIGH,
    PART_THRESHOLD,
    WORTH,
    Cut,
    in_parts,
    roe_metz,
)
from benchmarks.women import equal_models, probabilities
from mammo_core.errors import TableError
from mammo_core.metrics.compare import compare_to_best
from mammo_core.metrics.conservative import delivered_of
from mammo_core.metrics.mrmc import ReaderFigure, Readers, compare_modalities
from mammo_core.metrics.net_benefit import net_benefits
from mammo_core.metrics.paired_rates import beside_calls, sensitivities_at
from mammo_core.metrics.partial import partial_aucs
from mammo_core.metrics.subgroups import gaps_between
from mammo_core.metrics.threshold import Aim, choose_threshold
from mammo_core.metrics.uncertainty import rates_at


def _best_claimed(rng: np.random.Generator, count: int, ill: int, size: int) -> bool:
    models = equal_models(rng, count, ill=ill, size=size)
    return any(one.is_clear for one in compare_to_best([*map(str, range(count))], models))


def _specificity_claimed(rng: np.random.Generator, count: int, ill: int, size: int) -> bool:
    models = equal_models(rng, count, ill=ill, size=size)
    found = sensitivities_at([*map(str, range(count))], models, 0.9)
    return any(one.behind is not None and one.behind.is_clear for one in found)


def _reader_claimed(rng: np.random.Generator, count: int, ill: int, size: int) -> bool:
    model, *readers = equal_models(rng, count + 1, ill=ill, size=size)
    return any(beside_calls(model, one.score >= 0.8, looks=count)[1].is_clear for one in readers)


def _promise_doubted(aim: Aim) -> Callable[..., bool]:
    """A threshold is chosen on some women and tried on twice as many others, of whom the same is
    true; its promise is that rate which it was chosen by, of F1 the sensitivity.
    """

    def is_doubted(rng: np.random.Generator, _: int, ill: int, size: int) -> bool:
        (chosen_on,) = equal_models(rng, 1, ill=ill, size=size)
        (others,) = equal_models(rng, 1, ill=2 * ill, size=2 * size)
        point = choose_threshold(chosen_on, aim, 0.9)
        promised = rates_at(chosen_on, point.threshold, is_picked=aim.is_picked)
        delivered = rates_at(others, point.threshold)
        kept = (
            delivered_of(promised.specificity, delivered.specificity)
            if aim is Aim.SPECIFICITY
            else delivered_of(promised.sensitivity, delivered.sensitivity)
        )
        return kept is not None and kept.is_clear

    return is_doubted


def _partial_claimed(rng: np.random.Generator, count: int, ill: int, size: int) -> bool:
    models = equal_models(rng, count, ill=ill, size=size)
    found = partial_aucs([*map(str, range(count))], models, HIGH)
    return any(one.behind is not None and one.behind.is_clear for one in found)


def _worth_claimed(rng: np.random.Generator, count: int, ill: int, size: int) -> bool:
    models = [probabilities(one, 1.4) for one in equal_models(rng, count, ill=ill, size=size)]
    names = [*map(str, range(count))]
    found = net_benefits(names, models, prevalence=ill / size, threshold=WORTH)
    return any(one.behind is not None and one.behind.is_clear for one in found)


def _readers_claimed(figure: ReaderFigure, about: Readers) -> Callable[..., bool]:
    """Fixed readers are all alike, or a model would change what these very readers find."""

    def is_claimed(rng: np.random.Generator, count: int, ill: int, _: int) -> bool:
        reads = roe_metz(rng, readers=count, women=2 * ill, alike=about is Readers.FIXED).reads
        try:
            return compare_modalities(reads, figure, called_from=CALLED_FROM, about=about).is_clear
        except TableError:  # no reader differs from another, so nothing is told
            return False

    return is_claimed


def parts_claimed(rng: np.random.Generator, count: int, ill: int, size: int) -> bool:
    """Two views of the same women, or more sites: is any gap called clear?"""
    cut = Cut(ill=ill, count=size, column="site" if count > 2 else "view")
    found = gaps_between(in_parts(rng, cut), PART_THRESHOLD)
    in_auc = [gap.low > 0 for gap in found.in_auc.values()]
    return any([*in_auc, *(gap.is_clear for gap in found.in_rates)])


Tests = Mapping[str, tuple[Callable[..., bool], tuple[int, ...]]]
TESTS: Final[Tests] = {
    "the best of so many against the others, AUC": (_best_claimed, (2, 5, 10, 20)),
    "so many models at specificity .9": (_specificity_claimed, (2, 5, 10, 20)),
    "so many readers beside the model": (_reader_claimed, (1, 5, 10)),
    **{
        f"delivered against promised, threshold by {words}": (_promise_doubted(aim), (1,))
        for aim, words in (
            (Aim.SENSITIVITY, "sensitivity .9"),
            (Aim.SPECIFICITY, "specificity .9"),
            (Aim.F1, "F1"),
        )
    },
}
OWN_TESTS: Final[Tests] = {
    "the best of so many against the others, partial AUC": (_partial_claimed, (2, 5)),
    "the best of so many against the others, net benefit": (_worth_claimed, (2, 5, 10, 20)),
    **{
        f"so many readers with and without AI, {figure}: {about}": (
            _readers_claimed(figure, about),
            (3, 5, 10),
        )
        for figure, about in product(ReaderFigure, Readers)
    },
    "gaps between so many parts, in AUC or rates": (parts_claimed, (2, 3)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One test in one design: so many models, readers or parts, and women with cancer among all."""

    name: str
    claims: Callable[..., bool]
    count: int
    ill: int
    size: int

    @property
    def design(self) -> str:
        return f"{self.count}; {self.ill} of {self.size}"

    def claimed_in(self, studies: int) -> float:
        rng = np.random.default_rng(self.count + self.size)
        return float(
            np.mean([self.claims(rng, self.count, self.ill, self.size) for _ in range(studies)])
        )


def designs_of(tests: Tests) -> Iterator[Claim]:
    for (name, (claims, counts)), (ill, size) in product(
        tests.items(), ((10, 500), (34, 100), (60, 200))
    ):
        for count in counts:
            yield Claim(name=name, claims=claims, count=count, ill=ill, size=size)
