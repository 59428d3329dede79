"""Real mammograms, which are not part of this repository: MAMMO_RSNA_SUBSET names their folder.

It holds `train.csv` and the images as `<folder>/<patient_id>_<image_id>_png.rf.<hash>.jpg`.
"""

import os
from pathlib import Path

import pandas as pd
import pytest

from mammo_core.preprocessing.reading.read import decode
from tests.preprocessing.dicom_files import KEY

FOLDER = os.environ.get("MAMMO_RSNA_SUBSET")
INSIDE_OUT_MACHINES = {"29", "210"}  # they store their images with a bright background

pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="MAMMO_RSNA_SUBSET is not set: no real image was read in this run"
)


def test_exactly_the_images_of_two_machines_are_turned() -> None:
    folder = Path(str(FOLDER))
    machines = pd.read_csv(folder / "train.csv", dtype="string").set_index("image_id")["machine_id"]
    turned: dict[str, bool] = {}
    for path in sorted(folder.glob("*/*.jpg")):
        mammogram = decode(path, key=KEY)
        turned[path.name.split("_")[1]] = any("inside out" in note for note in mammogram.notes)
    expected = {image_id: machines[image_id] in INSIDE_OUT_MACHINES for image_id in turned}
    assert len(turned) == 2743
    assert sum(expected.values()) == 427
    assert turned == expected
