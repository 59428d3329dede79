"""What was found when a checkpoint's heatmaps were held against lesions, kept beside its card.

`fidelity.json` is a list, the newest last; each entry names the card it belongs to by its hash.
"""

from dataclasses import dataclass
from typing import Final

from mammo_core.runs.beside import add_beside, of_this_card
from mammo_core.runs.folder import RunFolder
from mammo_core.words import many

FILE_NAME: Final = "fidelity.json"
#: A map that resembles that of shuffled weights so much shows edges, not what was learnt.
WORTHLESS_FROM: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
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
    pointing: Figure  # the highest point lies in the lesion, widened by half a cell
    energy: Figure  # share of the evidence in the lesion
    overlap: Figure  # intersection over union of the lesion and the cells around the peak
    deletion: Figure  # mean score while the highest cells are blurred away: low is good
    insertion: Figure  # mean score while they are given back: high is good
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
            f"The highest point lies in the lesion in {_share(self.pointing)}; "
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


def add_fidelity(run: RunFolder, fidelity: Fidelity) -> None:
    """Keep `fidelity` beside the card of `run`, behind those that are there."""
    add_beside(run, FILE_NAME, fidelity)


def fidelity_of(run: RunFolder) -> list[Fidelity]:
    """What is known of this card's heatmaps, the newest last; one per method, set and split."""
    known = of_this_card(run, FILE_NAME, Fidelity)
    newest = {(one.method, one.dataset, one.split): one for one in known}
    return sorted(newest.values(), key=lambda one: one.measured_at)


def _share(figure: Figure) -> str:
    low, high = (None if end is None else 100 * end for end in (figure.low, figure.high))
    return f"{100 * figure.value:.0f} %{_interval(low, high, '.0f')}"


def _plain(figure: Figure) -> str:
    return f"{figure.value:.3f}{_interval(figure.low, figure.high, '.3f')}"


def _chance(figure: Figure) -> str:
    by_chance = f"by chance, matched for area, {100 * figure.chance:.0f} %"
    return f"{by_chance}." if figure.beats_chance else f"{by_chance}: no better than chance."


def _interval(low: float | None, high: float | None, form: str) -> str:
    if low is None or high is None:
        return " (too few women for an interval)"
    return f" (95 % {low:{form}} to {high:{form}})"
