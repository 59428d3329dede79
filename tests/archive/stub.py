"""An archive that misbehaves as a test wants: a few answers of DICOMweb, over HTTP on loopback."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

STUDY = "1.2.3.4"
BOUNDARY = "mark"

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Stub:
    """What is answered to an address that ends so; and what was asked."""

    answers: Mapping[str, Answer]
    asked: list[str] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(answers: Mapping[str, Answer], *, tls: ssl.SSLContext | None = None) -> Iterator[Stub]:
    stub = Stub(answers=answers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            stub.asked.append(self.path)
            stub.headers.append(dict(self.headers))
            path = self.path.partition("?")[0]
            for ending, answer in stub.answers.items():
                if path.endswith(ending):
                    return answer(self)
            return send(self, b"", status=404)

        do_POST = do_GET  # noqa: N815 - so the library calls it

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda request, address: None  # type: ignore[method-assign]
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    scheme = "http" if tls is None else "https"
    stub.url = f"{scheme}://127.0.0.1:{server.server_address[1]}/dicom-web"
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()


def send(
    handler: BaseHTTPRequestHandler,
    body: bytes,
    *,
    status: int = 200,
    kind: str = "application/dicom+json",
    length: int | None = None,
    more: Mapping[str, str] | None = None,
) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.send_header("Connection", "close")
    for name, value in (more or {}).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)
    handler.close_connection = True


def answering(document: Any) -> Answer:
    return lambda handler: send(handler, json.dumps(document).encode())


def refusing(status: int, more: Mapping[str, str] | None = None) -> Answer:
    return lambda handler: send(handler, b"", status=status, more=more)


def stalling(seconds: float) -> Answer:
    def stall(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(seconds)

    return stall


def trickling(seconds: float) -> Answer:
    """A byte now and then, so that no wait for the next one is long."""

    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/dicom+json")
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.02)

    return trickle


def framed(content: bytes, *, boundary: str = BOUNDARY, keep: int | None = None) -> Answer:
    """A file as WADO-RS sends it; of which only the first bytes are kept, or that is framed by
    another boundary than it says.
    """
    body = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    body += content + f"\r\n--{boundary}--\r\n".encode()
    kind = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
    sent = body if keep is None else body[:keep]
    return lambda handler: send(handler, sent, kind=kind, length=len(sent))


def slowly(content: bytes, *, seconds: float) -> Answer:
    """A file that takes so long, in a hundred pieces; a broken line ends it."""
    step = len(content) // 100 + 1

    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/dicom")
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        for place in range(0, len(content), step):
            handler.wfile.write(content[place : place + step])
            handler.wfile.flush()
            time.sleep(seconds / 100)

    return trickle


def image(number: int, modality: str = "MG") -> dict[str, Any]:
    values = {
        "00080016": "1.2.840.10008.5.1.4.1.1.1.2",
        "00080018": f"{STUDY}.1.{number}",
        "00080060": modality,
        "0020000E": f"{STUDY}.1",
    }
    return {tag: {"vr": "UI", "Value": [value]} for tag, value in values.items()}


def study(uid: str = STUDY, **more: str) -> dict[str, Any]:
    """`more` by tag, as t00100021."""
    values = {"00080020": "20240102", "0020000D": uid, "00100020": "W1"}
    values |= {name[1:]: value for name, value in more.items()}
    return {tag: {"vr": "UI", "Value": [value]} for tag, value in values.items()}


def capped(
    documents: Sequence[Any], *, at_most: int, warns: bool = False, pages: bool = True
) -> Answer:
    """As an archive answers that tells so many at a time, and says with a warning when there are
    more; or that begins anew whatever `offset` it is asked for.
    """

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked = parse_qs(urlsplit(handler.path).query)
        first = int(asked.get("offset", ["0"])[0]) if pages else 0
        end = first + min(at_most, int(asked["limit"][0]))
        more = {"Warning": '299 stub: "there are more"'} if warns and end < len(documents) else {}
        send(handler, json.dumps(documents[first:end]).encode(), more=more)

    return answer
