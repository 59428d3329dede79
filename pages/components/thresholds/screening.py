"""What the threshold would mean for 1,000 women screened, beside what readers achieve."""

from dataclasses import replace
from typing import Final

import streamlit as st

from mammo_core.glossary import meaning
from mammo_core.metrics.cases import Cases, Pooling, levels_of
from mammo_core.metrics.clinic import (
    Benchmark,
    Projection,
    project_at,
    triage,
    why_no_projection,
)
from mammo_core.metrics.uncertainty import RatesAtThreshold
from mammo_core.types import Level
from mammo_core.words import many
from pages.components.shared.counting import Counted, count_cases
from pages.components.shared.frame import escaped

BCSC = Benchmark()


#: Where the women without cancer are not women from screening, and what is wrong with them then.
CLOSED: Final = {
    "biopsied": "This set has no women from screening without cancer: all were biopsied. What its "
    "specificity would be in screening cannot be known from it.",
    "mixed": "The women without cancer of this set come from screening and from clinics, and it "
    "does not tell which from where. What its specificity would be in screening cannot be known "
    "from it.",
}
NOT_KNOWN: Final = (
    "How the women came into this set is not known. A projection to screening holds only if those "
    "without cancer came from screening, unselected."
)
SYNTHETIC: Final = "Synthetic women: this shows how a projection reads, and tells nothing of women."


def show_screening(counted: Counted, rates: RatesAtThreshold) -> None:
    population = counted.scored.population
    closed = _why_another(counted) or CLOSED.get(population) or why_closed(counted)
    if closed is None and population == "unknown":
        is_screening = st.checkbox(
            "The women without cancer came from screening, unselected", key="is_screening",
            bind="query-params",
        )  # fmt: skip
        closed = None if is_screening else NOT_KNOWN
    if closed:
        st.info(escaped(closed), icon=":material/block:")
        return
    women, recalled = count_women(counted)
    if few := why_no_projection(women):
        st.info(few, icon=":material/block:")
        return
    threshold = rates.point.threshold
    prevalence = (
        st.number_input(
            "Women with cancer among 1,000 screened", 0.1, 500.0, 1000 * BCSC.prevalence, 0.1,
            key="per_thousand", bind="query-params", width=320,
            help=meaning("Prevalence", "Recall rate", "PPV", "Sensitivity"),
        )
        / 1000
    )  # fmt: skip
    spread = project_at(women, threshold, prevalence, recalled=recalled)
    middle, ends = spread.middle, (spread.low, spread.high)
    st.dataframe(
        [
            _row("Recalled", middle.recalled, [end.recalled for end in ends], BCSC.recalled),
            _row("Cancers found", middle.found, [end.found for end in ends], BCSC.found),
            _row("Cancers missed", middle.missed, [end.missed for end in ends], BCSC.missed),
            _row("False alarms", middle.false_alarms, [e.false_alarms for e in ends], None),
            _row(
                "Recalled for the breast without the cancer",
                middle.elsewhere,
                [e.elsewhere for e in ends],
                None,
            ),
            _share("PPV1", middle, ends, BCSC.ppv),
        ],
        hide_index=True,
        key="screening",
    )
    st.caption(
        f"A projection from {many(women.positives, 'woman', 'women')} with and "
        f"{women.negatives:,} without cancer of this set to {1000 * prevalence:.1f} in 1,000, not "
        "a result of screening. A cancer is found only if its own breast is called; a woman is "
        "recalled if any breast is. PPV1: cancers found among the recalled. Ranges "
        f"join both 95 % intervals. Readers: {BCSC.title}, Lehman 2017."
    )
    if population == "synthetic":
        st.caption(SYNTHETIC)
    show_triage(recalled, threshold, prevalence)


def _why_another(counted: Counted) -> str | None:
    """Where the model calls women for something else than cancer."""
    finding = counted.finding
    if finding.is_cancer:
        return None
    return (
        f"These scores are for {finding.one}, not for cancer: what screening would recall women "
        "for, find and miss is of cancers alone."
    )


def why_closed(counted: Counted) -> str | None:
    """What the table lacks to count women by their breasts."""
    scored, counting = counted.scored, counted.counting
    if Level.BREAST not in levels_of(scored.predictions):
        return "A projection needs the side of every image, and patients or exams."
    if counting.rule is Pooling.MEAN:
        return "A projection follows the highest image of a breast. Choose that rule above."
    return None


def count_women(counted: Counted) -> tuple[Cases, Cases]:
    """The women scored by the cancer's own breast, and the same by any breast."""
    scored, counting = counted.scored, counted.counting
    levels = levels_of(scored.predictions)
    level = Level.EXAM if Level.EXAM in levels else Level.PATIENT
    own, any_breast = (
        count_cases(scored, replace(counting, level=level, rule=rule))
        for rule in (Pooling.OWN_BREAST, Pooling.MAX)
    )
    return own, any_breast


def show_triage(women: Cases, threshold: float, prevalence: float) -> None:
    with st.expander("Triage: who would not be read at all"):
        rule_out = st.number_input(
            "Not read below a score of", 0.0, 1.0, round(threshold / 2, 3), 0.001,
            format="%.3f", key="rule_out", bind="query-params", width=320, help=meaning("Triage"),
        )  # fmt: skip
        rule_in = max(threshold, rule_out)
        result = triage(women, rule_out=rule_out, rule_in=rule_in, prevalence=prevalence)
        share = result.share_not_read
        st.markdown(
            f"Of 1,000 women, {_ranged(result.not_read)} would not be read, "
            f"{_ranged(result.read)} read, and {_ranged(result.called)} called, from {rule_in:.3f} "
            f"on. Cancers among those not read: {_ranged(result.cancers_not_read, '.2f')}; in this "
            f"set {share.count:,} of {share.total:,}, 95 % {share.low:.1%} to {share.high:.1%}."
        )


def _ranged(found: tuple[float, float, float], form: str = ".0f") -> str:
    value, low, high = found
    return f"**{value:{form}}** ({low:{form}} to {high:{form}})"


def _row(name: str, value: float, ends: list[float], readers: float | None) -> dict[str, str]:
    return {
        "per 1,000 women": name,
        "projected": f"{value:.1f}",
        "range": f"{min(ends):.1f} to {max(ends):.1f}",
        "readers": "" if readers is None else f"{readers:g}",
    }


def _share(
    name: str, middle: Projection, ends: tuple[Projection, Projection], readers: float
) -> dict[str, str]:
    return {
        "per 1,000 women": name,
        "projected": f"{middle.ppv:.1%}" if middle.recalled else "–",
        "range": f"{ends[0].ppv:.1%} to {ends[1].ppv:.1%}" if ends[0].recalled else "–",
        "readers": f"{readers:.1%}",
    }
