"""What Compare shows under its leaderboard: sections in a few groups. Which, stands in the URL."""

from collections.abc import Callable, Mapping
from typing import Final

import streamlit as st

from mammo_core.glossary import meaning
from pages.components.compare.benefit import show_net_benefit
from pages.components.compare.beside import show_beside
from pages.components.compare.compared import Compared, show_images, show_settings
from pages.components.compare.cost import show_cost
from pages.components.compare.curves import (
    show_at_one_rate,
    show_pr,
    show_reliability,
    show_roc,
)
from pages.components.compare.growth import show_growth
from pages.components.compare.leaderboard import show_published
from pages.components.compare.matrix import show_matrix
from pages.components.compare.plan import show_plan
from pages.components.compare.reports import show_reports
from pages.components.compare.scatter import show_disagreements
from pages.components.compare.trials import show_trials
from pages.components.shared.counting import mark_unnamed
from pages.components.shared.margins import show_held_margins

Section = Callable[[Compared], None]

GROUPS: Final[Mapping[str, Mapping[str, Section]]] = {
    "Curves": {
        "ROC": show_roc,
        "Precision and recall": show_pr,
        "Calibration": show_reliability,
    },
    "Differences": {
        "Beside another": show_beside,
        "At one operating point": show_at_one_rate,
        "Margins": lambda compared: show_held_margins(compared.runs),
        "Net benefit": show_net_benefit,
    },
    "Cases": {"Disagreements": show_disagreements, "Images": show_images},
    "Elsewhere": {"Other data": show_matrix, "Published": show_published},
    "Effort": {
        "Cost": show_cost,
        "Learning curve": show_growth,
        "Trials": show_trials,
        "Settings": show_settings,
    },
    "Study": {"Report": show_reports, "Plan a study": show_plan},
}
#: What is explained beside the sections of each group.
_TERMS: Final[Mapping[str, tuple[str, ...]]] = {
    "Curves": ("ROC curve", "Precision and recall", "Calibration"),
    "Differences": ("Operating point", "Not inferior", "Net benefit", "Decision curve"),
    "Cases": ("Case", "Heatmap"),
    "Elsewhere": ("External test", "Prevalence"),
    "Effort": ("Learning curve", "Recipe"),
    "Study": ("Reference standard", "Power"),
}
FIRST: Final = "ROC"
SECTION: Final = "compare_section"
_GROUP: Final = "compare_group"


def show_section(compared: Compared) -> None:
    """The section in the URL, of the group it is in."""
    state = st.session_state
    asked = str(state.get(SECTION) or st.query_params.get(SECTION) or FIRST)
    known = {section: name for name, group in GROUPS.items() for section in group}
    state[_GROUP] = known.get(asked, known[FIRST])
    if asked in known and asked != FIRST:
        state[SECTION] = asked  # a link: the default is of another group
    with st.container(horizontal=True):
        chosen = st.segmented_control(
            "Show", list(GROUPS), required=True, key=_GROUP, on_change=_begin_group
        )
        group = GROUPS[chosen or known[FIRST]]
        section = st.segmented_control(
            "of these", list(group), required=True, key=SECTION, bind="query-params",
            help=meaning(*_TERMS[chosen or known[FIRST]]),
            default=None if SECTION in state else FIRST,
        )  # fmt: skip
    mark_unnamed(max(compared.models.values(), key=lambda cases: cases.unnamed))
    group[section or next(iter(group))](compared)


def _begin_group() -> None:
    st.session_state[SECTION] = next(iter(GROUPS[st.session_state[_GROUP]]))
