"""Scripts in every text that a page shows, in a real browser: none may run or reach a host."""

import csv
import io
import json
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import quote

from playwright.sync_api import Browser, FilePayload, Page, sync_playwright

from benchmarks.reliability.campaign import CannotRunError, Counted
from benchmarks.reliability.identity import breast
from benchmarks.reliability.names import SCRIPTS, page_of, report_of
from benchmarks.reliability.people import RUN, log_problems
from launcher.browser import find_browser
from mammo_core.datasets.dataset import Registered, register
from mammo_core.datasets.predictions import write_predictions
from mammo_core.preprocessing.cases import store_case
from mammo_core.preprocessing.reading.read import keep_mammogram
from mammo_core.runs.card import write_card
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.kept_tables import keep_table
from mammo_core.runs.naming import About, write_about
from mammo_core.runs.reader_study import ReadingStudy, StudyCase, create_study
from tests.e2e.server import ROOT, running_server, strangers
from tests.predictions import made_up_card, made_up_predictions, write_run
from tests.preprocessing.dicom_files import mammogram_file

_FLAGS: Final = ("--no-sandbox", "--disable-gpu")
_SECONDS: Final = 180_000  # a model may have to be converted first, and others use the cores
_QUIET: Final = 1500  # milliseconds in which what was drawn may still run
#: Whatever runs says so: the page's own alert, and the title that all the scripts set.
_WITNESS: Final = """
window.__ran = [];
for (const name of ['alert', 'confirm', 'prompt', 'open'])
  window[name] = (...given) => { window.__ran.push(name + ': ' + given); };
Object.defineProperty(document, 'title', {
  set(value) { if (/hacked|^1$/.test(value)) window.__ran.push('title: ' + value); },
  get() { return 'watched'; },
});
"""


#: Of the page, and of the viewers and lists in it, which have trees of their own.
_TEXT: Final = """() => {
  const of = (root) => [...root.querySelectorAll('*')]
    .map((one) => (one.shadowRoot ? of(one.shadowRoot) : ''))
    .concat([...(root.body ? [root.body] : root.children)]
      .filter((one) => !['STYLE', 'SCRIPT'].includes(one.tagName))
      .map((one) => one.innerText ?? one.textContent))
    .join(' ');
  return of(document);
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where a script is looked for. `is_shown`: some script must be seen there as text, or else
    nothing was tried.
    """

    name: str
    address: str
    is_shown: bool = True


def plant(home: Path, script: str) -> list[Spot]:
    """A run, its card and scores, a data set, an uploaded table and a reader study, all of whose
    texts are the script; where they are shown.
    """
    checkpoints = home / "checkpoints"
    table = made_up_predictions(women=40, with_cancer=20, skill=2.0, model_id=RUN, dataset=script)
    table["site"] = script
    table["image_id"] = [f"{script} {number}" for number in range(len(table))]
    if not (checkpoints / RUN).exists():
        write_run(checkpoints, RUN, table)
    run = RunFolder(checkpoints / RUN)
    write_predictions(table, run.predictions_file)
    card = made_up_card(RUN)
    document = {"title": script, "limits": (script,)}
    data = {"title": script, "licence": script, "reference_standard": script, "dataset": script}
    write_card(replace(card, **document, data=replace(card.data, **data)), run.card_file)  # type: ignore[arg-type]
    write_about(run, About(title=script[:80], notes=script, tags=(script,)))
    folder = home / "set"
    folder.mkdir(exist_ok=True)
    rows = f"image_id,path,label,site\n{json.dumps(script)},a.png,{json.dumps(script)},x\n"
    (folder / "manifest.csv").write_text(rows)
    datasets = home / "datasets"
    for old in datasets.glob("*.json"):
        old.unlink()
    register(
        datasets,
        Registered(name=script, folder=str(folder), adapter="csv_folder", label_rule="as-written"),
    )
    quoted = quote(script, safe="")
    table_id, study_id = _kept_table(home, script), _made_study(home, script)
    return [
        Spot(name="a run on Thresholds", address=f"thresholds?run={RUN}"),
        Spot(name="a run on Compare", address=f"compare?models={RUN}"),
        Spot(name="a run on Train", address=f"train?run={RUN}&train_show=Runs"),
        Spot(name="a data set", address=f"data?data={quoted}"),
        Spot(name="an uploaded table", address=f"thresholds?table={table_id}"),
        Spot(name="a reader study", address=f"?study={study_id}"),
        Spot(
            name="a case of a reader study",
            address=f"?study={study_id}&reader={quote(script[:20], safe='')}",
        ),
        Spot(
            name="the address of Read",
            address=f"?case={quoted}&list={quoted}&model={quoted}&study={quoted}",
            is_shown=False,
        ),
        Spot(
            name="the address of Thresholds",
            address=f"thresholds?run={quoted}&threshold={quoted}&table={quoted}",
            is_shown=False,
        ),
        Spot(
            name="the address of Train",
            address=f"train?train_recipe={quoted}&train_data={quoted}&run={quoted}",
            is_shown=False,
        ),
    ]


def _kept_table(home: Path, script: str) -> str:
    """What its labels mean is not clear, so that they are asked about."""
    cells = io.StringIO()
    rows = csv.writer(cells)
    rows.writerow(["image_id", "label", "score", script])
    rows.writerows(
        [f"{script} {number}", script if number % 2 else "other", number / 8, script]
        for number in range(8)
    )
    return keep_table(home / "tables", cells.getvalue().encode())


def _made_study(home: Path, script: str) -> str:
    case = store_case([case_file(script)], home / "cases", keep=keep_mammogram, now=time.time())
    study = ReadingStudy(
        title=script,
        cases=(StudyCase(case_id=case.case_id, name=script),),
        checkpoint=RUN,
        seed=1,
        created_at="2026-01-01T00:00:00Z",
    )
    return create_study(home / "studies", study)


def case_file(script: str) -> bytes:
    """A mammogram that says neither side nor view, so that it is called by its file's name."""
    text = script[:64]
    return mammogram_file(
        breast(len(script)),
        PatientName=text,
        PatientID=text,
        SeriesDescription=text,
        StudyDescription=text,
        Manufacturer=text,
        WindowCenterWidthExplanation=text,
        ImageComments=script,
    )


@contextmanager
def tab() -> Iterator[tuple[Page, list[str]]]:
    path = find_browser()
    if path is None:
        raise CannotRunError("there is no browser.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        yield tab_of(browser)
        browser.close()


def tab_of(browser: Browser) -> tuple[Page, list[str]]:
    """A tab with a witness of what runs in it, and the addresses it asks for."""
    asked: list[str] = []
    context = browser.new_context(service_workers="block")
    context.on("request", lambda request: asked.append(request.url))
    context.add_init_script(_WITNESS)
    return context.new_page(), asked


def scripts(size: int, scratch: Path) -> Counted:
    """`size` of the scripts, each in every place."""
    chosen = SCRIPTS[:: max(1, len(SCRIPTS) // size)][:size]
    (scratch / "home").mkdir(parents=True)
    looks = Sightings()
    logs = [scratch / "log", scratch / "shared-log"]
    with tab() as (page, asked):
        with running_server(ROOT / "served.py", logs[0], _settings(scratch / "home")) as server:
            for script in chosen:
                for place in plant(scratch / "home", script):
                    page.goto(f"{server.url}/{place.address}", timeout=_SECONDS)
                    _wait_for_app(page)
                    looks.look(page, place, script)
                page.goto(server.url, timeout=_SECONDS)
                _open_case(page, script)
                looks.look(page, Spot(name="an opened case", address=""), script)
        for script in chosen:
            for place in exported(scratch, script):
                page.goto(place.address, timeout=_SECONDS)
                looks.look(page, place, script)
        shared = {**_settings(scratch / "shared"), "MAMMO_SHARED": "yes"}
        with running_server(ROOT / "served.py", logs[1], shared) as server:
            for script in chosen:
                quoted = quote(script, safe="")
                page.goto(f"{server.url}/login?next={quoted}&over={quoted}", timeout=_SECONDS)
                looks.look(page, Spot(name="sign in", address="", is_shown=False), script)
        failures = [*looks.ran, *unseen(looks.shown, looks.places)]
        page.evaluate("document.title = 'hacked'")
        if not page.evaluate("window.__ran.length"):
            failures.append("what runs is not noticed: nothing was tried")
    failures += [f"a page asked {host}" for host in sorted(strangers(asked))]
    failures += log_problems(*logs)
    return Counted(
        size=len(chosen),
        figures=(
            f"{len(chosen)} scripts in {len(looks.places)} places ({', '.join(looks.places)}), "
            f"{looks.count} pages looked at in a browser, {looks.shown.total()} of which showed "
            f"the script as text: {len(failures)} ran, reached another host or were not shown "
            "where they should be.",
        ),
        failures=tuple(failures),
    )


def _settings(home: Path) -> Mapping[str, str]:
    return {
        "MAMMO_HOME": str(home),
        "MAMMO_CHECKPOINTS": str(home / "checkpoints"),
        "OMP_NUM_THREADS": "1",
    }


class Sightings:
    """What was seen in the places that were looked at."""

    def __init__(self) -> None:
        self.count = 0
        self.ran: list[str] = []
        self.shown: Counter[str] = Counter()
        self.places: dict[str, Spot] = {}

    def look(self, page: Page, place: Spot, script: str) -> None:
        ran, text = what_ran(page)
        self.count += 1
        self.places[place.name] = place
        self.shown[place.name] += script[:20] in text
        self.ran += [f"{script[:60]!a}, {place.name}: {one}" for one in ran]


def unseen(shown: Counter[str], places: Mapping[str, Spot]) -> list[str]:
    """Places that showed no script: there, nothing was tried."""
    return [
        f"{name} showed none of the scripts as text: nothing was tried there"
        for name, place in places.items()
        if place.is_shown and not shown[name]
    ]


def exported(folder: Path, script: str) -> Sequence[Spot]:
    """What leaves the program to be opened in a browser, all of whose texts are the script."""
    places = []
    for name, content in (
        ("the page of a case", page_of(script)),
        ("a report", report_of(script)),
    ):
        file = folder / f"{name.replace(' ', '-')}.html"
        file.write_text(content, encoding="utf-8")
        places.append(Spot(name=name, address=file.as_uri()))
    return places


def _open_case(page: Page, script: str) -> None:
    """Dropped on the page, under the script as its name."""
    _wait_for_app(page)
    dropped: FilePayload = {
        "name": script.replace("/", "\N{FRACTION SLASH}"),
        "mimeType": "application/dicom",
        "buffer": case_file(script),
    }
    page.locator("input[type=file]").first.set_input_files(dropped)
    page.wait_for_url(re.compile("case="), timeout=_SECONDS)
    _wait_for_app(page)


def _wait_for_app(page: Page) -> None:
    page.get_by_test_id("stApp").wait_for(timeout=_SECONDS)
    page.wait_for_function(
        "() => { const app = document.querySelector('[data-testid=stApp]');"
        " return app.dataset.testScriptState === 'notRunning'; }",
        timeout=_SECONDS,
    )


def what_ran(page: Page) -> tuple[list[str], str]:
    """And the text of the page."""
    page.wait_for_timeout(_QUIET)
    ran: list[str] = page.evaluate("window.__ran")
    return ran, str(page.evaluate(_TEXT))
