"""Where a training runs: asked only where a cluster is named, with what room there is on it."""

from dataclasses import dataclass
from typing import Final

import streamlit as st

from mammo_core.errors import PlaceError
from mammo_core.places.cluster import cluster_in_use, room_in_words, room_of
from pages.components.shared.frame import escaped

_CLUSTER: Final = "On the cluster"
_HERE: Final = "On this computer"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlace:
    """`ranks` processes train one network together."""

    is_here: bool = False
    ranks: int = 1


#: On the cluster where one is named, else here.
ON_CLUSTER_OR_HERE: Final = TrainingPlace()


def pick_place() -> TrainingPlace:
    cluster = cluster_in_use()
    if cluster is None:
        return ON_CLUSTER_OR_HERE
    where, together = st.columns([3, 1])
    chosen = where.segmented_control(
        "Where", [_CLUSTER, _HERE], default=_CLUSTER, required=True, key="train_place"
    )
    if chosen == _HERE:
        return TrainingPlace(is_here=True)
    ranks = together.number_input(
        "Processes", 1, 64, 1, key="train_ranks",
        help="That train one network together, each with a GPU where the cluster has any. The "
        "batch is shared among them.",
    )  # fmt: skip
    st.caption(escaped(_told(cluster)))
    return TrainingPlace(ranks=ranks)


@st.cache_data(ttl=5, max_entries=4, show_spinner=False)
def _told(cluster: str) -> str:
    try:
        return room_in_words(room_of(cluster))
    except PlaceError as error:
        return str(error)
