"""The case list at the left of Read: what was opened in this session and what came together, each
with what is known of it; broken files with their reason.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.inference.verdict import as_given, score_cases, verdict_on
from mammo_core.listing import ListedCase
from mammo_core.preprocessing.cases import Case, load_case, load_mammogram
from mammo_core.preprocessing.worklists import keep_worklist, load_worklist
from mammo_core.runs.folder import RunFolder, card_hash
from mammo_core.runs.operating_points import point_in_force
from mammo_core.words import many
from pages.components.read.intake import LIST, names_of, seen_cases
from pages.components.read.reading import DEFAULT_METHOD, CaseReading, hold, read_images
from pages.components.read.scores import fit_of, point_for, scored_images
from pages.components.read.studies import show_study_start
from pages.components.shared import cached
from pages.components.shared.caselist.caselist import show_case_list, take_opened
from pages.components.shared.caselist.origin import known_truth
from pages.components.shared.frame import shown_errors
from pages.components.shared.whose import cases_root, note_once, worklists_root

_SCORES: Final = (
    "scores_of_cases"  # by what they were made of: the highest score, and on which side
)
_FILE: Final = " file "  # in the key of a row, between a case and the number of a broken file
_THUMBNAIL: Final = 96  # pixels
_HEIGHT: Final = 620
_PATIENCE: Final = 2.0  # seconds of scoring after which the list is shown anew

Known = tuple[float | None, str]


def follow_list() -> None:
    """Open what was clicked or reached in the list; of one that was linked to, its first case."""
    clicked = take_opened(LIST)
    if clicked is not None:
        st.query_params["case"] = clicked.partition(_FILE)[0]
    elif "list" in st.query_params and "case" not in st.query_params:
        ids = _linked()
        if ids:
            st.query_params["case"] = ids[0]


def listed_cases() -> list[str]:
    """The cases of the list in the URL, then the others of this session."""
    return list(dict.fromkeys([*_linked(), *seen_cases()]))


def keep_list() -> None:
    """Several cases stand in the address as a list, so that a reload finds them together again."""
    linked = _linked()
    ids = list(dict.fromkeys([*linked, *seen_cases()]))
    if len(ids) > 1 and ids != linked:
        st.query_params["list"] = keep_worklist(worklists_root(), ids)


def _linked() -> list[str]:
    if "list" not in st.query_params:
        return []
    with shown_errors():
        return list(load_worklist(worklists_root(), st.query_params["list"]))


def show_list(opened: Case, run: RunFolder | None) -> None:
    """In the side, where there is more than one thing to list."""
    rows = [row for number, one in enumerate(listed_cases(), 1) for row in _rows(one, number, run)]
    if len(rows) < 2:
        return
    with st.sidebar:
        show_case_list(
            rows, key=LIST, thumbnails=_thumbnail, opened=opened.case_id,
            threshold=mark_of(rows, run), height=_HEIGHT,
        )  # fmt: skip
        cases = [row.key for row in rows if not row.problem]
        if run is not None and len(cases) > 1:
            with st.expander("Read them in a reader study", icon=":material/groups:"):
                show_study_start(cases, run)


def mark_of(rows: Sequence[ListedCase], run: RunFolder | None) -> float | None:
    """Where the threshold in force lies among the highest scores of images, which are listed; None
    where it judges one of them otherwise, or not at all.
    """
    try:
        given = as_given(point_in_force(run)) if run is not None else None
    except MammoError:  # the page of the case says so
        return None
    if given is None or given.threshold > 1.0:
        return None
    is_told = all(
        row.facts.get("threshold") == ("above" if row.score >= given.threshold else "below")
        for row in rows
        if row.score is not None
    )
    return given.threshold if is_told else None


def note_score(case: Case, run: RunFolder, read: CaseReading) -> None:
    """Let the list show what `run` says of `case`; a score of an image of a kind the model does not
    know is no number to sort among the others, and stands under its stamp alone.
    """
    images = [one for one in scored_images(case, read.readings) if not one.is_outside]
    point = point_for(images, run, cached.card(run))
    verdicts = [verdict_on(one, point) for one in score_cases(images, point)]
    known = [verdict for verdict in verdicts if verdict]
    side = ""
    if known:
        side = "above" if any(verdict.is_above for verdict in known) else "below"
    score = max((image.score for image in images), default=None)
    _scores()[_made_of(case.case_id, case, run)] = (score, side)


def note_seen(case: Case, run: RunFolder, read: CaseReading) -> None:
    """For the access log, before any score of `read` is shown."""
    if read.readings:
        note_once("saw a score", case=case.case_id, model=run.run_id)


def score_rest(run: RunFolder) -> None:
    """Score what is listed and has no score yet, when all else is on the page; any click of the
    reader comes first, between two cases. Not in a run of the page that opened a dialog, which the
    next run would shut.
    """
    ids, scores = listed_cases(), _scores()
    unscored = [one for one in ids if _state_of(one, run) not in scores]
    if not unscored:
        return
    started = time.monotonic()
    with st.sidebar, st.empty():
        for done, case_id in enumerate(unscored, start=len(ids) - len(unscored)):
            st.progress(done / len(ids), text=f"Scoring {done + 1} of {many_cases(len(ids))}…")
            _score(case_id, run)
            if time.monotonic() - started > _PATIENCE:
                break
    st.rerun()


def many_cases(count: int) -> str:
    return many(count, "case", "cases")


def _score(case_id: str, run: RunFolder) -> None:
    """No score where the case is gone, the model cannot read it or the log has no room for a line,
    as its own page will say.
    """
    _scores()[_state_of(case_id, run)] = (None, "")
    try:
        case = load_case(cases_root(), case_id)
        read = read_images(run, case, fit_of(case, cached.card(run)).scored)
        note_seen(case, run, read)
        note_score(case, run, read)
        hold(run, case, method=DEFAULT_METHOD)
    except MammoError:
        return


def _scores() -> dict[tuple[object, ...], Known]:
    scores: dict[tuple[object, ...], Known] = st.session_state.setdefault(_SCORES, {})
    return scores


def _state_of(case_id: str, run: RunFolder) -> tuple[object, ...]:
    try:
        case = load_case(cases_root(), case_id)
    except MammoError:
        case = None
    return _made_of(case_id, case, run)


def _made_of(case_id: str, case: Case | None, run: RunFolder) -> tuple[object, ...]:
    """Whatever a score and its side of the threshold depend on: another model or threshold under
    the same name, or an image said to be of another side, asks for them anew.
    """
    refs = tuple(image.ref for image in case.images) if case else ()
    try:
        card, point = card_hash(run), point_in_force(run)
    except MammoError:  # the page of the case says so
        return case_id, refs, run.run_id
    return case_id, refs, run.run_id, card, point


def _rows(case_id: str, number: int, run: RunFolder | None) -> list[ListedCase]:
    """One row for the case, and one for every file of it that was not read."""
    names = names_of(case_id)
    try:
        case = load_case(cases_root(), case_id)
    except MammoError as error:
        return [
            ListedCase(key=case_id, title=_title([*names.values()], number), problem=str(error))
        ]
    scored = _scores().get(_made_of(case_id, case, run)) if run else None
    score, side = scored or (None, "")
    known = known_truth(case)
    facts: dict[str, str | float] = {"images": float(len(case.images))}
    if side:
        facts["threshold"] = side
    ids = [image.ref.image_id for image in case.images]
    read = [names[image_id] for image_id in ids if image_id in names]
    rows = [
        ListedCase(
            key=case_id,
            title=_title(read, number),
            chips=_chips(case),
            score=score,
            facts=facts,
            truth=known.truth,
            is_positive=known.is_positive,
        )
    ]
    broken = [
        ListedCase(
            key=f"{case_id}{_FILE}{refusal.number}",
            title=names.get(str(refusal.number), f"File {refusal.number}"),
            problem=f"{refusal.sentence} {refusal.hint}",
        )
        for refusal in case.refusals
    ]
    return [*(rows if case.images else []), *broken]


def _title(names: Sequence[str], number: int) -> str:
    """The one file, or the first of several; without names, which number it has in the list."""
    if not names:
        return f"Case {number}"
    first = names[0].rpartition("/")[2]
    return first if len(names) == 1 else f"{first} and {len(names) - 1} more"


def _chips(case: Case) -> tuple[str, ...]:
    if len(case.images) == 1:
        ref = case.images[0].ref
        return tuple(str(part) for part in (ref.side, ref.view) if part)
    sides = sorted({str(image.ref.side) for image in case.images if image.ref.side})
    return (*sides, f"{len(case.images)} views")


def _thumbnail(key: str) -> bytes | None:
    return None if _FILE in key else _picture(cases_root(), key)


@st.cache_data(max_entries=512, show_spinner=False)
def _picture(root: Path, case_id: str) -> bytes | None:
    """Of the first image; None where the case is gone."""
    from mammo_core.datasets.small_images import small_jpeg

    try:
        case = load_case(root, case_id)
        pixels = load_mammogram(root, case, case.images[0]).pixels
    except MammoError:
        return None
    return small_jpeg(pixels, side=_THUMBNAIL)


def forget_thumbnails() -> None:
    """Drop every small picture kept in memory."""
    _picture.clear()
