"""`mammo export` and `mammo runs export`: what lies there afterwards, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest

import mammo_core
from mammo_core.cli import main
from mammo_core.runs.card import Metric, read_card, write_card
from mammo_core.runs.folder import RunFolder, RunStatus, card_hash
from mammo_core.runs.operating_points import lock_point, openings_of
from mammo_core.types import Level, RunState, Split
from mammo_core.words import NOTICE
from mammo_core.zoo.openvino import load_network
from tests.full_disk import room_for
from tests.inference.made_up import write_checkpoint
from tests.reports.read_cases import POINT


@pytest.fixture(autouse=True)
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RunFolder:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    run = RunFolder(tmp_path / "runs" / "mine")
    run.path.mkdir(parents=True)
    write_checkpoint(run.path)
    run.write_status(RunStatus(state=RunState.FINISHED))
    return run


def test_a_folder_holds_the_network_and_all_that_its_scores_need(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock_point(run, replace(POINT, card_sha256=card_hash(run)))
    out = tmp_path / "out"
    assert main(["export", "mine", "--onnx", str(out)]) == 0
    assert "Logits differ from torch's by at most" in capsys.readouterr().out
    assert {path.name for path in out.iterdir()} == {
        "model.onnx", "settings.json", "model_card.json", "README.md",
    }  # fmt: skip
    told = json.loads((out / "settings.json").read_text())
    assert told["notice"] == NOTICE
    assert told["threshold"]["threshold"] == POINT.threshold
    assert told["prepare"]["size"] == [64, 32]
    shape = told["input"]["shape"]
    batch = np.zeros((3, *shape[1:]), dtype=np.float32)
    found = load_network(out / "model.onnx", "fp32")([batch])
    assert [one.shape for one in found] == [(3, 2), (3, 2), (3,)]
    assert [one.by for one in openings_of(run)] == ["mammo export"]


def test_a_file_has_the_others_beside_it_under_its_own_name(tmp_path: Path) -> None:
    assert main(["export", "mine", "--onnx", str(tmp_path / "net.onnx")]) == 0
    made = {path.name for path in tmp_path.glob("net*")}
    assert made == {"net.onnx", "net-settings.json", "net-model_card.json", "net-readme.md"}
    told = json.loads((tmp_path / "net-settings.json").read_text())
    assert (
        told["threshold"]
        == "None is locked: choose one on the Thresholds page or with `mammo lock`."
    )
    assert not list(tmp_path.glob(".exporting-*"))


def test_a_monai_bundle_is_laid_out_as_one_is(tmp_path: Path) -> None:
    assert main(["export", "mine", "--monai", str(tmp_path / "bundle")]) == 0
    files = {
        path.relative_to(tmp_path / "bundle").as_posix()
        for path in (tmp_path / "bundle").rglob("*")
        if path.is_file()
    }
    assert files == {
        "configs/metadata.json", "configs/inference.json", "configs/settings.json",
        "configs/model_card.json", "models/model.ts", "docs/README.md", "docs/data_license.txt",
    }  # fmt: skip
    told = json.loads((tmp_path / "bundle/configs/metadata.json").read_text())
    assert told["network_data_format"]["inputs"]["image"]["spatial_shape"] == [64, 32]
    assert NOTICE in told["description"]
    asked = (tmp_path / "bundle/configs/inference.json").read_text()
    used = {name for name in mammo_core.__all__ if f"mammo_core.{name}" in asked}
    assert used == {"read_card", "read_mammogram", "prepare"}


def test_the_card_is_read_by_the_library_of_the_hub(run: RunFolder, tmp_path: Path) -> None:
    figure = Metric(
        name="auc", level=Level.IMAGE, split=Split.TEST, value=0.75, low=0.5, high=0.875,
        method="made up", positives=4, negatives=6, women=5,
    )  # fmt: skip
    broken = "Women\n---\nlicense: mit"  # what a card says may not end the head of the page
    card = read_card(run.card_file)
    data = replace(card.data, licence=broken)
    write_card(replace(card, metrics=(figure,), data=data), run.card_file)
    out = tmp_path / "README.md"
    assert main(["export", "mine", "--hugging-face", str(out)]) == 0
    read = huggingface_hub.ModelCard(out.read_text(encoding="utf-8"))
    assert (read.data.license, read.data.license_name) == ("other", broken)
    (shown,) = read.data.eval_results or []
    assert shown.metric_value == 0.75
    assert "95 % 0.500 to 0.875; 4 positive, 6 not, 5 women" in str(shown.metric_name)
    assert NOTICE in read.text


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ([], "As what? Use --onnx"),
        (["--onnx", "runs"], "is there already"),
        (["--onnx", "nowhere/model.onnx"], "There is no folder"),
        (["--onnx", "model.pt"], r"ends in .pt; name a file that ends in .onnx"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    asked: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", "mine", *asked]) == 2
    assert said in capsys.readouterr().err


def test_two_views_and_patches_are_no_bundle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pair"
    folder.mkdir()
    write_checkpoint(folder, views=2)
    assert main(["export", str(folder), "--monai", str(tmp_path / "bundle")]) == 2
    assert "looks at two views of a breast at once" in capsys.readouterr().err
    assert main(["export", "ddsm-lesions-mobilenetv2", "--monai", str(tmp_path / "bundle")]) == 2
    assert "looks at patches of images" in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()


def test_an_ensemble_is_refused_and_its_members_are_named(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from mammo_core.metrics.ensemble import Averaging, Ensemble, Member, save_ensemble
    from mammo_core.scores import Recalibration, ScoreMap

    both = RunFolder(tmp_path / "runs" / "both")
    both.path.mkdir()
    both.write_status(RunStatus(state=RunState.FINISHED))
    one = Member(
        run_id="mine",
        weights_sha256="1" * 64,
        score_map=ScoreMap(kind=Recalibration.PLATT, prevalence=0.5),
        reference=(0.1, 0.9),
    )
    save_ensemble(
        Ensemble(method=Averaging.MEAN, members=(one, replace(one, run_id="other"))),
        both.file("members.json"),
    )
    assert main(["export", "both", "--onnx", str(tmp_path / "out")]) == 2
    assert "both is an ensemble, and this command takes one model" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_card_that_finds_no_room_on_the_disk_says_so_and_leaves_no_half(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out" / "README.md"
    out.parent.mkdir()
    with room_for(10):
        assert main(["export", "mine", "--hugging-face", str(out)]) == 2
    assert (
        "mammo export: Nothing more can be written to the folder 'out'" in capsys.readouterr().err
    )
    assert list(out.parent.iterdir()) == []
