"""What each role may do, and whose a run or a data set is."""

from pathlib import Path

import pytest

from mammo_core.errors import ConfigError, MammoError
from mammo_core.sharing.limits import Limits, Uploads, limits_from, refuse_trainings
from mammo_core.sharing.owners import read_owner, write_owner
from mammo_core.sharing.rights import (
    Action,
    Owner,
    Role,
    Visitor,
    may,
    may_change,
    may_see,
    visitor_of,
    why_not,
)

ANNA = Visitor(name="anna", role=Role.RESEARCHER, folder="a" * 16)
BEN = Visitor(name="ben", role=Role.RESEARCHER, folder="b" * 16)
ADMIN = Visitor(name="root", role=Role.ADMIN, folder="c" * 16)


def test_readers_read_researchers_train_and_admins_may_do_all() -> None:
    allowed = {role: {action for action in Action if may(role, action)} for role in Role}
    assert allowed == {
        Role.READER: set(),
        Role.RESEARCHER: {Action.TRAIN, Action.REGISTER, Action.ARCHIVE},
        Role.ADMIN: set(Action),
    }


def test_what_is_off_says_for_whom_it_is() -> None:
    assert why_not(Role.ADMIN, Action.TRAIN) == ""
    reason = why_not(Role.READER, Action.TRAIN)
    assert "that of a reader" in reason
    assert "researchers and admins" in reason


def test_what_is_private_is_seen_by_its_owner_alone_and_what_is_shared_changed_by_them() -> None:
    private = Owner(folder=ANNA.folder, is_private=True)
    shared = Owner(folder=ANNA.folder)
    assert [may_see(one, private) for one in (ANNA, BEN, ADMIN, None)] == [True, False, False, True]
    assert [may_see(one, shared) for one in (ANNA, BEN)] == [True, True]
    assert [may_change(one, private) for one in (ANNA, BEN, ADMIN)] == [True, False, False]
    assert [may_change(one, shared) for one in (ANNA, BEN, ADMIN)] == [True, False, True]
    assert [may_change(one, None) for one in (ANNA, ADMIN, None)] == [False, True, True]


def test_an_owner_is_kept_beside_and_a_damaged_note_hides_what_it_is_of(tmp_path: Path) -> None:
    file = tmp_path / "owner.json"
    assert read_owner(file) is None
    write_owner(file, Owner(folder=ANNA.folder))
    assert read_owner(file) == Owner(folder=ANNA.folder)
    file.write_text('{"folder": "aaaa')
    assert not may_see(ANNA, read_owner(file))


def test_a_visitor_is_told_by_a_header_that_is_whole() -> None:
    assert visitor_of(ANNA.header) == ANNA
    for header in (
        "",
        "anna",
        "anna admin",
        "anna king " + "a" * 16,
        "anna admin ../../x",
        "a b c d",
    ):
        with pytest.raises(MammoError, match="Sign in"):
            visitor_of(header)


def test_uploads_are_limited_at_once_and_by_the_day() -> None:
    now = [0.0]
    uploads = Uploads(Limits(uploads_at_once=2, upload_gb_a_day=1), lambda: now[0])
    uploads.begin("a")
    assert uploads.problem("a", 10) == ""
    uploads.begin("a")
    assert "2 uploads" in uploads.problem("a", 10)
    assert uploads.problem("b", 10) == ""
    uploads.end("a")
    uploads.count("a", 999_999_995)
    assert uploads.problem("a", 5) == ""
    assert "1 GB" in uploads.problem("a", 6)
    assert uploads.problem("b", 6) == ""
    now[0] = 24 * 3600.0
    assert uploads.problem("a", 6) == ""


def test_trainings_in_line_are_limited_and_the_limits_are_variables() -> None:
    limits = limits_from({"MAMMO_TRAININGS": "2", "MAMMO_MEMORY_GB": "30"})
    assert limits == Limits(trainings=2, memory_gb=30)
    refuse_trainings(1, 1, limits)
    with pytest.raises(ConfigError, match="1 of your runs"):
        refuse_trainings(1, 2, limits)
    with pytest.raises(ConfigError, match="MAMMO_TRAININGS"):
        limits_from({"MAMMO_TRAININGS": "0"})
