"""Train: start, reload, stop, resume and finish a run; find one whose worker was killed."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import psutil
import pytest
from playwright.sync_api import Locator, Page, expect

from mammo_core.datasets.dataset import Registered, register
from mammo_core.preprocessing.phantoms.women import write_phantom_set
from mammo_core.runs.folder import LOST_AFTER_SECONDS, RunFolder, list_runs
from mammo_core.runs.naming import read_about
from tests.e2e.server import ROOT, Server
from tests.predictions import made_up_predictions, write_run

pytestmark = pytest.mark.e2e
SLOW = 120_000
WOMEN = 24
MANY = 60  # several processes draw them


@pytest.fixture(scope="session")
def phantoms(home: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a registered set of tiny images."""
    folder = tmp_path_factory.mktemp("phantoms")
    write_phantom_set(folder, women=WOMEN, seed=0, size=(256, 128))
    entry = Registered(
        name="Tiny phantoms", folder=str(folder), adapter="phantom_set", label_rule="lesion"
    )
    register(home / "datasets", entry)
    return entry.name


def open_train(page: Page, app: Server, data_set: str) -> None:
    page.goto(f"{app.url}/train?{urlencode({'train_data': data_set})}")
    expect(page.get_by_role("combobox", name="Data set")).to_have_value(data_set, timeout=SLOW)


def make_phantoms(page: Page, number: int = WOMEN) -> None:
    """A synthetic set, made through the page and chosen there."""
    women = page.get_by_label("Synthetic women", exact=True)
    expect(women).to_be_attached(timeout=SLOW)
    if not women.is_visible():  # folded away where other tests left data sets
        page.get_by_text("Add a data set").click()
    women.fill(str(number))
    page.get_by_role("button", name="Make synthetic set").click()
    data_set = page.get_by_role("combobox", name="Data set")
    expect(data_set).to_have_value(f"Synthetic, {number} women", timeout=SLOW)


def unfold(page: Page, title: str) -> None:
    """What is folded below Start, where it is not open already."""
    fold = page.locator("details").filter(has=page.locator("summary", has_text=title)).first
    expect(fold).to_be_attached(timeout=SLOW)
    if fold.get_attribute("open") is None:
        fold.locator("summary").first.click()


def start(page: Page, *, epochs: int) -> None:
    unfold(page, "Training")
    field = page.get_by_label("Epochs", exact=True)
    field.fill(str(epochs), timeout=SLOW)
    field.press("Enter")
    wait_until_drawn(page)
    page.get_by_role("button", name="Start training").click()
    state = page.get_by_test_id("stProgress").get_by_text(re.compile("running|waiting for its"))
    expect(state).to_be_visible(timeout=SLOW)


def wait_until_drawn(page: Page) -> None:
    """What was typed has reached the server, and the page has answered it."""
    page.wait_for_timeout(500)
    drawn = page.locator("[data-testid=stApp][data-test-script-state=notRunning]")
    expect(drawn).to_be_visible(timeout=SLOW)


def newest(checkpoints: Path) -> RunFolder:
    return list_runs(checkpoints)[0]


def wait_for_epoch(run: RunFolder, epoch: int) -> None:
    deadline = time.monotonic() + SLOW / 1000
    while run.read_status().done < epoch:
        assert time.monotonic() < deadline, run.read_log(last_lines=20)
        time.sleep(0.1)


def expect_first_screen(page: Page, measure: Locator) -> None:
    """The three fields, and in one row what measures and, after it, what starts."""
    start_button = page.get_by_role("button", name="Start training")
    fields = [page.get_by_label(name, exact=True).first for name in ("Data set", "Recipe", "Name")]
    for part in (*fields, measure, start_button):
        expect(part).to_be_in_viewport(ratio=1)
    left, right = measure.bounding_box(), start_button.bounding_box()
    assert left is not None
    assert right is not None
    assert left["x"] < right["x"]
    assert abs(left["y"] - right["y"]) < 5


def test_a_run_survives_a_reload_and_becomes_a_model(
    page: Page, app: Server, phantoms: str, checkpoints: Path, take_picture: Callable[[str], None]
) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    open_train(page, app, phantoms)
    wait_until_drawn(page)
    measure = page.get_by_role("button", name="Pre-flight")
    expect_first_screen(page, measure)
    measure.click()
    expect(page.get_by_text("Training takes about")).to_be_in_viewport(timeout=SLOW)
    looks = page.get_by_alt_text("a training image, changed at random")
    expect(looks).to_have_count(8)
    expect(looks.last).to_be_in_viewport()
    expect_first_screen(page, page.get_by_role("button", name="Measure again"))
    take_picture("train-form")
    start(page, epochs=3)
    run = newest(checkpoints)
    page.wait_for_url(re.compile(f"run={run.run_id}"))
    page.reload()
    expect(page.get_by_text("finished, epoch 3 of 3")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("AUC by breast, test")).to_be_visible()
    expect(page.get_by_text("24 test images, worst first")).to_be_visible(timeout=SLOW)
    take_picture("train")

    end = page.url
    for link, address, landmark in (
        ("Read cases with it", f"model={run.run_id}", ".viewer[data-ready=true]"),
        ("Thresholds", f"thresholds.*run={run.run_id}", ".threshold[data-ready=true]"),
        ("Compare with …", "compare.*Beside", ".st-key-beside_model"),
    ):
        expect(page.get_by_role("link", name="Compare with …", exact=True)).to_be_visible()
        page.get_by_role("link", name=link, exact=True).last.click()  # the first is the top bar's
        expect(page.locator(landmark)).to_be_visible(timeout=SLOW)
        expect(page).to_have_url(re.compile(address))
        page.goto(end)


@pytest.mark.slow
def test_many_synthetic_women_are_drawn_from_the_page(page: Page, app: Server) -> None:
    page.goto(f"{app.url}/train")
    make_phantoms(page, MANY)


@pytest.mark.slow
def test_what_was_typed_is_there_after_a_look_at_another_page(
    page: Page, app: Server, phantoms: str
) -> None:
    open_train(page, app, phantoms)
    unfold(page, "Training")
    epochs = page.get_by_label("Epochs", exact=True)
    seed = page.get_by_label("Seed", exact=True)
    for field, value in ((epochs, "77"), (seed, "5")):
        field.fill(value, timeout=SLOW)
        field.press("Enter")
        wait_until_drawn(page)
    for _ in range(2):
        page.get_by_role("link", name="Data", exact=True).click()
        expect(page.get_by_role("heading", name="Data", exact=True)).to_be_visible(timeout=SLOW)
        page.get_by_role("link", name="Train", exact=True).click()
        unfold(page, "Training")
        expect(epochs).to_have_value("77", timeout=SLOW)
        expect(seed).to_have_value("5")
        expect(page.get_by_role("combobox", name="Data set")).to_have_value(phantoms)
    unfold(page, "Recipe")
    page.get_by_role("button", name="Start over").click()
    wait_until_drawn(page)
    unfold(page, "Training")
    expect(epochs).to_have_value("40", timeout=SLOW)
    expect(seed).to_have_value("0")
    epochs.fill("41")
    epochs.press("Enter")
    wait_until_drawn(page)
    page.get_by_role("radio", name="Runs").click()
    expect(epochs).to_have_count(0, timeout=SLOW)
    page.get_by_role("radio", name="New run").click()
    unfold(page, "Training")
    expect(epochs).to_have_value("41", timeout=SLOW)


@pytest.mark.slow
def test_a_stopped_run_is_resumed_and_finishes(
    page: Page, app: Server, phantoms: str, checkpoints: Path
) -> None:
    open_train(page, app, phantoms)
    start(page, epochs=8)
    run = newest(checkpoints)
    wait_for_epoch(run, 1)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text(re.compile("stopped, epoch"))).to_be_visible(timeout=SLOW)
    reached = run.read_status().done
    assert 1 <= reached < 8

    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("finished, epoch 8 of 8")).to_be_visible(timeout=SLOW)
    epochs = run.read_metrics().query("split == 'val'")["epoch"]
    assert epochs.tolist() == list(range(1, 9))


@pytest.mark.slow
def test_a_run_whose_worker_was_killed_is_lost_and_can_be_resumed(
    page: Page, app: Server, phantoms: str, checkpoints: Path
) -> None:
    open_train(page, app, phantoms)
    start(page, epochs=4)
    run = newest(checkpoints)
    wait_for_epoch(run, 1)
    kill_worker(run)
    long_ago = time.time() - 2 * LOST_AFTER_SECONDS  # instead of waiting so long
    os.utime(run.file("heartbeat"), (long_ago, long_ago))
    expect(page.get_by_text(re.compile("lost, epoch [1-3] of 4"))).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("The worker has not been heard of")).to_be_visible()

    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("finished, epoch 4 of 4")).to_be_visible(timeout=SLOW)
    assert run.is_checkpoint


def kill_worker(run: RunFolder) -> None:
    """The process of this very run, found by its folder, as a machine short of memory ends it."""
    (worker,) = (
        process
        for process in psutil.process_iter(["cmdline"])
        if str(run.path.resolve()) in (process.info["cmdline"] or ())
    )
    worker.kill()
    psutil.wait_procs([worker], timeout=SLOW / 1000)


@pytest.mark.slow
@pytest.mark.parametrize("asked", ["cbis-light-done-right", "Light CNN, 1152 x 576, done right"])
def test_a_recipe_of_any_project_is_shareable_by_its_address(
    page: Page, app: Server, phantoms: str, asked: str
) -> None:
    query = urlencode({"train_recipe": asked, "train_data": phantoms})
    page.goto(f"{app.url}/train?{query}")
    recipe = page.get_by_role("combobox", name="Recipe", exact=True)
    expect(recipe).to_have_value("Light CNN, 1152 x 576, done right", timeout=SLOW)
    unfold(page, "Recipe")
    expect(page.get_by_role("combobox", name="Recipes of")).to_have_value(re.compile("CBIS-DDSM"))


@pytest.mark.slow
def test_a_run_is_named_and_started_by_the_keyboard_alone(
    page: Page, app: Server, phantoms: str, checkpoints: Path
) -> None:
    open_train(page, app, phantoms)
    start_button = page.get_by_role("button", name="Start training")
    expect(start_button).to_be_in_viewport(timeout=SLOW)
    for name in ("Data set", "Recipe", "Name"):
        expect(page.get_by_label(name, exact=True).first).to_be_in_viewport()
    before = len(list_runs(checkpoints))
    name = page.get_by_label("Name", exact=True)
    tab_to(page, name)
    page.keyboard.type("By keys")
    page.keyboard.press("Enter")
    wait_until_drawn(page)
    tab_to(page, start_button)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("run="), timeout=SLOW)
    expect(page.get_by_text(re.compile("By keys: (running|waiting)")).first).to_be_visible(
        timeout=SLOW
    )
    runs = list_runs(checkpoints)
    assert len(runs) == before + 1
    runs[0].ask_to_stop()


def tab_to(page: Page, wanted: Locator) -> None:
    for _ in range(60):
        if wanted.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"60 times Tab never came to {wanted}")


@pytest.mark.slow
def test_a_run_of_the_page_and_one_of_a_shell_are_compared_on_the_same_women(
    page: Page, app: Server, phantoms: str, home: Path, checkpoints: Path
) -> None:
    open_train(page, app, phantoms)
    start(page, epochs=1)
    of_page = newest(checkpoints)
    command = ["train", "--recipe", "smoke", "--data", phantoms, "--set", "optim.epochs=1"]
    variables = {"MAMMO_HOME": str(home), "MAMMO_CHECKPOINTS": str(checkpoints)}
    subprocess.run(
        [sys.executable, "-m", "mammo_core.cli", *command, "--set", "seed=1", "--wait"],
        env={**os.environ, **variables}, cwd=ROOT, check=True, timeout=SLOW,
    )  # fmt: skip
    of_shell = newest(checkpoints)
    assert of_page.run_id != of_shell.run_id
    page.goto(f"{app.url}/compare?models={of_page.run_id}&models={of_shell.run_id}")
    expect(page.get_by_text(re.compile("All compared on the same"))).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("different cases")).to_have_count(0)
    for run in (of_page, of_shell):  # ids are for files: a page calls a run by its name
        expect(page.locator(".stMultiSelect").get_by_text(run.run_id)).to_have_count(0)


@pytest.mark.slow
def test_three_runs_are_noted_tagged_and_archived_and_one_goes_on_with_the_epoch_told_once(
    page: Page, app: Server, phantoms: str, checkpoints: Path
) -> None:
    for old in list_runs(checkpoints):  # of other tests; the table draws the rows in sight alone
        shutil.rmtree(old.path)
    for name in ("20260103-000000-tiny_cnn-aaaa", "20260104-000000-tiny_cnn-bbbb"):
        write_run(checkpoints, name, made_up_predictions())
    open_train(page, app, phantoms)
    start(page, epochs=400)
    run = newest(checkpoints)
    wait_for_epoch(run, 2)
    expect(
        page.get_by_text(re.compile(r"epoch \d+ of 400, .+ so far, about .+ left"))
    ).to_be_visible(timeout=SLOW)
    page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="Stop").click()
    expect(page.get_by_text(re.compile("stopped, epoch"))).to_be_visible(timeout=SLOW)
    told = f"{run.read_status().done} of 400"
    expect(page.get_by_text(re.compile(f"stopped, epoch {told}"))).to_be_visible()
    table = page.locator("[data-testid=stDataFrame] table")
    expect(table).to_contain_text(told)
    expect(table).not_to_contain_text("None")

    page.goto(f"{app.url}/train?run=20260103-000000-tiny_cnn-aaaa")
    unfold(page, "Name, notes, tags")
    for field, text in (("Name", "The first"), ("Notes", "by night"), ("Tags, with", "try, odd")):
        page.get_by_label(re.compile(f"^{field}")).last.fill(text)
    page.get_by_role("button", name="Keep").click()
    expect(table).to_contain_text("The first", timeout=SLOW)
    expect(table).to_contain_text("try, odd")
    unfold(page, "Name, notes, tags")
    page.get_by_role("button", name="Archive").click()
    expect(page.get_by_role("button", name="Bring back")).to_be_attached(timeout=SLOW)
    about = read_about(RunFolder(checkpoints / "20260103-000000-tiny_cnn-aaaa"))
    assert (about.notes, about.is_archived) == ("by night", True)
    page.goto(f"{app.url}/train?train_show=Runs")
    expect(table).to_contain_text(told, timeout=SLOW)
    expect(table).not_to_contain_text("The first")
