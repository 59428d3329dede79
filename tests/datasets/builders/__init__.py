"""Small folders in the layouts of real data sets, with their traps; no real image in them."""

from typing import Final

from tests.datasets.builders.cbis import CBIS_DICOM, CBIS_JPEG
from tests.datasets.builders.cmmd import CMMD
from tests.datasets.builders.density import DENSITY_BY_NAME, DENSITY_BY_PIXELS
from tests.datasets.builders.detection import COCO, YOLO
from tests.datasets.builders.fixture import Fixture
from tests.datasets.builders.inbreast import INBREAST
from tests.datasets.builders.mias import MIAS_COPY, MIAS_ORIGINAL
from tests.datasets.builders.mini_ddsm import MINI_DDSM
from tests.datasets.builders.plain import CLASS_FOLDERS, CSV, PHANTOMS
from tests.datasets.builders.roboflow import (
    ROBOFLOW,
    ROBOFLOW_CSV,
    ROBOFLOW_RSNA,
    ROBOFLOW_RSNA_NAMES,
)
from tests.datasets.builders.rsna import RSNA
from tests.datasets.builders.vindr import VINDR

FIXTURES: Final[tuple[Fixture, ...]] = (
    VINDR,
    CBIS_DICOM,
    CBIS_JPEG,
    CMMD,
    MIAS_ORIGINAL,
    MIAS_COPY,
    RSNA,
    ROBOFLOW,
    ROBOFLOW_CSV,
    ROBOFLOW_RSNA,
    ROBOFLOW_RSNA_NAMES,
    YOLO,
    COCO,
    DENSITY_BY_PIXELS,
    DENSITY_BY_NAME,
    INBREAST,
    MINI_DDSM,
    CLASS_FOLDERS,
    CSV,
    PHANTOMS,
)
