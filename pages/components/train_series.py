"""The runs that belong together: where each stands, and what they come to in the end."""

from typing import Final

import streamlit as st

from mammo_core.config import RunConfig
from mammo_core.paths import checkpoints_root
from mammo_core.runs.folder import RunFolder, list_runs
from mammo_core.training.series import join_folds, spread_of
from mammo_core.training.siblings import siblings_of
from pages.components.guard import escaped

_WAIT: Final = "Those that stopped, failed or were lost can be resumed one by one."


def show_series(run: RunFolder, config: RunConfig) -> None:
    """Nothing for a run that stands alone."""
    if config.series == run.run_id:
        st.caption("Put together from the folds of a cross-validation.")
    if not config.series:
        return
    members = siblings_of(config.series, checkpoints_root())
    finished = [member for member in members if member.is_checkpoint]
    kind = "folds" if config.data.folds else "seeds"
    title = f"{len(finished)} of {len(members)} {kind} finished"
    with st.expander(title, icon=":material/account_tree:", expanded=True):
        st.dataframe(
            [
                {"run": member.run_id, "state": str(status.state), "epochs": status.done}
                for member in members
                for status in (member.read_status(),)
            ],
            hide_index=True,
            key="series",
        )
        if len(finished) < len(members):
            st.caption(_WAIT)
        elif config.data.folds:
            _offer_join(config.series)
        else:
            spread = spread_of(config.series, checkpoints_root())
            st.write(
                f"Test AUC of {len(spread.values)} seeds: mean {spread.mean:.3f}, standard "
                f"deviation {spread.deviation:.3f}, {min(spread.values):.3f} to "
                f"{max(spread.values):.3f}. This is what luck alone is worth."
            )


def _offer_join(series: str) -> None:
    """The scores of all women, each by the network that never saw her, in one table."""
    if any(run.run_id == series for run in list_runs(checkpoints_root())):
        st.page_link(
            "pages/thresholds.py",
            label=f"Scores of all women: {escaped(series)}",
            icon=":material/tune:",
            query_params={"run": series},
        )
    elif st.button("Put the folds together", icon=":material/join:", key="series_join"):
        join_folds(series, checkpoints_root())
        st.rerun()
