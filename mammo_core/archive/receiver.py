"""A receiving node: other nodes send studies here (DICOM C-STORE), each becomes a case.

An image is acknowledged when it is whole on the disk, and not before. A study is complete when
nothing more of it has come for a while; then it is moved aside, read in the limited process, kept
by the rules of the case store, and the files it came in are deleted. What could not be read now is
tried again, later and later. A kill at any moment loses nothing that was acknowledged: what lies in
the folder of arrivals is taken up again at the next start.
"""

import shutil
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from pynetdicom import evt
from pynetdicom.dsutils import encode_file_meta
from pynetdicom.pdu import P_DATA_TF

from mammo_core.archive.arrivals import (
    Write,
    drop_study,
    files_of,
    forgotten_in_words,
    is_over,
    keep_arrival,
    set_aside,
    studies_aside,
)
from mammo_core.archive.client import FOR_PRESENTATION, FOR_PROCESSING
from mammo_core.archive.exams import Contents
from mammo_core.archive.links import Link, LinkedImage, keep_link
from mammo_core.archive.results import Reader, forward_report, open_reader
from mammo_core.archive.wire import Entity, Entrance, MemoryBudget, plain_address
from mammo_core.archive.worklists import (
    KEPT_DAYS,
    RECEIVED,
    WorkEntry,
    add_entry,
    entries_of,
    score_entry,
)
from mammo_core.errors import ArchiveAwayError, ConfigError, DiskError, MammoError, ReadError
from mammo_core.files import replace_file, sweep_scratch, sync_folder, try_lock
from mammo_core.preprocessing.cases import DAY_SECONDS, Case, keep_case, store_case, sync_case
from mammo_core.preprocessing.dicom.parse import SYNTAXES
from mammo_core.preprocessing.pixel_files import KeptImage
from mammo_core.preprocessing.reading.identity import Evidence
from mammo_core.preprocessing.reading.limits import FILE_BYTES, MEGABYTE, PASSING
from mammo_core.preprocessing.reading.read import (
    EXAM_BYTES,
    ask_exam,
    keep_mammogram,
    read_evidence,
)
from mammo_core.reports.case.record import ReadCase
from mammo_core.runs.folder import RunFolder, RunStatus, find_checkpoint
from mammo_core.scores import shown_digits
from mammo_core.types import RunState
from mammo_core.words import many

_SECONDARY_CAPTURES: Final = (
    "1.2.840.10008.5.1.4.1.1.7",
    "1.2.840.10008.5.1.4.1.1.7.2",
    "1.2.840.10008.5.1.4.1.1.7.3",
)
_VERIFICATION: Final = "1.2.840.10008.1.1"
STORED: Final = (FOR_PRESENTATION, FOR_PROCESSING, *_SECONDARY_CAPTURES)
#: All that are read; of several that a sender offers, the one that costs least.
_SYNTAXES: Final = [syntax.uid for syntax in SYNTAXES]
_SUCCESS, _NO_ROOM, _NOT_UNDERSTOOD = 0x0000, 0xA700, 0xC000  # PS3.4 B.2.3
_NOT_AUTHORISED, _NOT_SUPPORTED = 0x0124, 0x0122  # PS3.7 C.5
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_PREAMBLE: Final = b"\0" * 128 + b"DICM"
_ONE_NODE: Final = ".node"  # locked as long as a node runs
_POLL_SECONDS: Final = 0.5
_FIRST_WAIT: Final = 30.0  # seconds until a study that could not be kept is tried again; doubled
_LONGEST_WAIT: Final = 6 * 3600.0
_ROOM_BYTES: Final = 200 * MEGABYTE  # what is left free for what becomes of the images


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverSettings:
    """How the node is called, to whom it listens, and how much it takes."""

    aet: str = "MAMMOSCOPE"
    host: str = "127.0.0.1"
    port: int = 11112
    allowed: tuple[tuple[str, str], ...] = ()  # calling titles, each with its address
    silence: float = 10.0  # seconds after which a study is complete
    associations: int = 8
    most_bytes: int = FILE_BYTES  # of one object
    most_held_bytes: int = 2 * FILE_BYTES  # of all that are coming in, in memory
    pdu_bytes: int = 128 * 1024


def check_receiver(settings: ReceiverSettings) -> None:
    if settings.host not in _LOOPBACK and not settings.allowed:
        raise ConfigError(
            f"Listening on {settings.host} lets other computers send. Name each with "
            "--allow AET=ADDRESS, as in --allow MAMMO1=10.1.2.3."
        )
    check_title(settings.aet)
    if not 1 <= settings.port <= 65535:
        raise ConfigError(f"{settings.port} is no port. Choose one from 1 to 65535 with --port.")
    if settings.most_held_bytes < settings.most_bytes:
        raise ConfigError(
            f"One object may have {settings.most_bytes // MEGABYTE} MB, but all together only "
            f"{settings.most_held_bytes // MEGABYTE}. Give --memory-megabytes that much at least."
        )


def check_title(title: str) -> None:
    if not 1 <= len(title) <= 16 or not title.isascii() or not title.isprintable():
        raise ConfigError(f"{title!r} is no application entity title: 1 to 16 letters.")


class _Files(Contents):
    """Of files on the disk."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def read(self, place: int) -> bytes:
        return self._paths[place].read_bytes()


Complete = Callable[[Case, dict[str, Evidence]], None]


class Receiver:
    """The node. What becomes of a complete study is told to `on_complete`, in one thread."""

    def __init__(
        self,
        settings: ReceiverSettings,
        *,
        arrivals: Path,
        cases: Path,
        on_complete: Complete,
        say: Callable[[str], None],
        write: Write = replace_file,
        keep: Callable[[bytes, Path], KeptImage] = keep_mammogram,
        ask: Callable[[bytes], str] = ask_exam,
    ) -> None:
        check_receiver(settings)
        self._settings = settings
        self._allowed = {(title, plain_address(one)) for title, one in settings.allowed}
        self._arrivals = arrivals
        self._cases = cases
        self._on_complete = on_complete
        self._say = say
        self._write = write
        self._keep_image = keep
        self._ask = ask
        self._tries: dict[str, tuple[int, float]] = {}  # by study, how many and when the next is
        self._budget = MemoryBudget(
            most_bytes=settings.most_held_bytes, most_of_one=settings.most_bytes
        )
        self._over = threading.Event()

    def serve(self, *, tls: ssl.SSLContext | None = None) -> None:
        """Until `stop`. Only one node at a time has the folder of arrivals, and the list."""
        self._arrivals.mkdir(parents=True, exist_ok=True)
        self._arrivals.chmod(0o700)
        sync_folder(self._arrivals.parent)
        with (self._arrivals / _ONE_NODE).open("a+b") as lock:
            if not try_lock(lock):
                raise ConfigError(
                    "Another `mammo receive` takes studies into this folder already. End it, or "
                    "give this one a MAMMO_HOME of its own."
                )
            sweep_scratch(self._arrivals)
            self._serve(tls)

    def _serve(self, tls: ssl.SSLContext | None) -> None:
        name, place = self._settings.aet, (self._settings.host, self._settings.port)
        try:
            entrance = Entrance(
                self._entity(),
                place,
                tls=tls,
                handlers=self._handlers(),
                addresses=frozenset(address for _, address in self._allowed),
                say=self._say,
            )
        except OSError as error:
            raise ConfigError(
                f"Nothing can listen at {place[0]}, port {place[1]}: {error.strerror}. Choose "
                "another with --port."
            ) from None
        entrance.start()
        self._say(f"{name} listens at {place[0]}, port {place[1]}. Ctrl-C ends it.")
        try:
            while not self._over.wait(_POLL_SECONDS):
                self.take_up()
        finally:
            entrance.shutdown()

    def stop(self) -> None:
        self._over.set()

    def _handlers(self) -> list[Any]:
        return [
            (evt.EVT_ACCEPTED, self._accepted),
            (evt.EVT_C_ECHO, self._echoed),
            (evt.EVT_C_STORE, self._stored),
            (evt.EVT_PDU_RECV, self._measured),
        ]

    def _entity(self) -> Entity:
        entity = Entity(ae_title=self._settings.aet)
        entity.maximum_associations = self._settings.associations
        entity.maximum_pdu_size = self._settings.pdu_bytes
        entity.require_called_aet = True
        entity.require_calling_aet = [title for title, _ in self._settings.allowed]
        entity.network_timeout = entity.dimse_timeout = 60
        entity.acse_timeout = 60  # a computer under load answers late
        entity.add_supported_context(_VERIFICATION)
        for stored in STORED:
            entity.add_supported_context(stored, _SYNTAXES)
        return entity

    def _is_allowed(self, event: Any) -> bool:
        """A title alone is anybody's to claim."""
        peer = event.assoc.requestor
        known = (str(peer.ae_title).strip(), plain_address(str(peer.address)))
        return not self._allowed or known in self._allowed

    def _accepted(self, event: Any) -> None:
        if not self._is_allowed(event):
            self._say(f"Refused a node at {event.assoc.requestor.address}: it is not in --allow.")
            event.assoc.abort()

    def _echoed(self, event: Any) -> int:
        return _SUCCESS if self._is_allowed(event) else _NOT_AUTHORISED

    def _measured(self, event: Any) -> None:
        """An object without end is not waited for."""
        if isinstance(event.pdu, P_DATA_TF) and not self._budget.take(event.assoc, event.pdu):
            most = self._settings.most_bytes // MEGABYTE
            self._say(f"Broke off an object of more than {most} MB, or of no sound form.")
            event.assoc.abort()

    def _stored(self, event: Any) -> int:
        """Success is answered when the image is whole on the disk."""
        try:
            if not self._is_allowed(event):
                return _NOT_AUTHORISED
            if event.request.AffectedSOPClassUID not in STORED:
                return _NOT_SUPPORTED
            if self._budget.is_dropped(event.assoc):
                self._say("Put off an image: too many are coming in at once for the memory.")
                return _NO_ROOM
            with event.request.DataSet.getbuffer() as body:
                return self._taken(event, body)
        finally:
            self._budget.answered(event.assoc)

    def _taken(self, event: Any, body: memoryview) -> int:
        """Written as it lies in memory: an image is large, and there it is once."""
        head = _PREAMBLE + encode_file_meta(event.file_meta)
        try:
            study = self._ask(head + bytes(body[:EXAM_BYTES]))
        except ReadError as error:
            self._say(f"Put off an image: {error.sentence}")
            return _NO_ROOM
        if not study:
            self._say("Refused an object that does not say which study it is of.")
            return _NOT_UNDERSTOOD
        name = sha256(str(event.request.AffectedSOPInstanceUID).encode()).hexdigest()
        try:
            self._keep((head, body), study, name)
        except OSError as error:
            said = str(error) if isinstance(error, DiskError) else type(error).__name__
            self._say(f"Refused an image: {said}")
            return _NO_ROOM
        return _SUCCESS

    def _keep(self, content: tuple[bytes, memoryview], study: str, name: str) -> None:
        free = shutil.disk_usage(self._arrivals).free
        if free < sum(map(len, content)) + _ROOM_BYTES:
            raise DiskError(f"Only {free // MEGABYTE} MB are left on the disk. Make room.")
        keep_arrival(self._arrivals, study, name, content, write=self._write)

    def take_up(self, *, now: float | None = None) -> int:
        """Make cases of the studies that are complete; of how many."""
        now = time.time() if now is None else now
        set_aside(self._arrivals, silence=self._settings.silence, now=now)
        return sum(self._try(folder, now) for folder in studies_aside(self._arrivals))

    def _try(self, folder: Path, now: float) -> bool:
        """Whether it is a case now. One that cannot be never holds up the others."""
        tried, due = self._tries.get(folder.name, (0, 0.0))
        if now < due:
            return False
        try:
            passing = self._take_up(files_of(folder))
            if not passing:
                drop_study(folder)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next study is taken up
            passing = str(error) if isinstance(error, MammoError) else type(error).__name__
        self._tries.pop(folder.name, None)
        if passing and not self._is_forgotten(folder, now):
            wait = min(_FIRST_WAIT * 2**tried, _LONGEST_WAIT)
            self._tries[folder.name] = (tried + 1, now + wait)
            self._say(f"A study is not done with, and tried again in {wait:.0f} s: {passing}")
        return not passing

    def _is_forgotten(self, folder: Path, now: float) -> bool:
        with suppress(OSError):
            if is_over(folder, now=now):
                drop_study(folder)
                self._say(forgotten_in_words(1))
                return True
        return False

    def _take_up(self, files: Sequence[Path]) -> str:
        """Why it has to be tried again; "" where it has not."""
        if not files:
            return ""
        contents = _Files(files)
        self._cases.mkdir(parents=True, exist_ok=True)
        case = store_case(contents, self._cases, keep=self._keep_image, now=time.time())
        evidence = {}
        passing = [one.sentence for one in case.refusals if one.code in PASSING]
        for image in case.images:
            try:
                evidence[image.ref.image_id] = read_evidence(contents[image.number - 1])
            except ReadError as error:  # without identity it can be read, and not be sent home
                passing += [error.sentence] if error.code in PASSING else []
        sync_case(self._cases, case.case_id)
        self._on_complete(case, evidence)
        if not passing:
            return ""
        count = many(len(files), "image", "images")
        return f"{len(passing)} of {count} could not be read. {passing[0]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Afterwards:
    """What becomes of a case that was received: a line of the work list, a score, a report sent. An
    archive that is away is told by an ArchiveAwayError, when all else is done.
    """

    worklist: RunFolder
    cases: Path
    model: str = ""  # a checkpoint
    forward: str = ""  # an archive
    say: Callable[[str], None] = lambda line: None

    def __call__(self, case: Case, evidence: dict[str, Evidence]) -> None:
        entry = self._entered(case)
        keep_case(self.cases, case.case_id, until=time.time() + KEPT_DAYS * DAY_SECONDS)
        if self.forward and evidence:
            keep_link(self.cases, case.case_id, self._link(evidence))
        away = None
        if self.model:
            entry, away = self._worked_on(entry, case, evidence)
        add_entry(self.worklist, entry)
        self.say(_said(entry))
        if away is not None:  # the study stays where it is until its report went through
            raise away

    def _entered(self, case: Case) -> WorkEntry:
        """The same place in the list where the same study came before."""
        entries = entries_of(self.worklist)
        known = next((one.number for one in entries if one.case_id == case.case_id), None)
        return WorkEntry(
            number=known or len(entries) + 1,
            case_id=case.case_id,
            images=len(case.images),
            problem=case.unread_in_words,
        )

    def _link(self, evidence: dict[str, Evidence]) -> Link:
        """Should the archive be away now, results can be sent later."""
        first = next(iter(evidence.values()))
        return Link(
            archive=self.forward,
            study_uid=first.study_uid,
            day=first.study_date,
            patient_id=first.patient_id,
            images=tuple(
                LinkedImage(
                    image_id=image_id,
                    series_uid=one.series_uid,
                    uid=one.sop_instance_uid,
                    sop_class=one.sop_class_uid,
                )
                for image_id, one in evidence.items()
            ),
        )

    def _worked_on(
        self, entry: WorkEntry, case: Case, evidence: dict[str, Evidence]
    ) -> tuple[WorkEntry, ArchiveAwayError | None]:
        """Scored and sent, as far as that went; and whether the archive is away."""
        if not case.images:
            return entry, None
        away = None
        try:
            entry, read = score_entry(entry.number, case.case_id, reader_of(self.model), self.cases)
            if self.forward and entry.score is not None:
                if why := _why_held_back(read, evidence):
                    return replace(entry, problem=f"{entry.problem} {why}".strip()), None
                forward_report(self.forward, read, evidence)
                entry = replace(entry, sent_at=datetime.now(UTC).isoformat(timespec="seconds"))
        except MammoError as error:
            away = error if isinstance(error, ArchiveAwayError) else None
            entry = replace(entry, problem=f"{entry.problem} {error}".strip())
        return entry, away


def _why_held_back(read: ReadCase, evidence: Mapping[str, Evidence]) -> str:
    """Why its report is not sent by itself: whoever gets it would take it for the whole study's."""
    nameless = sum(image.about.ref.image_id not in evidence for image in read.images)
    if nameless:
        count = many(len(read.images), "image", "images")
        return f"{nameless} of {count} could not be told whose it is. The report was not sent."
    return "The report was not sent: the study is incomplete." if read.missing else ""


@cache
def reader_of(checkpoint: str) -> Reader:
    """Loaded once."""
    return open_reader(find_checkpoint(checkpoint))


def received_list(root: Path) -> RunFolder:
    """The work list of what was received; there is one."""
    run = RunFolder(root / RECEIVED)
    run.path.mkdir(parents=True, exist_ok=True)
    for folder in (root, root.parent):
        sync_folder(folder)
    if not run.file("status.json").exists():
        run.write_status(RunStatus(state=RunState.FINISHED, message="Received."))
    return run


def _said(entry: WorkEntry) -> str:
    score = "not scored" if entry.score is None else f"score {shown_digits(entry.score)}"
    sent = ", report sent" if entry.sent_at else ""
    problem = f" {entry.problem}" if entry.problem else ""
    return f"Case {entry.number}: {entry.images} images, {score}{sent}.{problem}"
