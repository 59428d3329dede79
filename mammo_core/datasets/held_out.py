"""The images a checkpoint may be judged on: those it did not learn from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from mammo_core.config import DataConfig, JudgeConfig, RunConfig, load_settings
from mammo_core.datasets.reading import Dataset, find_folder, fingerprint_of, read_dataset
from mammo_core.datasets.run_split import split_as_set, used_images
from mammo_core.errors import CheckpointError, RunError, TableError
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder
from mammo_core.types import Split


def judged_images(run: RunFolder, card: ModelCard, config: JudgeConfig) -> tuple[Dataset, str, str]:
    """The images, what to call their data set, and the split they are."""
    if config.folder is None or _is_same_folder(config.folder, run):
        own = load_settings(run.file("run.json"), RunConfig).data
        return own_test_images(card, own), card.data.dataset, str(Split.TEST)
    name = Path(config.folder).name  # never the whole path: it tells of the computer
    return other_images(card, config.folder, config), name, config.split


def own_test_images(card: ModelCard, data: DataConfig) -> Dataset:
    """The test images of the data set a run learnt from, split as its settings `data` say."""
    folder = find_folder(data.folder)
    if not folder.is_dir():
        raise RunError(
            f"The data set {card.model_id} learnt from is not here ({data.folder}). Name another "
            "with --data."
        )
    dataset = read_dataset(folder, data.adapter, data.label_rule)
    used = used_images(split_as_set(dataset.manifest, data, card.task))
    if fingerprint_of(used) != card.data.fingerprint:
        raise TableError(
            f"The data set in {folder} is not as {card.model_id} learnt it: its images, labels or "
            "splits are others, so which images are new to the model cannot be told. Name a data "
            "set it has not seen with --data."
        )
    return replace(dataset, manifest=_of_split(used, Split.TEST))


def other_images(card: ModelCard, name: str, config: JudgeConfig) -> Dataset:
    """The images of a data set that the checkpoint may be asked about."""
    dataset = read_dataset(find_folder(name), config.adapter, config.label_rule)
    refuse_unfit(card, dataset)
    if config.split == "all":
        return dataset
    return replace(dataset, manifest=_of_split(dataset.manifest, config.split))


def refuse_unfit(card: ModelCard, dataset: Dataset) -> None:
    """Images of other classes, or of women where the model has only seen drawings."""
    known = dataset.label_rule.task.classes
    if known != card.task.classes:
        raise TableError(
            f"{card.model_id} tells {', '.join(card.task.classes)} apart; the label rule "
            f"{dataset.label_rule.name} knows {', '.join(known)}."
        )
    if card.data.seen == "synthetic" and dataset.adapter.imaging != "synthetic":
        raise CheckpointError(
            f"{card.model_id} has only seen synthetic images; {dataset.adapter.title} is not "
            "synthetic. Choose a model that learnt from mammograms."
        )


def whole_groups(rows: pd.DataFrame, *, most: int) -> pd.DataFrame:
    """The first `most` of `rows`, sorted by woman, and the rest of the woman they end with."""
    numbers = np.arange(len(rows))
    first = pd.Series(numbers).groupby(rows["group_id"].to_numpy()).transform("min")
    return rows[(first < most).to_numpy()].reset_index(drop=True)


def _is_same_folder(data: str, run: RunFolder) -> bool:
    """Whether `data` is what the run learnt from. A checkpoint from elsewhere may not say."""
    settings = run.file("run.json")
    if not settings.exists():
        return False
    learnt_from = load_settings(settings, RunConfig).data.folder
    return find_folder(data).resolve() == find_folder(learnt_from).resolve()


def _of_split(manifest: pd.DataFrame, split: str) -> pd.DataFrame:
    chosen = manifest[(manifest["split"] == split).fillna(value=False)]
    if chosen.empty:
        raise TableError(f"This data set has no {split} split.")
    return chosen.reset_index(drop=True)
