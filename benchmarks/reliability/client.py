"""A session of the app without a browser: what a tab sends and receives, so that twenty of them
cost this machine little and the server all that they would cost it.
"""

import http.client
import json
import re
import struct
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

_SECONDS: Final = 300.0  # to be patient with a machine that others use too
_SILENT_SECONDS: Final = 5.0  # and nothing more comes
_COOKIE: Final = "_streamlit_xsrf"


class SessionError(Exception):
    """The server did not answer as it should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A component of ours on a page, and what a browser names to tell of a change in it."""

    widget: str
    fragment: str  # the part of the page that is drawn anew
    data: bytes  # what it was given (pack_message)

    @property
    def header(self) -> dict[str, Any]:
        (length,) = struct.unpack_from("<I", self.data)
        found: dict[str, Any] = json.loads(self.data[4 : 4 + length])
        return found

    def changed(self, state: Mapping[str, Any], *, query: str, page_hash: str) -> BackMsg:
        """What a browser sends when the reader has let go of it."""
        asked = BackMsg()
        asked.rerun_script.query_string = query
        asked.rerun_script.page_script_hash = page_hash
        asked.rerun_script.fragment_id = self.fragment
        widget = asked.rerun_script.widget_states.widgets.add()
        widget.id, widget.json_value = self.widget, json.dumps(state)
        return asked


@dataclass(slots=True)
class Drawn:
    """What one run of a page sent."""

    seconds: float = 0.0
    texts: list[str] = field(default_factory=list)  # every word of every element
    errors: list[str] = field(default_factory=list)  # tracebacks, and what is said to be wrong
    uploaders: list[str] = field(default_factory=list)  # ids
    controls: dict[str, Control] = field(default_factory=dict)  # by the name of the component
    is_part: bool = False  # a fragment alone was drawn anew
    query: str | None = None  # the address, where the page changed it

    @property
    def words(self) -> str:
        return "\n".join(self.texts)


class Session:
    """One tab."""

    def __init__(self, url: str, page: str = "") -> None:
        self.url, self.page, self.query = url, page, ""
        self._place = urlsplit(url)
        self._token = _xsrf_token(url)
        self._socket: ClientConnection = connect(
            f"ws://{self._place.netloc}/_stcore/stream",
            origin=url,  # type: ignore[arg-type]
            subprotocols=["streamlit", self._token],  # type: ignore[list-item]
            additional_headers={"Cookie": f"{_COOKIE}={self._token}"},
            max_size=None,
            ping_interval=None,
            compression=None,
            legacy=True,  # not as a context: a tab is closed by itself
        )
        self._session_id = self._page_hash = ""
        self._files: dict[str, list[Any]] = {}

    def run(self, query: str | None = None, *, page: str | None = None) -> Drawn:
        """Let the page run as a reload of its address would in this tab, and wait for its end."""
        self.query = self.query if query is None else query
        self.page = self.page if page is None else page
        asked = BackMsg()
        asked.rerun_script.query_string = self.query
        asked.rerun_script.page_name = self.page
        for widget, files in self._files.items():
            state = asked.rerun_script.widget_states.widgets.add()
            state.id = widget
            state.file_uploader_state_value.uploaded_file_info.extend(files)
        return self._answer_to(asked)

    @property
    def page_hash(self) -> str:
        """By which Streamlit knows the page that is shown."""
        return self._page_hash

    def go_to(self, page: str, *, page_hash: str, then: BackMsg) -> list[str]:
        """Follow a link to another page and send a message behind it at once. The pages that were
        shown until nothing more came, by their hashes.
        """
        self.page, self.query = page, ""
        asked = BackMsg()
        asked.rerun_script.page_script_hash = page_hash
        asked.rerun_script.context_info.url = f"{self.url}/{page}"
        for one in (asked, then):
            self._socket.send(one.SerializeToString())
        shown: list[str] = []
        with suppress(TimeoutError):
            while True:
                self._is_over(self._next(_SILENT_SECONDS), Drawn())
                if shown[-1:] != [self._page_hash]:
                    shown.append(self._page_hash)
        return shown

    def change(self, control: Control, state: Mapping[str, Any]) -> Drawn:
        """Bring a control of the page that is shown into that state, and let what it is in run."""
        return self._answer_to(control.changed(state, query=self.query, page_hash=self._page_hash))

    def _answer_to(self, asked: BackMsg) -> Drawn:
        asked.rerun_script.context_info.url = f"{self.url}/{self.page}"  # as a browser tells it
        start = time.monotonic()
        self._socket.send(asked.SerializeToString())
        drawn = Drawn()
        while not self._is_over(self._next(), drawn):
            pass
        drawn.seconds = time.monotonic() - start
        if drawn.query is not None:
            self.query = drawn.query
        return drawn

    def upload(self, widget: str, files: Sequence[tuple[str, bytes]]) -> Drawn:
        """Drop these files on the uploader of that id, and let the page run."""
        asked = BackMsg()
        asked.file_urls_request.request_id = uuid.uuid4().hex
        asked.file_urls_request.file_names.extend(name for name, _ in files)
        asked.file_urls_request.session_id = self._session_id
        self._socket.send(asked.SerializeToString())
        message = self._next()
        while message.WhichOneof("type") != "file_urls_response":
            message = self._next()
        held = []
        for (name, content), urls in zip(files, message.file_urls_response.file_urls, strict=True):
            self._put(urls.upload_url, name, content)
            state = BackMsg().rerun_script.widget_states.widgets.add()
            info = state.file_uploader_state_value.uploaded_file_info.add()
            info.name, info.size, info.file_id = name, len(content), urls.file_id
            info.file_urls.CopyFrom(urls)
            held.append(info)
        self._files[widget] = held
        return self.run()

    def close(self) -> None:
        self._socket.close()

    def _put(self, address: str, name: str, content: bytes) -> None:
        boundary = uuid.uuid4().hex
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        body = head + content + f"\r\n--{boundary}--\r\n".encode()
        line = http.client.HTTPConnection(self._place.netloc, timeout=_SECONDS)
        line.request("PUT", address, body=body, headers={
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "X-Xsrftoken": self._token, "Cookie": f"{_COOKIE}={self._token}", "Origin": self.url,
        })  # fmt: skip
        response = line.getresponse()
        response.read()
        line.close()
        if response.status >= 300:
            raise SessionError(f"An upload was answered with {response.status}.")

    def _next(self, seconds: float = _SECONDS) -> ForwardMsg:
        data = self._socket.recv(timeout=seconds)
        message = ForwardMsg()
        message.ParseFromString(data if isinstance(data, bytes) else data.encode())
        return message

    def _is_over(self, message: ForwardMsg, drawn: Drawn) -> bool:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._session_id = message.new_session.initialize.session_id
            self._page_hash = message.new_session.page_script_hash
        elif kind == "page_info_changed":
            drawn.query = message.page_info_changed.query_string
        elif kind == "delta":
            look_at(message, drawn)
        elif kind == "script_finished":
            status = ForwardMsg.ScriptFinishedStatus.Name(message.script_finished)
            if "COMPILE" in status:
                raise SessionError(status)
            drawn.is_part = "FRAGMENT" in status
            return "FINISHED_EARLY" not in status
        return False


def look_at(message: ForwardMsg, drawn: Drawn) -> None:
    element = message.delta.new_element
    kind = element.WhichOneof("type")
    if kind == "exception":
        drawn.errors.append(f"{element.exception.type}: {element.exception.message}")
    elif kind == "alert" and element.alert.format == Alert.ERROR:
        drawn.errors.append(element.alert.body)
    elif kind == "file_uploader":
        drawn.uploaders.append(element.file_uploader.id)
    elif kind == "bidi_component":
        found, fragment = element.bidi_component, message.delta.fragment_id
        control = Control(widget=found.id, fragment=fragment, data=found.bytes)
        drawn.controls[found.component_name] = control
    if kind is not None:
        drawn.texts.append(str(getattr(element, kind)))


def _xsrf_token(url: str) -> str:
    line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=_SECONDS)
    line.request("GET", "/_stcore/health")
    response = line.getresponse()
    response.read()
    line.close()
    found = re.search(rf'{_COOKIE}="?([^";]+)', response.getheader("Set-Cookie") or "")
    return found[1] if found else "none"


def resident_megabytes(process_id: int) -> float:
    """Of the server alone: what its readers hold ends with them."""
    import psutil

    return float(psutil.Process(process_id).memory_info().rss) / 2**20


def together(works: Sequence[Any]) -> list[BaseException]:
    """Each in a thread of its own at the same time; what they raised."""
    raised: list[BaseException] = []

    def carried_out(work: Any) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - told to whoever asked
            raised.append(error)

    threads = [threading.Thread(target=carried_out, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def sample_files(folder: Path, beginning: str) -> list[tuple[str, bytes]]:
    return [(path.name, path.read_bytes()) for path in sorted(folder.glob(f"{beginning}*.dcm"))]
