"""What "without cancer" rests on, beside the rates; and rates corrected for cases not verified."""

import pandas as pd
import streamlit as st

from mammo_core.glossary import meaning
from mammo_core.metrics.cases import all_cases
from mammo_core.metrics.uncertainty import RatesAtThreshold
from mammo_core.metrics.verified import begg_greenes, corrected_in_words, why_not_corrected
from mammo_core.words import many
from pages.components.shared.counting import Counted
from pages.components.shared.frame import escaped, noted_errors
from pages.components.shared.runs import told_standard


def show_verified(counted: Counted, rates: RatesAtThreshold) -> None:
    known = counted.verification
    if not counted.finding.is_cancer:
        return  # what is told here is of "without cancer" alone
    if told := known.beside(told_standard(counted.scored.run)):
        st.caption(escaped(told))
    if known.warning:
        st.warning(escaped(known.warning), icon=":material/warning:")
    unknown = counted.cases.unknown
    if not unknown:
        return
    with st.expander(
        f"Corrected for {many(unknown, 'case', 'cases')} not verified",
        icon=":material/balance:", key="corrected", on_change="rerun",
    ) as opened:  # fmt: skip
        if not opened.open:
            return
        with noted_errors():
            _show_corrected(counted, rates.point.threshold)


def _show_corrected(counted: Counted, threshold: float) -> None:
    table = all_cases(counted.rows, counted.counting.level, counted.counting.rule)
    called = table["score"].to_numpy() >= threshold
    positive, verified = (table[name].to_numpy(dtype=bool) for name in ("positive", "is_known"))
    found = begg_greenes(called, positive, verified, pd.factorize(table["group_id"])[0])
    if found is None:
        st.info(why_not_corrected(called, positive, verified), icon=":material/info:")
        return
    for sentence in corrected_in_words(found):
        st.text(sentence)
    st.caption(
        "After Begg and Greenes: among cases called alike, those whose truth is known stand for "
        "the others. It holds only where, among cases the model calls alike, whose truth became "
        "known did not depend on cancer. Where women went unverified because readers, who see "
        "what the model does not, did not recall them, the sensitivity still comes out too high "
        "or too low.",
        help=meaning("Verification bias", "Reference standard"),
    )
