"""The checkpoint that ships: small, honest about what it is, and as good as it says."""

import re
from pathlib import Path

import pytest

from mammo_core.cli import main
from mammo_core.datasets.predictions import read_predictions
from mammo_core.files import REPOSITORY, shipped_checkpoints_root
from mammo_core.inference.checkpoint import Checkpoint, load_checkpoint
from mammo_core.metrics.cases import Cases, Pooling, pool_cases
from mammo_core.metrics.multiclass import report_classes
from mammo_core.metrics.threshold import Aim, choose_threshold
from mammo_core.metrics.uncertainty import IntervalMethod, auc_with_interval
from mammo_core.runs.card import KAPPA
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.measured import stress_of
from mammo_core.runs.operating_points import locked_points
from mammo_core.runs.sidecars import read_embeddings
from mammo_core.training.outcome import LEFT_OUT_WOMEN
from mammo_core.types import Level, RunState, Split

FOLDER = shipped_checkpoints_root() / "phantom-light"
SHIPPED = {
    "run.json", "status.json", "metrics.jsonl", "predictions.csv", "model_card.json",
    "weights.safetensors", "embeddings.safetensors", "model_points.jsonl",
}  # fmt: skip


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return load_checkpoint(FOLDER)


def test_it_is_whole_and_under_one_megabyte() -> None:
    files = {path.name: path for path in FOLDER.iterdir()}
    assert files.keys() >= SHIPPED
    assert sum(files[name].stat().st_size for name in SHIPPED) < 1_000_000
    assert RunFolder(FOLDER).read_status().state is RunState.FINISHED


def test_its_card_says_that_it_knows_nothing_of_women(checkpoint: Checkpoint) -> None:
    assert checkpoint.card.model_id == FOLDER.name
    assert checkpoint.card.data.seen == "synthetic"
    assert "knows nothing of women" in checkpoint.card.limits[0]
    assert checkpoint.card.heatmap_peak


def test_its_predictions_are_as_good_as_is_said() -> None:
    estimate = auc_with_interval(judged_cases(FOLDER.name, Level.BREAST))
    assert estimate.method is IntervalMethod.NEWCOMBE  # of 33 women with cancer
    assert estimate.value >= 0.85
    assert estimate.low > 0.8


def test_its_threshold_is_that_of_nine_in_ten_found_among_its_validation_women() -> None:
    every = locked_points(RunFolder(FOLDER))  # also what whoever tests it has locked
    (point,) = [one for one in every if one.comes_with_model]
    table = read_predictions(FOLDER / "predictions.csv")
    cases = pool_cases(table[table["split"] == Split.VAL], Level.BREAST)
    found = choose_threshold(cases, Aim.SENSITIVITY, 0.9)
    assert point.comes_with_model
    assert (point.level, point.pooling, point.split) == (Level.BREAST, Pooling.MAX, Split.VAL)
    assert (point.threshold, point.aim) == (found.threshold, "sensitivity at least 0.9")
    assert (point.promise.found, point.promise.left_alone) == (
        found.true_positives,
        found.true_negatives,
    )


def judged_cases(name: str, level: Level) -> Cases:
    """As the pages count them: the test women, or all where each was scored out of fold."""
    table = read_predictions(shipped_checkpoints_root() / name / "predictions.csv")
    tested = table[(table["split"] == Split.TEST).fillna(value=False)]
    return pool_cases(tested if len(tested) else table, level)


@pytest.mark.parametrize("name", ["phantom-light", "rsna-density", "rsna-mobilenetv2"])
def test_every_auc_of_a_card_that_ships_is_the_one_that_pages_and_docs_show(name: str) -> None:
    docs = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
    aucs = [one for one in RunFolder(shipped_checkpoints_root() / name).card().metrics
            if one.name == "auc"]  # fmt: skip
    assert {one.level for one in aucs} == {Level.IMAGE, Level.BREAST}
    for told in aucs:
        shown = auc_with_interval(judged_cases(name, told.level))
        assert told.method == shown.method
        assert (told.value, told.low, told.high) == pytest.approx(
            (shown.value, shown.low, shown.high)
        )
        assert (told.positives, told.negatives) == (shown.positives, shown.negatives)
        words = f"{shown.value:.3f} (95 % {shown.low:.3f} to {shown.high:.3f}; {shown.method})"
        assert words in docs


def test_the_kappas_of_the_density_card_are_those_of_its_section_on_classes() -> None:
    run = RunFolder(shipped_checkpoints_root() / "rsna-density")
    card, table = run.card(), read_predictions(run.predictions_file)
    told = [one for one in card.metrics if one.name == KAPPA]
    assert {one.level for one in told} == {Level.IMAGE, Level.BREAST}
    for one in told:
        report = report_classes(table, card.task, one.level)
        assert report.kappa_interval is not None
        assert (one.value, one.low, one.high) == pytest.approx(
            (report.kappa, *report.kappa_interval)
        )
        assert one.method == LEFT_OUT_WOMEN


def test_the_cancer_card_tells_as_many_settings_as_the_log_counts() -> None:
    log = (REPOSITORY / "docs" / "experiments.md").read_text(encoding="utf-8")
    counted = log.split("## Counted: cancer / no cancer")[1].split("\n## ")[0]
    numbers = [int(one) for one in re.findall(r"^(\d+)\. ", counted, flags=re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    limits = RunFolder(shipped_checkpoints_root() / "rsna-mobilenetv2").card().limits
    assert any(one.startswith(f"Chosen among {len(numbers)} settings") for one in limits)


@pytest.mark.parametrize("name", ["phantom-light", "rsna-density", "rsna-mobilenetv2"])
def test_no_interval_that_ships_is_of_an_older_version(name: str) -> None:
    (told,) = stress_of(RunFolder(shipped_checkpoints_root() / name))
    assert told.caution == ""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rsna-density", "rsna-mobilenetv2", "ddsm-lesions-mobilenetv2"])
def test_the_card_in_words_is_what_the_command_writes_today(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MAMMO_CHECKPOINTS", raising=False)
    written = tmp_path / "card.md"
    assert main(["report", name, "--card", "--out", str(written)]) == 0
    card = shipped_checkpoints_root() / name / "CARD.md"
    assert card.read_text(encoding="utf-8") == written.read_text(encoding="utf-8")


def test_no_woman_it_was_tested_on_was_used_to_choose_it() -> None:
    predictions = read_predictions(FOLDER / "predictions.csv")
    assert (predictions.groupby("group_id")["split"].nunique() == 1).all()


def test_its_embeddings_are_of_the_images_it_learnt_from_and_was_chosen_on(
    checkpoint: Checkpoint,
) -> None:
    kept = read_embeddings(RunFolder(FOLDER), checkpoint.card)
    assert kept is not None
    counts = {str(count.split): count.images for count in checkpoint.card.data.splits}
    assert kept.images["split"].value_counts().to_dict() == {
        "train": counts["train"],
        "val": counts["val"],
    }


def test_nothing_in_it_names_a_folder_of_the_machine_it_was_made_on() -> None:
    for name in SHIPPED - {"weights.safetensors", "embeddings.safetensors"}:
        text = (FOLDER / name).read_text(encoding="utf-8")
        assert "/home" not in text
        assert "/tmp" not in text
        assert '"folder": "/' not in text
