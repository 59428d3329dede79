"""Models and guesses over the same cases, best first, and whether they can be told apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import streamlit as st

from mammo_core.config import MeasureConfig, RunConfig
from mammo_core.errors import MammoError
from mammo_core.files import measurements_root
from mammo_core.glossary import meaning
from mammo_core.inference.verdict import as_given
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.compare import (
    Comparison,
    SeedSpread,
    SharedCases,
    compare_to_best,
    guess_majority,
    guess_randomly,
    in_order_of,
    luck_in_words,
    says_one_thing,
)
from mammo_core.metrics.curves import (
    FEWEST_FOR_PRECISION,
    average_precision_with_interval,
    why_no_precision,
)
from mammo_core.metrics.uncertainty import Estimate, auc_of, auc_with_interval
from mammo_core.runs.folder import BASELINES_NAME, RunFolder
from mammo_core.runs.jobs import latest_run
from mammo_core.runs.operating_points import point_in_force
from mammo_core.sharing.rights import Action
from mammo_core.words import CalledFor, many
from pages.components.compare.compared import Compared, prevalence_of
from pages.components.shared import cached
from pages.components.shared.counting import Counting, count_cases
from pages.components.shared.frame import escaped, toasted_errors
from pages.components.shared.pickers import scored_runs, title_of
from pages.components.shared.runs import name_of_data, show_job, start_once
from pages.components.shared.scored import scored_of
from pages.components.shared.whose import is_off, owning, require_measuring

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
            reasons.append(f"The baselines of {title_of(run)} are left out. {error}")
            continue
        if fitted:
            return Guesses(models=untrained | fitted, reasons=reasons)
        reasons.append(
            f"The baselines of {title_of(run)} are left out: they do not score all of these cases."
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
    job = latest_run(_asked(run), measurements_root())
    is_free = job is None or show_job(job)
    if is_free:
        st.button(
            "Fit baselines", icon=":material/casino:", key="fit_baselines", on_click=_start,
            args=(run,), disabled=bool(is_off(Action.TRAIN)),
            help=is_off(Action.TRAIN) or escaped(f"On the training images of {title_of(run)}."),
        )  # fmt: skip


def _start(run: RunFolder) -> None:
    with toasted_errors():
        require_measuring(run)
        owned = owning(action="started a measurement")
        start_once(_asked(run), measurements_root(), what="baselines", own=owned)


def _asked(run: RunFolder) -> MeasureConfig:
    return MeasureConfig(kind="baselines", checkpoint=run.run_id)


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
            finding=cases.finding,
        )
        same = in_order_of(cases, counted)
        if same is not None:
            fitted[str(name)] = same
    return fitted


def spreads_of(compared: Compared) -> dict[str, SeedSpread]:
    """By name of the model: its own AUC first, then those of its recipe's other seeds."""
    every = scored_runs()
    return {
        name: _spread(compared.models[name], run, every, compared.counting)
        for name, run in compared.runs.items()
    }


def recipes_of(runs: Mapping[str, RunFolder]) -> dict[str, RunConfig]:
    """By name of the run its settings without what a seed decides, and the set it learnt from by
    its registered name; only of what was trained.
    """
    known = ((name, cached.settings(run)) for name, run in runs.items())
    return {
        name: replace(
            settings,
            seed=0,
            series="",
            data=replace(settings.data, folder=name_of_data(settings.data.folder)),
        )
        for name, settings in known
        if settings is not None
    }


def _spread(
    own: Cases, run: RunFolder, every: Sequence[RunFolder], counting: Counting
) -> SeedSpread:
    by_seed = {_seed_of(run): auc_of(own.score, own.positive)}
    recipes = recipes_of({one.run_id: one for one in (run, *every)})
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


#: In pixels: together no wider than the page beside its sidebar at 1400 pixels.
_WIDTHS: Final = {
    "model": 285, "AUC": 165, "average precision": 165, "positive / negative": 165,
    "AUC over seeds": 205,
}  # fmt: skip


_HELP: Final = {
    "AUC": meaning("AUC", "95 % interval"),
    "average precision": meaning("Average precision"),
    "AUC over seeds": "The same recipe trained with other random numbers: the spread is luck.",
}


def say_what_is_compared(shared: SharedCases, names: Sequence[str]) -> None:
    if len(names) < 2:
        return
    count = many(len(shared.cases[0]), "case", "cases")
    if shared.is_complete:
        st.success(f"All compared on the same {count}.", icon=":material/check:")
        return
    lacking = ", ".join(
        f"{number:,} of {name}"
        for name, number in zip(names, shared.left_out, strict=True)
        if number
    )
    disagreeing = many(shared.disagreeing, "case", "cases")
    st.warning(
        f"Compared on the {count} that all have."
        + (escaped(f" Left out: {lacking}.") if lacking else "")
        + (
            f" {disagreeing} left out because the tables differ on the truth."
            if shared.disagreeing
            else ""
        ),
        icon=":material/warning:",
    )


def show_leaderboard(compared: Compared) -> None:
    runs = tuple(compared.runs.values())
    guesses = guesses_on(next(iter(compared.models.values())), runs, compared.counting)
    spreads = spreads_of(compared)
    rows = {**compared.models, **guesses.models}
    estimates = {name: auc_with_interval(cases) for name, cases in rows.items()}
    best_first = sorted(rows, key=lambda name: estimates[name].value, reverse=True)
    st.dataframe(
        [
            _model_row(
                name,
                rows[name],
                estimates[name],
                spread=spreads.get(name),
                finding=compared.finding,
            )
            for name in best_first
        ],
        hide_index=True,
        height="content",
        key="leaderboard",
        column_config={
            name: st.column_config.TextColumn(width=w, help=_HELP.get(name))
            for name, w in _WIDTHS.items()
        },
    )
    whole = [f"{one}: {title}" for one, title in compared.titles.items() if one != title]
    if whole:
        st.caption(escaped(f"Whole names. {'; '.join(whole)}."))
    methods = {estimates[name].method for name in rows if not says_one_thing(rows[name])}
    if methods:
        st.caption(f"95 % intervals in brackets. Those of the AUC: {'; '.join(sorted(methods))}.")
    strongest = max(guesses.models, key=lambda name: estimates[name].value)
    judged = [name for name in best_first if name in compared.models or name == strongest]
    recipes = recipes_of(compared.runs)
    for comparison in compare_to_best(judged, [rows[name] for name in judged]):
        luck = luck_between(comparison, spreads, recipes)
        st.text(f"{comparison.sentence}{p_in_words(comparison)}{luck}")
    for reason in (*guesses.reasons, guesses.lacking):
        if reason:
            st.caption(escaped(reason))
    if guesses.lacking:
        offer_fitting(runs)


def _model_row(
    name: str, cases: Cases, auc: Estimate, *, spread: SeedSpread | None, finding: CalledFor
) -> dict[str, str]:
    spread_of_auc = "one score for all" if says_one_thing(cases) else _interval(auc)
    return {
        "model": name,
        "AUC": f"{auc.value:.3f} ({spread_of_auc})",
        "average precision": _precision(cases, finding),
        "positive / negative": f"{auc.positives:,} / {auc.negatives:,}, "
        f"{many(auc.groups, 'woman', 'women')}",
        "AUC over seeds": "" if spread is None else spread.in_words,
    }


def _interval(estimate: Estimate) -> str:
    return f"{estimate.low:.3f} to {estimate.high:.3f}"


def luck_between(
    comparison: Comparison, spreads: Mapping[str, SeedSpread], recipes: Mapping[str, RunConfig]
) -> str:
    """What the seeds of both recipes add to a comparison over women; "" beside a guess."""
    one, other = names = comparison.best, comparison.other
    if not set(names) <= spreads.keys():
        return ""
    if one in recipes and recipes[one] == recipes.get(other):
        return " Both are of one recipe."
    return f" {luck_in_words(names, spreads[one], spreads[other])}"


def _precision(cases: Cases, finding: CalledFor) -> str:
    if says_one_thing(cases):
        return f"{cases.positives / len(cases):.3f}"
    found = average_precision_with_interval(cases)
    if found is not None:
        return f"{found.value:.3f} ({_interval(found)})"
    is_of_few = bool(why_no_precision(cases))
    return f"– (under {FEWEST_FOR_PRECISION} women with {finding.one})" if is_of_few else "–"


def p_in_words(comparison: Comparison) -> str:
    difference = comparison.difference
    if difference.p_value is None:
        return ""
    is_small = difference.p_in_words.startswith("<")
    return f" p {'' if is_small else '= '}{difference.p_in_words}."


if TYPE_CHECKING:  # imported where asked for: few visits look at them
    from mammo_core.datasets.published import Published


def show_published(compared: Compared) -> None:
    """What others reported on the data sets of the runs; on all where none of them is known."""
    from mammo_core.datasets.published import PUBLISHED, published_on  # slow, and only asked here

    names = {cached.card(run).data.dataset for run in compared.runs.values() if run.is_checkpoint}
    rows = [row for name in sorted(names) for row in published_on(name)] or [*PUBLISHED]
    here = prevalence_of(compared.models)
    beside = {name: _titles_of(run) for name, run in compared.runs.items()}
    rows.sort(key=lambda row: not any(row.title in titles for titles in beside.values()))
    st.caption(
        "Published, not re-run: other cases, other splits, often other labels. The prevalence is "
        "the one at which a project's own figures can all be true; beside it that of the cases "
        f"compared here, by {compared.counting.level}. A figure stands beside the runs of its "
        "own recipe (`mammo recipes`): at the locked threshold, else the recipe's, else one "
        "for sensitivity 0.90 on validation."
    )
    st.table(
        [
            {
                **_published_row(row, here if row.dataset in names else None),
                "runs of its recipe here": "; ".join(
                    f"{name}: {_beside(row, name, compared)}"
                    for name, titles in beside.items()
                    if row.title in titles
                ),
            }
            for row in rows
        ],
        hide_index=True,
    )


def _titles_of(run: RunFolder) -> tuple[str, ...]:
    from mammo_core.training.by_recipe import titles_of

    return titles_of(cached.settings(run))


def _beside(row: "Published", name: str, compared: Compared) -> str:
    """The same figures of a run of the recipe, with their intervals and how many cases."""
    from mammo_core.training.by_recipe import figures_beside, threshold_of

    run = compared.runs[name]
    cases, config = compared.models[name], cached.settings(run)
    locked = as_given(point_in_force(run))
    level = compared.counting.level
    threshold = locked.threshold if locked and locked.level is level else None
    if threshold is None and config is not None:
        threshold = threshold_of(config, cached.predictions(run), level)
    told = figures_beside(row, cases, threshold) or "none of these figures can be had"
    return f"{told}; {cases.positives:,} of {len(cases):,} positive"


def _published_row(row: "Published", here: float | None) -> dict[str, str]:
    """A table whose words wrap: what is known to be wrong stands in sight."""
    from mammo_core.datasets.dataset import get_adapter

    figures = {
        "accuracy": _share(row.accuracy, 3),
        "sensitivity": _share(row.sensitivity, 3),
        "F1": _share(row.f1, 2),
        "probabilistic F1": _share(row.probabilistic_f1, 2),
    }
    return {
        "published, not re-run": row.title,
        "data set": get_adapter(row.dataset).title,
        "measured on": row.test,
        "AUC": _share(row.auc, 3),
        "other figures": ", ".join(f"{name} {value}" for name, value in figures.items() if value),
        "prevalence it implies": _share(row.implied_prevalence, 2),
        "prevalence here": _share(here, 2),
        "known defect": row.defect,
    }


def _share(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
