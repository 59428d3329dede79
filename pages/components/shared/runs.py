"""What pages show of a run: how a job goes, what was measured of a model, which data it learnt
from.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from mammo_core.config import DataConfig, EvaluateConfig, RunConfig, load_settings
from mammo_core.errors import MammoError, RunError
from mammo_core.files import jobs_root, locked, shipped_checkpoints_root
from mammo_core.glossary import meaning
from mammo_core.runs.evaluations import list_evaluations
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.jobs import start_run, stop_run, under_way
from mammo_core.runs.measured import (
    Fidelity,
    Froc,
    StressTest,
    changes_table,
    fidelity_of,
    froc_of,
    froc_tables,
    stress_of,
)
from mammo_core.runs.verification import Verification
from mammo_core.types import RunState
from pages.components.shared import cached
from pages.components.shared.frame import escaped, noted_errors
from pages.components.shared.pickers import title_of
from pages.components.shared.whose import (
    find_folder,
    list_runs,
    name_of_folder,
    require_data,
    require_stopping,
    verification_of,
)


def start_once(settings: Any, root: Path, *, what: str, own: Callable[[RunFolder], None]) -> None:
    """Start the job of `settings`, unless one that this visitor sees is under way: the second of
    two clicks asks for what the first has begun, and may come while it is still being begun.
    """
    alike = hashlib.sha256(repr(settings).encode()).hexdigest()[:2]  # others do not wait for it
    with locked(jobs_root() / f"begun-{alike}.lock"):
        if under_way(settings, list_runs(root)) is None:
            start_run(settings, root, what=what, total=0, own=own)


def show_job(run: RunFolder) -> bool:
    """While it lives it is looked at again every second. Returns whether it is over."""
    with noted_errors():
        status = run.read_status()
        if not status.state.is_over:
            _watch(run)
            return False
        words = escaped(f"{title_of(run)}: {status.state}. {status.message}")
        if status.state is RunState.FINISHED:
            st.caption(words)
        else:
            st.warning(words, icon=":material/report:")
    return True


@st.fragment(run_every=1)
def _watch(run: RunFolder) -> None:
    with noted_errors():
        status = run.read_status()
        if status.state.is_over:
            st.rerun()  # what it has found is shown outside this fragment
        st.progress(
            status.progress, text=escaped(f"{status.state}: {status.message or title_of(run)}")
        )
        if st.button("Stop", icon=":material/stop:", key=f"stop_{run.run_id}"):
            require_stopping(run)
            stop_run(run)


def show_measured(run: RunFolder, *, key: str) -> None:
    """`key` tells several on one page apart. An ensemble has none: its members have. What has
    learnt patches gives no score for an image, so lesions are all that it can be asked for.
    """
    if not run.is_checkpoint:
        return
    with noted_errors():
        if cached.card(run).patches is not None:
            _show_froc(run, froc_of(run), key=key)
            return
    with noted_errors():
        _show_fidelity(run, fidelity_of(run))
    with noted_errors():
        _show_stress(run, stress_of(run), key=key)


def _show_froc(run: RunFolder, known: list[Froc], *, key: str) -> None:
    st.markdown("**Does it find lesions in whole images?**")
    if not known:
        st.caption("Nobody has held its marks against lesions whose place is known. To do so:")
        st.code(f"mammo find-lesions {run.run_id}", language=None)
    show_found(known, key=key)


def show_found(known: list[Froc], *, key: str) -> None:
    """Lesions found against false marks an image."""
    from mammo_core.plots.curves import froc_figure

    for number, one in enumerate(known):
        st.markdown(escaped(one.headline))
        curve, points = froc_tables(one)
        st.plotly_chart(
            froc_figure(curve, points),
            key=f"{key}_froc_{number}",
            alt="Lesions found against false marks an image, with 95 % intervals at five of them",
        )
        basis, *found = one.sentences
        st.caption(escaped(f"{basis} {' '.join(found)}"))


def _show_fidelity(run: RunFolder, known: list[Fidelity]) -> None:
    st.markdown("**Are its heatmaps true?**", help=meaning("Fidelity"))
    if not known:
        st.caption("Nobody has held them against lesions whose place is known. To do so:")
        st.code(f"mammo explain-check {run.run_id}", language=None)
    for one in known:
        basis, pointing, *others, shuffled = one.sentences
        show = st.warning if one.is_worthless or not one.pointing.beats_chance else st.markdown
        show(escaped(f"{basis} {pointing} {shuffled}"))
        st.caption(escaped(f"Heatmaps by {one.method}. {' '.join(others)}"))


def _show_stress(run: RunFolder, known: list[StressTest], *, key: str) -> None:
    st.markdown("**Do its scores hold on images as they might have come?**")
    if not known:
        st.caption("Nobody has tried. To do so:")
        st.code(f"mammo stress {run.run_id}", language=None)
    for number, one in enumerate(known):
        tells = any(result.tells_without_breast for result in one.results)
        (st.warning if tells else st.markdown)(escaped(one.without_breast))
        st.dataframe(changes_table(one), hide_index=True, key=f"{key}_stress_{number}")
        told = f"{one.sentences[0]} In brackets 95 % intervals by woman. {one.caution}"
        st.caption(escaped(told.strip()))


if TYPE_CHECKING:  # imported where asked for: most of a page needs none of it
    from mammo_core.datasets.dataset import Dataset

_SETTINGS: Final = "run.json"


def name_of_data(folder: str) -> str:
    """The registered name of `folder`. A name needs no look among the registered sets, and its page
    none of what reads one.
    """
    if not Path(folder).is_absolute():
        return folder
    return name_of_folder(folder)


def told_settings(run: RunFolder) -> dict[str, Any]:
    """The settings of `run` to be held against others: one data set has one name, whether its run
    was started from its folder or from its name.
    """
    document = run.document()
    data = document.get("data")
    folder = data.get("folder") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(folder, str):
        return document
    return document | {"data": data | {"folder": name_of_data(folder)}}


def data_of(run: RunFolder) -> DataConfig | EvaluateConfig:
    """Which data set `run` has scored, as its settings name it."""
    evaluations = list_evaluations([run])
    if evaluations:
        return evaluations[0].config
    return load_settings(run.file(_SETTINGS), RunConfig).data


def verification_of_run(run: RunFolder | None) -> Verification:
    """Of the data set whose images `run` has scored; of an uploaded table nothing is known."""
    if run is None or not run.file(_SETTINGS).exists():
        return Verification()
    try:
        return verification_of(data_of(run).folder)
    except MammoError:
        return Verification()  # settings of another kind: who needs them says what is wrong


def told_standard(run: RunFolder | None) -> str:
    """The reference standard that a model's card tells under its figures; "" without a card that
    can be read: what needs one says why it cannot.
    """
    if run is None or not run.is_checkpoint:
        return ""
    try:
        return cached.card(run).data.reference_standard
    except MammoError:
        return ""


def dataset_of(run: RunFolder) -> "Dataset":
    """The data set whose images `run` has scored: its own, or the one it was evaluated on."""
    if not run.file(_SETTINGS).exists():
        raise RunError(
            f"{title_of(run)} came from elsewhere, without the settings of its training: which "
            "images on this computer are its own is not known, so none are shown. It reads like "
            "any other model."
        )
    from mammo_core.datasets.dataset import Registered, get_adapter

    data = data_of(run)
    if Path(data.folder).is_absolute():
        require_data(data.folder)
    folder = find_folder(data.folder)
    if str(folder) == data.folder and not folder.is_absolute() and not folder.is_dir():
        # the name of a set that nobody registered here, which was never a place on this computer
        is_shipped = run.path.parent == shipped_checkpoints_root()
        whose = "Pictures of these women do not ship" if is_shipped else f"No {data.folder} is here"
        raise RunError(
            f"{whose}. Register the folder of {get_adapter(data.adapter).title} on Data."
        )
    return cached.dataset(
        Registered(
            name=data.folder,
            folder=str(folder),
            adapter=data.adapter,
            label_rule=data.label_rule,
        )
    )
