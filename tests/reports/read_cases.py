"""A read case small enough to check in the head: an 8 x 4 image, whole, with heat in one corner."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from mammo_core.config import ModelConfig, PrepareSettings
from mammo_core.inference.verdict import ScoredImage, score_cases
from mammo_core.preprocessing.cases import CaseImage
from mammo_core.reading import Across, Reading, Region
from mammo_core.reports.case.record import ReadCase, ReadImage
from mammo_core.runs.card import DataRecord, ModelCard, TrainingRecord
from mammo_core.runs.operating_points import LockedPoint, Promise
from mammo_core.types import (
    CANCER,
    Box,
    Geometry,
    ImageInfo,
    ImageRef,
    Laterality,
    Level,
    View,
    Window,
)

CARD = ModelCard(
    model_id="test-model",
    title="A model <for tests>",
    task=CANCER,
    model=ModelConfig(backbone="light_cnn"),
    prepare=PrepareSettings(),
    data=DataRecord(
        dataset="made_up",
        title="Made-up women",
        licence="CC0",
        label_rule="drawn",
        reference_standard="drawn",
        seen="synthetic",
        fingerprint="f",
        splits=(),
        population="nobody",
    ),
    training=TrainingRecord(
        finished_at="2026-01-01T00:00:00Z",
        seconds=1.0,
        epochs=1,
        best_epoch=1,
        device="cpu",
        versions={},
    ),
    weights_sha256="ab" * 32,
    limits=("It has only seen <synthetic> images.",),
)

#: 9 of 10 breasts with cancer called, 5 of 100 without.
POINT = LockedPoint(
    threshold=0.5,
    level=Level.BREAST,
    pooling="max",
    calibration="none",
    split="val",
    dataset="made_up",
    aim="sensitivity of at least 0.9",
    promise=Promise(found=9, positives=10, left_alone=95, negatives=100),
    locked_at="2026-01-02T00:00:00Z",
    card_sha256="cd" * 32,
)

REGION = Region(
    box=Box(x0=2, y0=4, x1=6, y1=12), share=0.75, peak=1.0, across=Across.OUTER, from_nipple=0.5
)


def reading(score: float, ref: ImageRef) -> Reading:
    """Full colour in the upper left cell, nothing elsewhere."""
    evidence = np.zeros((8, 4), dtype=np.float32)
    evidence[0, 0] = 1.0
    return Reading(
        ref=ref,
        model_id=CARD.model_id,
        engine="torch fp32",
        score=score,
        probabilities=(1 - score, score),
        evidence=evidence,
        method="grad_cam",
        is_relative=False,
        offset=0.0,
        geometry=Geometry(
            source_size=(16, 8),
            prepared_size=(8, 4),
            crop=Box(x0=0, y0=0, x1=8, y1=16),
            is_flipped=False,
            scale=(0.5, 0.5),
            offset=(0.0, 0.0),
        ),
        embedding=np.empty(0, dtype=np.float32),
    )


def read_image(number: int, view: View, score: float, *, kind: str = "PNG") -> ReadImage:
    """16 x 8 as stored, shown at half that: row r has the grey value 100 r."""
    about = CaseImage(
        number=number,
        info=ImageInfo(
            ref=ImageRef(
                image_id=f"{number:064x}",
                patient_id=None if kind == "PNG" else "p" * 32,
                exam_id=None if kind == "PNG" else "e" * 32,
                side=Laterality.LEFT,
                view=view,
            ),
            kind=kind,
            bits=12,
            spacing_mm=(0.1, 0.1),
            notes=('=HYPERLINK("x") & <b>note</b>',),
        ),
        size=(16, 8),
    )
    pixels = np.repeat(np.arange(8, dtype=np.uint16)[:, np.newaxis] * 100, 4, axis=1)
    heat = np.zeros((8, 4), dtype=np.uint8)
    heat[0, 0] = 255
    return ReadImage(
        about=about,
        pixels=pixels,
        reduction=2.0,
        windows=(
            Window(name="Whole range", low=0.0, high=700.0),
            Window(name="Dark", low=0.0, high=350.0),
        ),
        reading=reading(score, about.ref),
        method="Grad-CAM",
        heat=heat,
        regions=(REGION,) if number == 1 else (),
    )


def read_case(*, kind: str = "PNG", point: LockedPoint | None = None) -> ReadCase:
    """Two views of a left breast, scoring 0.25 and 0.5."""
    images = (read_image(1, View.CC, 0.25, kind=kind), read_image(2, View.MLO, 0.5, kind=kind))
    scored = [
        ScoredImage(ref=image.about.ref, title=image.title, score=image.reading.score)
        for image in images
        if image.reading
    ]
    return ReadCase(
        case_id="c" * 64,
        card=CARD,
        images=images,
        read_at=datetime(2026, 11, 20, 21, 0, tzinfo=UTC),
        scores=tuple(score_cases(scored, point)),
        point=point,
    )


def unread(image: ReadImage) -> ReadImage:
    return replace(
        image, reading=None, heat=None, regions=(), unread="It does not look like a breast."
    )


WHY_OUTSIDE = "This model has only seen synthetic images; this is not one of them."


def outside_case() -> ReadCase:
    """`read_case` with its threshold, its first image of a kind the model does not know."""
    case = read_case(point=POINT)
    first = case.images[0]
    assert first.reading is not None
    stamped = replace(first, reading=replace(first.reading, outside=WHY_OUTSIDE))
    images = (stamped, *case.images[1:])
    scored = [
        ScoredImage(
            ref=image.about.ref,
            title=image.title,
            score=image.reading.score,
            is_outside=bool(image.reading.outside),
        )
        for image in images
        if image.reading
    ]
    return replace(case, images=images, scores=tuple(score_cases(scored, POINT)))
