"""What others have reported on the data sets of the runs, as they reported it."""

from typing import TYPE_CHECKING

import streamlit as st

from pages.components import cached
from pages.components.compare_view import Compared, prevalence_of

if TYPE_CHECKING:  # imported where asked for: few visits look at them
    from mammo_core.datasets.published import Published


def show_published(compared: Compared) -> None:
    """What others reported on the data sets of the runs; on all where none of them is known."""
    from mammo_core.datasets.published import PUBLISHED, published_on  # slow, and only asked here

    names = {cached.card(run).data.dataset for run in compared.runs if run.is_checkpoint}
    rows = [row for name in sorted(names) for row in published_on(name)] or list(PUBLISHED)
    here = prevalence_of(compared.models)
    st.caption(
        "Published, not re-run: other cases, other splits, often other labels. The prevalence is "
        "the one at which a project's own figures can all be true; beside it that of the cases "
        f"compared here, by {compared.counting.level}."
    )
    st.table([_row(row, here if row.dataset in names else None) for row in rows], hide_index=True)


def _row(row: "Published", here: float | None) -> dict[str, str]:
    """A table whose words wrap: what is known to be wrong stands in sight."""
    from mammo_core.datasets.reading import get_adapter

    figures = {
        "accuracy": _share(row.accuracy, 3),
        "sensitivity": _share(row.sensitivity, 3),
        "F1": _share(row.f1, 2),
        "probabilistic F1": _share(row.probabilistic_f1, 2),
    }
    return {
        "published, not re-run": row.title,
        "data set": get_adapter(row.dataset).title,
        "measured on": row.test,
        "AUC": _share(row.auc, 3),
        "other figures": ", ".join(f"{name} {value}" for name, value in figures.items() if value),
        "prevalence it implies": _share(row.implied_prevalence, 2),
        "prevalence here": _share(here, 2),
        "known defect": row.defect,
    }


def _share(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
