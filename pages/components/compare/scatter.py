"""Where two models disagree: each case by the scores, or the ranks, that the two give it; those
encircled, and those they rank most differently, open as a case list.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.inference.verdict import as_given
from mammo_core.listing import ListedCase
from mammo_core.metrics.cases import Cases, disagreements
from mammo_core.plots.overviews import Axis, agreement_figure
from mammo_core.runs.operating_points import point_in_force
from pages.components.compare.compared import Compared
from pages.components.shared.caselist.origin import CaseSource
from pages.components.shared.caselist.panel import (
    Listing,
    cases_listing,
    choose_in_figure,
    show_cases_panel,
    source_of,
)
from pages.components.shared.counting import rows_of
from pages.components.shared.frame import escaped
from pages.components.shared.scored import scored_of
from pages.components.thresholds.threshold import model_of

_MOST_APART: Final = 200
_BY: Final = ("scores", "ranks")


@st.fragment
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
        by = st.segmented_control(
            "Each case by its", _BY, default=_BY[0], required=True, key="agreement_by",
            bind="query-params",
            help="Ranks are shares of all cases that score lower: models with different scales "
            "can be compared by them.",
        )  # fmt: skip
    table = disagreements(models[one], models[other])
    ids = choose_in_figure(
        agreement_figure(
            table,
            _axis(compared, one, "one", by),
            _axis(compared, other, "other", by),
            finding=compared.finding,
        ),
        set(table["case_id"]),
        key=f"agreement_{one}_{other}_{by}",
        choice="disagreements_chosen",
        id_of=lambda point: str(point["customdata"][0]),
        alt=f"Each case by its {by} by {one} and by {other}",
    )
    if by == _BY[0]:
        st.caption(escaped(_thresholds_in_words(compared, (one, other))))
    wanted = table[table["case_id"].isin(ids)] if ids else table.head(_MOST_APART)
    st.caption(
        f"{len(wanted):,} of {len(table):,} cases, "
        f"{'those chosen in the figure' if ids else 'those that the two rank most differently'}, "
        "furthest apart first. Draw around cases to list them."
    )
    apart = wanted.set_index("case_id")
    listing = _listing(compared, one, list(apart.index))
    facts = {
        name: {
            f"score by {other}": float(row["score_other"]),
            f"rank by {one}": float(row["one"]),
            f"rank by {other}": float(row["other"]),
            "apart": float(row["apart"]),
        }
        for name, row in apart.iterrows()
    }
    show_cases_panel(_with_facts(listing, facts), key="disagreements")


def _axis(compared: Compared, name: str, which: str, by: str) -> Axis:
    if by != _BY[0]:
        return Axis(title=f"rank by {name}", column=which)
    return Axis(
        title=f"score by {name}", column=f"score_{which}", threshold=_locked(compared, name)
    )


def _locked(compared: Compared, name: str) -> float | None:
    """The threshold in force for cases counted as they are here; None where there is none."""
    run = compared.runs.get(name)
    if run is None:
        return None
    try:
        model = model_of(scored_of(run))  # an evaluation is judged by the model it asked
        point = as_given(point_in_force(model)) if model is not None else None
    except MammoError:
        return None  # as its own page says
    counting = compared.counting
    if point is None or (point.level, point.pooling) != (counting.level, counting.rule):
        return None
    return point.threshold


def _thresholds_in_words(compared: Compared, names: tuple[str, str]) -> str:
    lacking = [name for name in names if _locked(compared, name) is None]
    if not lacking:
        return "Dashed: the threshold locked for each model. Between the lines the two disagree."
    level = compared.counting.level
    return (
        f"No threshold by {level} is locked for {' and '.join(lacking)}, so none is drawn there. "
        "Thresholds locks one."
    )


def _with_facts(listing: Listing, facts: Mapping[Any, Mapping[str, float]]) -> Listing:
    cases = tuple(replace(case, facts={**facts[case.key], **case.facts}) for case in listing.cases)
    return replace(listing, cases=cases)


def _listing(compared: Compared, name: str, case_ids: list[str]) -> Listing:
    """With the scores of the model `name`, and with images where it is a run."""
    cases, run = compared.models[name], compared.runs.get(name)
    source = source_of(run, page="compare")
    if run is None:
        return _bare(cases, case_ids, source)
    scored, counting = scored_of(run), compared.counting
    if not scored.predictions["split"].notna().any():
        counting = replace(counting, split="")
    return cases_listing(rows_of(scored, counting), cases, case_ids, threshold=None, source=source)


def _bare(cases: Cases, case_ids: list[str], source: CaseSource) -> Listing:
    """All that an uploaded table says of its cases."""
    known = dict(zip(cases.case_ids, zip(cases.score, cases.positive, strict=True), strict=True))
    return Listing(
        cases=tuple(
            ListedCase(
                key=one,
                title=one,
                score=float(known[one][0]),
                truth="cancer" if known[one][1] else "no cancer",
                is_positive=bool(known[one][1]),
            )
            for one in case_ids
        ),
        images=dict.fromkeys(case_ids, ()),
        source=source,
    )
