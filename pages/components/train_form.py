"""The guided form of a new run: every step shows what it decides and what stands in its way."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import streamlit as st

from pages.components.guard import noted_errors
from pages.components.train_balance import pick_balance
from pages.components.train_course import pick_course
from pages.components.train_data import pick_training_data
from pages.components.train_kept import as_left, keep, restore_choices
from pages.components.train_network import pick_network
from pages.components.train_origin import pick_origin
from pages.components.train_preflight import show_preflight
from pages.components.train_start import start_button


def show_form() -> str | None:
    """The name of the run that was started; None until then."""
    started = None
    with noted_errors():
        restore_choices()
        with _step(1, "Start from"):
            origin = as_left(pick_origin())
        with _step(2, "Data"):
            chosen = pick_training_data(origin.data, key=origin.key)
        if chosen is None:
            return None
        config = origin.configure(chosen.data, chosen.task)
        with _step(3, "Network"):
            network = pick_network(config, chosen, key=origin.key)
            config = network.config
        with _step(4, "Cancers are few"):
            config = replace(config, balance=pick_balance(config.balance, key=origin.key))
        with _step(5, "Training"):
            config = pick_course(config, key=origin.key)
        keep(origin, config)
        with _step(6, "Check and start"):
            config.check()
            missing = (*chosen.missing, *network.missing)
            show_preflight(config, is_ready=not missing)
            started = start_button(config, missing=missing)
    return started


@contextmanager
def _step(number: int, title: str) -> Iterator[None]:
    with st.container(border=True, key=f"train_step_{number}"):
        st.markdown(f"#### {number}. {title}")
        yield
