"""What a server does by itself while it runs, watched in a process of its own: it is no module to
import beside others.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.reliability.client import Session
from benchmarks.reliability.people import RUN, served, slider_of

ROOT = Path(__file__).resolve().parents[1]
CASE = "a" * 64


def watched(home: Path, script: str, *, shared: bool) -> str:
    """What `script` prints, with the server's module at hand as `served`."""
    environment = {**os.environ, "MAMMO_HOME": str(home), "PYTHONPATH": str(ROOT)}
    environment["MAMMO_SHARED"] = "yes" if shared else "no"
    begin = "import sys, time, threading, served\nfrom pathlib import Path\n"
    ended = subprocess.run(
        [sys.executable, "-c", begin + script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def overdue(cases: Path) -> Path:
    folder = cases / CASE
    folder.mkdir(parents=True)
    (folder / "case.json").write_text(json.dumps({"kept_until": time.time() + 3}))
    return folder


@pytest.mark.slow  # 10 seconds
def test_a_case_whose_time_ends_while_the_server_runs_is_deleted_without_a_restart(
    tmp_path: Path,
) -> None:
    """One of nobody in particular, and one of an account."""
    folders = [overdue(tmp_path / "cases"), overdue(tmp_path / "accounts" / "anna" / "cases")]
    script = f"""
folders = [Path(one) for one in {[str(folder) for folder in folders]}]
roots = [Path(one).parent for one in {[str(folder) for folder in folders]}]
print([str(one) for one in served.case_roots()] == [str(one) for one in roots])
watch = dict(look_seconds=0.05, house_seconds=0.2)
threading.Thread(target=served.keep_watch, args=(served.LIMITS,), kwargs=watch, daemon=True).start()
until = time.monotonic() + 60
while any(one.exists() for one in folders) and time.monotonic() < until:
    time.sleep(0.1)
print([one.exists() for one in folders])
"""
    assert watched(tmp_path, script, shared=True).splitlines() == ["True", "[False, False]"]


@pytest.mark.slow  # 5 seconds
def test_an_account_whose_cases_cannot_be_listed_holds_up_no_other(tmp_path: Path) -> None:
    """As where its disk fails: what the others' cases owe to their time goes on."""
    script = f"""
home = Path({str(tmp_path)!r})
folders = [home / "accounts" / name / "cases" / {CASE!r} for name in ("anna", "berta")]
for folder in folders:
    folder.mkdir(parents=True)
    (folder / "case.json").write_text('{{"kept_until": 0}}')
glob = Path.glob

def failing(folder, pattern):
    if folder == folders[0].parent:
        raise OSError(5, "Input/output error")
    return glob(folder, pattern)

Path.glob = failing
served.keep_house()
print([folder.exists() for folder in folders])
"""
    assert watched(tmp_path, script, shared=True) == "[True, False]"


@pytest.mark.slow  # 5 seconds
def test_what_is_half_written_is_swept_in_what_belongs_to_an_account_too(tmp_path: Path) -> None:
    """As a writer that died long ago left it."""
    half = f".half.{2**22 + 1}-{'0' * 16}.tmp"  # a process of a number that Linux never gives
    of_each = ("", "tables", "studies/one", "worklists", "tags", "cases/one", "archive_work/one")
    of_all = ("audits/one", "measurements/one", "preflights/one", "arrivals/one")
    places = [f"{own}{place}" for own in ("", "accounts/anna/") for place in of_each]
    for place in (*places, *of_all):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / half).write_bytes(b"half")
        os.utime(tmp_path / place / half, (0, 0))
    watched(tmp_path, "served.keep_house()", shared=True)
    assert list(tmp_path.rglob(half)) == []


@pytest.mark.slow  # 10 seconds
@pytest.mark.parametrize(("gigabytes", "made"), [(0, 2), (10_000, 1)])
def test_a_server_above_its_ceiling_lets_go_of_what_is_cached(
    tmp_path: Path, gigabytes: int, made: int
) -> None:
    script = f"""
import streamlit as st
made = []
@st.cache_data
def picture():
    made.append(1)
    return 1
picture()
limits = served.Limits(memory_gb={gigabytes})
watch = dict(look_seconds=0.05)
threading.Thread(target=served.keep_watch, args=(limits,), kwargs=watch, daemon=True).start()
time.sleep(1.5)
picture()
print(len(made), served.is_full(limits))
"""
    assert watched(tmp_path, script, shared=True) == f"{made} {gigabytes == 0}"


@pytest.mark.slow  # 5 seconds
def test_what_pages_left_behind_is_collected_by_the_watch_and_not_after_each_run(
    tmp_path: Path,
) -> None:
    """After each run all that was ever imported would be looked through: of twenty people who move
    thresholds one of twenty waited three seconds.
    """
    script = """
import gc, weakref
from streamlit import config

class Page:
    pass

page = Page()
page.itself, old = page, weakref.ref(page)
gc.collect()  # it grows old, and only a collection of everything finds it
watch = dict(look_seconds=0.05)
threading.Thread(target=served.keep_watch, args=(served.LIMITS,), kwargs=watch, daemon=True).start()
time.sleep(1)
del page
drawn = [[number] for number in range(5_000)]  # what a run of a page makes, at the least
until = time.monotonic() + 10
while old() is not None and time.monotonic() < until:
    time.sleep(0.1)
print(old() is None, config.get_option("runner.postScriptGC"))
"""
    assert watched(tmp_path, script, shared=False) == "True False"


@pytest.mark.slow
def test_of_many_closed_tabs_a_large_server_keeps_the_newest_and_another_keeps_all(
    tmp_path: Path,
) -> None:
    """Each holds what it showed for two minutes: of uploads made one after the other, 1.5 GB."""
    script = """
from cachetools import TTLCache
closed = TTLCache(maxsize=128, ttl=120)
for number in range(20):
    closed[f"tab {number}"] = number
print(served.is_any_over(closed, is_large=False), len(closed))
print(served.is_any_over(closed, is_large=True), *closed.values())
print(served.is_any_over(closed, is_large=True), len(closed))
"""
    newest = " ".join(str(number) for number in range(12, 20))
    said = watched(tmp_path, script, shared=False).splitlines()
    assert said == ["False 20", f"True {newest}", "False 8"]


@pytest.mark.slow  # 5 seconds
def test_no_outside_host_is_asked_for_the_servers_own_address(tmp_path: Path) -> None:
    """What Streamlit was told before would be told again, were the question not answered here."""
    script = """
served.net_util._external_ip = served.net_util._internal_ip = "203.0.113.7"
print(served.net_util.get_external_ip(), served.net_util.get_internal_ip())
"""
    assert watched(tmp_path, script, shared=False) == "None None"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_server_may_have_more_files_open_than_is_usual(tmp_path: Path) -> None:
    """A hundred tabs that were closed within two minutes hold a thousand."""
    script = """
import resource
allowed = [resource.getrlimit(resource.RLIMIT_NOFILE)[0]]
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
served.allow_many_files()
allowed.append(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
print(*(one == -1 or one >= min(8192, hard if hard > 0 else 8192) for one in allowed))
"""
    assert watched(tmp_path, script, shared=False) == "True True"


@pytest.mark.slow  # 5 seconds
def test_why_a_download_was_not_made_is_said_below_its_button(tmp_path: Path) -> None:
    """Streamlit says only that it failed. What is no sentence for a reader stands in the log."""
    script = """
import asyncio
from streamlit.proto.BackMsg_pb2 import BackendOperationRequest
from streamlit.runtime.backend_operation_handler import DeferredFileHandler
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

def late():
    raise served.MammoError("The export took too long. See '/srv/secret/exports'.")

def broken():
    raise ValueError("Doe^Jane")

for make in (late, broken, lambda: b"whole"):
    manager = MediaFileManager(MemoryMediaFileStorage("/media"))
    request = BackendOperationRequest(request_id="1")
    request.deferred_file.file_id = manager.add_deferred(make, "text/plain", "here")
    answer = asyncio.run(DeferredFileHandler(lambda: manager).handle(request, "session"))
    print(answer.error_msg or answer.deferred_file.url[:7])
"""
    assert watched(tmp_path, script, shared=False).splitlines() == [
        "The export took too long. See 'exports'.",
        "The file could not be made.",
        "/media/",
    ]


@pytest.mark.slow  # 15 seconds
def test_what_a_left_page_still_asks_is_not_run_in_place_of_the_new_one(tmp_path: Path) -> None:
    """As a part that looks again every second asks between the click on a link and the new page:
    the new page stayed empty.
    """
    with served(tmp_path / "home", tmp_path / "log") as server:
        tab = Session(server.url, "data")
        tab.run("")
        data = tab.page_hash
        slider = slider_of(tab.run(f"run={RUN}", page="thresholds"))
        thresholds = tab.page_hash
        state = {"threshold": {"value": 0.5, "of": slider.header["of"]}}
        late = slider.changed(state, query=tab.query, page_hash=thresholds)
        seen = tab.go_to("data", page_hash=data, then=late)
        again = tab.run(f"run={RUN}", page="thresholds")
        moved = tab.change(slider_of(again), state)  # on its own page it is run
    assert seen[-1] == data
    assert moved.is_part
    assert "Couldn't find fragment" not in (tmp_path / "log").read_text()
