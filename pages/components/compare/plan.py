"""How many women the next study needs."""

import streamlit as st

from mammo_core.glossary import meaning
from mammo_core.metrics.planning import (
    READER_LIKENESS,
    READER_SPREAD,
    PlannedFigure,
    StudyPlan,
    women_needed,
)
from pages.components.compare.compared import Compared, prevalence_of
from pages.components.shared.frame import escaped, shown_errors

_AIMS = ("one model", "two models", "readers")

#: What is expected, by the kind of study: its one figure, or the two that are compared.
_EXPECTED = {
    "one model": ("Expected", ""),
    "two models": ("Expected of one", "of the other"),
    "readers": ("Without the model", "With the model"),
}


def show_plan(compared: Compared) -> None:
    share = min(0.99, max(0.01, round(prevalence_of(compared.models), 2)))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        figure = st.segmented_control(
            "Figure", list(PlannedFigure), default=PlannedFigure.AUC, required=True,
            key="plan_figure", help=meaning("AUC", "Sensitivity", "Specificity"),
        )  # fmt: skip
        aim = st.segmented_control(
            "Study of",
            _AIMS,
            default=_AIMS[0],
            required=True,
            key="plan_aim",
            help=meaning("95 % interval", "Power", "MRMC"),
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        first, second = _EXPECTED[aim]
        expected = _share(first, 0.85, key="expected")
        other, reach, power, correlation, readers = None, 0.05, 0.8, 0.5, 0
        if aim == _AIMS[0]:
            reach = _share(
                "Half width of its interval", 0.05, key="reach", help=meaning("95 % interval")
            )
        else:
            other = _share(second, 0.9, key="other")
            power = _share("Power", 0.8, key="power", help=meaning("Power"))
        if aim == _AIMS[1]:
            correlation = _share(
                "Correlation of the two", 0.5, key="correlation",
                help=f"{meaning('Correlation')} The more alike two models are on the same cases, "
                "the fewer women are needed.",
            )  # fmt: skip
        if aim == _AIMS[2]:
            readers = int(st.number_input("Readers", 3, 100, 6, key="plan_readers", width=130))
        prevalence = _share(
            escaped(f"Share of women with {compared.finding.one}"),
            share,
            key="prevalence",
            help=meaning("Prevalence"),
        )
        cases = st.number_input("Cases per woman", 1.0, 20.0, 1.0, 1.0, key="plan_cases", width=150)
        likeness = 0.5
        if cases > 1:
            likeness = _share(
                "Correlation of her cases", 0.5, key="likeness",
                help=f"{meaning('Correlation')} The more alike the cases of a woman, the less each "
                "adds, and the more women are needed.",
            )  # fmt: skip
    reader_likeness, reader_spread = READER_LIKENESS, READER_SPREAD
    if readers:
        with (
            st.expander("How readers differ"),
            st.container(horizontal=True, vertical_alignment="bottom"),
        ):
            reader_likeness = _share(
                "Correlation of a reader's errors", READER_LIKENESS, key="reader_likeness",
                help=f"{meaning('Correlation')} Here of one reader's errors without and with the "
                "model: the higher, the fewer women are needed.",
            )  # fmt: skip
            reader_spread = _share(
                "Spread of the gain (SD)", READER_SPREAD, key="reader_spread",
                help=f"{meaning('Standard deviation')} Here between readers, of what the model "
                "brings them: the larger, the more readers are needed.",
            )  # fmt: skip
    plan = StudyPlan(
        figure=figure,
        expected=expected,
        other=other,
        reach=reach,
        power=power,
        prevalence=prevalence,
        cases_per_woman=cases,
        likeness=likeness,
        correlation=correlation,
        readers=readers,
        reader_likeness=reader_likeness,
        reader_spread=reader_spread,
        finding=compared.finding,
    )
    with shown_errors():
        needed = women_needed(plan)
        st.markdown(f"**{escaped(needed.sentence)}**")
        for remark in needed.remarks:
            st.caption(escaped(remark))
        st.caption("The same from a shell: `mammo plan --help`.")


def _share(label: str, at_first: float, *, key: str, help: str | None = None) -> float:
    return st.number_input(label, 0.0, 1.0, at_first, 0.01, key=f"plan_{key}", width=200, help=help)
