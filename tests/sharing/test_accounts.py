"""Accounts: who is taken for whom, and what is kept of a password."""

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from mammo_core.errors import ConfigError, UnknownNameError
from mammo_core.files import keep_private
from mammo_core.sharing.accounts import (
    add_account,
    find_account,
    is_password,
    list_accounts,
    pin_subject,
    remove_account,
    set_password,
)
from mammo_core.sharing.rights import Role
from mammo_core.sharing.sessions import (
    IDLE_SECONDS,
    LONGEST_SECONDS,
    LONGEST_WAIT_SECONDS,
    Sessions,
    Tries,
)

PASSWORD = "four words of no sense"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path))
    before = os.umask(0o022)
    keep_private()
    yield tmp_path / "accounts.json"
    os.umask(before)


@pytest.mark.slow
def test_a_password_lets_its_account_in_and_no_other_does(file: Path) -> None:
    anna = add_account(file, "anna", Role.READER, password=PASSWORD)
    assert is_password(anna, PASSWORD)
    assert not is_password(anna, PASSWORD.upper())
    assert not is_password(anna, "")
    assert not is_password(None, PASSWORD)
    outside = add_account(file, "ben@lab.example", Role.ADMIN)
    assert not is_password(outside, ""), "whom a provider vouches for has no password, not an empty"


def test_of_a_password_the_file_holds_a_slow_hash_and_only_its_owner_reads_it(file: Path) -> None:
    add_account(file, "anna", Role.READER, password=PASSWORD)
    text = file.read_text()
    assert PASSWORD not in text
    assert "$argon2id$" in text
    if os.name != "nt":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_who_is_given_the_name_of_somebody_removed_is_not_given_their_cases(file: Path) -> None:
    first = add_account(file, "anna", Role.READER)
    assert remove_account(file, "anna") == first
    assert find_account(list_accounts(file), "anna") is None
    second = add_account(file, "anna", Role.READER)
    assert second.folder != first.folder


@pytest.mark.parametrize("name", ["", "Anna", "../anna", "a b", "-x", "a" * 65, "anna\n", "ä"])
def test_a_name_that_would_not_fit_a_line_or_a_header_is_refused(file: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="small letters"):
        add_account(file, name, Role.READER)
    assert not file.exists()


def test_a_second_account_of_a_name_a_short_password_and_an_unknown_name_are_refused(
    file: Path,
) -> None:
    add_account(file, "anna", Role.READER)
    with pytest.raises(ConfigError, match="already"):
        add_account(file, "anna", Role.ADMIN)
    with pytest.raises(ConfigError, match="11 letters"):
        set_password(file, "anna", "elevenchars")
    with pytest.raises(UnknownNameError, match="anna"):
        remove_account(file, "ben")
    assert [(one.name, one.role) for one in list_accounts(file)] == [("anna", Role.READER)]


def test_the_first_subject_that_is_vouched_for_stays(file: Path) -> None:
    add_account(file, "anna", Role.READER)
    pin_subject(file, "anna", "https://id.example 17")
    pin_subject(file, "anna", "https://id.example 18")
    assert list_accounts(file)[0].subject == "https://id.example 17"


def test_a_session_ends_after_half_an_hour_of_nothing_and_with_the_day(file: Path) -> None:
    clock = Clock()
    anna = add_account(file, "anna", Role.READER)
    sessions = Sessions(clock)
    token = sessions.begin(anna)
    for _ in range(3):
        clock.now += IDLE_SECONDS - 1
        sessions.touch(token)
    assert sessions.account_of(token, (anna,)) == anna
    clock.now += IDLE_SECONDS + 1
    sessions.touch(token)
    assert sessions.account_of(token, (anna,)) is None, "what is over cannot be woken"

    busy = sessions.begin(anna)
    for _ in range(int(LONGEST_SECONDS // 60) + 1):
        clock.now += 60
        sessions.touch(busy)
    assert sessions.account_of(busy, (anna,)) is None


def test_a_session_ends_when_its_account_is_removed_or_changed(file: Path) -> None:
    anna = add_account(file, "anna", Role.ADMIN, password=PASSWORD)
    sessions = Sessions(Clock())
    token = sessions.begin(anna)
    assert sessions.account_of(token, (anna,)) == anna
    for changed in (
        replace(anna, role=Role.READER),
        replace(anna, password="another"),
        replace(anna, folder="0" * 16),
    ):
        assert sessions.account_of(token, (changed,)) is None
    assert sessions.account_of(token, ()) is None
    assert sessions.account_of("guessed", (anna,)) is None
    sessions.end(token)
    assert sessions.account_of(token, (anna,)) is None


def test_wrong_passwords_make_the_waits_grow_until_a_right_one() -> None:
    clock = Clock()
    tries = Tries(clock)
    waits = []
    for _ in range(12):
        tries.failed("anna")
        waits.append(tries.wait_seconds("anna"))
        clock.now += waits[-1]
        assert tries.wait_seconds("anna") == 0
    assert waits == [0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 512, LONGEST_WAIT_SECONDS]
    assert tries.wait_seconds("ben") == 0
    tries.passed("anna")
    tries.failed("anna")
    assert tries.wait_seconds("anna") == 0
