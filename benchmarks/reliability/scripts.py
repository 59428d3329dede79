"""Scripts in every text that a page shows, in a real browser: none may run or reach a host."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import quote

from playwright.sync_api import Page, sync_playwright

from benchmarks.reliability.campaign import CannotRunError, Counted
from benchmarks.reliability.names import SCRIPTS
from benchmarks.reliability.people import RUN, log_problems
from launcher.browser import find_browser
from mammo_core.datasets.dataset import Registered, register
from mammo_core.datasets.predictions import write_predictions
from mammo_core.runs.card import write_card
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.naming import About, write_about
from tests.e2e.server import ROOT, running_server, strangers
from tests.predictions import made_up_card, made_up_predictions, write_run

_FLAGS: Final = ("--no-sandbox", "--disable-gpu")
_SECONDS: Final = 60_000
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


def plant(home: Path, script: str) -> list[str]:
    """A run, its card and scores, a data set and a table, all of whose texts are the script; the
    addresses at which they are shown.
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
    return [
        f"thresholds?run={RUN}",
        f"compare?models={RUN}",
        f"train?run={RUN}&train_show=Runs",
        f"data?data={quoted}",
        f"?case={quoted}&list={quoted}&model={quoted}",
        f"thresholds?run={quoted}&threshold={quoted}&upload={quoted}",
        f"train?train_recipe={quoted}&train_data={quoted}&run={quoted}",
    ]


@contextmanager
def _tab() -> Iterator[tuple[Page, list[str]]]:
    path = find_browser()
    if path is None:
        raise CannotRunError("there is no browser.")
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        context = browser.new_context(service_workers="block")
        context.on("request", lambda request: asked.append(request.url))
        context.add_init_script(_WITNESS)
        yield context.new_page(), asked
        browser.close()


def scripts(size: int, scratch: Path) -> Counted:
    """`size` of the scripts, each on every page."""
    home = scratch / "home"
    chosen = SCRIPTS[:: max(1, len(SCRIPTS) // size)][:size]
    settings = {
        "MAMMO_HOME": str(home),
        "MAMMO_CHECKPOINTS": str(home / "checkpoints"),
        "OMP_NUM_THREADS": "1",
    }
    home.mkdir(parents=True)
    failures, shown, looked = [], 0, 0
    log = scratch / "log"
    with running_server(ROOT / "served.py", log, settings) as server, _tab() as (page, asked):
        for script in chosen:
            for address in plant(home, script):
                page.goto(f"{server.url}/{address}", timeout=_SECONDS)
                ran, text = _what_ran(page)
                looked += 1
                shown += script[:20] in text
                failures += [f"{script[:60]!a} on {address[:20]}: {one}" for one in ran]
        page.evaluate("document.title = 'hacked'")
        if not page.evaluate("window.__ran.length"):
            failures.append("what runs is not noticed: nothing was tried")
        reached = strangers(asked)
        failures += [f"a page asked {host}" for host in sorted(reached)]
        failures += log_problems(log)
    if not shown:
        failures.append("no page showed any of the scripts as text: nothing was tried")
    return Counted(
        size=len(chosen),
        figures=(
            f"{len(chosen)} scripts as title, card, notes, tags, scores, data set and in the "
            f"address, {looked} pages looked at in a browser, {shown} of which showed the script "
            f"as text: {len(failures)} ran or reached another host.",
        ),
        failures=tuple(failures),
    )


def _what_ran(page: Page) -> tuple[list[str], str]:
    page.get_by_test_id("stApp").wait_for(timeout=_SECONDS)
    page.wait_for_function(
        "() => { const app = document.querySelector('[data-testid=stApp]');"
        " return app.dataset.testScriptState === 'notRunning'; }",
        timeout=_SECONDS,
    )
    page.wait_for_timeout(_QUIET)
    ran: list[str] = page.evaluate("window.__ran")
    return ran, str(page.evaluate("document.body.innerText"))
