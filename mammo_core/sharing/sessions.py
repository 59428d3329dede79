"""Who is signed in, for how long, and how often somebody may try. Kept in the server's memory
alone: a restart signs everybody out.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from mammo_core.sharing.accounts import Account, find_account

IDLE_SECONDS: Final = 30 * 60.0
LONGEST_SECONDS: Final = 12 * 3600.0  # however busy: a stolen session ends with the day
FREE_TRIES: Final = 3
LONGEST_WAIT_SECONDS: Final = 15 * 60.0
_MOST_NAMES: Final = 10_000  # tried at the same time; the oldest are let go
_MOST_OF_ONE: Final = 20  # browsers of one account


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    account: Account  # as it was: one whose password or role was changed signs in again
    begun_at: float
    active_at: float


class Sessions:
    """By the hash of what the browser keeps; the thing itself is nowhere in the server."""

    def __init__(self, clock: Callable[[], float], *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._sessions: dict[str, _Session] = {}

    def begin(self, account: Account) -> str:
        """What the browser is to keep."""
        now = self._clock()
        gone = [key for key, one in self._sessions.items() if self._is_over(one)]
        of_same = [key for key, one in self._sessions.items() if one.account.name == account.name]
        for key in [*gone, *of_same[:-_MOST_OF_ONE]]:
            self._sessions.pop(key, None)
        token = secrets.token_urlsafe(32)
        self._sessions[_hash(token)] = _Session(account=account, begun_at=now, active_at=now)
        return token

    def account_of(self, token: str, accounts: tuple[Account, ...]) -> Account | None:
        """Whose it is; None where it is over, or the account has been changed or removed."""
        session = self._sessions.get(_hash(token))
        if session is None or self._is_over(session):
            return None
        known = find_account(accounts, session.account.name)
        is_same = known is not None and _credentials(known) == _credentials(session.account)
        return known if is_same else None

    def touch(self, token: str) -> None:
        """Somebody did something."""
        key = _hash(token)
        if key in self._sessions and not self._is_over(self._sessions[key]):
            self._sessions[key] = replace(self._sessions[key], active_at=self._clock())

    def end(self, token: str) -> None:
        self._sessions.pop(_hash(token), None)

    def _is_over(self, session: _Session) -> bool:
        now = self._clock()
        is_idle = now - session.active_at > self._idle_seconds
        return is_idle or now - session.begun_at > LONGEST_SECONDS


def _credentials(account: Account) -> tuple[str, ...]:
    return account.folder, account.role, account.password


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Tries:
    """Wrong passwords in a row, by name, whether there is such an account or not. After the third
    each makes the next wait twice as long, up to a quarter of an hour.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failed: dict[str, tuple[int, float]] = {}  # how often, and when the last time

    def wait_seconds(self, name: str) -> float:
        times, at = self._failed.get(name, (0, 0.0))
        if times < FREE_TRIES:
            return 0.0
        wait = min(LONGEST_WAIT_SECONDS, 2.0 ** min(times - FREE_TRIES + 1, 32))
        return max(0.0, at + wait - self._clock())

    def failed(self, name: str) -> None:
        times, _ = self._failed.pop(name, (0, 0.0))
        self._failed[name] = (times + 1, self._clock())
        while len(self._failed) > _MOST_NAMES:
            del self._failed[next(iter(self._failed))]

    def passed(self, name: str) -> None:
        self._failed.pop(name, None)
