"""The folds of a cross-validation as one checkpoint, trained on phantoms in seconds."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from mammo_core.cli import main
from mammo_core.config import DataConfig, ModelConfig, OptimConfig, PrepareSettings, RunConfig
from mammo_core.datasets.predictions import read_predictions
from mammo_core.errors import CheckpointError, ConfigError, RunError, TableError
from mammo_core.files import checkpoints_root
from mammo_core.inference.checkpoint import load_checkpoint
from mammo_core.inference.interpretation import familiarity, make_reference
from mammo_core.metrics.calibration import ScoreMap, map_scores
from mammo_core.metrics.cases import pool_cases
from mammo_core.metrics.ensemble import make_fold
from mammo_core.runs.card import write_card
from mammo_core.runs.folder import BASELINES_NAME, RunFolder, card_hash
from mammo_core.runs.measured import (
    Fidelity,
    MeasuredRate,
    add_fidelity,
    fidelity_of,
    stress_of,
)
from mammo_core.runs.operating_points import (
    MODEL_POINTS_FILE,
    POINTS_FILE,
    locked_points,
    openings_of,
)
from mammo_core.runs.sidecars import read_embeddings, read_seen
from mammo_core.shipping.packing import Wording, _carried, pack, pack_single
from mammo_core.shipping.recount import Recounted, Sources, recount
from mammo_core.training.outcome import LIMITS
from mammo_core.training.series import create_series, fold_configs, members_of
from mammo_core.training.session import train
from mammo_core.types import Level, Split
from tests.phantoms import put_phantoms

pytestmark = pytest.mark.slow

FOLDS = 3
NOW = "2026-01-01T00:00:00+00:00"


def settings(folder: Path) -> RunConfig:
    return RunConfig(
        data=DataConfig(
            folder=str(folder), adapter="phantom_set", label_rule="lesion", val_fraction=0.4
        ),
        model=ModelConfig(backbone="timm:test_efficientnet", pooling="avgmax"),
        prepare=PrepareSettings(size=(64, 32)),
        optim=OptimConfig(epochs=1, batch_size=8, learning_rate=3e-3),
        device="cpu",
    )


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, list[RunFolder]]:
    """The checkpoint, and the folds it was made of."""
    root = tmp_path_factory.mktemp("packing")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAMMO_HOME", str(root / "home"))
        patch.setenv("MAMMO_CHECKPOINTS", str(root / "runs"))
        put_phantoms(root / "women", women=24)
        configs = fold_configs(settings(root / "women"), FOLDS)
        runs = create_series(configs, checkpoints_root())
        for run in runs[:-1]:
            train(run)
        with pytest.raises(RunError, match=r"2 of 3 folds .* not fold 3 \(.*, not started\)"):
            pack(configs[0].series, "joined", source=checkpoints_root(), root=root, report=_quiet)
        train(runs[-1])
        told = main(["checkpoints", "pack", runs[0].run_id, "--name", "joined", "--out", str(root)])
        assert told == 0
        return RunFolder(root / "joined"), members_of(configs[0].series, checkpoints_root())


def fidelity_of_nobody(card_sha256: str) -> Fidelity:
    rate = MeasuredRate(
        value=0.5, low=None, high=None, chance=0.1, gain=0.4, gain_low=None, gain_high=None
    )
    return Fidelity(
        method="grad_cam", dataset="films", split="all", images=1, women=1, pointing=rate,
        energy=rate, overlap=rate, deletion=rate, insertion=rate, likeness=0.0, likeness_low=None,
        likeness_high=None, pointing_of_shuffled=0.0, seed=0, measured_at=NOW,
        card_sha256=card_sha256,
    )  # fmt: skip


def _quiet(done: int, total: int, message: str) -> None:
    """Nobody watches."""


def meaning_of(folds: list[RunFolder]) -> ScoreMap:
    """One map for all, by the validation women of each as its own network scored them."""
    parts = [read_predictions(fold.predictions_file) for fold in folds]
    table = pd.concat(
        part.assign(image_id=part["image_id"] + str(number), model_id="all")
        for number, part in enumerate(parts)
    )
    val = table[table["split"] == Split.VAL]
    return make_fold(pool_cases(val, Level.IMAGE), run_id="x", weights_sha256="y").score_map


def test_every_woman_was_scored_by_the_member_that_never_saw_her(
    packed: tuple[RunFolder, list[RunFolder]],
) -> None:
    run, folds = packed
    table = read_predictions(run.predictions_file).set_index("image_id")
    assert len(table) == 96
    assert table["split"].isna().all()
    score_map = meaning_of(folds)
    for number, fold in enumerate(folds):
        own = read_predictions(fold.predictions_file)
        test = own[own["split"] == Split.TEST]
        wanted = map_scores(test["score"].to_numpy(dtype=float), score_map)
        rows = table.loc[test["image_id"]]
        assert set(rows["fold"]) == {number}
        np.testing.assert_allclose(rows["score"], wanted, atol=0.01)  # 16 bits


def test_packing_is_a_look_at_the_test_results_it_tells(
    packed: tuple[RunFolder, list[RunFolder]],
) -> None:
    run, folds = packed
    for looked_at in (run, *folds):
        assert openings_of(looked_at)[0].by == "mammo checkpoints pack"


def test_its_card_tells_whose_figures_they_are_and_its_weights_are_small(
    packed: tuple[RunFolder, list[RunFolder]],
) -> None:
    run, folds = packed
    card = run.card()
    assert card.model.members == FOLDS
    assert {metric.level for metric in card.metrics} == {Level.IMAGE, Level.BREAST}
    assert sum(metric.women for metric in card.metrics if metric.level is Level.IMAGE) == 24
    assert any("measured on nobody" in limit for limit in card.limits)
    assert card.heatmap_peak is not None
    whole = sum(fold.weights_file.stat().st_size for fold in folds)
    assert run.weights_file.stat().st_size < 0.62 * whole
    state = load_file(run.weights_file)
    assert state["trunk.members.0.conv_stem.weight"].dtype == torch.float16


def test_it_knows_all_women_as_women_it_learnt_from(
    packed: tuple[RunFolder, list[RunFolder]],
) -> None:
    seen = read_seen(packed[0])
    assert seen is not None
    assert seen["group_id"].nunique() == 24
    assert set(seen["split"]) == {"train"}
    assert set(seen["dataset"]) == {"women"}  # no folder of this computer


def test_familiarity_is_told_by_a_few_numbers_of_one_member(
    packed: tuple[RunFolder, list[RunFolder]],
) -> None:
    run, _ = packed
    checkpoint = load_checkpoint(run.path)
    kept = read_embeddings(run, checkpoint.card)
    assert kept is not None
    assert kept.vectors.shape[1] <= 64
    assert set(kept.images["split"]) == {"train", "val"}
    reference = make_reference(kept)
    assert reference is not None
    with torch.no_grad():
        seen = checkpoint.model.embed(
            checkpoint.model.features(torch.full((1, 1, 64, 32), 40.0))
        ).numpy()[0]
    assert familiarity(seen, reference).is_unlike


def test_it_reads_as_the_mean_of_its_members(packed: tuple[RunFolder, list[RunFolder]]) -> None:
    run, folds = packed
    images = torch.randn(2, 1, 64, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        said = load_checkpoint(run.path).model(images)
        odds, score_map = [], meaning_of(folds)
        for fold in folds:
            logits = load_checkpoint(fold.path).model(images)
            odds.append((logits[:, 1] - logits[:, 0]) * score_map.slope + score_map.intercept)
    wanted = torch.stack(odds).mean(dim=0)
    torch.testing.assert_close(said[:, 1] - said[:, 0], wanted, atol=0.02, rtol=0.02)


def test_a_name_that_is_taken_is_refused(packed: tuple[RunFolder, list[RunFolder]]) -> None:
    run, folds = packed
    with pytest.raises(RunError, match="checkpoint joined already"):
        pack_single(folds[0], "joined", root=run.path.parent)


def test_a_name_is_never_a_way_out_of_the_folder(
    packed: tuple[RunFolder, list[RunFolder]], tmp_path: Path
) -> None:
    for name in ("../out", "/tmp/out", "a/b", ".hidden", ""):
        with pytest.raises(RunError, match="cannot be called"):
            pack_single(packed[1][0], name, root=tmp_path / "here")
    assert not list(tmp_path.rglob("*.safetensors"))


def test_other_images_than_it_was_made_of_are_refused(
    packed: tuple[RunFolder, list[RunFolder]], tmp_path: Path
) -> None:
    """Of more women the folds are dealt otherwise, and a member would meet women it learnt from."""
    put_phantoms(tmp_path / "women", women=24, seed=1)
    run = RunFolder(tmp_path / "joined")
    shutil.copytree(packed[0].path, run.path)
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}
    with pytest.raises(RunError, match="not the images joined was made of"):
        recount(
            run, Sources(folder=str(tmp_path / "women")), is_written=True, now=NOW, report=_quiet
        )
    assert {path.name: path.read_bytes() for path in run.path.iterdir()} == before


def test_what_was_said_of_a_leaky_fold_is_said_of_all_together(
    packed: tuple[RunFolder, list[RunFolder]],
) -> None:
    run, folds = packed
    assert not any(limit.startswith("Epoch") for limit in run.card().limits)
    cards = [fold.card() for fold in folds]
    leaky = replace(cards[1], limits=("Leaky: three women.", *cards[1].limits))
    assert list(_carried([cards[0], leaky], besides=LIMITS["synthetic"])) == ["Leaky: three women."]


@pytest.mark.parametrize("members", [0, -1, 2, 1_000_000])
def test_a_card_that_claims_other_members_than_its_weights_have_is_refused(
    packed: tuple[RunFolder, list[RunFolder]], tmp_path: Path, members: int
) -> None:
    run = RunFolder(tmp_path / "joined")
    shutil.copytree(packed[0].path, run.path)
    card = run.card()
    write_card(replace(card, model=replace(card.model, members=members)), run.card_file)
    with pytest.raises(CheckpointError, match=r"its weights of 3|must be between"):
        load_checkpoint(run.path)


def test_locks_and_heatmaps_that_are_kept_are_not_lost(
    packed: tuple[RunFolder, list[RunFolder]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(tmp_path / "runs" / "joined")
    shutil.copytree(packed[0].path, run.path)
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    assert main(["lock", "joined", "--aim", "fixed:0.4", "--pooling", "mean"]) == 0
    (own,) = locked_points(run)
    women = str(packed[0].path.parent / "women")
    recount(run, Sources(folder=women), is_written=True, now=NOW, report=_quiet)
    (kept,) = locked_points(run)
    assert (kept.threshold, kept.pooling, kept.locked_at) == (0.4, "mean", own.locked_at)
    write_card(replace(run.card(), metrics=()), run.card_file)
    add_fidelity(run, fidelity_of_nobody(card_hash(run)))
    recount(run, Sources(folder=women), is_written=True, now=NOW, report=_quiet)
    assert run.card().metrics
    assert [one.dataset for one in fidelity_of(run)] == ["films"]


def test_networks_that_read_together_are_not_trained_together(tmp_path: Path) -> None:
    config = settings(tmp_path)
    with pytest.raises(ConfigError, match="trained one by one"):
        replace(config, model=replace(config.model, members=3)).check()


def test_every_figure_of_a_card_can_be_counted_again(
    packed: tuple[RunFolder, list[RunFolder]], tmp_path: Path
) -> None:
    run = RunFolder(tmp_path / "joined")
    shutil.copytree(packed[0].path, run.path)
    women = str(packed[0].path.parent / "women")
    assert run.settings(RunConfig).data.folder == "women"  # its name, and no place
    sources = Sources(folder=women, boxes=women)

    def count(*, is_written: bool) -> list[Recounted]:
        return recount(run, sources, is_written=is_written, now=NOW, report=_quiet)

    with pytest.raises(TableError, match="learnt from all 24 women of women"):
        count(is_written=True)
    assert not locked_points(run)  # nothing is kept of what could not be counted whole
    sources = Sources(folder=women)
    count(is_written=True)
    points = locked_points(run)
    assert {(point.split, point.comes_with_model) for point in points} == {("", True)}
    run.file(MODEL_POINTS_FILE).rename(run.file(POINTS_FILE))  # as packed before they lay apart
    count(is_written=True)
    assert locked_points(run) == points
    assert stress_of(run)[0].split == "out of fold"
    guesses = read_predictions(run.file(BASELINES_NAME))
    own = guesses[guesses["model_id"] == "baseline: grey levels"]
    assert own["image_id"].nunique() == len(own) == 96
    assert [one for one in count(is_written=False) if not one.is_same] == []

    card = run.card()
    better = replace(card.metrics[0], value=card.metrics[0].high)
    write_card(replace(card, metrics=(better, *card.metrics[1:])), run.card_file)
    scores = [name for name in guesses if str(name).startswith(("score", "p_"))]
    swapped = [own[own["positive"]]["score"].idxmax(), own[~own["positive"]]["score"].idxmin()]
    guesses.loc[swapped, scores] = guesses.loc[swapped[::-1], scores].to_numpy()
    guesses.to_csv(run.file(BASELINES_NAME), index=False)
    (flattered, *others) = [one for one in count(is_written=False) if not one.is_same]
    assert flattered.kept == card.metrics[0].high
    assert flattered.name.startswith("auc by image")
    assert any(one.name == "baseline: grey levels by image: value" for one in others)


def test_the_command_tells_what_differs(
    packed: tuple[RunFolder, list[RunFolder]], capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(packed[0].path.parent))
    women = str(packed[0].path.parent / "women")
    assert main(["card", "joined", "--data", women]) == 1
    assert "figures are as counted" in capsys.readouterr().out
    assert [one.by for one in openings_of(packed[0])] == ["mammo checkpoints pack", "mammo card"]


def test_the_card_in_words_is_counted_again_and_written_with_the_card(
    packed: tuple[RunFolder, list[RunFolder]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    run = RunFolder(tmp_path / "runs" / "joined")
    shutil.copytree(packed[0].path, run.path)
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    words, women = run.file("CARD.md"), packed[0].path.parent / "women"
    command = ["card", "joined", "--data", str(women)]
    words.write_text("# Model card of another day\n", encoding="utf-8")
    put_phantoms(tmp_path / "films", women=4, seed=1)
    boxes = ["--boxes", str(tmp_path / "films"), "--box-rule", "lesion"]
    add_fidelity(run, fidelity_of_nobody(card_hash(run)))
    assert main([*command, *boxes, "--write"]) == 0
    (measured,) = fidelity_of(run)  # in place of what was known of that set
    assert measured.images > 1
    assert main(["report", "joined", "--card", "--out", str(tmp_path / "card.md")]) == 0
    told = words.read_text(encoding="utf-8")
    assert told == (tmp_path / "card.md").read_text(encoding="utf-8")
    assert "## Stress" in told
    capsys.readouterr()
    assert main(command) == 0
    assert "lines are as they would be written now" in capsys.readouterr().out
    other = told.replace("| out of fold | 24 |", "| out of fold | 23 |")
    words.write_text(other, encoding="utf-8")
    assert other != told
    assert main(command) == 1
    assert "CARD.md: kept | out of fold | 23 |" in capsys.readouterr().out
    assert words.read_text(encoding="utf-8") == other


def test_a_run_that_stands_alone_is_packed_without_the_files_of_single_women(
    packed: tuple[RunFolder, list[RunFolder]], tmp_path: Path
) -> None:
    _, folds = packed
    wording = Wording(title="Films", licence="Owed to X", imaging="film")
    alone = pack_single(folds[0], "alone", root=tmp_path, wording=wording)
    assert {path.name for path in alone.path.iterdir()} == {
        "model_card.json", "run.json", "seen.csv", "status.json", "weights.safetensors",
    }  # fmt: skip
    card = alone.card()
    assert (card.model_id, card.data.seen) == ("alone", "film")
    assert (card.data.licence, card.title) == ("Owed to X", "test_efficientnet, Films")
    images = torch.randn(2, 1, 64, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        before, after = (load_checkpoint(run.path).model(images) for run in (folds[0], alone))
    torch.testing.assert_close(before, after, atol=0.02, rtol=0.02)
    with pytest.raises(RunError, match="checkpoint alone already"):
        pack_single(folds[0], "alone", root=tmp_path)
