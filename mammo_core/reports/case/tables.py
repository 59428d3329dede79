"""A read case as a table to take away: what was read, what was corrected by hand, what came out."""

import json
from datetime import UTC
from typing import Any, Final

import pandas as pd

from mammo_core import __version__
from mammo_core.inference.verdict import ScoredCase, verdict_on
from mammo_core.reading import Reading
from mammo_core.records import to_document
from mammo_core.reports.case.record import (
    Pseudonyms,
    ReadCase,
    ReadImage,
    verdict_in_words,
)
from mammo_core.tables import to_safe_csv
from mammo_core.words import NOTICE, OUTSIDE


def to_csv(case: ReadCase) -> str:
    return to_safe_csv(case_rows(case))


def case_rows(case: ReadCase) -> pd.DataFrame:
    """One row per image of `case`; an image without a score keeps its row."""
    rows = []
    for image in case.images:
        about, reading = image.about, image.reading
        rows.append(
            {
                "image": about.number,
                "sha256": about.ref.image_id,
                "side": about.ref.side,
                "view": about.ref.view,
                "set_by_hand": " and ".join(about.corrected),
                "score": reading.score if reading else None,
                "stamp": f"{image.stamp}. {reading.outside}" if reading and image.stamp else "",
                "model": case.card.model_id if reading else None,
                "weights_sha256": case.card.weights_sha256 if reading else None,
                "engine": reading.engine if reading else None,
                "notes": "; ".join(n for n in (image.unread, image.remark, *about.info.notes) if n),
                "notice": NOTICE,
            }
        )
    return pd.DataFrame(rows)


SCHEMA_VERSION: Final = 1


def to_json(case: ReadCase, pseudonyms: Pseudonyms) -> str:
    """Ids are pseudonyms, the same at every export of this installation; sizes are (rows, columns),
    boxes and pixels those of the original images.
    """
    document = {
        "schema_version": SCHEMA_VERSION,
        "kind": "mammoscope read case",
        "notice": NOTICE,
        "stamp": case.stamp or None,
        "program": f"Mammoscope {__version__}",
        "read_at": case.read_at.astimezone(UTC).isoformat(timespec="seconds"),
        "model": _model(case),
        "images": [_image(image, case, pseudonyms) for image in case.images],
        "scores": [_score(scored, case) for scored in case.scores],
        "operating_point": to_document(case.point) if case.point else None,
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _model(case: ReadCase) -> dict[str, Any]:
    card = case.card
    return {
        "model_id": card.model_id,
        "title": card.title,
        "weights_sha256": card.weights_sha256,
        "task": to_document(card.task),
        "trained_on": {
            "dataset": card.data.title,
            "label_rule": card.data.label_rule,
            "reference_standard": card.data.reference_standard,
            "population": card.data.population,
            "seen": card.data.seen,
        },
        "limits": list(card.limits),
    }


def _image(image: ReadImage, case: ReadCase, pseudonyms: Pseudonyms) -> dict[str, Any]:
    about = image.about
    return {
        "number": about.number,
        "uid": pseudonyms.image_uid(about),
        "patient": pseudonyms.patient(about),
        "exam": pseudonyms.exam(about),
        "content_sha256": about.ref.image_id,
        "side": about.ref.side,
        "view": about.ref.view,
        "set_by_hand": list(about.corrected),
        "kind": about.info.kind,
        "bits": about.info.bits,
        "size": list(about.size),
        "spacing_mm": list(about.info.spacing_mm) if about.info.spacing_mm else None,
        "modifiers": list(about.info.modifiers),
        "notes": list(about.info.notes),
        "reading": _reading(image, image.reading, case) if image.reading else None,
        "unread": image.unread or None,
        "remark": image.remark or None,
    }


def _reading(image: ReadImage, reading: Reading, case: ReadCase) -> dict[str, Any]:
    classes = case.card.task.classes
    return {
        "score": reading.score,
        "stamp": f"{image.stamp}. {reading.outside}" if image.stamp else None,
        "probabilities": dict(zip(classes, reading.probabilities, strict=True)),
        "engine": reading.engine,
        "heatmap": {"method": image.method, "scale": image.scale},
        "regions": [
            {"box": to_document(one.box), "share": one.share, "words": one.words}
            for one in image.regions
        ],
    }


def _score(scored: ScoredCase, case: ReadCase) -> dict[str, Any]:
    verdict = verdict_on(scored, case.point)
    return {
        "level": scored.level,
        "title": scored.title,
        "images": case.numbers_of(scored),
        "rule": scored.rule,
        "score": scored.score,
        "stamp": OUTSIDE if scored.is_outside else None,
        "is_above_threshold": verdict.is_above if verdict else None,
        "threshold": verdict.threshold if verdict else None,
        "recalibrated_score": verdict.recalibrated if verdict else None,
        "in_words": verdict_in_words(case, scored) or None,
    }
