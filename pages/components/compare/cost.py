"""What each model's AUC costs: how many numbers were learnt, how long one image takes."""

from collections.abc import Mapping, Sequence

import streamlit as st

from mammo_core.config import MeasureConfig
from mammo_core.errors import MammoError
from mammo_core.files import measurements_root
from mammo_core.metrics.uncertainty import Estimate, auc_with_interval
from mammo_core.plots.overviews import Priced, cost_figure
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.jobs import latest_run
from mammo_core.runs.sidecars import Latency, count_parameters, read_latency
from mammo_core.sharing.rights import Action
from mammo_core.words import day_in_words
from pages.components.compare.compared import Compared
from pages.components.shared.frame import escaped, toasted_errors
from pages.components.shared.runs import show_job, start_once
from pages.components.shared.whose import is_off, owning, require

WEIGHTS = "weights.safetensors"


def show_cost(compared: Compared) -> None:
    aucs = {name: auc_with_interval(cases) for name, cases in compared.models.items()}
    sizes: dict[str, int] = {}
    latencies: dict[str, Latency] = {}
    for name, run in compared.runs.items():
        try:
            size, latency = count_parameters(run.file(WEIGHTS)), _latency(run)
        except MammoError as error:
            st.warning(escaped(str(error)), icon=":material/warning:")
            continue
        if size is not None:
            sizes[name] = size
        if latency is not None:
            latencies[name] = latency
    left, right = st.columns(2)
    with left:
        _draw(_timed(aucs, latencies), title="Milliseconds an image", key="by_latency")
    with right:
        _draw(_sized(aucs, sizes), title="Parameters", key="by_size")
    st.dataframe(
        [_row(name, auc, sizes.get(name), latencies.get(name)) for name, auc in aucs.items()],
        hide_index=True,
        key="cost",
    )
    if len({latency.machine for latency in latencies.values()}) > 1:
        st.warning("Measured on different machines or engines: the times do not compare.")
    st.caption(
        "One prepared image through the network alone, without reading and preparing it: the "
        "median, and where nine of ten passes lie. Bars of the AUC are 95 % intervals over women."
    )
    _offer({name: run.run_id for name, run in compared.runs.items() if name in sizes})


def _offer(runs: Mapping[str, str]) -> None:
    """Measuring runs as a job: it loads what this page does without."""
    if not runs:
        return
    name = runs[st.selectbox("Measure how long an image takes", list(runs), key="to_measure")]
    job = latest_run(_asked(name), measurements_root())
    is_free = job is None or show_job(job)
    st.button(
        "Measure", icon=":material/timer:", key="measure", on_click=_start, args=(name,),
        disabled=not is_free or bool(is_off(Action.TRAIN)), help=is_off(Action.TRAIN) or None,
    )  # fmt: skip


def _start(name: str) -> None:
    with toasted_errors():
        require(Action.TRAIN)
        owned = owning(action="started a measurement")
        start_once(_asked(name), measurements_root(), what="latency", own=owned)


def _asked(name: str) -> MeasureConfig:
    return MeasureConfig(kind="latency", checkpoint=name)


def _latency(run: RunFolder) -> Latency | None:
    return read_latency(run) if run.is_checkpoint else None


def _draw(models: Sequence[Priced], *, title: str, key: str) -> None:
    if not models:
        st.info(f"{title}: nothing is known yet.", icon=":material/timer:")
        return
    st.plotly_chart(cost_figure(models, title=title), key=key, alt=f"AUC against {title}")


def _timed(aucs: dict[str, Estimate], latencies: dict[str, Latency]) -> list[Priced]:
    return [
        Priced(
            name=name, auc=auc.value, auc_low=auc.low, auc_high=auc.high,
            price=1000 * latencies[name].median_seconds,
            price_low=1000 * latencies[name].low_seconds,
            price_high=1000 * latencies[name].high_seconds,
        )
        for name, auc in aucs.items()
        if name in latencies
    ]  # fmt: skip


def _sized(aucs: dict[str, Estimate], sizes: dict[str, int]) -> list[Priced]:
    return [
        Priced(
            name=name, auc=auc.value, auc_low=auc.low, auc_high=auc.high,
            price=sizes[name], price_low=sizes[name], price_high=sizes[name],
        )
        for name, auc in aucs.items()
        if name in sizes
    ]  # fmt: skip


def _row(name: str, auc: Estimate, size: int | None, latency: Latency | None) -> dict[str, str]:
    return {
        "model": name,
        "AUC": f"{auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f})",
        "parameters": "–" if size is None else f"{size:,}",
        "ms an image": "not measured"
        if latency is None
        else f"{1000 * latency.median_seconds:.1f} ({1000 * latency.low_seconds:.1f} to "
        f"{1000 * latency.high_seconds:.1f}, {latency.passes} passes)",
        "on": "" if latency is None else latency.machine,
        "when": "" if latency is None else day_in_words(latency.measured_at),
    }
