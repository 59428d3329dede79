"""The Data page: register, look, audit, split, forget."""

import time
from pathlib import Path

import pandas as pd
import pytest

from mammo_core.datasets.dataset import Registered, latest_audit, list_registered, register
from mammo_core.files import audits_root, datasets_root
from mammo_core.runs.verification import Verification, Verified
from tests.datasets.builders import CSV, VINDR, drawn
from tests.pages.conftest import OpenPage

SECONDS = 120


@pytest.fixture
def leaky(tmp_path: Path) -> Path:
    """Six women, each with an image in training and one in the test."""
    folder = tmp_path / "leaky"
    rows = []
    for woman in range(6):
        for number, split in enumerate(("train", "test")):
            path = f"images/{woman}_{number}.png"
            drawn.write_picture(folder / path, drawn.texture(10 * woman + number))
            rows.append(
                {"path": path, "patient_id": f"W{woman}", "label": woman % 2, "split": split}
            )
    pd.DataFrame(rows).to_csv(folder / "manifest.csv", index=False)
    return folder


def registered(folder: Path, *, adapter: str = "csv_folder", rule: str = "as-written") -> None:
    entry = Registered(name="mine", folder=str(folder), adapter=adapter, label_rule=rule)
    register(datasets_root(), entry)


def test_a_folder_is_recognised_named_and_kept(open_page: OpenPage, tmp_path: Path) -> None:
    (tmp_path / "vindr").mkdir()
    VINDR.build(tmp_path / "vindr")
    page = open_page("data")
    assert "No data set yet" in page.info[0].value
    page.text_input(key="new_folder").set_value(str(tmp_path / "vindr")).run()
    assert "This is: VinDr-Mammo." in page.success[0].value
    page.radio(key="new_rule_vindr_mammo").set_value("birads-3").run()
    page.button(key="new_register").click().run()
    assert not page.exception
    (entry,) = list_registered(datasets_root())
    assert (entry.name, entry.adapter, entry.label_rule) == ("vindr", "vindr_mammo", "birads-3")
    assert page.selectbox(key="data").value == "vindr"
    assert [metric.value for metric in page.metric[:2]] == ["12", "3"]


def test_an_incomplete_folder_says_what_is_missing(open_page: OpenPage, tmp_path: Path) -> None:
    folder = tmp_path / "vindr"
    folder.mkdir()
    VINDR.build(folder)
    (folder / "breast-level_annotations.csv").unlink()
    page = open_page("data")
    page.text_input(key="new_folder").set_value(str(folder)).run()
    assert not page.exception
    assert "level_annotations.csv is missing" in page.error[0].value.replace("\\", "")
    page.text_input(key="new_folder").set_value(str(tmp_path / "nowhere")).run()
    assert "There is no folder" in page.error[0].value


def test_a_folder_of_nobody_is_told_to_be_none(open_page: OpenPage) -> None:
    page = open_page("data")
    page.text_input(key="new_folder").set_value("~nobody-of-that-name/data").run()
    assert not page.exception
    assert "is no folder on this computer" in page.error[0].value


def test_where_folders_are_named_one_is_found_below_them_and_none_can_be_typed(
    open_page: OpenPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "roots" / "sets" / "vindr"
    folder.mkdir(parents=True)
    VINDR.build(folder)
    monkeypatch.setenv("MAMMO_ROOTS", str(tmp_path / "roots"))
    page = open_page("data")
    assert not page.text_input
    page.selectbox(key="new_folder_roots_.").set_value("sets").run()
    page.selectbox(key="new_folder_roots_sets").set_value("vindr").run()
    page.toggle(key="new_look_roots_sets/vindr").set_value(True).run()
    assert not page.exception
    assert "This is: VinDr-Mammo." in page.success[0].value


@pytest.mark.parametrize("section", ["Overview", "Audit", "Images", "Split", "Export"])
def test_every_section_opens(open_page: OpenPage, tmp_path: Path, section: str) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    CSV.build(folder)
    registered(folder)
    page = open_page("data")
    page.segmented_control(key="section").set_value(section).run()
    assert not page.exception
    assert not page.error


def test_the_leak_of_a_split_is_named_in_the_split_view(open_page: OpenPage, leaky: Path) -> None:
    registered(leaky)
    page = open_page("data")
    page.segmented_control(key="section").set_value("Split").run()
    assert page.error[0].value == "Leaky split: 6 of 6 women are in several splits."


def test_an_audit_runs_on_its_own_and_its_findings_open(open_page: OpenPage, leaky: Path) -> None:
    registered(leaky)
    page = open_page("data")
    page.segmented_control(key="section").set_value("Audit").run()
    page.button(key="audit_start").click().run()
    (entry,) = list_registered(datasets_root())
    run = latest_audit(entry, audits_root())
    assert run is not None
    deadline = time.monotonic() + SECONDS
    while not run.read_status().state.is_over:
        assert time.monotonic() < deadline, run.read_log(last_lines=20)
        time.sleep(0.2)
    page.run()
    assert not page.exception
    titles = [expander.label for expander in page.expander]
    assert any("6 of 6 women are in more than one split" in title for title in titles)


def test_what_without_cancer_rests_on_is_said_and_kept(open_page: OpenPage, leaky: Path) -> None:
    registered(leaky)
    page = open_page("data")
    told = " ".join(one.value for one in page.caption)
    assert "Reference standard: as the manifest" in told
    assert "rests on" not in told  # no more is known, and that much is said
    (name,) = [entry.name for entry in list_registered(datasets_root())]
    page.selectbox(key=f"verified_{name}").set_value(Verified.FOLLOW_UP).run()
    page.number_input(key=f"verified_months_{name}").set_value(24).run()
    page.button(key="verified_keep").click().run()
    assert not page.exception
    assert any("rests on follow-up of 24 months" in one.value for one in page.caption)
    (entry,) = list_registered(datasets_root())
    assert entry.verification == Verification(without_cancer=Verified.FOLLOW_UP, months=24)


def test_a_link_in_the_folder_that_leads_nowhere_breaks_no_page(
    open_page: OpenPage, leaky: Path
) -> None:
    """As git-annex leaves one for each file that was not fetched."""
    (leaky / "README.md").symlink_to(leaky / ".git" / "annex" / "objects" / "gone")
    registered(leaky)
    page = open_page("data")
    assert not page.exception
    assert not page.error


def test_a_set_whose_folder_is_gone_can_be_forgotten(open_page: OpenPage, tmp_path: Path) -> None:
    registered(tmp_path / "gone")
    page = open_page("data")
    assert "There is no folder" in page.error[0].value
    page.button(key="data_forget").click().run()
    assert not page.exception
    assert list_registered(datasets_root()) == []


def test_a_damaged_entry_is_told_and_another_folder_can_still_be_registered(
    open_page: OpenPage,
) -> None:
    datasets_root().mkdir(parents=True, exist_ok=True)
    (datasets_root() / "0123456789abcdef.json").write_text("{", encoding="utf-8")

    page = open_page("data")

    assert any("not a data set's entry" in error.value for error in page.error)
    assert page.text_input(key="new_folder")
