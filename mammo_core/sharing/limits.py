"""How much one of several people may ask of the server, so that the others are served too."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from mammo_core.errors import ConfigError

_DAY_SECONDS: Final = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """For each account; each is a variable of that name with MAMMO_ in front, as whoever starts
    the server sets it.
    """

    uploads_at_once: int = 4
    upload_gb_a_day: int = 20
    trainings: int = 3  # queued or running
    memory_gb: int = 12  # of the server process; above it caches are emptied and uploads wait


def limits_from(environment: Mapping[str, str]) -> Limits:
    found = {}
    for name in Limits.__dataclass_fields__:
        variable = f"MAMMO_{name.upper()}"
        said = environment.get(variable, "")
        if not said:
            continue
        if not said.isdecimal() or int(said) < 1:
            raise ConfigError(f"{variable} is {said!r}; it must be a whole number of at least 1.")
        found[name] = int(said)
    return Limits(**found)


class Uploads:
    """What each account is sending, and what it has sent today. In memory: a restart forgets it."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = lambda: 0.0) -> None:
        self._limits = limits
        self._clock = clock
        self._now: Counter[str] = Counter()
        self._today: Counter[tuple[str, int]] = Counter()

    def problem(self, folder: str, size: int) -> str:
        """Why an upload of `size` bytes has to wait; empty where it has not."""
        if self._now[folder] >= self._limits.uploads_at_once:
            return (
                f"{self._limits.uploads_at_once} uploads of yours are on their way. Wait for one."
            )
        most = self._limits.upload_gb_a_day * 10**9
        if self._today[folder, self._day()] + size > most:
            return (
                f"This would be more than the {self._limits.upload_gb_a_day} GB that an account "
                "may send in a day. Go on tomorrow, or ask whoever runs this server."
            )
        return ""

    def begin(self, folder: str) -> None:
        self._now[folder] += 1

    def count(self, folder: str, size: int) -> None:
        day = self._day()
        self._today[folder, day] += size
        for key in [key for key in self._today if key[1] != day]:
            del self._today[key]

    def end(self, folder: str) -> None:
        self._now[folder] -= 1

    def _day(self) -> int:
        return int(self._clock() // _DAY_SECONDS)


def refuse_trainings(unfinished: int, wanted: int, limits: Limits) -> None:
    """Where one account would have more in line than it may."""
    if unfinished + wanted > limits.trainings:
        raise ConfigError(
            f"{unfinished} of your runs are waiting or running, and an account may have "
            f"{limits.trainings}. Wait until enough have ended, or stop some."
        )
