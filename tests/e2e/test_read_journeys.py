"""Read, from a sample to a verdict; what is broken gets its sentence; a reader study."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from mammo_core.files import samples_root
from mammo_core.preprocessing.phantoms.mark import mark_png
from tests.predictions import copy_unlocked

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
SLOW = 180_000  # a new home converts the network, and torch is imported with the first score
OPENED = re.compile(r"case=[0-9a-f]{64}")
EXAMPLE = "a synthetic exam, read by a small model of synthetic women"
EXAM = sorted(samples_root().glob("exam_*"))
CR_IMAGE = "1.2.840.10008.5.1.4.1.1.1"  # PS3.4 B.5: Computed Radiography Image Storage


def own_copy(checkpoints: Path, name: str) -> Path:
    """The shipped checkpoint as one of the user's, listed after it."""
    folder = checkpoints / name
    shutil.rmtree(folder, ignore_errors=True)
    return copy_unlocked(folder).path


def address(page: Page, path: str = "", **parameters: str) -> str:
    root = re.sub(r"^(https?://[^/]+/).*", r"\1", page.url)
    return f"{root}{path}?" + "&".join(f"{name}={value}" for name, value in parameters.items())


def viewer(page: Page) -> Locator:
    return page.locator(".viewer[data-ready=true]")


def drop(page: Page, *files: Path) -> None:
    """Until then the example exam may be on the screen."""
    page.locator("input[type=file]").first.set_input_files(files)
    expect(page).to_have_url(OPENED, timeout=SLOW)
    expect(page.get_by_text(EXAMPLE)).to_have_count(0, timeout=SLOW)


def take_sample(page: Page, name: str) -> None:
    page.get_by_role("button", name=re.compile(name, re.IGNORECASE)).click()
    expect(page).to_have_url(OPENED, timeout=SLOW)
    expect(page.get_by_text(EXAMPLE)).to_have_count(0, timeout=SLOW)


def test_from_a_sample_to_a_threshold_locked_on_its_own_page(page: Page, checkpoints: Path) -> None:
    own_copy(checkpoints, "locked-light")
    page.goto(address(page, model="locked-light"))
    take_sample(page, "four views")
    expect(viewer(page)).to_be_visible(timeout=SLOW)
    expect(page.locator(".panel .score")).to_have_count(3)
    expect(page.get_by_text("the threshold.")).to_have_count(0)
    opened = page.url

    expect(viewer(page)).to_have_attribute("data-opacity", "0.45")
    builds = viewer(page).get_attribute("data-builds")
    page.get_by_label("Heatmap opacity").fill("90")
    expect(viewer(page)).to_have_attribute("data-opacity", "0.90")
    page.locator(".viewer canvas").first.click()
    page.keyboard.press("h")
    expect(viewer(page)).to_have_attribute("data-opacity", "0.00")
    assert viewer(page).get_attribute("data-builds") == builds

    page.goto(
        address(page, "thresholds", run="locked-light", count_split="val", judge="Operating+point")
    )
    page.get_by_role("button", name=re.compile(r"^Lock 0\.\d+")).click(timeout=SLOW)
    page.get_by_role("button", name=re.compile("as the operating point")).click(timeout=SLOW)
    expect(page.get_by_text(re.compile(r"Locked: 0\.\d+ by"))).to_be_visible(timeout=SLOW)

    page.goto(opened)
    expect(viewer(page)).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("Score above the threshold: left breast")).to_be_visible(timeout=SLOW)


def test_what_cannot_be_read_gets_its_sentence(page: Page, tmp_path: Path) -> None:
    page.goto(address(page, model="phantom-light"))
    chest = pydicom.dcmread(EXAM[0])
    chest.SOPClassUID = chest.file_meta.MediaStorageSOPClassUID = CR_IMAGE
    chest.Modality, chest.BodyPartExamined = "CR", "CHEST"
    chest.save_as(tmp_path / "chest.dcm")
    (tmp_path / "cut.dcm").write_bytes(EXAM[0].read_bytes()[:-50_000])
    (tmp_path / "letter.dcm").write_text("Dear colleague, please find attached")
    drop(page, *(tmp_path / name for name in ("chest.dcm", "cut.dcm", "letter.dcm")))
    for number, name in enumerate(("chest.dcm", "cut.dcm", "letter.dcm"), start=1):
        sentence = page.get_by_text(f"File {number} ({name}):")
        expect(sentence).to_be_visible(timeout=SLOW)
        assert len(sentence.inner_text()) > len(f"File {number} ({name}): ") + 20
    expect(viewer(page)).to_have_count(0)


def test_a_picture_that_is_no_mammogram_is_scored_with_a_plain_warning(
    page: Page, tmp_path: Path
) -> None:
    page.goto(address(page, model="phantom-light"))
    rows, columns = np.mgrid[0:512, 0:512] / 512
    body = 0.75 * np.exp(-(((columns - 0.5) / 0.45) ** 4))
    lungs = sum(
        np.exp(-((((columns - middle) / 0.14) ** 2 + ((rows - 0.5) / 0.3) ** 2) ** 2))
        for middle in (0.3, 0.7)
    )
    chest = np.clip(body - 0.5 * lungs + 0.08 * lungs * np.sin(60 * rows), 0, 1)
    Image.fromarray(np.uint8(255 * chest)).save(tmp_path / "plain.png")
    drop(page, tmp_path / "plain.png")
    expect(page.get_by_text("only seen synthetic images; this is not one")).to_be_visible(
        timeout=SLOW
    )
    expect(page.locator(".panel .score")).to_have_count(0)

    (tmp_path / "chest.png").write_bytes(mark_png((tmp_path / "plain.png").read_bytes()))
    page.goto(address(page, model="phantom-light"))
    drop(page, tmp_path / "chest.png")
    page.get_by_role("button", name=re.compile("May mean nothing")).click(timeout=SLOW)
    expect(page.get_by_text("Unlike the images this model learnt from")).to_be_visible(timeout=SLOW)


def test_a_broken_checkpoint_costs_the_score_and_not_the_images(
    page: Page, checkpoints: Path
) -> None:
    weights = own_copy(checkpoints, "broken-light") / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    page.goto(address(page, model="broken-light"))
    take_sample(page, "four views")
    expect(page.get_by_text("are not those its card was written for")).to_be_visible(timeout=SLOW)
    expect(viewer(page)).to_be_visible(timeout=SLOW)
    shutil.rmtree(weights.parent)


def test_two_models_stand_side_by_side_and_their_regions_are_a_key_away(
    page: Page, checkpoints: Path
) -> None:
    names = ("beside-one", "beside-other")
    for name in names:
        card = own_copy(checkpoints, name) / "model_card.json"
        document = json.loads(card.read_text())
        document["heatmap_peak"] /= 10  # so that regions stand out
        card.write_text(json.dumps(document))
    page.goto(address(page, model=names[0], second=names[1]))
    take_sample(page, "CC and MLO")
    expect(viewer(page)).to_be_visible(timeout=SLOW)
    expect(page.locator(".viewer canvas")).to_have_count(2)
    page.get_by_test_id("stButtonGroup").get_by_text("Side by side").click()
    expect(page.locator(".viewer canvas")).to_have_count(4)
    labels = [page.locator(".viewer .pane .top").nth(place).inner_text() for place in range(4)]
    is_second = [names[1] in label for label in labels]
    assert is_second in ([False, True, False, True], [True, False, True, False])
    expect(page.locator(".panel .score")).to_have_count(2)

    zoom = viewer(page).get_attribute("data-zoom") or ""
    page.locator(".viewer .pane").first.click()
    page.keyboard.press("n")
    expect(viewer(page)).to_have_attribute("data-region", re.compile(r"1: \d+%"))
    expect(viewer(page)).not_to_have_attribute("data-zoom", zoom)


def test_a_reader_answers_before_the_model_speaks(page: Page, tmp_path: Path) -> None:
    page.goto(address(page, model="phantom-light"))
    for path in samples_root().glob("pair_*"):
        shutil.copy(path, tmp_path / f"DOE_JANE_{path.name}")
    drop(page, *EXAM, *tmp_path.glob("DOE_*"))
    expect(page.get_by_text("2 cases", exact=True)).to_be_visible(timeout=SLOW)
    page.get_by_text("Read them in a reader study").click()
    page.get_by_label("Name of the study").fill("Pilot")
    page.get_by_role("button", name="Make the study").click()
    page.get_by_label("Your code as a reader").fill("A")
    page.get_by_label("Your code as a reader").press("Enter")
    expect(viewer(page)).to_be_visible(timeout=SLOW)
    shown = page.locator("body").inner_text()
    assert not re.search(r"Score|Show AI|DOE|phantom-light|exam_", shown)
    assert "case=" not in page.url
    expect(page.get_by_test_id("stPageLink")).to_have_count(0)  # they may show scores and truth

    answer = page.get_by_label(re.compile("How likely is cancer"))
    answer.fill("30")
    page.get_by_role("button", name="Lock my answer").click()
    expect(page.get_by_text("also asks for the recall decision")).to_be_visible(timeout=SLOW)
    page.get_by_role("radio", name="no", exact=True).click()
    page.get_by_role("button", name="Lock my answer").click()
    expect(page.get_by_text("not the borders of a tumour")).to_be_visible(timeout=SLOW)
    expect(page.locator(".panel .score").first).to_be_visible()
    expect(page.get_by_label(re.compile("having seen this"))).to_be_visible()

    page.get_by_role("button", name="Leave the study").click()
    page.get_by_role("button", name="Leave", exact=True).click()
    expect(page.get_by_role("link", name="Thresholds")).to_be_visible()
    expect(page.get_by_text("2 cases", exact=True)).to_be_visible()
    expect(page).not_to_have_url(re.compile("study="))
