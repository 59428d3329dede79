"""The checkpoint that ships: small, honest about what it is, and as good as it says."""

import math

import pytest

from mammo_core.datasets.predictions import read_predictions
from mammo_core.files import shipped_checkpoints_root
from mammo_core.inference.checkpoint import Checkpoint, load_checkpoint
from mammo_core.metrics.cases import pool_cases
from mammo_core.metrics.uncertainty import (
    IntervalMethod,
    auc_covariance,
    auc_parts,
    auc_with_interval,
    logit_interval,
    t_quantile,
)
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.sidecars import read_embeddings
from mammo_core.types import Level, RunState, Split

FOLDER = shipped_checkpoints_root() / "phantom-light"
SHIPPED = {
    "run.json", "status.json", "metrics.jsonl", "predictions.csv", "model_card.json",
    "weights.safetensors", "embeddings.safetensors",
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


def test_its_card_says_what_its_predictions_give(checkpoint: Checkpoint) -> None:
    predictions = read_predictions(FOLDER / "predictions.csv")
    test = predictions[predictions["split"] == Split.TEST]
    cases = pool_cases(test, Level.BREAST)
    estimate = auc_with_interval(cases)
    (told,) = [metric for metric in checkpoint.card.metrics if metric.level is Level.BREAST]
    # Of 33 women with cancer an AUC now has Newcombe's interval; the card keeps the one it names.
    parts = auc_parts(cases.score, cases.positive, cases.groups)
    half = t_quantile(parts) * math.sqrt(auc_covariance(parts, parts))
    assert told.method == IntervalMethod.OBUCHOWSKI
    assert (told.value, told.low, told.high) == pytest.approx(
        (estimate.value, *logit_interval(parts.value, half))
    )
    assert (told.positives, told.negatives) == (estimate.positives, estimate.negatives)
    assert estimate.value >= 0.85
    assert estimate.low > 0.8


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
