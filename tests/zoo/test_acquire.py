import json
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mammo_core.cli import main
from mammo_core.config import ModelConfig
from mammo_core.errors import CheckpointError
from mammo_core.files import sha256_of
from mammo_core.types import CANCER
from mammo_core.zoo.acquire import fetch, import_file
from mammo_core.zoo.build import build_model
from mammo_core.zoo.shelf import Provenance, provenance_of
from mammo_core.zoo.weights import load_weights


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def state(backbone: str, *, channels: int = 3) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    model = build_model(ModelConfig(backbone=backbone), task=CANCER, channels=channels)
    return dict(model.trunk.state_dict())


def bring(file: Path, *, name: str = "mine") -> Path:
    return import_file(file, backbone="test_resnet", name=name, origin="made up", licence="none")


@pytest.mark.slow
def test_a_pth_is_converted_and_loads_under_its_name(tmp_path: Path, home: Path) -> None:
    weights = state("test_resnet")
    torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in weights.items()}},
               tmp_path / "run.pth")  # fmt: skip
    assert bring(tmp_path / "run.pth") == home / "weights" / "mine.safetensors"
    model = build_model(ModelConfig(backbone="test_resnet"), task=CANCER, channels=3)
    load_weights(model, backbone="test_resnet", name="mine")
    loaded = model.trunk.state_dict()
    assert torch.equal(loaded["layer1.0.conv1.weight"], weights["layer1.0.conv1.weight"])
    record = json.loads((home / "weights" / "mine.json").read_text())
    assert record["backbone"] == "test_resnet"
    assert len(record["sha256"]) == 64


def test_a_pickle_that_would_run_code_is_refused_and_runs_none(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    code = f"cposix\nsystem\n(S'touch {mark}'\ntR.".encode()
    with zipfile.ZipFile(tmp_path / "evil.pth", "w") as archive:
        archive.writestr("archive/data.pkl", code)
        archive.writestr("archive/version", "3\n")
    with pytest.raises(CheckpointError, match="without running code"):
        bring(tmp_path / "evil.pth")
    assert not mark.exists()


def test_weights_of_another_network_are_not_kept(tmp_path: Path, home: Path) -> None:
    save_file(state("test_convnext"), tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="weights of test_resnet are not in this file"):
        bring(tmp_path / "other.safetensors")
    assert not (home / "weights").exists()


@pytest.mark.parametrize("name", ["../evil", "a/b", "", ".hidden", "a b"])
def test_a_name_that_is_a_path_is_refused(tmp_path: Path, name: str) -> None:
    save_file(state("test_resnet"), tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match="cannot name weights"):
        bring(tmp_path / "w.safetensors", name=name)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """A test's output is no place for a server's log."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    """A hub on this computer that has the weights of ResNet-18."""
    folder = tmp_path / "hub" / "timm" / "resnet18.a1_in1k" / "resolve" / "main"
    folder.mkdir(parents=True)
    save_file(state("resnet18"), folder / "model.safetensors")
    handler = partial(_Quiet, directory=str(tmp_path / "hub"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.slow
def test_weights_are_fetched_once_and_a_change_at_the_hub_is_noticed(
    hub: str, home: Path, tmp_path: Path
) -> None:
    assert fetch("resnet18-imagenet", hub=hub) == home / "weights/resnet18-imagenet.safetensors"
    fetch("resnet18-imagenet", hub=hub)  # the same again is fine
    changed = state("resnet18")
    changed["fc.bias"] += 1.0
    (served,) = (tmp_path / "hub").rglob("model.safetensors")
    save_file(changed, served)
    with pytest.raises(CheckpointError, match="has changed since it was first fetched"):
        fetch("resnet18-imagenet", hub=hub)


def test_a_missing_file_and_no_connection_are_told_in_words(hub: str) -> None:
    with pytest.raises(CheckpointError, match="answered 404"):
        fetch("resnet34-imagenet", hub=hub)
    with pytest.raises(CheckpointError, match=r"cannot be reached .*Without internet"):
        fetch("resnet34-imagenet", hub="http://127.0.0.1:9")
    with pytest.raises(CheckpointError, match=r"cannot be fetched. To have them, ask for it"):
        fetch("resnet50-radimagenet", hub=hub)


def test_the_command_lists_and_imports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_file(state("test_resnet"), tmp_path / "w.safetensors")
    imported = ["weights", "import", str(tmp_path / "w.safetensors"), "--backbone", "test_resnet"]
    assert main(imported) == 0
    assert main(["weights", "list"]) == 0
    listed = capsys.readouterr().out
    assert "test_resnet-w                        here     imported" in listed
    assert "resnet18-imagenet                    fetch" in listed
    assert "resnet50-radimagenet                 by hand" in listed


def test_what_was_told_of_weights_when_they_came_is_known_of_them_later(tmp_path: Path) -> None:
    save_file(state("test_resnet"), tmp_path / "some.safetensors")
    path = bring(tmp_path / "some.safetensors")
    known = provenance_of("test_resnet", "mine")
    assert (known.origin, known.licence) == ("made up", "none")
    assert known.sha256 == sha256_of(path)
    path.with_suffix(".json").unlink()  # copied by hand
    assert provenance_of("test_resnet", "mine") == Provenance(sha256=sha256_of(path))
    assert provenance_of("test_resnet", "random") == Provenance()
