from dataclasses import replace
from pathlib import Path

import pytest

from mammo_core.errors import CheckpointError
from mammo_core.files import sha256_of
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.measured import Fidelity, MeasuredRate, add_fidelity, fidelity_of

GOOD = MeasuredRate(value=0.7, low=0.5, high=0.8, chance=0.1, gain=0.6, gain_low=0.4, gain_high=0.7)
UNSURE = replace(GOOD, gain=0.1, gain_low=-0.1, gain_high=0.3)
ONE_WOMAN = replace(GOOD, low=None, high=None, gain_low=None, gain_high=None)


def fidelity(card_sha256: str) -> Fidelity:
    return Fidelity(
        method="grad_cam", dataset="set", split="test", images=40, women=20, pointing=GOOD,
        energy=UNSURE, overlap=ONE_WOMAN, deletion=GOOD, insertion=GOOD, likeness=0.1,
        likeness_low=0.0, likeness_high=0.2, pointing_of_shuffled=0.1, seed=0,
        measured_at="2026-01-01T00:00:00+00:00", card_sha256=card_sha256,
    )  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    (tmp_path / "model_card.json").write_text("{}")
    return RunFolder(tmp_path)


def test_the_newest_of_each_method_and_set_is_found_again(run: RunFolder) -> None:
    first = fidelity(sha256_of(run.file("model_card.json")))
    later = replace(first, images=50, measured_at="2026-01-03T00:00:00+00:00")
    other = replace(first, method="occlusion", measured_at="2026-01-02T00:00:00+00:00")
    assert fidelity_of(run) == []
    for one in (first, later, other):
        add_fidelity(run, one)
    assert fidelity_of(run) == [other, later]


def test_what_was_measured_for_another_card_does_not_count(run: RunFolder) -> None:
    add_fidelity(run, fidelity("0" * 64))
    assert fidelity_of(run) == []


def test_words_say_what_chance_gives_and_where_there_is_no_gain() -> None:
    words = " ".join(fidelity("0" * 64).sentences)
    assert "in 70 % (95 % 50 to 80); by chance, matched for area, 10 %." in words
    assert "lies in it; by chance, matched for area, 10 %: no better than chance." in words
    assert "(too few women for an interval)" in words
    assert "Worthless" not in words


def test_a_broken_file_is_told_in_words(run: RunFolder) -> None:
    for text in ("{", "{}", '[{"method": 1}]'):
        run.file("fidelity.json").write_text(text)
        with pytest.raises(CheckpointError, match=r"fidelity\.json"):
            fidelity_of(run)
