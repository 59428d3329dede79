"""Where a training runs, asked only where a cluster is named, with what room there is on it; whose
it is, and its start.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import inf
from threading import Lock
from typing import Final

import streamlit as st

from mammo_core.config import RunConfig
from mammo_core.errors import PlaceError
from mammo_core.files import checkpoints_root
from mammo_core.places.cluster import cluster_in_use, room_in_words, room_of
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.jobs import under_way
from mammo_core.training.preflight import check_start
from mammo_core.training.series import default_title, start_series
from mammo_core.zoo.catalog import FROM_CHECKPOINT
from pages.components.shared.frame import escaped
from pages.components.shared.whose import (
    find_checkpoint,
    is_of_private_data,
    is_private_run,
    list_runs,
    name_of_folder,
    owning,
    require_data,
    require_room,
)

_CLUSTER: Final = "On the cluster"
_HERE: Final = "On this computer"
_WHERE: Final = "train_place"
_RANKS: Final = "train_ranks"


def pick_place() -> None:
    """What is chosen is kept for `start_all`."""
    cluster = cluster_in_use()
    if cluster is None:
        return
    where, together = st.columns([3, 1])
    chosen = where.segmented_control(
        "Where", [_CLUSTER, _HERE], default=_CLUSTER, required=True, key=_WHERE
    )
    if chosen == _HERE:
        return
    together.number_input(
        "Processes", 1, 64, 1, key=_RANKS,
        help="That train one network together, each with a GPU where the cluster has any. The "
        "batch is shared among them.",
    )  # fmt: skip
    st.caption(escaped(_told(cluster)))


def ask_private(config: RunConfig) -> bool:
    """A model tells of its data and of what it began with: where that is private it is, too."""
    origin = config.model.weights.partition(FROM_CHECKPOINT)[2]
    is_forced = is_of_private_data(config.data.folder) or is_private_run(origin)
    return st.checkbox(
        "Private", value=is_forced, disabled=is_forced, key=f"train_private_{is_forced}",
        help="Nobody else of this server sees the run or its model.",
    )  # fmt: skip


def origins_seen(config: RunConfig) -> list[RunFolder]:
    """The checkpoint it begins with, where it does. Data and weights of others that this visitor
    does not see are not here, whoever's settings or browser names them.
    """
    require_data(config.data.folder)
    origin = config.model.weights.partition(FROM_CHECKPOINT)[2]
    return [find_checkpoint(origin)] if origin else []


DOUBLE_CLICK_SECONDS: Final = 2.0
_LAST: Final = "last_start"


@dataclass(slots=True, eq=False)
class LastStart:
    """What this tab has started last. A run of the page that a click has ended can set nothing in
    the session any more, but it goes on until it notices, and notes here what it started: the
    session holds this from before. `turn` is had by one start at a time.
    """

    turn: Lock = field(default_factory=Lock)
    configs: Sequence[RunConfig] = ()
    run_id: str = ""
    ended: float = -inf
    is_to_be_shown: bool = False

    def has_begun(self, configs: Sequence[RunConfig], *, asked: float) -> bool:
        """Whether the click at `asked` is the second half of a double click, or an impatient one:
        the same, wanted before or just after the last start had ended.
        """
        is_soon = asked - self.ended < DOUBLE_CLICK_SECONDS
        return is_soon and _without_series(configs) == _without_series(self.configs)

    def note(self, configs: Sequence[RunConfig], run_id: str) -> None:
        self.configs, self.ended = configs, time.monotonic()
        self.show(run_id)

    def show(self, run_id: str) -> None:
        self.run_id = run_id
        self.is_to_be_shown = True


def _without_series(configs: Sequence[RunConfig]) -> list[RunConfig]:
    """A series is named by the second in which it was wanted."""
    return [replace(config, series="") for config in configs]


def last_start() -> LastStart:
    last: LastStart = st.session_state.setdefault(_LAST, LastStart())
    return last


def has_started() -> bool:
    """Whether a run is to be shown. Waits for one that is just being started by a run of the page
    that a click has ended.
    """
    last = last_start()
    with last.turn:
        return last.is_to_be_shown


def start_like(run: RunFolder, config: RunConfig) -> None:
    """Start a single run in the place of `run`, private where that is, unless one is under way."""
    going = under_way(config, list_runs(checkpoints_root()))
    if going is not None:
        last_start().show(going.run_id)
    else:
        start_all([config], like=[run])


def start_all(
    configs: Sequence[RunConfig],
    *,
    title: str = "",
    is_private: bool = False,
    like: Sequence[RunFolder] = (),
) -> None:
    """Where was chosen; where nothing was asked, on the cluster if one is named, else here. What
    takes long comes last, and asks the session for nothing: a click would end it there.
    """
    asked, last, config = time.monotonic(), last_start(), configs[0]
    is_here = st.session_state.get(_WHERE) == _HERE
    ranks = st.session_state.get(_RANKS, 1)
    with last.turn:
        if last.has_begun(configs, asked=asked):
            last.is_to_be_shown = True
            return
        require_room(len(configs))
        like = [*like, *origins_seen(config)]
        is_private = is_private or is_of_private_data(config.data.folder)
        owned = owning(is_private=is_private, like=like)
        told = default_title(config, now=datetime.now(UTC), data=name_of_folder(config.data.folder))
        check_start(configs)
        runs = start_series(
            configs,
            checkpoints_root(),
            title=title.strip() or told,
            is_here=is_here,
            ranks=ranks,
            own=owned,
        )
        last.note(configs, runs[0].run_id)


@st.cache_data(ttl=5, max_entries=4, show_spinner=False)
def _told(cluster: str) -> str:
    try:
        return room_in_words(room_of(cluster))
    except PlaceError as error:
        return str(error)
