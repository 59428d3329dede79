"""A real archive for the tests: Orthanc with its DICOMweb plug-in, on loopback, in a folder that is
gone afterwards; and DCMTK and dicom3tools, which speak to it and judge what was sent.
"""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import requests

from launcher.archive import LEFT_OUT, PACKAGES, PLUGIN, has_archive
from launcher.checks import says_yes
from mammo_core.archive.listed import Archive

# Two processes of the tests may ask at once: the second waits for the first.
INSTALL: Final = ("apt-get", "-o", "DPkg::Lock::Timeout=600", "install", "-y")
USER: Final = "mammo"
PASSWORD: Final = "a-password-of-the-tests"
VARIABLE: Final = "MAMMO_TEST_ARCHIVE_PASSWORD"
SAMPLES: Final = Path(__file__).resolve().parents[2] / "sample_images"
EXAM: Final = tuple(sorted(SAMPLES.glob("exam_*.dcm")))


def require_programs() -> None:
    """With CI=true they are installed, or the test fails; elsewhere it is left out, and says so."""
    if has_archive():
        return
    if not says_yes(os.environ.get("CI", "")):
        pytest.skip(LEFT_OUT)
    for command in (["apt-get", "update"], [*INSTALL, *PACKAGES]):
        prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
        subprocess.run([*prefix, *command], check=False, capture_output=True)
    if not has_archive():
        pytest.fail(LEFT_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Orthanc:
    http: int
    dicom: int
    process: "subprocess.Popen[bytes]"

    @property
    def archive(self) -> Archive:
        return Archive(
            name="here",
            dicomweb=f"http://127.0.0.1:{self.http}/dicom-web",
            user=USER,
            secret_variable=VARIABLE,
        )

    def rest(self, path: str) -> Any:
        return requests.get(
            f"http://127.0.0.1:{self.http}{path}", auth=(USER, PASSWORD), timeout=20
        )

    def instances(self) -> list[str]:
        found: list[str] = self.rest("/instances").json()
        return found

    def push(self, *files: Path) -> None:
        """By C-STORE, as a modality does."""
        command = ["dcmsend", "-aec", "ORTHANC", "127.0.0.1", str(self.dicom), *map(str, files)]
        subprocess.run(command, check=True, capture_output=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def running_orthanc(folder: Path, *, http: int | None = None) -> Iterator[Orthanc]:
    """With the same `folder` again, it has what it had."""
    folder.mkdir(parents=True, exist_ok=True)
    http, dicom = http or free_port(), free_port()
    settings = {
        "Name": "test",
        "HttpPort": http,
        "DicomPort": dicom,
        "DicomAet": "ORTHANC",
        "DicomCheckCalledAet": False,
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {USER: PASSWORD},
        "OverwriteInstances": True,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            ["Orthanc", str(folder / "orthanc.json")], stdout=log, stderr=subprocess.STDOUT
        )
    orthanc = Orthanc(http=http, dicom=dicom, process=process)
    try:
        _wait_for(orthanc)
        yield orthanc
    finally:
        process.kill()
        process.wait()


def _wait_for(orthanc: Orthanc) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if orthanc.rest("/system").status_code == 200:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise RuntimeError("Orthanc did not start.")
