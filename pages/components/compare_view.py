"""Where two models disagree, the images of one, and in which settings their runs differ."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from mammo_core.errors import RunError
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.mistakes import disagreements
from mammo_core.runs.folder import RunFolder
from pages.components.counting import Counting


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compared:
    """The chosen runs, and by their names the cases that all of them have, counted alike."""

    runs: tuple[RunFolder, ...]
    models: Mapping[str, Cases]
    counting: Counting


def show_disagreements(compared: Compared) -> None:
    models = compared.models
    if len(models) < 2:
        st.info("Choose at least two models.")
        return
    names = list(models)
    with st.container(horizontal=True):
        one = st.selectbox("This model", names, key="one", bind="query-params")
        other = st.selectbox(
            "against", [name for name in names if name != one], key="other", bind="query-params"
        )
    table = disagreements(models[one], models[other])
    st.caption(
        "Cases that the two rank most differently. Ranks are shares of all cases that score lower, "
        "so models with different scales can be compared."
    )
    st.dataframe(
        table.head(200),
        hide_index=True,
        key="disagreements",
        column_config={
            "one": st.column_config.ProgressColumn(one, format="percent", max_value=1.0),
            "other": st.column_config.ProgressColumn(other, format="percent", max_value=1.0),
        },
    )


def show_images(compared: Compared) -> None:
    """The test images of one model, the worst first, the best, or drawn at random."""
    from pages.components.gallery import show_gallery  # reads images, which few visits ask for

    runs = {run.run_id: run for run in compared.runs}
    if not runs:
        st.info("An uploaded table has no images.")
        return
    name = st.selectbox("Images of", list(runs), key="images_of", bind="query-params")
    show_gallery(runs[name], key="compare_gallery")


def show_settings(compared: Compared) -> None:
    """Only what differs between the runs' settings."""
    if len(compared.runs) < 2:
        st.info("Choose at least two models.")
        return
    settings = {run.run_id: _settings_of(run) for run in compared.runs}
    keys = sorted({key for values in settings.values() for key in values})
    rows = [
        {"setting": key, **{name: values.get(key, "–") for name, values in settings.items()}}
        for key in keys
        if len({values.get(key, "–") for values in settings.values()}) > 1
    ]
    if not rows:
        st.info("These runs have the same settings.")
        return
    st.dataframe(rows, hide_index=True, key="settings")


def prevalence_of(models: Mapping[str, Cases]) -> float:
    cases = next(iter(models.values()))
    return cases.positives / len(cases)


def flattened(document: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as "part.name" and text: mixed types in one column are an error in Arrow."""
    flat: dict[str, str] = {}
    for key, value in document.items():
        if isinstance(value, Mapping):
            flat |= flattened(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = json.dumps(value)
    return flat


def _settings_of(run: RunFolder) -> dict[str, str]:
    try:
        settings = json.loads(run.file("run.json").read_text(encoding="utf-8"))
        if isinstance(settings, dict):
            return flattened(settings)
        found = "they are no JSON object"
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        found = f"they are not valid JSON ({error})"
    raise RunError(
        f"The settings of {run.run_id} cannot be read: {found}. Was run.json changed by hand? "
        "Choose other models, or put the file back."
    )
