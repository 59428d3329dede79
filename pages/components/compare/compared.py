"""What is compared: the images of one model, and in which settings the runs differ."""

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import pandas as pd
import streamlit as st

from mammo_core.errors import MammoError, TableError
from mammo_core.metrics.cases import Cases
from mammo_core.runs.card import settings_table
from mammo_core.runs.folder import RunFolder
from mammo_core.types import Split
from mammo_core.words import CalledFor
from pages.components.shared import cached
from pages.components.shared.counting import Counting, count_cases, women_unknown
from pages.components.shared.frame import escaped
from pages.components.shared.pickers import title_of
from pages.components.shared.runs import told_settings, told_standard, verification_of_run
from pages.components.shared.scored import Scored, differs, scored_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compared:
    """By their short names the chosen runs, their whole names, and the cases that all of them have,
    counted alike. An uploaded table has cases and no run.
    """

    runs: Mapping[str, RunFolder]
    titles: Mapping[str, str]
    models: Mapping[str, Cases]
    counting: Counting

    @property
    def finding(self) -> CalledFor:
        """What the positive cases have."""
        return next(iter(self.models.values())).finding


def show_images(compared: Compared) -> None:
    """The test images of one model, the worst first."""
    from pages.components.shared.gallery import (
        show_gallery,
    )  # reads images, which few visits ask for

    if not compared.runs:
        st.info("An uploaded table has no images.")
        return
    name = st.selectbox("Images of", list(compared.runs), key="images_of", bind="query-params")
    show_gallery(compared.runs[name], page="compare", key="compare_gallery")


def say_what_is_verified(compared: Compared) -> None:
    """Once for each set that was scored."""
    known = [(verification_of_run(run), told_standard(run)) for run in compared.runs.values()]
    for sentence in dict.fromkeys(told.beside(standard) for told, standard in known):
        if sentence:
            st.caption(escaped(sentence))
    for warning in dict.fromkeys(told.warning for told, _ in known):
        if warning:
            st.warning(escaped(warning), icon=":material/warning:")


def show_settings(compared: Compared) -> None:
    """Only what differs between the runs' settings."""
    if len(compared.runs) < 2:
        st.info("Choose at least two models.")
        return
    documents = {name: told_settings(run) for name, run in compared.runs.items()}
    table = settings_table(documents, only_differences=True)
    if table.empty:
        st.info("These runs have the same settings.")
        return
    st.dataframe(table, hide_index=True, key="settings")


def prevalence_of(models: Mapping[str, Cases]) -> float:
    cases = next(iter(models.values()))
    return cases.positives / len(cases)


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
            f"The {len(scored.predictions):,} predictions of {title_of(run)} have no labels, so "
            "they are neither right nor wrong. Score a labelled data set."
        )
    return scored


def count_alike(scored: Scored, counting: Counting) -> Cases:
    """As `counting` says; a table that names no split is taken whole."""
    is_split = bool(scored.predictions["split"].notna().any())
    return count_cases(scored, counting if is_split else replace(counting, split=""))


def sets_by_content(scored: Mapping[str, Scored]) -> dict[str, str]:
    """By name the data set of each table: one is one, however its runs were started."""
    from mammo_core.datasets.predictions import sets_of

    return dict(zip(scored, sets_of([_with_contents(one) for one in scored.values()]), strict=True))


def _with_contents(scored: Scored) -> pd.DataFrame:
    table = scored.predictions
    if "content" in table or scored.run is None:
        return table
    try:
        seen = cached.contents(scored.run)
    except MammoError:
        return table  # a list that cannot be read tells no more than a missing one
    if seen is None:
        return table
    return table.assign(content=table["image_id"].map(seen.set_index("image_id")["content"]))


def like_the_newest(scored: Mapping[str, Scored]) -> list[str]:
    """The newest run and those after it over the same data set that tell the same apart and share
    cases with it, with each other too: what can be compared at once.
    """
    asked = {name: (found, _asked(scored[name])) for name, found in sets_by_content(scored).items()}
    newest = next(iter(asked.values()), None)
    alike = {name: _judged_images(scored[name]) for name, found in asked.items() if found == newest}
    return sharing(alike)[:MOST_AT_FIRST]


def refuse_other_questions(scored: Mapping[str, Scored]) -> None:
    """Where two models tell different things apart, cases on which their labels happen to agree are
    no cases to compare them on.
    """
    asked = {name: found for name, one in scored.items() if (found := _asked(one))}
    if len(set(asked.values())) > 1:
        told = "; ".join(f"{name}: {found}" for name, found in asked.items())
        raise TableError(
            f"These models answer different questions ({told}). Keep only models of "
            "one question above."
        )


def _asked(scored: Scored) -> str:
    """The question its scores answer; "" where no card tells."""
    try:
        return scored.task.name if scored.task else ""
    except MammoError:
        return ""


def sharing(cases: Mapping[str, Set[str]]) -> list[str]:
    """The first, and in turn each that leaves the models before it a case in common."""
    names: list[str] = []
    shared: Set[str] = frozenset()
    for name, own in cases.items():
        left = own if not names else shared & own
        if left:
            names.append(name)
            shared = left
    return names


def refuse_strangers(counted: Mapping[str, Cases]) -> None:
    """Raise TableError with the names of those that share no case with the ones before them."""
    if len({cases.dataset for cases in counted.values() if cases.dataset}) > 1:
        return  # why they share none is said where cases are shared
    together = sharing({name: frozenset(cases.case_ids) for name, cases in counted.items()})
    strangers = [name for name in counted if name not in together]
    if strangers:
        raise TableError(
            f"{', '.join(strangers)}: no case in common with {', '.join(together)}, as with folds, "
            f"each tested on other women. Remove {', '.join(strangers)} from the models above to "
            "compare the others."
        )


def _judged_images(scored: Scored) -> frozenset[str]:
    """The test images, which are counted at first; all of a table that has none."""
    rows = scored.predictions
    of_test = rows[rows["split"].fillna("") == Split.TEST]
    return frozenset((of_test if len(of_test) else rows)["image_id"])


def say_what_is_left_out(reasons: Mapping[str, str]) -> None:
    for name, reason in reasons.items():
        st.warning(escaped(f"{name} is left out. {reason}"), icon=":material/warning:")


def say_whose_women_are_unknown(scored: Mapping[str, Scored], counted: Mapping[str, Cases]) -> None:
    for name, cases in counted.items():
        if unknown := women_unknown(scored[name], cases):
            st.warning(escaped(f"{name}: {unknown}"), icon=":material/warning:")


def say_what_differs_from_its_card(models: Mapping[str, Scored]) -> None:
    for name, scored in models.items():
        difference = differs(scored)
        if difference is not None:
            st.warning(escaped(f"{name}: {difference}"), icon=":material/warning:")
