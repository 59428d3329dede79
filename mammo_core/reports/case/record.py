"""A read case as its exports need it: plain data, gathered once, written in many forms.

Nothing here knows what a reader's computer calls a file, so no export can.
"""

import hashlib
import hmac
import io
import json
import uuid
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mammo_core import __version__
from mammo_core.inference.verdict import (
    ScoredCase,
    completeness_in_words,
    promise_in_words,
    verdict_on,
)
from mammo_core.preprocessing.cases import CaseImage
from mammo_core.preprocessing.reading.identity import keyed_id
from mammo_core.reading import OWN_METHOD, Reading, Region, ShownMap, share_in_words
from mammo_core.records import to_document
from mammo_core.runs.card import ModelCard
from mammo_core.runs.operating_points import LockedPoint
from mammo_core.types import Window
from mammo_core.words import OUTSIDE, many


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadImage:
    """One image of a case: what is known of it, the picture to show, and its reading if any; not
    what a reader's computer calls its file.
    """

    about: CaseImage
    pixels: NDArray[np.uint16]  # as on the screen, perhaps smaller than the original
    reduction: float  # original pixels per pixel of `pixels`
    windows: tuple[Window, ...]  # in units of `pixels`; the first is the one to show
    reading: Reading | None
    method: str = ""  # of the heatmap, as a reader knows it: "Grad-CAM"
    heat: NDArray[np.uint8] | None = None  # covers the whole frame; 255 is full colour
    regions: tuple[Region, ...] = ()
    unread: str = ""  # why there is no reading, in words
    remark: str = ""  # what must stand beside this model's score of this image

    def __post_init__(self) -> None:
        object.__setattr__(self, "about", replace(self.about, name=""))

    @property
    def title(self) -> str:
        return self.about.title

    @property
    def shown_map(self) -> ShownMap | None:
        """None where there is no heatmap."""
        if self.heat is None or self.reading is None:
            return None
        return ShownMap(
            title=self.title, reading=self.reading, heat=self.heat, stands_out=bool(self.regions)
        )

    @property
    def scale(self) -> str:
        """What its heatmap's colours mean, and how high they go."""
        shown = self.shown_map
        return "" if shown is None else scales_in_words([shown])

    @property
    def stamp(self) -> str:
        """What every form of this image's score must bear; "" where there is nothing."""
        return OUTSIDE if self.reading is not None and self.reading.outside else ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadCase:
    """Everything a reader may take away of a case read with one checkpoint."""

    case_id: str
    card: ModelCard
    images: tuple[ReadImage, ...]
    read_at: datetime
    scores: tuple[ScoredCase, ...]  # of breasts, exams and images, in the order to show them
    point: LockedPoint | None = None  # the threshold in force, where there is one
    usual_images: int | None = None  # of a case on which the threshold was set
    refused: int = 0  # files of it that could not be read

    @property
    def missing(self) -> str:
        """What of the case no score says anything about; "" where it was read whole."""
        count = len(self.images) + self.refused
        unscored = sum(image.reading is None for image in self.images)
        of = f"of {many(count, 'image', 'images')} could not be"
        parts = [f"{self.refused} {of} read."] * bool(self.refused)
        parts += [f"{unscored} {of} scored."] * bool(unscored)
        return " ".join(parts)

    @property
    def name(self) -> str:
        """Short enough for a file's name, and made by this program alone."""
        return f"case_{self.case_id[:12]}"

    @property
    def positive(self) -> str:
        return " or ".join(self.card.task.positive)

    @property
    def stamp(self) -> str:
        return next((image.stamp for image in self.images if image.stamp), "")

    def numbers_of(self, scored: ScoredCase) -> list[int]:
        """The images a score comes from, by their number in the case."""
        ids = {image.ref.image_id for image in scored.images}
        return [image.about.number for image in self.images if image.about.ref.image_id in ids]


def regions_in_words(image: ReadImage) -> list[str]:
    """Numbered as their boxes on the picture are."""
    return [
        f"{number}: {region.share:.0%} of the evidence" + (f", {region.words}" * bool(region.words))
        for number, region in enumerate(image.regions, start=1)
    ]


def flat_in_words(flat: int, *, of: int) -> str:
    """What to say where so many of the maps are the same everywhere; "" where none is."""
    if not flat:
        return ""
    which = "The map" if flat == of else f"In {flat} of the {of} images the map"
    return f"{which} is the same everywhere: it shows nothing."


_RELATIVE: Final = "Colours are relative: some point of every image is full colour."
FULL_COLOUR: Final = "Full colour: what 1 in 200 images of other classes reaches."
OWN_COLOUR: Final = "Full colour: 1 on the network's own scale, which goes from 0 to 1."


def _scale_of(reading: Reading) -> str:
    if reading.is_relative:
        return _RELATIVE
    return OWN_COLOUR if reading.method == OWN_METHOD else FULL_COLOUR


def scales_in_words(maps: Sequence[ShownMap]) -> str:
    """What full colour means on heatmaps that lie side by side, and how near those come to it in
    which nothing stands out.
    """
    return " ".join(filter(None, (meaning_in_words(maps), below_in_words(maps))))


def meaning_in_words(maps: Sequence[ShownMap]) -> str:
    """What full colour means on heatmaps that lie side by side, and which have no colour at all."""
    coloured = [one.reading for one in maps if not one.reading.is_flat]
    flat = flat_in_words(len(maps) - len(coloured), of=len(maps))
    scales = [*dict.fromkeys(_scale_of(one) for one in coloured)]
    return " ".join(filter(None, (*scales, flat)))


def below_in_words(maps: Sequence[ShownMap]) -> str:
    """How near the strongest of those maps comes to full colour in which nothing stands out: it may
    be seen to glow; "" where there are none.
    """
    below, of = [one for one in maps if one.is_below], sum(not one.reading.is_flat for one in maps)
    if not below:
        return ""
    strongest = max(below, key=lambda one: one.highest)
    share = share_in_words(strongest.highest)
    if of == 1:
        return f"No region stands out: the map reaches {share} of it."
    where = f"the strongest of them, {strongest.title}, reaches {share} of it"
    if len(below) == of:
        return f"In none of the {of} images does a region stand out: {where}."
    return f"In {len(below)} of the {of} images no region stands out: {where}."


def verdict_in_words(case: ReadCase, scored: ScoredCase) -> str:
    """On which side of the threshold, what that threshold promised, and what is missing; that there
    is none for a kind of image the model does not know; "" where no threshold was set for such
    scores.
    """
    promise = "" if case.point is None else promise_in_words(case.point, case.positive)
    return _verdict(case, scored, promise)


def side_in_words(case: ReadCase, scored: ScoredCase) -> str:
    """The same without the promise, for where that is told once for all cases."""
    return _verdict(case, scored, "")


def _verdict(case: ReadCase, scored: ScoredCase, promise: str) -> str:
    if scored.is_outside:
        return f"{OUTSIDE}: no verdict."
    verdict = verdict_on(scored, case.point)
    if verdict is None:
        return ""
    usual = case.usual_images
    missing = "" if usual is None else completeness_in_words(scored, usual)
    return " ".join(filter(None, (verdict.in_words, promise, missing)))


def seed_of(case: ReadCase) -> str:
    """What decides the UIDs of all that is made of `case`: everything that they tell, but not when
    it was read. The same reading made again takes the place of itself; another model, threshold or
    image makes others.
    """
    told = {
        "program": __version__,
        "model": to_document(case.card),
        "missing": case.missing,
        "images": [_told_of(image) for image in case.images],
        "scores": [_told_of_score(scored, case) for scored in case.scores],
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _told_of(image: ReadImage) -> list[Any]:
    reading, ref = image.reading, image.about.ref
    read = () if reading is None else (reading.engine, round(reading.score, 6), reading.outside)
    regions = [
        [
            one.words,
            round(one.share, 3),
            *(round(edge, 1) for edge in to_document(one.box).values()),
        ]
        for one in image.regions
    ]
    about = (ref.image_id, ref.side, ref.view, image.title, image.method, image.scale, image.remark)
    return [*about, image.unread, *read, *regions]


def _told_of_score(scored: ScoredCase, case: ReadCase) -> list[Any]:
    verdict = verdict_on(scored, case.point)
    limits = () if verdict is None else (round(verdict.threshold, 6), verdict.is_above)
    about = (scored.level, scored.title, case.numbers_of(scored), round(scored.score, 6))
    return [*about, scored.is_outside, verdict_in_words(case, scored), *limits]


_PREFIX: Final = "MS-"
_DIGITS: Final = 12  # 16 characters are the most a study's id may have (PS3.5 6.2, SH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pseudonyms:
    """For the images of one case. Those of no known woman or exam are taken for one."""

    key: bytes
    case_id: str

    def patient(self, image: CaseImage) -> str:
        return self._short("patient", image.ref.patient_id)

    def exam(self, image: CaseImage) -> str:
        return self._short("exam", image.ref.exam_id)

    def image_uid(self, image: CaseImage) -> str:
        return self.uid("image", image.ref.image_id)

    def study_uid(self, image: CaseImage) -> str:
        return self.uid("study", self.exam(image))

    def uid(self, what: str, *values: str) -> str:
        """PS3.5 B.2: 2.25 and a UUID as one number; here a UUID made of a keyed hash."""
        message = "\0".join((f"uid {what}", *values)).encode()
        digest = hmac.new(self.key, message, "sha256").digest()
        return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"

    def _short(self, what: str, known: str | None) -> str:
        value = known or f"case {self.case_id}"
        return _PREFIX + keyed_id(self.key, f"exported {what}", value.encode())[:_DIGITS]


#: A zip of the same files is the same zip.
_NO_TIME: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    name: str  # with forward slashes
    content: bytes


def view_name(image: ReadImage) -> str:
    """ "1_R_CC": number, and side and view as far as known."""
    ref = image.about.ref
    return "_".join(str(part) for part in (image.about.number, ref.side, ref.view) if part)


def to_zip(files: Iterable[CaseFile], *, folder: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            entry = zipfile.ZipInfo(f"{folder}/{file.name}", date_time=_NO_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.content)
    return stream.getvalue()


def opening_in_words(images: Sequence[CaseImage]) -> str:
    """How long it took to decode and to mask `images` when they were opened."""
    timed = [image for image in images if image.decoding_seconds is not None]
    if len(timed) < len(images):
        return "How long decoding took is not known: the images were opened before it was timed."
    decoding = sum(image.decoding_seconds or 0.0 for image in timed)
    masking = sum(image.masking_seconds or 0.0 for image in timed)
    each = ""
    if len(timed) > 1:
        longest = max(timed, key=lambda image: image.decoding_seconds or 0.0)
        each = f"; the longest {longest.title}, {longest.info.kind}, {longest.decoding_seconds:.2f}"
    return (
        f"When the files were opened: decoding {decoding:.2f} s{each}, masking what lies outside "
        f"the breast {masking:.2f} s."
    )
