"""What stands around a score: its rank among validation cases, what must be said beside it, how
like the training images its image looks, and how steady it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.errors import TableError
from mammo_core.metrics.calibration import fit_score_map, probabilities_at
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.uncertainty import FEWEST_GROUPS
from mammo_core.partners import (
    Seats,
    is_lone,
    of_own_place,
    partners_among,
    seats_among,
    why_no_seat,
)
from mammo_core.preprocessing.cases import CaseImage
from mammo_core.preprocessing.judge import WHY
from mammo_core.preprocessing.prepare import prepare
from mammo_core.runs.card import ModelCard
from mammo_core.runs.sidecars import Embeddings
from mammo_core.scores import Recalibration, probabilities_of, scores_of
from mammo_core.types import ImageRef, Mammogram, Split
from mammo_core.zoo.published import get_published, slots_of

if TYPE_CHECKING:  # the page that shows scores opens without torch
    from mammo_core.inference.checkpoint import AnyCheckpoint
    from mammo_core.inference.engine import Engine

NARROW: Final = 0.05  # scores that span less look equal at two decimals
_DRAWS: Final = 100
_ENDS: Final = (0.025, 0.975)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rank:
    """How many of the validation cases without cancer score lower."""

    lower: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """A share of such cases that have cancer, at a prevalence; `low` to `high` over other draws of
    the validation women. It is of cases that score so, not of this woman.
    """

    value: float
    low: float
    high: float
    positives: int
    negatives: int


def rank_of(score: float, validation: Cases) -> Rank:
    without = validation.score[~validation.positive]
    return Rank(lower=int((without < score).sum()), of=len(without))


def range_in_words(validation: Cases) -> str:
    """To follow what is told of these cases: between which scores they lie, where two decimals hide
    it; "" elsewhere.
    """
    low, high = float(validation.score.min()), float(validation.score.max())
    if high - low >= NARROW:
        return ""
    return f"All of its scores there lie between {low:.3f} and {high:.3f}."


def chance_at(
    score: float, validation: Cases, *, prevalence: float, seed: int = 0
) -> Chance | None:
    """By Platt's map, fitted on `validation` and carried to `prevalence`.

    None where the women are too few, or where on some draw of them higher scores did not mean
    cancer: then the scores tell too little to make a percentage of.
    """
    if min(validation.positives, validation.negatives) == 0:
        return None
    if validation.group_count < FEWEST_GROUPS:
        return None
    try:
        value = _chance(score, validation, prevalence)
        drawn = [
            _chance(score, resampled, prevalence)
            for resampled in _draws(validation, seed=seed)
            if resampled.positives and resampled.negatives
        ]
    except TableError:
        return None
    low, high = np.quantile(drawn, _ENDS)
    return Chance(
        value=value,
        low=float(low),
        high=float(high),
        positives=validation.positives,
        negatives=validation.negatives,
    )


def _chance(score: float, validation: Cases, prevalence: float) -> float:
    score_map = fit_score_map(validation, Recalibration.PLATT)
    one = replace(validation, score=np.array([score]))
    return float(probabilities_at(one, score_map, prevalence=prevalence).score[0])


def _draws(cases: Cases, *, seed: int) -> list[Cases]:
    """The women drawn again with replacement, with all their cases."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(cases.groups == group) for group in range(cases.group_count)]
    chosen = []
    for _ in range(_DRAWS):
        women = rng.integers(0, len(members), size=len(members))
        rows = np.concatenate([members[woman] for woman in women])
        chosen.append(
            replace(
                cases,
                case_ids=tuple(cases.case_ids[row] for row in rows),
                groups=cases.groups[rows],
                positive=cases.positive[rows],
                score=cases.score[rows],
                images=cases.images[rows],
            )
        )
    return chosen


DICOM = "DICOM"
LONE: Final = (
    "1 of 2 views: this model scores the CC and the MLO of a breast together, and this image stood "
    "in for the one that is missing."
)
UNPLACED: Final = (
    "The view or side of this image is not known, so it was scored beside itself. Set Side and "
    "View under “What was read”: then the two views of a breast are scored together."
)
UNMATCHED: Final = (
    "This image was scored beside itself: its other view may be among the images whose view or "
    "side is not known. Set Side and View under “What was read”."
)
UNCOMPARED: Final = (
    "No rank, no verdict and no familiarity: this model's validation images stood beside their "
    "other view, and here a view or side is not known, so images were scored beside themselves."
)


def why_not(card: ModelCard, mammogram: Mammogram | CaseImage) -> str | None:
    """Why this model does not score this image unasked, as a sentence; None where it does."""
    if mammogram.info.unfit is not None:
        return f"{WHY[mammogram.info.unfit]} It is not scored."
    for kind in _NO_BREAST.intersection(mammogram.info.modifiers):
        return f"The header says that this is a {kind}, not a breast. It is not scored."
    if unseated := why_unseated(card, mammogram):
        return f"{unseated} It is not scored."
    if outside := why_outside(card, mammogram):
        return f"{outside} It is not scored. Choose a model that learnt from mammograms."
    return None


def why_unseated(card: ModelCard, mammogram: Mammogram | CaseImage) -> str:
    """Why this model over several views has no place for this image; "" where it has one."""
    ref = mammogram.ref
    return why_no_seat(ref.side or "", ref.view or "", slots_of(card.model))


def why_outside(card: ModelCard, mammogram: Mammogram | CaseImage) -> str:
    """Why this kind of image is outside what this model knows; "" where it is not."""
    if card.data.seen == "synthetic" and not mammogram.info.is_synthetic:
        return "This model has only seen synthetic images; this is not one of them."
    return ""


#: Modifiers of images that show no breast of a woman.
_NO_BREAST: Final = frozenset({"test phantom", "specimen"})


def why_no_screening_view(mammogram: Mammogram | CaseImage) -> str:
    """That the header calls it another view than those of screening; "" where it does not."""
    others = [one for one in mammogram.info.modifiers if one not in _NO_BREAST]
    if not others:
        return ""
    return (
        f"Not a standard view ({', '.join(others)}): it is scored as if it were one, and a "
        "threshold set on standard views may not hold."
    )


#: What images a model has learnt from, and what an image may be of.
_LEARNT: Final = {"digital": "digital mammograms", "film": "scanned films"}
_IS: Final = {"digital": "Digital image", "film": "Scanned film"}
MEANS_NOTHING: Final = "the score may mean nothing."


def why_unlike(card: ModelCard, mammogram: Mammogram | CaseImage) -> str:
    """That the image was made in another way than all this model learnt from, where both the file
    and the card tell; "" elsewhere.
    """
    learnt, info = _LEARNT.get(card.data.seen), mammogram.info
    is_same = info.imaging in ("", card.data.seen) and not info.is_synthetic
    if learnt is None or is_same:
        return ""
    what = "Drawn image" if info.is_synthetic else _IS[info.imaging]
    return f"{what}, read by a model of {learnt}: {MEANS_NOTHING}"


def unlike_in_words(card: ModelCard) -> str:
    """The short line for an image that is unlike those of the model by its looks alone."""
    return f"Unlike the {_LEARNT.get(card.data.seen, 'images')} it learnt from: {MEANS_NOTHING}"


def remark(card: ModelCard, mammogram: Mammogram | CaseImage) -> str | None:
    """What must stand beside this model's score of this image; None where there is nothing."""
    kinds = card.data.file_kinds
    if not mammogram.info.kind.startswith(DICOM) or DICOM in kinds:
        return None
    if not kinds:
        return (
            "This is a DICOM, and the model's card does not say whether it was ever measured on "
            "DICOM: its figures may not hold here."
        )
    return (
        f"This is a DICOM, and this model was never measured on DICOM (only on {_plural(kinds)})"
        ": its figures may not hold here."
    )


def _plural(kinds: Sequence[str]) -> str:
    return ", ".join(f"{kind}s" if kind.islower() else kind for kind in kinds)


def remarks(card: ModelCard, images: Sequence[Mammogram | CaseImage]) -> list[list[str]]:
    """What must stand beside this model's score of each of `images`, which are read together."""
    found = [
        [
            told
            for told in (why_unlike(card, image), why_no_screening_view(image), remark(card, image))
            if told
        ]
        for image in images
    ]
    if card.model.views == 2:
        refs = [image.ref for image in images]
        for said, ref, is_alone in zip(found, refs, is_lone(partners_among(refs)), strict=True):
            said.extend([_why_alone(ref, refs)] if is_alone else [])
    if card.model.views > 2 and get_published(card.model.backbone).scores != "image":
        refs = [image.ref for image in images]
        rows = seats_among(refs, card.model.views, slots_of(card.model)).rows
        for row, (said, seats) in enumerate(zip(found, rows, strict=True)):
            lacking = int((seats == row).sum()) - 1
            if lacking > 0:
                said.append(
                    f"{lacking} of the {card.model.views} views of an exam that this model wants "
                    "are not here; the image itself takes their place."
                )
    return found


def why_uncompared(card: ModelCard, refs: Sequence[ImageRef]) -> str:
    """Why scores of images read together are held against no others; "" where they may be."""
    is_unsure = card.model.views == 2 and len(refs) > 1 and not all(map(_is_placed, refs))
    return UNCOMPARED if is_unsure else ""


def _why_alone(ref: ImageRef, among: Sequence[ImageRef]) -> str:
    """One image alone lacks the other; of several, an unknown one may be the other."""
    if len(among) == 1 or all(map(_is_placed, among)):
        return LONE
    return UNMATCHED if _is_placed(ref) else UNPLACED


def _is_placed(ref: ImageRef) -> bool:
    return ref.side is not None and ref.view is not None


#: The distance is that to the fifth nearest: one odd training image makes nothing familiar.
NEIGHBOURS: Final = 5
#: From this share of validation images nearer, an image is called unlike.
UNLIKE: Final = 0.99
#: With fewer validation images, "further than all of them" means little.
LEAST_REFERENCES: Final = 20

#: A number that never varied in training would make every other value infinitely far.
_LEAST_SPREAD: Final = 1e-3

Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True, kw_only=True)
class Familiarity:
    """How many of the validation images lie nearer to the training images than this one."""

    nearer: int
    of: int

    @property
    def is_unlike(self) -> bool:
        return self.nearer >= UNLIKE * self.of

    @property
    def in_words(self) -> str:
        told = f"{self.nearer:,} of {self.of:,} validation images"
        if self.is_unlike:
            return (
                "Unlike the images this model learnt from: further from them than "
                f"{told}. Is it a photo, a chest film, or from another vendor? Its score may mean "
                "nothing."
            )
        return f"Further from the training images than {told}."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reference:
    """The training images, and the distances of the validation images to them."""

    training: NDArray[np.float32]
    distances: NDArray[np.float32]  # rising
    mean: NDArray[np.float32]
    spread: NDArray[np.float32]
    kept: Embeddings


def make_reference(kept: Embeddings) -> Reference | None:
    """None where too few images are kept to tell by."""
    training, validation = kept.of(Split.TRAIN), kept.of(Split.VAL)
    if len(validation) < LEAST_REFERENCES or len(training) < NEIGHBOURS:
        return None
    mean, spread = training.mean(axis=0), np.maximum(training.std(axis=0), _LEAST_SPREAD)
    training, validation = (training - mean) / spread, (validation - mean) / spread
    return Reference(
        training=training,
        distances=np.sort(_distances(validation, training)),
        mean=mean,
        spread=spread,
        kept=kept,
    )


def familiarity(embedding: Floats, reference: Reference) -> Familiarity:
    seen = reference.kept.place(embedding)
    placed = np.asarray((seen - reference.mean) / reference.spread, dtype=np.float32)
    (distance,) = _distances(placed[None], reference.training)
    nearer = int(np.searchsorted(reference.distances, distance, side="left"))
    return Familiarity(nearer=nearer, of=len(reference.distances))


def _distances(vectors: NDArray[np.float32], training: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of each vector to its NEIGHBOURS-th nearest of `training`, without all differences at once:
    |a - b|^2 = |a|^2 + |b|^2 - 2 ab.
    """
    squares = (vectors**2).sum(axis=1)[:, None] + (training**2).sum(axis=1)
    squares = squares - 2.0 * (vectors @ training.T)
    near = np.partition(squares, NEIGHBOURS - 1, axis=1)[:, NEIGHBOURS - 1]
    return np.asarray(np.sqrt(np.maximum(near, 0.0)), dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """`likeness` is the cosine of the angle between embeddings: 1 is the same direction."""

    image_id: str
    label: str
    split: str
    title: str  # "R CC", or "" where neither is known
    likeness: float


def nearest(embedding: NDArray[np.floating], kept: Embeddings, *, count: int) -> list[Neighbour]:
    """The `count` most alike, each of another woman: four views of one are one likeness."""
    seen = kept.place(embedding)
    lengths = np.linalg.norm(kept.vectors, axis=1) * np.linalg.norm(seen)
    likeness = (kept.vectors @ seen) / np.maximum(lengths, 1e-12)
    ordered = kept.images.assign(likeness=likeness).sort_values("likeness", ascending=False)
    chosen = ordered.drop_duplicates("group_id").head(count)
    told = chosen[["image_id", "label", "split", "side", "view"]].fillna("").astype(str)
    return [
        Neighbour(
            image_id=image_id,
            label=label,
            split=split,
            title=f"{side} {view}".strip(),
            likeness=float(like),
        )
        for (image_id, label, split, side, view), like in zip(
            told.to_numpy(), chosen["likeness"].to_numpy(), strict=True
        )
    ]


_SHIFT: Final = 1 / 64  # of the longer side


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The score of each look at one image; the first is the image as it is."""

    names: tuple[str, ...]
    scores: tuple[float, ...]

    @property
    def lowest(self) -> float:
        return min(self.scores)

    @property
    def highest(self) -> float:
        return max(self.scores)


def spread_of(
    checkpoint: "AnyCheckpoint",
    engine: "Engine",
    mammogram: Mammogram,
    *beside: Mammogram,
) -> Spread:
    """The scores of `mammogram` as it is, mirrored, and shifted four ways, in one batch.

    A network over several views sees each look with those of `beside` as they are; with itself
    where there is none, or where that is the same image.
    """
    card = checkpoint.card
    settings = card.prepare
    looks = looks_at(prepare(mammogram, settings).pixels)
    batch = np.stack(list(looks.values()))
    together = [mammogram, *(one for one in beside if one.ref != mammogram.ref)]
    slots = slots_of(card.model)
    if slots:
        seats = seats_among([one.ref for one in together], card.model.views, slots).at([0])
    else:  # whoever asks has paired them
        pair = np.array([[0, min(1, len(together) - 1)]], dtype=np.intp)
        seats = Seats(rows=pair, own=np.zeros(1, dtype=np.intp))
    if card.model.views > 1:
        seen = {0: batch} | {
            int(row): np.broadcast_to(prepare(together[row], settings).pixels, batch.shape)
            for row in set(seats.rows[0].tolist()) - {0}
        }
        batch = np.stack([seen[int(row)] for row in seats.rows[0]], axis=1)
    logits = of_own_place(
        engine.run(batch).logits,
        classes=len(card.task.classes),
        own=np.repeat(seats.own, len(batch)),
    )
    scores = scores_of(probabilities_of(logits), card.task)
    return Spread(names=tuple(looks), scores=tuple(scores.tolist()))


def looks_at(pixels: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """`pixels` (channels, height, width) as it is and changed; what a shift bares is the edge."""
    by = max(1, round(max(pixels.shape[1:]) * _SHIFT))
    return {
        "as it is": pixels,
        "mirrored": np.ascontiguousarray(pixels[:, ::-1]),
        "shifted up": _shifted(pixels, rows=-by),
        "shifted down": _shifted(pixels, rows=by),
        "shifted to the chest wall": _shifted(pixels, columns=-by),
        "shifted to the nipple": _shifted(pixels, columns=by),
    }


def _shifted(
    pixels: NDArray[np.float32], *, rows: int = 0, columns: int = 0
) -> NDArray[np.float32]:
    by = max(abs(rows), abs(columns))
    padded = np.pad(pixels, ((0, 0), (by, by), (by, by)), mode="edge")
    height, width = pixels.shape[1:]
    top, left = by - rows, by - columns
    return np.ascontiguousarray(padded[:, top : top + height, left : left + width])
