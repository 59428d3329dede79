"""Which runs differ in nothing but the seed, and how far their AUCs lie apart on the same cases."""

from collections.abc import Sequence
from dataclasses import replace

from mammo_core.config import RunConfig
from mammo_core.errors import MammoError
from mammo_core.metrics.auc import auc_of
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.compare import in_order_of
from mammo_core.metrics.seeds import SeedSpread
from mammo_core.runs.folder import RunFolder
from pages.components import cached
from pages.components.compare_view import Compared
from pages.components.counting import Counting, count_cases
from pages.components.pickers import scored_runs
from pages.components.scored import scored_of


def spreads_of(compared: Compared) -> dict[str, SeedSpread]:
    """By name of the model: its own AUC first, then those of its recipe's other seeds."""
    every = scored_runs()
    return {
        run.run_id: _spread(compared.models[run.run_id], run, every, compared.counting)
        for run in compared.runs
    }


def recipes_of(runs: Sequence[RunFolder]) -> dict[str, RunConfig]:
    """By name of the run its settings without what a seed decides; only of what was trained."""
    known = ((run.run_id, cached.settings(run)) for run in runs)
    return {
        name: replace(settings, seed=0, series="")
        for name, settings in known
        if settings is not None
    }


def _spread(
    own: Cases, run: RunFolder, every: Sequence[RunFolder], counting: Counting
) -> SeedSpread:
    by_seed = {_seed_of(run): auc_of(own.score, own.positive)}
    recipes = recipes_of(every)
    for other in every:
        is_sibling = run.run_id in recipes and recipes.get(other.run_id) == recipes[run.run_id]
        if is_sibling and _seed_of(other) not in by_seed:
            cases = _same_cases(own, other, counting)
            if cases is not None:
                by_seed[_seed_of(other)] = auc_of(cases.score, cases.positive)
    return SeedSpread(values=tuple(by_seed.values()))


def _seed_of(run: RunFolder) -> int | None:
    settings = cached.settings(run)
    return None if settings is None else settings.seed


def _same_cases(like: Cases, run: RunFolder, counting: Counting) -> Cases | None:
    try:
        return in_order_of(like, count_cases(scored_of(run), counting))
    except MammoError:
        return None  # its table is broken: Compare says so where it is chosen
