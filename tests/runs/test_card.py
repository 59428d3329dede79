import json
from dataclasses import replace
from pathlib import Path

import pytest

from mammo_core.errors import CheckpointError
from mammo_core.runs.card import DataRecord, Metric, SplitCount, read_card, write_card
from mammo_core.types import Level, Split
from tests.predictions import made_up_card

RECORD = DataRecord(
    dataset="vindr_mammo",
    title="VinDr-Mammo",
    licence="credentialed",
    label_rule="birads_4",
    reference_standard="BI-RADS opinion",
    seen="digital",
    fingerprint="0" * 64,
    splits=(),
    population="screening",
    label_level=Level.BREAST,
)


def test_population_reference_standard_and_level_stand_under_every_figure() -> None:
    assert RECORD.describe(Level.BREAST) == (
        "VinDr-Mammo. Population: screening. Reference standard: BI-RADS opinion. "
        "Labels are given by breast."
    )


def test_a_label_counted_finer_than_it_was_given_is_said_to_be_copied() -> None:
    assert RECORD.describe(Level.IMAGE).endswith("by breast: label copied from the breast.")
    by_patient = replace(RECORD, label_level=Level.PATIENT)
    assert by_patient.describe(Level.BREAST).endswith("label copied from the patient.")
    assert "copied" not in RECORD.describe(Level.PATIENT)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "not valid JSON"),
        ("[]", "schema version None"),
        ('{"schema_version": 99}', "schema version 99; this program reads 1"),
        ('{"schema_version": 1}', "lacks data"),
        ("[" * 100_000, "not valid JSON"),
    ],
)
def test_a_card_that_cannot_be_read_is_told_in_words(
    tmp_path: Path, text: str, complaint: str
) -> None:
    (tmp_path / "model_card.json").write_text(text)
    with pytest.raises(CheckpointError, match=complaint):
        read_card(tmp_path / "model_card.json")


def test_the_weights_a_training_started_from_are_told_with_hash_origin_and_licence() -> None:
    training = made_up_card("m").training
    assert training.start_in_words("random") == "random"
    known = replace(
        training, weights_sha256="ab" * 32, weights_origin="net.pth", weights_licence="CC BY 4.0"
    )
    assert known.start_in_words("mine") == (
        f"mine (SHA-256 {'ab' * 32}; origin: net.pth; licence: CC BY 4.0)"
    )
    copied = replace(training, weights_sha256="ab" * 32)
    assert copied.start_in_words("mine").endswith("origin: not kept; licence: unknown)")


@pytest.mark.parametrize(
    ("place", "value", "complaint"),
    [
        (("prepare", "size"), [100_000, 100_000], "Image size is 100000 x 100000"),
        (("prepare", "size"), [0, 256], "Image size is 0 x 256"),
        (("prepare", "size"), [-1, 256], "Image size is -1 x 256"),
        (("prepare", "std"), [0.0], "Std is"),
        (("prepare", "std"), [float("nan")], "std must be a finite number, found nan"),
        (("prepare", "mean"), [10**400], "mean must be a finite number"),
        (("prepare", "mean"), [1e9], "Mean is"),
        (("model", "members"), 0, "members is 0"),
        (("model", "members"), 10**9, "members is 1000000000"),
        (("model", "dropout"), 1.5, "Dropout is 1.5"),
        (("task", "classes"), ["cancer"], "tells 1 classes apart"),
        (("task", "positive"), ["no such class"], "positive classes"),
        (("training", "epochs"), -1, "epochs is -1"),
        (("training", "devices"), 0, "devices is 0"),
        (("heatmap_peak",), -1.0, "heatmap peak is -1"),
        (("heatmap_offset",), 1e9, "heatmap offset is"),
        (("weights_sha256",), "../weights", "SHA-256 of the weights"),
        (("title",), "x" * 5000, "more text than a card has"),
        (("limits",), ["one"] * 2000, "more text than a card has"),
    ],
)
def test_a_card_whose_values_cannot_be_is_refused(
    tmp_path: Path, place: tuple[str, ...], value: object, complaint: str
) -> None:
    path = tmp_path / "model_card.json"
    write_card(made_up_card("made-up"), path)
    document = json.loads(path.read_text())
    *parents, last = place
    parent = document
    for name in parents:
        parent = parent[name]
    parent[last] = value
    path.write_text(json.dumps(document))
    with pytest.raises(CheckpointError, match=complaint):
        read_card(path)


def test_a_metric_above_one_and_more_positive_images_than_images_are_refused(
    tmp_path: Path,
) -> None:
    path, card = tmp_path / "model_card.json", made_up_card("made-up")
    metric = Metric(
        name="auc", level=Level.IMAGE, split=Split.TEST, value=1.4, low=0.9, high=1.5, method="x",
        positives=3, negatives=4, women=5,
    )  # fmt: skip
    count = SplitCount(split=Split.TEST, women=2, images=4, positive_images=9)
    write_card(replace(card, metrics=(metric,)), path)
    with pytest.raises(CheckpointError, match=r"AUC is 1\.4"):
        read_card(path)
    write_card(replace(card, data=replace(card.data, splits=(count,))), path)
    with pytest.raises(CheckpointError, match="9 positive of 4 images"):
        read_card(path)
