"""The app behind its guard: what start.py runs. `streamlit run streamlit_app.py` has no guard.

Where several people share it there is a door too (`mammo_core/sharing/door.py`), and below is what
the door asks of Streamlit: who a picture or an upload is of, and what a message of a browser means.
"""

import asyncio
import ctypes
import gc
import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from functools import partial
from pathlib import Path, PurePosixPath
from threading import Thread
from typing import TYPE_CHECKING, Final

import psutil
import streamlit as st
from starlette.middleware import Middleware
from streamlit import auth_util, net_util
from streamlit.proto.BackMsg_pb2 import BackendOperationRequest, BackMsg
from streamlit.proto.ForwardMsg_pb2 import (
    BackendOperationResponse,
    DeferredFileResponsePayload,
    ForwardMsg,
)
from streamlit.runtime import Runtime, RuntimeState, get_instance
from streamlit.runtime.backend_operation_handler import DeferredFileHandler
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.media_file_storage import MediaFileStorageError
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from launcher.guard import Guard, is_shared, rules_from
from mammo_core.archive.arrivals import forget_old_arrivals, forgotten_in_words
from mammo_core.errors import MammoError
from mammo_core.files import (
    access_log,
    accounts_file,
    archive_work_root,
    arrivals_root,
    audits_root,
    cases_root,
    checkpoints_root,
    home,
    keep_private,
    measurements_root,
    owned_root,
    preflights_root,
    studies_root,
    sweep_scratch,
    without_folders,
)
from mammo_core.preprocessing.cases import forget_old_cases
from mammo_core.preprocessing.reading.limits import EXPORTS_AT_ONCE, EXPORTS_WAITING
from mammo_core.sharing.door import HEADER, Behind, Door, Vouched
from mammo_core.sharing.limits import Limits, Uploads, limits_from
from mammo_core.sharing.rights import Visitor, visitor_of
from mammo_core.sharing.sessions import IDLE_SECONDS, Sessions, Tries
from pages.components.shared.reruns import mend_reruns

if TYPE_CHECKING:
    from cachetools import TTLCache

LOG: Final = logging.getLogger("mammoscope")
_M_MMAP_THRESHOLD: Final = -3  # malloc.h
_M_ARENA_MAX: Final = -8
_RUNNING: Final = (
    RuntimeState.NO_SESSIONS_CONNECTED,
    RuntimeState.ONE_OR_MORE_SESSIONS_CONNECTED,
)
_HOUR_SECONDS: Final = 3600.0
_MOST_FILES: Final = 8192
_LARGE_ALONE: Final = 10**9  # bytes, where one person has the app to themselves
_CLOSED_KEPT: Final = 8  # closed tabs that may come back to a large server
_FRESH_DAYS: Final = 2 / (24 * 60)  # how long ago a provider may have vouched for somebody
_VOUCHED: dict[str, float] = {}  # what was taken, so that it is taken once
_MAKE_DOWNLOAD: Final = MediaFileManager.execute_deferred
_MOST_DOWNLOADS: Final = 1000
#: More than exports may hold, so that a small file does not wait for large ones.
_MAKERS: Final = ThreadPoolExecutor(EXPORTS_AT_ONCE + EXPORTS_WAITING + 2)
_DOWNLOADED: dict[str, str] = {}  # by file, the session that asked for it


def case_roots() -> list[Path]:
    return [cases_root(), *map(cases_root, owned_root().glob("*"))]


def keep_house() -> None:
    """What is half-written, and every case and arrival whose time is over, is gone. A folder in
    which that cannot be done holds up none of the others.
    """
    of_all = (
        checkpoints_root(),
        arrivals_root(),
        audits_root(),
        measurements_root(),
        preflights_root(),
    )
    of_each = [
        place
        for own in (home(), *owned_root().glob("*"))
        for place in (own, cases_root(own), studies_root(own), archive_work_root(own))
    ]
    for folder in (*of_all, *of_each):
        with logged_of(folder):
            sweep_scratch(folder)
    for root in case_roots():
        with logged_of(root):
            forget_old_cases(root)
    with logged_of(arrivals_root()):
        if forgotten := forget_old_arrivals(arrivals_root(), now=time.time()):
            LOG.warning(forgotten_in_words(forgotten))


@contextmanager
def logged_of(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        LOG.warning("%s cannot be tidied: %s", folder, error.strerror or error)


def return_memory_early() -> None:
    """What is as large as a picture is given back to the system when it is freed: glibc would come
    to keep the room of every picture for the next one, in each of many arenas.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_M_MMAP_THRESHOLD, 2**20)
        libc.mallopt(_M_ARENA_MAX, 2)


def allow_many_files() -> None:
    """A tab maps its images and has an event loop, 11 files of an exam of four, and keeps them for
    the two minutes in which it may come back: a hundred would reach the usual limit of 1,024.
    """
    with suppress(ImportError, OSError, ValueError):  # Windows has no such limit
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(_MOST_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def return_freed() -> None:
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def collect_what_pages_left() -> None:
    """Streamlit would do it after every run, in which all that was ever imported is looked through:
    a tenth of a second in which nobody else is served.
    """
    if gc.get_count()[1]:  # something was done since the last time
        gc.collect()


def let_go_of_closed(limits: Limits) -> None:
    """A closed tab may come back for two minutes; after that Streamlit would hold on to all that
    it showed until the next tab is closed. Each holds its pictures, 30 MB of a mammogram, so where
    the server has grown large only the newest may come back. The address brings the case back.
    """
    if not (Runtime.exists() and get_instance().state in _RUNNING):
        return
    runtime = get_instance()
    closed = runtime._session_mgr._session_storage._cache
    most = limits.memory_gb * 10**9 // 2 if is_shared(os.environ) else _LARGE_ALONE

    def let_go() -> None:
        if is_any_over(closed, is_large=psutil.Process().memory_info().rss > most):
            Thread(target=return_freed, daemon=True).start()

    with suppress(RuntimeError):  # it ended this very moment
        runtime._get_async_objs().eventloop.call_soon_threadsafe(let_go)


def is_any_over(closed: "TTLCache[str, object]", *, is_large: bool) -> bool:
    """Takes from `closed` the tabs whose time is over; where the server `is_large`, all but the
    newest few.
    """
    is_over = bool(closed.expire())
    while is_large and len(closed) > _CLOSED_KEPT:
        closed.popitem()  # the oldest
        is_over = True
    return is_over


def keep_watch(
    limits: Limits, *, look_seconds: float = 5.0, house_seconds: float = _HOUR_SECONDS
) -> None:
    """Retention by the hour; closed tabs are let go, and where the memory grows too large what is
    cached as well.
    """
    kept_at = time.monotonic()
    while True:
        time.sleep(look_seconds)
        collect_what_pages_left()
        let_go_of_closed(limits)
        if time.monotonic() - kept_at > house_seconds:
            kept_at = time.monotonic()
            with logged_of(home()):
                keep_house()
        if is_shared(os.environ) and is_full(limits):
            st.cache_data.clear()
            st.cache_resource.clear()
            return_freed()


def is_full(limits: Limits) -> bool:
    return psutil.Process().memory_info().rss > limits.memory_gb * 10**9


def place_of_work(data: bytes) -> str | None:
    """Where the browser is, in a message that a person caused; None in one of the page's clock."""
    message = BackMsg()
    try:
        message.ParseFromString(data)
    except Exception:  # noqa: BLE001 - Streamlit will refuse it in its own words
        return None
    if message.WhichOneof("type") != "rerun_script" or message.rerun_script.is_auto_rerun:
        return None
    asked = message.rerun_script
    return f"/{asked.page_name}" + (f"?{asked.query_string}" if asked.query_string else "")


def farewell(address: str) -> bytes:
    message = ForwardMsg()
    message.auth_redirect.url = address
    return message.SerializeToString()


def is_own(path: str, visitor: Visitor) -> bool:
    """Pictures have addresses that cannot be guessed; who knows one must be shown it as well."""
    runtime, parts = get_instance(), PurePosixPath(path).parts
    if parts[1:2] == ("media",):
        manager, file_id = runtime.media_file_mgr, PurePosixPath(path).stem
        with manager._lock:
            shown = manager._files_by_session_and_coord.items()
            sessions = [one for one, files in shown if file_id in files.values()]
        sessions += filter(None, [_DOWNLOADED.get(file_id)])
    elif parts[1:3] == ("_stcore", "upload_file"):
        sessions = list(parts[3:4])
    else:
        return True
    return any(_visitor_of_session(one) == visitor for one in sessions)


def _visitor_of_session(session_id: str) -> Visitor | None:
    found = get_instance()._session_mgr.get_active_session_info(session_id)
    if found is None:
        return None
    headers = {name.lower(): value for name, value in found.client.client_context.headers}
    return visitor_of(headers[HEADER]) if HEADER in headers else None


def _make_download(manager: MediaFileManager, deferred_id: str) -> str:
    """As Streamlit does, which forgets whose click it was that a download was made for."""
    session_id = manager._deferred_callables.get(deferred_id, {}).get("session_id", "")
    address = _MAKE_DOWNLOAD(manager, deferred_id)
    while len(_DOWNLOADED) >= _MOST_DOWNLOADS:
        del _DOWNLOADED[next(iter(_DOWNLOADED))]
    _DOWNLOADED[PurePosixPath(address).stem] = session_id
    return address


async def answer_download(
    handler: DeferredFileHandler, request: BackendOperationRequest, session_id: str
) -> BackendOperationResponse:
    """As Streamlit does, which of a download that cannot be made says only that it failed."""
    manager, asked = handler._get_media_file_mgr(), request.deferred_file.file_id
    try:
        making = partial(copy_context().run, manager.execute_deferred, asked)
        address = await asyncio.get_running_loop().run_in_executor(_MAKERS, making)
    except MediaFileStorageError as error:
        LOG.warning("A download was not made", exc_info=error)
        why = error.__cause__
        said = str(why) if isinstance(why, MammoError) else "The file could not be made."
        return BackendOperationResponse(
            request_id=request.request_id, error_msg=without_folders(said)
        )
    made = DeferredFileResponsePayload(url=address)
    return BackendOperationResponse(request_id=request.request_id, deferred_file=made)


def provider_name() -> str:
    """As [auth] in secrets.toml has it: one provider of its own name, or one without."""
    section = auth_util.get_secrets_auth_section()
    named = [name for name, value in section.to_dict().items() if isinstance(value, dict)]
    return next(iter(named), "default" if section else "")


def vouched_for(cookies: Mapping[str, str]) -> Vouched | None:
    """Whom Streamlit's own OpenID Connect has just brought back from the provider; once."""

    def signed(name: str) -> bytes | None:
        value = cookies.get(name, "").encode("latin-1")
        return decode_signed_value(get_cookie_secret(), name, value, max_age_days=_FRESH_DAYS)

    text = auth_util.get_cookie_with_chunks(signed, USER_COOKIE_NAME)
    if text is None:
        return None
    now, mark = time.monotonic(), hashlib.sha256(cookies[USER_COOKIE_NAME].encode()).hexdigest()
    for old in [one for one, at in _VOUCHED.items() if now - at > _HOUR_SECONDS]:
        del _VOUCHED[old]
    if _VOUCHED.setdefault(mark, now) != now:
        return None
    claims = json.loads(text)
    name = claims.get("email") or claims.get("preferred_username") or ""
    if not (name and claims.get("sub") and claims.get("iss")):
        return None
    if claims.get("email_verified") is False:
        return None
    return Vouched(name=str(name).lower(), subject=f"{claims['iss']} {claims['sub']}")


def doors() -> list[Middleware]:
    """None where one person has the app to themselves."""
    if not is_shared(os.environ):
        return []
    provider = provider_name()
    behind = Behind(
        place_of_work=place_of_work,
        farewell=farewell,
        is_own=is_own,
        is_full=lambda: is_full(LIMITS),
        provider="your organisation" if provider == "default" else provider,
        provider_address=lambda: (
            f"/auth/login?provider={auth_util.encode_provider_token(provider)}"
        ),
        vouched=vouched_for if provider else lambda cookies: None,
    )
    idle = float(os.environ.get("MAMMO_IDLE_SECONDS") or IDLE_SECONDS)
    return [
        Middleware(
            Door,
            accounts=accounts_file(),
            log=access_log(),
            sessions=Sessions(time.time, idle_seconds=idle),
            tries=Tries(time.time),
            uploads=Uploads(LIMITS, time.time),
            behind=behind,
        )
    ]


return_memory_early()
allow_many_files()
keep_private()
keep_house()
LIMITS: Final = limits_from(os.environ)
Thread(target=keep_watch, args=(LIMITS,), daemon=True).start()
# To tell whether an Origin is its own, Streamlit would ask an outside host for this one's address.
for lookup in ("get_external_ip", "get_internal_ip"):
    setattr(net_util, lookup, lambda: None)
DeferredFileHandler.handle = answer_download
mend_reruns()
if is_shared(os.environ):
    MediaFileManager.execute_deferred = _make_download

app = st.App(
    "streamlit_app.py",
    middleware=[Middleware(Guard, rules=rules_from(os.environ)), *doors()],
)
