"""The settings of several runs side by side, one row per setting."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from mammo_core.records import to_document

_ABSENT = "–"


def settings_table(settings: Mapping[str, Any], *, only_differences: bool) -> pd.DataFrame:
    """`setting` and a column of texts per run; `settings` are dataclasses by the run's name.

    Settings are named by their dots, as in `optim.epochs`. What one kind of run does not have is a
    dash there.
    """
    columns = {name: dict(_flat(to_document(record))) for name, record in settings.items()}
    table = pd.DataFrame(columns, columns=list(columns)).fillna(_ABSENT)
    if only_differences:
        table = table[table.nunique(axis=1) > 1]
    return table.rename_axis("setting").reset_index()


def _flat(document: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value if isinstance(value, str) else json.dumps(value)
