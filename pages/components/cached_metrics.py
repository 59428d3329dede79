"""What pages keep between reruns of what was uploaded or computed. Every cache is bounded."""

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from mammo_core.metrics.beyond import Beyond, beyond_confounders
from mammo_core.metrics.cases import Cases, Pooling
from mammo_core.metrics.one_breast import DrawnAuc, one_breast_auc
from mammo_core.metrics.precision import average_precision_with_interval
from mammo_core.metrics.readers import ReaderStudy, read_study
from mammo_core.metrics.uncertainty import Estimate
from mammo_core.metrics.uploads import Columns, Understood, read_csv, understand
from mammo_core.paths import tables_root
from mammo_core.runs.kept_tables import load_table
from mammo_core.types import Level


@st.cache_resource(max_entries=4, show_spinner="Reading the table…")
def uploaded(table_id: str) -> pd.DataFrame:
    """The cells of an uploaded CSV as text, by the id it is kept under. Shared, never changed."""
    return read_csv(load_table(tables_root(), table_id))


@st.cache_resource(max_entries=4, show_spinner="Reading the study…")
def reader_study(table_id: str) -> ReaderStudy:
    """An uploaded reader study, by the id it is kept under. Shared, never changed."""
    return read_study(load_table(tables_root(), table_id))


@st.cache_resource(max_entries=4, show_spinner="Reading the table…")
def understood(
    _table: pd.DataFrame, columns: Columns, positive: list[str], *, table_id: str
) -> Understood:
    """What `_table`, the cells of `table_id`, says under the contract."""
    return understand(_table, columns, positive)


@st.cache_data(max_entries=32, show_spinner="Asking what is known without the image…")
def beyond(
    _rows: pd.DataFrame, *, source: str, split: str, level: Level, rule: Pooling
) -> Beyond | None:
    """What the score adds to age, density, site and machine. `source` and `split` name `_rows`."""
    return beyond_confounders(_rows, level=level, rule=rule)


@st.cache_data(max_entries=32, show_spinner="Drawing one breast per woman…")
def one_breast(_rows: pd.DataFrame, *, source: str, split: str) -> DrawnAuc:
    """The AUC by woman where counting alone would make one. `source` and `split` name `_rows`."""
    return one_breast_auc(_rows)


def average_precision(cases: Cases) -> Estimate | None:
    """With its interval, which is drawn and not computed; None where there is none."""
    return _average_precision(
        cases, score=cases.score, positive=cases.positive, groups=cases.groups
    )


@st.cache_data(max_entries=64, show_spinner="Drawing women again…")
def _average_precision(
    _cases: Cases,
    *,
    score: NDArray[np.float64],
    positive: NDArray[np.bool_],
    groups: NDArray[np.intp],
) -> Estimate | None:
    """The arrays stand for the cases: they are all that counts, and can be hashed."""
    return average_precision_with_interval(_cases)
