"""A registered data set in numbers, pictures and splits."""

import math
from typing import Final

import pandas as pd
import streamlit as st

from mammo_core.datasets.overview import counts_by, told_columns
from mammo_core.datasets.reading import Dataset
from mammo_core.datasets.splits import find_leak, with_splits
from mammo_core.datasets.thumbnails import boxes_of
from mammo_core.plots.data_set import counts_figure
from mammo_core.reports.case_export import to_safe_csv
from pages.components import cached
from pages.components.guard import escaped, shown_errors

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
    with st.expander("How much is told", icon=":material/checklist:"):
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
