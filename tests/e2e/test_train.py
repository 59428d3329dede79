"""Train: start a run, reload the page while it goes, and see it finish."""

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.e2e
SLOW = 120_000


def test_a_run_survives_a_reload_and_becomes_a_model(page: Page) -> None:
    page.get_by_role("link", name="Train").click()
    expect(page.get_by_role("heading", name="Train a model")).to_be_visible(timeout=SLOW)
    women = page.get_by_label("Synthetic women")
    expect(page.get_by_text("Add a data set")).to_be_visible(timeout=SLOW)
    if not women.is_visible():  # folded away where other tests left data sets
        page.get_by_text("Add a data set").click()
    women.fill("24")
    page.get_by_role("button", name="Make synthetic set").click()
    page.get_by_label("Epochs").fill("3", timeout=SLOW)
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_text(re.compile("running|waiting for its turn"))).to_be_visible(timeout=SLOW)
    page.reload()
    expect(page.get_by_text("finished, epoch 3 of 3")).to_be_visible(timeout=SLOW)

    page.get_by_role("link", name="Use in Read").click()
    expect(page.get_by_role("heading", name="Read", exact=True)).to_be_visible(timeout=SLOW)
