"""A read case on one page to print: pictures inside the file, every text escaped, no script."""

import base64
from collections.abc import Iterable
from datetime import UTC
from html import escape
from typing import Final

from mammo_core import __version__
from mammo_core.inference.verdict import said_once
from mammo_core.metrics.cases import Pooling
from mammo_core.reports.case.picture import COLOUR_MAPS, Colours, Look, small_pictures, to_jpeg
from mammo_core.reports.case.record import (
    Pseudonyms,
    ReadCase,
    ReadImage,
    regions_in_words,
    scales_in_words,
    verdict_in_words,
)
from mammo_core.words import NOTICE

_STYLE: Final = """
@page { size: A4; margin: 11mm; }
* { box-sizing: border-box; }
body { font: 9pt/1.3 system-ui, sans-serif; color: #14181d; max-width: 188mm; margin: 6mm auto; }
h1 { font-size: 13pt; margin: 0; }
h2 { font-size: 10pt; margin: 2.5mm 0 0.8mm; }
p, ul { margin: 0 0 1.2mm; }
ul { padding-left: 5mm; }
.notice { border: 1.5pt solid #9a3412; color: #9a3412; font-weight: 600; padding: 1.2mm 2.5mm;
  margin: 2mm 0; }
.quiet { color: #4b5563; font-size: 8.5pt; }
table { border-collapse: collapse; width: 100%; }
td { text-align: left; vertical-align: top; padding: 0.8mm 3mm 0.8mm 0;
  border-bottom: 0.5pt solid #d1d5db; }
td { min-width: 13mm; }
td:first-child { white-space: nowrap; }
td.score { font-variant-numeric: tabular-nums; font-weight: 600; }
.views { display: grid; gap: 2mm; grid-template-columns: repeat(var(--columns), minmax(0, 1fr)); }
figure { margin: 0; break-inside: avoid; display: flex; flex-direction: column; }
.pair { display: flex; flex-direction: column; gap: 1mm; }
.alone .pair { flex-direction: row; }
img { display: block; width: 100%; max-height: 64mm; object-fit: contain; background: #101216; }
.alone img { width: 50%; max-height: 112mm; }
figcaption { font-size: 8.5pt; margin-bottom: 0.8mm; }
.bar { display: inline-block; width: 40mm; height: 2.5mm; vertical-align: middle; }
@media print { body { margin: 0 auto; print-color-adjust: exact; } }
"""
_LONGEST: Final = 900  # pixels; two pictures of each of four views share a page
_MOST_COLUMNS: Final = 4
#: A viewer of the file fetches nothing and runs nothing, whatever a text in it may look like.
_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def to_html(case: ReadCase, pseudonyms: Pseudonyms, look: Look) -> str:
    patients = sorted({pseudonyms.patient(image.about) for image in case.images})
    parts = (
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        f"<title>Mammoscope, {escape(case.name)}</title>",
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>Mammogram read by {escape(case.card.title)}</h1>",
        f'<p class="quiet">{escape(", ".join(patients))} (pseudonym) · '
        f"{escape(case.name)} · read {case.read_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC</p>",
        f'<p class="notice">{escape(NOTICE)} A score is not a diagnosis and not a probability '
        "of disease.</p>",
        *_scores(case),
        *_views(case, look),
        *_heatmap_words(case, look),
        *_model(case),
        *_pixels(case),
        f'<p class="quiet">Mammoscope {escape(__version__)}. {escape(NOTICE)}</p>',
        "</body></html>",
    )
    return "\n".join(parts) + "\n"


def _scores(case: ReadCase) -> Iterable[str]:
    """Breasts and exams; the score of an image stands over the image."""
    yield f"<h2>Score for {escape(case.positive)}, from 0 to 1</h2>"
    yield "<table>"
    for scored in said_once(case.scores, case.point):
        titles = ", ".join(image.title for image in scored.images)
        rule = "mean" if scored.rule is Pooling.MEAN else "highest"
        of_images = f"{rule} of {titles}" if len(scored.images) > 1 else titles
        words = verdict_in_words(case, scored)
        yield (
            f"<tr><td>{escape(scored.title)}</td><td class='score'>{scored.score:.3f}</td>"
            f"<td>{escape(of_images)}</td><td>{escape(words)}</td></tr>"
        )
    yield "</table>"
    if case.point is None:
        yield '<p class="quiet">No threshold was set for this model, so there is no verdict.</p>'
    elif not any(verdict_in_words(case, scored) for scored in case.scores):
        yield (
            f'<p class="quiet">The threshold was set by {escape(case.point.level)}; nothing here '
            "is scored as it was, so there is no verdict.</p>"
        )
    else:
        yield (
            f'<p class="quiet">The threshold is {case.point.threshold:.4f} by '
            f"{escape(case.point.level)}, chosen for {escape(case.point.aim)}, locked "
            f"{escape(case.point.locked_at[:10])}.</p>"
        )


def _views(case: ReadCase, look: Look) -> Iterable[str]:
    columns = min(len(case.images), _MOST_COLUMNS)
    kind = "views alone" if columns == 1 else "views"
    yield f'<div class="{kind}" style="--columns: {columns}">'
    for image in case.images:
        with_heat, plain = small_pictures(image, look, longest=_LONGEST)
        title = escape(image.title)
        yield f"<figure><figcaption><b>{title}</b>: {_reading_words(image)}</figcaption>"
        yield '<div class="pair">'
        if image.reading is not None and image.reading.heat is not None:
            yield f'<img alt="{title} with heatmap" src="{_data_uri(with_heat)}">'
        yield f'<img alt="{title} without heatmap" src="{_data_uri(plain)}">'
        yield "</div></figure>"
    yield "</div>"


def _reading_words(image: ReadImage) -> str:
    if image.reading is None:
        return f"no score. {escape(image.unread)}"
    told = (f"score {image.reading.score:.3f}", *regions_in_words(image.reading))
    return escape("; ".join(told))


def _heatmap_words(case: ReadCase, look: Look) -> Iterable[str]:
    readings = [
        image.reading for image in case.images if image.reading and image.reading.heat is not None
    ]
    if not readings:
        return
    stops = ", ".join(f"#{stop}" for stop in COLOUR_MAPS[look.palette].split())
    methods = ", ".join(dict.fromkeys(reading.method for reading in readings))
    yield (
        f'<p class="quiet">Heatmap ({escape(methods)}): none <span class="bar" '
        f'style="background: linear-gradient(to right, {stops})"></span> full colour. It shows '
        f"what moved the score, not the borders of a tumour. "
        f"{escape(scales_in_words(readings))}</p>"
    )


def _model(case: ReadCase) -> Iterable[str]:
    card = case.card
    engines = dict.fromkeys(image.reading.engine for image in case.images if image.reading)
    yield "<h2>The model</h2>"
    yield (
        f"<p>{escape(card.model_id)}, weights {card.weights_sha256[:16]}, "
        f"{escape(', '.join(engines) or 'not run')}. Task: {escape(card.task.title)}. "
        f"Trained on: {escape(card.data.title)}; population: {escape(card.data.population)}; "
        f"reference standard: {escape(card.data.reference_standard)}; labels: "
        f"{escape(card.data.label_rule)}.</p>"
    )
    remarks = _by_sentence((image.remark, image.title) for image in case.images if image.remark)
    limits = [limit for limit in card.limits if limit != NOTICE]  # which stands above
    if limits or remarks:
        yield "<h2>Its limits</h2><ul>"
        yield from (f"<li>{escape(limit)}</li>" for limit in (*limits, *remarks))
        yield "</ul>"


def _pixels(case: ReadCase) -> Iterable[str]:
    """What is the same for several images is told once."""
    told = []
    for image in case.images:
        about = image.about
        by_hand = [f"{' and '.join(about.corrected)} set by hand"] if about.corrected else []
        words = "; ".join((*by_hand, *about.modifiers, *about.notes)) or "nothing"
        told.append((words, f"{image.title} ({about.kind})"))
    yield '<h2>What was done to the pixels</h2><ul class="quiet">'
    yield from (f"<li>{escape(line)}</li>" for line in _by_sentence(told))
    yield "</ul>"


def _by_sentence(told: Iterable[tuple[str, str]]) -> list[str]:
    """What is told of several images, once, after their titles."""
    titles: dict[str, list[str]] = {}
    for sentence, title in told:
        titles.setdefault(sentence, []).append(title)
    return [f"{'; '.join(of_these)}: {sentence}" for sentence, of_these in titles.items()]


def _data_uri(picture: Colours) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(to_jpeg(picture)).decode()}"
