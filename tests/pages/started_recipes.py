"""Every recipe started from the Train page, on drawn women in the layout of its data set, with a
tiny network, until an epoch has ended. `python -m tests.pages.started_recipes` does so for all of
them and writes what came of it into docs/recipes.md; the slow tests do it for one of each project.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from streamlit.testing.v1 import AppTest

from mammo_core.datasets.dataset import Registered, get_adapter, register
from mammo_core.errors import MammoError
from mammo_core.files import checkpoints_root, datasets_root
from mammo_core.runs.folder import RunFolder, list_runs
from mammo_core.training.recipes import RECIPES, Manner, Recipe
from mammo_core.types import RunState
from tests.datasets.builders.women import BUILDERS
from tests.pages.conftest import started as started_page
from tests.pages.training_pages import wait_until_over

APP: Final = Path(__file__).resolve().parents[2] / "streamlit_app.py"
DOCUMENT: Final = APP.parent / "docs" / "recipes.md"
BEGIN: Final = "<!-- begin: written by python -m tests.pages.started_recipes -->"
END: Final = "<!-- end -->"


def register_layout(adapter: str, folder: Path) -> Registered:
    if not folder.exists():
        BUILDERS[adapter](folder)
    rule = get_adapter(adapter).label_rules[0].name
    entry = Registered(name=adapter, folder=str(folder), adapter=adapter, label_rule=rule)
    register(datasets_root(), entry)
    return entry


def start_from_page(page: AppTest, recipe: Recipe, entry: Registered) -> RunFolder:
    """Choose what a visitor would choose, and press the button; the run that was started."""
    page.selectbox(key="train_project").set_value(recipe.project).run()
    page.selectbox(key="train_recipe").set_value(recipe.name).run()
    page.selectbox(key="train_data").set_value(entry.name).run()
    # A tiny network that is offered; one with residual blocks where some are to be left out.
    name = "resnet18" if recipe.model.drop_path else "light_cnn"
    key = recipe.name
    if not recipe.continues:
        page.selectbox(key=f"train_backbone_{key}").set_value(name).run()
        page.selectbox(key=f"train_weights_{key}_{name}").set_value("random").run()
    else:
        page.selectbox(key=f"train_backbone_{key}").set_value("light_cnn").run()
        options = page.selectbox(key=f"train_weights_{key}_light_cnn").options
        page.selectbox(key=f"train_weights_{key}_light_cnn").select_index(len(options) - 1).run()
    for side in ("height", "width"):
        page.number_input(key=f"train_{side}_{key}_{name}").set_value(64)
    page.number_input(key=f"train_epochs_{key}").set_value(1)
    page.number_input(key=f"train_batch_{key}").set_value(8)
    if recipe.optim.trained == "last_layers":
        page.number_input(key=f"train_layers_{key}").set_value(3)
    page.run()
    for box in page.checkbox:
        if box.key and box.key.startswith(("train_unaudited_", "train_leak_")):
            box.check()
    page.run()
    before = {run.run_id for run in list_runs(checkpoints_root())}
    page.button(key="train_start").click().run()
    assert not page.exception, page.exception
    started = [run for run in list_runs(checkpoints_root()) if run.run_id not in before]
    assert len(started) == 1, [element.value for element in (*page.error, *page.caption)]
    return started[0]


def open_train() -> AppTest:
    return started_page("train")


def finishes_an_epoch(recipe: Recipe, entry: Registered) -> bool:
    run = start_from_page(open_train(), recipe, entry)
    wait_until_over(run)
    metrics = run.read_metrics()
    is_over = run.read_status().state is RunState.FINISHED
    return is_over and not metrics.empty and run.is_checkpoint


def _row(recipe: Recipe, entry: Registered) -> str:
    try:
        told = "✓" if finishes_an_epoch(recipe, entry) else "no: it did not finish"
    except (AssertionError, MammoError) as error:
        told = f"no: {str(error)[:80]}"
    sys.stderr.write(f"{recipe.name}: {told}\n")
    return f"| {recipe.project} | {recipe.name} | {recipe.kind} | {entry.adapter} | {told} |"


def main() -> None:
    """Minutes: a process for every recipe."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        os.environ["MAMMO_HOME"] = str(place / "home")
        os.environ["MAMMO_CHECKPOINTS"] = str(place / "runs")
        (place / "runs").mkdir()
        wanted = [recipe for recipe in RECIPES if recipe.kind is not Manner.OWN]
        wanted.sort(key=lambda recipe: bool(recipe.continues))  # last: they need another's run
        rows = {}
        for recipe in wanted:
            adapter = recipe.datasets[0]
            rows[recipe.name] = _row(recipe, register_layout(adapter, place / adapter))
    head = ("| project | recipe | kind | layout | an epoch |", "|---|---|---|---|---|")
    listed = [rows[recipe.name] for recipe in RECIPES if recipe.name in rows]
    text = DOCUMENT.read_text(encoding="utf-8")
    start, stop = text.index(BEGIN) + len(BEGIN), text.index(END)
    table = "\n".join((*head, *listed))
    DOCUMENT.write_text(f"{text[:start]}\n{table}\n{text[stop:]}", encoding="utf-8")


if __name__ == "__main__":
    main()
