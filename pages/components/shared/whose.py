"""Whose things a page shows. Where several people share a server, cases, lists, reader studies,
tables and tags lie in a folder of their visitor, and runs and data sets may be private: pages take
all of these from here and nowhere else. Where one person has it to themselves, they are as ever.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st

from mammo_core import files
from mammo_core.errors import MammoError, RunError, TableError
from mammo_core.runs import folder, verification
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.verification import Verification
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
    from mammo_core.reports.study.study import Sight

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
    return runs if one is None else [run for run in runs if _may_see(one, run)]


def _may_see(one: Visitor | None, run: RunFolder) -> bool:
    return may_see(one, read_owner(run.file(OF_RUN)))


def sight_of(run: RunFolder) -> "Sight":
    """What a report of `run` may tell this visitor."""
    from mammo_core.reports.study.study import Sight

    one = visitor()
    return Sight(
        run=lambda other: _may_see(one, other),
        data=lambda named: not _is_hidden(named),
        is_named=not _is_private(run),
    )


def is_private_run(run_id: str) -> bool:
    """One that is not here is none."""
    return any(_is_private(run) for run in list_checkpoints() if run.run_id == run_id)


def _is_private(run: RunFolder) -> bool:
    known = read_owner(run.file(OF_RUN))
    return visitor() is not None and known is not None and known.is_private


def list_registered() -> list["Registered"]:
    from mammo_core.datasets import dataset

    one, root = visitor(), files.datasets_root()
    entries = dataset.list_registered(root)
    return [each for each in entries if may_see(one, read_owner(_owner_file(root, each.name)))]


def find_folder(named: str) -> Path:
    """Of a data set as settings call it; that of somebody else is no place here."""
    from mammo_core.datasets import dataset

    return dataset.find_folder(named, list_registered())


def name_of_folder(folder: str) -> str:
    """As this visitor knows the data set that settings call `folder`."""
    from mammo_core.datasets import dataset

    return dataset.name_of_folder(folder, list_registered())


def _is_hidden(named: str) -> bool:
    """Whether what settings call so is a data set of somebody else, and none of this visitor's."""
    from mammo_core.datasets import dataset

    every = dataset.list_registered(files.datasets_root())
    found = dataset.entries_of(named, every)
    return bool(found) and not dataset.entries_of(named, list_registered())


def require_data(named: str) -> None:
    """Before work on a data set as settings call it: a worker finds those of others, too. What
    nobody has is refused in the same words.
    """
    from mammo_core.datasets import dataset

    if visitor() is None or dataset.entries_of(named, list_registered()):
        return
    if _is_hidden(named) or not Path(named).is_dir():
        raise TableError(
            f"The data set {Path(named).name} is not registered here. Register it on the Data page."
        )
    refuse_owned(Path(named))


def verification_of(named: str) -> Verification:
    """Of a data set as settings call it; of one that this visitor does not see, nothing is known.
    What nobody shares is looked up without what reads data sets.
    """
    if visitor() is None:
        return verification.verification_of(named, files.datasets_root())
    from mammo_core.datasets import dataset

    found = dataset.entries_of(named, list_registered())
    return found[0].verification if found else Verification()


def _owner_file(root: Path, name: str) -> Path:
    from mammo_core.datasets.dataset import file_of

    return file_of(root, name).with_suffix(OF_DATA_SET)


def register(entry: "Registered", *, is_private: bool = False) -> None:
    """Another's data set of the same name stays as it is."""
    from mammo_core.datasets import dataset

    require(Action.REGISTER)
    refuse_owned(Path(entry.folder))
    one, root = visitor(), files.datasets_root()
    noted = noting("registered a data set")
    if one is not None:
        whose, file = one.folder, _owner_file(root, entry.name)
        if dataset.file_of(root, entry.name).exists():
            require_own_data(entry.name)
            known = read_owner(file)  # whose it is, whoever corrects it
            whose = known.folder if known else whose
        root.mkdir(parents=True, exist_ok=True)
        write_owner(file, Owner(folder=whose, is_private=is_private))  # first: never seen without
    dataset.register(root, entry)
    noted()


def refuse_owned(folder: Path) -> None:
    """Whoever may open any folder of the server opens nobody's cases by it, nor by one around."""
    place, owned = folder.resolve(), files.owned_root().resolve()
    if visitor() is not None and (place.is_relative_to(owned) or owned.is_relative_to(place)):
        raise TableError(
            f"{folder.name} holds what belongs to an account of this server, and is its owner's "
            "alone. Choose another folder."
        )


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


def require_stopping(job: RunFolder) -> None:
    """A job that nobody is written down for may be stopped by all who may begin one."""
    require(Action.TRAIN)
    if read_owner(job.file(OF_RUN)) is not None:
        require_own_run(job)


def owning(
    *,
    is_private: bool = False,
    like: Sequence[RunFolder] = (),
    action: str = "started a run",
) -> Callable[[RunFolder], None]:
    """What lets a run be this visitor's; private where one that it is made of is. To be had before
    the run is made: who looks is not asked any more, which is where a click may end a page's run.
    """
    one = visitor()
    if one is None:
        return lambda run: None
    owner = Owner(folder=one.folder, is_private=is_private or any(map(_is_private, like)))
    log, name = files.access_log(), one.name

    def own(run: RunFolder) -> None:
        write_owner(run.file(OF_RUN), owner)
        note_access(log, name, action, model=run.run_id)

    return own


def is_of_private_data(named: str) -> bool:
    """Of a data set that is private nobody else is to see a model. Settings call it by its name or
    its folder; what somebody shares as well is no secret.
    """
    from mammo_core.datasets import dataset

    root = files.datasets_root()
    owners = [
        read_owner(_owner_file(root, entry.name))
        for entry in dataset.entries_of(named, list_registered())
    ]
    return bool(owners) and all(owner is not None and owner.is_private for owner in owners)


def require_measuring(run: RunFolder, named: str = "") -> None:
    """On a data set as settings call it, else on that which `run` learnt from. What is measured of
    a model stands beside it, for all who see it.
    """
    require(Action.TRAIN)
    learnt_from = run.document().get("data")
    if not named and isinstance(learnt_from, dict):
        named = str(learnt_from.get("folder", ""))
    if not named:
        return  # it came from elsewhere: the work itself says what it lacks
    require_data(named)
    if visitor() is not None and is_of_private_data(named) and not _is_private(run):
        raise MammoError(
            f"The data set {Path(named).name} is private and this model is not, so others would "
            "see the result. Evaluate the model on Compare, under Other data: that result stays "
            "private."
        )


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
    """What writes that line later, where nobody knows any more who looks: in a thread of its own,
    or in a run of the page that a click has ended, at what it asks of Streamlit next.
    """
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
