"""Who opens a line to the receiving node, how much comes over it, and what it may hold at once."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode

from mammo_core.archive.receiver import Receiver, ReceiverSettings, check_receiver
from mammo_core.commands.receive import folder_of, peer_of
from mammo_core.errors import ConfigError, ReadError, UnknownNameError
from mammo_core.files import accounts_file, owned_root
from mammo_core.sharing.accounts import add_account
from mammo_core.sharing.rights import Role
from tests.archive.orthanc import free_port
from tests.archive.studies import MadeUp, write_study

MAMMOGRAPHY = "1.2.840.10008.5.1.4.1.1.1.2"
STUDY = "ab" * 32


@contextmanager
def node(
    root: Path, *, ask: Callable[[bytes], str] = lambda head: STUDY, **settings: Any
) -> Iterator[tuple[int, list[str]]]:
    """A node in this process, and what it says."""
    said: list[str] = []
    receiver = Receiver(
        ReceiverSettings(port=free_port(), silence=600.0, **settings),
        arrivals=root / "arrivals",
        cases=root / "cases",
        on_complete=lambda case, evidence: None,
        say=said.append,
        ask=ask,
    )
    thread = threading.Thread(target=receiver.serve)
    thread.start()
    try:
        until(lambda: bool(said))
        yield receiver._settings.port, said
    finally:
        receiver.stop()
        thread.join()


def until(condition: Callable[[], bool], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


@contextmanager
def sender(port: int, title: str = "SENDER") -> Iterator[Association]:
    entity = AE(ae_title=title)
    entity.add_requested_context(MAMMOGRAPHY, "1.2.840.10008.1.2.1")
    association = entity.associate("127.0.0.1", port, ae_title="MAMMOSCOPE")
    try:
        yield association
    finally:
        line = association.dul.socket
        association.abort()
        if line is not None and line.socket is not None:
            line.socket.close()


def line_from(address: str, port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(address, 0))


def is_closed(line: socket.socket) -> bool:
    """Once the other side closes it; within the time of the socket."""
    try:
        while line.recv(4096):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


def arrived(root: Path) -> list[Path]:
    return sorted((root / "arrivals").glob("*/*.dcm"))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    [path] = write_study(MadeUp(number=1, views=(("R", "CC"),), side=512), tmp_path / "files")
    return path  # 1 MB


def test_a_pdu_that_says_it_is_endless_is_not_read(tmp_path: Path) -> None:
    with node(tmp_path) as (port, said), line_from("127.0.0.1", port) as line:
        line.sendall(struct.pack(">BBL", 1, 0, 0xFFFFFFFF))
        assert line.recv(10)[:1] == b"\x07"  # an abort
        assert is_closed(line)
        assert said[1:] == [
            "Refused a node at 127.0.0.1: it announced a PDU of 4,294,967,295 bytes."
        ]


def test_a_pdu_longer_than_agreed_ends_an_association_too(tmp_path: Path, image: Path) -> None:
    with node(tmp_path, pdu_bytes=16384) as (port, _), sender(port) as known:
        raw = known.dul.socket
        assert raw is not None
        raw.send(struct.pack(">BBL", 4, 0, 16384 + 64 * 1024 + 1))
        until(lambda: known.is_aborted)
        with sender(port) as another:
            assert another.send_c_store(dcmread(image)).Status == 0


def test_twenty_silent_lines_of_one_address_keep_no_sender_out(tmp_path: Path, image: Path) -> None:
    with ExitStack() as held, node(tmp_path, associations=2) as (port, _):
        lines = [held.enter_context(line_from("127.0.0.1", port)) for _ in range(20)]
        with sender(port) as known:
            assert known.is_established
            assert known.send_c_store(dcmread(image)).Status == 0
        assert is_closed(lines[0])  # at most eight are open: the oldest made room


def test_no_more_associations_than_were_allowed_are_made(tmp_path: Path) -> None:
    with node(tmp_path, associations=2) as (port, _), sender(port) as one, sender(port) as two:
        assert (one.is_established, two.is_established) == (True, True)
        with sender(port) as three:
            assert three.is_rejected


def test_a_line_from_an_address_that_nobody_named_is_closed_at_once_and_told_once(
    tmp_path: Path, image: Path
) -> None:
    allowed = (("SENDER", "127.0.0.1"),)
    with ExitStack() as held, node(tmp_path, allowed=allowed) as (port, said):
        lines = [held.enter_context(line_from("127.0.0.2", port)) for _ in range(20)]
        assert all(is_closed(line) for line in lines)
        assert said[1:] == ["Refused a node at 127.0.0.2: it is not in --allow."]
        with sender(port) as known:
            assert known.send_c_store(dcmread(image)).Status == 0


def half_sent(association: Association, path: Path) -> list[Any]:
    """Its first half; what is left of it to be sent."""
    made, request = dcmread(path), C_STORE()
    request.MessageID, request.Priority = 1, 2
    request.AffectedSOPClassUID = made.SOPClassUID
    request.AffectedSOPInstanceUID = made.SOPInstanceUID
    request.DataSet = BytesIO(encode(made, False, True) or b"")
    message = C_STORE_RQ()
    message.primitive_to_message(request)
    context = association.accepted_contexts[0].context_id
    parts = list(message.encode_msg(context, 16384))
    for part in parts[: len(parts) // 2]:
        association.dul.send_pdu(part)
    return parts[len(parts) // 2 :]


def test_what_does_not_fit_beside_what_is_coming_in_is_to_be_sent_again(
    tmp_path: Path, image: Path
) -> None:
    most = 1_200_000  # an object has a little more than a million bytes
    with (
        node(tmp_path, most_bytes=most, most_held_bytes=most) as (port, said),
        sender(port) as slow,
        sender(port) as quick,
    ):
        rest = half_sent(slow, image)
        time.sleep(1)
        assert quick.send_c_store(dcmread(image)).Status == 0xA700
        assert arrived(tmp_path) == []
        assert said[1:] == ["Put off an image: too many are coming in at once for the memory."]
        for part in rest:
            slow.dul.send_pdu(part)
        until(lambda: len(arrived(tmp_path)) == 1)
        again = dcmread(image)
        again.SOPInstanceUID = f"{again.SOPInstanceUID}.9"
        assert quick.send_c_store(again).Status == 0
    first, second = (dcmread(path) for path in arrived(tmp_path))
    assert first.PixelData == second.PixelData == dcmread(image).PixelData


def test_a_budget_below_one_object_is_no_budget() -> None:
    settings = ReceiverSettings()
    with pytest.raises(ConfigError, match="all together only 599"):
        check_receiver(replace(settings, most_held_bytes=599 * 2**20))


@pytest.mark.parametrize("code", ["no_reader", "too_slow", "decoder_died"])
def test_where_nothing_can_be_asked_at_this_moment_the_sender_tries_again(
    tmp_path: Path, image: Path, code: str
) -> None:
    def cannot(head: bytes) -> str:
        raise ReadError(code, "The reader did not start.")

    with node(tmp_path, ask=cannot) as (port, said), sender(port) as known:
        assert known.send_c_store(dcmread(image)).Status == 0xA700
        assert said[1:] == ["Put off an image: The reader did not start."]
    assert arrived(tmp_path) == []


def test_two_nodes_never_share_a_folder(tmp_path: Path) -> None:
    with node(tmp_path):
        second = Receiver(
            ReceiverSettings(port=free_port()),
            arrivals=tmp_path / "arrivals",
            cases=tmp_path / "cases",
            on_complete=lambda case, evidence: None,
            say=lambda line: None,
        )
        second.stop()
        with pytest.raises(ConfigError, match="Another `mammo receive` takes studies"):
            second.serve()
    second.serve()  # once the first has ended


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("MAMMO1", "names no peer"),
        ("MAMMO1=mammo.hospital.example", "is no address"),
        ("MAMMO1=10.1.2.300", "is no address"),
        ("A_TITLE_OF_17_CHR=10.1.2.3", "1 to 16"),
        ("MÄMMO=10.1.2.3", "1 to 16"),
    ],
)
def test_whoever_may_send_is_named_so_that_she_can(text: str, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        peer_of(text)


def test_an_address_is_the_same_however_it_is_written() -> None:
    assert peer_of("M=::ffff:10.1.2.3") == peer_of("M=10.1.2.3") == ("M", "10.1.2.3")
    assert peer_of("M=2001:DB8:0::1") == ("M", "2001:db8::1")


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_is_one_that_there_is(port: int) -> None:
    with pytest.raises(ConfigError, match="from 1 to 65535"):
        check_receiver(ReceiverSettings(port=port))


def test_where_the_server_is_shared_it_is_said_whose_the_studies_are(
    own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert folder_of("") is None
    assert capsys.readouterr().err == ""
    anna = add_account(accounts_file(), "anna", Role.RESEARCHER)
    add_account(accounts_file(), "rita", Role.READER)
    assert folder_of("anna") == owned_root() / anna.folder
    assert folder_of("") is None
    assert "nobody who signs in sees what is received" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="Account rita is that of a reader"):
        folder_of("rita")
    with pytest.raises(UnknownNameError, match="otto"):
        folder_of("otto")
