"""Models over the same cases, best first, and whether they can be told apart."""

from collections.abc import Mapping, Sequence

import streamlit as st

from mammo_core.metrics.cases import Cases
from mammo_core.metrics.compare import SharedCases, compare_to_best
from mammo_core.metrics.uncertainty import auc_with_interval
from mammo_core.words import many
from pages.components import cached
from pages.components.guard import escaped


def say_what_is_compared(shared: SharedCases, names: Sequence[str]) -> None:
    if len(names) < 2:
        return
    count = many(len(shared.cases[0]), "case", "cases")
    if shared.is_complete:
        st.success(f"All compared on the same {count}.", icon=":material/check:")
        return
    lacking = ", ".join(
        f"{number:,} of {name}"
        for name, number in zip(names, shared.left_out, strict=True)
        if number
    )
    disagreeing = many(shared.disagreeing, "case", "cases")
    st.warning(
        f"Compared on the {count} that all have."
        + (escaped(f" Left out: {lacking}.") if lacking else "")
        + (
            f" {disagreeing} left out because the tables differ on the truth."
            if shared.disagreeing
            else ""
        ),
        icon=":material/warning:",
    )


def show_leaderboard(models: Mapping[str, Cases]) -> None:
    estimates = {name: auc_with_interval(cases) for name, cases in models.items()}
    best_first = sorted(models, key=lambda name: estimates[name].value, reverse=True)
    st.dataframe(
        [
            {
                "model": name,
                "AUC": f"{estimates[name].value:.3f}",
                "95 % interval": f"{estimates[name].low:.3f} to {estimates[name].high:.3f}",
                "by": estimates[name].method,
                "average precision": _precision(models[name]),
                "with cancer": estimates[name].positives,
                "without": estimates[name].negatives,
                "women": estimates[name].groups,
                "case": models[name].level,
            }
            for name in best_first
        ],
        hide_index=True,
        key="leaderboard",
    )
    for comparison in compare_to_best(best_first, [models[name] for name in best_first]):
        st.text(f"{comparison.sentence}{p_in_words(comparison.holm_p)}")
    st.caption(f"Guessing has AUC 0.500 and average precision {prevalence_of(models):.3f} here.")
    if len(models) > 1:
        st.caption(
            "Intervals are over women. Training again with another seed would move each AUC, too: "
            "the luck of training is not measured by one run."
        )


def _precision(cases: Cases) -> str:
    found = cached.average_precision(cases)
    return "–" if found is None else f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def p_in_words(p_value: float | None) -> str:
    if p_value is None:
        return ""
    return f" p {'< 0.001' if p_value < 0.001 else f'= {p_value:.3f}'} (Holm)."


def prevalence_of(models: Mapping[str, Cases]) -> float:
    cases = next(iter(models.values()))
    return cases.positives / len(cases)
