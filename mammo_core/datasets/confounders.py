"""What may go with cancer without being cancer, as numbers a simple model can be fitted on."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler


def encoder(table: pd.DataFrame, columns: Sequence[str]) -> ColumnTransformer:
    """Numbers scaled, words one column each; that a value is missing is a value of its own."""
    numeric = [name for name in columns if pd.api.types.is_numeric_dtype(table[name])]
    words = [name for name in columns if name not in numeric]
    return ColumnTransformer(
        [
            (
                "numbers",
                make_pipeline(
                    FunctionTransformer(_as_floats),
                    SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
                    StandardScaler(),
                ),
                numeric,
            ),
            (
                "words",
                make_pipeline(
                    FunctionTransformer(_as_words),
                    OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                ),
                words,
            ),
        ]
    )


def _as_floats(table: pd.DataFrame) -> Any:
    return table.to_numpy(dtype=np.float64, na_value=np.nan)


def _as_words(table: pd.DataFrame) -> Any:
    return table.astype("string").fillna("unknown").to_numpy(dtype=object)
