"""Time, device hours, and what they cost at a price the user enters."""

import streamlit as st

from mammo_core.paths import checkpoints_root
from mammo_core.runs.cost import device_hours, latest_cost, read_cost, record_cost
from mammo_core.runs.folder import RunFolder
from pages.components import cached
from pages.components.guard import escaped
from pages.components.train_preflight import in_words


def show_cost(run: RunFolder) -> None:
    card = cached.card(run)
    training, hours = card.training, device_hours(card)
    recorded = read_cost(run)
    known = recorded or latest_cost(checkpoints_root())
    with st.expander("Time and cost", icon=":material/payments:"):
        st.write(
            f"{training.epochs} epochs in {in_words(training.seconds)} on {training.devices} x "
            f"{training.device}: {hours:.3g} device hours, preparing images not counted."
        )
        left, middle, right = st.columns([2, 1, 2], vertical_alignment="bottom")
        price = left.number_input(
            "Price of a device hour", 0.0, 10_000.0, known.price if known else 0.0, 0.1,
            key=f"price_{run.run_id}",
        )  # fmt: skip
        currency = middle.text_input(
            "Currency", known.currency if known else "EUR", max_chars=8, key=f"money_{run.run_id}"
        )
        if right.button("Record", icon=":material/save:", key=f"record_{run.run_id}"):
            recorded = record_cost(run, card, price=price, currency=currency)
        if recorded is None:
            st.caption(escaped(f"At this price: {hours * price:.2f} {currency}. Not recorded yet."))
        else:
            st.caption(
                escaped(
                    f"Recorded {recorded.recorded_at[:10]}: {recorded.total:.2f} "
                    f"{recorded.currency}, at {recorded.price:g} an hour."
                )
            )
