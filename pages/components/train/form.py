"""The guided form of a new run: every step shows what it decides and what stands in its way."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mammo_core.config import DataConfig, RunConfig
from mammo_core.datasets.dataset import Registered
from mammo_core.errors import ConfigError, MammoError
from mammo_core.files import checkpoints_root
from mammo_core.glossary import meaning
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.naming import LONGEST_TITLE
from mammo_core.sharing.rights import Action
from mammo_core.training.by_recipe import (
    gone_on,
    other_data_in_words,
    published_of,
    rule_of,
)
from mammo_core.training.preflight import settings_of
from mammo_core.training.recipes import RECIPES, Recipe, get_recipe
from mammo_core.training.series import (
    default_title,
    fold_configs,
    seed_configs,
)
from mammo_core.types import Task
from mammo_core.zoo.catalog import get_backbone
from pages.components.shared.frame import escaped, noted_errors
from pages.components.shared.pickers import all_titles, title_of
from pages.components.shared.whose import (
    find_run,
    is_off,
    is_shared,
    list_registered,
    list_runs,
    name_of_folder,
)
from pages.components.train.course import (
    balance_in_words,
    pick_balance,
    pick_course,
    trained_in_words,
)
from pages.components.train.data import NO_DATA, TrainingData, add_data, pick_data, pick_details
from pages.components.train.network import pick_network, weights_in_words
from pages.components.train.place import ask_private, pick_place, start_all
from pages.components.train.preflight import show_preflight

CHOSEN: Final = "train_recipe"
_COPIED: Final = "from"  # in the URL: a copy survives a reload


@dataclass(frozen=True, slots=True, kw_only=True)
class FormOrigin:
    """`key` is part of the key of every widget of the form: another origin, other defaults."""

    name: str
    key: str
    recipe: Recipe | None = None
    settings: RunConfig | None = None

    def begin(self, entry: Registered) -> DataConfig:
        """How the earlier run took its data, else how the recipe takes those of `entry`."""
        if self.settings is not None:
            return self.settings.data
        data = DataConfig(folder=entry.folder, adapter=entry.adapter, label_rule=entry.label_rule)
        if self.recipe is None or not self.recipe.label_rule:
            return data
        rule = rule_of(self.recipe, entry.adapter)
        return self.recipe.deal(replace(data, label_rule=rule))

    def configure(self, data: DataConfig, task: Task) -> RunConfig:
        if self.settings is not None:
            patches = self.settings.patches
            return replace(self.settings, data=data, task=patches.task if patches else task)
        recipe = self.recipe or get_recipe(self.name)
        return gone_on(recipe.configure(data, task), recipe, list_runs(checkpoints_root()))


def pick_origin(places: "FormPlaces") -> FormOrigin:
    """Recipes, and the run whose settings were asked to be used again."""
    with places.folded["Recipe"]:
        project = _pick_project()
    titles = {one.name: one.title for one in RECIPES if one.project == project}
    copied = st.query_params.get(_COPIED, "")
    is_run = any(run.run_id == copied for run in list_runs(checkpoints_root()))
    options = [*titles, copied] if is_run else [*titles]
    called = all_titles().get(copied, copied) if is_run else ""
    name = places.recipe.selectbox(
        "Recipe", options, key=CHOSEN, bind="query-params", help=meaning("Recipe"),
        index=len(options) - 1 if is_run and CHOSEN not in st.session_state else 0,
        format_func=lambda option: titles.get(option, f"As in {called}"),
        on_change=_forget_rules,
    )  # fmt: skip
    if name in titles:
        recipe = get_recipe(name)
        places.about.caption(escaped(recipe.summary))
        with places.folded["Recipe"]:
            _tell(recipe)
        return FormOrigin(name=name, key=name, recipe=recipe)
    settings = settings_of(find_run(name, checkpoints_root()))
    places.about.caption(escaped(f"Every setting as it was in {called}; change what you like."))
    return FormOrigin(name=name, key=name, settings=settings)


_PROJECT: Final = "train_project"


def _pick_project() -> str:
    """Recipes are many; each project has a few. A recipe in the address brings its project: by its
    title, as the select box writes it there, or by its name, as a person would.
    """
    asked = st.session_state.get(CHOSEN) or st.query_params.get(CHOSEN, "")
    for recipe in RECIPES:
        if asked in (recipe.name, recipe.title):
            st.session_state[CHOSEN] = recipe.name
            st.session_state[_PROJECT] = recipe.project
    projects = list(dict.fromkeys(recipe.project for recipe in RECIPES))
    return st.selectbox("Recipes of", projects, key=_PROJECT, on_change=_first_of)


def _first_of() -> None:
    """A callback: another project, its first recipe."""
    project = st.session_state[_PROJECT]
    st.session_state[CHOSEN] = next(one.name for one in RECIPES if one.project == project)
    _forget_rules()


def _forget_rules() -> None:
    """A callback: another recipe, its own label rule."""
    for key in list(st.session_state):
        if str(key).startswith("train_rule_"):
            del st.session_state[key]


def _tell(recipe: Recipe) -> None:
    """What was published by it, and what is wrong with that."""
    told = [*(row.in_words for row in published_of(recipe)), *recipe.defects]
    if told:
        st.markdown("\n".join(f"* {escaped(sentence)}" for sentence in told))


def start_from(run: RunFolder) -> None:
    """Let the form begin with the settings of `run`. Before the form is drawn."""
    settings = settings_of(run)
    st.query_params[_COPIED] = run.run_id
    st.session_state[CHOSEN] = run.run_id
    for entry in list_registered():
        is_same = settings.data.folder in (entry.folder, entry.name)
        if is_same and entry.adapter == settings.data.adapter:
            st.session_state["train_data"] = entry.name
            st.session_state[f"train_rule_{entry.name}"] = settings.data.label_rule
            return
    raise ConfigError(
        f"The data set of {title_of(run)}, {settings.data.folder}, is not registered any more. "
        "Register it on the Data page, or choose another."
    )


_MEMORY: Final = "form_kept"
_DATA: Final = "train_data"
_NAME: Final = "train_name"
_KEPT: Final = (CHOSEN, _DATA, _NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """`latest` is what the form came to, `begun` what the widgets now shown began with; `round`
    counts how often somebody started over. By what a run starts from.
    """

    latest: RunConfig | None = None
    begun: RunConfig | None = None
    round: int = 0


def restore_choices() -> None:
    """Data, recipe and name as they were, where neither address nor click says otherwise."""
    for key in _KEPT:
        kept = st.session_state.get(f"{_MEMORY}_{key}")
        if kept is not None and key not in st.session_state and key not in st.query_params:
            st.session_state[key] = kept


def as_left(origin: FormOrigin) -> FormOrigin:
    """`origin` as the form was last left, and a button to begin with it as it is."""
    memory = _read(origin)
    button = f"train_over_{origin.name}"
    if button not in st.session_state:  # its widgets were not shown a moment ago
        memory = replace(memory, begun=memory.latest)
        _write(origin, memory)
    st.button(
        "Start over", icon=":material/restart_alt:", key=button, type="tertiary",
        on_click=_write, args=(origin, Memory(round=memory.round + 1)),
        help="Every setting below as the recipe, or the earlier run, has it.",
    )  # fmt: skip
    key = f"{origin.name}_{memory.round}" if memory.round else origin.name
    return replace(origin, key=key, settings=memory.begun or origin.settings)


def keep(origin: FormOrigin, config: RunConfig) -> None:
    """Called with what the form has come to, whether or not that can be started."""
    _write(origin, replace(_read(origin), latest=config))
    for key in _KEPT:
        st.session_state[f"{_MEMORY}_{key}"] = st.session_state.get(key)


def _read(origin: FormOrigin) -> Memory:
    memory: Memory = st.session_state.get(f"{_MEMORY}_of_{origin.name}", Memory())
    return memory


def _write(origin: FormOrigin, memory: Memory) -> None:
    st.session_state[f"{_MEMORY}_of_{origin.name}"] = memory


_CHOSEN: Final = "start_chosen"


class Scheme(StrEnum):
    ONE = "One run"
    FOLDS = "Cross-validation by woman"
    SEEDS = "Several seeds"


def _tell_several(recipe: Recipe) -> None:
    if recipe.folds:
        st.caption(f"This recipe is made for {recipe.folds} folds: {Scheme.FOLDS.lower()}.")
    if recipe.seeds:
        st.caption(f"This recipe is made for {recipe.seeds} seeds, joined on the Compare page.")


_MEANING: Final = {
    Scheme.ONE: "",
    Scheme.FOLDS: "Every woman is tested once, by a network that never saw her.",
    Scheme.SEEDS: "The same women, other random numbers: shows what luck alone is worth.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How often the training is to be run: `count` times, by `scheme`."""

    scheme: Scheme
    count: int

    @property
    def line(self) -> str:
        if self.scheme is Scheme.ONE:
            return "One run"
        unit = "folds by woman" if self.scheme is Scheme.FOLDS else "seeds"
        return f"{self.count} {unit}, one run after the other"


def pick_times() -> Times:
    left, right = st.columns([3, 1])
    before, times = st.session_state.get(_CHOSEN, (Scheme.ONE, 5))  # when the page was left
    scheme = left.segmented_control(
        "How often", list(Scheme), default=before, required=True, key="train_scheme",
        help=meaning("Fold", "Seed"),
    )  # fmt: skip
    count = 1
    if scheme is not Scheme.ONE:
        count = times = right.number_input(
            "Folds" if scheme is Scheme.FOLDS else "Seeds", 2, 20, times,
            key=f"train_count_{scheme}",
        )  # fmt: skip
        st.caption(_MEANING[scheme])
    st.session_state[_CHOSEN] = (scheme, times)
    return Times(scheme=scheme, count=count)


def start_button(config: RunConfig, times: Times, *, title: str, missing: tuple[str, ...]) -> bool:
    """Whether it was pressed, and has started what it says."""
    missing = (*missing, *filter(None, [is_off(Action.TRAIN)]))
    is_pressed = st.button(
        "Start training" if times.count == 1 else f"Start {times.count} trainings",
        icon=":material/play_arrow:", type="primary", key="train_start", disabled=bool(missing),
    )  # fmt: skip
    is_private = is_shared() and not missing and ask_private(config)
    for sentence in missing:
        st.caption(f":material/pending: {escaped(sentence)}")
    if not is_pressed:
        return False
    several = fold_configs if times.scheme is Scheme.FOLDS else seed_configs
    is_one = times.scheme is Scheme.ONE
    configs = [config] if is_one else several(config, times.count)
    start_all(configs, title=title, is_private=is_private)
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class FormPlaces:
    """Where each part stands: data, recipe, name and Start on the first screen; below, folded, what
    a recipe decides, each fold under a line that tells how it stands.
    """

    data: DeltaGenerator
    recipe: DeltaGenerator
    name: DeltaGenerator
    about: DeltaGenerator
    attention: DeltaGenerator
    start: DeltaGenerator
    lines: Mapping[str, DeltaGenerator]
    folded: Mapping[str, DeltaGenerator]
    last: DeltaGenerator


_FOLDED: Final = {
    "Data": ":material/database:",
    "Network": ":material/hub:",
    "Class imbalance": ":material/balance:",
    "Training": ":material/fitness_center:",
    "How often": ":material/repeat:",
    "Recipe": ":material/menu_book:",
}


def _lay_out() -> FormPlaces:
    data, recipe, name = st.columns(3)
    about, attention, start = st.container(), st.container(), st.container()
    lines, folded = {}, {}
    for title, icon in _FOLDED.items():
        with st.container(key=f"fold_{title.replace(' ', '_').lower()}"):
            lines[title] = st.empty()  # laid over the head: a label that changes shuts its fold
            folded[title] = st.expander(title, icon=icon)
    return FormPlaces(
        data=data, recipe=recipe, name=name, about=about, attention=attention, start=start,
        lines=lines, folded=folded, last=st.container(),
    )  # fmt: skip


def show_form() -> None:
    """Without data, too, the form stands as it will be, and says what is lacking."""
    is_started = False
    restore_choices()
    places = _lay_out()
    with places.attention, noted_errors():
        with places.data:
            entry = pick_data()
        origin = pick_origin(places)
        if entry is not None:
            with places.folded["Recipe"]:
                origin = as_left(origin)
        chosen = _pick_chosen(entry, origin, places)
        config, missing = _pick_settings(origin, chosen, places)
        with places.folded["How often"]:
            times = pick_times()
            if origin.recipe is not None:
                _tell_several(origin.recipe)
        _tell_lines(places, origin, config, chosen, times)
        title = _pick_title(places, config, is_known=bool(chosen.data.folder))
        if chosen.data.folder:
            keep(origin, config)
        with places.start:
            is_started = _pick_start(
                config, times, title=title, missing=(*missing, *_wrong(config))
            )
        with places.start if entry is None else places.last:
            add_data(is_open=entry is None)
    if is_started:
        st.session_state[f"{_MEMORY}_{_NAME}"] = None  # the next run is another one


def _pick_chosen(entry: Registered | None, origin: FormOrigin, places: FormPlaces) -> TrainingData:
    """What is known of `entry`, a reason not to start where it cannot be used."""
    if entry is None:
        return NO_DATA
    try:
        with places.folded["Data"]:
            chosen = pick_details(entry, origin.begin, key=origin.key, attention=places.attention)
    except MammoError as error:  # its folder may be gone: the form stands even so
        return replace(NO_DATA, missing=(str(error),), line="Cannot be read")
    if origin.recipe is not None:
        places.attention.caption(escaped(other_data_in_words(origin.recipe, chosen.data)))
    return chosen


def _wrong(config: RunConfig) -> tuple[str, ...]:
    """Why these settings cannot be trained with."""
    try:
        config.check()
    except ConfigError as error:
        return (str(error),)
    return ()


def _pick_start(config: RunConfig, times: Times, *, title: str, missing: tuple[str, ...]) -> bool:
    """Pre-flight, then Start, in one row; what pre-flight has measured stands below it."""
    pick_place()
    row, measured = st.container(horizontal=True, vertical_alignment="center"), st.container()
    with measured:
        show_preflight(config, is_ready=not missing, row=row)
    with row:
        return start_button(config, times, title=title, missing=missing)


def _pick_settings(
    origin: FormOrigin, chosen: TrainingData, places: FormPlaces
) -> tuple[RunConfig, tuple[str, ...]]:
    """What all folds but the data's come to, and what has to be done before a start."""
    config = origin.configure(chosen.data, chosen.task)
    with places.folded["Network"]:
        network = pick_network(config, chosen, key=origin.key)
    config = network.config
    with places.folded["Class imbalance"]:
        config = replace(config, balance=pick_balance(config.balance, key=origin.key))
    with places.folded["Training"]:
        config = pick_course(config, key=origin.key)
    return config, (*chosen.missing, *network.missing)


def _pick_title(places: FormPlaces, config: RunConfig, *, is_known: bool) -> str:
    """`is_known` tells whether there are data to call the run by."""
    default = "Network, data and day"
    if is_known:
        data = name_of_folder(config.data.folder)
        default = default_title(config, now=datetime.now(UTC), data=data)
    return places.name.text_input(
        "Name", key=_NAME, max_chars=LONGEST_TITLE, placeholder=default,
        help="What the run is called on every page. It can be changed later.",
    )  # fmt: skip


def _tell_lines(
    places: FormPlaces,
    origin: FormOrigin,
    config: RunConfig,
    chosen: TrainingData,
    times: Times,
) -> None:
    model, optim, (height, width) = config.model, config.optim, config.prepare.size
    recipe = origin.recipe
    views = "" if model.views == 1 else ", two views of a breast together"
    told = {
        "Data": chosen.line,
        "Network": f"{get_backbone(model.backbone).title}, start: "
        f"{weights_in_words(model.weights)}; {height} x {width} pixels, {model.pooling} "
        f"pooling{views}",
        "Class imbalance": balance_in_words(config.balance),
        "Training": f"{trained_in_words(optim)}; {optim.epochs} epochs, batches of "
        f"{optim.batch_size}, learning rate {optim.learning_rate:g}, {optim.optimizer}; seed "
        f"{config.seed}",
        "How often": times.line,
        "Recipe": f"{recipe.title} ({recipe.project})" if recipe else "As in an earlier run",
    }
    for name, line in told.items():
        places.lines[name].caption(escaped(line))
