"""A read case on one page to print: pictures inside the file, every text escaped, no script."""

from collections.abc import Iterable
from datetime import UTC
from typing import Final

from mammo_core import __version__
from mammo_core.html import jpeg_uri, render
from mammo_core.inference.verdict import ScoredCase, promise_in_words, said_once
from mammo_core.metrics.cases import Pooling
from mammo_core.reading import shown_in_words
from mammo_core.reports.case.picture import COLOUR_MAPS, Appearance, small_pictures, to_jpeg
from mammo_core.reports.case.record import (
    Pseudonyms,
    ReadCase,
    ReadImage,
    regions_in_words,
    scales_in_words,
    side_in_words,
)
from mammo_core.words import NOTICE, day_in_words

_LONGEST: Final = 900  # pixels; two pictures of each of four views share a page
_MOST_COLUMNS: Final = 4


def to_html(case: ReadCase, pseudonyms: Pseudonyms, look: Appearance) -> str:
    readings = [image.reading for image in case.images if image.reading]
    remarks = _by_sentence((image.remark, image.title) for image in case.images if image.remark)
    limits = [limit for limit in case.card.limits if limit != NOTICE]  # which stands above
    values = {
        "case": case,
        "patients": sorted({pseudonyms.patient(image.about) for image in case.images}),
        "read_at": f"{case.read_at.astimezone(UTC):%Y-%m-%d %H:%M}",
        "scores": [_score(case, scored) for scored in said_once(case.scores, case.point)],
        "threshold": _threshold(case),
        "views": [_view(image, look) for image in case.images],
        "columns": min(len(case.images), _MOST_COLUMNS),
        "heatmaps": _heatmaps(case, look),
        "engines": ", ".join(dict.fromkeys(reading.engine for reading in readings)),
        "limits": [*limits, *remarks],
        "pixels": _pixels(case),
        "version": __version__,
    }
    return render("case.html", values)


def _score(case: ReadCase, scored: ScoredCase) -> dict[str, object]:
    """Of a breast or an exam; the score of an image stands over the image."""
    titles = ", ".join(image.title for image in scored.images)
    rule = "mean" if scored.rule is Pooling.MEAN else "highest"
    return {
        "title": scored.title,
        "score": scored.score,
        "of_images": f"{rule} of {titles}" if len(scored.images) > 1 else titles,
        "verdict": side_in_words(case, scored),
    }


def _threshold(case: ReadCase) -> str:
    point = case.point
    if case.scores and all(scored.is_outside for scored in case.scores):
        return "No threshold was set on such images, so there is no verdict."
    if point is None:
        return "No threshold was set for this model, so there is no verdict."
    if not any(side_in_words(case, scored) for scored in case.scores):
        return (
            f"The threshold was set by {point.level}; nothing here is scored that way, so there "
            "is no verdict."
        )
    day = day_in_words(point.locked_at)
    since = "it comes with the model" if point.comes_with_model else f"locked {day}"
    return (
        f"The threshold is {point.threshold:.4f} by {point.level}, chosen for {point.aim}; {since}."
        f" {promise_in_words(point, case.positive)}"
    )


def _view(image: ReadImage, look: Appearance) -> dict[str, object]:
    with_heat, plain = small_pictures(image, look, longest=_LONGEST)
    words = f"no score. {image.unread}"
    if image.reading is not None:
        told = (f"score {image.reading.score:.3f}", image.stamp, *regions_in_words(image))
        words = "; ".join(filter(None, told))
    return {
        "title": image.title,
        "words": words,
        "with_heat": jpeg_uri(to_jpeg(with_heat)) if image.heat is not None else "",
        "plain": jpeg_uri(to_jpeg(plain)),
    }


def _heatmaps(case: ReadCase, look: Appearance) -> dict[str, str]:
    """How they are made and what their colours mean; empty where there are none."""
    images = [image for image in case.images if image.heat is not None]
    if not images:
        return {}
    return {
        "methods": ", ".join(dict.fromkeys(image.method for image in images)),
        "stops": ", ".join(f"#{stop}" for stop in COLOUR_MAPS[look.palette].split()),
        "shown": ", ".join(
            dict.fromkeys(shown_in_words(i.reading.method) for i in images if i.reading)
        ),
        "scales": scales_in_words([image.shown_map for image in images if image.shown_map]),
    }


def _pixels(case: ReadCase) -> list[str]:
    """What is the same for several images is said once."""
    lines = []
    for image in case.images:
        about = image.about
        by_hand = [f"{' and '.join(about.corrected)} set by hand"] if about.corrected else []
        words = "; ".join((*by_hand, *about.info.modifiers, *about.info.notes)) or "nothing"
        lines.append((words, f"{image.title} ({about.info.kind})"))
    return _by_sentence(lines)


def _by_sentence(lines: Iterable[tuple[str, str]]) -> list[str]:
    """What holds for several images, once, after their titles."""
    titles: dict[str, list[str]] = {}
    for sentence, title in lines:
        titles.setdefault(sentence, []).append(title)
    return [f"{'; '.join(of_these)}: {sentence}" for sentence, of_these in titles.items()]
