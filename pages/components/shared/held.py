"""What is held alike where models are looked at: a range of specificities, or one rate."""

from typing import Final

import streamlit as st

from mammo_core.glossary import meaning
from mammo_core.metrics.compare import Difference
from mammo_core.metrics.partial import SpecificityRange
from mammo_core.metrics.threshold import Aim
from mammo_core.metrics.uncertainty import Estimate
from mammo_core.words import many

_ALIKE: Final = {Aim.SPECIFICITY: "specificity", Aim.RECALL_RATE: "recall rate"}
_LABELS: Final = {
    Aim.SPECIFICITY: "Specificity of at least",
    Aim.RECALL_RATE: "Recall rate of at most",
}
_AT_FIRST: Final = {Aim.SPECIFICITY: 0.9, Aim.RECALL_RATE: 0.1}


def pick_range(*, key: str) -> SpecificityRange:
    low, high = st.slider(
        "Specificities",
        0.0,
        1.0,
        (0.8, 1.0),
        0.01,
        key=key,
        bind="query-params",
        width=320,
        help=meaning("Partial AUC", "Specificity"),
    )
    found = SpecificityRange(low=low, high=high)
    found.check()
    return found


def pick_rate(*, key: str, at_first: Aim = Aim.SPECIFICITY) -> tuple[Aim, float]:
    """Which rate is held, and where."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        aim = st.segmented_control(
            "Held fixed", list(_ALIKE), default=at_first, required=True, key=key,
            format_func=_ALIKE.__getitem__, bind="query-params",
            help=meaning("Specificity", "Recall rate"),
        )  # fmt: skip
        target = st.number_input(
            _LABELS[aim], 0.0, 1.0, _AT_FIRST[aim], 0.01, key=f"{key}_{aim.name}",
            bind="query-params", width=220,
        )  # fmt: skip
    return aim, target


def estimate_cell(estimate: Estimate | None) -> str:
    if estimate is None:
        return "–"
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def behind_cells(
    behind: Difference | None, *, form: str, clear: str, positives: int
) -> dict[str, str]:
    """The columns that say how far a model is behind the best; empty for the best itself."""
    if behind is None:
        return {"less than the best by": "", "p": "", "in words": ""}
    low, high = f"{behind.low:+{form}}", f"{behind.high:+{form}}"
    return {
        "less than the best by": f"{behind.value:{form}} ({low} to {high})",
        "p": behind.p_in_words,
        "in words": clear
        if behind.is_clear
        else f"not told apart with {many(positives, 'positive case', 'positive cases')}",
    }
