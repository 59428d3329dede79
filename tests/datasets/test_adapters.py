"""One body for every adapter, and the two that read our own tables."""

import re
from pathlib import Path

import pandas as pd
import pytest

from mammo_core.datasets.adapters import ADAPTERS, csv_folder, phantom_set
from mammo_core.datasets.adapters.adapter import Adapter
from mammo_core.datasets.dataset import (
    Registered,
    find_folder,
    fingerprint_of,
    get_adapter,
    read_dataset,
    register,
)
from mammo_core.errors import TableError, UnknownNameError
from mammo_core.files import datasets_root
from tests.datasets.builders.women import BUILDERS
from tests.phantoms import put_phantoms

ROW = {"path": "a/1.png", "patient_id": "P1", "side": "left", "view": "cc", "label": "1"}


def write_rows(folder: Path, *rows: dict[str, str]) -> Path:
    pd.DataFrame(rows).to_csv(folder / "manifest.csv", index=False)
    return folder


@pytest.mark.parametrize("listed", ADAPTERS, ids=lambda listed: listed.name)
def test_every_adapter_explains_itself_and_refuses_an_empty_folder_in_words(
    listed: Adapter, tmp_path: Path
) -> None:
    assert listed.title
    assert listed.expects
    assert listed.licence
    assert len({rule.name for rule in listed.label_rules}) == len(listed.label_rules) > 0
    assert not listed.recognise(tmp_path).is_match
    with pytest.raises(TableError):
        listed.read(tmp_path, listed.label_rules[0])


def test_names_are_unique() -> None:
    names = [listed.name for listed in ADAPTERS]
    assert len(names) == len(set(names))


def test_sides_views_and_labels_are_spelled_as_in_the_contract(tmp_path: Path) -> None:
    dataset = read_dataset(write_rows(tmp_path, ROW))
    row = dataset.manifest.iloc[0]
    assert dataset.adapter is csv_folder.ADAPTER
    assert (row["side"], row["view"], row["label"]) == ("L", "CC", "cancer")
    assert (row["image_id"], row["group_id"]) == ("a/1.png", "P1")
    assert dataset.boxes.empty


def test_an_empty_label_stays_unknown(tmp_path: Path) -> None:
    dataset = read_dataset(write_rows(tmp_path, ROW | {"label": ""}))
    assert dataset.manifest["label"].isna().all()


def test_a_label_outside_the_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="The label 'malignat' is none of this task's classes"):
        read_dataset(write_rows(tmp_path, ROW | {"label": "malignat"}))


def test_every_image_with_a_box_has_a_label_for_the_search_of_lesions(tmp_path: Path) -> None:
    rows = [ROW | {"image_id": "1", "label": ""}, ROW | {"image_id": "2", "path": "a/2.png"}]
    folder = write_rows(tmp_path, *rows)
    (folder / "boxes.csv").write_text("image_id,x0,y0,x1,y1\n1,0,0,8,8\n9,0,0,8,8\n")
    dataset = read_dataset(folder, label_rule="lesion")
    assert dataset.manifest["label"].tolist() == ["lesion", "no lesion"]
    assert dataset.boxes["image_id"].tolist() == ["1"]
    assert dataset.defects[0].rows == ("9",)


def test_without_boxes_nobody_knows_which_image_holds_a_lesion(tmp_path: Path) -> None:
    dataset = read_dataset(write_rows(tmp_path, ROW), label_rule="lesion")
    assert dataset.manifest["label"].isna().all()


def test_one_image_in_two_rows_is_refused(tmp_path: Path) -> None:
    rows = [ROW | {"label": "1"}, ROW | {"label": "0"}]
    with pytest.raises(TableError, match="1 images appear more than once"):
        read_dataset(write_rows(tmp_path, *rows))


@pytest.mark.parametrize("path", ["../secret.png", "/etc/secret.png", "a\\..\\..\\b", "C:\\x.png"])
def test_a_path_out_of_the_folder_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(TableError, match="leads out of the data set's folder"):
        read_dataset(write_rows(tmp_path, ROW | {"path": path}))


def test_phantoms_are_recognised_before_a_mere_manifest(tmp_path: Path) -> None:
    put_phantoms(tmp_path, women=3, seed=1, size=(64, 32))
    dataset = read_dataset(tmp_path)
    assert dataset.adapter is phantom_set.ADAPTER
    assert len(dataset.manifest) == 12
    assert dataset.manifest["label"].value_counts().to_dict() == {"no cancer": 10, "cancer": 2}
    assert set(dataset.boxes["image_id"]) <= set(dataset.manifest["image_id"])
    assert all((tmp_path / path).exists() for path in dataset.manifest["path"])


def test_a_folder_of_nothing_known_lists_what_could_be_read(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="none of the data sets known here"):
        read_dataset(tmp_path)


def test_an_unknown_adapter_and_an_unknown_rule_list_the_known(tmp_path: Path) -> None:
    folder = write_rows(tmp_path, ROW)
    with pytest.raises(UnknownNameError, match="no data set adapter named 'rsna2'"):
        read_dataset(folder, "rsna2")
    with pytest.raises(UnknownNameError, match="Known: as-written"):
        read_dataset(folder, "csv_folder", "biopsy")


def test_a_missing_folder_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="There is no folder"):
        read_dataset(tmp_path / "gone")


def test_a_registered_name_wins_over_a_folder_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path))
    entry = Registered(name="mine", folder="/disk/x", adapter="csv_folder", label_rule="as-written")
    register(datasets_root(), entry)
    assert find_folder("mine") == Path("/disk/x")
    assert find_folder("data/mine") == Path("data/mine")


def test_the_fingerprint_knows_labels_but_not_the_order_of_rows(tmp_path: Path) -> None:
    rows = [ROW, ROW | {"path": "a/2.png"}]
    manifest = read_dataset(write_rows(tmp_path, *rows)).manifest
    assert fingerprint_of(manifest) == fingerprint_of(manifest.iloc[::-1])
    relabelled = manifest.assign(label=["cancer", "no cancer"])
    assert fingerprint_of(manifest) != fingerprint_of(relabelled)


@pytest.mark.parametrize("adapter", BUILDERS)
def test_sets_without_a_single_box_are_read_by_every_rule(adapter: str, tmp_path: Path) -> None:
    BUILDERS[adapter](tmp_path)
    for rule in get_adapter(adapter).label_rules:
        assert len(read_dataset(tmp_path, adapter, rule.name).manifest)


def test_every_adapter_that_is_written_is_listed() -> None:
    folder = Path(csv_folder.__file__).parent
    written = [
        name
        for path in folder.glob("*.py")
        for name in re.findall(r"= Adapter\(\s+name=\"(\w+)\"", path.read_text(encoding="utf-8"))
    ]
    assert sorted(written) == sorted(listed.name for listed in ADAPTERS)
