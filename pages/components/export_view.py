"""Taking a read case away: picture, table, page to print, DICOM. Made only when asked for."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

import streamlit as st

from mammo_core.errors import ReadError
from mammo_core.paths import home
from mammo_core.preprocessing.case_store import Case
from mammo_core.preprocessing.keyed_ids import installation_key
from mammo_core.preprocessing.read import read_evidence
from mammo_core.reports.case_export import to_csv
from mammo_core.reports.case_file import to_zip
from mammo_core.reports.case_html import to_html
from mammo_core.reports.case_json import to_json
from mammo_core.reports.case_picture import COLOUR_MAPS, Look, pictures
from mammo_core.reports.case_pseudonyms import Pseudonyms
from mammo_core.reports.case_record import ReadCase
from mammo_core.runs.folder import RunFolder
from pages.components.export_case import read_case
from pages.components.guard import escaped, noted_errors
from pages.components.viewer import Pane

if TYPE_CHECKING:
    from mammo_core.explain.regions import Region
    from mammo_core.inference.predictor import Reading
    from mammo_core.preprocessing.evidence import Evidence
    from mammo_core.reports.case_picture import Look
_DOWNLOAD: Final = ":material/download:"
_NOTHING: Final["Mapping[str, Sequence[Region]]"] = {}


def show_exports(
    case: Case,
    run: RunFolder,
    readings: "Mapping[str, Reading]",
    panes: Sequence[Pane],
    *,
    regions: "Mapping[str, Sequence[Region]]" = _NOTHING,
) -> None:
    """Every way to take `case` away, as `run` read it and as `panes` show it."""
    with st.popover("Export", icon=_DOWNLOAD):
        taken = read_case(case, run, readings, panes, regions=regions)
        _show_choices(taken)


@st.fragment
def _show_choices(case: ReadCase) -> None:
    pseudonyms = Pseudonyms(key=installation_key(home() / "key"), case_id=case.case_id)
    look = _pick_look(case)
    st.caption(
        "Without names, dates and numbers of the woman, and without names of your files. Letters "
        "on the breast itself stay: look before you share."
    )
    _offer("Everything (zip)", f"{case.name}.zip", partial(_zip, case, look, pseudonyms))
    with st.container(horizontal=True):
        _offer("Scores (CSV)", f"{case.name}.csv", partial(_csv, case))
        _offer("JSON", f"{case.name}.json", partial(_json, case, pseudonyms))
        _offer("Page to print (HTML)", f"{case.name}.html", partial(_html, case, look, pseudonyms))
    with st.container(horizontal=True):
        _offer("Pictures (zip)", f"{case.name}_pictures.zip", partial(_pictures, case, look))
        _offer("DICOM (zip)", f"{case.name}_dicom.zip", partial(_dicom, case, look, pseudonyms))
    with st.expander("DICOM with identity", icon=":material/badge:"):
        _show_identified(case, look, pseudonyms)


def _pick_look(case: ReadCase) -> Look:
    names = dict.fromkeys(window.name for image in case.images for window in image.windows)
    with st.container(horizontal=True):
        window = st.selectbox("Window", list(names), key="export_window", width=160)
        palette = st.selectbox(
            "Heatmap colours", list(COLOUR_MAPS), key="export_palette", width=160
        )
    opacity = st.slider("Heatmap opacity", 0.0, 1.0, Look().opacity, 0.05, key="export_opacity")
    return Look(palette=palette, opacity=opacity, window=window)


def _show_identified(case: ReadCase, look: Look, pseudonyms: Pseudonyms) -> None:
    st.caption(
        "For your own archive: a structured report and heatmaps that name the woman and refer to "
        "her original images. Drop the very files this case was opened from; they are read once "
        "more in memory, and nothing of them is kept."
    )
    files = st.file_uploader(
        "Original DICOM files", accept_multiple_files=True, key=f"originals_{case.case_id[:12]}"
    )
    if not files:
        return
    with noted_errors():
        originals = _originals(case, [file.getvalue() for file in files])
        from mammo_core.reports.case_dicom import identified_dicom

        made = identified_dicom(case, look, pseudonyms, originals)
        name = f"{case.name}_with_identity"
        st.warning("This file names the woman.", icon=":material/badge:")
        _offer("DICOM with identity (zip)", f"{name}.zip", partial(to_zip, made, folder=name))


def _originals(case: ReadCase, files: Sequence[bytes]) -> "dict[str, Evidence]":
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


def _offer(label: str, name: str, make: "partial[bytes]") -> None:
    """A download whose content is made when it is clicked, in a thread of its own."""
    st.download_button(
        label, make, file_name=name, icon=_DOWNLOAD, on_click="ignore", key=f"export_{label}"
    )


def _csv(case: ReadCase) -> bytes:
    return to_csv(case).encode()


def _json(case: ReadCase, pseudonyms: Pseudonyms) -> bytes:
    return to_json(case, pseudonyms).encode()


def _html(case: ReadCase, look: Look, pseudonyms: Pseudonyms) -> bytes:
    return to_html(case, pseudonyms, look).encode()


def _pictures(case: ReadCase, look: Look) -> bytes:
    return to_zip(pictures(case, look), folder=case.name)


def _dicom(case: ReadCase, look: Look, pseudonyms: Pseudonyms) -> bytes:
    from mammo_core.reports.case_dicom import pseudonymous_dicom  # slow to load, seldom asked for

    return to_zip(pseudonymous_dicom(case, look, pseudonyms), folder=case.name)


def _zip(case: ReadCase, look: Look, pseudonyms: Pseudonyms) -> bytes:
    from mammo_core.reports.case_archive import case_zip

    return case_zip(case, look, pseudonyms)
