import time
from pathlib import Path

import pytest

from mammo_core.datasets.dataset import list_registered
from mammo_core.runs.folder import list_runs
from tests.pages.conftest import OpenPage
from tests.pages.training_pages import SECONDS, wait_until_over


@pytest.mark.slow
def test_without_data_the_page_offers_to_make_some(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page("train")
    assert page.selectbox(key="no_data").placeholder == "No data set yet"
    assert page.selectbox(key="train_recipe").value == "smoke"
    assert page.text_input(key="train_name").value == ""
    assert page.button(key="train_start").disabled
    assert page.button(key="train_preflight").disabled
    told = " ".join(one.value for one in page.caption)
    assert "there is none to learn from yet" in told
    assert "40 epochs, batches of 16" in told  # what is folded tells its values even so
    page.number_input(key="data_women").set_value(24)
    page.button(key="data_make").click().run()
    assert not page.exception
    assert [entry.name for entry in list_registered(tmp_path / "home/datasets")] == [
        "Synthetic, 24 women"
    ]
    assert page.selectbox(key="train_data").value == "Synthetic, 24 women"


@pytest.mark.slow
def test_two_clicks_on_start_are_one_run(open_page: OpenPage, runs_root: Path) -> None:
    page = open_page("train")
    page.number_input(key="data_women").set_value(24)
    page.button(key="data_make").click().run()
    page.button(key="train_start").click().run()
    (run,) = list_runs(runs_root)
    page.button_group(key="train_show").set_value("New run").run()
    page.session_state["last_start"].ended = time.monotonic()  # however slow this computer is
    page.button(key="train_start").click().run()
    (run,) = list_runs(runs_root)
    assert page.selectbox(key="run").value == run.run_id
    run.ask_to_stop()
    wait_until_over(run)


@pytest.mark.slow
def test_start_makes_a_run_and_stop_ends_it(open_page: OpenPage, runs_root: Path) -> None:
    page = open_page("train")
    page.number_input(key="data_women").set_value(24)
    page.button(key="data_make").click().run()
    page.number_input(key="train_epochs_smoke").set_value(400)
    page.button(key="train_start").click().run()
    assert not page.exception
    (run,) = list_runs(runs_root)
    assert page.selectbox(key="run").value == run.run_id
    page.session_state["epoch_told"] = "", 0  # as if one had ended as the button was clicked
    page.button(key=f"stop_{run.run_id}").click().run()
    assert run.is_asked_to_stop()
    wait_until_over(run)
    assert run.read_status().state == "stopped", run.read_log(last_lines=20)
    assert not run.is_checkpoint


@pytest.mark.slow
def test_a_stopped_run_goes_on_where_it_stood(open_page: OpenPage, runs_root: Path) -> None:
    page = open_page("train")
    page.number_input(key="data_women").set_value(24)
    page.button(key="data_make").click().run()
    page.number_input(key="train_epochs_smoke").set_value(400)
    page.button(key="train_start").click().run()
    (run,) = list_runs(runs_root)
    deadline = time.monotonic() + SECONDS
    while run.read_status().done < 1 and time.monotonic() < deadline:
        time.sleep(0.2)
    run.ask_to_stop()
    wait_until_over(run)
    reached = run.read_status().done
    assert reached >= 1, run.read_log(last_lines=20)

    page.run()
    page.button(key=f"resume_{run.run_id}").click().run()
    assert not page.exception
    while run.read_status().done <= reached and time.monotonic() < deadline:
        time.sleep(0.2)
    assert run.read_status().done > reached, run.read_log(last_lines=20)
    assert run.read_metrics().query("split == 'val'")["epoch"].is_unique
    run.ask_to_stop()
    wait_until_over(run)
