"""Exports made by a process of their own: what becomes of one is a file or a sentence."""

import io
import os
import re
import signal
import sys
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from mammo_core.errors import MammoError
from mammo_core.preprocessing.reading.limits import EXPORTS_AT_ONCE, EXPORTS_WAITING
from mammo_core.reports.case.apart import (
    _PLACES,
    Export,
    WantedExport,
    make_apart,
    make_export,
)
from mammo_core.reports.case.picture import Appearance
from mammo_core.reports.case.record import ReadCase
from mammo_core.types import Box
from tests.quick import some_slow
from tests.reports.read_cases import outside_case, read_case, unread
from tests.reports.test_case_dicom import originals

WHOLE = read_case()
REGION = replace(WHOLE.images[0].regions[0], box=Box(x0=2.0, y0=4.0, x1=6.0, y1=12.0))
WHOLE = replace(WHOLE, images=(replace(WHOLE.images[0], regions=(REGION,)), WHOLE.images[1]))
LOOK = Appearance(palette="viridis", opacity=0.3, window="Dark")


def wanted(export: Export, case: ReadCase = WHOLE) -> WantedExport:
    named = originals(case) if export is Export.IDENTIFIED else {}
    return WantedExport(export=export, case=case, look=LOOK, key="ab" * 32, originals=named)


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", f"import os, sys, time\n{code}")


def told_by(content: bytes, export: Export) -> dict[str, object]:
    """By file, but for when highdicom made a data set."""
    if export is Export.PAGE:
        return {"page": content}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: _timeless(name, archive.read(name)) for name in archive.namelist()}


def _timeless(name: str, content: bytes) -> object:
    if not name.endswith(".dcm"):
        return content
    dataset = pydicom.dcmread(io.BytesIO(content))
    said = re.sub(r".*(Creation|Contribution) (Date|Time|DateTime).*", "", str(dataset))
    return said, dataset.get("PixelData")


FORMS = [Export.EVERYTHING, Export.PAGE, Export.PICTURES, Export.DICOM, Export.IDENTIFIED]


@pytest.mark.parametrize("export", some_slow(FORMS, quick=1))
def test_what_is_made_apart_is_what_is_made_here(export: Export) -> None:
    apart, here = make_apart(wanted(export)), make_export(wanted(export))
    assert told_by(apart, export) == told_by(here, export)
    assert len(here) > 1000


@pytest.mark.slow
def test_a_case_that_was_read_in_part_comes_out_the_same_too() -> None:
    """With a threshold, a stamp, and an image that has no score."""
    first, second = outside_case().images
    images = (replace(first, regions=(REGION,)), unread(second))
    asked = wanted(Export.EVERYTHING, replace(outside_case(), images=images))
    apart, here = make_apart(asked), make_export(asked)
    assert told_by(apart, Export.EVERYTHING) == told_by(here, Export.EVERYTHING)


def test_another_process_makes_it_which_knows_nothing_of_pages_or_passwords(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORTHANC_PASSWORD", "only-for-the-archive")
    seen = tmp_path / "seen"
    spied = python(
        "from mammo_core.reports.case.apart import main\n"
        "status = main()\n"
        "told = [os.getpid(), 'streamlit' in sys.modules, 'ORTHANC_PASSWORD' in os.environ]\n"
        f"open({str(seen)!r}, 'w').write(' '.join(map(str, told)))\n"
        "sys.exit(status)"
    )
    assert make_apart(wanted(Export.PAGE), command=spied).startswith(b"<!")
    process, has_pages, has_password = seen.read_text().split()
    assert (has_pages, has_password) == ("False", "False")
    assert int(process) != os.getpid()


def test_what_cannot_be_made_is_the_sentence_that_it_would_be_here() -> None:
    asked = replace(wanted(Export.IDENTIFIED), originals={})
    with pytest.raises(MammoError) as here:
        make_export(asked)
    with pytest.raises(MammoError) as apart:
        make_apart(asked)
    assert str(apart.value) == str(here.value)
    assert "came without their original file" in str(here.value)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_one_whose_process_is_killed_is_a_sentence() -> None:
    """Before it was told anything, and in the middle of its answer."""
    kill = f"os.kill(os.getpid(), {int(signal.SIGKILL)})"
    half = "sys.stdin.buffer.read(); os.write(1, b'half a file');"
    for code in (kill, half + kill):
        with pytest.raises(
            MammoError, match=r"was stopped \(signal 9\), probably for lack of memory"
        ):
            make_apart(wanted(Export.PAGE), command=python(code))


def test_one_that_breaks_or_takes_too_long_is_a_sentence() -> None:
    with pytest.raises(MammoError, match="ended with exit status 1"):
        make_apart(wanted(Export.PAGE), command=python("sys.exit(1)"))
    with pytest.raises(MammoError, match=r"more than 1 seconds and was stopped\. Try again"):
        make_apart(wanted(Export.PAGE), command=python("time.sleep(60)"), seconds=1)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is watched from outside")
def test_one_that_needs_too_much_memory_is_a_sentence() -> None:
    """A picture of 8,000 x 8,000 takes some 1.5 GB on the way; of that it is given no half."""
    first = WHOLE.images[0]
    large = replace(first, pixels=np.zeros((8000, 8000), dtype=np.uint16), heat=None)
    asked = wanted(Export.PICTURES, replace(WHOLE, images=(large,)))
    narrow = python(
        "import resource\n"
        "from mammo_core.reports.case.apart import main\n"
        "taken = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "sys.exit(main(most_bytes=taken + 3 * 2**27))"
    )
    with pytest.raises(MammoError, match="GB of memory and was stopped"):
        make_apart(asked, command=narrow)


def test_who_has_waited_too_long_for_others_and_who_finds_too_many_waiting_is_told_so(
    tmp_path: Path,
) -> None:
    begun, end = tmp_path / "begun", tmp_path / "end"
    begun.mkdir()
    busy = python(
        f"open(os.path.join({str(begun)!r}, str(os.getpid())), 'w').close()\n"
        f"while not os.path.exists({str(end)!r}): time.sleep(0.05)"
    )
    with ThreadPoolExecutor(EXPORTS_AT_ONCE + EXPORTS_WAITING) as pool:
        first = [
            pool.submit(make_apart, wanted(Export.PAGE), command=busy)
            for _ in range(EXPORTS_AT_ONCE)
        ]
        _wait_until(lambda: len(list(begun.iterdir())) == EXPORTS_AT_ONCE)
        with pytest.raises(MammoError, match="Two other exports are still being made"):
            make_apart(wanted(Export.PAGE), command=busy, turn_seconds=0.1)
        more = [
            pool.submit(make_apart, wanted(Export.PAGE), command=busy)
            for _ in range(EXPORTS_WAITING)
        ]
        _wait_until(lambda: not _PLACES._value)
        with pytest.raises(MammoError, match="Several other exports are waiting already"):
            make_apart(wanted(Export.PAGE), command=busy)
        end.touch()
        assert [one.result() for one in (*first, *more)] == [b""] * (
            EXPORTS_AT_ONCE + EXPORTS_WAITING
        )


def _wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_of_many_that_are_asked_for_at_once_two_are_made_at_a_time(tmp_path: Path) -> None:
    code = (
        f"begun, mine = time.time(), os.path.join({str(tmp_path)!r}, str(os.getpid()))\n"
        "open(mine + '.begun', 'w').close()\n"
        f"while sum('.' in one for one in os.listdir({str(tmp_path)!r})) < 2: time.sleep(0.02)\n"
        "open(mine, 'w').write(f'{begun} {time.time()}')"
    )
    with ThreadPoolExecutor(5) as pool:
        made = pool.map(lambda _: make_apart(wanted(Export.PAGE), command=python(code)), range(5))
        assert list(made) == [b""] * 5
    spans = [
        tuple(map(float, one.read_text().split())) for one in tmp_path.iterdir() if not one.suffix
    ]
    at_once = [sum(start <= begun < end for start, end in spans) for begun, _ in spans]
    assert len(spans) == 5
    assert max(at_once) == EXPORTS_AT_ONCE == 2
