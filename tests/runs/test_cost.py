from pathlib import Path

import pytest

from mammo_core.errors import ConfigError, RunError
from mammo_core.runs.card import read_card
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.sidecars import COST_FILE, device_hours, read_cost, record_cost
from tests.predictions import made_up_predictions, write_run


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Trained for 7200 seconds on two devices."""
    folder = write_run(tmp_path, "r1", made_up_predictions())
    path = folder.file("model_card.json")
    text = path.read_text().replace('"seconds": 1.0', '"seconds": 7200.0')
    path.write_text(text.replace('"devices": 1', '"devices": 2'))
    return folder


def test_hours_times_devices_times_price_is_what_it_cost(run: RunFolder) -> None:
    card = read_card(run.file("model_card.json"))
    assert device_hours(card) == 4.0
    cost = record_cost(run, card, price=2.5, currency=" EUR ")
    assert cost.total == 10.0
    assert cost.currency == "EUR"
    assert read_cost(run) == cost
    assert read_card(run.file("model_card.json")) == card


def test_a_cost_of_another_card_is_not_told(run: RunFolder) -> None:
    card = read_card(run.file("model_card.json"))
    assert read_cost(run) is None
    record_cost(run, card, price=0.0, currency="EUR")
    run.file("model_card.json").write_text(run.file("model_card.json").read_text() + "\n")
    assert read_cost(run) is None


def test_a_negative_price_and_a_broken_file_are_told(run: RunFolder) -> None:
    card = read_card(run.file("model_card.json"))
    with pytest.raises(ConfigError, match="a price is 0 or more"):
        record_cost(run, card, price=-1.0, currency="EUR")
    run.file(COST_FILE).write_text("{")
    with pytest.raises(RunError, match="cannot be read"):
        read_cost(run)
