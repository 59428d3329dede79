"""A study of the archive as a case of the store. What comes over the line is spooled to a file that
has no name, so that it is gone with the process however that ends.
"""

import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import IO, Final, overload

from mammo_core.archive.client import ArchiveClient, FoundImage, FoundStudy, Query, connect
from mammo_core.archive.links import Link, LinkedImage, is_one_issuer, keep_link, own_key
from mammo_core.archive.listed import find_archive
from mammo_core.errors import ArchiveAwayError, ArchiveError
from mammo_core.files import home, told_of_disk
from mammo_core.preprocessing.cases import Case, forget_case, forget_old_cases, store_case
from mammo_core.preprocessing.reading.identity import keyed_id
from mammo_core.preprocessing.reading.read import keep_mammogram
from mammo_core.types import Report

_AT_ONCE: Final = 4  # images fetched side by side
_LOOK_SECONDS: Final = 0.25  # between two looks at whether to stop
_STOPPED: Final = "Stopped on request."


class Contents(Sequence[bytes]):
    """The contents of files, each read by `read` when it is asked for, and not kept."""

    def read(self, place: int) -> bytes:
        raise NotImplementedError

    @overload
    def __getitem__(self, place: int) -> bytes: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[bytes]: ...
    def __getitem__(self, place: int | slice) -> bytes | Sequence[bytes]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        return self.read(place)


class Spool(AbstractContextManager["Spool"], Contents):
    """Files without a name, gone when it ends; each is read when it is asked for, and not kept."""

    def __init__(self) -> None:
        self._files: list[IO[bytes]] = []

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()

    def add(self, content: IO[bytes]) -> None:
        """What stands in `content`, which is closed with the others."""
        self._files.append(content)

    @property
    def size(self) -> int:
        return sum(file.seek(0, os.SEEK_END) for file in self._files)

    def __len__(self) -> int:
        return len(self._files)

    def read(self, place: int) -> bytes:
        self._files[place].seek(0)
        return self._files[place].read()


def open_study(
    client: ArchiveClient,
    study: FoundStudy,
    root: Path,
    *,
    modality: str = "MG",
    report: Report = lambda done, total, message: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Case:
    """Fetch, read and keep `study` as a case below `root`: whole, or nothing of it."""

    def read(done: int, total: int) -> None:
        if should_stop():
            raise ArchiveAwayError(_STOPPED)
        report(done, total, f"Reading {done + 1} of {total}")

    chosen = client.find_images(study.uid, modality=modality, expected=study.images)
    with Spool() as spool:
        fetch_images(
            client, study.uid, chosen.images, spool, report=report, should_stop=should_stop
        )
        root.mkdir(parents=True, exist_ok=True)
        known = {folder.name for folder in root.iterdir()}
        case = store_case(
            spool,
            root,
            keep=keep_mammogram,
            now=time.time(),
            report=read,
        )
    _refuse_foreign(root, case, study, is_new=case.case_id not in known)
    linked = [
        LinkedImage(
            image_id=image.ref.image_id,
            series_uid=found.series_uid,
            uid=found.uid,
            sop_class=found.sop_class,
        )
        for image in case.images
        for found in [chosen.images[image.number - 1]]
    ]
    link = Link(
        archive=client.archive.name,
        study_uid=study.uid,
        day=study.day,
        patient_id=study.patient_id,
        images=tuple(linked),
        left_out=chosen.left_out,
        missing=chosen.missing,
        issuer=study.issuer,
    )
    keep_link(root, case.case_id, link)
    if should_stop():
        if case.case_id not in known:
            _forget(root, case)
        raise ArchiveAwayError(_STOPPED)
    return case


def fetch_images(
    client: ArchiveClient,
    study_uid: str,
    images: Sequence[FoundImage],
    spool: Spool,
    *,
    report: Report = lambda done, total, message: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Several at once, into `spool` in their order. Whatever ends it early, a fault, a wish to stop
    or Ctrl-C, breaks off what is under way and keeps nothing of it.
    """
    is_over = threading.Event()

    def fetch(image: FoundImage) -> IO[bytes]:
        sink = tempfile.TemporaryFile(dir=home())  # noqa: SIM115 - the spool closes it
        try:
            client.fetch(study_uid, image, _Tap(sink, is_over))
            sink.flush()
        except BaseException:
            sink.close()
            raise
        return sink

    def look(done: int) -> None:
        if should_stop():
            raise ArchiveAwayError(_STOPPED)
        report(done, len(images), f"Fetching {done + 1} of {len(images)}")

    home().mkdir(parents=True, exist_ok=True)
    threads = ThreadPoolExecutor(_AT_ONCE)
    coming = [threads.submit(fetch, image) for image in images]
    try:
        with told_of_disk(home()):
            for done, one in enumerate(coming):
                look(done)
                while one not in wait((one,), timeout=_LOOK_SECONDS).done:
                    look(done)
                spool.add(one.result())
    finally:
        is_over.set()
        threads.shutdown(wait=False, cancel_futures=True)
        for one in coming[len(spool) :]:
            one.add_done_callback(_let_go)


class _Tap:
    """A file that is fetched into, until nobody wants it any more."""

    def __init__(self, sink: IO[bytes], is_over: threading.Event) -> None:
        self._sink = sink
        self._is_over = is_over

    def write(self, piece: bytes, /) -> int:
        if self._is_over.is_set():
            raise ArchiveAwayError(_STOPPED)
        return self._sink.write(piece)


def _let_go(fetched: Future[IO[bytes]]) -> None:
    """What was fetched has no name, and is gone when it is closed."""
    if not fetched.cancelled() and fetched.exception() is None:
        fetched.result().close()


def _refuse_foreign(root: Path, case: Case, study: FoundStudy, *, is_new: bool) -> None:
    """An archive that answers with another woman's image must not have it hung. A case that was
    here before, by whatever way, stays.
    """
    exam = keyed_id(own_key(), "exam", study.uid.encode())
    if any(image.ref.exam_id != exam for image in case.images):
        if is_new:
            _forget(root, case)
        raise ArchiveError(
            "The archive answered with images of another study than was asked for. Nothing of it "
            "was kept; tell whoever runs the archive."
        )


def _forget(root: Path, case: Case) -> None:
    """At once, and not to be brought back."""
    forget_case(root, case, now=0.0)
    forget_old_cases(root)


def client_of(link: Link, archives: Path) -> ArchiveClient:
    return connect(find_archive(archives, link.archive))


def prior_studies(client: ArchiveClient, link: Link) -> list[FoundStudy]:
    """Earlier mammographies of the same patient, the latest first."""
    if not link.patient_id or not link.day:
        return []
    found = client.find_studies(Query(patient_id=link.patient_id))
    hers = [one for one in found if is_one_issuer(one.issuer, link.issuer)]
    return [one for one in hers if one.day and one.day < link.day and one.uid != link.study_uid]


def months_between(earlier: str, later: str) -> int:
    """Between two days of DICOM, to the nearest month."""
    first, last = (date.fromisoformat(day) for day in (earlier, later))
    return round((last - first).days / 30.4375)
