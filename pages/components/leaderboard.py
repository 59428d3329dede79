"""Models and guesses over the same cases, best first, and whether they can be told apart."""

from collections.abc import Mapping, Sequence
from typing import Final

import streamlit as st

from mammo_core.config import RunConfig
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.compare import Comparison, SharedCases, compare_to_best
from mammo_core.metrics.guessing import says_one_thing
from mammo_core.metrics.seeds import SeedSpread, luck_in_words
from mammo_core.metrics.uncertainty import Estimate, auc_with_interval
from mammo_core.words import many
from pages.components import cached_metrics
from pages.components.compare_view import Compared
from pages.components.guard import escaped
from pages.components.guesses import guesses_on, offer_fitting
from pages.components.seeds_view import recipes_of, spreads_of

#: In pixels: together no wider than the page beside its sidebar at 1400 pixels.
_WIDTHS: Final = {
    "model": 270, "AUC": 170, "average precision": 170, "with / without cancer": 170,
    "AUC over seeds": 220,
}  # fmt: skip


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


def show_leaderboard(compared: Compared) -> None:
    guesses = guesses_on(next(iter(compared.models.values())), compared.runs, compared.counting)
    spreads = spreads_of(compared)
    rows = {**compared.models, **guesses.models}
    estimates = {name: auc_with_interval(cases) for name, cases in rows.items()}
    best_first = sorted(rows, key=lambda name: estimates[name].value, reverse=True)
    st.dataframe(
        [_row(name, rows[name], estimates[name], spreads.get(name)) for name in best_first],
        hide_index=True,
        key="leaderboard",
        column_config={name: st.column_config.TextColumn(width=w) for name, w in _WIDTHS.items()},
    )
    methods = {estimates[name].method for name in rows if not says_one_thing(rows[name])}
    if methods:
        st.caption(f"95 % intervals in brackets. Those of the AUC: {'; '.join(sorted(methods))}.")
    strongest = max(guesses.models, key=lambda name: estimates[name].value)
    judged = [name for name in best_first if name in compared.models or name == strongest]
    recipes = recipes_of(compared.runs)
    for comparison in compare_to_best(judged, [rows[name] for name in judged]):
        luck = luck_between(comparison, spreads, recipes)
        st.text(f"{comparison.sentence}{p_in_words(comparison.holm_p)}{luck}")
    for reason in (*guesses.reasons, guesses.lacking):
        if reason:
            st.caption(escaped(reason))
    if guesses.lacking:
        offer_fitting(compared.runs)


def _row(name: str, cases: Cases, auc: Estimate, spread: SeedSpread | None) -> dict[str, str]:
    spread_of_auc = "one score for all" if says_one_thing(cases) else _interval(auc)
    return {
        "model": name,
        "AUC": f"{auc.value:.3f} ({spread_of_auc})",
        "average precision": _precision(cases),
        "with / without cancer": f"{auc.positives:,} / {auc.negatives:,}, "
        f"{many(auc.groups, 'woman', 'women')}",
        "AUC over seeds": "" if spread is None else spread.in_words,
    }


def _interval(estimate: Estimate) -> str:
    return f"{estimate.low:.3f} to {estimate.high:.3f}"


def luck_between(
    comparison: Comparison, spreads: Mapping[str, SeedSpread], recipes: Mapping[str, RunConfig]
) -> str:
    """What the seeds of both recipes add to a comparison over women; "" beside a guess."""
    one, other = names = comparison.best, comparison.other
    if not set(names) <= spreads.keys():
        return ""
    if one in recipes and recipes[one] == recipes.get(other):
        return " Both are of one recipe."
    return f" {luck_in_words(names, spreads[one], spreads[other])}"


def _precision(cases: Cases) -> str:
    if says_one_thing(cases):
        return f"{cases.positives / len(cases):.3f}"
    found = cached_metrics.average_precision(cases)
    return "–" if found is None else f"{found.value:.3f} ({_interval(found)})"


def p_in_words(p_value: float | None) -> str:
    if p_value is None:
        return ""
    return f" p {'< 0.001' if p_value < 0.001 else f'= {p_value:.3f}'} (Holm)."
