"""What each of those who share a server may do: said here and nowhere else."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mammo_core.errors import MammoError


class Role(StrEnum):
    READER = "reader"
    RESEARCHER = "researcher"
    ADMIN = "admin"


class Action(StrEnum):
    """As in "This is for those who may ..."."""

    TRAIN = "train, measure and name models"
    REGISTER = "register data sets"
    ARCHIVE = "search the hospital's archive and send results to it"
    ANY_FOLDER = "open any folder of this server"
    OVERRULE = "change what belongs to others"


_RESEARCHES: Final = frozenset({Action.TRAIN, Action.REGISTER, Action.ARCHIVE})
_ALLOWED: Final[Mapping[Role, frozenset[Action]]] = {
    Role.READER: frozenset(),
    Role.RESEARCHER: _RESEARCHES,
    Role.ADMIN: frozenset(Action),
}


def may(role: Role, action: Action) -> bool:
    return action in _ALLOWED[role]


def why_not(role: Role, action: Action) -> str:
    """Why somebody of that role may not; empty where the role may."""
    if may(role, action):
        return ""
    able = [f"{one}s" for one in Role if may(one, action)]
    return (
        f"Your account is that of a {role}: to {action} is for {' and '.join(able)}. Ask whoever "
        "runs this server."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who looks at a page of a shared server. `folder` is where what belongs to them lies."""

    name: str
    role: Role
    folder: str

    @property
    def header(self) -> str:
        """For the server's own header, which no browser can set."""
        return f"{self.name} {self.role} {self.folder}"


_HEADER: Final = re.compile(r"(?P<name>\S+) (?P<role>\S+) (?P<folder>[0-9a-f]{16})")


def visitor_of(header: str) -> Visitor:
    found = _HEADER.fullmatch(header)
    if found is None or found["role"] not in list(Role):
        raise MammoError("The server does not know who you are. Sign in again.")
    return Visitor(name=found["name"], role=Role(found["role"]), folder=found["folder"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose a run or a data set is, by folder; what has none is everybody's."""

    folder: str
    is_private: bool = False


def may_see(visitor: Visitor | None, owner: Owner | None) -> bool:
    """`visitor` is None where one person has the server to themselves."""
    if visitor is None or owner is None or not owner.is_private:
        return True
    return owner.folder == visitor.folder


def may_change(visitor: Visitor | None, owner: Owner | None) -> bool:
    """Whether to stop, rename or remove it is theirs."""
    if visitor is None:
        return True
    if not may_see(visitor, owner):
        return False
    is_own = owner is not None and owner.folder == visitor.folder
    return is_own or may(visitor.role, Action.OVERRULE)
