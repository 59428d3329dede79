"""The whole way with a real archive: pushed, found, opened, scored, sent home, judged."""

import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydicom import dcmread

from mammo_core.archive.client import Query, connect
from mammo_core.archive.exams import months_between, open_study, prior_studies
from mammo_core.archive.links import read_link
from mammo_core.archive.listed import add_archive
from mammo_core.archive.results import open_reader, read_case_with, send_home
from mammo_core.archive.worklists import (
    WorkConfig,
    entries_of,
    send_case,
    send_worklist,
    start_worklist,
)
from mammo_core.files import archive_work_root, archives_file, cases_root
from mammo_core.preprocessing.reading.identity import installation_key
from mammo_core.reading import Across, Region
from mammo_core.reports.case.picture import Appearance
from mammo_core.reports.case.record import Pseudonyms
from mammo_core.runs.folder import find_checkpoint
from mammo_core.types import Box
from tests.archive.orthanc import EXAM, Orthanc
from tests.archive.studies import MadeUp, write_study

pytestmark = pytest.mark.slow
MODEL = "phantom-light"


def judged_errors(path: Path) -> list[str]:
    """What dciodvfy finds wrong with a DICOM file."""
    said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    lines = (said.stdout + said.stderr).splitlines()
    return [line for line in lines if line.startswith("Error")]


def fetched(orthanc: Orthanc, folder: Path) -> list[Path]:
    """Every file the archive has."""
    folder.mkdir()
    paths = []
    for name in orthanc.instances():
        paths.append(folder / f"{name}.dcm")
        paths[-1].write_bytes(orthanc.rest(f"/instances/{name}/file").content)
    return paths


def test_an_exam_is_found_opened_scored_and_its_results_sent_home_whole(
    orthanc: Orthanc, own_home: Path, tmp_path: Path
) -> None:
    orthanc.push(*EXAM)
    client = connect(orthanc.archive)
    [study] = client.find_studies(Query(first="2020-01-01", last="2020-12-31"))
    case = open_study(client, study, cases_root())
    assert sorted(image.title for image in case.images) == ["L CC", "L MLO", "R CC", "R MLO"]
    link = read_link(cases_root(), case.case_id)
    assert link is not None
    read = read_case_with(
        open_reader(find_checkpoint(MODEL)), case, cases_root(), now=datetime.now(UTC)
    )
    region = Region(
        box=Box(x0=10, y0=20, x1=60, y1=90), share=0.5, peak=1.0, across=Across.OUTER,
        from_nipple=0.5,
    )  # fmt: skip
    marked = replace(read.images[0], regions=(region,))
    read = replace(read, images=(marked, *read.images[1:]))
    pseudonyms = Pseudonyms(key=installation_key(own_home / "key"), case_id=case.case_id)
    assert send_home(client, read, link, look=Appearance(), pseudonyms=pseudonyms) == 6
    again = send_home(client, read, link, look=Appearance(), pseudonyms=pseudonyms)
    assert again == 6
    files = fetched(orthanc, tmp_path / "fetched")
    kinds: dict[str, int] = {}
    for path in files:
        header = dcmread(path, stop_before_pixels=True)
        kinds[header.Modality] = kinds.get(header.Modality, 0) + 1
        assert header.PatientID == "S001"
        assert header.StudyInstanceUID == study.uid
        if header.Modality != "MG":
            assert "NOT FOR CLINICAL USE" in header.SeriesDescription
            assert judged_errors(path) == []
    assert kinds == {"MG": 4, "OT": 4, "SR": 1, "PR": 1}  # sent twice, there once
    [study] = client.find_studies(Query())
    assert open_study(client, study, cases_root()).case_id == case.case_id
    assert study.description == "Synthetic mammograms of no woman"


def test_priors_are_of_the_same_woman_and_earlier(
    orthanc: Orthanc, own_home: Path, tmp_path: Path
) -> None:
    for number, (patient, day) in enumerate(
        [("W1", "20240102"), ("W1", "20220105"), ("W1", "20250101"), ("W2", "20210101")], start=1
    ):
        made = MadeUp(number=number, patient=patient, day=day, views=(("R", "CC"),))
        orthanc.push(*write_study(made, tmp_path / "files"))
    client = connect(orthanc.archive)
    [study] = client.find_studies(Query(first="2024-01-02", last="2024-01-02"))
    case = open_study(client, study, cases_root())
    link = read_link(cases_root(), case.case_id)
    assert link is not None
    [prior] = prior_studies(client, link)
    assert prior.day == "20220105"
    assert months_between(prior.day, link.day) == 24


def test_a_work_list_is_scored_by_a_worker_and_sent_home_whole(
    orthanc: Orthanc, own_home: Path, tmp_path: Path
) -> None:
    add_archive(archives_file(), orthanc.archive)
    orthanc.push(*EXAM)
    orthanc.push(
        *write_study(MadeUp(number=7, patient="HER-OWN-ID", modality="US"), tmp_path / "files")
    )
    client = connect(orthanc.archive)
    studies = client.find_studies(Query(modality=""))
    assert len(studies) == 2
    run = start_worklist(
        "here", studies, checkpoint=MODEL, cases=cases_root(), root=archive_work_root()
    )
    deadline = time.monotonic() + 300
    while not run.read_status().state.is_over and time.monotonic() < deadline:
        time.sleep(0.5)
    assert run.read_status().message == "1 of 2 studies scored."
    entries = entries_of(run)
    assert [entry.score is not None for entry in entries].count(True) == 1
    assert any("None of the 4 instances" in entry.problem for entry in entries)
    assert "HER-OWN-ID" not in (run.path / "run.json").read_text()
    config = WorkConfig(archive="here", checkpoint=MODEL, cases=str(cases_root()))
    for _ in range(2):
        sent = send_worklist(run, config)
        assert (sent.words, sent.failed) == ("1 of 2 studies scored, 1 sent.", 0)
    assert len(orthanc.instances()) == 4 + 4 + 5
    reader = open_reader(find_checkpoint(MODEL))
    [scored] = [entry for entry in entries_of(run) if entry.score is not None]
    for minutes in (7, 24 * 60):

        def later(minutes: int = minutes) -> datetime:
            return datetime.now(UTC) + timedelta(minutes=minutes)

        assert send_case(scored.case_id, reader, cases_root(), archive="here", now=later) == 5
    assert len(orthanc.instances()) == 4 + 4 + 5  # whenever it is sent again, it is there once
