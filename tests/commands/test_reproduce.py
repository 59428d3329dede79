import json
import shutil
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from mammo_core.cli import main
from mammo_core.files import shipped_checkpoints_root
from mammo_core.runs.folder import RunFolder, list_runs
from mammo_core.training.reproduction import hold_against
from tests.phantoms import put_phantoms

TINY = [
    "--set", "optim.epochs=1", "--set", "prepare.size=[32, 16]", "--set", "device=cpu",
    "--set", "optim.warmup_epochs=0",
]  # fmt: skip


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[RunFolder, RunFolder]:
    """A run and what stands for the same run, trained again."""
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name in ("first", "again"):
        shutil.copytree(shipped_checkpoints_root() / "phantom-light", tmp_path / "runs" / name)
    return RunFolder(tmp_path / "runs/first"), RunFolder(tmp_path / "runs/again")


def reproduce(*more: str) -> int:
    return main(["reproduce", "first", "--against", "again", *more])


def change_score(run: RunFolder, by: float) -> None:
    head, first, *rest = run.predictions_file.read_text(encoding="utf-8").splitlines()
    cells, names = first.split(","), head.split(",")
    for name, step in (("score", by), ("p_lesion", by), ("p_no lesion", -by)):
        if name in names:
            cells[names.index(name)] = f"{float(cells[names.index(name)]) + step:.6f}"
    run.predictions_file.write_text("\n".join([head, ",".join(cells), *rest]) + "\n")


def change_card(run: RunFolder, part: str, **values: object) -> None:
    document = json.loads(run.card_file.read_text(encoding="utf-8"))
    document[part] |= values
    run.card_file.write_text(json.dumps(document), encoding="utf-8")


def test_equal_runs_are_the_same_bit_for_bit(
    pair: tuple[RunFolder, RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    assert reproduce() == 0
    assert capsys.readouterr().out.startswith("The same bit for bit: all ")


def test_one_other_weight_is_found_though_the_scores_agree(
    pair: tuple[RunFolder, RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    weights = load_file(pair[1].weights_file)
    name = next(key for key, value in weights.items() if value.dtype.kind == "f" and value.ndim)
    weights[name].flat[0] += 2**-10
    save_file(weights, pair[1].weights_file)
    assert not hold_against(*pair).is_exact
    assert reproduce() == 0
    assert "within the tolerance of 0.01" in capsys.readouterr().out


def test_scores_further_apart_than_the_tolerance_are_not_the_same(
    pair: tuple[RunFolder, RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    change_score(pair[1], 0.02)
    change_card(pair[1], "training", device="another", versions={"torch": "0.1"})
    assert reproduce() == 1
    told = capsys.readouterr()
    assert "differ by at most 0.0200, the tolerance is 0.01" in told.out
    assert "on another now." in told.err
    assert "torch" in told.err
    assert reproduce("--tolerance", "0.03") == 0


def test_an_image_that_one_run_alone_scored_is_told(
    pair: tuple[RunFolder, RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = pair[1].predictions_file.read_text(encoding="utf-8").splitlines()
    pair[1].predictions_file.write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
    assert reproduce("--tolerance", "1") == 1
    assert "1 image scored by one of the two runs alone" in capsys.readouterr().out


def test_runs_on_other_data_are_refused(
    pair: tuple[RunFolder, RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    change_card(pair[1], "data", fingerprint="0" * 64)
    assert reproduce() == 2
    assert "other images, labels or splits" in capsys.readouterr().err


@pytest.mark.parametrize("more", [["--against", "again"], []])
@pytest.mark.parametrize(
    ("name", "left", "said"),
    [
        ("weights.safetensors", None, "The weights of first are missing"),
        ("weights.safetensors", "half", "The weights of first cannot be read"),
        ("predictions.csv", None, "There is no predictions table"),
        ("predictions.csv", "half", "The predictions table has no rows"),
    ],
)
def test_a_run_with_nothing_to_compare_is_refused_before_it_is_trained_again(
    name: str,
    left: str | None,
    said: str,
    more: list[str],
    pair: tuple[RunFolder, RunFolder],
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = pair[0].file(name)
    file.unlink()
    if left is not None:
        file.write_text(left)
    assert main(["reproduce", "first", *more]) == 2
    assert said in capsys.readouterr().err
    assert len(list_runs(pair[0].path.parent)) == 2


@pytest.mark.slow
def test_a_training_on_a_processor_comes_out_the_same_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    put_phantoms(tmp_path / "set", women=12)
    data = str(tmp_path / "set")
    assert main(["train", "--recipe", "smoke", "--data", data, *TINY, "--wait"]) == 0
    (run,) = list_runs(tmp_path / "runs")
    shutil.move(data, tmp_path / "moved")
    assert main(["reproduce", run.run_id, "--data", str(tmp_path / "moved")]) == 0
    assert "The same bit for bit" in capsys.readouterr().out
