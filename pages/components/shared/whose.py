"""Whose things a page shows. Where several people share a server, cases, lists, reader studies,
tables and tags lie in a folder of their visitor, and runs and data sets may be private: pages take
all of these from here and nowhere else. Where one person has it to themselves, they are as ever.
"""

import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st

from mammo_core import files
from mammo_core.errors import MammoError, RunError
from mammo_core.runs import folder
from mammo_core.runs.folder import RunFolder
from mammo_core.sharing.access_log import note_access
from mammo_core.sharing.limits import limits_from, refuse_trainings
from mammo_core.sharing.owners import OF_DATA_SET, OF_RUN, read_owner, write_owner
from mammo_core.sharing.rights import (
    Action,
    Owner,
    Visitor,
    may_change,
    may_see,
    visitor_of,
    why_not,
)

if TYPE_CHECKING:
    from mammo_core.datasets.dataset import Registered

_HEADER: Final = "X-Mammo-Visitor"  # set by the server's door alone
_FIRST: Final = "visitor"
_NOTED: Final = "noted_accesses"


def visitor() -> Visitor | None:
    """Who looks at this page; None where nobody is asked.

    Told by the connection of the browser that the page runs for: what runs beside the page, in a
    thread of its own, is refused and has to be given what it needs.
    """
    if os.environ.get("MAMMO_SHARED") != "yes":
        return None
    found = visitor_of(st.context.headers.get(_HEADER, ""))
    if st.session_state.setdefault(_FIRST, found) != found:
        st.session_state.clear()
        raise MammoError("Somebody else has signed in here. Open the page again.")
    return found


def _own() -> Path | None:
    one = visitor()
    return None if one is None else files.owned_root() / one.folder


def is_shared() -> bool:
    return visitor() is not None


def cases_root() -> Path:
    return files.cases_root(_own())


def worklists_root() -> Path:
    return files.worklists_root(_own())


def archive_work_root() -> Path:
    return files.archive_work_root(_own())


def studies_root() -> Path:
    return files.studies_root(_own())


def tables_root() -> Path:
    return files.tables_root(_own())


def tags_root() -> Path:
    return files.tags_root(_own())


def tour_file() -> Path:
    return files.tour_file(_own())


def only_ones_own() -> str:
    """Beside "there is no such case": whether another has one, nobody is told."""
    return "" if visitor() is None else " On this server everybody opens cases of their own."


def is_off(action: Action) -> str:
    """Why this visitor may not; empty where nothing is in the way. What is off says so."""
    one = visitor()
    return "" if one is None else why_not(one.role, action)


def show_off(action: Action) -> None:
    reason = is_off(action)
    if reason:
        st.info(reason, icon=":material/lock:")


def require(action: Action) -> None:
    """Asked again where it is done: that a button is off is for the eye alone."""
    reason = is_off(action)
    if reason:
        raise MammoError(reason)


def list_runs(*roots: Path) -> list[RunFolder]:
    """Those that this visitor may see, as everything below."""
    return _seen(folder.list_runs(*roots))


def find_run(run_id: str, *roots: Path) -> RunFolder:
    """One of somebody else's is not there, and said so in the same words."""
    found = folder.find_run(run_id, *roots)
    if not _seen([found]):
        raise RunError(folder.NO_SUCH_RUN.format(run_id=run_id))
    return found


def list_checkpoints() -> list[RunFolder]:
    return _seen(folder.list_checkpoints())


def find_checkpoint(name: str) -> RunFolder:
    return find_run(name, files.checkpoints_root(), files.shipped_checkpoints_root())


def _seen(runs: list[RunFolder]) -> list[RunFolder]:
    one = visitor()
    if one is None:
        return runs
    return [run for run in runs if may_see(one, read_owner(run.file(OF_RUN)))]


def list_registered() -> list["Registered"]:
    from mammo_core.datasets import dataset

    one, root = visitor(), files.datasets_root()
    entries = dataset.list_registered(root)
    return [each for each in entries if may_see(one, read_owner(_owner_file(root, each.name)))]


def _owner_file(root: Path, name: str) -> Path:
    from mammo_core.datasets.dataset import file_of

    return file_of(root, name).with_suffix(OF_DATA_SET)


def register(entry: "Registered", *, is_private: bool = False) -> None:
    """Another's data set of the same name stays as it is."""
    from mammo_core.datasets import dataset

    require(Action.REGISTER)
    one, root = visitor(), files.datasets_root()
    if one is not None:
        if dataset.file_of(root, entry.name).exists():
            require_own_data(entry.name)
        root.mkdir(parents=True, exist_ok=True)
        owner = Owner(folder=one.folder, is_private=is_private)
        write_owner(_owner_file(root, entry.name), owner)  # first: it is never seen without
    dataset.register(root, entry)
    note("registered a data set")


def require_own_data(name: str) -> None:
    if not may_change(visitor(), read_owner(_owner_file(files.datasets_root(), name))):
        raise MammoError("Somebody else has a data set of that name. Choose another name.")


def why_not_own(run: RunFolder) -> str:
    """To stop, resume, name, lock or delete what is somebody else's is for admins; as `is_off`."""
    off = is_off(Action.TRAIN)
    if off or may_change(visitor(), read_owner(run.file(OF_RUN))):
        return off
    return "This run belongs to somebody else. Ask them, or an admin of this server."


def require_own_run(run: RunFolder) -> None:
    reason = why_not_own(run)
    if reason:
        raise MammoError(reason)


def own(*runs: RunFolder, is_private: bool = False, like: RunFolder | None = None) -> None:
    """Let `runs` be this visitor's; private where what they are made of is."""
    one = visitor()
    if one is None:
        return
    known = None if like is None else read_owner(like.file(OF_RUN))
    is_private = is_private or (known is not None and known.is_private)
    for run in runs:
        write_owner(run.file(OF_RUN), Owner(folder=one.folder, is_private=is_private))
        note("started a run", model=run.run_id)


def is_of_private_data(name: str) -> bool:
    """Of a data set that is private nobody else is to see a model."""
    known = read_owner(_owner_file(files.datasets_root(), name))
    return known is not None and known.is_private


def require_room(wanted: int = 1) -> None:
    """Before a training: not more than this visitor may have in line."""
    one = visitor()
    require(Action.TRAIN)
    if one is not None:
        unfinished = _unfinished(one, folder.list_runs(files.checkpoints_root()))
        refuse_trainings(unfinished, wanted, limits_from(os.environ))


def _unfinished(one: Visitor, runs: Iterable[RunFolder]) -> int:
    return sum(
        not run.read_status().state.is_over
        for run in runs
        if (owner := read_owner(run.file(OF_RUN))) and owner.folder == one.folder
    )


def note(action: str, *, case: str = "", model: str = "", about: str = "") -> None:
    """A line of the access log, where there is one."""
    noting(action, case=case, model=model, about=about)()


def noting(action: str, *, case: str = "", model: str = "", about: str = "") -> Callable[[], None]:
    """What writes that line later, in a thread that does not know who looks."""
    one = visitor()
    if one is None:
        return lambda: None
    return partial(
        note_access, files.access_log(), one.name, action, case=case, model=model, about=about
    )


def note_once(action: str, *, case: str = "", model: str = "", about: str = "") -> None:
    """A line the first time in a session: a page runs again at every click."""
    if visitor() is None:
        return
    noted: set[tuple[str, ...]] = st.session_state.setdefault(_NOTED, set())
    if (action, case, model, about) not in noted:
        note(action, case=case, model=model, about=about)
        noted.add((action, case, model, about))
