from pathlib import Path

import pytest

from mammo_core.cli import main
from mammo_core.runs.operating_points import openings_of
from tests.predictions import made_up_predictions, write_run

RUN = "20260101-000000-tiny_cnn-made"


@pytest.fixture(autouse=True)
def _roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def test_a_report_is_written_here_under_the_name_of_its_run(tmp_path: Path) -> None:
    run = write_run(tmp_path / "runs", RUN, made_up_predictions())
    assert main(["report", RUN]) == 0
    page = (tmp_path / f"{RUN}-report.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert [one.by for one in openings_of(run)] == ["mammo report"]


@pytest.mark.slow
def test_a_file_that_ends_so_is_markdown(tmp_path: Path) -> None:
    write_run(tmp_path / "runs", RUN, made_up_predictions())
    assert main(["report", RUN, "--out", "study.md"]) == 0
    assert (tmp_path / "study.md").read_text(encoding="utf-8").startswith("# Study report")


@pytest.mark.slow
def test_the_card_is_written_instead_where_it_is_asked_for(tmp_path: Path) -> None:
    run = write_run(tmp_path / "runs", RUN, made_up_predictions())
    assert main(["report", RUN, "--card", "--format", "md"]) == 0
    assert (tmp_path / f"{RUN}-card.md").read_text(encoding="utf-8").startswith("# Model card")
    assert [one.by for one in openings_of(run)] == ["mammo report"]


def test_a_folder_that_is_not_there_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "runs", RUN, made_up_predictions())
    assert main(["report", RUN, "--out", "nowhere/study.md"]) == 2
    assert "There is no folder nowhere" in capsys.readouterr().err


def test_an_unknown_run_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "nobody"]) == 2
    assert "There is no run named 'nobody'" in capsys.readouterr().err
