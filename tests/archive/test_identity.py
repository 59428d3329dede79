"""A thousand marks of identity planted in stored studies are found nowhere but in what was sent
home on purpose.
"""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from pydicom import dcmread
from pynetdicom import AE

from mammo_core.archive.client import Query, connect
from mammo_core.archive.exams import open_study
from mammo_core.archive.listed import add_archive
from mammo_core.archive.pull import PullLimits, pull_studies
from mammo_core.archive.receiver import Afterwards, Receiver, ReceiverSettings, received_list
from mammo_core.archive.results import open_reader
from mammo_core.archive.worklists import entries_of, send_case
from mammo_core.files import archive_work_root, archives_file, arrivals_root, cases_root
from mammo_core.runs.folder import find_checkpoint
from tests.archive.orthanc import EXAM, Orthanc, free_port
from tests.e2e.server import ROOT

pytestmark = pytest.mark.slow

#: Where people and places are named: 20 elements, in 50 studies.
PLANTED = (
    "PatientName", "PatientID", "OtherPatientNames", "PatientAddress", "PatientComments",
    "PatientTelephoneNumbers", "PatientMotherBirthName", "AccessionNumber", "StudyID",
    "StudyDescription", "SeriesDescription", "InstitutionName", "InstitutionAddress",
    "ReferringPhysicianName", "PerformingPhysicianName", "OperatorsName", "StationName",
    "ProtocolName", "RequestingPhysician", "ImageComments",
)  # fmt: skip
STUDIES = 50


def mark(number: int, place: int) -> str:
    return f"ZQ{number:02d}X{place:02d}ZQ"


def planted(folder: Path, *, step: int = 1) -> tuple[list[Path], list[bytes]]:
    """One image for each study, and the marks in them, UIDs among these. Of the pixels every so
    many are kept.
    """
    folder.mkdir()
    template = next(path for path in EXAM if "explicit" in path.name)
    files, marks = [], []
    for number in range(STUDIES):
        made = dcmread(template)
        pixels = made.pixel_array[::step, ::step]
        made.Rows, made.Columns = pixels.shape
        made.PixelData = pixels.tobytes()
        for place, keyword in enumerate(PLANTED):
            setattr(made, keyword, mark(number, place))
            marks.append(mark(number, place).encode())
        uid = f"1.2.826.0.1.3680043.8.498.4242{number:02d}4242"
        made.StudyInstanceUID, made.SeriesInstanceUID = uid, f"{uid}.1"
        made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = f"{uid}.1.1"
        marks.append(uid.encode())
        files.append(folder / f"{number}.dcm")
        made.save_as(files[-1], enforce_file_format=True)
    return files, marks


def found_in(folder: Path, marks: list[bytes]) -> list[str]:
    """Files that hold a mark, by name or content."""
    wrong = []
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        content = path.name.encode() + path.read_bytes()
        wrong += [f"{path}: {one!r}" for one in marks if one in content]
    return wrong


def test_a_thousand_marks_of_identity_stay_in_the_archive(
    orthanc: Orthanc, own_home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files, marks = planted(tmp_path / "files")
    assert len(marks) == 1000 + STUDIES
    orthanc.push(*files)
    add_archive(archives_file(), orthanc.archive)
    client = connect(orthanc.archive)
    studies = client.find_studies(Query())
    assert len(studies) == STUDIES
    pulled = pull_studies(client, studies, own_home / "set", limits=PullLimits())
    assert pulled.images == STUDIES
    for study in studies[:10]:
        open_study(client, study, cases_root())
    case = open_study(client, studies[0], cases_root())
    sent = send_case(case.case_id, open_reader(find_checkpoint("phantom-light")), cases_root())
    assert sent == 2
    run_commands()
    told = capfd.readouterr()
    said = told.err.encode() + told.out.encode()
    assert [one for one in marks if one in said] == []
    assert found_in(own_home, marks) == []
    at_home = b"".join(
        orthanc.rest(f"/instances/{name}/file").content for name in orthanc.instances()
    )
    assert sum(at_home.count(one) > 0 for one in marks) == len(marks)


def run_commands() -> None:
    """What a shell is told of a check and of a pull that fails."""
    code = "import sys; from mammo_core.cli import main; sys.exit(main(sys.argv[1:]))"
    for arguments in (["check", "here"], ["pull", "here", "--out", os.devnull]):
        command = [sys.executable, "-c", code, "archive", *arguments]
        subprocess.run(command, cwd=ROOT, check=False)


def test_a_thousand_marks_that_are_sent_here_are_neither_listed_nor_told_nor_left(
    own_home: Path, tmp_path: Path
) -> None:
    """Nothing of who she is in the list, the cases, the log, or the names of what has arrived."""
    files, marks = planted(tmp_path / "files", step=16)
    said: list[str] = []
    arrivals = arrivals_root()
    settings = ReceiverSettings(port=free_port(), silence=600.0)
    worklist = received_list(archive_work_root())
    receiver = Receiver(
        settings,
        arrivals=arrivals,
        cases=cases_root(),
        on_complete=Afterwards(
            worklist=worklist, cases=cases_root(), forward="here", say=said.append
        ),
        say=said.append,
    )
    thread = threading.Thread(target=receiver.serve)
    thread.start()
    try:
        entity = AE(ae_title="SENDER")
        entity.add_requested_context("1.2.840.10008.5.1.4.1.1.1.2", "1.2.840.10008.1.2.1")
        deadline = time.monotonic() + 30
        while not said and time.monotonic() < deadline:
            time.sleep(0.05)
        association = entity.associate("127.0.0.1", settings.port, ae_title="MAMMOSCOPE")
        for file in files:
            assert association.send_c_store(dcmread(file)).Status == 0
        association.release()
    finally:
        receiver.stop()
        thread.join()
    names = [str(path) for path in arrivals.glob("*/*")]
    assert len(names) == STUDIES
    assert receiver.take_up(now=time.time() + 700) == STUDIES
    entries = entries_of(worklist)
    assert [(entry.images, entry.problem) for entry in entries] == [(1, "")] * STUDIES
    assert len(said) > STUDIES
    told = "\n".join(said + names).encode()
    assert [one for one in marks if one in told] == []
    assert not list(arrivals.glob("*/*"))
    assert found_in(own_home, marks) == []
