"""A second checkpoint beside the first: which, and its scores."""

from collections.abc import Sequence

import streamlit as st

from mammo_core.preprocessing.cases import Case
from mammo_core.runs.folder import RunFolder
from pages.components.read.context import show_unfamiliar
from pages.components.read.pictures import Layer, pick_method
from pages.components.read.reading import read_images
from pages.components.read.scores import (
    fit_of,
    scored_images,
    show_limits,
    show_refused,
    show_scores,
)
from pages.components.shared import cached
from pages.components.shared.frame import escaped, noted_errors


def pick_second(runs: Sequence[RunFolder], first: RunFolder | None) -> RunFolder | None:
    """Another model to read the same case, or none."""
    others = {run.run_id: run for run in runs if first is None or run.run_id != first.run_id}
    if not others or first is None:
        return None
    name = st.selectbox(
        "Beside it", list(others), index=None, placeholder="no second model", key="second",
        bind="query-params",
    )  # fmt: skip
    return others.get(name or "")


def read_with(run: RunFolder | None, case: Case) -> Layer | None:
    """`case` as `run` reads it; None, and why in words, where it cannot."""
    found = None
    if run is not None:
        with noted_errors():
            fit = fit_of(case, cached.card(run))
            found = Layer(run=run, read=read_images(run, case, fit.scored, method=pick_method()))
    return found


def show_second(case: Case, layer: Layer) -> None:
    run, read = layer.run, layer.read
    with noted_errors():
        card = cached.card(run)
        fit = fit_of(case, card)
        st.markdown(f"**{escaped(run.run_id)}**")
        show_refused(fit)
        if read.readings:
            show_unfamiliar(case, run, read)
            show_scores(scored_images(case, read.readings), run, card)
            show_limits(card, fit)
