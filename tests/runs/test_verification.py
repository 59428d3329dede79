"""What "without cancer" rests on: kept with the data set, told beside its rates."""

from dataclasses import replace
from pathlib import Path

import pytest

from mammo_core.cli import main
from mammo_core.datasets.dataset import Registered, list_registered, register
from mammo_core.errors import ConfigError
from mammo_core.files import datasets_root
from mammo_core.runs.verification import Verification, Verified, verification_of
from tests.phantoms import put_phantoms

ENTRY = Registered(name="Ours", folder="/data/ours", adapter="csv", label_rule="as labelled")
TWO_YEARS = Verification(without_cancer=Verified.FOLLOW_UP, months=24, of_recalled=True)


def test_it_is_found_by_name_and_by_place_and_unknown_for_all_others(tmp_path: Path) -> None:
    register(tmp_path, replace(ENTRY, verification=TWO_YEARS))
    register(tmp_path, replace(ENTRY, name="Theirs", folder="/data/theirs"))
    (tmp_path / "broken.json").write_text("{")
    assert verification_of("Ours", tmp_path) == TWO_YEARS
    assert verification_of("/data/ours", tmp_path) == TWO_YEARS
    assert verification_of("Theirs", tmp_path) == Verification()
    assert verification_of("elsewhere", tmp_path) == Verification()


def test_it_is_told_in_words() -> None:
    assert TWO_YEARS.sentence == "“Without cancer” rests on follow-up of 24 months."
    assert "sensitivity is that of the verified" in TWO_YEARS.warning
    assert Verification().sentence == ("What “without cancer” rests on in this set is not known.")
    assert Verification().warning == ""
    assert Verification().beside("known by construction") == ""
    assert Verification().beside("") == Verification().sentence
    assert TWO_YEARS.beside("biopsy") == TWO_YEARS.sentence
    followed = Verification(without_cancer=Verified.BIOPSY_OR_FOLLOW_UP)
    assert followed.sentence.endswith("else follow-up, for how long is not known.")


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (replace(TWO_YEARS, without_cancer=Verified.BIOPSY), "rests on biopsy"),
        (replace(TWO_YEARS, months=500), "A follow-up of 500 months"),
    ],
)
def test_what_contradicts_itself_is_not_kept(
    tmp_path: Path, told: Verification, reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        register(tmp_path, replace(ENTRY, verification=told))


@pytest.mark.slow
def test_registering_again_keeps_what_was_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    put_phantoms(tmp_path / "set", women=4)
    command = ["data", "register", "mine", str(tmp_path / "set")]
    assert main([*command, "--without-cancer", "follow-up", "--months", "12"]) == 0
    assert "rests on follow-up of 12 months" in capsys.readouterr().out
    assert main([*command, "--only-recalled-verified"]) == 0
    (entry,) = list_registered(datasets_root())
    assert entry.verification == replace(TWO_YEARS, months=12)
