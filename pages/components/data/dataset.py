"""Registering a folder as a data set: it is recognised and named, or told what is missing."""

from dataclasses import replace
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
    recognise_adapter,
    reference_of,
    told_columns,
)
from mammo_core.datasets.splits import find_leak, with_splits
from mammo_core.errors import TableError
from mammo_core.files import data_roots, datasets_root, folders_in
from mammo_core.glossary import meaning
from mammo_core.listing import rows_called
from mammo_core.plots.overviews import counts_figure
from mammo_core.runs.verification import Verification, Verified
from mammo_core.sharing.rights import Action
from mammo_core.tables import to_safe_csv
from pages.components.shared.caselist.caselist import MOST_ROWS
from pages.components.shared.caselist.origin import CaseSource
from pages.components.shared.caselist.panel import images_listing, show_cases_panel
from pages.components.shared.example import offer_example
from pages.components.shared.frame import escaped, noted_errors, shown_errors
from pages.components.shared.pickers import warn_of_missing
from pages.components.shared.whose import (
    is_of_private_data,
    is_off,
    is_shared,
    list_registered,
    refuse_owned,
    register,
    require,
    require_own_data,
    show_off,
)

CHOSEN: Final = "data"
_DEEPEST: Final = 8  # folders below a root
_FORGOTTEN: Final = "data_forgotten"
_WANTED: Final = "data_wanted"  # a widget's value can be set only before it is drawn


def pick_registered() -> Registered | None:
    """The data set in the URL, else the first; None where there is none yet."""
    entries = {entry.name: entry for entry in list_registered()}
    if not entries:
        st.info("No data set yet. Register the folder of one below.", icon=":material/info:")
        offer_example()
        return None
    wanted = st.session_state.pop(_WANTED, None)
    if wanted in entries:
        st.session_state[CHOSEN] = wanted
    warn_of_missing(st.query_params.get(CHOSEN), [*entries, st.session_state.get(_FORGOTTEN, "")])
    name = st.selectbox("Data set", list(entries), key=CHOSEN, bind="query-params")
    return entries.get(name or "")


def register_folder(*, is_open: bool) -> None:
    """Look at a folder, name what it is, choose the label rule, and keep it."""
    off = is_off(Action.REGISTER)
    with st.expander(
        "Register a folder", icon=":material/create_new_folder:", expanded=is_open, key="register"
    ):
        show_off(Action.REGISTER)
        with noted_errors():
            folder = None if off else _pick_folder()
            if folder is not None:
                _describe_and_keep(folder)
        with st.popover("What can be read", icon=":material/list:"):
            for adapter in ADAPTERS:
                st.markdown(f"**{adapter.title}**")
                st.text(f"Expected: {adapter.expects}")


def _pick_folder() -> Path | None:
    """One below the folders that the server's starter allows, found by going down a listing; where
    none are named, any, by its path.
    """
    roots = {root.name or str(root): root for root in data_roots()}
    if not roots:
        require(Action.ANY_FOLDER)
        typed = st.text_input("Folder on the computer that runs Mammoscope", key="new_folder")
        try:
            return Path(typed).expanduser().resolve() if typed else None
        except (RuntimeError, ValueError, OSError) as error:  # ~nobody, or what no name can hold
            raise TableError(f"{typed} is no folder on this computer.") from error
    name = st.selectbox("Folders on the computer that runs Mammoscope", list(roots), key="new_root")
    root = folder = roots[name]
    with st.container(horizontal=True):
        for _ in range(_DEEPEST):
            inner = {path.name: path for path in folders_in(folder, root)}
            if not inner:
                break
            chosen = st.selectbox(
                "and in it", list(inner), index=None, placeholder="this folder",
                key=f"new_folder_{name}_{folder.relative_to(root).as_posix()}",
            )  # fmt: skip
            if chosen not in inner:
                break
            folder = inner[chosen]
    is_taken = st.toggle("Look at it", key=f"new_look_{name}_{folder.relative_to(root).as_posix()}")
    return folder if is_taken else None


def show_verification(entry: Registered, dataset: Dataset) -> None:
    """What "without cancer" rests on, which stands beside every rate; and a form for it."""
    known = entry.verification
    told = known.beside(reference_of(dataset.adapter, dataset.label_rule))
    with st.container(horizontal=True, vertical_alignment="center"):
        if told or known.warning:
            st.caption(escaped(f"{told} {known.warning}".strip()), width="content")
        with st.popover("Verification", icon=":material/fact_check:"):
            chosen = st.selectbox(
                "“Without cancer” rests on", list(Verified), key=f"verified_{entry.name}",
                help=meaning("Reference standard"),
                index=list(Verified).index(known.without_cancer), required=True,
            )  # fmt: skip
            how = Verified(str(chosen))
            months = 0
            if how.is_followed:
                months = int(
                    st.number_input(
                        "Months of follow-up (0: not known)", 0, 240, known.months, 1,
                        key=f"verified_months_{entry.name}",
                    )
                )  # fmt: skip
            of_recalled = st.checkbox(
                "Only recalled women were verified", known.of_recalled,
                key=f"verified_recalled_{entry.name}", help=meaning("Verification bias"),
            )  # fmt: skip
            said = Verification(without_cancer=how, months=months, of_recalled=of_recalled)
            if st.button("Keep", key="verified_keep", disabled=said == known):
                with shown_errors():
                    is_private = is_of_private_data(entry.name)
                    register(replace(entry, verification=said), is_private=is_private)
                st.rerun()


def forget_button(entry: Registered) -> None:
    off = is_off(Action.REGISTER)
    if st.button(
        "Forget this data set", icon=":material/delete:", key="data_forget", disabled=bool(off),
        help=off or None,
    ):  # fmt: skip
        with shown_errors():
            require(Action.REGISTER)
            require_own_data(entry.name)
        forget(datasets_root(), entry.name)
        st.session_state.pop(CHOSEN, None)
        st.session_state[_FORGOTTEN] = entry.name  # the address still has it for a moment
        st.toast("Forgotten. Its files stay where they are.")
        st.rerun()


def _describe_and_keep(folder: Path) -> None:
    refuse_owned(folder)
    if not folder.is_dir():
        raise TableError(f"There is no folder {folder}. Was it moved, or a disk not mounted?")
    adapter = recognise_adapter(folder)
    st.success(f"This is: {adapter.title}. Licence: {adapter.licence}.", icon=":material/check:")
    rule = st.radio(
        "An image is positive by this rule",
        [rule.name for rule in adapter.label_rules],
        format_func=lambda name: get_label_rule(adapter, name).title,
        key=f"new_rule_{adapter.name}",
        help=meaning("Label rule", "Reference standard"),
    )
    name = st.text_input("Name it", value=folder.name, key=f"new_name_{folder}")
    is_private = is_shared() and st.checkbox(
        "Private", key="new_private", help="Nobody else of this server sees it or its models."
    )
    if st.button("Register", type="primary", icon=":material/add:", key="new_register"):
        register(
            Registered(
                name=name.strip(),
                folder=str(folder),
                adapter=adapter.name,
                label_rule=rule or adapter.label_rules[0].name,
            ),
            is_private=is_private,
        )
        st.session_state[_WANTED] = name.strip()
        st.rerun()


CHARTED: Final = ("side", "view", "density", "birads", "age", "site", "machine")


def show_identity(dataset: Dataset) -> None:
    """What stands under every figure made from the set."""
    adapter, rule = dataset.adapter, dataset.label_rule
    who = ", ".join(dict.fromkeys((str(adapter.population), adapter.imaging)))
    st.caption(
        f"**{adapter.title}.** {escaped(rule.title)} Population: {who}. "
        f"Reference standard: {reference_of(adapter, rule)}. "
        f"A label is given to one {adapter.label_level}. Licence: {adapter.licence}.",
        help=meaning("Enriched", "Reference standard"),
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
    """Every image as a case list; those with a lesion whose place is known can be picked."""
    rows = dataset.manifest
    if not dataset.boxes.empty and st.toggle("Only with boxes", key="images_boxes"):
        rows = rows[rows["image_id"].isin(dataset.boxes["image_id"])]
    if len(rows) > MOST_ROWS:
        rows = rows_called(rows, st.text_input("Image or woman called", key="images_called"))
    source = CaseSource(page="data", dataset=dataset)
    show_cases_panel(images_listing(rows, source, threshold=None), key="images")


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
    validation = left.slider(
        "Validation", 0.05, 0.4, 0.15, 0.05, key="split_val", help=meaning("Split")
    )
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
