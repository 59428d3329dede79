"""The example project on the pages: made by a click, watched, opened, deleted."""

from typing import Final

import streamlit as st

from mammo_core.example import (
    DATA_NAME,
    NETWORKS,
    REPORT_NAME,
    begin_example,
    count_others,
    delete_example,
    find_example,
    is_whole,
    networks_of,
)
from mammo_core.files import checkpoints_root
from mammo_core.runs.folder import RunFolder
from mammo_core.sharing.rights import Action
from mammo_core.types import RunState
from pages.components.shared.frame import noted_errors, shown_errors
from pages.components.shared.runs import show_job
from pages.components.shared.whose import (
    is_off,
    list_runs,
    owning,
    require,
    require_own_run,
    require_room,
    why_not_own,
)

_WORDS: Final = (
    "A whole study of synthetic women, to look at and to take apart: 120 women are drawn and "
    "audited, two small models that start from different weights are trained, tested and given a "
    "locked threshold, and a study report is written. It runs in the background, for minutes on a "
    "laptop."
)
_SYNTHETIC: Final = "All of it is synthetic: nothing here says anything about real women."


def offer_example() -> None:
    """Where there is nothing to work with yet: the button, which leads to where it is watched. One
    that is somebody else's is shown there.
    """
    example = find_example(list_runs(checkpoints_root()))
    if example is not None and why_not_own(example):
        st.page_link("pages/help.py", label="The example project", icon=":material/science:")
    elif _button("Make the example project", key="example_offer"):
        st.switch_page("pages/help.py")


def show_example() -> None:
    """All that there is to it, wherever it stands."""
    st.subheader("Example project")
    example = find_example(list_runs(checkpoints_root()))
    st.markdown(_WORDS)
    if example is None:
        if _button("Make the example project", key="example_make"):
            st.rerun()
        return
    if not show_job(example):
        return
    with noted_errors():
        if is_whole(example):
            _show_ways(example)
        elif _button(_again(example), key="example_again", off=why_not_own(example)):
            st.rerun()
        _offer_deletion(example)


def _again(example: RunFolder) -> str:
    is_gone = example.read_status().state is RunState.FINISHED
    return "Make it again" if is_gone else "Go on with it"


def _button(label: str, *, key: str, off: str = "") -> bool:
    """Whether it was clicked, and the project is being made, or is there already."""
    off = off or is_off(Action.TRAIN) or is_off(Action.REGISTER)
    if not st.button(
        label, key=key, icon=":material/science:", disabled=bool(off), help=off or _SYNTHETIC
    ):
        return False
    with shown_errors():
        require_room(len(NETWORKS))
        require(Action.REGISTER)
        before = find_example(list_runs(checkpoints_root()))
        if before is not None:
            require_own_run(before)
        begin_example(checkpoints_root(), own=owning())
    return True


def _show_ways(example: RunFolder) -> None:
    networks = [run.run_id for run in networks_of(example)]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link(
            "pages/compare.py", label="Compare both", icon=":material/leaderboard:",
            query_params={"models": networks},
        )  # fmt: skip
        st.page_link(
            "pages/thresholds.py", label="Its threshold", icon=":material/tune:",
            query_params={"run": networks[-1]},
        )  # fmt: skip
        st.page_link(
            "pages/read.py", label="Read with it", icon=":material/radiology:",
            query_params={"model": networks[-1]},
        )  # fmt: skip
        st.page_link(
            "pages/data.py", label="The women", icon=":material/database:",
            query_params={"data": DATA_NAME},
        )  # fmt: skip
        st.page_link(
            "pages/train.py", label="The trainings", icon=":material/model_training:",
            query_params={"run": networks[-1]},
        )  # fmt: skip
        st.download_button(
            "Study report (HTML)", example.file(REPORT_NAME).read_bytes(),
            f"{example.run_id}-{REPORT_NAME}", "text/html", icon=":material/download:",
            key="example_report", on_click="ignore",
        )  # fmt: skip


def _offer_deletion(example: RunFolder) -> None:
    off = why_not_own(example)
    with st.popover("Delete it", icon=":material/delete:", disabled=bool(off), help=off or None):
        others = 0 if off else count_others(checkpoints_root())  # also what is private
        used = f"{others:,} other run{' has' if others == 1 else 's have'} used these women"
        st.write(
            "Its two models, its women, their audit and its report are deleted. "
            + (f"{used}: what was learnt stays, the images are gone." if others else "")
        )
        if st.button("Delete the example project", key="example_delete"):
            with shown_errors():
                require_own_run(example)
                delete_example(checkpoints_root(), may_delete=lambda run: not why_not_own(run))
            st.rerun()
