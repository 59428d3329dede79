"""Who may sign in: the accounts of a shared server, in one file that only its account can read.

An account with a password is checked here. One without is of somebody whom an identity provider
vouches for (OpenID Connect); the first time pins who that is, by the provider's own number for
them, for a mail address can be given to somebody else.
"""

import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mammo_core.errors import ConfigError, UnknownNameError
from mammo_core.files import locked, replace_file
from mammo_core.records import from_document, read_object, to_document
from mammo_core.sharing.rights import Role, Visitor

if TYPE_CHECKING:
    from argon2 import PasswordHasher

LEAST_LETTERS: Final = 12
_MOST_LETTERS: Final = 1024  # more is no password, but work for the server
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    name: str
    role: Role
    folder: str  # made by us, and never given to another: a name may be
    created_at: str  # ISO 8601, UTC
    password: str = ""  # its argon2 hash; none where an identity provider vouches
    subject: str = ""  # issuer and number there, pinned at the first sign-in

    @property
    def visitor(self) -> Visitor:
        return Visitor(name=self.name, role=self.role, folder=self.folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Accounts:
    accounts: tuple[Account, ...] = ()


def list_accounts(file: Path) -> tuple[Account, ...]:
    """Those in `file`; none where there is no such file."""
    if not file.exists():
        return ()
    return from_document(read_object(file, where=file.name), _Accounts, where=file.name).accounts


def find_account(accounts: tuple[Account, ...], name: str) -> Account | None:
    return next((one for one in accounts if one.name == name), None)


def add_account(file: Path, name: str, role: Role, *, password: str = "") -> Account:
    """A new account; without a password, of somebody whom the identity provider vouches for."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot be the name of an account. Use up to 64 small letters, digits and "
            ". _ @ + -, as in anna or anna@hospital.example."
        )
    account = Account(
        name=name,
        role=role,
        folder=secrets.token_hex(8),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        password=_hashed(password) if password else "",
    )

    def add(accounts: tuple[Account, ...]) -> tuple[Account, ...]:
        if find_account(accounts, name):
            raise ConfigError(f"There is an account {name!r} already. Choose another name.")
        return (*accounts, account)

    _change(file, add)
    return account


def remove_account(file: Path, name: str) -> Account:
    """Nobody signs in by it any more; who has, is signed out."""
    gone = known_account(file, name)
    _change(file, lambda accounts: tuple(one for one in accounts if one.name != name))
    return gone


def set_password(file: Path, name: str, password: str) -> None:
    known_account(file, name)
    _change_one(file, name, lambda account: replace(account, password=_hashed(password)))


def pin_subject(file: Path, name: str, subject: str) -> None:
    _change_one(file, name, lambda one: one if one.subject else replace(one, subject=subject))


def is_password(account: Account | None, password: str) -> bool:
    """The same work is done for an account that is not there: time tells no names."""
    from argon2.exceptions import Argon2Error, InvalidHashError

    known = account.password if account is not None and account.password else _nobodys()
    try:
        _hasher().verify(known, password[:_MOST_LETTERS])
    except (Argon2Error, InvalidHashError):
        return False
    return account is not None and bool(account.password)


def _hashed(password: str) -> str:
    if not LEAST_LETTERS <= len(password) <= _MOST_LETTERS:
        raise ConfigError(
            f"The password has {len(password)} letters. It needs at least {LEAST_LETTERS}: a few "
            "words that have nothing to do with one another are easy to keep in mind."
        )
    return _hasher().hash(password)


@cache
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    return PasswordHasher()  # RFC 9106, the second recommended option: 64 MiB, 3 passes


@cache
def _nobodys() -> str:
    return _hasher().hash(secrets.token_hex(16))


def known_account(file: Path, name: str) -> Account:
    """The account of that name, or an UnknownNameError with those there are."""
    accounts = list_accounts(file)
    account = find_account(accounts, name)
    if account is None:
        raise UnknownNameError("account", name, [one.name for one in accounts])
    return account


def _change_one(file: Path, name: str, change: Callable[[Account], Account]) -> None:
    _change(file, lambda all_: tuple(change(one) if one.name == name else one for one in all_))


def _change(file: Path, change: Callable[[tuple[Account, ...]], tuple[Account, ...]]) -> None:
    with locked(file.with_name(f".{file.name}.lock")):
        changed = _Accounts(accounts=change(list_accounts(file)))
        replace_file(file, json.dumps(to_document(changed), indent=2) + "\n")
