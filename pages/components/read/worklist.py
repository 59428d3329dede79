"""Cases that came together, as a table to sort; a click opens one."""

import time
from dataclasses import dataclass

import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.inference.verdict import Verdict, score_cases, verdict_on
from mammo_core.paths import cases_root, worklists_root
from mammo_core.preprocessing.cases import Case, load_case, load_worklist
from mammo_core.runs.folder import RunFolder
from mammo_core.types import Level
from mammo_core.words import many
from pages.components.read.reading import read_images
from pages.components.read.scores import fit_of, point_for, scored_images
from pages.components.read.studies import show_study_start
from pages.components.shared import cached
from pages.components.shared.frame import noted_errors, shown_errors

_PATIENCE = 0.5  # seconds without a bar: a list that is known comes at once
_VISITS = "worklist_visits"  # the table is a new one at every visit, with nothing chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One case as the list shows it."""

    case_id: str
    views: str
    images: int
    score: float | None  # of the highest of its exams
    verdict: str
    remarks: str


def has_worklist() -> bool:
    return "list" in st.query_params


def listed_cases() -> list[str]:
    """The cases of the list in the URL, as they came."""
    with shown_errors():
        return list(load_worklist(worklists_root(), st.query_params["list"]))


def show_way_back() -> None:
    """From a case to the list it came with."""
    if not has_worklist() or "case" not in st.query_params:
        return
    if st.button("Back to the list", icon=":material/list:", key="to_list"):
        st.query_params.pop("case", None)
        st.rerun()


def show_worklist(run: RunFolder | None) -> None:
    lines = _lines(listed_cases(), run)
    st.caption(
        f"{many(len(lines), 'case', 'cases')}. Click on the left of a row to open it; click on a "
        "column's name to sort. A score is the highest of a case's images."
    )
    visit = st.session_state.setdefault(_VISITS, 0)
    chosen = st.dataframe(
        [_row(number, line) for number, line in enumerate(lines, start=1)],
        hide_index=True,
        key=f"worklist_{visit}",
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "Score": st.column_config.ProgressColumn(format="%.3f", min_value=0.0, max_value=1.0)
        },
    )
    if chosen.selection.rows:
        st.session_state[_VISITS] = visit + 1
        st.query_params["case"] = lines[chosen.selection.rows[0]].case_id
        st.rerun()
    if run is not None:
        with st.expander("Read them in a reader study", icon=":material/groups:"):
            show_study_start([line.case_id for line in lines], run)


def _lines(case_ids: list[str], run: RunFolder | None) -> list[Line]:
    lines = []
    started = time.monotonic()
    with st.empty():
        for done, case_id in enumerate(case_ids):
            if time.monotonic() - started > _PATIENCE:
                st.progress(done / len(case_ids), text=f"Scoring {done + 1} of {len(case_ids)}…")
            lines.append(_line(case_id, run))
        st.container()
    return lines


def _line(case_id: str, run: RunFolder | None) -> Line:
    try:
        case = load_case(cases_root(), case_id)
    except MammoError as error:
        return Line(case_id=case_id, views="", images=0, score=None, verdict="", remarks=str(error))
    score, verdict, remarks = None, "", _refusals(case)
    if run is not None:
        with noted_errors():
            score, verdict, told = _judged(case, run)
            remarks += told
    return Line(
        case_id=case_id,
        views=", ".join(image.title for image in case.images),
        images=len(case.images),
        score=score,
        verdict=verdict,
        remarks=" ".join(remarks),
    )


def _refusals(case: Case) -> list[str]:
    return [f"File {refusal.number}: {refusal.sentence}" for refusal in case.refusals]


def _judged(case: Case, run: RunFolder) -> tuple[float | None, str, list[str]]:
    """The highest score, its verdict in words, and why images have none."""
    card = cached.card(run)
    fit = fit_of(case, card)
    images = scored_images(case, read_images(run, case, fit.scored).readings)
    point = point_for(images, run, card)
    scored = score_cases(images, point)
    verdicts = [verdict for one in scored if (verdict := verdict_on(one, point))]
    scores = [one.score for one in scored if one.level is Level.IMAGE]
    return max(scores, default=None), _in_words(verdicts), list(fit.refused)


def _in_words(verdicts: list[Verdict]) -> str:
    if not verdicts:
        return ""
    return "above" if any(verdict.is_above for verdict in verdicts) else "below"


def _row(number: int, line: Line) -> dict[str, str | int | float | None]:
    return {
        "Case": number,
        "Images": line.images,
        "Views": line.views,
        "Score": line.score,
        "Threshold": line.verdict,
        "Remarks": line.remarks,
    }
