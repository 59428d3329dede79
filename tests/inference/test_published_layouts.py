"""Files as each group of authors saves them, brought in whole. Every weight is one number."""

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from mammo_core.cli import main
from mammo_core.inference.checkpoint import load_checkpoint
from mammo_core.inference.published import import_published
from mammo_core.runs.card import NEVER_MEASURED, OTHER_FILES
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.types import RunState
from mammo_core.words import NOTICE
from mammo_core.zoo.published import get_published
from tests.inference.made_up import write_checkpoint
from tests.phantoms import put_phantoms
from tests.zoo.published import made

State = dict[str, Tensor]
#: An exam as its authors call it, and an image of another.
EXAM = ("0_L_CC.png", "0_L_MLO.png", "0_R_CC.png", "0_R_MLO.png", "7_L_CC.png")


def of_one(number: float, make: Callable[[], State]) -> State:
    """Its names and shapes, in a file of some kilobytes."""
    with torch.device("meta"):
        table = make()
    return {name: torch.tensor(float(number)).expand(value.shape) for name, value in table.items()}


def rsna_fold(number: int) -> dict[str, object]:
    """What timm's script leaves: the averaged weights beside those of the last step."""
    table = of_one(number, lambda: made.under("module.", dict(made.rsna_fold(0).state_dict())))
    return {
        "epoch": 9,
        "arch": "convnext_small",
        "state_dict": {
            name: torch.tensor(-1.0).expand(value.shape) for name, value in table.items()
        },
        "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 0.1}]},
        "version": 2,
        "args": argparse.Namespace(lr=0.1),
        "amp_scaler": {"scale": 1.0},
        "state_dict_ema": table,
        "metric": 0.5,
    }


def nyu() -> dict[str, object]:
    return {
        "model": of_one(
            0.0,
            lambda: made.nyu_file(
                made.ViewNet(0), made.ViewNet(0), made.nyu_heads(is_by_view=True)
            ),
        )
    }


def gmic() -> State:
    return of_one(0.0, lambda: dict(made.GmicNet().state_dict()))


def direct_pair() -> State:
    return of_one(0.0, lambda: made.petrini_direct_pair_file(made.PetriniPair("cbis")))


def direct_single() -> State:
    return of_one(0.0, lambda: dict(made.petrini_direct_single().state_dict()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("nyu-views", nyu),
        ("gmic-1", gmic),
        ("petrini-one-direct", direct_single),
        ("petrini-two-cbis", direct_pair),
    ],
)
def test_a_file_in_its_authors_layout_becomes_a_checkpoint(
    tmp_path: Path, name: str, content: Callable[[], object]
) -> None:
    [called] = get_published(name).files
    torch.save(content(), tmp_path / called)
    run = import_published(name, [tmp_path / called], tmp_path / "checkpoints")
    card = load_checkpoint(run.path).card
    assert card.training.weights_origin.startswith(f"{get_published(name).where}: {called} (")
    assert NEVER_MEASURED in card.limits
    assert not any(sentence.startswith(OTHER_FILES) for sentence in card.limits)


@pytest.mark.slow
def test_the_three_networks_of_mammoscreen_come_from_one_safetensors_file(tmp_path: Path) -> None:
    table = of_one(0.0, lambda: made.mammoscreen_file(made.mammoscreen()))
    file = tmp_path / "model.safetensors"
    save_file({name: value.clone() for name, value in table.items()}, file)
    run = import_published("mammoscreen", [file], tmp_path / "checkpoints")
    assert run.card().prepare == get_published("mammoscreen").prepare


@pytest.mark.slow
def test_four_folds_come_with_their_averaged_weights_under_whatever_names(tmp_path: Path) -> None:
    files = [tmp_path / f"fold{number}.tar" for number in range(4)]
    for number, file in enumerate(files):
        torch.save(rsna_fold(number), file)
    run = import_published("rsna-first", files, tmp_path / "checkpoints")
    ours = load_checkpoint(run.path).model.trunk.state_dict()
    assert [float(ours[f"nets.{fold}.head.fc.bias"]) for fold in range(4)] == [0, 1, 2, 3]
    [said] = [one for one in run.card().limits if one.startswith(OTHER_FILES)]
    assert "fold0.tar, fold1.tar" in said
    assert "best_convnext_fold_0.pth.tar" in said


@pytest.mark.slow
def test_a_published_model_of_four_views_is_held_beside_ours_on_a_set_with_splits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The machinery on drawn women, with random weights: no number of it says anything."""
    runs = tmp_path / "runs"
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(runs))
    cc, mlo = (made.disturb(made.ViewNet(0), seed, torch.rand(2, 1, 200, 150)) for seed in (5, 6))
    file = tmp_path / "sample_image_model.p"
    torch.save({"model": made.nyu_file(cc, mlo, made.disturb(made.nyu_heads(True), 7))}, file)
    assert main(["published", "import", "nyu-views", str(file)]) == 0
    ours = RunFolder(runs / "ours")
    ours.path.mkdir()
    write_checkpoint(ours.path)
    ours.write_status(RunStatus(state=RunState.FINISHED))
    folder = put_phantoms(tmp_path / "set", women=5)
    manifest = pd.read_csv(folder / "manifest.csv", dtype="string")
    women = manifest["patient_id"].drop_duplicates().tolist()
    is_val = manifest["patient_id"].isin(women[:2])
    manifest.assign(split=is_val.map({True: "val", False: "test"})).to_csv(
        folder / "manifest.csv", index=False
    )
    asked = ["published", "evaluate", "--all", "--data", str(folder), "--against", "ours"]
    assert main([*asked, "--without-cost"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert "6 breasts of 3 women, of the test split, that every model scored; a score is the " in (
        "\n".join(told)
    )
    assert any(line.startswith("nyu-views: AUC ") for line in told)
    assert any(line.startswith("  against ours: ") for line in told)
    assert not any("No validation split" in line for line in told)
    assert told[-1] == NOTICE
    assert NEVER_MEASURED not in RunFolder(runs / "nyu-views").card().limits
    files = []
    for picture, name in zip(sorted((folder / "images").glob("*.png")), EXAM, strict=False):
        files.append(str(shutil.copy(picture, tmp_path / name)))
    assert main(["published", "verify", "nyu-views", *files]) == 1
    lines = capsys.readouterr().out.splitlines()[-len(EXAM) :]
    assert [line.split(":")[0].split()[0] for line in lines] == ["ANOTHER"] * 4 + ["not"]
    assert lines[0].endswith("0.0091 documented; the same is within 0.05")
    assert lines[-1].startswith("not compared  7_L_CC.png: no score of an image of this name")
