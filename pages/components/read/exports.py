"""Taking a read case away: picture, table, page to print, DICOM. Made only when asked for."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Final

import streamlit as st

from mammo_core.errors import ReadError
from mammo_core.files import home
from mammo_core.glossary import meaning
from mammo_core.inference.interpretation import remarks, why_not
from mammo_core.inference.verdict import score_cases, usual_images
from mammo_core.metrics.cases import Pooling
from mammo_core.preprocessing.cases import Case
from mammo_core.preprocessing.reading.identity import Evidence, installation_key
from mammo_core.preprocessing.reading.read import read_evidence
from mammo_core.reading import TITLES
from mammo_core.reports.case.apart import Export, WantedExport, make_apart
from mammo_core.reports.case.picture import COLOUR_MAPS, Appearance
from mammo_core.reports.case.record import Pseudonyms, ReadCase, ReadImage
from mammo_core.reports.case.tables import to_csv, to_json
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.operating_points import LockedPoint
from pages.components.read.pictures import Layer, make_panes
from pages.components.read.reading import CaseReading
from pages.components.read.scores import point_for, scored_images, validation_cases
from pages.components.shared import cached
from pages.components.shared.frame import escaped, noted_errors
from pages.components.shared.viewer.viewer import Pane
from pages.components.shared.whose import noting

_TIMES: Final = "read_at"  # when a case was first read with a model, in this session


def read_case(case: Case, run: RunFolder, read: CaseReading, panes: Sequence[Pane]) -> ReadCase:
    """`case` as `run` read it and as `panes` show it."""
    card = cached.card(run)
    scored = scored_images(case, read.readings)
    point = point_for(scored, run, card)
    told = remarks(card, [case.image(image_id) for image_id in read.readings])
    said = {
        image_id: " ".join(filter(None, (*of_image, read.drawn[image_id].warning)))
        for image_id, of_image in zip(read.readings, told, strict=True)
    }
    images = [_image(case, pane, card, read, remark=said.get(pane.key, "")) for pane in panes]
    return ReadCase(
        case_id=case.case_id,
        card=card,
        images=tuple(images),
        read_at=_read_at(case, card),
        scores=tuple(score_cases(scored, point)),
        point=point,
        usual_images=_usual_images(run, point),
        refused=len(case.unread),
    )


def _image(case: Case, pane: Pane, card: ModelCard, read: CaseReading, *, remark: str) -> ReadImage:
    about, reading = case.image(pane.key), read.readings.get(pane.key)
    known = ReadImage(
        about=about,
        pixels=pane.pixels,
        reduction=pane.reduction,
        windows=pane.windows,
        reading=reading,
        remark=remark,
    )
    if reading is None:
        return replace(known, unread=why_not(card, about) or "It was not scored.")
    method = TITLES[reading.method]
    regions = read.regions[pane.key].inside
    return replace(known, method=method, heat=pane.heat, regions=regions)


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


_DOWNLOAD: Final = ":material/download:"


def show_exports(case: Case, layer: Layer) -> None:
    """Every way to take `case` away, as one model read it and as the viewer shows it."""
    with st.popover("Export", icon=_DOWNLOAD):
        _show_choices(read_case(case, layer.run, layer.read, make_panes(case, layer.read)))


@st.fragment
def _show_choices(case: ReadCase) -> None:
    key = installation_key(home() / "key")
    names = dict.fromkeys(window.name for image in case.images for window in image.windows)
    with st.container(horizontal=True):
        window = st.selectbox(
            "Window", list(names), key="export_window", width=160, help=meaning("Window")
        )
        palette = st.selectbox(
            "Heatmap colours", list(COLOUR_MAPS), key="export_palette", width=160
        )
    opacity = st.slider(
        "Heatmap opacity", 0.0, 1.0, Appearance().opacity, 0.05, key="export_opacity"
    )
    look = Appearance(palette=palette, opacity=opacity, window=window)
    everything = WantedExport(export=Export.EVERYTHING, case=case, look=look, key=key.hex())
    st.caption(
        "Without names, dates and numbers of the woman, and without names of your files. Letters "
        "on the breast itself stay: look before you share."
    )
    _offer_apart("Everything (zip)", f"{case.name}.zip", everything)
    with st.container(horizontal=True):
        _offer("Scores (CSV)", f"{case.name}.csv", partial(_csv, case), case)
        _offer("JSON", f"{case.name}.json", partial(_json, case, key), case)
        page = replace(everything, export=Export.PAGE)
        _offer_apart("Page to print (HTML)", f"{case.name}.html", page)
    with st.container(horizontal=True):
        shown = replace(everything, export=Export.PICTURES)
        _offer_apart("Pictures (zip)", f"{case.name}_pictures.zip", shown)
        dicom = replace(everything, export=Export.DICOM)
        _offer_apart("DICOM (zip)", f"{case.name}_dicom.zip", dicom)
    with st.expander("DICOM with identity", icon=":material/badge:"):
        _show_identified(replace(everything, export=Export.IDENTIFIED))


def _show_identified(wanted: WantedExport) -> None:
    case = wanted.case
    st.caption(
        "For your own archive: a structured report and heatmaps that name the woman and refer to "
        "her original images. Drop the same files this case was opened from; they are read once "
        "more in memory, and nothing of them is kept."
    )
    files = st.file_uploader(
        "Original DICOM files", accept_multiple_files=True, key=f"originals_{case.case_id[:12]}"
    )
    if not files:
        return
    with noted_errors():
        originals = _originals(case, [file.getvalue() for file in files])
        from mammo_core.reports.case.dicom import refuse_incomplete

        refuse_incomplete(case, originals)
        st.warning("This file names the woman.", icon=":material/badge:")
        named = replace(wanted, originals=originals)
        _offer_apart("DICOM with identity (zip)", f"{named.name}.zip", named)


def _originals(case: ReadCase, files: Sequence[bytes]) -> dict[str, Evidence]:
    """Whose image each file is, by the hash of its content; a foreign file is told by its place."""
    known = {image.about.ref.image_id for image in case.images}
    found = {}
    for number, content in enumerate(files, start=1):
        digest = hashlib.sha256(content).hexdigest()
        if digest not in known:
            st.info(f"File {number} is none of this case's images; it was left out.")
            continue
        try:
            found[digest] = read_evidence(content)
        except ReadError as error:
            st.info(escaped(f"File {number}: {error}"))
    return found


def _offer_apart(label: str, name: str, wanted: WantedExport) -> None:
    _offer(label, name, partial(make_apart, wanted), wanted.case)


def _offer(label: str, name: str, make: "partial[bytes]", case: ReadCase) -> None:
    """A download whose content is made when it is clicked, in a thread of its own."""
    told = noting(f"exported {label}", case=case.case_id, model=case.card.model_id)

    def told_of() -> bytes:
        told()
        return make()

    st.download_button(
        label, told_of, file_name=name, icon=_DOWNLOAD, on_click="ignore", key=f"export_{label}"
    )


def _csv(case: ReadCase) -> bytes:
    return to_csv(case).encode()


def _json(case: ReadCase, key: bytes) -> bytes:
    return to_json(case, Pseudonyms(key=key, case_id=case.case_id)).encode()
