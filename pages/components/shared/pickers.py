"""Choosing a run or a checkpoint; the choice stands in the URL, so a view can be shared."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeVar

import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.files import shipped_checkpoints_root
from mammo_core.preprocessing.cases import Case
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.naming import is_archived, run_title
from mammo_core.words import finding_of
from pages.components.shared import cached
from pages.components.shared.frame import escaped
from pages.components.shared.whose import list_checkpoints

_OWN_CHOICE: Final = "model_of_page"  # what the page itself put into the box, and nobody else
_SUITED: Final = "suited"  # the case for which it did
_DENSITY: Final = "density"  # the task of that name; its module would load every adapter

_Number = TypeVar("_Number", int, float)


def around(low: _Number, high: _Number, value: _Number) -> tuple[_Number, _Number, _Number]:
    """The ends that a field offers, and what stands in it: a run's own settings may lie outside
    what is sensible to begin with, and Streamlit would end the page.
    """
    return min(low, value), max(high, value), value


def all_runs() -> list[RunFolder]:
    """The user's runs and the checkpoints that ship, newest first; what is archived only where the
    address names it.
    """
    asked = {value for name in st.query_params for value in st.query_params.get_all(name)}
    return [run for run in list_checkpoints() if run.run_id in asked or not is_archived(run)]


def all_titles() -> dict[str, str]:
    """By run id what each is called on every page, whatever else is listed there: two of one name
    are told apart the same way everywhere, so the archived count, too.
    """
    return cached.titles(list_checkpoints())


def short_names() -> dict[str, str]:
    """`all_titles` for narrow places: tables, figures, sentences about several runs."""
    return cached.short_names(all_titles())


def title_of(run: RunFolder) -> str:
    return all_titles().get(run.run_id) or run_title(run)


def checkpoints() -> list[RunFolder]:
    return _dated_first([run for run in all_runs() if run.is_checkpoint])


def reading_models() -> list[RunFolder]:
    """Checkpoints and ensembles of them, those of cancer that have seen women's images first, and
    of these the single ones, but for folds, which were trained to be counted together: the first
    is the default. Models of density, which stand beside others, last.
    """
    readers = _dated_first([run for run in all_runs() if can_read(run)])
    return sorted(
        readers,
        key=lambda run: (
            _tells_density(run), not _has_seen_women(run), not _tells_cancer(run),
            not run.is_checkpoint, run.is_checkpoint and _is_fold(run),
        ),
    )  # fmt: skip


def density_model() -> RunFolder | None:
    """The model that tells the density beside any other's score: of those that have seen women's
    images the newest, a single fold only where there is no other; None where there is none.
    """
    found = [run for run in all_runs() if _tells_density(run) and _has_seen_women(run)]
    return min(_dated_first(found), key=_is_fold, default=None)


def models_for(case: Case | None) -> list[RunFolder]:
    """`reading_models`. As a case is opened, the box called "model" is moved to one that has seen
    its kind of image, women's or drawn ones; what a link names or the reader chose stays.
    """
    models = reading_models()
    if models:
        _suit(models, case)
    return models


def _suit(models: Sequence[RunFolder], case: Case | None) -> None:
    state, asked = st.session_state, st.query_params.get("model")
    shown = state.get("model_shown")
    own = state.setdefault(_OWN_CHOICE, models[0].run_id)
    if asked is not None and asked != shown:  # a link
        own = state[_OWN_CHOICE] = ""
    if (
        case is None
        or state.get("model", shown or own) != own
        or state.get(_SUITED) == case.case_id
    ):
        return
    state[_SUITED] = case.case_id
    is_synthetic = all(image.info.is_synthetic for image in case.images)
    fitting = [
        run.run_id
        for run in models
        if _has_seen_women(run) is not is_synthetic and not _tells_density(run)
    ]
    if fitting and own not in fitting:
        state["model"] = state[_OWN_CHOICE] = fitting[0]


def can_read(run: RunFolder) -> bool:
    """Whether `run` is a model to read with: a checkpoint of whole images, or an ensemble."""
    if run.is_checkpoint:
        return not _knows_patches_alone(run)
    return _is_ensemble(run)


def scored_runs() -> list[RunFolder]:
    return _dated_first([run for run in all_runs() if run.has_predictions])


def pick_run(label: str, runs: Sequence[RunFolder], *, key: str, lacking: str) -> RunFolder | None:
    """A select box over `runs`, by name in the URL; None where there is nothing to choose.

    `lacking` is what a run must lack that is here, and yet not among `runs`.
    """
    if not runs:
        return None
    by_name = {run.run_id: run for run in runs}
    wanted = st.query_params.get(key)
    reason = ""
    if any(run.run_id == wanted for run in all_runs()):
        reason = f"{all_titles().get(str(wanted), wanted)} has no {lacking}."
    warn_of_missing(wanted, list(by_name), reason=reason)
    return by_name[pick_name(label, list(by_name), key=key, titles=all_titles())]


def warn_of_missing(wanted: str | None, names: Sequence[str], *, reason: str = "") -> None:
    """That the address names what is not to be had here, and why, where that is known."""
    if wanted and wanted not in names:
        reason = reason or f"There is no {wanted!r} here; it may have been deleted."
        st.warning(escaped(f"{reason} Another is shown."), icon=":material/warning:")


def pick_name(
    label: str, names: Sequence[str], *, key: str, titles: Mapping[str, str] = MappingProxyType({})
) -> str:
    """A select box over `names`, the first of which is the default and moves with every new run:
    the URL names what is shown even so. (A box bound to the URL would leave its default out.)
    Each is shown by its title, where it has one; its name stands in the help. The name "" is that
    of nothing, and stands in no URL.
    """
    state = st.session_state
    last = state.get(f"{key}_shown")
    asked = _asked(key) if "" in names else st.query_params.get(key)
    if asked in names and asked != last:  # a link, or the browser's way back
        state[key] = asked
    if state.get(key) not in names:  # at first, and after a look at another page
        wanted = last if asked is None else asked
        state[key] = wanted if wanted in names else names[0]
    state[key] = state[key]  # told once more: a box in a shut menu was never drawn by the browser
    name: str = st.selectbox(
        label, names, key=key, format_func=lambda name: titles.get(name, name),
        help=f"`{state[key]}`" if titles and state[key] else None,
    )  # fmt: skip
    is_gone = asked is not None and asked not in names  # its URL stays, with what is said of it
    if ((asked or "") != name and not is_gone) or last not in (None, name):
        if name:
            st.query_params[key] = name
        else:
            st.query_params.pop(key, None)
    state[f"{key}_shown"] = name
    return name


def wanted_name(key: str) -> str:
    """What the box of `pick_name` is about to show, for a page that is laid out by it; "" for
    nothing.
    """
    state, asked = st.session_state, _asked(key)
    last = state.get(f"{key}_shown")
    if asked is not None and asked != last:
        return asked
    return str(state.get(key, last if asked is None else asked) or "")


def _asked(key: str) -> str | None:
    """The name in the URL; "" where it was there and the browser went back to before."""
    is_back = key in st.session_state and st.session_state.get(f"{key}_shown") is not None
    return st.query_params.get(key, "" if is_back else None)


def pick_names(
    label: str, names: Sequence[str], *, key: str, default: Sequence[str], titles: Mapping[str, str]
) -> list[str]:
    """Several of `names`, shown by their titles; the URL has the names, whatever they are called by
    then, and nothing where the default is chosen.
    """
    state, shown = st.session_state, f"{key}_shown"
    asked = [name for name in st.query_params.get_all(key) if name in names]
    if asked and asked != state.get(shown):  # a link, or the browser's way back
        state[key] = asked
    state[key] = [name for name in state.get(key, default) if name in names]
    unused = [name for name in st.query_params.get_all(key) if name not in names]
    chosen: list[str] = st.multiselect(label, names, key=key, format_func=titles.__getitem__)
    if unused:
        called = ", ".join(titles.get(name, name) for name in unused)
        st.caption(escaped(f"The address also names {called}: not used, for no scores are here."))
    if chosen and chosen != list(default):
        st.query_params[key] = chosen
    else:
        st.query_params.pop(key, None)
    state[shown] = chosen
    return chosen


def _dated_first(runs: list[RunFolder]) -> list[RunFolder]:
    """Runs named by their date, then others of the user's own, then those that ship."""
    shipped = shipped_checkpoints_root()
    return sorted(runs, key=lambda run: (run.path.parent == shipped, not run.run_id[:1].isdigit()))


def known_card(run: RunFolder) -> ModelCard | None:
    """None where it is broken, as its own page says, or where there is none."""
    try:
        return cached.card(run)
    except MammoError:
        return None


def _tells_density(run: RunFolder) -> bool:
    card = known_card(run)
    return card is not None and can_read(run) and card.task.name == _DENSITY


def _tells_cancer(run: RunFolder) -> bool:
    """An ensemble has no card, and none is told of it; those with one go before it."""
    card = known_card(run)
    return card is None or finding_of(card.task).is_cancer


def _is_fold(run: RunFolder) -> bool:
    settings, card = cached.settings(run), known_card(run)
    is_dealt = settings is not None and settings.data.folds > 0
    return is_dealt and card is not None and card.model.members == 1


def _has_seen_women(run: RunFolder) -> bool:
    card = known_card(run)
    return card is not None and card.data.seen != "synthetic"


def _knows_patches_alone(run: RunFolder) -> bool:
    card = known_card(run)
    return card is not None and card.patches is not None


def _is_ensemble(run: RunFolder) -> bool:
    try:
        return cached.ensemble(run) is not None
    except MammoError:
        return False  # its list of members is broken, as its own page says
