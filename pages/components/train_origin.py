"""What a new run starts from: a recipe, or the settings of an earlier run."""

from dataclasses import dataclass, replace
from typing import Final

import streamlit as st

from mammo_core.config import DataConfig, RunConfig
from mammo_core.datasets.registry import list_registered
from mammo_core.errors import ConfigError
from mammo_core.paths import checkpoints_root, datasets_root
from mammo_core.runs.folder import RunFolder, find_run, list_runs
from mammo_core.training.again import settings_of
from mammo_core.training.recipes import RECIPES, Recipe, get_recipe
from mammo_core.types import Task
from pages.components.guard import escaped

CHOSEN: Final = "train_recipe"
_COPIED: Final = "from"  # in the URL: a copy survives a reload


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """`key` is part of the key of every widget of the form: another origin, other defaults."""

    name: str
    key: str
    recipe: Recipe | None = None
    settings: RunConfig | None = None

    @property
    def data(self) -> DataConfig | None:
        """How the earlier run took its data; None where there was none."""
        return self.settings.data if self.settings else None

    def configure(self, data: DataConfig, task: Task) -> RunConfig:
        if self.settings is not None:
            return replace(self.settings, data=data, task=task)
        recipe = self.recipe or get_recipe(self.name)
        return recipe.configure(data, task)


def pick_origin() -> Origin:
    """Recipes, and the run whose settings were asked to be used again."""
    titles = {recipe.name: recipe.title for recipe in RECIPES}
    copied = st.query_params.get(_COPIED, "")
    is_run = any(run.run_id == copied for run in list_runs(checkpoints_root()))
    options = [*titles, copied] if is_run else [*titles]
    name = st.selectbox(
        "Recipe",
        options,
        index=len(options) - 1 if is_run and CHOSEN not in st.session_state else 0,
        format_func=lambda option: titles.get(option, f"As in {option}"),
        key=CHOSEN,
        bind="query-params",
    )
    if name in titles:
        recipe = get_recipe(name)
        st.caption(recipe.summary)
        return Origin(name=name, key=name, recipe=recipe)
    settings = settings_of(find_run(name, checkpoints_root()))
    st.caption(escaped(f"Every setting as it was in {name}; change what you like."))
    return Origin(name=name, key=name, settings=settings)


def start_from(run: RunFolder) -> None:
    """Let the form begin with the settings of `run`. Before the form is drawn."""
    settings = settings_of(run)
    st.query_params[_COPIED] = run.run_id
    st.session_state[CHOSEN] = run.run_id
    for entry in list_registered(datasets_root()):
        is_same = settings.data.folder in (entry.folder, entry.name)
        if is_same and entry.adapter == settings.data.adapter:
            st.session_state["train_data"] = entry.name
            st.session_state[f"train_rule_{entry.name}"] = settings.data.label_rule
            return
    raise ConfigError(
        f"The data set of {run.run_id}, {settings.data.folder}, is not registered any more. "
        "Register it on the Data page, or choose another."
    )
