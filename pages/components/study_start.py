"""Making a reader study of the cases of a list."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from mammo_core.paths import cases_root, studies_root
from mammo_core.preprocessing.case_store import DAY_SECONDS, keep_case
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.reader_study import Study, StudyCase, create_study, list_studies
from pages.components.guard import escaped, noted_errors

_KEPT_DAYS = 180
_TRUTHS = {"unknown": None, "cancer": True, "no cancer": False}


def show_study_start(case_ids: Sequence[str], run: RunFolder) -> None:
    """Truth where it is known, a name, a seed; then each reader gets the link."""
    st.caption(
        "Each reader sees the cases in a random order, without score, heatmap or names, answers, "
        "and only then sees what the model says and answers once more."
    )
    table = st.data_editor(
        pd.DataFrame({"Case": range(1, len(case_ids) + 1), "Truth": "unknown"}),
        hide_index=True,
        disabled=["Case"],
        key="study_truth",
        column_config={
            "Truth": st.column_config.SelectboxColumn(options=list(_TRUTHS), required=True)
        },
    )
    with st.form("study_form", border=False):
        title = st.text_input("Name of the study", key="study_title", max_chars=80)
        seed = st.number_input("Seed of the orders", 0, 10_000, 0, key="study_seed")
        is_wanted = st.form_submit_button(
            "Make the study", icon=":material/lock:", key="make_study"
        )
    if is_wanted and not title.strip():
        st.warning("Give the study a name, so that it can be found again.")
    elif is_wanted:
        truths = [_TRUTHS[str(truth)] for truth in table["Truth"]]
        with noted_errors():
            st.query_params["study"] = _make(case_ids, truths, run, title=title, seed=seed)
            st.rerun()
    show_studies()


def show_studies() -> None:
    """The studies there are, each a click away."""
    with noted_errors():
        for study in list_studies(studies_root()):
            label = f"{escaped(study.title)}, {len(study.cases)} cases, {study.created_at[:10]}"
            if st.button(label, key=f"study_{study.study_id}", icon=":material/groups:"):
                st.query_params["study"] = study.study_id
                st.rerun()


def _make(
    case_ids: Sequence[str],
    truths: Sequence[bool | None],
    run: RunFolder,
    *,
    title: str,
    seed: int,
) -> str:
    until = time.time() + _KEPT_DAYS * DAY_SECONDS
    for case_id in case_ids:
        keep_case(cases_root(), case_id, until=until)
    study = Study(
        title=title.strip(),
        cases=tuple(
            StudyCase(case_id=case_id, name=f"case {number}", truth=truth)
            for number, (case_id, truth) in enumerate(zip(case_ids, truths, strict=True), start=1)
        ),
        checkpoint=run.run_id,
        seed=seed,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return create_study(studies_root(), study)
