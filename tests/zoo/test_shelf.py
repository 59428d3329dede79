"""Which weights lie here for a backbone, and what is said of those that do not."""

from pathlib import Path

import pytest

from mammo_core.errors import CheckpointError
from mammo_core.zoo.shelf import how_to_get, shelf_of


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path))
    (tmp_path / "weights").mkdir()
    return tmp_path / "weights"


def test_an_empty_shelf_names_what_could_be_had_and_how(weights: Path) -> None:
    shelf = shelf_of("resnet50")
    assert shelf.here == ()
    assert [entry.name for entry in shelf.missing] == ["resnet50-imagenet", "resnet50-radimagenet"]
    assert "mammo weights fetch resnet50-imagenet" in how_to_get(shelf.missing[0])
    assert "radimagenet.com" in how_to_get(shelf.missing[1])


def test_weights_lie_under_their_own_backbone_alone(weights: Path) -> None:
    (weights / "resnet18-imagenet.safetensors").touch()
    (weights / "ours.safetensors").touch()
    (weights / "ours.json").write_text('{"backbone": "resnet18"}')
    (weights / "unknown.safetensors").touch()
    assert shelf_of("resnet18").here == ("ours", "resnet18-imagenet")
    assert shelf_of("resnet18").missing == ()
    assert shelf_of("resnet34").here == ()


def test_a_network_from_scratch_has_no_weights_to_be_had(weights: Path) -> None:
    assert shelf_of("light_cnn") == shelf_of("conv2")
    assert shelf_of("light_cnn").missing == ()


def test_a_broken_record_says_what_to_do(weights: Path) -> None:
    (weights / "ours.safetensors").touch()
    (weights / "ours.json").write_text("{")
    with pytest.raises(CheckpointError, match="Import the weights ours again"):
        shelf_of("resnet18")
