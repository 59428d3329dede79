"""The traps of each data set, one by one, with the value that must come out."""

import subprocess
import sys
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from mammo_core.datasets.adapters.adapter import DENSITY
from mammo_core.datasets.adapters.class_folders import BY_FOLDER, label_of
from mammo_core.datasets.dataset import read_dataset, recognise_adapter
from mammo_core.datasets.small_images import remembered
from mammo_core.errors import TableError
from mammo_core.files import REPOSITORY
from mammo_core.preprocessing.reading.isolation import ReadingProcess
from mammo_core.preprocessing.reading.messages import Peek
from mammo_core.preprocessing.reading.peek import peek
from tests.datasets.builders import (
    CBIS_DICOM,
    CBIS_JPEG,
    CMMD,
    INBREAST,
    MIAS_COPY,
    MIAS_ORIGINAL,
    MINI_DDSM,
    ROBOFLOW,
    ROBOFLOW_CSV,
    ROBOFLOW_RSNA,
    VINDR,
    cbis,
    cmmd,
    drawn,
    vindr,
)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    folder.mkdir()
    return folder


def rows_of(folder: Path, rule: str | None = None) -> pd.DataFrame:
    return read_dataset(folder, label_rule=rule).manifest.set_index("image_id")


def box_of(folder: Path, image_id: str) -> list[float]:
    boxes = read_dataset(folder).boxes
    return boxes.loc[boxes["image_id"] == image_id, ["x0", "y0", "x1", "y1"]].iloc[0].tolist()


def notes_of(folder: Path) -> str:
    return " ".join(read_dataset(folder).notes)


def test_vindr_gives_the_breast_its_label_and_the_image_its_findings(folder: Path) -> None:
    VINDR.build(folder)
    rows = rows_of(folder, "birads-3")
    unmarked = rows.loc[vindr.image_id(7)]
    assert (unmarked["label"], unmarked["birads"]) == ("suspicious", "3")
    assert pd.isna(unmarked["lesion"])
    assert rows.loc[vindr.image_id(2), "lesion"] == "mass; suspicious calcification"
    assert box_of(folder, vindr.image_id(2)) == [-3.5, 10, 20, 30]


def test_vindr_findings_of_images_that_are_not_in_the_table_are_left_out_and_counted(
    folder: Path,
) -> None:
    VINDR.build(folder)
    table = folder / "breast-level_annotations.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if vindr.image_id(2) not in line]
    table.write_text("\n".join(kept) + "\n", encoding="utf-8")
    dataset = read_dataset(folder)
    assert len(dataset.manifest) == VINDR.images - 1
    (strange,) = [d for d in dataset.defects if d.name == "finding-of-no-image"]
    assert strange.rows == (vindr.image_id(2),)


@pytest.mark.slow
def test_cbis_takes_boxes_from_masks_of_any_size_whatever_the_table_calls_them(
    folder: Path,
) -> None:
    CBIS_JPEG.build(folder)
    assert box_of(folder, "P_00005_L_MLO") == pytest.approx([8, 12, 20, 30], abs=1)
    assert box_of(folder, "P_00002_R_MLO") == [5, 6, 15, 26]  # its crop and mask are swapped


def test_cbis_has_no_density_where_the_table_says_0(folder: Path) -> None:
    CBIS_DICOM.build(folder)
    rows = rows_of(folder)
    assert pd.isna(rows.loc["P_00005_L_MLO", "density"])
    assert rows.loc["P_00001_L_CC", "density"] == "B"
    assert rows.loc["P_00001_L_CC", "label"] == "cancer"  # one of its two lesions is malignant
    assert rows.loc["P_00004_R_CC", "lesion"] == "calcification; mass"


def test_cbis_is_read_under_the_header_of_2017_with_its_backslashes(folder: Path) -> None:
    CBIS_DICOM.build(folder)
    older = {
        "left or right breast": "side",
        "image view": "view",
        "abnormality id": "abn_num",
        "abnormality type": "abnormality_type",
        "image file path": "od_img_path",
        "cropped image file path": "od_crop_path",
        "ROI mask file path": "mask_path",
        "breast density": "breast_density",
    }
    before = rows_of(folder)
    for path in folder.glob("*.csv"):
        table = pd.read_csv(path, dtype=str).rename(columns=older)
        for name in ("od_img_path", "od_crop_path", "mask_path"):
            table[name] = ".\\" + table[name].str.replace("/", "\\")
        table.to_csv(path, index=False)
    pd.testing.assert_frame_equal(rows_of(folder), before)


def test_cbis_without_a_column_names_the_table(folder: Path) -> None:
    CBIS_DICOM.build(folder)
    path = folder / "calc_case_description_test_set.csv"
    pd.read_csv(path).drop(columns="image view").to_csv(path, index=False)
    with pytest.raises(TableError, match=r"calc_case_description_test_set\.csv .* is view"):
        read_dataset(folder)


def test_cbis_lesions_without_a_mask_are_counted(folder: Path) -> None:
    CBIS_JPEG.build(folder)
    lesion = cbis.LESIONS[2]
    series = cbis.series_of(lesion.key, "000001.dcm")
    for path in (folder / "jpeg" / series).iterdir():
        path.unlink()
    dataset = read_dataset(folder)
    (unmasked,) = [defect for defect in dataset.defects if defect.name == "no-mask"]
    assert unmasked.rows == ("P_00001_L_MLO, lesion 1",)


def test_cmmd_leaves_the_other_breast_without_a_label(folder: Path) -> None:
    CMMD.build(folder)
    rows = rows_of(folder).reset_index().set_index(["patient_id", "side", "view"])
    assert rows.loc[("D1-0001", "L", "CC"), "label"] == "no cancer"
    assert pd.isna(rows.loc[("D1-0001", "R", "CC"), "label"])
    assert rows.loc[("D1-0003", "L", "MLO"), "label"] == "cancer"
    assert rows.loc[("D1-0003", "R", "MLO"), "label"] == "no cancer"
    assert rows.loc[("D1-0002", "R", "CC"), "lesion"] == "mass; calcification"
    assert set(rows["site"]) == {"D1", "D2"}


def test_cmmd_keeps_the_women_who_share_an_image_together(folder: Path) -> None:
    CMMD.build(folder)
    rows = rows_of(folder)
    both = rows[rows["patient_id"].isin(["D1-0808", "D1-1292"])]
    assert both["group_id"].nunique() == 1
    assert both["label"].isna().all()


def test_cmmd_with_a_broken_header_goes_on_without_that_breast(folder: Path) -> None:
    CMMD.build(folder)
    broken = sorted((folder / "CMMD/D2-0001").rglob("*.dcm"))[0]
    broken.write_bytes(b"no image")
    dataset = read_dataset(folder)
    (unreadable,) = [d for d in dataset.defects if d.name == "unreadable-header"]
    assert unreadable.rows == (broken.relative_to(folder).as_posix(),)
    assert len(dataset.manifest) == CMMD.images


def test_cmmd_without_images_is_told_to_be_incomplete(folder: Path) -> None:
    CMMD.build(folder)
    for image in (folder / "CMMD").rglob("*.dcm"):
        image.unlink()
    with pytest.raises(TableError, match="Is the download complete"):
        read_dataset(folder)


def test_a_sheet_with_a_formula_is_refused_by_its_cell(folder: Path) -> None:
    CMMD.build(folder)
    cmmd.write_sheet(folder / cmmd.SHEET, [["D1-0001", "L", "=40+4", 2, "mass", "Benign", None]])
    with pytest.raises(TableError, match=r"revision\.xlsx holds a formula in cell C2"):
        read_dataset(folder)


def test_a_sheet_that_is_none_is_refused(folder: Path) -> None:
    CMMD.build(folder)
    (folder / cmmd.SHEET).write_text("ID1,LeftRight")
    with pytest.raises(TableError, match=r"is not a readable \.xlsx"):
        read_dataset(folder)


def test_mini_ddsm_without_its_sheet_lists_those_there_are(folder: Path) -> None:
    MINI_DDSM.build(folder)
    openpyxl.Workbook().save(folder / "DataWMask.xlsx")
    with pytest.raises(TableError, match=r"has no sheet 'Data'\. It has Sheet"):
        read_dataset(folder)


def test_mini_ddsm_knows_nothing_of_the_other_breast_of_a_woman_with_cancer(folder: Path) -> None:
    MINI_DDSM.build(folder)
    rows = rows_of(folder)
    assert rows.loc["A_0493_1.RIGHT_CC", "label"] == "cancer"
    assert pd.isna(rows.loc["A_0493_1.LEFT_CC", "label"])
    assert rows.loc["C_0029_1.LEFT_CC", "label"] == "no cancer"
    assert rows.loc["C_0029_1.LEFT_CC", "patient_id"] != rows.loc["A_0029_1.LEFT_CC", "patient_id"]
    assert box_of(folder, "A_0493_1.RIGHT_CC") == pytest.approx([10, 20, 30, 44], abs=1)


def test_mias_counts_from_the_lower_left(folder: Path) -> None:
    MIAS_ORIGINAL.build(folder)
    assert box_of(folder, "mdb001") == [535 - 197, 1024 - 425 - 197, 535 + 197, 1024 - 425 + 197]


def test_mias_films_are_pairs_right_and_left(folder: Path) -> None:
    MIAS_ORIGINAL.build(folder)
    rows = rows_of(folder, "normal-benign-malignant")
    assert rows.loc[["mdb143", "mdb144"], "side"].tolist() == ["R", "L"]
    assert rows.loc["mdb143", "group_id"] == rows.loc["mdb144", "group_id"]
    assert rows.loc["mdb144", "label"] == "cancer"  # a benign and a malignant lesion


def test_the_sides_of_mias_can_be_read_as_the_letters_on_the_films_say(folder: Path) -> None:
    MIAS_ORIGINAL.build(folder)
    by_list = read_dataset(folder)
    by_letters = read_dataset(folder, "mias_letters")
    assert by_list.adapter.name == "mias"
    assert set(by_list.manifest["side"] + by_letters.manifest["side"]) == {"RL", "LR"}
    for dataset, other in ((by_list, "mias_letters"), (by_letters, "mias")):
        told = next(d.sentence for d in dataset.defects if d.name == "sides-disputed")
        assert f"choose the adapter {other} for" in told


def test_mias_is_recognised_in_the_layout_of_its_own_archive(folder: Path, tmp_path: Path) -> None:
    MIAS_ORIGINAL.build(tmp_path / "flat")
    for name, place in (("Info.txt", "data/labels"), ("mdb*.pgm", "data/pgm")):
        (folder / place).mkdir(parents=True)
        for file in (tmp_path / "flat").glob(name):
            file.rename(folder / place / file.name)
    dataset = read_dataset(folder)
    assert dataset.adapter.name == "mias"
    assert len(dataset.manifest) == 14
    assert all((folder / path).is_file() for path in dataset.manifest["path"])


def test_mias_tells_which_edition_of_its_labels_was_read(folder: Path, tmp_path: Path) -> None:
    MIAS_ORIGINAL.build(folder)
    assert "original edition" in notes_of(folder)
    assert rows_of(folder, "malignant-or-benign").loc["mdb212", "label"] == "no cancer"
    copy = tmp_path / "copy"
    copy.mkdir()
    MIAS_COPY.build(copy)
    assert "copy with a header" in notes_of(copy)
    assert pd.isna(rows_of(copy, "malignant-or-benign").loc["mdb212", "label"])


def test_inbreast_boxes_hold_every_point_of_an_outline(folder: Path) -> None:
    INBREAST.build(folder)
    assert box_of(folder, "20586908") == [10, 20, 31.5, 41]
    rows = rows_of(folder)
    assert rows.loc["20586908", "lesion"] == "calcification; mass"
    assert rows.loc["22678646", "label"] == "suspicious"  # 4a
    assert rows.loc["20587054", "view"] == "FB"
    assert rows.loc["22678622", "exam_id"] == "c4b995eddb3c510c_201001"


def test_roboflow_tells_what_the_export_did(folder: Path) -> None:
    ROBOFLOW.build(folder)
    told = notes_of(folder)
    assert "Resize to 224x224 (Stretch)" in told
    assert "50% probability of horizontal flip" in told
    assert "The dataset includes 8 images." in told


def test_roboflow_keeps_augmented_copies_together_and_refuses_nothing(folder: Path) -> None:
    ROBOFLOW.build(folder)
    rows = rows_of(folder)
    assert rows[rows["group_id"] == "a1_jpg"].shape[0] == 2


def test_roboflow_images_of_two_classes_at_once_are_refused(folder: Path) -> None:
    ROBOFLOW_CSV.build(folder)
    path = folder / "train/_classes.csv"
    path.write_text(path.read_text().replace("1, 0", "1, 1"))
    with pytest.raises(TableError, match=r"of 5 images in _classes\.csv are of several"):
        read_dataset(folder)


def test_an_export_of_rsna_images_takes_the_rest_from_the_table(folder: Path) -> None:
    ROBOFLOW_RSNA.build(folder)
    row = rows_of(folder).loc["1864590858"]
    assert (row["patient_id"], row["side"], row["view"]) == ("10006", "R", "MLO")
    assert (row["age"], row["machine"], row["label"]) == (61.0, "29", "cancer")


def test_an_export_of_rsna_images_has_the_density_of_the_site_that_told_it(folder: Path) -> None:
    ROBOFLOW_RSNA.build(folder)
    by_folder, dataset = read_dataset(folder), read_dataset(folder, label_rule="density")
    rows = dataset.manifest.set_index("image_id")
    told = rows["site"] == "1"
    assert told.any()
    assert not told.all()
    assert rows.loc[told, "label"].tolist() == rows.loc[told, "density"].tolist()
    assert rows.loc[~told, "label"].isna().all()
    assert {d.name: len(d.rows) for d in dataset.defects}["density-missing"] == (~told).sum()
    assert [d.name for d in dataset.defects] == [d.name for d in by_folder.defects]
    assert dataset.label_rule.task is DENSITY


def test_folders_of_which_a_rule_knows_none_are_listed(folder: Path) -> None:
    for name in ("negative", "positive"):
        drawn.write_picture(folder / name / "a.png", drawn.texture(1))
    with pytest.raises(TableError, match="The class folders are called left, right"):
        label_of(pd.Series(["left", "right"]), BY_FOLDER)
    assert rows_of(folder)["label"].tolist() == ["no cancer", "cancer"]


def test_the_nearest_data_set_says_what_is_missing(folder: Path) -> None:
    CMMD.build(folder)
    (folder / cmmd.SHEET).unlink()
    with pytest.raises(TableError) as refusal:
        recognise_adapter(folder)
    assert "Chinese Mammography Database (CMMD): CMMD/D1-0001/ is there, " in str(refusal.value)
    assert f"{cmmd.SHEET} is missing." in str(refusal.value)


def test_what_was_remembered_is_forgotten_when_a_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"one")
    made = []

    def make() -> pd.DataFrame:
        made.append(file.read_text())
        return pd.DataFrame({"content": [made[-1]]})

    assert remembered("test", [file], make)["content"].tolist() == ["one"]
    assert remembered("test", [file], make)["content"].tolist() == ["one"]
    file.write_bytes(b"three")
    assert remembered("test", [file], make)["content"].tolist() == ["three"]
    assert made == ["one", "three"]


def test_a_header_tells_size_side_and_view(tmp_path: Path) -> None:
    drawn.write_dicom(
        tmp_path / "a.dcm", drawn.texture(1), side="L", view="MLO", is_view_coded_only=True
    )
    drawn.write_picture(tmp_path / "a.png", drawn.texture(1, (80, 70)))
    (tmp_path / "text.png").write_text("no image")
    names = ("a.dcm", "none.png", "text.png", "a.png")
    seen, *others = peek([tmp_path / name for name in names])
    assert seen is not None
    assert (seen.size, seen.side, seen.view) == ((96, 72), "L", "MLO")
    assert others == [None, None, Peek(size=(80, 70))]
    assert len(peek([tmp_path / "a.png"] * 200)) == 200


def test_headers_and_sheets_are_parsed_in_another_process(tmp_path: Path) -> None:
    """What parses them is not even loaded in this one."""
    drawn.write_dicom(tmp_path / "a.dcm", drawn.texture(1), side="L", view="MLO")
    book = openpyxl.Workbook()
    book.active.append(["id"])
    book.save(tmp_path / "a.xlsx")
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from mammo_core.datasets.adapters.layout import read_sheet\n"
        "from mammo_core.preprocessing.reading.peek import peek\n"
        "folder = Path(sys.argv[1])\n"
        "assert peek([folder / 'a.dcm'])[0].side == 'L'\n"
        "assert list(read_sheet(folder / 'a.xlsx', inside=folder, columns=['id'])) == ['id']\n"
        "assert not {'pydicom', 'openpyxl'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.slow
def test_a_header_that_kills_its_reader_costs_its_neighbours_nothing(tmp_path: Path) -> None:
    drawn.write_picture(tmp_path / "a.png", drawn.texture(1, (80, 70)))
    (tmp_path / "deadly.png").write_bytes(b"deadly")
    code = (
        "import os, sys\n"
        "from mammo_core.preprocessing.reading import worker\n"
        "decode = worker.decode_peek\n"
        "worker.decode_peek = lambda path: os.abort() if path.name[0] == 'd' else decode(path)\n"
        "sys.exit(worker.main())\n"
    )
    process = ReadingProcess(command=(sys.executable, "-c", code))
    found = process.read_peeks([tmp_path / "a.png", tmp_path / "deadly.png", tmp_path / "a.png"])
    process.close()
    assert found == (Peek(size=(80, 70)), None, Peek(size=(80, 70)))
