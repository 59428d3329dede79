from dataclasses import replace
from pathlib import Path

import pytest

from mammo_core.errors import RunError
from mammo_core.runs.card import write_card
from mammo_core.runs.folder import RunFolder, card_hash
from mammo_core.runs.operating_points import (
    OPENINGS_FILE,
    Opening,
    WrittenMargin,
    before,
    margins_of,
    note_opening,
    occasions,
    openings_of,
    sharing_test_set,
    write_margin,
)
from tests.full_disk import room_for
from tests.predictions import made_up_card, made_up_predictions, write_run

NOON = "2026-01-01T12:00:00+00:00"


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return write_run(tmp_path, "20260101-000000-tiny_cnn-open", made_up_predictions(women=4))


def test_every_look_is_a_line(run: RunFolder) -> None:
    assert openings_of(run) == []
    note_opening(run, by="mammo report", now=NOON)
    note_opening(run, by="Thresholds", now=NOON)
    assert [one.by for one in openings_of(run)] == ["mammo report", "Thresholds"]


def test_looks_at_another_card_do_not_count(run: RunFolder) -> None:
    note_opening(run, by="mammo report", now=NOON)
    write_card(made_up_card("another"), run.file("model_card.json"))
    assert openings_of(run) == []


def test_a_line_still_being_written_is_left_for_later(run: RunFolder) -> None:
    note_opening(run, by="mammo report", now=NOON)
    with run.file(OPENINGS_FILE).open("a") as stream:
        stream.write('{"opened_at": "2026')
    assert len(openings_of(run)) == 1


def test_a_broken_line_is_a_sentence(run: RunFolder) -> None:
    run.file(OPENINGS_FILE).write_text("no JSON\n")
    with pytest.raises(RunError, match="cannot be read"):
        openings_of(run)


def test_a_log_that_cannot_be_written_is_a_sentence(run: RunFolder) -> None:
    run.file(OPENINGS_FILE).mkdir()
    with pytest.raises(RunError, match="cannot be written down"):
        note_opening(run, by="mammo report", now=NOON)
    with pytest.raises(RunError, match="cannot be read"):
        openings_of(run)


def test_a_look_that_finds_no_room_on_the_disk_is_a_sentence(run: RunFolder) -> None:
    with room_for(0), pytest.raises(RunError, match=r"too low\. Nothing more can be .* no room"):
        note_opening(run, by="mammo report", now=NOON)
    assert openings_of(run) == []


def test_a_margin_is_kept_and_told_whether_it_came_before_the_first_look(run: RunFolder) -> None:
    assert margins_of(run, []) == []
    first = WrittenMargin(
        claim="no worse", figure="AUC", margin=0.05, against="the old model",
        written_at="2026-01-01T11:00:00+00:00", card_sha256=card_hash(run),
    )  # fmt: skip
    write_margin(run, first)
    note_opening(run, by="mammo report", now=NOON)
    late = replace(first, margin=0.1, written_at="2026-01-01T13:00:00+00:00")
    write_margin(run, late)
    looks = openings_of(run)
    assert len(looks) == 1
    assert margins_of(run, []) == [(first, ()), (late, tuple(looks))]
    write_card(made_up_card("another"), run.file("model_card.json"))
    assert margins_of(run, []) == []


def test_a_look_at_the_rival_or_at_another_model_of_the_test_set_comes_before_a_margin(
    run: RunFolder, tmp_path: Path
) -> None:
    rival, third = (
        write_run(tmp_path, f"20260101-00000{n}-tiny_cnn-open", made_up_predictions(women=4))
        for n in (1, 2)
    )
    for other, weights in ((rival, "a"), (third, "b")):
        card = replace(other.card(), weights_sha256=weights * 64)
        write_card(card, other.file("model_card.json"))
    written = WrittenMargin(
        claim="no worse", figure="AUC", margin=0.05, against=rival.run_id, written_at=NOON,
        card_sha256=card_hash(run),
    )  # fmt: skip
    write_margin(run, written)
    assert margins_of(run, [tmp_path]) == [(written, ())]
    for other in (rival, third):
        note_opening(other, by="a test", now="2026-01-01T11:00:00+00:00")
        ((kept, looks),) = margins_of(run, [tmp_path])
        assert (kept, len(occasions(looks))) == (written, 1)
        other.file(OPENINGS_FILE).unlink()
    third.file(OPENINGS_FILE).write_text("no JSON\n")  # whoever looked, it may have been before
    ((kept, looks),) = margins_of(run, [tmp_path])
    assert kept == written
    assert looks


def test_models_of_one_split_share_their_test_set(run: RunFolder, tmp_path: Path) -> None:
    other, foreign, same = (
        write_run(tmp_path, f"20260101-00000{n}-tiny_cnn-open", made_up_predictions(women=4))
        for n in range(1, 4)
    )
    card = made_up_card("one")
    foreign_data = replace(card.data, fingerprint="1" * 64)
    write_card(replace(card, weights_sha256="a" * 64), other.file("model_card.json"))
    write_card(
        replace(card, weights_sha256="b" * 64, data=foreign_data), foreign.file("model_card.json")
    )
    assert sharing_test_set(card, [other, foreign, same]) == [other]


def look(at: str) -> Opening:
    return Opening(opened_at=f"2026-01-01T{at}+00:00", by="a test", card_sha256="")


def test_looks_within_an_hour_are_one_occasion() -> None:
    looks = [look(at) for at in ("12:00:00", "12:30:00", "12:59:59", "13:00:00", "15:00:00")]
    assert [one.opened_at[11:16] for one in occasions(looks)] == ["12:00", "13:00", "15:00"]


def test_looks_before_a_moment_are_told_from_those_after_it() -> None:
    looks = [look("12:00:00"), look("14:00:00")]
    assert before(looks, "2026-01-01T14:00:00+01:00") == looks[:1]
    assert before(looks, "2026-01-01T12:00:00+00:00") == []
