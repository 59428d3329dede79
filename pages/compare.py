"""Compare: models side by side over the same cases."""

import pandas as pd
import streamlit as st

from mammo_core.metrics.cases import Cases
from mammo_core.metrics.compare import SharedCases, share_cases
from mammo_core.metrics.curves import roc_curve
from mammo_core.metrics.uncertainty import auc_with_interval
from mammo_core.plots.roc import NamedCurve, roc_figure
from pages.components.frame import require_frame
from pages.components.guard import shown_errors
from pages.components.pickers import scored_runs
from pages.components.scored import count_cases, pick_counting, scored_of


def say_what_is_compared(shared: SharedCases, names: list[str]) -> None:
    count = len(shared.cases[0])
    if shared.is_complete:
        st.success(f"All compared on the same {count:,} cases.", icon=":material/check:")
        return
    lacking = ", ".join(
        f"{number:,} of {name}"
        for name, number in zip(names, shared.left_out, strict=True)
        if number
    )
    st.warning(
        f"Compared on the {count:,} cases that all have."
        + (f" Left out: {lacking}." if lacking else "")
        + (
            f" {shared.disagreeing:,} cases left out because the tables differ on the truth."
            if shared.disagreeing
            else ""
        ),
        icon=":material/warning:",
    )


def leaderboard(models: dict[str, Cases]) -> pd.DataFrame:
    rows = []
    for name, cases in models.items():
        auc = auc_with_interval(cases)
        rows.append(
            {
                "model": name,
                "AUC": auc.value,
                "95 % from": auc.low,
                "to": auc.high,
                "interval by": auc.method,
                "with cancer": auc.positives,
                "without": auc.negatives,
                "women": auc.groups,
                "case": cases.level,
            }
        )
    return pd.DataFrame(rows).sort_values("AUC", ascending=False)


require_frame()
st.title("Compare")

runs = {run.run_id: run for run in scored_runs()}
if not runs:
    st.info(
        "No run has predictions yet. Train one on the Train page.", icon=":material/leaderboard:"
    )
    st.stop()
names = st.multiselect("Models", list(runs), default=list(runs), key="models", bind="query-params")
if not names:
    st.info("Choose at least one model.")
    st.stop()

with shown_errors():
    models_scored = [scored_of(runs[name]) for name in names]
    counting = pick_counting(models_scored[0].predictions, key="compare")
    shared = share_cases([count_cases(scored, counting) for scored in models_scored])
    say_what_is_compared(shared, names)
    models = dict(zip(names, shared.cases, strict=True))
    st.dataframe(
        leaderboard(models),
        hide_index=True,
        column_config={
            column: st.column_config.NumberColumn(format="%.3f")
            for column in ("AUC", "95 % from", "to")
        },
    )
    st.plotly_chart(
        roc_figure([NamedCurve(name=n, curve=roc_curve(c)) for n, c in models.items()]),
        key="compare_roc",
        alt="ROC curves of the chosen models over the same cases",
    )
