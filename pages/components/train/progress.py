"""What a run reported after every epoch: curves, and the alarms it raised."""

from typing import Final

import pandas as pd
import streamlit as st

from mammo_core.config import RunConfig
from mammo_core.files import checkpoints_root
from mammo_core.glossary import meaning
from mammo_core.plots.training import Drawn, epoch_curve, epoch_lines
from mammo_core.runs.folder import RunFolder
from mammo_core.training.series import join_folds, siblings_of, spread_of
from mammo_core.types import Level
from mammo_core.words import case_in_words
from pages.components.shared.frame import escaped
from pages.components.shared.pickers import all_titles
from pages.components.shared.whose import list_runs, owning, require_own_run, why_not_own

_ALARMS_SHOWN: Final = 5
_RATES: Final = [
    Drawn(column="sensitivity", split="val", name="Sensitivity (recall)"),
    Drawn(column="specificity", split="val", name="Specificity"),
    Drawn(column="precision", split="val", name="Precision (PPV)"),
]
_AT_90: Final = [
    Drawn(column="sensitivity_at_specificity_90", split="val", name="Validation"),
]


def show_curves(metrics: pd.DataFrame, *, floor: float, views: int, key: str) -> None:
    """Small figures; `floor` is the sensitivity below which an alarm was asked for."""
    if metrics.empty:
        return
    has_kappa = "kappa" in metrics and metrics["kappa"].notna().any()
    kappa = [("kappa", epoch_curve(metrics, "kappa", title="Quadratic kappa by image"))]
    figures = (
        ("loss", epoch_curve(metrics, "loss", title="Loss")),
        ("auc", epoch_curve(metrics, "auc", title="AUC by image")),
        *(kappa if has_kappa else []),
        ("rates", epoch_lines(metrics, _RATES, title="At the best threshold")),
        (
            "at_90",
            epoch_lines(metrics, _AT_90, title="Sensitivity at specificity 0.90", floor=floor),
        ),
        ("speed", epoch_curve(metrics, "images_per_second", title="Images per second")),
        ("rate", epoch_curve(metrics, "learning_rate", title="Learning rate")),
        ("memory", epoch_curve(metrics, "memory_gb", title="Memory in use, GB")),
    )
    for start in range(0, len(figures), 3):
        for place, (name, figure) in zip(st.columns(3), figures[start : start + 3], strict=False):
            place.plotly_chart(figure, key=f"{key}_{name}")
    st.caption(
        f"Validation by {case_in_words(Level.IMAGE, views)}{_counted(metrics)}; at the threshold "
        "that is best on these very images: it flatters, and is shown without an interval. "
        "What may be reported is measured on the test women, at the end.",
        help=meaning("Epoch", "Loss", "Overfitting", "AUC", "Quadratic kappa", "Learning rate"),
    )


def _counted(metrics: pd.DataFrame) -> str:
    """What the validation figures rest on; nothing for runs from before this was kept."""
    if "positive_images" not in metrics:
        return ""
    counts = metrics.dropna(subset=["positive_images"])
    if counts.empty:
        return ""
    images, positive, women = counts[["images", "positive_images", "women"]].iloc[-1].astype(int)
    return (
        f" ({positive:,} images with and {images - positive:,} without what is looked for, of "
        f"{women:,} women)"
    )


def show_alarms(metrics: pd.DataFrame) -> None:
    """The latest alarms, each with its epoch."""
    if "alarm" not in metrics:
        return
    raised = metrics.dropna(subset=["alarm"])
    if raised.empty:
        return
    bullet = "* " if len(raised) > 1 else ""
    lines = [
        f"{bullet}Epoch {row.epoch}: {escaped(str(row.alarm))}"
        for row in raised.tail(_ALARMS_SHOWN).itertuples()
    ]
    more = f"\n\nThe last {_ALARMS_SHOWN} of {len(raised)}." if len(raised) > len(lines) else ""
    st.warning("\n".join(lines) + more, icon=":material/notification_important:")


_WAIT: Final = "Those that stopped, failed or were lost can be resumed: one by one, or all by"


def show_series(run: RunFolder, config: RunConfig) -> None:
    """Nothing for a run that stands alone."""
    if config.series == run.run_id:
        st.caption("Put together from the folds of a cross-validation.")
    if not config.series:
        return
    titles = all_titles()
    members = [
        one for one in siblings_of(config.series, checkpoints_root()) if one.run_id in titles
    ]
    finished = [member for member in members if member.is_checkpoint]
    kind = "folds" if config.data.folds else "seeds"
    title = f"{len(finished)} of {len(members)} {kind} finished"
    with st.expander(title, icon=":material/account_tree:", expanded=True):
        st.dataframe(
            [
                {"run": titles[member.run_id], "state": str(status.state), "epochs": status.done}
                for member in members
                for status in (member.read_status(),)
            ],
            hide_index=True,
            key="series",
        )
        if len(finished) < len(members):
            st.caption(escaped(f"{_WAIT} mammo resume {config.series}."))
        elif config.data.folds:
            _offer_join(config.series, run)
        else:
            spread = spread_of(config.series, checkpoints_root())
            st.write(
                f"Test AUC of {len(spread.values)} seeds: mean {spread.mean:.3f}, standard "
                f"deviation {spread.deviation:.3f}, {min(spread.values):.3f} to "
                f"{max(spread.values):.3f}. This is what luck alone is worth."
            )


def _offer_join(series: str, run: RunFolder) -> None:
    """The scores of all women, each by the network that never saw her, in one table."""
    if any(run.run_id == series for run in list_runs(checkpoints_root())):
        st.page_link(
            "pages/thresholds.py",
            label="Scores of all women",
            icon=":material/tune:",
            query_params={"run": series},
        )
        return
    off = why_not_own(run)
    if st.button(
        "Put the folds together", icon=":material/join:", key="series_join", disabled=bool(off),
        help=off or None,
    ):  # fmt: skip
        require_own_run(run)
        owned = owning(like=[run], action="put folds together")
        join_folds(series, checkpoints_root(), own=owned)
        st.rerun()
