"""Whether a run that was trained again came out as it did before."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from mammo_core.datasets.predictions import read_predictions
from mammo_core.errors import RunError
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder
from mammo_core.words import many

TOLERANCE: Final = 0.01  # of a score between 0 and 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """Two runs of one set of settings, held against each other. The gaps are the largest there are,
    None where the two have nothing in common.
    """

    weights: int
    weight_gap: float | None
    images: int  # that both scored
    images_apart: int  # that only one of the two scored
    score_gap: float | None
    circumstances: tuple[str, ...] = ()  # what was not as it was then: software, device

    @property
    def is_exact(self) -> bool:
        return self.weight_gap == 0.0 and self.score_gap == 0.0 and not self.images_apart

    def is_within(self, tolerance: float) -> bool:
        gap = self.score_gap
        return gap is not None and gap <= tolerance and not self.images_apart

    def in_words(self, tolerance: float) -> str:
        scored = many(self.images, "image", "images")
        if self.is_exact:
            return (
                f"The same bit for bit: all {self.weights:,} weights, and the scores of {scored}."
            )
        if self.images_apart:
            return (
                f"Not the same: {many(self.images_apart, 'image', 'images')} scored by one of the "
                f"two runs alone, {scored} by both."
            )
        gap = f"the scores of {scored} differ by at most {self.score_gap:.4f}"
        if self.is_within(tolerance):
            return f"The same within the tolerance of {tolerance}: {gap}."
        return f"Not the same: {gap}, the tolerance is {tolerance}."


def refuse_incomplete(run: RunFolder) -> None:
    """Refuse a run that lacks what is compared, or has it damaged: before hours of training."""
    run.card()
    _weights_of(run)
    _scores_of(run)


def hold_against(before: RunFolder, after: RunFolder) -> Reproduction:
    """Compare what both left behind. Runs on other data are refused: they cannot be the same."""
    cards = before.card(), after.card()
    if cards[0].data.fingerprint != cards[1].data.fingerprint:
        raise RunError(
            f"{after.run_id} was trained on other images, labels or splits than {before.run_id}: "
            "its data set has changed since, so it cannot come out the same. Put the data set back "
            "as it was."
        )
    weights, weight_gap = _weights_apart(before, after)
    old, new = (_scores_of(run) for run in (before, after))
    common = old.keys() & new.keys()
    return Reproduction(
        weights=weights,
        weight_gap=weight_gap,
        images=len(common),
        images_apart=len(old.keys() ^ new.keys()),
        score_gap=max((abs(old[image] - new[image]) for image in common), default=None),
        circumstances=tuple(_circumstances(*cards)),
    )


def _weights_apart(before: RunFolder, after: RunFolder) -> tuple[int, float | None]:
    """How many weights there are, and the largest gap; None where the networks are not the same."""
    old, new = _weights_of(before), _weights_of(after)
    count = sum(value.size for value in old.values())
    if {k: v.shape for k, v in old.items()} != {k: v.shape for k, v in new.items()}:
        return count, None
    gaps = [
        float(np.max(np.abs(old[name].astype(float) - new[name].astype(float)), initial=0.0))
        for name in old
    ]
    return count, max(gaps, default=0.0)


def _weights_of(run: RunFolder) -> dict[str, NDArray[Any]]:
    try:
        return load_file(run.weights_file)
    except FileNotFoundError:
        found = "are missing"
    except (OSError, SafetensorError) as error:
        found = f"cannot be read ({error})"
    raise RunError(
        f"The weights of {run.run_id} {found}, so there is nothing to compare. Put "
        f"{run.weights_file.name} back from a copy."
    )


def _scores_of(run: RunFolder) -> dict[tuple[str, str], float]:
    table = read_predictions(run.predictions_file)
    keys = zip(table["split"].astype(str), table["image_id"].astype(str), strict=True)
    return dict(zip(keys, table["score"].astype(float), strict=True))


def _circumstances(before: ModelCard, after: ModelCard) -> Iterator[str]:
    old, new = before.training, after.training
    if old.device != new.device:
        yield f"Trained on {old.device} then, on {new.device} now."
    for name in sorted(old.versions.keys() | new.versions.keys()):
        then, now = (record.versions.get(name, "not noted") for record in (old, new))
        if then != now:
            yield f"{name} {then} then, {now} now."
