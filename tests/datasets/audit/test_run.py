"""The whole audit on real small files: facts, findings, JSON, page, command and process."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mammo_core.cli import main
from mammo_core.config import AuditConfig
from mammo_core.datasets.audit.facts import gather_facts
from mammo_core.datasets.audit.memory import LookMemory
from mammo_core.datasets.audit.report import render_report
from mammo_core.datasets.audit.result import (
    AuditResult,
    Finding,
    Severity,
    findings_table,
    read_audit,
    write_audit,
)
from mammo_core.datasets.audit.run import FirstAnswer, audit_dataset
from mammo_core.datasets.dataset import read_in_question
from mammo_core.errors import TableError
from mammo_core.preprocessing.phantoms.women import write_phantom_set
from mammo_core.runs.jobs import create_run
from mammo_core.types import RunState
from tests.datasets.builders import drawn


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty women with a breast each: one inverted, one mirrored, one broken, one missing."""
    folder = tmp_path / "set"
    rows = []
    for woman in range(20):
        side = "L" if woman % 2 else "R"
        image = drawn.texture(woman, (200, 150))
        image = image if side == "L" else np.ascontiguousarray(image[:, ::-1])
        if woman == 3:
            image = 255 - image
        if woman == 4:
            image = np.ascontiguousarray(image[:, ::-1])
        path = f"images/{woman}.png"
        if woman != 6:
            drawn.write_picture(folder / path, image)
        rows.append(
            {"path": path, "patient_id": f"W{woman}", "side": side, "label": woman % 3 == 0}
        )
    broken = folder / "images/5.png"
    broken.write_bytes(broken.read_bytes()[:500])
    pd.DataFrame(rows).astype({"label": int}).to_csv(folder / "manifest.csv", index=False)
    return folder


def audited(folder: Path) -> AuditResult:
    return audit_dataset(read_in_question(folder), made_at="2026-01-01T00:00:00+00:00")


def found(result: AuditResult, check: str) -> Finding:
    return next(finding for finding in result.findings if finding.check == check)


def test_the_audit_finds_what_is_wrong_with_four_of_twenty_images(folder: Path) -> None:
    result = audited(folder)
    assert (result.images, result.women) == (20, 20)
    assert found(result, "inverted").rows == ("images/3.png",)
    assert found(result, "laterality").rows == ("images/4.png",)
    files = {f.rows[0][:12] for f in result.findings if f.check == "files"}
    assert files == {"images/5.png", "images/6.png"}
    assert sum(count.images for count in result.counts) == 20


@pytest.mark.slow
def test_inverted_dicom_that_says_so_is_a_note(tmp_path: Path) -> None:
    write_phantom_set(tmp_path / "set", women=4, seed=0, size=(128, 64), image_format="dicom")
    result = audited(tmp_path / "set")
    finding = found(result, "inverted")
    assert finding.severity is Severity.NOTE
    assert "are MONOCHROME1 (tissue stored dark, and said so), machine" in finding.sentence


def test_an_audit_comes_back_from_its_file(folder: Path, tmp_path: Path) -> None:
    result = audited(folder)
    write_audit(result, tmp_path / "audit.json")
    assert read_audit(tmp_path / "audit.json") == result
    with pytest.raises(TableError, match="There is no readable audit"):
        read_audit(tmp_path / "none.json")


def test_findings_come_worst_first(folder: Path) -> None:
    severities = findings_table(audited(folder))["severity"].tolist()
    assert severities == sorted(severities, key=list(map(str, Severity)).index)


def test_the_page_is_whole_in_itself_and_shows_thumbnails(folder: Path) -> None:
    page = render_report(audited(folder), folder)
    assert "data:image/jpeg;base64," in page
    assert "For research only. Not a medical device." in page
    assert "<script" not in page
    assert "http" not in page


def test_a_name_in_the_data_set_cannot_enter_the_page_as_markup(tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>.png"
    drawn.write_picture(tmp_path / "set/images/1.png", drawn.texture(1))
    (tmp_path / "set/images/1.png").rename(tmp_path / "set/images" / name)
    table = pd.DataFrame({"path": [f"images/{name}"], "label": ["1"]})
    table.to_csv(tmp_path / "set/manifest.csv", index=False)
    result = audited(tmp_path / "set")
    finding = Finding(
        check="x", severity=Severity.NOTE, sentence=name, rows=(name,), pictures=(f"images/{name}",)
    )
    page = render_report(_with(result, finding), tmp_path / "set")
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page


def _with(result: AuditResult, finding: Finding) -> AuditResult:
    return replace(result, findings=(finding,))


def test_progress_is_told_and_a_stop_is_heeded(folder: Path) -> None:
    heard: list[int] = []
    paths = [f"images/{n}.png" for n in range(20)]
    facts = gather_facts(folder, paths, report=lambda done, total: heard.append(done))
    assert heard[-1] == len(facts.table) == 20
    fresh = LookMemory(folder / "nothing yet.sqlite")
    assert len(gather_facts(folder, paths, should_stop=lambda: True, memory=fresh).table) == 0


def test_an_unchanged_file_is_not_opened_again_and_a_changed_one_is(folder: Path) -> None:
    paths = [f"images/{n}.png" for n in range(8, 18)]
    first = gather_facts(folder, paths)
    changed = folder / paths[3]
    shutil.copy(folder / paths[7], changed)
    for path in paths[4:]:
        time = (folder / path).stat().st_mtime_ns
        size = (folder / path).stat().st_size
        (folder / path).write_bytes(bytes(size))  # opened, it could not be read
        os.utime(folder / path, ns=(time, time))
    again = gather_facts(folder, paths)
    assert again.table.drop(index=3).equals(first.table.drop(index=3))
    assert np.array_equal(again.prints.details[4:], first.prints.details[4:])
    assert again.table["content"][3] == first.table["content"][7]


def test_a_moved_folder_is_read_but_not_judged_anew(folder: Path, tmp_path: Path) -> None:
    paths = [f"images/{n}.png" for n in range(8, 18)]
    first = gather_facts(folder, paths)
    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    known = LookMemory()
    assert known.of_files([moved / paths[0]]) == {}
    assert gather_facts(moved, paths).table.equals(first.table)
    assert known.of_files([moved / paths[0]])


def test_what_takes_long_is_first_answered_from_a_sample(folder: Path) -> None:
    answers: list[AuditResult] = []
    first = FirstAnswer(tell=answers.append, after_seconds=-1.0)
    dataset = read_in_question(folder)
    last = audit_dataset(dataset, made_at="today", first=first)
    assert [answer.looked_at for answer in answers] == [0]
    assert answers[0].images == last.images == 20
    assert last.looked_at is None
    later = replace(first, after_seconds=60.0)
    again = audit_dataset(dataset, made_at="today", first=later)
    assert len(answers) == 1  # all was seen in time, so there is only one answer
    assert again == last


def test_the_command_prints_and_writes_what_it_found(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["audit", str(folder), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "1 of 18 images are stored inside out" in printed  # 18 of 20 could be read
    assert sorted(path.name for path in out.iterdir()) == [
        "audit.json",
        "findings.csv",
        "report.html",
    ]


@pytest.mark.parametrize("what", ["nothing", "an empty folder", "a table without paths"])
def test_a_wrong_folder_is_told_in_a_sentence(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "wrong"
    if what != "nothing":
        folder.mkdir()
    if what == "a table without paths":
        (folder / "manifest.csv").write_text("file,label\na.png,1\n")
    assert main(["audit", str(folder)]) == 2
    told = capsys.readouterr().err
    words = {
        "nothing": "There is no folder",
        "an empty folder": "none of the data sets known here",
        "a table without paths": "manifest.csv lacks the column path. It has file, label.",
    }
    assert words[what] in told
    assert "Traceback" not in told


def run_worker(folder: Path, tmp_path: Path, *, is_stopped: bool = False) -> Path:
    config = AuditConfig(
        name="set", folder=str(folder), adapter="csv_folder", label_rule="as-written"
    )
    run = create_run(config, tmp_path / "audits", what="audit", total=0)
    if is_stopped:
        run.ask_to_stop()
    subprocess.run(
        [sys.executable, "-m", "mammo_core.worker", "audit", str(run.path)],
        env={**os.environ, "MAMMO_HOME": str(tmp_path / "home")},
        check=False,
        timeout=120,
    )
    return run.path


@pytest.mark.slow
def test_the_process_leaves_result_and_page_in_its_run_folder(folder: Path, tmp_path: Path) -> None:
    path = run_worker(folder, tmp_path)
    status = json.loads((path / "status.json").read_text())
    assert status["state"] == RunState.FINISHED
    assert status["message"].startswith("20 images looked at. Findings: ")
    assert read_audit(path / "audit.json").images == 20
    assert (path / "report.html").exists()


def test_a_stopped_process_concludes_nothing(folder: Path, tmp_path: Path) -> None:
    path = run_worker(folder, tmp_path, is_stopped=True)
    assert json.loads((path / "status.json").read_text())["state"] == RunState.STOPPED
    assert not (path / "audit.json").exists()


@pytest.mark.slow
def test_a_process_on_a_folder_that_is_gone_fails_in_words(tmp_path: Path) -> None:
    path = run_worker(tmp_path / "gone", tmp_path)
    status = json.loads((path / "status.json").read_text())
    assert status["state"] == RunState.FAILED
    assert "There is no folder" in status["message"]
