"""The cases on the wrong side of the threshold, with pictures, each a click away from Read."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd
import streamlit as st

from mammo_core.metrics.cases import images_of
from mammo_core.metrics.mistakes import mistakes
from mammo_core.metrics.uncertainty import RatesAtThreshold
from mammo_core.reports.case_export import to_safe_csv
from pages.components import cached
from pages.components.counting import Counted
from pages.components.guard import escaped, noted_errors
from pages.components.pickers import can_read
from pages.components.run_data import shown_dataset

if TYPE_CHECKING:  # imported where asked for: the table needs none of it
    from mammo_core.datasets.reading import Dataset

_PICTURED: Final = 6
_ACROSS: Final = 3
_THUMBNAIL: Final = 220  # pixels


def show_mistakes(counted: Counted, rates: RatesAtThreshold) -> None:
    point = rates.point
    st.caption(
        f"{point.false_negatives:,} of {point.positives:,} cancers missed, "
        f"{point.false_positives:,} false alarms among {point.negatives:,}; furthest first."
    )
    table = mistakes(counted.cases, point.threshold)
    st.dataframe(table, hide_index=True, key="mistakes")
    st.download_button(
        "Download as CSV", to_safe_csv(table), "mistakes.csv", "text/csv", key="mistakes_csv",
        icon=":material/download:",
    )  # fmt: skip
    if table.empty:
        return
    kind = st.segmented_control(
        "Look at", list(table["kind"].unique()), key="look_at", bind="query-params"
    )
    if kind is None:
        return
    if counted.scored.run is None:
        st.caption("An uploaded table has no images.")
        return
    dataset = shown_dataset(counted.scored.run)
    if dataset is None:
        return
    with noted_errors():
        shown = table[table["kind"] == kind].head(_PICTURED)
        for start in range(0, len(shown), _ACROSS):
            columns = st.columns(_ACROSS)
            rows = shown.iloc[start : start + _ACROSS]
            for column, (_, row) in zip(columns, rows.iterrows(), strict=False):
                with column.container(border=True):
                    _show_case(counted, dataset, row)


def _show_case(counted: Counted, dataset: "Dataset", row: "pd.Series[str]") -> None:
    case_id = str(row["case_id"])
    images = images_of(counted.rows, counted.cases, case_id)
    paths = dataset.manifest.set_index("image_id")["path"].reindex(images["image_id"]).dropna()
    st.markdown(f"**{escaped(case_id)}**, score {float(row['score']):.3f}")
    for path in paths:
        data = cached.picture(str(dataset.root), str(path), side=_THUMBNAIL)
        if data is not None:
            st.image(data, width=_THUMBNAIL)
    if paths.empty:
        st.caption("Its images are not in the folder any more.")
    elif st.button("Open in Read", key=f"open_{case_id}", icon=":material/radiology:"):
        from pages.components.intake import store_files  # reads images, which few visits ask for

        store_files([(dataset.root / Path(path)).read_bytes() for path in paths])
        opened = {"case": st.query_params["case"]}
        if counted.scored.run is not None and can_read(counted.scored.run):
            opened["model"] = counted.scored.run.run_id
        st.switch_page("pages/read.py", query_params=opened)
