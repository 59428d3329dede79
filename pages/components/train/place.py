"""Where a training runs: asked only where a cluster is named, with what room there is on it."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from mammo_core.config import RunConfig
from mammo_core.errors import PlaceError
from mammo_core.files import checkpoints_root
from mammo_core.places.cluster import cluster_in_use, room_in_words, room_of
from mammo_core.runs.folder import RunFolder
from mammo_core.training.series import start_series
from pages.components.shared.frame import escaped

_CLUSTER: Final = "On the cluster"
_HERE: Final = "On this computer"
_WHERE: Final = "train_place"
_RANKS: Final = "train_ranks"


def pick_place() -> None:
    """What is chosen is kept for `start_chosen`."""
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


def start_chosen(configs: Sequence[RunConfig], *, title: str) -> list[RunFolder]:
    """Where was chosen; where nothing was asked, on the cluster if one is named, else here."""
    return start_series(
        configs,
        checkpoints_root(),
        title=title,
        is_here=st.session_state.get(_WHERE) == _HERE,
        ranks=st.session_state.get(_RANKS, 1),
    )


@st.cache_data(ttl=5, max_entries=4, show_spinner=False)
def _told(cluster: str) -> str:
    try:
        return room_in_words(room_of(cluster))
    except PlaceError as error:
        return str(error)
