"""Lesions found against false marks an image: of the model's heatmaps, or of marks that somebody
uploads.
"""

from typing import Final

import streamlit as st

from mammo_core.config import JudgeConfig
from mammo_core.files import measurements_root
from mammo_core.glossary import meaning
from mammo_core.metrics.uncertainty import RatesAtThreshold
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.jobs import latest_run
from mammo_core.runs.measured import froc_of
from mammo_core.sharing.rights import Action
from mammo_core.words import many
from pages.components.shared import cached
from pages.components.shared.counting import Counted, note_look
from pages.components.shared.frame import escaped, noted_errors, toasted_errors
from pages.components.shared.runs import dataset_of, show_found, show_job, start_once
from pages.components.shared.scored import kept_upload
from pages.components.shared.whose import is_off, list_registered, owning, require_measuring
from pages.components.thresholds.threshold import model_of

_AT_FIRST: Final = 400


def show_lesions(counted: Counted, _: RatesAtThreshold) -> None:
    model = model_of(counted.scored)
    if model is not None and model.is_checkpoint:
        with noted_errors():
            _show_heatmaps(model)
    with noted_errors():
        _show_uploaded(counted)


def _show_heatmaps(model: RunFolder) -> None:
    st.markdown("**Regions of its heatmaps as marks**")
    known = froc_of(model)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        sets = ["", *sorted(entry.name for entry in list_registered())]
        folder = st.selectbox(
            "On", sets, key="froc_set", width=320,
            format_func=lambda name: name or "the test images of its own data set",
        )  # fmt: skip
        folder = folder if folder in sets else ""  # a browser may send what was never offered
        images = st.number_input(
            "Images, about", 20, 100_000, _AT_FIRST, 20, key="froc_images", width=180
        )
        place = st.container(width="content")
    config = JudgeConfig(
        kind="froc", checkpoint=model.run_id, folder=folder or None, images=int(images)
    )
    job = latest_run(config, measurements_root())
    is_free = job is None or show_job(job)
    with place:
        st.button(
            "Hold against boxes", icon=":material/filter_center_focus:", key="froc_start",
            disabled=not is_free or bool(is_off(Action.TRAIN)), help=is_off(Action.TRAIN) or None,
            on_click=_start, args=(config, model),
        )  # fmt: skip
    if not known:
        st.info(
            "Not measured yet. Whole women are drawn at random, with and without a lesion in turn. "
            "A mark stands in the middle of each region of a heatmap, as sure as its peak. It "
            "takes about as long as reading each image once, and needs a data set with boxes.",
            icon=":material/filter_center_focus:",
        )
    for one in known:
        note_look(model, one.split)
    show_found(known, key="heatmaps")


def _start(config: JudgeConfig, model: RunFolder) -> None:
    with toasted_errors():
        require_measuring(model, config.folder or "")
        owned = owning(action="started a measurement")
        start_once(config, measurements_root(), what="froc", own=owned)


def _show_uploaded(counted: Counted) -> None:
    st.markdown("**Marks of your own**")
    st.caption(
        "A CSV with the columns image, x, y and score, a row a mark, in pixels of the original "
        "image from its upper left corner. Images without a row have no mark.",
        help=meaning("FROC"),
    )
    table_id = kept_upload("marks", "Marks on these images", parameter="marks")
    if table_id is None:
        return
    run = counted.scored.run
    if run is None:
        st.info("An uploaded table of scores has no boxes. Choose the predictions of a run.")
        return
    from mammo_core.datasets.marks import froc_of as found_by
    from mammo_core.datasets.marks import marked_images

    dataset = dataset_of(run)
    rows = counted.rows
    images, left_out = marked_images(rows, dataset, cached.marks(table_id))
    found = found_by(images, dataset=dataset.adapter.title, split=counted.counting.split or "all")
    if left_out:
        st.caption(
            escaped(
                f"{many(left_out, 'image', 'images')} of {len(rows):,} left out: positive without "
                "a box, or without a known label."
            )
        )
    show_found([found], key="uploaded")
