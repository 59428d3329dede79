"""The AUC against the women a model has learnt from, on the same test cases: would more help?"""

from collections.abc import Mapping, Sequence

import streamlit as st

from mammo_core.glossary import meaning
from mammo_core.metrics.uncertainty import auc_with_interval
from mammo_core.plots.overviews import GrownAuc, growth_figure
from mammo_core.runs.card import settings_table
from mammo_core.types import Split
from pages.components.compare.compared import Compared
from pages.components.shared import cached
from pages.components.shared.frame import escaped
from pages.components.shared.runs import told_settings

_SHARE = "data.train_share"
_LUCK = ("seed", "series", "device")  # may differ between runs of one curve


def show_growth(compared: Compared) -> None:
    points = _points(compared)
    if len({point.women for point in points}) < 2:
        st.info(
            "A learning curve needs two models that learnt from different numbers of women. "
            "`mammo learning-curve RUN` trains a run again on growing shares of its own.",
            icon=":material/trending_up:",
        )
        return
    others = _others(compared, [point.name for point in points])
    if others:
        st.warning(
            escaped(
                f"These runs differ in more than the women they learnt from: {', '.join(others)}. "
                "Then the curve shows all of it."
            ),
            icon=":material/warning:",
        )
    st.plotly_chart(
        growth_figure(points),
        key="growth",
        alt="AUC with 95 % interval against the number of women learnt from",
    )
    cases = next(iter(compared.models.values()))
    st.caption(
        f"All on the same {len(cases):,} cases, {cases.positives:,} of them positive: the "
        "intervals move together, and say nothing of the luck of training. A curve that still "
        "climbs at its end promises more from more women, and does not prove it.",
        help=meaning("Learning curve", "95 % interval"),
    )


def _points(compared: Compared) -> list[GrownAuc]:
    found = []
    for name, run in compared.runs.items():
        if not run.is_checkpoint:
            continue
        splits = cached.card(run).data.splits
        women = sum(one.women for one in splits if one.split is Split.TRAIN)
        if women:
            found.append(
                GrownAuc(name=name, women=women, auc=auc_with_interval(compared.models[name]))
            )
    return sorted(found, key=lambda point: point.women)


def _others(compared: Compared, names: Sequence[str]) -> list[str]:
    settings: Mapping[str, object] = {name: told_settings(compared.runs[name]) for name in names}
    table = settings_table(settings, only_differences=True)
    return [one for one in table["setting"] if one != _SHARE and one not in _LUCK]
