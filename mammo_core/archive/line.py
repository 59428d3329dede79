"""The line to an archive: HTTP that waits no longer than it should, takes no more than it should,
follows no redirection, and says in one sentence what went wrong.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email.message import Message
from typing import Any, Final, Protocol

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from mammo_core.archive.listed import Archive, check_archive, no_authority
from mammo_core.errors import ArchiveAwayError, ArchiveError, ConfigError, MammoError
from mammo_core.preprocessing.reading.limits import MEGABYTE

_ANSWER_BYTES: Final = 64 * MEGABYTE  # of a list of studies or a header
_CHUNK: Final = MEGABYTE // 4
_HEADERS_BYTES: Final = 16_384  # of one part of a multipart answer
_BUSY: Final = (429, 503)
#: They warn with whole addresses, and a search for a patient has her id in its address.
_TALKATIVE: Final = ("retrying", "urllib3", "dicomweb_client")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long an archive may take, in seconds."""

    connect: float = 5.0
    silence: float = 20.0
    start: float = 60.0  # of any answer as a whole, and then
    slowest: float = 50_000.0  # bytes a second; a proxy that trickles would else hold us for days
    attempts: int = 4  # where it says that it is busy
    pause: float = 0.5  # before the second; doubled before each further one


class Sink(Protocol):
    """What a fetched file is written to."""

    def write(self, piece: bytes, /) -> int: ...


class _Limited(HTTPAdapter):
    """Answers that are not streamed are read here, so that no archive can fill the memory."""

    def __init__(self, archive: Archive, patience: Patience) -> None:
        self._archive = archive
        self._patience = patience
        retries = Retry(
            total=patience.attempts, connect=0, read=0, other=0, status=patience.attempts,
            status_forcelist=_BUSY, backoff_factor=patience.pause, raise_on_status=False,
            allowed_methods=None, retry_after_max=30,
        )  # fmt: skip
        super().__init__(max_retries=retries)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: dict[str, str] | None = None,
    ) -> requests.Response:
        response = super().send(request, True, timeout, verify, cert, proxies)
        if response.is_redirect:
            response.close()
            raise ArchiveError(
                f"Archive {self._archive.name} sends us on to another address, which is not "
                "followed: a password could go astray. List it with its final address."
            )
        if not stream:
            with closing(response):
                content = b"".join(self._limited(response))
            response._content = content  # what `Response.content` gives from now on
        return response

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """The file of certificates may be moved while we are at work."""
        try:
            super().cert_verify(conn, url, verify, cert)
        except OSError:
            raise ConfigError(no_authority(self._archive)) from None

    def _limited(self, response: requests.Response) -> Iterator[bytes]:
        taken = 0
        for chunk in timely(_pieces(response), self._archive, self._patience):
            taken += len(chunk)
            if taken > _ANSWER_BYTES:
                raise ArchiveError(
                    f"Archive {self._archive.name} answered with more than "
                    f"{_ANSWER_BYTES // MEGABYTE} MB. Ask for less: a shorter range of dates."
                )
            yield chunk


def _pieces(response: requests.Response) -> Iterator[bytes]:
    """As they come: to wait until many are together would hide how slowly they do."""
    while piece := response.raw.read1(_CHUNK, decode_content=True):
        yield piece


def timely(chunks: Iterator[bytes], archive: Archive, patience: Patience) -> Iterator[bytes]:
    """`chunks` as long as they come at a rate that ends one day."""
    started, taken = time.monotonic(), 0
    for chunk in chunks:
        taken += len(chunk)
        if time.monotonic() - started > patience.start + taken / patience.slowest:
            raise ArchiveAwayError(
                f"Archive {archive.name} answers too slowly: {taken:,} bytes in "
                f"{time.monotonic() - started:.0f} s. Is the network, or a proxy on the way, "
                "overloaded? Try again later."
            )
        yield chunk


def open_line(archive: Archive, authorization: str, patience: Patience) -> requests.Session:
    """A session to that archive alone. Nothing of the environment is obeyed: neither a proxy nor a
    file of passwords named there. A list that was changed by hand is checked as one that is added.
    """
    check_archive(archive)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    session = requests.Session()
    session.trust_env = False
    session.verify = archive.ca or True
    session.mount("http://", _Limited(archive, patience))
    session.mount("https://", _Limited(archive, patience))
    if authorization:
        session.headers["Authorization"] = authorization
    return session


_Faults: Final = (
    requests.exceptions.RequestException, urllib3.exceptions.HTTPError, ValueError, KeyError,
    IndexError, TypeError, AttributeError,
)  # fmt: skip


@contextmanager
def told(archive: Archive, patience: Patience, doing: str) -> Iterator[None]:
    """What goes wrong on the line, as an ArchiveError without a word of whom it was about."""
    try:
        yield
    except MammoError:
        raise
    except _Faults as error:
        kind = ArchiveAwayError if _is_away(error) else ArchiveError
        raise kind(_in_words(archive, patience, doing, error)) from None


def _is_away(error: Exception) -> bool:
    """Whether asking for something else would fail as well."""
    faults = requests.exceptions
    if isinstance(error, faults.HTTPError) and error.response is not None:
        return error.response.status_code in (401, 403, *_BUSY)
    away = (faults.ConnectionError, faults.Timeout, urllib3.exceptions.TimeoutError)
    return isinstance(error, away)


def _in_words(archive: Archive, patience: Patience, doing: str, error: Exception) -> str:
    name, faults = archive.name, requests.exceptions
    busy = "Is it, or a proxy on the way, overloaded? Try again later."
    match error:
        case faults.HTTPError():
            return _status_in_words(archive, error, doing)
        case faults.SSLError():
            return (
                f"The certificate of archive {name} was not accepted: it is of another computer, "
                "is out of date, or is signed by nobody known here. Give the hospital's own "
                "authority with --ca FILE."
            )
        case faults.ConnectTimeout():
            return f"Archive {name} did not answer for {patience.connect:g} s. {busy}"
        case faults.Timeout() | urllib3.exceptions.TimeoutError():
            return f"Archive {name} fell silent for {patience.silence:g} s while {doing}. {busy}"
        case faults.ConnectionError() if "Read timed out" in str(error):
            return f"Archive {name} fell silent for {patience.silence:g} s while {doing}. {busy}"
        case urllib3.exceptions.HTTPError():
            return _cut_short(archive, doing)
        case faults.ConnectionError():
            return (
                f"Archive {name} cannot be reached at {_host(archive)}. Is it running, and may "
                "this computer speak to it?"
            )
        case _:
            return (
                f"Archive {name} answered with something that is no DICOMweb while {doing}. Is "
                "its address the root of its DICOMweb service?"
            )


def _host(archive: Archive) -> str:
    return archive.dicomweb.split("/")[2]


def _cut_short(archive: Archive, doing: str) -> str:
    return (
        f"The answer of archive {archive.name} was cut short while {doing}. Nothing of it was "
        "kept; try again."
    )


def _status_in_words(archive: Archive, error: requests.exceptions.HTTPError, doing: str) -> str:
    status = error.response.status_code if error.response is not None else 0
    name = archive.name
    if status == 401:
        how = "user and password" if archive.user else "token"
        return (
            f"Archive {name} refused the {how}. Set them right where `mammo archive add` was told "
            "to read them from."
        )
    if status == 403:
        return f"Archive {name} does not allow this account: {doing}. Ask whoever runs it."
    if status == 404:
        return (
            f"Archive {name} does not know what was asked for while {doing} (404). Was the study "
            "deleted, or is the address not the root of its DICOMweb service?"
        )
    if status in _BUSY:
        return f"Archive {name} stayed busy ({status}) through every attempt. Try again later."
    return f"Archive {name} refused with status {status} while {doing}."


def copy_part(
    response: requests.Response, sink: Sink, archive: Archive, patience: Patience, *, most: int
) -> int:
    """Write the one DICOM file of a WADO-RS answer to `sink` as it comes; how many bytes. An answer
    that breaks off or is not framed as it says is an ArchiveError.
    """
    kind = Message()
    kind["Content-Type"] = response.headers.get("Content-Type", "")
    chunks = timely(_pieces(response), archive, patience)
    if kind.get_content_type() == "application/dicom":
        return _write_all(chunks, sink, archive, most=most)
    boundary = kind.get_param("boundary")
    if kind.get_content_type() != "multipart/related" or not isinstance(boundary, str):
        raise ArchiveError(
            f"Archive {archive.name} sent {kind.get_content_type()!r} where a DICOM file was "
            "asked for. Does it offer WADO-RS at this address?"
        )
    parts = _part(chunks, b"--" + boundary.encode("latin-1", "replace"), archive)
    return _write_all(parts, sink, archive, most=most)


def _write_all(chunks: Iterator[bytes], sink: Sink, archive: Archive, *, most: int) -> int:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > most:
            raise ArchiveError(
                f"Archive {archive.name} sent an image of more than {most // MEGABYTE} MB, which "
                "is not read here. Export the two-dimensional image alone."
            )
        sink.write(chunk)
    return size


def _part(chunks: Iterator[bytes], delimiter: bytes, archive: Archive) -> Iterator[bytes]:
    """The content of the first part (RFC 2046 5.1.1)."""
    wrong = ArchiveError(
        f"The answer of archive {archive.name} is not framed by the boundary that it names, so "
        "where an image ends is not known; nothing of it was kept. Is a proxy on the way at fault?"
    )
    held = b""
    while b"\r\n\r\n" not in held[held.find(delimiter) + 1 :] or delimiter not in held:
        more = next(chunks, b"")
        held += more
        if not more or len(held) > _HEADERS_BYTES + 2 * _CHUNK:
            raise wrong
    if not held.lstrip(b"\r\n").startswith(delimiter):
        raise wrong
    held = held[held.index(b"\r\n\r\n", held.index(delimiter)) + 4 :]
    end = b"\r\n" + delimiter
    while (place := held.find(end)) < 0:
        safe = max(0, len(held) - len(end))
        yield held[:safe]
        held = held[safe:]
        more = next(chunks, b"")
        if not more:
            raise ArchiveError(_cut_short(archive, "an image was sent"))
        held += more
    yield held[:place]
