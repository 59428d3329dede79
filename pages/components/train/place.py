"""Where a training runs, asked only where a cluster is named, with what room there is on it; whose
it is, and its start.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

import streamlit as st

from mammo_core.config import RunConfig
from mammo_core.errors import PlaceError
from mammo_core.files import checkpoints_root
from mammo_core.places.cluster import cluster_in_use, room_in_words, room_of
from mammo_core.runs.folder import RunFolder
from mammo_core.training.preflight import check_start
from mammo_core.training.series import default_title, start_series
from mammo_core.zoo.catalog import FROM_CHECKPOINT
from pages.components.shared.frame import escaped
from pages.components.shared.whose import (
    find_checkpoint,
    is_of_private_data,
    is_private_run,
    name_of_folder,
    own,
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


def start_like(run: RunFolder, config: RunConfig) -> str:
    """Start a single run in the place of `run`, private where that is; its id."""
    return start_all([config], like=[run])


def start_all(
    configs: Sequence[RunConfig],
    *,
    title: str = "",
    is_private: bool = False,
    like: Sequence[RunFolder] = (),
) -> str:
    """Where was chosen; where nothing was asked, on the cluster if one is named, else here. The id
    of the first.
    """
    config = configs[0]
    require_room(len(configs))
    like = [*like, *origins_seen(config)]
    check_start(configs)
    is_private = is_private or is_of_private_data(config.data.folder)
    told = default_title(config, now=datetime.now(UTC), data=name_of_folder(config.data.folder))
    runs = start_series(
        configs,
        checkpoints_root(),
        title=title.strip() or told,
        is_here=st.session_state.get(_WHERE) == _HERE,
        ranks=st.session_state.get(_RANKS, 1),
        own=partial(own, is_private=is_private, like=like),
    )
    return runs[0].run_id


@st.cache_data(ttl=5, max_entries=4, show_spinner=False)
def _told(cluster: str) -> str:
    try:
        return room_in_words(room_of(cluster))
    except PlaceError as error:
        return str(error)
