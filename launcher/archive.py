"""The programs of the tests with a real archive: Orthanc, DCMTK and dicom3tools."""

import shutil
from pathlib import Path
from typing import Final

PLUGIN: Final = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
PACKAGES: Final = ("orthanc", "orthanc-dicomweb", "dcmtk", "dicom3tools")
PROGRAMS: Final = ("Orthanc", "dcmsend", "storescp", "echoscu", "dciodvfy")
LEFT_OUT: Final = (
    "NOT RUN: the tests with a real archive. Install it on Debian or Ubuntu with: "
    f"sudo apt-get install {' '.join(PACKAGES)}"
)


def has_archive() -> bool:
    return PLUGIN.exists() and all(shutil.which(program) for program in PROGRAMS)
