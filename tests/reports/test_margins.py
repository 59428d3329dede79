"""Margins written down for a new model, and what its test results then say of them."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mammo_core.cli import main
from mammo_core.config import RunConfig, save_settings
from mammo_core.errors import ConfigError
from mammo_core.metrics.margins import Claim, Held, MarginOf
from mammo_core.reports.study.margins import MarginHeld, hold_margins, written_margin
from mammo_core.reports.study.report import Format, study_text
from mammo_core.runs.folder import RunFolder, card_hash
from mammo_core.runs.naming import About, write_about
from mammo_core.runs.operating_points import (
    LockedPoint,
    Promise,
    lock_point,
    margins_of,
    note_opening,
    openings_of,
)
from mammo_core.types import Level
from tests.predictions import made_up_predictions, write_run

NEW = "20260101-000000-new-abcd"
OLD = "20260101-000001-old-abcd"
ELEVEN = datetime(2026, 1, 1, 11, tzinfo=UTC)
NOON = "2026-01-01T12:00:00+00:00"


@pytest.fixture
def new(tmp_path: Path) -> RunFolder:
    write_run(tmp_path, OLD, made_up_predictions(women=120, skill=2.0, seed=1))
    return write_run(tmp_path, NEW, made_up_predictions(women=120, skill=2.0, seed=2))


def written(
    new: RunFolder,
    *,
    figure: MarginOf = MarginOf.AUC,
    margin: float = 0.3,
    claim: Claim = Claim.NON_INFERIOR,
    now: datetime = ELEVEN,
) -> MarginHeld:
    """The last one of all."""
    old = RunFolder(new.path.parent / OLD)
    written_margin(new, old, claim=claim, figure=figure, margin=margin, level=Level.BREAST, now=now)
    return hold_margins(new, [new.path.parent])[-1]


def lock(run: RunFolder, threshold: float, *, level: Level = Level.BREAST, at: str = NOON) -> None:
    promise = Promise(found=1, positives=2, left_alone=1, negatives=2)
    point = LockedPoint(
        threshold=threshold, level=level, pooling="max", calibration="none", split="val",
        dataset="made-up", aim="", promise=promise, locked_at=at, card_sha256=card_hash(run),
    )  # fmt: skip
    lock_point(run, point)


def test_a_wide_margin_is_met_and_a_narrow_one_cannot_be_told(new: RunFolder) -> None:
    wide, narrow = written(new), written(new, margin=0.001)
    assert (wide.held, narrow.held) == (Held.MET, Held.OPEN)
    assert wide.found is not None
    assert wide.found.low < wide.found.value < wide.found.high
    assert wide.basis.startswith("240 breasts of 120 women")
    assert wide.when == "2026-01-01 11:00 (UTC), before the test set was first opened"


def test_a_model_far_worse_does_not_meet_it(tmp_path: Path, new: RunFolder) -> None:
    worse = write_run(tmp_path, f"{NEW}-x", made_up_predictions(women=120, skill=-1.0, seed=3))
    assert written(worse, margin=0.05).held is Held.NOT_MET


@pytest.mark.slow
def test_of_several_margins_the_last_one_beforehand_decides_and_the_others_are_replaced(
    new: RunFolder,
) -> None:
    written(new, margin=0.01)
    written(new, margin=0.3)
    note_opening(RunFolder(new.path.parent / OLD), by="a test", now=NOON)
    other = written(new, figure=MarginOf.SENSITIVITY, margin=0.9)
    written(new, margin=0.9, now=ELEVEN.replace(hour=13))
    first, second, apart, late = hold_margins(new, [new.path.parent])
    assert [one.cells[-1] for one in (first, second, late)] == [
        "replaced", "met; 3 margins were written for this figure", "replaced",
    ]  # fmt: skip
    assert "AFTER" in late.when
    assert apart.cells == other.cells


def test_a_model_of_other_women_or_of_another_set_is_refused(
    new: RunFolder, tmp_path: Path
) -> None:
    table = made_up_predictions(women=20)
    strange = write_run(tmp_path, f"{OLD}-x", table.assign(image_id="x" + table["image_id"]))
    with pytest.raises(ConfigError, match="are of different data sets"):
        written_margin(
            new, strange, claim=Claim.EQUIVALENT, figure=MarginOf.AUC, margin=0.1, level=Level.IMAGE
        )
    training = write_run(tmp_path, f"{NEW}-y", table)
    training.predictions_file.unlink()
    config = training.settings(RunConfig)
    data = replace(config.data, adapter="vindr_mammo")
    save_settings(replace(config, data=data), training.settings_file)
    with pytest.raises(ConfigError, match="are of different data sets"):
        written(training)
    assert margins_of(training, []) == []


def test_two_models_of_one_name_are_told_apart(new: RunFolder) -> None:
    old = RunFolder(new.path.parent / OLD)
    for run in (new, old):
        write_about(run, About(title="EfficientNet"))
    written_margin(
        old, new, claim=Claim.EQUIVALENT, figure=MarginOf.AUC, margin=0.1, level=Level.BREAST
    )
    names = {written(new).against, hold_margins(old, [new.path.parent])[0].against}
    assert names == {"EfficientNet", "EfficientNet (2)"}


def test_one_typed_after_the_opening_is_marked_and_says_who_had_looked(new: RunFolder) -> None:
    note_opening(new, by="a test", now=NOON)
    late = written(new, now=ELEVEN.replace(hour=13))
    assert not late.is_beforehand
    assert late.when == (
        "2026-01-01 13:00 (UTC), AFTER the test set was first opened on 2026-01-01 12:00 (a test)"
    )
    assert written(new).is_beforehand
    note_opening(RunFolder(new.path.parent / OLD), by="a rival", now="2026-01-01T09:00:00+00:00")
    assert written(new).when == (
        "2026-01-01 11:00 (UTC), AFTER the test set was first opened on 2026-01-01 09:00 (a rival)"
    )
    late = hold_margins(new, [new.path.parent])[0]
    assert late.when.endswith("in all on 2 occasions (also a test)")


def test_a_margin_is_written_while_the_run_still_trains(new: RunFolder) -> None:
    card = new.file("model_card.json").read_bytes()
    new.file("model_card.json").unlink()
    written_margin(
        new, RunFolder(new.path.parent / OLD), claim=Claim.EQUIVALENT, figure=MarginOf.AUC,
        margin=0.1, level=Level.BREAST, now=ELEVEN,
    )  # fmt: skip
    new.file("model_card.json").write_bytes(card)
    ((one, looks),) = margins_of(new, [])
    assert (one.claim, looks) == ("equivalent", ())


@pytest.mark.parametrize("figure", [one for one in MarginOf if one is not MarginOf.AUC])
def test_rates_are_those_at_the_locked_thresholds(new: RunFolder, figure: MarginOf) -> None:
    assert "No threshold is locked for" in written(new, figure=figure).why
    old = RunFolder(new.path.parent / OLD)
    for run in (new, old):
        lock(run, 0.5)
    found = written(new, figure=figure, margin=0.9)
    assert found.held is Held.MET
    assert "locked after" not in found.basis
    note_opening(old, by="a test", now="2026-01-01T11:30:00+00:00")
    assert f"threshold of {OLD} locked after" in written(new, figure=figure).basis
    lock(new, 0.5, level=Level.IMAGE)
    assert (
        "locked by image (max), the margin is written by breast" in written(new, figure=figure).why
    )


def test_a_higher_recall_rate_is_not_no_worse(new: RunFolder) -> None:
    lock(new, 0.0)
    lock(RunFolder(new.path.parent / OLD), 0.99)
    assert written(new, figure=MarginOf.RECALL_RATE, margin=0.1).held is Held.NOT_MET


def test_a_margin_against_nobody_or_itself_or_of_five_is_refused(new: RunFolder) -> None:
    with pytest.raises(ConfigError, match="not against the same one"):
        written_margin(
            new, new, claim=Claim.EQUIVALENT, figure=MarginOf.AUC, margin=0.1, level=Level.IMAGE
        )
    with pytest.raises(ConfigError, match="must lie between 0 and 1"):
        written(new, margin=5)
    assert margins_of(new, []) == []


def test_the_report_holds_the_margin_and_counts_the_look_at_the_other_model(
    new: RunFolder,
) -> None:
    written(new)
    root = new.path.parent
    text = study_text(
        new, [root], audits=root / "audits", form=Format.MARKDOWN, by="a test", now=NOON
    )
    assert "## Margins" in text
    assert "| no worse, AUC |" in text
    assert "before the test set was first opened" in text
    assert [one.by for one in openings_of(RunFolder(root / OLD))] == [f"a test of {NEW}"]


def test_the_shell_writes_a_margin_and_shows_no_result(
    new: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(new.path.parent))
    wanted = ["margin", NEW, "--margin", "0.05", "--against", OLD]
    assert main(wanted) == 2
    assert "--level" in capsys.readouterr().err
    assert main([*wanted, "--level", "breast"]) == 0
    told = capsys.readouterr().out
    assert "no worse, AUC, margin 0.05 by breast" in told
    assert "before the test set was first opened" in told
    assert openings_of(new) == []
