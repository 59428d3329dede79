"""The baselines of the leaderboard: guesses on the very cases that the models are compared on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.compare import in_order_of
from mammo_core.metrics.guessing import guess_majority, guess_randomly
from mammo_core.paths import measurements_root
from mammo_core.runs.folder import BASELINES_NAME, RunFolder
from mammo_core.runs.measurements import latest_measuring, start_measuring
from pages.components import cached
from pages.components.counting import Counting
from pages.components.guard import escaped, shown_errors
from pages.components.job_view import show_job

PREFIX: Final = "baseline: "
NOT_FITTED: Final = (
    "Only majority and random are shown: confounders, grey levels and pixels have not been fitted "
    "beside these runs yet."
)
NOT_TO_BE_FITTED: Final = (
    "Only majority and random are shown: confounders, grey levels and pixels are fitted on the "
    "images a model was trained on, and a table alone has none."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Guesses:
    """Baselines by name, and in words what is lacking among them."""

    models: Mapping[str, Cases]
    lacking: str = ""
    reasons: Sequence[str] = field(default=())


def guesses_on(cases: Cases, runs: Sequence[RunFolder], counting: Counting) -> Guesses:
    """Fitted ones of the first run whose baselines score all of `cases`; majority and random in
    any case.
    """
    untrained = {
        f"{PREFIX}majority": guess_majority(cases),
        f"{PREFIX}random": guess_randomly(cases),
    }
    reasons = []
    for run in (run for run in runs if run.file(BASELINES_NAME).exists()):
        try:
            fitted = _fitted(run, cases, counting)
        except MammoError as error:
            reasons.append(f"The baselines of {run.run_id} are left out. {error}")
            continue
        if fitted:
            return Guesses(models=untrained | fitted, reasons=reasons)
        reasons.append(
            f"The baselines of {run.run_id} are left out: they do not score all of these cases."
        )
    return Guesses(
        models=untrained,
        lacking=NOT_FITTED if any(run.is_checkpoint for run in runs) else NOT_TO_BE_FITTED,
        reasons=reasons,
    )


def offer_fitting(runs: Sequence[RunFolder]) -> None:
    """A button that fits them beside the first run that was trained; then how far it has come."""
    trained = [run for run in runs if run.is_checkpoint and not run.file(BASELINES_NAME).exists()]
    if not trained:
        return
    run = trained[0]
    job = latest_measuring("baselines", run.run_id, measurements_root())
    is_free = job is None or show_job(job)
    if is_free:
        st.button(
            "Fit baselines", icon=":material/casino:", key="fit_baselines", on_click=_start,
            args=(run.run_id,), help=escaped(f"On the training images of {run.run_id}."),
        )  # fmt: skip


def _start(run_id: str) -> None:
    with shown_errors():
        start_measuring("baselines", run_id, measurements_root())


def _fitted(run: RunFolder, cases: Cases, counting: Counting) -> dict[str, Cases]:
    table = cached.baselines(run)
    written = run.file(BASELINES_NAME).stat().st_mtime_ns
    fitted = {}
    for name, part in table.groupby("model_id", sort=False):
        counted = cached.cases(
            part,
            source=f"{run.path} {written} {name}",
            split=counting.split,
            level=counting.level,
            rule=counting.rule,
        )
        same = in_order_of(cases, counted)
        if same is not None:
            fitted[str(name)] = same
    return fitted
