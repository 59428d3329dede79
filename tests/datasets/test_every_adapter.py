"""One body for every layout: the right adapter reads it right, and says what it stumbled over."""

import shutil
from pathlib import Path

import pytest

from mammo_core.datasets.adapters import ADAPTERS
from mammo_core.datasets.dataset import get_label_rule, read_dataset, recognise_adapter
from mammo_core.errors import TableError
from mammo_core.preprocessing.reading.peek import peek
from tests.datasets.builders import FIXTURES
from tests.datasets.builders.fixture import Fixture


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("layouts")


@pytest.fixture(params=FIXTURES, ids=lambda fixture: fixture.name, scope="module")
def layout(request: pytest.FixtureRequest, root: Path) -> tuple[Fixture, Path]:
    folder = root / request.param.name
    folder.mkdir()
    request.param.build(folder)
    return request.param, folder


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))


def test_the_layout_is_recognised(layout: tuple[Fixture, Path]) -> None:
    fixture, folder = layout
    assert recognise_adapter(folder).name == fixture.adapter


def test_every_rule_labels_as_many_images_as_it_must(layout: tuple[Fixture, Path]) -> None:
    fixture, folder = layout
    rules = {rule.name for rule in recognise_adapter(folder).label_rules}
    assert rules == set(fixture.labels)
    for rule, labels in fixture.labels.items():
        dataset = read_dataset(folder, label_rule=rule)
        assert dataset.manifest["label"].value_counts().to_dict() == labels
        assert get_label_rule(dataset.adapter, rule).title.endswith(".")


def test_rows_are_images_and_groups_are_women(layout: tuple[Fixture, Path]) -> None:
    fixture, folder = layout
    manifest = read_dataset(folder).manifest
    assert len(manifest) == fixture.images
    assert manifest["group_id"].nunique() == fixture.groups
    assert manifest["split"].value_counts().to_dict() == fixture.splits
    assert manifest["path"].is_unique


def test_every_file_of_the_manifest_is_there(layout: tuple[Fixture, Path]) -> None:
    _, folder = layout
    paths = read_dataset(folder).manifest["path"]
    assert [path for path in paths if not (folder / path).is_file()] == []


def test_boxes_belong_to_images(layout: tuple[Fixture, Path]) -> None:
    fixture, folder = layout
    dataset = read_dataset(folder)
    assert len(dataset.boxes) == fixture.boxes
    assert set(dataset.boxes["image_id"]) <= set(dataset.manifest["image_id"])
    assert (dataset.boxes["x1"] > dataset.boxes["x0"]).all()


def test_known_defects_come_with_the_rows_they_touch(layout: tuple[Fixture, Path]) -> None:
    fixture, folder = layout
    defects = read_dataset(folder).defects
    assert {defect.name: len(defect.rows) for defect in defects} == fixture.defects
    assert all(defect.sentence.endswith(".") for defect in defects)


def test_a_missing_part_is_named(layout: tuple[Fixture, Path], tmp_path: Path) -> None:
    fixture, folder = layout
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    needed = copy / fixture.needed
    shutil.rmtree(needed) if needed.is_dir() else needed.unlink()
    adapter = next(a for a in ADAPTERS if a.name == fixture.adapter)
    signs = adapter.recognise(copy)
    if signs.is_match:  # one of several folders of a kind: the rest is a data set of its own
        assert len(read_dataset(copy).manifest) < fixture.images
    else:
        assert signs.missing or not signs.found
        with pytest.raises(TableError, match="Expected: "):
            adapter.read(copy, adapter.label_rules[0])


def test_sizes_can_be_told_without_decoding(layout: tuple[Fixture, Path]) -> None:
    _, folder = layout
    first = read_dataset(folder).manifest["path"].iloc[0]
    (seen,) = peek([folder / first])
    assert seen is not None
    assert min(seen.size) >= 64
