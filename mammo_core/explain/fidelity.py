"""Heatmaps held against lesions whose place is known: do they point there, does the score hang on
what they show, and do they show what was learnt?
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from mammo_core.config import PrepareSettings
from mammo_core.datasets.dataset import Dataset
from mammo_core.datasets.splits import whole_groups
from mammo_core.errors import ConfigError, TableError
from mammo_core.explain.cells import Cells, cells_of, shares_in_cells, spread_over_pixels
from mammo_core.explain.methods import Method, explain_with
from mammo_core.explain.regions import cells_around
from mammo_core.metrics.uncertainty import mean_with_interval, rate_with_interval
from mammo_core.partners import partners_of
from mammo_core.preprocessing.breast import find_breast
from mammo_core.preprocessing.prepare import place_box, prepare, resample
from mammo_core.preprocessing.reading.read import read_mammogram
from mammo_core.runs.card import ModelCard
from mammo_core.runs.measured import Fidelity, MeasuredRate
from mammo_core.scores import probabilities_of, scores_of
from mammo_core.tables import positive_of
from mammo_core.types import Box, Geometry, Pixels, Report, Size, Task
from mammo_core.zoo.classifier import Classifier
from mammo_core.zoo.published import slots_of
from mammo_core.zoo.two_views import Beside, TwoViews

_WHITE: Final = np.uint8(255)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Marked:
    """A prepared image, and in its frame the breast and the lesion."""

    image_id: str
    group_id: str
    pixels: Pixels  # (channels, height, width), as the model sees it
    breast: NDArray[np.bool_]
    lesion: NDArray[np.bool_]

    @property
    def size(self) -> Size:
        height, width = self.breast.shape
        return height, width


def marked_rows(dataset: Dataset, task: Task, *, most: int, seed: int) -> pd.DataFrame:
    """The positive images that have a box: `most` of women drawn at random, the last one whole."""
    manifest = dataset.manifest
    is_positive = positive_of(manifest["label"], task).fillna(value=False)
    rows = manifest[is_positive & manifest["image_id"].isin(dataset.boxes["image_id"])]
    if rows.empty:
        raise TableError(
            f"None of the {len(manifest)} images of {dataset.adapter.title} is positive and has a "
            "box, so there is nothing to hold heatmaps against. Choose a data set with boxes."
        )
    women = rows["group_id"].drop_duplicates().sample(frac=1.0, random_state=seed)
    order = rows["group_id"].map({woman: place for place, woman in enumerate(women)})
    return whole_groups(rows.loc[order.sort_values(kind="stable").index], most=most)


def read_marked(dataset: Dataset, row: "pd.Series[str]", settings: PrepareSettings) -> Marked:
    """One image of `marked_rows`, prepared, its boxes drawn in."""
    mammogram = read_mammogram(dataset.root / str(row["path"]), inside=dataset.root)
    prepared = prepare(mammogram, settings)
    breast = find_breast(mammogram.pixels)
    in_frame = resample(breast.view(np.uint8) * _WHITE, prepared.geometry) > 127
    boxes = dataset.boxes[dataset.boxes["image_id"] == row["image_id"]]
    return Marked(
        image_id=str(row["image_id"]),
        group_id=str(row["group_id"]),
        pixels=prepared.pixels,
        breast=np.asarray(in_frame, dtype=np.bool_),
        lesion=draw_boxes(
            [
                Box(x0=x0, y0=y0, x1=x1, y1=y1)
                for x0, y0, x1, y1 in boxes[["x0", "y0", "x1", "y1"]].to_numpy().tolist()
            ],
            prepared.geometry,
        ),
    )


def draw_boxes(boxes: list[Box], geometry: Geometry) -> NDArray[np.bool_]:
    """Where in the prepared frame the boxes of the source lie; each marks a pixel at least."""
    height, width = geometry.prepared_size
    mask = np.zeros((height, width), dtype=np.bool_)
    for box in boxes:
        placed = place_box(box, geometry)
        top, left = max(0, int(placed.y0)), max(0, int(placed.x0))
        bottom, right = max(top + 1, round(placed.y1)), max(left + 1, round(placed.x1))
        mask[top:bottom, left:right] = True
    return mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Of one image; `chance_` is what to expect of a map that knows nothing."""

    pointing: float  # 1 where the map's highest point lies in the lesion, else 0
    chance_pointing: float
    energy: float  # share of the map's evidence that lies in the lesion
    chance_energy: float
    overlap: float  # intersection over union of the lesion and the cells around the peak
    chance_overlap: float


def agreement_of(evidence: NDArray[np.floating], marked: Marked, *, offset: float) -> Agreement:
    """Of a map (rows, columns) that is nowhere negative. A flat map points nowhere.

    A map cannot point finer than its cells, so the lesion is widened by half a cell for pointing,
    and so it is for chance.
    """
    cells = cells_of(evidence.shape, marked.size, offset)
    lesion = shares_in_cells(marked.lesion, cells)
    breast = shares_in_cells(marked.breast, cells)
    widened = _widened(marked.lesion, cells) & marked.breast
    total = float(evidence.sum())
    overlap, chance_overlap = _overlaps(evidence, lesion, breast)
    return Agreement(
        pointing=float(_points_into(evidence, _widened(marked.lesion, cells), cells)),
        chance_pointing=_share_of(widened, marked.breast),
        energy=float((evidence * lesion).sum()) / total if total > 0.0 else 0.0,
        chance_energy=_share_of(marked.lesion & marked.breast, marked.breast),
        overlap=overlap,
        chance_overlap=chance_overlap,
    )


def _points_into(evidence: NDArray[np.floating], area: NDArray[np.bool_], cells: Cells) -> bool:
    if evidence.max() <= evidence.min():
        return False
    row, column = np.unravel_index(int(evidence.argmax()), evidence.shape)
    at = int(cells.row_middles[row]), int(cells.column_middles[column])
    is_in_frame = 0 <= at[0] < area.shape[0] and 0 <= at[1] < area.shape[1]
    return is_in_frame and bool(area[at])


def _widened(lesion: NDArray[np.bool_], cells: Cells) -> NDArray[np.bool_]:
    """By half a cell all around."""
    height = 2 * round((cells.rows[1] - cells.rows[0]) / 2) + 1
    width = 2 * round((cells.columns[1] - cells.columns[0]) / 2) + 1
    grown = cv2.dilate(lesion.astype(np.uint8), np.ones((height, width), dtype=np.uint8))
    return np.asarray(grown > 0, dtype=np.bool_)


def _share_of(area: NDArray[np.bool_], breast: NDArray[np.bool_]) -> float:
    return float(area.sum() / breast.sum()) if breast.any() else 0.0


def _overlaps(
    evidence: NDArray[np.floating], lesion: NDArray[np.floating], breast: NDArray[np.floating]
) -> tuple[float, float]:
    """Of the cells around the peak, and the mean of the same cells laid all over the breast."""
    if evidence.max() <= evidence.min():
        return 0.0, 0.0
    row, column = np.unravel_index(int(evidence.argmax()), evidence.shape)
    members = np.argwhere(cells_around(evidence, (int(row), int(column)))) - (row, column)
    places = np.concatenate([[(row, column)], np.argwhere(breast >= 0.5)])
    laid = places[:, None, :] + members[None, :, :]
    is_on = ((laid >= 0) & (laid < evidence.shape)).all(axis=2)
    rows, columns = np.moveaxis(np.where(is_on[:, :, None], laid, 0), -1, 0)
    shared = np.where(is_on, lesion[rows, columns], 0.0).sum(axis=1)
    overlaps = shared / (is_on.sum(axis=1) + lesion.sum() - shared)
    return float(overlaps[0]), float(overlaps[1:].mean()) if len(overlaps) > 1 else 0.0


Score = Callable[[NDArray[np.float32]], NDArray[np.floating]]

#: Shares of the breast's cells taken away or given back, the first cells being the highest.
STEPS: Final = (0.0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
_BLUR: Final = 1 / 12  # of the image's height (sigma): no lesion is left of it
_LEAST_BREAST: Final = 0.05  # of a cell


def deletion_and_insertion(
    score: Score, marked: Marked, ranks: NDArray[np.floating], *, offset: float
) -> tuple[float, float]:
    """RISE (Petsiuk et al., 2018): the mean score while cells are blurred, from the highest of
    `ranks` (rows, columns) on, and while they are given back to a blurred image. A good map has a
    low first and a high second number.
    """
    cells = cells_of(ranks.shape, marked.size, offset)
    in_breast = shares_in_cells(marked.breast, cells) >= _LEAST_BREAST
    order = np.argsort(-np.where(in_breast, ranks, -np.inf), axis=None, kind="stable")
    place = np.empty(ranks.size, dtype=np.intp)
    place[order] = np.arange(ranks.size)
    turn = spread_over_pixels(place.reshape(ranks.shape), cells, marked.size)
    sharp, blurred = marked.pixels, _blurred(marked.pixels)
    counts = [round(share * int(in_breast.sum())) for share in STEPS]
    deleted = [np.where(turn < count, blurred, sharp) for count in counts]
    inserted = [np.where(turn < count, sharp, blurred) for count in counts]
    scores = score(np.stack(deleted + inserted)).astype(np.float64)
    falling, rising = scores[: len(STEPS)], scores[len(STEPS) :]
    return float(np.trapezoid(falling, STEPS)), float(np.trapezoid(rising, STEPS))


def shuffled(classifier: Classifier, *, seed: int) -> Classifier:
    """A copy whose weights are all there and none in its place (Adebayo et al., 2018)."""
    copied = copy.deepcopy(classifier)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in copied.parameters():
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))
    return copied


def likeness(
    one: NDArray[np.floating], other: NDArray[np.floating], marked: Marked, *, offset: float
) -> float:
    """Spearman's correlation of two maps over the cells of the breast; 0 where either is flat."""
    cells = cells_of(one.shape, marked.size, offset)
    in_breast = shares_in_cells(marked.breast, cells) >= _LEAST_BREAST
    first, second = (pd.Series(values[in_breast]).rank().to_numpy() for values in (one, other))
    if np.ptp(first) == 0.0 or np.ptp(second) == 0.0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _blurred(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    sigma = _BLUR * pixels.shape[1]
    planes = [cv2.GaussianBlur(plane, (0, 0), sigma) for plane in pixels]
    return np.stack(planes).astype(np.float32)


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
            logits = self.model(_tensor(images, self.model)).float().cpu().numpy()
        return scores_of(probabilities_of(logits), self.card.task)

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
    report: Report = lambda _done, _total, _message: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> pd.DataFrame | None:
    """One row per marked image with what `measure` gives, `image_id` and `group_id`; None where it
    was stopped. At most `most` images, whole women drawn by `seed`.
    """
    refuse_places(explained.card)
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
        if isinstance(explained.model, TwoViews):
            path = dataset.root / str(beside[row["image_id"]])
            partner = read_mammogram(path, inside=dataset.root)
            pixels = prepare(partner, explained.card.prepare).pixels
            models = [_beside(model, pixels) for model in models]
        one, *others = models
        found.append(measure(replace(explained, model=one), marked, others, rng))
        report(number + 1, len(rows), f"Heatmaps: {number + 1} of {len(rows)}")
    return pd.DataFrame(found)


def refuse_places(card: ModelCard) -> None:
    """Several frames in one picture, or images that each have a place, make maps that boxes drawn
    into a single frame cannot be held against.
    """
    authors = card.prepare.authors
    if slots_of(card.model) or (authors is not None and authors.frames):
        raise ConfigError(
            f"Heatmaps of {card.title} are made from several pictures together, and are not held "
            "against lesions. Check those of a model over single images."
        )


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
) -> MeasuredRate:
    """The gain is paired: image by image against its own chance."""
    values, chances = table[name].to_numpy(), table[f"chance_{name}"].to_numpy()
    mean = mean_with_interval(values, groups)
    gain = mean_with_interval(chances - values if is_low_good else values - chances, groups)
    return MeasuredRate(
        value=mean.value,
        low=_known(mean.low),
        high=_known(mean.high),
        chance=float(chances.mean()),
        gain=gain.value,
        gain_low=_known(gain.low),
        gain_high=_known(gain.high),
    )


def _rate(table: pd.DataFrame, groups: NDArray[np.intp]) -> MeasuredRate:
    """Of yes and no: Wilson, which holds where all are hits; chance is known, it has no spread."""
    rate = rate_with_interval(table["pointing"].to_numpy() > 0.5, groups)
    chance = float(table["chance_pointing"].mean())
    return MeasuredRate(
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
