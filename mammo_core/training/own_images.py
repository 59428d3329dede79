"""The images a finished run learnt from, found again: those and no others."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from mammo_core.config import RunConfig, load_settings
from mammo_core.datasets.reading import fingerprint_of
from mammo_core.errors import RunError
from mammo_core.runs.card import read_card
from mammo_core.runs.folder import RunFolder
from mammo_core.training.data import ImageSet, load_dataset, load_images
from mammo_core.types import Split

Report = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OwnImages:
    """`config` is that of the run, its folder where the data set lies now."""

    config: RunConfig
    splits: dict[Split, ImageSet]


def find_images(run: RunFolder, *, folder: str | None, report: Report) -> OwnImages:
    """`folder` is where the data set lies, if it has moved. Other images than the run was trained
    on are refused.
    """
    card = read_card(run.file("model_card.json"))
    config = load_settings(run.file("run.json"), RunConfig)
    if folder is not None:
        config = replace(config, data=replace(config.data, folder=folder))
    dataset = load_dataset(config)
    if fingerprint_of(dataset.manifest) != card.data.fingerprint:
        raise RunError(
            f"The images in {config.data.folder} are not those {run.run_id} was trained on: their "
            "ids, labels or splits differ. Name the folder of the data set as it was."
        )
    splits = load_images(dataset, config, report=report, should_stop=lambda: False)
    return OwnImages(config=config, splits=splits)
