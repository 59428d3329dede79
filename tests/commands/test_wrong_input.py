"""What somebody may well type wrong ends in a sentence, before the work and not after it."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mammo_core.cli import main
from mammo_core.config import save_settings
from mammo_core.files import REPOSITORY, accounts_file
from mammo_core.runs.folder import RunFolder, RunStatus, list_runs
from mammo_core.types import RunState
from tests.phantoms import put_phantoms
from tests.training.made_up import CONFIG


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    monkeypatch.delenv("MAMMO_RAY", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("report phantom-light --out folder", "folder is a folder. Name the file"),
        ("report phantom-light --out .", ". is a folder. Name the file"),
        ("recipes run smoke --data folder --out folder", "folder is a folder. Name the file"),
        ("recipes run smoke --data folder --also-on nowhere", "There is no folder nowhere"),
        ("train --config folder", "folder is a folder. Name the settings in it"),
        ("train --config file/run.json", "There are no settings at file/run.json"),
        ("prepare folder --config folder", "folder is a folder. Name the settings in it"),
        ("checkpoints import folder", "folder is a folder. Name the zip file"),
        ("checkpoints import file/zip", "There is no file file/zip"),
        ("evaluate --all --split test", "--split cannot go with --all"),
        (
            "evaluate --all --adapter a --label-rule b --split-of c",
            "--adapter, --label-rule, --split-of cannot go with --all",
        ),
        ("ensemble a b c --method out-of-fold", "3 are named, and out-of-fold joins the folds"),
    ],
)
def test_a_mistake_is_a_sentence_and_nothing_is_begun(
    asked: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(asked.split()) == 2
    assert said in capsys.readouterr().err
    assert list_runs(tmp_path / "runs") == []


@pytest.mark.parametrize(
    ("asked", "least"),
    [
        ("explain-check phantom-light --images 0", 1),
        ("froc phantom-light --images -3", 1),
        ("stress phantom-light --seed -1", 0),
        ("find-lesions phantom-light --seed -1", 0),
        ("phantom --out new --women 0", 1),
        ("phantom --out new --seed -1", 0),
        ("train --recipe smoke --data folder --ranks 0", 1),
        ("receive --associations 0", 1),
        ("receive --memory-megabytes -1", 1),
        ("archive pull a --out new --most-images 0", 1),
        ("checkpoints pictures phantom-light --data folder --side 0", 1),
        ("prepare folder --processes -1", 0),
    ],
)
def test_a_number_that_is_too_low_is_refused_with_the_least_there_is(
    asked: str, least: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(asked.split())
    assert ended.value.code == 2
    assert f"is too low; it must be at least {least}" in capsys.readouterr().err


@pytest.mark.parametrize("out", ["file", "file/below"])
def test_an_audit_is_not_begun_where_its_files_have_no_place(
    out: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_phantoms(tmp_path / "set", women=1)
    assert main(["audit", "set", "--out", out]) == 2
    told = capsys.readouterr()
    assert f"{out} is a file or lies below one. Name a folder" in told.err
    assert told.out == ""


@pytest.mark.parametrize("home", ["file", "file/below"])
def test_a_home_that_is_no_folder_is_named(
    home: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / home))
    assert main(["runs"]) == 2
    assert f"MAMMO_HOME is {tmp_path / home}, which is a file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ("optim.leraning_rate=log:1e-5..1e-3", "There is no setting 'optim.leraning_rate'"),
        ("optim.epochs", "--over 'optim.epochs' has no value"),
        ("optim.epochs=0.5..2.5", "epochs must be int"),
        ("model.backbone=light_cnn,soup", "named 'soup'"),
        ("optim.learning_rate=log:1e-5..1e-3", "A search needs Ray"),
    ],
)
def test_a_search_that_its_job_would_refuse_is_refused_at_once(
    over: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    put_phantoms(tmp_path / "set", women=12)
    save_settings(CONFIG, tmp_path / "run.json")
    asked = ["search", "--config", "run.json", "--data", "set", "--trials", "2", "--over", over]
    assert main(asked) == 2
    assert said in capsys.readouterr().err
    assert list_runs(tmp_path / "runs") == []


def test_an_empty_password_makes_no_account(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As from /dev/null: an account without one is open to whoever an identity provider names."""
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["account", "add", "anna"]) == 2
    assert "The password is empty" in capsys.readouterr().err
    assert not accounts_file().exists()
    assert main(["account", "add", "anna", "--without-password"]) == 0


def made(name: str, state: RunState) -> RunFolder:
    run = RunFolder(Path("runs") / name)
    run.path.mkdir(parents=True)
    run.write_status(RunStatus(state=state))
    run.beat()
    return run


def test_a_run_whose_status_is_damaged_hides_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    made("a", RunState.FINISHED)
    made("b", RunState.FINISHED).file("status.json").write_text("{")
    made("c", RunState.FINISHED)
    assert main(["runs"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in told] == ["c", "b", "a"]
    assert "The status of run b cannot be read" in told[1]


@pytest.mark.skipif(sys.platform == "win32", reason="there a signal is sent otherwise")
def test_who_stops_looking_is_told_that_the_run_goes_on() -> None:
    made("mine", RunState.RUNNING)
    watching = subprocess.Popen(
        [sys.executable, "-m", "mammo_core.cli", "watch", "mine"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    assert watching.stdout.readline() == "running\n"
    watching.send_signal(signal.SIGINT)
    _, said = watching.communicate(timeout=30)
    assert watching.returncode == 130
    assert "Traceback" not in said
    assert "mine goes on in the background" in said
    assert "`mammo stop mine` ends it" in said
