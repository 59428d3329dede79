"""Pre-flight: the images as the network will see them, and what the training will take."""

from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mammo_core.config import RunConfig
from mammo_core.files import preflights_root
from mammo_core.glossary import meaning
from mammo_core.runs.folder import RunFolder
from mammo_core.sharing.rights import Action
from mammo_core.training.preflight import (
    GUESSED_AUC,
    RESULT_NAME,
    Preflight,
    latest_preflight,
    read_preflight,
    start_preflight,
)
from pages.components.shared.frame import escaped, shown_errors
from pages.components.shared.whose import is_off, owning, require, require_stopping
from pages.components.train.place import origins_seen

_ACROSS: Final = 8
PAIRED: Final = (
    "They come in pairs, from the left: an image, then the other view of its breast as it is "
    "scored together with it (the image itself where that view is missing)."
)
_MINUTE: Final = 60.0
_HOUR: Final = 3600.0


def show_preflight(config: RunConfig, *, is_ready: bool, row: DeltaGenerator) -> None:
    """What was measured for these very settings; in `row` the button that measures it."""
    run = latest_preflight(config, preflights_root())
    if run is not None and not run.read_status().state.is_over:
        _watch(run)
        return
    if run is not None and run.file(RESULT_NAME).exists():
        _show_result(run, views=config.model.views)
    elif run is not None:
        status = run.read_status()
        st.error(escaped(f"Pre-flight {status.state}. {status.message}"), icon=":material/error:")
    else:
        st.caption(
            "Pre-flight prepares some images, runs three real batches, and tells what the training "
            "will see and take. It changes nothing."
        )
    if row.button(
        "Pre-flight" if run is None else "Measure again", icon=":material/flight_takeoff:",
        key="train_preflight", disabled=not is_ready or bool(is_off(Action.TRAIN)),
        help=is_off(Action.TRAIN) or meaning("Pre-flight"),
    ):  # fmt: skip
        require(Action.TRAIN)
        with shown_errors():
            origins_seen(config)
        owned = owning(action="started a pre-flight")
        start_preflight(config, preflights_root(), own=owned)
        st.rerun()


@st.fragment(run_every=1)
def _watch(run: RunFolder) -> None:
    with shown_errors():
        status = run.read_status()
    if status.state.is_over:
        st.rerun()  # its result lies outside this fragment
    st.progress(status.progress, text=escaped(status.message) or "Getting ready")
    if st.button(
        "Stop", icon=":material/stop:", key="preflight_stop", disabled=run.is_asked_to_stop()
    ):
        with shown_errors():
            require_stopping(run)
        run.ask_to_stop()


def _show_result(run: RunFolder, *, views: int) -> None:
    told, looks = read_preflight(run.path)
    st.caption("Images as the network will see them, changed at random:")
    for place, look in zip(st.columns(_ACROSS), looks, strict=False):
        place.image(look, width="stretch", alt="a training image, changed at random")
    if views == 2:
        st.caption(PAIRED)
    for place, (name, value, told_of) in zip(st.columns(4), _figures(told), strict=True):
        place.metric(name, value, border=True, help=told_of)
    test = told.splits[-1]
    st.caption(
        f"The interval of the test AUC rests on {test.women:,} test women; "
        f"{test.positive_images:,} of their {test.images:,} images are positive."
    )
    for warning in told.warnings:
        st.warning(escaped(warning), icon=":material/warning:")


def _figures(told: Preflight) -> tuple[tuple[str, str, str], ...]:
    low, high = told.test_interval
    test = told.splits[-1]
    memory = "not known" if told.memory_gb is None else f"{told.memory_gb:.1f} GB"
    return (
        (
            "Training takes about",
            in_words(told.seconds),
            f"{told.batches_per_epoch:,} batches an epoch, {told.seconds_per_batch:.2f} s each on "
            "this computer as it was; preparing images not counted",
        ),
        ("Memory in use", memory, "The most while three batches were trained"),
        (
            "Weights trained",
            f"{told.trained_weights:,}",
            f"of {told.all_weights:,}",
        ),
        (
            f"A test AUC of {GUESSED_AUC} means",
            f"95 % {low:.2f} to {high:.2f}",
            f"95 % interval with {test.women:,} test women, {test.positive_images:,} of their "
            f"{test.images:,} images positive.\n\n" + meaning("AUC", "95 % interval"),
        ),
    )


def in_words(seconds: float) -> str:
    """A time as one says it: 40 s, 12 min, 3.5 h."""
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.1f} h"
