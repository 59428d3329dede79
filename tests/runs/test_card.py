from dataclasses import replace
from pathlib import Path

import pytest

from mammo_core.errors import CheckpointError
from mammo_core.runs.card import DataRecord, read_card
from mammo_core.types import Level
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
