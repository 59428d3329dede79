"""Five public projects had a defect in their data table each; the audit names every one of them.

Each table is made as the project made it, from a small folder in the layout of its data set. Read
by the right adapter, the same folder gives no finding of that kind.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mammo_core.config import DataConfig
from mammo_core.datasets.audit.result import Finding, Severity
from mammo_core.datasets.audit.run import audit_dataset
from mammo_core.datasets.dataset import read_dataset, read_in_question
from mammo_core.datasets.splits import split_as_set, with_image_splits
from mammo_core.training.recipes import get_recipe
from mammo_core.types import CANCER
from tests.datasets.builders import CBIS_JPEG, CMMD, DENSITY_BY_PIXELS, VINDR, cbis, drawn
from tests.datasets.builders import cmmd as cmmd_builder
from tests.datasets.builders.fixture import Fixture
from tests.datasets.builders.women import BUILDERS


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))


def audited(folder: Path) -> dict[str, Finding]:
    """The serious findings by the name of their check."""
    result = audit_dataset(read_in_question(folder), made_at="2026-01-01")
    return {finding.check: finding for finding in result.of(Severity.SERIOUS)}


def built(fixture: Fixture, folder: Path) -> Path:
    folder.mkdir()
    fixture.build(folder)
    return folder


def as_project(folder: Path, table: pd.DataFrame) -> dict[str, Finding]:
    """The audit of the same files under the table a project made of them."""
    table.to_csv(folder / "manifest.csv", index=False)
    return audited(folder)


@pytest.mark.slow
def test_findings_of_vindr_taken_for_images(tmp_path: Path) -> None:
    folder = built(VINDR, tmp_path / "vindr")
    assert "rows-are-images" not in audited(folder)
    rows = pd.read_csv(folder / "finding_annotations.csv")
    table = pd.DataFrame(
        {
            "image_id": [f"row {n}" for n in range(len(rows))],
            "path": "images/" + rows["study_id"] + "/" + rows["image_id"] + ".dicom",
            "exam_id": rows["study_id"],
            "side": rows["laterality"],
            "view": rows["view_position"],
            "label": (rows["breast_birads"] >= "BI-RADS 3").astype(int),
            "split": rows["split"],
        }
    )
    finding = as_project(folder, table)["rows-are-images"]
    assert "13 rows are 12 images" in finding.sentence


@pytest.mark.slow
def test_lesions_of_cbis_taken_for_images(tmp_path: Path) -> None:
    folder = built(CBIS_JPEG, tmp_path / "cbis")
    assert not {"rows-are-images", "women-in-splits"} & set(audited(folder))
    lesions = [x for x in cbis.LESIONS if x.kind == "mass"]
    found = as_project(folder, lesion_table(lesions))
    assert "7 rows are 6 images" in found["rows-are-images"].sentence


def test_women_of_cbis_in_train_and_test_once_mass_and_calc_are_merged(tmp_path: Path) -> None:
    folder = built(CBIS_JPEG, tmp_path / "cbis")
    found = as_project(folder, lesion_table(cbis.LESIONS))
    assert "1 of 6 women are in more than one split" in found["women-in-splits"].sentence
    assert "P_00003" in found["women-in-splits"].sentence
    assert "copies-across-splits" in found  # the same film under both kinds of lesion


def lesion_table(lesions: list[cbis.Lesion]) -> pd.DataFrame:
    """One row per lesion, as the tables have it."""
    return pd.DataFrame(
        {
            "image_id": [x.key + x.kind for x in lesions],
            "path": [f"jpeg/{cbis.series_of(x.image_key, 'image')}/1-204.jpg" for x in lesions],
            "patient_id": [x.patient for x in lesions],
            "side": [x.side for x in lesions],
            "view": [x.view for x in lesions],
            "label": [int(x.pathology == "MALIGNANT") for x in lesions],
            "split": [x.split for x in lesions],
        }
    )


@pytest.mark.slow
def test_a_split_by_image_of_women_with_several_images(tmp_path: Path) -> None:
    """The women's numbers are in the file names, and were not used."""
    rows = []
    for woman in range(100, 130):
        for image in range(3):
            path = f"images/{woman}_{woman * 31 + image}.png"
            drawn.write_picture(tmp_path / path, drawn.texture(woman * 10 + image))
            label = "cancer" if woman % 2 else "no cancer"
            rows.append({"image_id": path, "path": path, "label": label})
    table = pd.DataFrame(rows)
    plain = read_in_question_of(tmp_path, table)
    split = with_image_splits(plain, task=CANCER, val_fraction=0.15, test_fraction=0.25, seed=0)
    leaky = as_project(tmp_path, split[["image_id", "path", "label", "split"]])
    assert "are in several splits: the split leaks" in leaky["names-hold-women"].sentence

    with_women = split.assign(patient_id=split["path"].str.extract(r"/(\d+)_")[0], group_id=pd.NA)
    known = as_project(tmp_path, with_women[["image_id", "path", "patient_id", "label", "split"]])
    assert "women are in more than one split" in known["women-in-splits"].sentence
    honest = with_women.drop(columns="split")
    assert not {"women-in-splits", "names-hold-women"} & set(as_project(tmp_path, honest))


def read_in_question_of(folder: Path, table: pd.DataFrame) -> pd.DataFrame:
    table.to_csv(folder / "manifest.csv", index=False)
    return read_dataset(folder).manifest


@pytest.mark.slow
def test_rotated_copies_counted_as_data(tmp_path: Path) -> None:
    folder = built(DENSITY_BY_PIXELS, tmp_path / "density")
    assert not {"copies", "copies-across-splits"} & set(audited(folder))
    paths = sorted(p.relative_to(folder).as_posix() for p in folder.glob("*/*.png"))
    split = np.where(np.arange(len(paths)) % 4 == 0, "test", "train")
    label = [int("Malignant" in path) for path in paths]
    table = pd.DataFrame({"path": paths, "label": label, "split": split})
    found = as_project(folder, table)
    assert found["copies"].sentence.startswith("84 files show 14 different images: 70 files repeat")
    assert "copies-across-splits" in found


@pytest.mark.slow
def test_counts_that_are_multiples_of_the_number_of_copies(tmp_path: Path) -> None:
    """Told by the counts alone, whatever the copies look like."""
    classes = {"A": 5, "B": 30, "C": 4, "D": 1}
    rows = []
    for name, originals in classes.items():
        for number in range(originals * 6):
            path = f"{name}/{number}.png"
            drawn.write_picture(tmp_path / path, drawn.texture(len(rows), (32, 32)))
            rows.append({"path": path, "density": name, "label": number % 2})
    pd.DataFrame(rows).to_csv(tmp_path / "manifest.csv", index=False)
    dataset = read_in_question(tmp_path)
    by_density = dataset.manifest.assign(label=dataset.manifest["density"])
    result = audit_dataset(replace(dataset, manifest=by_density), made_at="2026-01-01")
    assert any("a multiple of 6" in finding.sentence for finding in result.findings)


@pytest.mark.slow
def test_labels_of_cmmd_joined_without_the_side(tmp_path: Path) -> None:
    folder = built(CMMD, tmp_path / "cmmd")
    right = audited(folder)
    assert not {"wrong-join", "rows-are-images", "copies-across-labels"} & set(right)
    images = read_dataset(folder).manifest[["path", "patient_id", "side", "view"]]
    breasts = pd.DataFrame(cmmd_builder.ROWS, columns=cmmd_builder.HEADER)
    joined = images.merge(breasts, left_on="patient_id", right_on="ID1")
    table = joined.assign(
        image_id=[f"row {n}" for n in range(len(joined))],
        label=joined["classification"].map({"Malignant": 1, "Benign": 0}),
    )
    found = as_project(folder, table[["image_id", "path", "patient_id", "side", "view", "label"]])
    assert "4 images stand under several values of label" in found["wrong-join"].sentence
    assert "joined on the wrong key" in found["wrong-join"].sentence


@pytest.mark.slow
def test_copies_made_before_the_split(tmp_path: Path) -> None:
    """Oversampled first, split afterwards, as a recipe repeats it: rows that are no images, women
    on both sides, and both in the split of the recipe itself.
    """
    folder = built_women("cmmd", tmp_path / "cmmd")
    dataset = read_dataset(folder)
    recipe = get_recipe("cmmd-conv2-oversampled-as-published")
    data = recipe.deal(DataConfig(folder=str(folder), adapter="cmmd", label_rule="biopsy"))
    split = split_as_set(dataset.manifest, data, CANCER)
    columns = ["image_id", "path", "patient_id", "side", "view", "label", "split"]
    found = as_project(folder, split[columns])
    images, rows = dataset.manifest["path"].nunique(), len(split)
    assert rows > images
    assert f"{rows} rows are {images} images" in found["rows-are-images"].sentence
    shared = split.dropna(subset=["split"]).groupby("path")["split"].nunique().gt(1).sum()
    assert shared > 5  # counted another way: the same file in several splits
    assert "women are in more than one split" in found["women-in-splits"].sentence
    right = get_recipe("cmmd-conv2-oversampled-done-right").deal(data)
    sound = split_as_set(dataset.manifest, right, CANCER)
    assert not {"rows-are-images", "women-in-splits"} & set(as_project(folder, sound[columns]))


def built_women(adapter: str, folder: Path) -> Path:
    BUILDERS[adapter](folder)
    return folder
