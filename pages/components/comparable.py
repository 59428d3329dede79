"""Which runs Compare begins with, and which are left out because they cannot be used."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final, TypeVar

import streamlit as st

from mammo_core.errors import MammoError, TableError
from mammo_core.metrics.cases import Cases
from mammo_core.runs.folder import RunFolder
from pages.components.counting import Counting, count_cases
from pages.components.guard import escaped
from pages.components.scored import Scored, differs, scored_of

MOST_AT_FIRST: Final = 8
LOOKED_AT: Final = 2 * MOST_AT_FIRST
T = TypeVar("T")


def usable(names: Iterable[str], use: Callable[[str], T]) -> tuple[dict[str, T], dict[str, str]]:
    """By name what `use` makes of it, and for those it refuses why."""
    made: dict[str, T] = {}
    reasons: dict[str, str] = {}
    for name in names:
        try:
            made[name] = use(name)
        except MammoError as error:
            reasons[name] = str(error)
    return made, reasons


def labelled_of(run: RunFolder) -> Scored:
    """The predictions of `run`, of which at least one can be right or wrong."""
    scored = scored_of(run)
    if scored.predictions["positive"].isna().all():
        raise TableError(
            f"The {len(scored.predictions):,} predictions of run {run.run_id} have no labels, so "
            "they are neither right nor wrong. Score a labelled data set."
        )
    return scored


def count_alike(scored: Scored, counting: Counting) -> Cases:
    """As `counting` says; a table that names no split is taken whole."""
    is_split = bool(scored.predictions["split"].notna().any())
    return count_cases(scored, counting if is_split else replace(counting, split=""))


def like_the_newest(scored: Mapping[str, Scored]) -> list[str]:
    """The newest run and those after it over the same data set: what can be compared at once."""
    sets = {name: set(one.predictions["dataset"].dropna()) for name, one in scored.items()}
    newest = next(iter(sets.values()), set())
    return [name for name, found in sets.items() if found == newest][:MOST_AT_FIRST]


def say_what_is_left_out(reasons: Mapping[str, str]) -> None:
    for name, reason in reasons.items():
        st.warning(escaped(f"{name} is left out. {reason}"), icon=":material/warning:")


def say_what_differs_from_its_card(models: Mapping[str, Scored]) -> None:
    for name, scored in models.items():
        difference = differs(scored)
        if difference is not None:
            st.warning(escaped(f"{name}: {difference}"), icon=":material/warning:")
