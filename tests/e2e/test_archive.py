"""From the archive to four panes with a score, and the results back, in a real browser."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pydicom
import pytest
from playwright.sync_api import Browser, Page, expect
from pydicom.uid import generate_uid

from mammo_core.archive.listed import Archive, add_archive
from tests.archive.orthanc import (
    EXAM,
    PASSWORD,
    VARIABLE,
    Orthanc,
    require_programs,
    running_orthanc,
)
from tests.archive.stub import answering, image, serving, slowly, study
from tests.archive.studies import MadeUp, write_study
from tests.e2e.server import ROOT, Server, running_server

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
SLOW = 120_000  # milliseconds


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Orthanc]:
    require_programs()
    with running_orthanc(tmp_path / "orthanc") as orthanc:
        yield orthanc


@pytest.fixture
def server(tmp_path: Path, archive: Orthanc) -> Iterator[Server]:
    """The app of somebody who has listed that archive."""
    home = tmp_path / "home"
    add_archive(home / "archives.json", archive.archive)
    settings = {
        "MAMMO_HOME": str(home),
        "MAMMO_CHECKPOINTS": str(tmp_path / "checkpoints"),
        VARIABLE: PASSWORD,
    }
    with running_server(ROOT / "served.py", tmp_path / "app.log", settings) as running:
        yield running


@pytest.fixture
def tab(browser: Browser, server: Server) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.goto(server.url)
    yield page
    context.close()


def search(tab: Page, *rows: int) -> None:
    """Search for all mammographies, and tick rows of the table."""
    tab.get_by_role("button", name="From the archive").click(timeout=SLOW)
    tab.get_by_role("button", name="Search", exact=True).click()
    expect(tab.get_by_text("Tick one study")).to_be_visible(timeout=SLOW)
    tab.wait_for_timeout(1000)
    box = tab.get_by_test_id("stDialog").get_by_test_id("stDataFrame").bounding_box()
    assert box is not None
    for row in rows:
        tab.mouse.click(box["x"] + 16, box["y"] + 35 * (row + 1) + 18)
        tab.wait_for_timeout(800)


def test_an_exam_is_opened_from_the_archive_and_its_results_are_sent_home(
    tab: Page, archive: Orthanc
) -> None:
    archive.push(*EXAM)
    search(tab, 0)
    tab.get_by_role("button", name="Open the study").click()
    expect(tab.get_by_role("button", name="Send to archive")).to_be_visible(timeout=SLOW)
    expect(tab.locator(".pane")).to_have_count(4)
    expect(tab.get_by_text(re.compile("Score 0.99")).first).to_be_visible()
    assert "S001" not in tab.content()
    tab.get_by_role("button", name="Send to archive").click()
    expect(tab.get_by_text("1 structured report, 4 pictures")).to_be_visible()
    tab.get_by_role("button", name="Send", exact=True).click()
    expect(tab.get_by_text("Sent, and the archive says that it keeps them.")).to_be_visible(
        timeout=SLOW
    )
    assert len(archive.instances()) == 4 + 5


def test_a_study_that_takes_too_long_is_cancelled_and_nothing_of_it_is_kept(
    browser: Browser, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    settings = {"MAMMO_HOME": str(home), "MAMMO_CHECKPOINTS": str(tmp_path / "checkpoints")}
    answers = {
        "/studies": answering([study()]),
        "/instances": answering([image(1)]),
        "/instances/1.2.3.4.1.1": slowly(bytes(2**24), seconds=600),
    }
    with serving(answers) as stub:
        add_archive(home / "archives.json", Archive(name="slow", dicomweb=stub.url))
        with running_server(ROOT / "served.py", tmp_path / "app.log", settings) as running:
            context = browser.new_context(viewport={"width": 1400, "height": 900})
            tab = context.new_page()
            tab.goto(running.url)
            search(tab, 0)
            before = kept_cases(home)
            tab.get_by_role("button", name="Open the study").click()
            expect(tab.get_by_text("Fetching 1 of 1")).to_be_visible(timeout=SLOW)
            tab.get_by_role("button", name="Cancel").click()
            expect(tab.get_by_text("Fetching 1 of 1")).to_be_hidden(timeout=SLOW)
            expect(tab.get_by_role("button", name="Open the study")).to_be_enabled()
            assert "case=" not in tab.url
            expect(tab.get_by_text("Nothing of the study was kept")).to_be_visible()
            assert kept_cases(home) == before
            context.close()


def kept_cases(home: Path) -> set[str]:
    """The example that every visitor sees is one of them."""
    return {path.name for path in (home / "cases").iterdir()}


def test_a_prior_hangs_beside_and_one_key_switches(
    tab: Page, archive: Orthanc, tmp_path: Path
) -> None:
    for number, day in enumerate(["20240102", "20230102"], start=1):
        made = MadeUp(number=number, patient="W1", day=day, side=512)
        archive.push(*write_study(made, tmp_path / "files"))
    search(tab, 0)
    tab.get_by_role("button", name="Open the study").click()
    tab.get_by_role("button", name="12 months before").click(timeout=SLOW)
    expect(tab.get_by_text("Current study left, prior of 12 months before right.")).to_be_visible(
        timeout=SLOW
    )
    expect(tab.locator(".pane")).to_have_count(8)
    tab.keyboard.press("p")
    expect(tab.get_by_text("The prior study of 12 months before alone.")).to_be_visible()
    expect(tab.locator(".pane")).to_have_count(4)


def test_a_work_list_goes_on_without_the_page_and_is_sent_home(
    tab: Page, archive: Orthanc, server: Server, tmp_path: Path
) -> None:
    archive.push(*EXAM, *another_study(EXAM, tmp_path))
    search(tab, 0, 1)
    tab.get_by_role("button", name="Score 2 studies as a work list").click()
    expect(tab.get_by_text(re.compile("From here, "))).to_be_visible(timeout=SLOW)
    address = tab.url
    tab.goto("about:blank")
    tab.wait_for_timeout(1000)
    tab.goto(address)
    # In a new home the network is converted first, on busy cores for minutes.
    expect(tab.get_by_text("2 of 2 studies scored").first).to_be_visible(timeout=3 * SLOW)
    tab.get_by_role("button", name="Send all to archive").click(timeout=SLOW)
    expect(tab.get_by_text("Of 2 cases, to archive “here”")).to_be_visible(timeout=SLOW)
    tab.get_by_role("button", name="Send them").click()
    expect(tab.get_by_role("button", name="Send all to archive")).to_be_hidden(timeout=SLOW)
    wait_until(lambda: len(archive.instances()) >= 2 * (4 + 5))
    assert len(archive.instances()) == 2 * (4 + 5)


def another_study(files: Sequence[Path], folder: Path) -> list[Path]:
    """The same images once more, as another study of the woman."""
    study, series = generate_uid(), generate_uid()
    written = []
    for number, file in enumerate(files):
        image = pydicom.dcmread(file)
        image.StudyInstanceUID, image.SeriesInstanceUID = study, series
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        written.append(folder / f"again_{number}.dcm")
        image.save_as(written[-1])
    return written


def wait_until(is_so: Callable[[], bool], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.5)
