"""Firefox, from the first visit to a verdict: what Chromium shows is shown there too."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from PIL import Image

from launcher.checks import says_yes
from mammo_core.preprocessing.phantoms.women import write_phantom_set
from tests.e2e.conftest import PICTURES
from tests.e2e.firefox import Tab, find_firefox, running_firefox
from tests.e2e.screens import COPY, MODEL
from tests.e2e.server import Server

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
NO_FIREFOX: Final = (
    "There is no Firefox. Install it (Debian: firefox-esr), or name it: MAMMO_FIREFOX"
)
VIEWER: Final = "find('.viewer[data-ready=true]')"
#: Of the pane: 24 pixels of the canvas around its middle, and what is stored under the pointer.
SEEN: Final = """(() => {
  const canvas = find('.pane.active canvas');
  const [x, y] = [canvas.width >> 1, canvas.height >> 1];
  const { data } = canvas.getContext('2d').getImageData(x - 12, y, 24, 1);
  return [[...Array(24).keys()].map((i) => data[4 * i]), find('.value').textContent];
})()"""


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    program = find_firefox()
    if program is None:
        pytest.skip(NO_FIREFOX)
    with running_firefox(program, tmp_path_factory.mktemp("firefox")) as firefox:
        firefox.resize(1440, 900)
        yield firefox
        if says_yes(os.environ.get("MAMMO_SCREENSHOTS", "")):
            firefox.take_picture(PICTURES / "firefox.png")


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Four views of a woman, named as people name them: L-CC.png ..."""
    folder = tmp_path_factory.mktemp("views")
    write_phantom_set(folder, women=1, seed=7, size=(2048, 1024))
    found = []
    for picture in sorted((folder / "images").rglob("*.png")):
        _, side, view = picture.stem.split("_")
        found.append(Path(shutil.copy(picture, folder / f"{side}-{view}.png")))
    return found


def test_four_named_pictures_hang_right_and_get_heatmap_and_verdict(
    tab: Tab, furnished: Server, views: list[Path]
) -> None:
    tab.goto(f"{furnished.url}/thresholds?run={COPY}&count_split=val&judge=Operating+point")
    tab.click("find('button:enabled', 'Lock 0.')")
    tab.click("find('button:enabled', 'as the operating point')")
    tab.wait_for("Boolean(find('p', 'Locked: 0.'))")
    tab.goto(f"{furnished.url}/?model={COPY}")
    tab.wait_for(f"{VIEWER} && all('.panel .score').length === 3")
    tab.set_files("document.querySelector('input[type=file]')", views)
    tab.wait_for("/case=[0-9a-f]{64}/.test(location.search)")
    tab.wait_for("all('button', 'They are right').length === 1")  # names are a proposal
    names = tab.value("all('.viewer .pane .top .name').map((one) => one.innerText)")
    assert names == ["R CC", "L CC", "R MLO", "L MLO"]
    tab.click("find('button', 'They are right')")
    tab.wait_for("Boolean(find('.panel .headline', 'threshold'))")
    tab.wait_for("all('.panel').length === 1")  # the one before it leaves when all is drawn
    scores = tab.value("all('.panel .score').map((one) => Number(one.innerText))")
    assert len(scores) == 3
    assert all(0 <= score <= 1 for score in scores)

    opacity = f"{VIEWER}.dataset.opacity"
    assert tab.value(opacity) == "0.45"
    tab.click("find('.pane', 'L CC')")
    tab.wait_for("find('.pane.active .name').innerText === 'L CC'", seconds=10)
    tab.press("h")
    tab.wait_for(f"{opacity} === '0.00'")
    tab.press("1")
    tab.wait_for(f"{VIEWER}.dataset.zoom === '100.0' && {VIEWER}.dataset.tiles === 'complete'")
    tab.point_at("find('.pane.active')")
    tab.wait_for("find('.value').textContent.includes('column')")
    greys, told = tab.value(SEEN)
    stored = np.asarray(Image.open(next(one for one in views if one.name == "L-CC.png")))
    place = [
        int(word) for word in told.replace(",", " ").replace(":", " ").split() if word.isdigit()
    ]
    column, row, value = place[-3:]
    assert stored[row, column] == value
    near = [
        stored[row + down, column - 12 + right : column + 12 + right]
        for down in (-1, 0, 1)
        for right in (-1, 0, 1)
    ]  # the pointer may lie on the pixel beside the one in the middle of the canvas
    assert any(is_shown_as_stored(np.array(greys), one) for one in near)


def is_shown_as_stored(greys: np.ndarray, stored: np.ndarray) -> bool:
    """What is stored brighter is shown as bright or brighter, so nothing is blended."""
    in_order = greys[np.argsort(stored, kind="stable")].astype(int)
    return len(set(greys.tolist())) > 5 and bool((np.diff(in_order) >= 0).all())


def test_a_cell_of_the_matrix_opens_its_cases(tab: Tab, furnished: Server) -> None:
    tab.goto(f"{furnished.url}/thresholds?run={MODEL}&count_split=val")
    tab.wait_for("Boolean(find('.threshold[data-ready=true]'))")
    found = int(tab.value("find('.cell.found b').innerText"))
    tab.click("find('.cell.found')")
    tab.wait_for("find('.case-list')?.dataset.ready === 'true'")
    assert tab.value("Number(find('.case-list').dataset.shown)") == found
    tab.click("all('.case-list .row')[0]")
    tab.wait_for("all('.row.opened').length === 1")
