"""A run as it goes, and what it offers when it is over."""

from dataclasses import replace
from typing import Final

import pandas as pd
import streamlit as st

from mammo_core.config import RunConfig
from mammo_core.errors import ConfigError
from mammo_core.files import checkpoints_root
from mammo_core.glossary import meaning
from mammo_core.runs.card import KAPPA, Metric, ModelCard, settings_table
from mammo_core.runs.evaluations import list_evaluations
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.runs.jobs import (
    can_be_resumed,
    elapsed_seconds,
    remaining_seconds,
    resume_run,
    stop_run,
)
from mammo_core.runs.sidecars import device_hours, latest_cost, read_cost, record_cost
from mammo_core.sharing.rights import Action
from mammo_core.training.preflight import made_to_fit, read_fitting, settings_of
from mammo_core.types import RunState, Split
from mammo_core.words import day_in_words, pairs_in_words
from pages.components.shared import cached
from pages.components.shared.counting import note_look
from pages.components.shared.frame import (
    escaped,
    noted_errors,
    shown_errors,
    toasted_errors,
    without_notice,
)
from pages.components.shared.gallery import show_gallery
from pages.components.shared.margins import offer_margin
from pages.components.shared.pickers import all_titles, can_read, scored_runs, title_of
from pages.components.shared.runs import name_of_data, show_measured
from pages.components.shared.whose import is_off, list_runs, require_own_run, why_not_own
from pages.components.train.form import start_from
from pages.components.train.place import start_like
from pages.components.train.preflight import in_words
from pages.components.train.progress import show_alarms, show_curves, show_series


def show_actions(run: RunFolder, *, is_training: bool) -> None:
    """`is_training` tells whether the settings of `run` are those of a training."""
    with st.container(horizontal=True):
        if can_read(run):
            _link_to_use(run)
        elif run.has_predictions:
            _link_to_judge(run)
        if can_be_resumed(run) and st.button(
            "Start" if run.read_status().state is RunState.NOT_STARTED else "Resume",
            icon=":material/resume:",
            key=f"resume_{run.run_id}",
            disabled=bool(is_off(Action.TRAIN)),
            help=is_off(Action.TRAIN) or None,
        ):
            with shown_errors():
                require_own_run(run)
                resume_run(run)
            st.rerun()
        if run.read_status().state is RunState.FAILED:
            _offer_fitting(run)
        if is_training:
            st.button(
                "Start again with these settings", icon=":material/content_copy:",
                key=f"copy_{run.run_id}", on_click=_copy, args=(run,),
            )  # fmt: skip


def _link_to_use(run: RunFolder) -> None:
    st.page_link(
        "pages/read.py",
        label="Read cases with it",
        icon=":material/radiology:",
        query_params={"model": run.run_id},
    )
    if not run.has_predictions:  # it came from elsewhere without them
        return
    _link_to_judge(run)


def _link_to_judge(run: RunFolder) -> None:
    st.page_link(
        "pages/thresholds.py",
        label="Thresholds",
        icon=":material/tune:",
        query_params={"run": run.run_id},
    )
    st.page_link(
        "pages/compare.py",
        label="Compare with …",
        icon=":material/leaderboard:",
        query_params={"models": run.run_id, "compare_section": "Beside another"},
    )


def _offer_fitting(run: RunFolder) -> None:
    """After the memory ran out: the same, in batches that were tried out and fit."""
    fitting = read_fitting(run)
    if fitting is None:
        return
    if st.button(
        f"Start again in batches of {fitting.batch_size}, {fitting.accumulate} added up",
        icon=":material/memory:", type="primary", key=f"fit_{run.run_id}",
    ):  # fmt: skip
        start_like(run, made_to_fit(settings_of(run), fitting))
        st.rerun()


def _copy(run: RunFolder) -> None:
    """A callback: what it sets belongs to widgets that are already drawn when the page runs."""
    with toasted_errors():
        start_from(run)
        st.session_state["train_show"] = "New run"


def show_results(run: RunFolder) -> None:
    card = cached.card(run)
    if run.has_predictions or any(metric.split is Split.TEST for metric in card.metrics):
        note_look(run, Split.TEST)
    if card.metrics:
        for place, metric in zip(
            st.columns(max(3, len(card.metrics))), card.metrics_to_show, strict=False
        ):
            with place:
                _show_metric(metric, card)
    if card.metrics:
        st.caption(escaped(card.data.describe(card.metrics[-1].level)))
    for limit in without_notice(card.limits):
        st.caption(f":material/info: {escaped(limit)}")
    with st.expander("How far its heatmaps and scores can be trusted", icon=":material/verified:"):
        show_measured(run, key="results")
    with st.expander(
        "Test images: worst and best cases", icon=":material/grid_view:", expanded=True
    ):
        show_gallery(run, page="train")


def _show_metric(metric: Metric, card: ModelCard) -> None:
    case, paired = card.case(metric.level), pairs_in_words(metric.level, card.model.views)
    name = f"{metric.title} by {case.removesuffix(paired)}, {card.split_name(metric.split)}"
    positive = " or ".join(card.task.positive)
    if metric.value is None or metric.low is None or metric.high is None:
        st.metric(name, "–", border=True)
        st.caption(escaped(metric.method))
        return
    st.metric(
        name, f"{metric.value:.3f}", f"95 % {metric.low:.3f} to {metric.high:.3f}",
        delta_color="off", delta_arrow="off", border=True,
        help=f"95 % interval by {metric.method}: {metric.positives:,} with and "
        f"{metric.negatives:,} without, {metric.women:,} women.\n\n"
        + meaning("Quadratic kappa" if metric.name == KAPPA else "AUC", "95 % interval"),
    )  # fmt: skip
    st.caption(
        escaped(
            f"{metric.positives:,} with {positive}, {metric.negatives:,} without, "
            f"{metric.women:,} women"
        )
    )
    if paired:
        st.caption(f"By {case}")


def show_settings(run: RunFolder, config: RunConfig) -> None:
    with st.expander("Settings", icon=":material/settings:"):
        others = [other for other in list_runs(checkpoints_root()) if other != run]
        titles = all_titles()
        settings = {titles[run.run_id]: _named(config)}
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        chosen = left.multiselect(
            "Compare with",
            [other.run_id for other in others],
            key=f"settings_{run.run_id}",
            format_func=titles.__getitem__,
        )
        only = right.toggle(
            "Only differences", value=True, key="settings_only", disabled=not chosen
        )
        for other in others:
            if other.run_id in chosen:
                settings[titles[other.run_id]] = _named(_readable(other))
        table = settings_table(settings, only_differences=only and bool(chosen))
        if table.empty:
            st.caption("Their settings are the same.")
        else:
            st.dataframe(table, hide_index=True, key="settings_table")


def _named(config: RunConfig) -> RunConfig:
    """One data set has one name, however its run was started."""
    return replace(config, data=replace(config.data, folder=name_of_data(config.data.folder)))


def _readable(run: RunFolder) -> RunConfig:
    try:
        return run.settings(RunConfig)
    except ConfigError as error:
        raise ConfigError(f"{title_of(run)} cannot be compared. {error}") from None


def show_cost(run: RunFolder) -> None:
    card = cached.card(run)
    training, hours = card.training, device_hours(card)
    recorded = read_cost(run)
    known = recorded or latest_cost(list_runs(checkpoints_root()))
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
        off = why_not_own(run)
        if right.button(
            "Record", icon=":material/save:", key=f"record_{run.run_id}", disabled=bool(off),
            help=off or None,
        ):  # fmt: skip
            require_own_run(run)
            recorded = record_cost(run, card, price=price, currency=currency)
        if recorded is None:
            st.caption(escaped(f"At this price: {hours * price:.2f} {currency}. Not recorded yet."))
        else:
            st.caption(
                escaped(
                    f"Recorded {day_in_words(recorded.recorded_at)}: {recorded.total:.2f} "
                    f"{recorded.currency}, at {recorded.price:g} an hour."
                )
            )


_TOLD: Final = "epoch_told"
_WORDS: Final = {
    RunState.QUEUED: "waiting for its turn",
    RunState.RUNNING: "running",
    RunState.FINISHED: "finished",
    RunState.STOPPED: "stopped",
    RunState.FAILED: "failed",
    RunState.LOST: "lost",
    RunState.NOT_STARTED: "not started",
}


def show_run(run: RunFolder) -> None:
    """The run's present state; while it lives, looked at again every second."""
    with shown_errors():
        state = run.read_status().state
        is_over = state.is_over or state is RunState.NOT_STARTED
    settings = _training_settings(run)
    if is_over:
        with shown_errors():
            _show_end(run, settings)
    else:
        st.session_state.pop(_TOLD, None)  # what is found now, this run of the page tells itself
        _watch(run, settings)
    if settings is None:
        return
    with noted_errors():
        show_series(run, settings)
    if not run.is_ensemble:
        with (
            noted_errors(),
            st.expander("Margin, before the test set is opened", icon=":material/edit_note:"),
        ):
            st.caption(
                "Write it while the run trains: when it has finished, this page shows test results."
            )
            offer_margin(run, scored_runs(), key=f"margin_{run.run_id}")
    with noted_errors():
        show_settings(run, settings)
    if run.is_checkpoint:
        with noted_errors():
            show_cost(run)


@st.fragment(run_every=1)
def _watch(run: RunFolder, settings: RunConfig | None) -> None:
    """The page is begun anew only by a look of its own: as a part of the page this would take the
    click away that the page has come for, on a form beneath.
    """
    with shown_errors():
        status = run.read_status()
    told, now = st.session_state.get(_TOLD), (run.run_id, status.done)
    st.session_state[_TOLD] = now
    # What a finished run offers lies outside, and the table of runs above tells the same epoch
    if told and (status.state.is_over or (settings is not None and told != now)):
        st.rerun()
    with shown_errors():
        metrics = run.read_metrics()
        _show_state(run, status, settings, metrics=metrics)
    st.button(
        "Stop", icon=":material/stop:", key=f"stop_{run.run_id}",
        disabled=run.is_asked_to_stop() or bool(is_off(Action.TRAIN)),
        help=is_off(Action.TRAIN) or None, on_click=_stop, args=(run,),
    )  # fmt: skip
    show_alarms(metrics)
    show_curves(metrics, floor=_floor(settings), views=_views(settings), key="live")
    _show_log(run)


def _stop(run: RunFolder) -> None:
    """For a callback: one that was asked after by the page would be lost where an epoch has just
    ended, for the page is then begun anew before it asks.
    """
    with toasted_errors():
        require_own_run(run)
        stop_run(run)
        st.toast("The run stops after the current batch.")


def _show_end(run: RunFolder, settings: RunConfig | None) -> None:
    _show_state(run, run.read_status(), settings, metrics=pd.DataFrame())
    # An ensemble keeps the settings of its first member, and was trained by none of its own.
    show_actions(run, is_training=settings is not None and not run.is_ensemble)
    if run.is_checkpoint:
        with noted_errors():
            show_results(run)
    metrics = run.read_metrics()
    if not metrics.empty:
        with st.expander("Course of the training", icon=":material/show_chart:", expanded=True):
            show_alarms(metrics)
            show_curves(metrics, floor=_floor(settings), views=_views(settings), key="over")
    _show_log(run)


def _show_log(run: RunFolder) -> None:
    with st.expander("Log", icon=":material/terminal:"):
        st.code(run.read_log(last_lines=40) or "Nothing printed yet.", language=None)


def _show_state(
    run: RunFolder, status: RunStatus, settings: RunConfig | None, *, metrics: pd.DataFrame
) -> None:
    """State and progress; alarms have their own place, so they are left out of the message."""
    counted = f", {_unit(run, settings)}{status.done} of {status.total}" if status.total else ""
    told = escaped(f"{title_of(run)}: {_WORDS[status.state]}{counted}{_time_in_words(run, status)}")
    st.progress(1.0 if status.state is RunState.FINISHED else status.progress, text=told)
    message = status.message
    if "alarm" in metrics and isinstance(metrics["alarm"].iloc[-1], str):
        message = message.removesuffix(metrics["alarm"].iloc[-1]).strip()
    if not message:
        return
    if status.state in (RunState.FAILED, RunState.LOST):
        st.error(escaped(message), icon=":material/error:")
    elif status.state is RunState.STOPPED:
        st.warning(escaped(message), icon=":material/stop_circle:")
    else:
        st.info(escaped(message), icon=":material/info:")


def _time_in_words(run: RunFolder, status: RunStatus) -> str:
    """How long it has taken, and what is left as its pace has been; nothing once it is over."""
    if status.state is not RunState.RUNNING:
        return ""
    gone = elapsed_seconds(run)
    left = remaining_seconds(status, gone)
    told = "" if gone is None else f", {in_words(gone)} so far"
    return told if left is None else f"{told}, about {in_words(left)} left"


def _training_settings(run: RunFolder) -> RunConfig | None:
    """None for runs of another kind, as a scoring is, and for those of another version."""
    try:
        return run.settings(RunConfig)
    except ConfigError:
        return None


def _unit(run: RunFolder, settings: RunConfig | None) -> str:
    """What is counted as the run goes on."""
    if list_evaluations([run]):
        return "image "
    if run.is_ensemble:
        return "model "
    return "epoch " if settings is not None else ""


def _floor(settings: RunConfig | None) -> float:
    return settings.optim.least_sensitivity if settings else 0.0


def _views(settings: RunConfig | None) -> int:
    return settings.model.views if settings else 1
