"""What was measured of a model's heatmaps and scores, where the model is read with and judged."""

from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mammo_core.runs.folder import card_hash
from mammo_core.runs.measured import add_fidelity, add_stress
from tests.pages.conftest import OpenPage
from tests.pages.test_read import a_breast, captions, choose, drop, own_copy
from tests.predictions import made_up_predictions, write_run
from tests.runs.test_fidelity import fidelity
from tests.runs.test_stress import FOUND, ROTATED, TEST


def commands(page: AppTest) -> list[str]:
    return [code.value for code in page.code if code.value.startswith("mammo")]


@pytest.mark.slow
def test_where_nothing_was_measured_the_commands_that_measure_stand(
    open_page: OpenPage, runs_root: Path
) -> None:
    run = own_copy(runs_root)
    for name in ("fidelity.json", "stress.json"):
        run.file(name).unlink(missing_ok=True)
    page = open_page("read")
    choose(page, run.run_id)
    drop(page, ("a.png", a_breast()))
    assert commands(page) == [f"mammo explain-check {run.run_id}", f"mammo stress {run.run_id}"]


def test_what_was_measured_stands_with_chance_intervals_and_counts(
    open_page: OpenPage, runs_root: Path
) -> None:
    run = write_run(runs_root, "20260101-000000-tiny_cnn-aaaa", made_up_predictions(women=4))
    card = card_hash(run)
    add_fidelity(run, fidelity(card))
    blanked = replace(ROTATED, name="breast_blanked", title="Breast taken out", auc_low=0.6)
    add_stress(run, replace(TEST, card_sha256=card, sensitivity=FOUND, results=(blanked, ROTATED)))
    page = open_page("train")
    page.button_group(key="train_show").set_value("Runs").run()
    assert not page.exception
    told = " ".join(markdown.value for markdown in page.markdown)
    assert "On 40 images of 20 women with a marked lesion" in told
    assert "in 70 % (95 % 50 to 80); by chance, matched for area, 10 %." in told
    assert "With all weights shuffled the maps change" in told
    assert any("gives the label away" in warning.value for warning in page.warning)
    table = next(one.value for one in page.dataframe if "Verdicts that flip" in one.value)
    assert table["Verdicts that flip"].tolist() == ["", "", "3 of 40"]
    assert table["Sensitivity"].tolist() == ["9 of 10", "", "9 of 10"]
    assert "80 images of 20 women, 20 positive" in captions(page)
    assert not commands(page)


def test_heatmaps_that_beat_no_chance_are_warned_of(open_page: OpenPage, runs_root: Path) -> None:
    run = write_run(runs_root, "20260101-000000-tiny_cnn-aaaa", made_up_predictions(women=4))
    found = fidelity(card_hash(run))
    add_fidelity(run, replace(found, pointing=found.energy))  # whose gain may be none
    page = open_page("train")
    page.button_group(key="train_show").set_value("Runs").run()
    assert any("no better than chance" in warning.value for warning in page.warning)
