"""Where the lines of other nodes come in, before anything of DICOM is believed: who may open one,
how many are open, how long a PDU may be, what all objects together may take of the memory, TLS.
"""

import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, cast

from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.pdu import A_ABORT_RQ, P_DATA_TF
from pynetdicom.transport import AssociationServer, AssociationSocket, RequestHandler

from mammo_core.errors import ConfigError

_SLACK_BYTES: Final = 64 * 1024  # a request for an association may be longer than a PDU of data
_PDU_SECONDS: Final = 60.0  # from its first byte to its last; before the first, hands are shaken
_OPEN_FOR_EACH: Final = 4  # lines that may be open for each association that may be made
_MOST_TOLD: Final = 1000  # addresses of which it is said that they were refused: once for each
_COMMAND_BYTES: Final = 64 * 1024  # what is said of an object; the rest is the object
_MOST_UNANSWERED: Final = 4  # objects sent without waiting for an answer
_ABORTED: Final = (0x02, 0x06)  # by the service, for an invalid PDU (PS3.8 9.3.8)


def plain_address(text: str) -> str:
    """One way to write each address; a ValueError where it is none."""
    found = ip_address(text.partition("%")[0])
    return str(getattr(found, "ipv4_mapped", None) or found)


class Entity(AE):
    """Only who has asked for an association takes the place of one: a line on which nothing was
    said does not.
    """

    @property
    def active_associations(self) -> list[Association]:
        return [one for one in super().active_associations if not is_silent(one)]


def is_silent(association: Association) -> bool:
    """Whether nothing has come of it yet (PS3.8 9.2.1: not past the second state)."""
    return association.dul.state_machine.current_state in ("Sta1", "Sta2")


class _BoundedLine(AssociationSocket):
    """Reads no PDU that is longer than was agreed, and waits for none without end."""

    most_bytes: int
    refuse: Callable[[str], None]

    def recv(self, nr_bytes: int) -> bytearray:
        line = cast(socket.socket, self.socket)
        if nr_bytes > self.most_bytes:
            self._break_off(nr_bytes)
            raise ConnectionAbortedError("The PDU is longer than was agreed.")
        deadline = time.monotonic() + _PDU_SECONDS
        taken, size = bytearray(nr_bytes), 0
        with memoryview(taken) as room:
            while size < nr_bytes:
                line.settimeout(max(deadline - time.monotonic(), 0.001))
                got = line.recv_into(room[size:])
                if not got:
                    break
                size += got
        line.settimeout(_PDU_SECONDS)  # so long an answer may take to be sent
        return taken[:size]

    def _break_off(self, length: int) -> None:
        self.refuse(f"it announced a PDU of {length:,} bytes")
        abort = A_ABORT_RQ()
        abort.source, abort.reason_diagnostic = _ABORTED
        self.send(abort.encode())
        self._shutdown_socket()


class _Doorway(RequestHandler):
    def handle(self) -> None:
        association = self._create_association()
        entrance = cast("Entrance", self.server)
        line = cast(AssociationSocket, association.dul.socket)
        line.__class__ = _BoundedLine  # the library makes its own and asks nobody which
        bounded = cast(_BoundedLine, line)
        bounded.most_bytes = self.ae.maximum_pdu_size + _SLACK_BYTES
        bounded.refuse = lambda why: entrance.tell(self.client_address[0], why)
        entrance.opened.append(association)
        association.start()


class Entrance(AssociationServer):
    """Opens lines: none to an address that nobody named, and no more than so many. Where all are
    taken, the one that has been silent for longest makes room.
    """

    def __init__(
        self,
        entity: AE,
        place: tuple[str, int],
        *,
        tls: ssl.SSLContext | None,
        handlers: list[Any],
        addresses: frozenset[str],
        say: Callable[[str], None],
    ) -> None:
        self.opened: list[Association] = []
        self._addresses = addresses  # none: whoever reaches this computer
        self._say = say
        self._told: set[str] = set()
        super().__init__(
            entity, place, entity.ae_title, entity.supported_contexts,
            ssl_context=tls, evt_handlers=handlers, request_handler=_Doorway,
        )  # fmt: skip

    def start(self) -> None:
        cast("list[Any]", self.ae._servers).append(self)
        threading.Thread(target=self.serve_forever, name="Entrance", daemon=True).start()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        address = client_address[0]
        if self._addresses and plain_address(address) not in self._addresses:
            self.tell(address, "it is not in --allow")
            return False
        self.opened = [one for one in self.opened if one.is_alive() or one.dul.is_alive()]
        if len(self.opened) < _OPEN_FOR_EACH * self.ae.maximum_associations:
            return True
        silent = next((one for one in self.opened if is_silent(one)), None)
        if silent is None:
            self.tell(address, "too many lines are open")
            return False
        self.opened.remove(silent)
        _close(silent)
        return True

    def tell(self, address: str, why: str) -> None:
        """Once for each address: the log is no place that a stranger may fill."""
        if address not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(address)
            self._say(f"Refused a node at {address}: {why}.")


def _close(association: Association) -> None:
    """Its own thread finds it closed."""
    line = association.dul.socket
    if line is not None and line.socket is not None:
        try:
            socket.socket.shutdown(line.socket, socket.SHUT_RDWR)
        except OSError:  # it was quicker
            return


@dataclass(slots=True)
class _Coming:
    """An object that is coming in, or is being written."""

    size: int = 0  # in memory
    commands: int = 0  # of that
    is_dropped: bool = False


class MemoryBudget:
    """What the objects of all associations take of the memory. One that does not fit is not kept
    as it comes, so that it can be answered when it is over: try again.
    """

    def __init__(self, *, most_bytes: int, most_of_one: int) -> None:
        self._most = most_bytes
        self._most_of_one = most_of_one
        self._lock = threading.Lock()
        self._coming: dict[Association, deque[_Coming]] = {}

    def take(self, association: Association, pdu: P_DATA_TF) -> bool:
        """Whether to go on; what does not fit is taken out of `pdu`."""
        with self._lock:
            objects = self._coming.setdefault(association, deque([_Coming()]))
            total = self._total() + len(pdu)
            items = pdu.presentation_data_value_items
            pdu.presentation_data_value_items = [
                one for one in items if one.presentation_data_value
            ]
            for item in pdu.presentation_data_value_items:
                self._take_item(item, objects, total)
            is_well_formed = len(pdu.presentation_data_value_items) == len(items)
            return is_well_formed and self._is_bounded(objects)

    def _is_bounded(self, objects: deque[_Coming]) -> bool:
        return len(objects) <= _MOST_UNANSWERED and all(
            one.size <= self._most_of_one and one.commands <= _COMMAND_BYTES for one in objects
        )

    def _take_item(self, item: Any, objects: deque[_Coming], total: int) -> None:
        coming, control = objects[-1], item.presentation_data_value[0]  # PS3.8 E.2
        is_command, is_last = bool(control & 1), bool(control & 2)
        if total > self._most and not is_command:
            coming.is_dropped = True
        if coming.is_dropped and not is_command:
            item.presentation_data_value = item.presentation_data_value[:1]
        size = len(item.presentation_data_value)
        coming.size += size
        coming.commands += size if is_command else 0
        if is_last and not is_command:
            objects.append(_Coming())

    def _total(self) -> int:
        for gone in [one for one in self._coming if not one.is_alive()]:
            del self._coming[gone]
        return sum(one.size for objects in self._coming.values() for one in objects)

    def is_dropped(self, association: Association) -> bool:
        """Whether the object that is to be answered now was not kept."""
        with self._lock:
            return self._coming[association][0].is_dropped

    def answered(self, association: Association) -> None:
        with self._lock:
            self._coming[association].popleft()


class _LateHandshake(ssl.SSLContext):
    """Hands are shaken by each association's own thread, with its first bytes. In the loop that
    accepts connections, a node that says nothing would keep all others out.
    """

    def wrap_socket(
        self,
        sock: socket.socket,
        server_side: bool = False,
        do_handshake_on_connect: bool = False,
        suppress_ragged_eofs: bool = True,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        return super().wrap_socket(sock, server_side, False, suppress_ragged_eofs)


def tls_context(certificate: Path, key: Path, authority: Path | None) -> ssl.SSLContext:
    """With an `authority`, only nodes that it knows may connect (PS3.15 B.9)."""
    context = _LateHandshake(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
        if authority is not None:
            context.load_verify_locations(authority)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError):
        raise ConfigError(
            "The certificate, its key or the authority's certificate cannot be used. Give PEM "
            "files that belong together."
        ) from None
    return context
