"""Registering a folder as a data set: it is recognised and named, or told what is missing."""

import math
from pathlib import Path
from typing import Final

import pandas as pd
import streamlit as st

from mammo_core.datasets.adapters import ADAPTERS
from mammo_core.datasets.dataset import (
    Dataset,
    Registered,
    counts_by,
    forget,
    get_label_rule,
    list_registered,
    recognise_adapter,
    register,
    told_columns,
)
from mammo_core.datasets.small_images import boxes_of
from mammo_core.datasets.splits import find_leak, with_splits
from mammo_core.errors import TableError
from mammo_core.files import datasets_root
from mammo_core.plots.overviews import counts_figure
from mammo_core.tables import to_safe_csv
from pages.components.shared import cached
from pages.components.shared.frame import escaped, noted_errors, shown_errors

CHOSEN: Final = "data"
_WANTED: Final = "data_wanted"  # a widget's value can be set only before it is drawn


def pick_registered() -> Registered | None:
    """The data set in the URL, else the first; None where there is none yet."""
    entries = {entry.name: entry for entry in list_registered(datasets_root())}
    if not entries:
        st.info("No data set yet. Register the folder of one below.", icon=":material/info:")
        return None
    wanted = st.session_state.pop(_WANTED, None)
    if wanted in entries:
        st.session_state[CHOSEN] = wanted
    name = st.selectbox("Data set", list(entries), key=CHOSEN, bind="query-params")
    return entries.get(name or "")


def register_folder(*, is_open: bool) -> None:
    """Look at a folder, name what it is, choose the label rule, and keep it."""
    with st.expander("Register a folder", icon=":material/create_new_folder:", expanded=is_open):
        with noted_errors():
            folder = st.text_input("Folder on the computer that runs Mammoscope", key="new_folder")
            if folder:
                _describe_and_keep(Path(folder).expanduser().resolve())
        with st.popover("What can be read", icon=":material/list:"):
            for adapter in ADAPTERS:
                st.markdown(f"**{adapter.title}**")
                st.text(f"Expected: {adapter.expects}")


def forget_button(entry: Registered) -> None:
    if st.button("Forget this data set", icon=":material/delete:", key="data_forget"):
        forget(datasets_root(), entry.name)
        st.session_state.pop(CHOSEN, None)
        st.toast("Forgotten. Its files stay where they are.")
        st.rerun()


def _describe_and_keep(folder: Path) -> None:
    if not folder.is_dir():
        raise TableError(f"There is no folder {folder}. Was it moved, or a disk not mounted?")
    adapter = recognise_adapter(folder)
    st.success(f"This is: {adapter.title}. Licence: {adapter.licence}.", icon=":material/check:")
    rule = st.radio(
        "An image is positive by this rule",
        [rule.name for rule in adapter.label_rules],
        format_func=lambda name: get_label_rule(adapter, name).title,
        key=f"new_rule_{adapter.name}",
    )
    name = st.text_input("Name it", value=folder.name, key=f"new_name_{folder}")
    if st.button("Register", type="primary", icon=":material/add:", key="new_register"):
        register(
            datasets_root(),
            Registered(
                name=name.strip(),
                folder=str(folder),
                adapter=adapter.name,
                label_rule=rule or adapter.label_rules[0].name,
            ),
        )
        st.session_state[_WANTED] = name.strip()
        st.rerun()


CHARTED: Final = ("side", "view", "density", "birads", "age", "site", "machine")
_PER_PAGE: Final = 24
_ACROSS: Final = 6
_THUMBNAIL: Final = 190  # pixels


def show_identity(dataset: Dataset) -> None:
    """What stands under every figure made from the set."""
    adapter, rule = dataset.adapter, dataset.label_rule
    st.caption(
        f"**{adapter.title}.** {escaped(rule.title)} Population: {adapter.population}, "
        f"{adapter.imaging}. Reference standard: {adapter.reference_standard}. "
        f"A label is given to one {adapter.label_level}. Licence: {adapter.licence}."
    )
    for defect in dataset.defects:
        st.caption(f":material/info: {escaped(defect.sentence)}")


def show_overview(dataset: Dataset) -> None:
    manifest, task = dataset.manifest, dataset.label_rule.task
    labels = manifest["label"].fillna("no label").value_counts()
    columns = st.columns(2 + len(labels))
    columns[0].metric("Images", f"{len(manifest):,}", border=True)
    columns[1].metric("Women or groups", f"{manifest['group_id'].nunique():,}", border=True)
    for column, (name, count) in zip(columns[2:], labels.items(), strict=True):
        column.metric(escaped(str(name).capitalize()), f"{count:,}", border=True)
    told = told_columns(manifest)
    charted = [name for name in CHARTED if manifest[name].notna().any()]
    for row in range(0, len(charted), 2):
        for place, name in zip(st.columns(2), charted[row : row + 2], strict=False):
            drawing = counts_figure(counts_by(manifest, name, task), title=name.capitalize())
            place.plotly_chart(drawing, key=f"chart_{name}")
    with st.expander("How complete it is", icon=":material/checklist:"):
        share = st.column_config.ProgressColumn("share", format="percent")
        st.dataframe(told, hide_index=True, column_config={"share": share})


def show_images(dataset: Dataset) -> None:
    """Thumbnails with their boxes, filtered, a page at a time."""
    manifest = dataset.manifest
    labels = sorted(manifest["label"].dropna().unique())
    left, right = st.columns(2)
    with left:
        chosen = st.multiselect("Label", labels, key="images_label")
    with right:
        has_boxes = st.toggle("Only with boxes", key="images_boxes", disabled=dataset.boxes.empty)
    shown = manifest[manifest["label"].isin(chosen)] if chosen else manifest
    if has_boxes:
        shown = shown[shown["image_id"].isin(dataset.boxes["image_id"])]
    st.caption(f"{len(shown):,} of {len(manifest):,} images")
    pages = max(1, math.ceil(len(shown) / _PER_PAGE))
    page = st.pagination(pages, key="images_page") if pages > 1 else 1
    rows = shown.iloc[(page - 1) * _PER_PAGE : page * _PER_PAGE]
    boxes = dataset.boxes[dataset.boxes["image_id"].isin(rows["image_id"])]
    for start in range(0, len(rows), _ACROSS):
        for place, row in zip(
            st.columns(_ACROSS), rows.iloc[start : start + _ACROSS].itertuples(), strict=False
        ):
            drawn = boxes_of(boxes, str(row.image_id))
            path = str(row.path)
            data = cached.picture(str(dataset.root), path, side=_THUMBNAIL, boxes=drawn)
            if data is None:
                place.warning("Cannot be read", icon=":material/broken_image:")
            else:
                place.image(data, alt=str(row.image_id))
            place.caption(escaped(_words(row.image_id, row.side, row.view, row.label)))


def show_split(dataset: Dataset) -> None:
    """The split the set brings, or one to be made, counted by class and woman."""
    manifest, task = dataset.manifest, dataset.label_rule.task
    is_official = manifest["split"].notna().any()
    st.write("The data set brings a split." if is_official else "The data set brings no split.")
    if is_official:
        if leak := find_leak(manifest):
            st.error(f"{leak.stamp.capitalize()}.", icon=":material/error:")
        st.dataframe(_counted(manifest), hide_index=True)
    if not st.toggle("Try another split", key="split_try", value=not is_official):
        return
    left, middle, right = st.columns(3)
    validation = left.slider("Validation", 0.05, 0.4, 0.15, 0.05, key="split_val")
    test = middle.slider("Test", 0.05, 0.5, 0.25, 0.05, key="split_test")
    told = [name for name in CHARTED if name != "birads" and manifest[name].notna().any()]
    column = right.selectbox("Also even by", ["nothing", *told], key="split_by")
    with shown_errors():
        made = with_splits(
            manifest,
            task=task,
            val_fraction=validation,
            test_fraction=test,
            seed=0,
            is_official_split=False,
            stratify_by=None if column == "nothing" else column,
        )
    st.dataframe(_counted(made), hide_index=True)
    st.caption("Whole women are dealt out, so no woman is in two splits.")


def show_export(dataset: Dataset) -> None:
    st.write("The table as this workbench reads it: one row per image, paths below the folder.")
    columns = st.columns(2)
    for column, name, table in (
        (columns[0], "manifest.csv", dataset.manifest),
        (columns[1], "boxes.csv", dataset.boxes),
    ):
        column.download_button(
            f"{name} ({len(table):,} rows)",
            to_safe_csv(table),
            file_name=name,
            mime="text/csv",
            icon=":material/download:",
            key=f"export_{name}",
        )


def _counted(manifest: pd.DataFrame) -> pd.DataFrame:
    told = manifest.assign(
        split=manifest["split"].fillna("no split"), label=manifest["label"].fillna("no label")
    )
    counted = told.groupby(["split", "label"])
    table = pd.DataFrame({"images": counted.size(), "women": counted["group_id"].nunique()})
    return table.reset_index()


def _words(*values: object) -> str:
    """Those that are told: a missing value is no text."""
    return " ".join(value for value in values if isinstance(value, str))
