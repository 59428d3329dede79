"""A receiving node that other programs send to: whole or not there, whatever happens."""

import os
import random
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pynetdicom import AE
from pynetdicom.association import Association

from mammo_core.archive import receiver as node
from mammo_core.archive.arrivals import forget_old_arrivals, keep_arrival
from mammo_core.archive.listed import Archive, add_archive
from mammo_core.archive.receiver import Receiver, ReceiverSettings
from mammo_core.archive.worklists import entries_of
from mammo_core.errors import ConfigError, DiskError, ReadError
from mammo_core.files import (
    accounts_file,
    archive_work_root,
    archives_file,
    arrivals_root,
    cases_root,
    owned_root,
)
from mammo_core.preprocessing.cases import Case, load_case, load_mammogram
from mammo_core.preprocessing.pixel_files import KeptImage
from mammo_core.preprocessing.reading.identity import Evidence
from mammo_core.runs.folder import RunFolder
from mammo_core.sharing.accounts import add_account
from mammo_core.sharing.owners import OF_RUN, read_owner
from mammo_core.sharing.rights import Owner, Role
from tests.archive.orthanc import EXAM, Orthanc, free_port, require_programs
from tests.archive.stub import Answer, answering, serving
from tests.archive.stub import refusing as refusing_with
from tests.archive.studies import MadeUp, write_study
from tests.certificates import write_certificate
from tests.e2e.server import ROOT

MAMMOGRAPHY = "1.2.840.10008.5.1.4.1.1.1.2"
TOMOSYNTHESIS = "1.2.840.10008.5.1.4.1.1.13.1.3"


def test_other_computers_are_listened_to_only_where_each_is_named() -> None:
    with pytest.raises(ConfigError, match="Name each with --allow"):
        node.check_receiver(ReceiverSettings(host="0.0.0.0"))
    node.check_receiver(ReceiverSettings(host="0.0.0.0", allowed=(("MAMMO1", "10.1.2.3"),)))


STUDY = "ab" * 32


def refusing(code: str) -> Callable[[bytes, Path], KeptImage]:
    def refuse(content: bytes, stem: Path) -> KeptImage:
        raise ReadError(code, "It was not read.")

    return refuse


def at_rest(
    root: Path,
    *,
    code: str = "damaged",
    on_complete: node.Complete = lambda case, evidence: None,
) -> tuple[Receiver, list[str]]:
    """A receiver to which nobody sends, and what it says. An image of a study lies there."""
    said: list[str] = []
    receiver = Receiver(
        ReceiverSettings(silence=0.0),
        arrivals=root / "arrivals",
        cases=root / "cases",
        on_complete=on_complete,
        say=said.append,
        keep=refusing(code),
    )
    (root / "arrivals").mkdir()
    keep_arrival(root / "arrivals", STUDY, "one", b"first")
    return receiver, said


def lying(root: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((root / "arrivals").glob("*/*.dcm"))]


def test_an_image_sent_again_while_its_study_is_read_is_not_deleted_unread(tmp_path: Path) -> None:
    def again(case: Case, evidence: dict[str, Evidence]) -> None:
        keep_arrival(tmp_path / "arrivals", STUDY, "one", b"second")

    receiver, said = at_rest(tmp_path, on_complete=again)
    assert receiver.take_up(now=time.time() + 1) == 1
    assert lying(tmp_path) == [b"second"]
    assert said == []


def test_files_that_could_not_be_read_at_this_moment_are_kept_and_tried_later_and_later(
    tmp_path: Path,
) -> None:
    now = time.time() + 1
    receiver, said = at_rest(tmp_path, code="no_reader")
    assert [receiver.take_up(now=now + wait) for wait in (0, 29, 30, 89, 90)] == [0] * 5
    assert [re.findall(r"in (\d+) s: 1 of 1 image could not", one) for one in said] == [
        ["30"],
        ["60"],
        ["120"],
    ]
    assert lying(tmp_path) == [b"first"]
    receiver.take_up(now=now + 31 * 24 * 3600)
    assert lying(tmp_path) == []
    assert said[-1].startswith("Deleted 1 study that was received")


def test_a_study_that_nothing_can_be_made_of_holds_up_no_other_and_its_values_are_not_told(
    tmp_path: Path,
) -> None:
    def first_fails(case: Case, evidence: dict[str, Evidence]) -> None:
        if not said:
            raise ValueError("19500000")

    receiver, said = at_rest(tmp_path, on_complete=first_fails)
    keep_arrival(tmp_path / "arrivals", "cd" * 32, "one", b"other")
    assert receiver.take_up(now=time.time() + 1) == 1
    assert lying(tmp_path) == [b"first"]
    assert said == ["A study is not done with, and tried again in 30 s: ValueError"]


@pytest.mark.skipif(sys.platform != "linux", reason="which file is synced is told by Linux alone")
def test_what_was_acknowledged_is_past_a_power_cut_before_the_file_that_came_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    (tmp_path / "arrivals").mkdir()
    keep_arrival(tmp_path / "arrivals", STUDY, "one", EXAM[0].read_bytes())
    assert {str(tmp_path / "arrivals"), str(tmp_path / "arrivals" / STUDY)} <= set(synced)
    lay: list[bool] = []

    def listed(case: Case, evidence: dict[str, Evidence]) -> None:
        kept = tmp_path / "cases" / case.case_id
        must = {*kept.iterdir(), kept, kept.parent, tmp_path}
        lay.append({str(path) for path in must} <= set(synced) and len(must) >= 5)

    receiver = Receiver(
        ReceiverSettings(silence=0.0),
        arrivals=tmp_path / "arrivals",
        cases=tmp_path / "cases",
        on_complete=listed,
        say=lambda line: None,
    )
    assert receiver.take_up(now=time.time() + 1) == 1
    assert lay == [True]


def storing(stored: list[str]) -> Answer:
    """An archive that keeps what it is sent; the UIDs of that."""

    def store(handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        parts = [part.partition(b"\r\n\r\n")[2] for part in body.split(b"\r\n--")]
        uids = [dcmread(BytesIO(part)).SOPInstanceUID for part in parts if b"DICM" in part[:132]]
        stored.extend(uids)
        kept = [{"00081155": {"vr": "UI", "Value": [uid]}} for uid in uids]
        answering({"00081199": {"vr": "SQ", "Value": kept}})(handler)

    return store


@pytest.mark.slow
def test_a_report_that_found_the_archive_away_is_sent_later_and_once(
    own_home: Path, tmp_path: Path
) -> None:
    stored: list[str] = []
    (tmp_path / "arrivals").mkdir()
    for number, path in enumerate(EXAM):
        keep_arrival(tmp_path / "arrivals", STUDY, str(number), path.read_bytes())
    with serving({"/studies": refusing_with(401)}) as stub:
        add_archive(archives_file(), Archive(name="here", dicomweb=stub.url))
        receiver = Receiver(
            ReceiverSettings(silence=0.0),
            arrivals=tmp_path / "arrivals",
            cases=cases_root(),
            on_complete=node.Afterwards(
                worklist=node.received_list(archive_work_root()),
                cases=cases_root(),
                model="phantom-light",
                forward="here",
            ),
            say=lambda line: None,
        )
        now = time.time() + 1
        assert receiver.take_up(now=now) == 0
        [entry] = entries_of(received())
        assert entry.score is not None
        assert (entry.sent_at, "refused the" in entry.problem) == ("", True)
        assert len(lying(tmp_path)) == 4
        stub.answers = {"/studies": storing(stored)}
        assert [receiver.take_up(now=now + wait) for wait in (29, 30, 3600)] == [0, 1, 0]
    [entry] = entries_of(received())
    assert (entry.problem, bool(entry.sent_at)) == ("", True)
    assert lying(tmp_path) == []
    assert len(stored) == len(set(stored)) == 5  # a report and four pictures


def test_what_never_became_a_case_is_deleted_after_thirty_days(tmp_path: Path) -> None:
    for study in (STUDY, f"{STUDY}.{'0' * 16}"):
        (tmp_path / study).mkdir()
        (tmp_path / study / "one.dcm").write_bytes(b"one")
    day = 24 * 3600
    assert forget_old_arrivals(tmp_path, now=time.time() + 29 * day) == 0
    assert forget_old_arrivals(tmp_path, now=time.time() + 31 * day) == 2
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


@contextmanager
def running(
    *arguments: str, port: int | None = None
) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """`mammo receive` as a process of its own, ready to be sent to."""
    port = port or free_port()
    code = "import sys; from mammo_core.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "receive", "--port", str(port), *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 300
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
        yield port, process
    finally:
        process.kill()
        process.wait()


def until(condition: Callable[[], bool], *, seconds: float = 400) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert condition()


def push(port: int, files: Sequence[Path]) -> None:
    command = ["dcmsend", "-aec", "MAMMOSCOPE", "127.0.0.1", str(port), *map(str, files)]
    subprocess.run(command, check=True, capture_output=True)


def received() -> RunFolder:
    return RunFolder(archive_work_root() / "received")


@pytest.mark.slow
def test_an_exam_that_was_sent_is_scored_its_report_forwarded_and_no_file_kept(
    orthanc: Orthanc, own_home: Path
) -> None:
    add_archive(archives_file(), orthanc.archive)
    with running("--model", "phantom-light", "--forward", "here", "--silence", "2") as (port, _):
        subprocess.run(["echoscu", "-aec", "MAMMOSCOPE", "127.0.0.1", str(port)], check=True)
        push(port, EXAM)
        until(lambda: any(entry.sent_at for entry in entries_of(received())))
    [entry] = entries_of(received())
    assert (entry.images, entry.problem) == (4, "")
    assert entry.score is not None
    assert entry.score > 0.9
    assert not list(arrivals_root().glob("*/*"))
    assert len(orthanc.instances()) == 5  # a report and four pictures


@pytest.mark.slow
def test_on_a_shared_server_what_comes_is_in_the_list_of_the_account_that_was_named(
    own_home: Path, tmp_path: Path
) -> None:
    anna = add_account(accounts_file(), "anna", Role.RESEARCHER)
    [path] = write_study(MadeUp(number=1, views=(("R", "CC"),), side=32), tmp_path / "files")
    own = owned_root() / anna.folder
    worklist = RunFolder(archive_work_root(own) / "received")
    with running("--account", "anna", "--silence", "0") as (port, _):
        assert associate(port).send_c_store(dcmread(path)).Status == 0
        until(lambda: bool(entries_of(worklist)))
    [entry] = entries_of(worklist)
    assert len(load_case(cases_root(own), entry.case_id).images) == 1
    assert read_owner(worklist.file(OF_RUN)) == Owner(folder=anna.folder)
    assert not cases_root().exists()


ASSOCIATIONS: list[Association] = []


@pytest.fixture(autouse=True)
def cut_off() -> Iterator[None]:
    """A sender that is cut off leaves its socket open."""
    yield
    for association in ASSOCIATIONS:
        association.abort()
        line = association.dul.socket
        if line is not None and line.socket is not None:
            line.socket.close()
    ASSOCIATIONS.clear()


def associate(port: int, title: str = "SENDER", sop_class: str = MAMMOGRAPHY) -> Association:
    entity = AE(ae_title=title)
    entity.add_requested_context(sop_class, "1.2.840.10008.1.2.1")
    ASSOCIATIONS.append(entity.associate("127.0.0.1", port, ae_title="MAMMOSCOPE"))
    return ASSOCIATIONS[-1]


@pytest.mark.slow
def test_strangers_tomosyntheses_and_endless_objects_are_refused(
    own_home: Path, tmp_path: Path
) -> None:
    [path] = write_study(MadeUp(number=1, views=(("R", "CC"),), side=1024), tmp_path)
    allowed = ("--allow", "SENDER=127.0.0.1", "--most-megabytes", "1")
    with running(*allowed) as (port, _):
        assert not associate(port, "STRANGER").is_established
        assert associate(port, sop_class=TOMOSYNTHESIS).accepted_contexts == []
        known = associate(port)
        assert known.is_established
        assert "Status" not in known.send_c_store(dcmread(path))  # 4 MB: broken off
        assert not list(arrivals_root().glob("*/*.dcm"))
    elsewhere = ("--allow", "SENDER=10.0.0.9")
    with running(*elsewhere) as (port, _):
        stranger = associate(port)
        until(lambda: not stranger.is_established)


@pytest.mark.slow
def test_over_tls_nodes_of_a_known_certificate_are_heard_though_another_is_silent(
    own_home: Path, tmp_path: Path
) -> None:
    require_programs()
    own, own_key = write_certificate(tmp_path, name="127.0.0.1")
    theirs, their_key = write_certificate(tmp_path, name="127.0.0.2")
    [path] = write_study(MadeUp(number=1, views=(("R", "CC"),), side=32), tmp_path)
    pems = ("--tls-cert", str(own), "--tls-key", str(own_key))
    with running(*pems, "--tls-ca", str(theirs)) as (port, _):
        silent = socket.create_connection(("127.0.0.1", port))  # and says nothing
        assert not associate(port).is_established  # without TLS
        unknown = ssl.create_default_context(cafile=own)
        entity = AE(ae_title="SENDER")
        entity.add_requested_context(MAMMOGRAPHY, "1.2.840.10008.1.2.1")
        ASSOCIATIONS.append(entity.associate("127.0.0.1", port, tls_args=(unknown, "127.0.0.1")))
        assert not ASSOCIATIONS[-1].is_established
        known = ["+tls", str(their_key), str(theirs), "+cf", str(own)]
        to = ["-aec", "MAMMOSCOPE", "127.0.0.1", str(port), str(path)]
        assert not list(arrivals_root().glob("*/*.dcm"))
        subprocess.run(["storescu", *known, *to], check=True, timeout=60)
        assert len(list(arrivals_root().glob("*/*.dcm"))) == 1
        silent.close()


@pytest.mark.slow
def test_a_full_disk_is_answered_so_that_the_sender_keeps_the_image(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise DiskError("Nothing more can be written.")

    settings, said = ReceiverSettings(port=free_port()), []
    receiver = Receiver(
        settings,
        arrivals=arrivals_root(),
        cases=cases_root(),
        on_complete=lambda case, evidence: None,
        say=said.append,
        write=full,
    )
    thread = threading.Thread(target=receiver.serve)
    thread.start()
    try:
        until(lambda: bool(said), seconds=20)
        association = associate(settings.port)
        file = next(path for path in EXAM if "explicit" in path.name)
        assert association.send_c_store(dcmread(file)).Status == 0xA700
        association.release()
    finally:
        receiver.stop()
        thread.join()
    assert not list(arrivals_root().glob("*/*"))


@pytest.mark.slow
def test_five_hundred_files_in_four_associations_all_arrive(own_home: Path, tmp_path: Path) -> None:
    require_programs()
    files = made_files(tmp_path / "files", studies=125)
    with running("--silence", "5") as (port, _):
        senders = [
            threading.Thread(target=push, args=(port, files[start::4])) for start in range(4)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        until(lambda: sum(one.images for one in entries_of(received())) == 500, seconds=400)
        until(lambda: not list(arrivals_root().glob("*/*")), seconds=60)
    sent = {pixels_of(path) for path in files}
    assert len(sent) == 500
    assert kept_pixels() == sent


def pixels_of(path: Path) -> str:
    """Which made-up image it is: no two have the same greys."""
    return digest_of(dcmread(path).pixel_array)


def digest_of(values: NDArray[Any]) -> str:
    """Of what lies well within the breast: outside it nothing is kept."""
    return sha256(values[20:40, :8].astype(np.uint16).tobytes()).hexdigest()


def kept_pixels() -> set[str]:
    """Of every image of every case in the list."""
    found = set()
    for entry in entries_of(received()):
        case = load_case(cases_root(), entry.case_id)
        assert case.refusals == ()
        for image in case.images:
            wide = load_mammogram(cases_root(), case, image).wide
            assert wide is not None
            found.add(digest_of(wide))
    return found


def made_files(folder: Path, *, studies: int) -> list[Path]:
    return [
        path
        for number in range(1, studies + 1)
        for path in write_study(MadeUp(number=number, side=32), folder)
    ]


@pytest.mark.slow
def test_twenty_kills_lose_nothing_that_was_acknowledged_and_leave_nothing_half(
    own_home: Path, tmp_path: Path
) -> None:
    files = made_files(tmp_path / "files", studies=60)
    chance, acknowledged, waiting = random.Random(7), set(), list(files)
    port = free_port()
    for _ in range(20):
        with running("--silence", "1", port=port) as (_, process):
            timer = threading.Timer(
                chance.uniform(0.0, 0.5), os.kill, (process.pid, signal.SIGKILL)
            )
            association, before_it = associate(port), chance.randrange(6)
            while waiting and association.is_established:
                if not before_it:
                    timer.start()
                before_it -= 1
                made = dcmread(waiting[0])
                if association.send_c_store(made).get("Status") != 0:
                    break
                acknowledged.add(pixels_of(waiting[0]))
                waiting.pop(0)
            timer.join()
    assert waiting
    assert len(acknowledged) > 20
    arrived = {path.stem: path for path in arrivals_root().glob("*/*.dcm")}
    for path in arrived.values():
        assert dcmread(path).pixel_array.shape == (64, 32)
    for folder in cases_root().glob("[0-9a-f]*[0-9a-f]"):
        assert all(image.size == (64, 32) for image in load_case(cases_root(), folder.name).images)
    with running("--silence", "0", port=port):
        until(lambda: not list(arrivals_root().glob("*/*.dcm")), seconds=300)
    assert acknowledged <= kept_pixels() <= {pixels_of(path) for path in files}
