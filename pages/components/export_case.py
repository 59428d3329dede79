"""What the exports are made of, gathered from what the page shows."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import streamlit as st

from mammo_core.inference.fitness import remarks, why_not
from mammo_core.inference.verdict import score_cases, usual_images
from mammo_core.metrics.cases import Pooling
from mammo_core.preprocessing.case_store import Case
from mammo_core.reports import case_record
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.operating_points import LockedPoint
from pages.components import cached
from pages.components.read_scores import point_for, scored_images, validation_cases
from pages.components.viewer import Pane

if TYPE_CHECKING:
    from mammo_core.explain.regions import Region
    from mammo_core.inference.predictor import Reading

_TIMES: Final = "read_at"  # when a case was first read with a model, in this session


def read_case(
    case: Case,
    run: RunFolder,
    readings: "Mapping[str, Reading]",
    panes: Sequence[Pane],
    *,
    regions: "Mapping[str, Sequence[Region]]",
) -> case_record.ReadCase:
    """`case` as `run` read it and as `panes` show it."""
    card = cached.card(run)
    scored = scored_images(case, readings)
    point = point_for(scored, run, card)
    told = remarks(card, [case.image(image_id) for image_id in readings])
    said = {image_id: " ".join(of_image) for image_id, of_image in zip(readings, told, strict=True)}
    images = [
        _image(
            case,
            pane,
            card,
            readings.get(pane.key),
            regions.get(pane.key, ()),
            remark=said.get(pane.key, ""),
        )
        for pane in panes
    ]
    return case_record.ReadCase(
        case_id=case.case_id,
        card=card,
        images=tuple(images),
        read_at=_read_at(case, card),
        scores=tuple(score_cases(scored, point)),
        point=point,
        usual_images=_usual_images(run, point),
    )


def _image(
    case: Case,
    pane: Pane,
    card: ModelCard,
    reading: "Reading | None",
    regions: "Sequence[Region]",
    *,
    remark: str,
) -> case_record.ReadImage:
    about = case.image(pane.key)
    return case_record.ReadImage(
        about=about,
        pixels=pane.pixels,
        reduction=pane.reduction,
        windows=pane.windows,
        reading=_reading(reading, pane, regions) if reading is not None else None,
        unread="" if reading is not None else why_not(card, about) or "It was not scored.",
        remark=remark,
    )


def _reading(reading: "Reading", pane: Pane, regions: "Sequence[Region]") -> case_record.Reading:
    from mammo_core.explain.methods import get_method  # loads torch, which has read by now

    return case_record.Reading(
        score=reading.score,
        probabilities=reading.probabilities,
        engine=reading.engine,
        method=get_method(reading.method).title,
        is_relative=reading.is_relative,
        stands_out=reading.stands_out,
        is_flat=reading.is_flat,
        heat=pane.heat,
        regions=tuple(
            case_record.Region(box=one.box, share=one.share, words=one.words) for one in regions
        ),
    )


def _read_at(case: Case, card: ModelCard) -> datetime:
    """The same at every rerun, so that the same reading keeps its UIDs."""
    times: dict[str, datetime] = st.session_state.setdefault(_TIMES, {})
    return times.setdefault(f"{case.case_id} {card.weights_sha256}", datetime.now(UTC))


def _usual_images(run: RunFolder, point: LockedPoint | None) -> int | None:
    """How many images the cases have on which the threshold in force was set."""
    if point is None or point.pooling not in tuple(Pooling):
        return None
    reference = validation_cases(run, point.level, Pooling(point.pooling))
    return None if reference is None else usual_images(reference)
