"""The data set a run learnt from, as its settings name it."""

from typing import TYPE_CHECKING

from mammo_core.config import RunConfig, load_settings
from mammo_core.runs.folder import RunFolder
from pages.components import cached

if TYPE_CHECKING:  # imported where asked for: most of a page needs none of it
    from mammo_core.datasets.reading import Dataset


def dataset_of(run: RunFolder) -> "Dataset":
    from mammo_core.datasets.reading import find_folder
    from mammo_core.datasets.registry import Registered

    data = load_settings(run.file("run.json"), RunConfig).data
    return cached.dataset(
        Registered(
            name=data.folder,
            folder=str(find_folder(data.folder)),
            adapter=data.adapter,
            label_rule=data.label_rule,
        )
    )
