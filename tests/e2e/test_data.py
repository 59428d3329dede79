"""Data: register a leaky copy of a phantom set, audit it, and see the leak named."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from mammo_core.preprocessing.phantoms.women import write_phantom_set

pytestmark = pytest.mark.e2e
SLOW = 120_000
LEAK = "24 of 24 women are in more than one split"


@pytest.fixture(scope="session")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set as `mammo phantom` writes it, and its copy with a split by image."""
    root = tmp_path_factory.mktemp("sets")
    write_phantom_set(root / "honest", women=24, seed=3, size=(256, 128))
    shutil.copytree(root / "honest", root / "leaky")
    manifest = root / "leaky/manifest.csv"
    table = pd.read_csv(manifest, dtype="string")
    table["split"] = ["train", "train", "val", "test"] * 24
    table.to_csv(manifest, index=False)
    return root


def register_and_audit(page: Page, folder: Path) -> None:
    register = page.locator("details").filter(has=page.get_by_text("Register a folder"))
    expect(register).to_be_visible(timeout=SLOW)
    if register.get_attribute("open") is None:  # folded where a set is registered already
        register.locator("summary").click()
    field = page.get_by_label("Folder on the computer that runs Mammoscope")
    field.fill(str(folder), timeout=SLOW)
    field.press("Enter")
    expect(page.get_by_text("This is: Synthetic mammograms.")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Register", exact=True).click()
    chosen = page.get_by_role("combobox", name="Data set")
    expect(chosen).to_have_value(folder.name, timeout=SLOW)
    page.get_by_role("radio", name="Audit").click(timeout=SLOW)
    start = page.get_by_role("button", name="Audit", exact=True)
    start.click(timeout=SLOW)
    expect(start).to_be_hidden(timeout=SLOW)
    page.reload()  # the audit is a process of its own
    expect(page.get_by_text("Audited ")).to_be_visible(timeout=SLOW)


@pytest.mark.slow
def test_the_leak_of_a_copied_set_is_named(
    page: Page, sets: Path, take_picture: Callable[[str], None]
) -> None:
    page.get_by_role("link", name="Data").click()
    register_and_audit(page, sets / "leaky")
    finding = page.get_by_text(LEAK)
    expect(finding).to_be_visible()
    finding.click()
    expect(page.get_by_text("96 rows")).to_be_visible()
    take_picture("data-audit")

    page.get_by_role("radio", name="Split").click()
    expect(page.get_by_text("Leaky split: 24 of 24 women are in several splits.")).to_be_visible()
    page.get_by_role("radio", name="Images").click()
    expect(page.get_by_text("96 cases", exact=True)).to_be_visible()
    expect(page.locator(".case-list .row img").first).to_be_visible()
    expect(page.get_by_text("Leaky split")).to_have_count(0)  # nothing left of the last section
    take_picture("data-images")


@pytest.mark.slow
def test_no_leak_is_named_where_women_are_kept_apart(page: Page, sets: Path) -> None:
    page.get_by_role("link", name="Data").click()
    register_and_audit(page, sets / "honest")
    expect(page.get_by_text("are in more than one split")).to_have_count(0)
