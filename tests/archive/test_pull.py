"""Studies of a real archive as a data set: whole, once, without identity, also after a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from pydicom import dcmread

from mammo_core.archive.client import ArchiveClient, FoundStudy, Query, connect
from mammo_core.archive.journal import append_line
from mammo_core.archive.links import seal
from mammo_core.archive.listed import Archive, add_archive
from mammo_core.archive.pull import (
    STATE_FILE,
    Labels,
    PullLimits,
    pull_studies,
    read_labels,
)
from mammo_core.datasets.dataset import read_dataset
from mammo_core.errors import ConfigError
from mammo_core.files import archives_file
from tests.archive.orthanc import EXAM, Orthanc, free_port, require_programs, running_orthanc
from tests.archive.stub import answering, framed, image, serving
from tests.archive.studies import MadeUp, write_study
from tests.e2e.server import ROOT

ONE = (("R", "CC"),)
MARKER = "MARK3R"


def test_a_table_of_labels_names_each_study_once(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("Accession,Side,Label\nA1,R,cancer\nA1,L,no cancer\nA2,,no cancer\n")
    labels = read_labels(table)
    assert labels.label_of({"accession": "A1"}, "R") == "cancer"
    assert labels.label_of({"accession": "A2"}, "L") == "no cancer"
    assert labels.label_of({"accession": "A3"}, "L") == ""
    table.write_text("accession,label\nA1,cancer\nA1,no cancer\n")
    with pytest.raises(ConfigError, match=r"1 of 2 lines of .* repeat the accession"):
        read_labels(table)
    table.write_text("number,label\nA1,cancer\n")
    with pytest.raises(ConfigError, match="has the columns number, label"):
        read_labels(table)


def test_a_study_without_accession_number_is_given_nobodys_label(tmp_path: Path) -> None:
    labels = Labels(key="accession", by_key={("", ""): "cancer"})
    assert labels.label_of({"accession": ""}, "R") == ""
    table = tmp_path / "labels.csv"
    table.write_text("accession,label\nA1,no cancer\n ,cancer\n")
    with pytest.raises(ConfigError, match=r"1 of 2 lines of labels.csv have no accession"):
        read_labels(table)


def test_images_of_nobody_known_are_not_taken_for_one_womans(
    own_home: Path, tmp_path: Path
) -> None:
    days = ["20200101", "20240101", "20240201", "20240301"]
    for number, (woman, day) in enumerate(zip(["", "", "w1", "w1"], days, strict=True)):
        row = dict.fromkeys(("path", "side", "view", "spacing_mm", "bits"), "")
        row |= {"image_id": f"i{number}", "patient_id": woman, "exam_id": f"e{number}"}
        whose = {"day": day, "accession": "", "study": f"1.2.{number}"}
        pulled = {"exam": f"e{number}", "whose": seal(json.dumps(whose)), "rows": [row]}
        append_line(tmp_path / STATE_FILE, pulled)
    client = ArchiveClient(Archive(name="here", dicomweb="http://127.0.0.1:9"), "")
    pull_studies(client, [], tmp_path, limits=PullLimits())
    manifest = pd.read_csv(tmp_path / "manifest.csv", dtype=str, keep_default_na=False)
    assert list(manifest["days_since_first"]) == ["", "", "0", "29"]


@pytest.mark.slow
def test_a_study_that_the_archive_does_not_list_whole_is_pulled_and_said_so(
    own_home: Path, tmp_path: Path
) -> None:
    listed = {"/instances": answering([image(1)]), "/1.2.3.4.1.1": framed(EXAM[0].read_bytes())}
    one = FoundStudy(
        uid=str(dcmread(EXAM[0]).StudyInstanceUID),
        day="", description="", accession="", images=4, patient_id="",
    )  # fmt: skip
    with serving(listed) as stub:
        client = ArchiveClient(Archive(name="here", dicomweb=stub.url), "")
        pulled = pull_studies(client, [one], tmp_path, limits=PullLimits())
    assert pulled.images == 1
    [problem] = pulled.problems
    assert problem.startswith("Study 1 of 1: The archive lists 1 of the 4 instances")


def test_a_folder_with_a_data_set_of_its_own_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("image_id,label\na,cancer\n")
    client = ArchiveClient(Archive(name="here", dicomweb="http://127.0.0.1:9"), "")
    with pytest.raises(ConfigError, match="already holds a data set"):
        pull_studies(client, (), tmp_path, limits=PullLimits())
    assert (tmp_path / "manifest.csv").read_text() == "image_id,label\na,cancer\n"


@pytest.mark.slow
def test_two_exams_of_a_woman_become_a_data_set_with_labels_and_days(
    orthanc: Orthanc, own_home: Path, tmp_path: Path
) -> None:
    for number, (patient, day) in enumerate([("W1", "20240102"), ("W1", "20240201")], start=1):
        made = MadeUp(number=number, patient=f"{MARKER}-{patient}", day=day, side=512)
        orthanc.push(*write_study(made, tmp_path / "files"))
    client = connect(orthanc.archive)
    labels = Labels(key="accession", by_key={("A1", ""): "no cancer", ("A2", "L"): "cancer"})
    studies = client.find_studies(Query())
    out = tmp_path / "set"
    pulled = pull_studies(client, studies, out, limits=PullLimits(), labels=labels)
    assert (pulled.studies, pulled.images, pulled.labelled, pulled.problems) == (2, 8, 6, ())
    manifest = pd.read_csv(out / "manifest.csv")
    assert sorted(set(manifest["days_since_first"])) == [0, 30]
    assert manifest["patient_id"].nunique() == 1
    again = pull_studies(client, studies, out, limits=PullLimits())
    assert (again.known, again.labelled) == (2, 6)  # the labels stay where none are given
    dataset = read_dataset(out, "csv_folder", None)
    assert list(dataset.manifest["label"].value_counts().sort_index()) == [2, 4]
    told = (out / STATE_FILE).read_text() + (out / "manifest.csv").read_text()
    assert not [word for word in (MARKER, "20240102", "20240201", studies[0].uid) if word in told]


@pytest.mark.slow
def test_two_hundred_studies_are_pulled_once_each_although_both_ends_are_killed(
    own_home: Path, tmp_path: Path, archive_password: None
) -> None:
    require_programs()
    http, out = free_port(), tmp_path / "set"
    for number in range(1, 201):
        made = MadeUp(number=number, views=ONE, side=32)
        write_study(made, tmp_path / "files")
    with running_orthanc(tmp_path / "orthanc", http=http) as orthanc:
        orthanc.push(*sorted((tmp_path / "files").glob("*.dcm")))
        add_archive(archives_file(), orthanc.archive)
        process = start(out)
        wait_for_lines(out / STATE_FILE, 40)
        orthanc.process.kill()
        assert process.wait(timeout=120) == 1
    with running_orthanc(tmp_path / "orthanc", http=http):
        before = lines(out / STATE_FILE)
        assert 40 <= before < 200
        process = start(out)
        wait_for_lines(out / STATE_FILE, before + 40)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert start(out).wait(timeout=300) == 0
    manifest = pd.read_csv(out / "manifest.csv")
    assert len(manifest) == 200
    assert manifest["exam_id"].nunique() == manifest["image_id"].nunique() == 200
    assert lines(out / STATE_FILE) == 200
    assert sorted(path.name for path in (out / "images").iterdir()) == sorted(
        Path(path).name for path in manifest["path"]
    )


@pytest.mark.slow
def test_a_pull_that_is_interrupted_leaves_a_data_set_of_what_is_whole_and_goes_on(
    own_home: Path, tmp_path: Path, orthanc: Orthanc
) -> None:
    for number in range(1, 61):
        made = MadeUp(number=number, views=ONE, side=32)
        write_study(made, tmp_path / "files")
    orthanc.push(*sorted((tmp_path / "files").glob("*.dcm")))
    add_archive(archives_file(), orthanc.archive)
    out = tmp_path / "set"
    process = start(out, own_group=True)
    wait_for_lines(out / STATE_FILE, 10)
    os.killpg(process.pid, signal.SIGINT)  # Ctrl-C reaches what it has started, too
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"goes on from here" in said
    assert b"Traceback" not in said
    whole = lines(out / STATE_FILE)
    assert 10 <= whole < 60
    assert len(pd.read_csv(out / "manifest.csv")) == whole
    assert start(out).wait(timeout=300) == 0
    assert len(pd.read_csv(out / "manifest.csv")) == lines(out / STATE_FILE) == 60


def start(out: Path, *, own_group: bool = False) -> "subprocess.Popen[bytes]":
    code = "import sys; from mammo_core.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "archive", "pull", "here", "--out", str(out)]
    return subprocess.Popen(
        command, cwd=ROOT, start_new_session=own_group,
        stderr=subprocess.PIPE if own_group else subprocess.DEVNULL,
    )  # fmt: skip


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_for_lines(path: Path, count: int) -> None:
    deadline = time.monotonic() + 240
    while lines(path) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    assert lines(path) >= count
