"""Work lists: many studies fetched, read and scored by a worker while nobody looks, and sent home
when somebody says so.

A work list is a run folder. Which studies it is of stands in it sealed; what became of each is a
line of entries.jsonl, which any page or shell reads.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from mammo_core.archive.journal import append_line, read_lines
from mammo_core.archive.links import read_link, seal, unseal
from mammo_core.errors import ArchiveAwayError, DiskError, MammoError
from mammo_core.files import archives_file, home
from mammo_core.preprocessing.cases import DAY_SECONDS, Case, keep_case, load_case
from mammo_core.preprocessing.reading.identity import installation_key
from mammo_core.records import from_document, to_document
from mammo_core.runs.folder import RunFolder, find_checkpoint
from mammo_core.runs.jobs import JobProgress, start_run
from mammo_core.words import many

if TYPE_CHECKING:
    from mammo_core.archive.client import ArchiveClient, FoundStudy
    from mammo_core.archive.results import Reader
    from mammo_core.reports.case.record import ReadCase

ENTRIES_FILE: Final = "entries.jsonl"
RECEIVED: Final = "received"  # the work list of what other nodes send here
KEPT_DAYS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkConfig:
    """The settings of a work list."""

    kind: Literal["archive"] = "archive"
    archive: str
    checkpoint: str
    cases: str  # the folder of the case store
    sealed: str = ""  # the studies
    modality: str = "MG"
    sends: str = ""  # instead of scoring: the work list whose results are sent home
    has_states: bool = True  # with presentation states, where regions stand out


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkEntry:
    """What became of one study. `number` is its place in the list."""

    number: int
    case_id: str = ""
    images: int = 0
    score: float | None = None  # the highest of its images
    side: str = ""  # of the threshold in force: "above", "below", or neither
    problem: str = ""
    sent_at: str = ""


def start_worklist(
    archive: str, studies: "Sequence[FoundStudy]", *, checkpoint: str, cases: Path, root: Path
) -> RunFolder:
    """Start the worker that fetches and scores `studies`."""
    sealed = seal(json.dumps([to_document(study) for study in studies]))
    config = WorkConfig(
        archive=archive, checkpoint=checkpoint, cases=str(cases.absolute()), sealed=sealed
    )
    return start_run(config, root, what="archive", total=len(studies))


def start_sending(
    worklist: RunFolder, *, archive: str, checkpoint: str, cases: Path, has_states: bool = True
) -> RunFolder:
    """Start the worker that sends home what is scored and was not sent."""
    config = WorkConfig(
        archive=archive,
        checkpoint=checkpoint,
        cases=str(cases.absolute()),
        sends=str(worklist.path.absolute()),
        has_states=has_states,
    )
    return start_run(config, worklist.path.parent, what="sending", total=len(entries_of(worklist)))


def entries_of(worklist: RunFolder) -> list[WorkEntry]:
    """By number; the last word on each."""
    found: dict[int, WorkEntry] = {}
    for document in read_lines(worklist.file(ENTRIES_FILE)):
        entry = from_document(document, WorkEntry, where=ENTRIES_FILE)
        found[entry.number] = entry
    return [found[number] for number in sorted(found)]


def add_entry(worklist: RunFolder, entry: WorkEntry) -> None:
    append_line(worklist.file(ENTRIES_FILE), to_document(entry))


def work(run: RunFolder) -> str:
    """What the worker does of a work list; goes on after what is done."""
    config = run.settings(WorkConfig)
    if config.sends:
        return _send(run, config)
    from mammo_core.archive.client import FoundStudy, connect
    from mammo_core.archive.listed import find_archive
    from mammo_core.archive.results import open_reader

    studies = [
        from_document(one, FoundStudy, where="a sealed study")
        for one in json.loads(unseal(config.sealed))
    ]
    client = connect(find_archive(archives_file(), config.archive))
    report = JobProgress(run)
    reader = open_reader(find_checkpoint(config.checkpoint), tell=partial(report, 0, len(studies)))
    known = {entry.number for entry in entries_of(run) if not entry.problem or entry.sent_at}
    absences = _Absences()
    for number, study in enumerate(studies, start=1):
        if run.is_asked_to_stop():
            return f"Stopped after {number - 1} of {many(len(studies), 'study', 'studies')}."
        report(number - 1, len(studies), f"Study {number} of {len(studies)}")
        if number in known:
            continue
        with absences.counted(should_stop=run.is_asked_to_stop):
            entry = _scored(number, study, client, reader, config, should_stop=run.is_asked_to_stop)
            add_entry(run, entry)
    absences.raise_last()
    report(len(studies), len(studies), "")
    return done_in_words(entries_of(run), len(studies))


_AWAY_IN_A_ROW: Final = 3


class _Absences:
    """How often an archive was away. One study that it never sends in time must not hold up all
    others for ever; but where it is away for several in a row, it is for those that follow as well.
    What was left is no problem of a study: it is still to be done, when the work goes on.
    """

    def __init__(self) -> None:
        self._left = 0
        self._in_a_row = 0
        self._last = ""

    @contextmanager
    def counted(self, *, should_stop: Callable[[], bool]) -> Iterator[None]:
        try:
            yield
            self._in_a_row = 0
        except ArchiveAwayError as error:
            if should_stop():
                return  # broken off on request
            self._left, self._in_a_row, self._last = self._left + 1, self._in_a_row + 1, str(error)
            if self._in_a_row == _AWAY_IN_A_ROW:
                raise

    def raise_last(self) -> None:
        if self._left:
            cases = many(self._left, "case is", "cases are")
            raise ArchiveAwayError(f"{self._last} {cases} left; go on with them later.")


def _scored(
    number: int,
    study: "FoundStudy",
    client: "ArchiveClient",
    reader: "Reader",
    config: WorkConfig,
    *,
    should_stop: Callable[[], bool],
) -> WorkEntry:
    """What is wrong with the study itself is its problem; not so an archive that is away, or a full
    disk.
    """
    from mammo_core.archive.exams import open_study

    root = Path(config.cases)
    try:
        case = open_study(client, study, root, modality=config.modality, should_stop=should_stop)
        keep_case(root, case.case_id, until=case.kept_until + KEPT_DAYS * DAY_SECONDS)
        entry = score_entry(number, case.case_id, reader, root)[0]
        link = read_link(root, case.case_id)
        missing = link.missing if link is not None else ""
        return replace(entry, problem=f"{missing} {entry.problem}".strip())
    except (ArchiveAwayError, DiskError):
        raise
    except MammoError as error:
        return WorkEntry(number=number, problem=str(error))


_now: Final = partial(datetime.now, UTC)


def score_entry(
    number: int,
    case_id: str,
    reader: "Reader",
    root: Path,
    *,
    now: Callable[[], datetime] = _now,
) -> "tuple[WorkEntry, ReadCase]":
    """A kept case as a checkpoint reads it, and its line of the list."""
    from mammo_core.archive.results import read_case_with
    from mammo_core.inference.verdict import verdict_on

    case = load_case(root, case_id)
    read = read_case_with(reader, case, root, now=now())
    verdicts = [found for one in read.scores if (found := verdict_on(one, read.point))]
    side = "above" if any(one.is_above for one in verdicts) else "below"
    scores = [one.reading.score for one in read.images if one.reading is not None]
    entry = WorkEntry(
        number=number,
        case_id=case_id,
        images=len(case.images),
        score=max(scores, default=None),
        side=side if verdicts else "",
        problem=_missing_in_words(case, read),
    )
    return entry, read


def _missing_in_words(case: Case, read: "ReadCase") -> str:
    """How many images have no score, and why."""
    why = [one.sentence for one in case.unread] + [image.unread for image in read.images]
    return " ".join(dict.fromkeys(filter(None, (read.missing, *why))))


def done_in_words(entries: Sequence[WorkEntry], total: int) -> str:
    scored = sum(entry.score is not None for entry in entries)
    sent = sum(bool(entry.sent_at) for entry in entries)
    told = f"{scored} of {many(total, 'study', 'studies')} scored"
    return f"{told}, {sent} sent." if sent else f"{told}."


def _send(run: RunFolder, config: WorkConfig) -> str:
    return send_worklist(
        RunFolder(Path(config.sends)),
        config,
        should_stop=run.is_asked_to_stop,
        report=JobProgress(run),
    ).words


@dataclass(frozen=True, slots=True, kw_only=True)
class SentCases:
    """How sending a work list ended, in words, and how many cases could not be sent."""

    words: str
    failed: int


def send_worklist(
    worklist: RunFolder,
    config: WorkConfig,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    report: Callable[[int, int, str], None] = lambda done, total, message: None,
) -> SentCases:
    """Send what is scored and was not sent; a case that cannot be does not hold up the others, an
    archive that is away does.
    """
    from mammo_core.archive.results import open_reader

    entries = [one for one in entries_of(worklist) if one.score is not None and not one.sent_at]
    reader = open_reader(find_checkpoint(config.checkpoint))
    problems, absences = [], _Absences()
    for done, entry in enumerate(entries):
        if should_stop():
            break
        report(done, len(entries), f"Sending {done + 1} of {len(entries)}")
        with absences.counted(should_stop=should_stop):
            problem = _sent(worklist, entry, reader, config)
            problems += [f"Case {entry.number}: {problem}"] * bool(problem)
    absences.raise_last()
    report(len(entries), len(entries), "")
    words = done_in_words(entries_of(worklist), len(entries_of(worklist)))
    return SentCases(words=" ".join([words, *problems[:3]]), failed=len(problems))


def _sent(worklist: RunFolder, entry: WorkEntry, reader: "Reader", config: WorkConfig) -> str:
    """Why it could not be sent; "" where it was, and is marked so."""
    try:
        send_case(
            entry.case_id, reader, Path(config.cases),
            archive=config.archive, has_states=config.has_states,
        )  # fmt: skip
    except (ArchiveAwayError, DiskError):
        raise
    except MammoError as error:
        return str(error)
    sent_at = datetime.now(UTC).isoformat(timespec="seconds")
    add_entry(worklist, replace(entry, sent_at=sent_at))
    return ""


def send_case(
    case_id: str,
    reader: "Reader",
    root: Path,
    *,
    archive: str = "",
    has_states: bool = True,
    now: Callable[[], datetime] = _now,
) -> int:
    """Send one kept case home, read by that checkpoint; how many objects."""
    from mammo_core.archive.client import connect
    from mammo_core.archive.listed import find_archive
    from mammo_core.archive.results import send_home
    from mammo_core.reports.case.picture import Appearance
    from mammo_core.reports.case.record import Pseudonyms

    link = read_link(root, case_id)
    if link is None:
        raise MammoError("This case did not come from an archive, so nothing can be sent there.")
    _, read = score_entry(0, case_id, reader, root, now=now)
    return send_home(
        connect(find_archive(archives_file(), archive or link.archive)),
        read,
        link,
        look=Appearance(),
        pseudonyms=Pseudonyms(key=installation_key(home() / "key"), case_id=case_id),
        has_states=has_states,
    )
