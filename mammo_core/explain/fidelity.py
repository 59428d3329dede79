"""Heatmaps held against lesions whose place is known: do they point there, does the score hang on
what they show, and do they show what was learnt?
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from mammo_core.datasets.reading import Dataset
from mammo_core.explain.agreement import agreement_of
from mammo_core.explain.marked import Marked, marked_rows, read_marked
from mammo_core.explain.methods import Method, explain_with
from mammo_core.explain.perturb import deletion_and_insertion, likeness, shuffled
from mammo_core.metrics.means import mean_with_interval
from mammo_core.metrics.uncertainty import rate_with_interval
from mammo_core.partners import partners_of
from mammo_core.preprocessing.prepare import prepare
from mammo_core.preprocessing.read import read_mammogram
from mammo_core.runs.card import ModelCard
from mammo_core.runs.fidelity import Fidelity, Figure
from mammo_core.types import Pixels
from mammo_core.zoo.classifier import Classifier
from mammo_core.zoo.two_views import Beside, TwoViews

#: Networks with shuffled weights that a map is compared with.
SHUFFLES: Final = 3
_UNTIE: Final = 1e-6  # of the highest cell: cells without evidence come in random order


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Explained:
    """A model, its card, and the method that is tried on it."""

    model: Classifier
    card: ModelCard
    method: Method

    def map_of(self, image: Pixels) -> NDArray[np.float32]:
        """Evidence for the positive classes, (rows, columns)."""
        return self._maps(self.model, image, self._positive)

    def map_of_stranger(self, stranger: Classifier, image: Pixels) -> NDArray[np.float32]:
        """For the positive classes or for the others, whichever has more: weights that mean
        nothing speak for one side in all images, and a map without evidence would tell nothing.
        """
        classes = range(len(self.card.task.classes))
        negative = [index for index in classes if index not in self._positive]
        maps = [self._maps(stranger, image, side) for side in (self._positive, negative)]
        return max(maps, key=lambda found: float(found.sum()))

    def scores(self, images: NDArray[np.float32]) -> NDArray[np.float64]:
        with torch.inference_mode():
            shares = self.model(_tensor(images, self.model)).double().softmax(dim=1).cpu().numpy()
        scores: NDArray[np.float64] = shares[:, list(self._positive)].sum(axis=1)
        return scores

    def _maps(
        self, model: Classifier, image: Pixels, positive: Sequence[int]
    ) -> NDArray[np.float32]:
        (found,) = explain_with(self.method, model, _tensor(image[None], model), positive)
        return np.asarray(found)

    @property
    def _positive(self) -> Sequence[int]:
        return self.card.task.positive_indices


def check_fidelity(
    explained: Explained,
    dataset: Dataset,
    *,
    most: int,
    seed: int,
    report: Callable[[int, int, str], None] = lambda _done, _total, _message: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> pd.DataFrame | None:
    """One row per marked image with what `measure` gives, `image_id` and `group_id`; None where it
    was stopped. At most `most` images, whole women drawn by `seed`.
    """
    rows = marked_rows(dataset, explained.card.task, most=most, seed=seed)
    strangers = [shuffled(explained.model, seed=seed + number) for number in range(SHUFFLES)]
    rng = np.random.default_rng(seed)
    paths = dataset.manifest["path"].to_numpy()
    beside = dict(
        zip(dataset.manifest["image_id"], paths[partners_of(dataset.manifest)], strict=True)
    )
    found = []
    for number, (_, row) in enumerate(rows.iterrows()):
        if should_stop():
            return None
        marked = read_marked(dataset, row, explained.card.prepare)
        models = [explained.model, *strangers]
        if explained.model.views == 2:
            partner = read_mammogram(dataset.root / str(beside[row["image_id"]]))
            pixels = prepare(partner, explained.card.prepare).pixels
            models = [_beside(model, pixels) for model in models]
        one, *others = models
        found.append(measure(replace(explained, model=one), marked, others, rng))
        report(number + 1, len(rows), f"Heatmaps: {number + 1} of {len(rows)}")
    return pd.DataFrame(found)


def measure(
    explained: Explained, marked: Marked, strangers: Sequence[Classifier], rng: np.random.Generator
) -> dict[str, float | str]:
    """A row of figures of one image; `strangers` are the model with its weights shuffled."""
    offset = explained.card.heatmap_offset
    evidence = explained.map_of(marked.pixels)
    noise = rng.random(evidence.shape)
    by_map = deletion_and_insertion(
        explained.scores, marked, evidence + _UNTIE * evidence.max() * noise, offset=offset
    )
    by_chance = deletion_and_insertion(explained.scores, marked, noise, offset=offset)
    others = [explained.map_of_stranger(stranger, marked.pixels) for stranger in strangers]
    return {
        "image_id": marked.image_id,
        "group_id": marked.group_id,
        **asdict(agreement_of(evidence, marked, offset=offset)),
        "deletion": by_map[0],
        "chance_deletion": by_chance[0],
        "insertion": by_map[1],
        "chance_insertion": by_chance[1],
        "likeness": float(
            np.mean([likeness(evidence, other, marked, offset=offset) for other in others])
        ),
        "pointing_of_shuffled": float(
            np.mean([agreement_of(other, marked, offset=offset).pointing for other in others])
        ),
    }


def summarise(
    table: pd.DataFrame,
    *,
    method: str,
    dataset: str,
    split: str,
    seed: int,
    measured_at: str,
    card_sha256: str,
) -> Fidelity:
    """The rows of `check_fidelity` as a record to be kept beside the card."""
    groups = pd.factorize(table["group_id"])[0]
    like = mean_with_interval(table["likeness"].to_numpy(), groups)
    return Fidelity(
        method=method,
        dataset=dataset,
        split=split,
        images=len(table),
        women=like.groups,
        pointing=_rate(table, groups),
        energy=_figure(table, "energy", groups),
        overlap=_figure(table, "overlap", groups),
        deletion=_figure(table, "deletion", groups, is_low_good=True),
        insertion=_figure(table, "insertion", groups),
        likeness=like.value,
        likeness_low=_known(like.low),
        likeness_high=_known(like.high),
        pointing_of_shuffled=float(table["pointing_of_shuffled"].mean()),
        seed=seed,
        measured_at=measured_at,
        card_sha256=card_sha256,
    )


def _figure(
    table: pd.DataFrame, name: str, groups: NDArray[np.intp], *, is_low_good: bool = False
) -> Figure:
    """The gain is paired: image by image against its own chance."""
    values, chances = table[name].to_numpy(), table[f"chance_{name}"].to_numpy()
    mean = mean_with_interval(values, groups)
    gain = mean_with_interval(chances - values if is_low_good else values - chances, groups)
    return Figure(
        value=mean.value,
        low=_known(mean.low),
        high=_known(mean.high),
        chance=float(chances.mean()),
        gain=gain.value,
        gain_low=_known(gain.low),
        gain_high=_known(gain.high),
    )


def _rate(table: pd.DataFrame, groups: NDArray[np.intp]) -> Figure:
    """Of yes and no: Wilson, which holds where all are hits; chance is known, it has no spread."""
    rate = rate_with_interval(table["pointing"].to_numpy() > 0.5, groups)
    chance = float(table["chance_pointing"].mean())
    return Figure(
        value=rate.value,
        low=rate.low,
        high=rate.high,
        chance=chance,
        gain=rate.value - chance,
        gain_low=rate.low - chance,
        gain_high=rate.high - chance,
    )


def _beside(model: Classifier, pixels: Pixels) -> Classifier:
    """`model`, over two views, with the other one held still while this one is looked into."""
    assert isinstance(model, TwoViews)
    with torch.no_grad():
        return Beside(model, model.each.features(_tensor(pixels[None], model)))


def _known(number: float) -> float | None:
    return number if np.isfinite(number) else None


def _tensor(images: NDArray[np.float32], model: Classifier) -> torch.Tensor:
    device = next(model.parameters()).device
    return torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32)).to(device)
