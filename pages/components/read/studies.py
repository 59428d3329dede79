"""A reader study, case by case: the images alone, an answer, the model's reading, an answer."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypedDict

import pandas as pd
import streamlit as st

from mammo_core.errors import RunError
from mammo_core.glossary import meaning
from mammo_core.inference.verdict import ScoredImage, score_cases, verdict_on
from mammo_core.metrics.reader_findings import BIRADS, DENSITIES
from mammo_core.preprocessing.cases import DAY_SECONDS, Case, keep_case, load_case
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.operating_points import point_in_force
from mammo_core.runs.reader_study import (
    MOST,
    Phase,
    Question,
    ReaderAnswer,
    ReadingStudy,
    Showing,
    StudyCase,
    answers_of,
    create_once,
    find_study,
    first_shown,
    imrmc_table,
    list_studies,
    lock_answer,
    next_step,
)
from mammo_core.tables import to_safe_csv
from mammo_core.types import Level
from mammo_core.words import day_in_words
from pages.components.read.density import density_of
from pages.components.read.pictures import legend_of, make_panes, show_regions
from pages.components.read.reading import CaseReading, read_images
from pages.components.read.scores import (
    fit_of,
    scored_images,
    show_refused,
    show_scores,
)
from pages.components.shared import cached
from pages.components.shared.frame import escaped, noted_errors, shown_errors
from pages.components.shared.viewer.viewer import ShownCase, show_viewer
from pages.components.shared.whose import (
    cases_root,
    find_checkpoint,
    note_once,
    noting,
    studies_root,
)

_KEPT_DAYS = 180
_TRUTHS = {"unknown": None, "cancer": True, "no cancer": False}
_KNOWN = "study_truths"  # in the session: what was said of each case, by its id
_IMPATIENCE = timedelta(minutes=1)  # between two clicks that mean one study


class _Told(TypedDict, total=False):
    recalled: bool | None
    birads: str
    density: str


def show_study_start(case_ids: Sequence[str], run: RunFolder) -> None:
    """Truth where it is known, a name, a seed; then each reader gets the link."""
    st.caption(
        "Each reader sees the cases in a random order, without score, heatmap or names, answers, "
        "and only then sees what the model says and answers once more."
    )
    truths = _ask_truths(case_ids)
    with st.form("study_form", border=False):
        title = st.text_input("Name of the study", key="study_title", max_chars=80)
        seed = st.number_input(
            "Seed of the orders", 0, 10_000, 0, key="study_seed", help=meaning("Seed")
        )
        asks = st.pills(
            "Also ask for", list(Question), default=[Question.RECALL], selection_mode="multi",
            key="study_asks",
            help="Sensitivity and specificity need the recall decision; kappa is told of each.\n\n"
            + meaning("MRMC", "BI-RADS", "Kappa"),
        )  # fmt: skip
        is_wanted = st.form_submit_button(
            "Make the study", icon=":material/lock:", key="make_study"
        )
    if is_wanted and not title.strip():
        st.warning("Give the study a name, so that it can be found again.")
    elif is_wanted:
        with noted_errors():
            _enter(_make(case_ids, truths, run, title=title, seed=seed, asks=tuple(asks)))
    show_studies()


def _ask_truths(case_ids: Sequence[str]) -> list[bool | None]:
    """Known by case: Streamlit goes by the row, and begins a table of more or fewer rows anew."""
    known: dict[str, str] = st.session_state.setdefault(_KNOWN, {})
    key = f"study_truth_{hashlib.sha256(' '.join(case_ids).encode()).hexdigest()[:16]}"
    table = st.data_editor(
        pd.DataFrame(
            {
                "Case": range(1, len(case_ids) + 1),
                "Truth": [known.get(case_id, "unknown") for case_id in case_ids],
            }
        ),
        hide_index=True,
        disabled=["Case"],
        key=key,
        on_change=_keep_truths,
        args=(key, tuple(case_ids)),
        column_config={
            "Truth": st.column_config.SelectboxColumn(options=list(_TRUTHS), required=True)
        },
    )
    return [_TRUTHS[str(truth)] for truth in table["Truth"]]


def _keep_truths(key: str, case_ids: Sequence[str]) -> None:
    """A callback: the click that comes with a change may lead to where no table is drawn."""
    known: dict[str, str] = st.session_state.setdefault(_KNOWN, {})
    for row, changed in st.session_state[key]["edited_rows"].items():
        known[case_ids[int(row)]] = str(changed.get("Truth", "unknown"))


def show_studies() -> None:
    """The studies there are, each a click away."""
    with noted_errors():
        for study in list_studies(studies_root()):
            made = day_in_words(study.created_at)
            label = f"{escaped(study.title)}, {len(study.cases)} cases, {made}"
            if st.button(label, key=f"study_{study.study_id}", icon=":material/groups:"):
                _enter(study.study_id)


def _enter(study_id: str) -> None:
    """The address tells no case: it would lead to what the model says of it."""
    st.query_params.pop("case", None)
    st.query_params["study"] = study_id
    st.rerun()


def _make(
    case_ids: Sequence[str],
    truths: Sequence[bool | None],
    run: RunFolder,
    *,
    title: str,
    seed: int,
    asks: tuple[Question, ...],
) -> str:
    clicked, until = datetime.now(UTC), time.time() + _KEPT_DAYS * DAY_SECONDS
    for case_id in case_ids:
        keep_case(cases_root(), case_id, until=until)
    study = ReadingStudy(
        title=title.strip(),
        cases=tuple(
            StudyCase(case_id=case_id, name=f"case {number}", truth=truth)
            for number, (case_id, truth) in enumerate(zip(case_ids, truths, strict=True), start=1)
        ),
        checkpoint=run.run_id,
        seed=seed,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        asks=asks,
    )
    root = studies_root()
    made = noting("made a reader study", model=run.run_id, about=study.study_id)
    since = (clicked - _IMPATIENCE).isoformat(timespec="seconds")
    study_id = create_once(root, study, since=since)
    if study_id == study.study_id:
        made()
    return study_id


def offer_to_leave() -> None:
    """In the place of the links to other pages, which the frame leaves out meanwhile."""
    st.caption("A reader study is open. Other pages may show its scores and truth.")
    with st.popover("Leave the study", icon=":material/logout:"):
        st.caption("Answers that are locked are kept; the link leads back to the case you are at.")
        st.button("Leave", key="leave_study", on_click=_leave)


def _leave() -> None:
    """A callback: the reader's code is in the address by a widget, which alone may change it."""
    st.session_state["reader"] = ""
    st.query_params.pop("study", None)


def show_study() -> None:
    with st.sidebar:
        offer_to_leave()
    with shown_errors():
        study = find_study(studies_root(), st.query_params["study"])
        st.markdown(f"#### {escaped(study.title)}")
        reader = _ask_reader(study)
        if not reader:
            _show_results(study)
        else:
            step = next_step(study, answers_of(studies_root(), study), reader)
            if step is None:
                st.success("Every case is answered. Thank you.", icon=":material/check:")
            else:
                _show_step(study, reader, *step)


def _ask_reader(study: ReadingStudy) -> str:
    """The reader's code. Answers and truth are only for whoever runs the study: while a reader
    reads, neither is on the page.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        reader: str = st.text_input(
            "Your code as a reader", key="reader", bind="query-params", max_chars=20, width=220
        ).strip()
        if not reader:
            answers = answers_of(studies_root(), study)
            st.download_button(
                f"{len(answers)} answers (iMRMC)",
                to_safe_csv(imrmc_table(study, answers)),
                f"study_{study.study_id}.csv", "text/csv", key="study_csv",
                icon=":material/download:", on_click="ignore",
            )  # fmt: skip
    return reader


def _show_results(study: ReadingStudy) -> None:
    """For whoever runs the study, on asking: who only signs in to read does not see them."""
    if not st.toggle("Show results (for whoever runs the study)", key="study_results"):
        return
    from mammo_core.reports.study.readers import as_read
    from pages.components.shared.reader_results import show_reader_results

    with shown_errors():
        read = as_read(study, answers_of(studies_root(), study))
        show_reader_results(
            read, title=study.title, name=f"study_{study.study_id}", is_sequential=True
        )


def _show_step(study: ReadingStudy, reader: str, asked: StudyCase, phase: Phase) -> None:
    case = load_case(cases_root(), asked.case_id)
    read, run = None, find_checkpoint(study.checkpoint)
    note_once("read in a reader study", case=asked.case_id, about=study.study_id)
    if phase is Phase.AIDED:
        read = _read(case, run)
    done = study.order_for(reader).index(asked)
    picture, words = st.columns([3, 1], gap="medium")
    with picture:
        show_viewer(
            make_panes(case, read),
            key=f"study_viewer_{phase}",
            height=720,
            shown=ShownCase(case_id=f"{study.study_id} {reader} {phase} {case.case_id}"),
            legend=legend_of(case, [read] if read else []),
        )
    with words:
        st.progress(done / len(study.cases), text=f"Case {done + 1} of {len(study.cases)}")
        if read is not None:
            # What the model says, under what the reader said before
            for one in answers_of(studies_root(), study):
                if (one.reader, one.case_id, one.phase) == (reader, case.case_id, Phase.UNAIDED):
                    st.caption(f"Your answer without AI: **{one.score}** of {MOST}.")
            show_refused(fit_of(case, cached.card(run)))
            if read.readings:
                card = cached.card(run)
                images = scored_images(case, read.readings)
                show_scores(images, run, card, fit_of(case, card))
        _ask(study, reader, case, run, phase=phase)
        if read is not None and read.readings:
            show_regions(case, read)


def _read(case: Case, run: RunFolder) -> CaseReading:
    return read_images(run, case, fit_of(case, cached.card(run)).scored)


def _ask(study: ReadingStudy, reader: str, case: Case, run: RunFolder, *, phase: Phase) -> None:
    step = f"{study.study_id} {reader} {case.case_id} {phase}"
    showing = Showing(reader=reader, case_id=case.case_id, phase=phase, shown_at=time.time())
    try:
        shown_at = first_shown(studies_root(), study, showing)
    except RunError as error:  # times alone are lost, and answers go on
        shown_at = showing.shown_at
        st.caption(f":material/timer_off: {escaped(str(error))}")
    question = "How likely is cancer" + ("" if phase is Phase.UNAIDED else ", having seen this")
    with st.form(f"form {step}", border=False):
        score = st.number_input(
            f"{question}? 0 to {MOST}", min_value=0, max_value=MOST, value=None, step=1,
            key=f"answer {step}", placeholder="0 is none, 100 is certain",
        )  # fmt: skip
        told = _ask_more(study, phase, step)
        is_locked = st.form_submit_button(
            "Lock my answer", icon=":material/lock:", key="lock_answer"
        )
    st.caption("A locked answer cannot be changed.")
    if is_locked and score is not None:
        answer = ReaderAnswer(
            reader=reader,
            case_id=case.case_id,
            phase=phase,
            score=score,
            seconds=round(max(0.0, time.time() - shown_at), 1),
            answered_at=datetime.now(UTC).isoformat(timespec="seconds"),
            weights_sha256=cached.card(run).weights_sha256,
            **told,
        )
        if phase is Phase.AIDED:
            answer = _with_model(study, answer, case, run)
        root = studies_root()
        answered = noting("answered in a reader study", case=case.case_id, about=study.study_id)
        with shown_errors():
            lock_answer(root, study, answer)
            answered()
        st.rerun()


def _ask_more(study: ReadingStudy, phase: Phase, step: str) -> _Told:
    """What the study asks beside how likely cancer is; density once, without the model."""
    told = _Told()
    if Question.RECALL in study.asks:
        recalled = st.segmented_control("Recall her?", ["yes", "no"], key=f"recalled {step}")
        told["recalled"] = None if recalled is None else recalled == "yes"
    if Question.BIRADS in study.asks:
        told["birads"] = _picked("BI-RADS", BIRADS, f"birads {step}")
    if Question.DENSITY in study.asks and phase is Phase.UNAIDED:
        told["density"] = _picked("Density", DENSITIES, f"density {step}")
    return told


def _picked(label: str, words: Sequence[str], key: str) -> str:
    return st.segmented_control(label, words, key=key, help=meaning(label)) or ""


def _with_model(
    study: ReadingStudy, answer: ReaderAnswer, case: Case, run: RunFolder
) -> ReaderAnswer:
    """With what the model said: its score, its call where a threshold is locked, the density."""
    images = scored_images(case, _read(case, run).readings)
    point = point_in_force(run)
    found = [verdict_on(one, point) for one in score_cases(images, point)]
    calls = [one.is_above for one in found if one is not None]
    return replace(
        answer,
        model_score=_model_score(images),
        model_called=any(calls) if calls else None,
        model_density=density_of(case) if Question.DENSITY in study.asks else "",
    )


def _model_score(images: Sequence[ScoredImage]) -> float | None:
    """The highest of the case's images."""
    scored = score_cases(images, None)
    return max((one.score for one in scored if one.level is Level.IMAGE), default=None)
