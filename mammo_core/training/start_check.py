"""Whether a training can work, found out before a folder is made, a turn waited for, or an image
prepared. What shell and page ask before they start; the worker asks for the weights again.

Needs no torch.
"""

from collections.abc import Sequence
from typing import Final

import pandas as pd

from mammo_core.config import DataConfig, RunConfig
from mammo_core.datasets.reading import find_folder, read_dataset
from mammo_core.datasets.splits import positive_groups
from mammo_core.training.data import split_dataset
from mammo_core.training.lineage import origin_of
from mammo_core.types import Split, Task
from mammo_core.zoo.catalog import FROM_CHECKPOINT, RANDOM
from mammo_core.zoo.shelf import weights_path

#: With fewer, the epoch that is kept and the calibration are chosen by chance.
FEWEST_TO_CHOOSE_BY: Final = 5


def check_start(configs: Sequence[RunConfig]) -> tuple[str, ...]:
    """Refuse runs of one data set that cannot work; what must be said of those that can."""
    for config in configs:
        config.check()
    refuse_missing_weights(configs[0])
    data = configs[0].data
    dataset = read_dataset(find_folder(data.folder), data.adapter, data.label_rule)
    told = (
        few_to_choose_by(split_dataset(dataset, one).manifest, one.data, one.task)
        for one in configs
    )
    return tuple(dict.fromkeys(sentence for sentences in told for sentence in sentences))


def refuse_missing_weights(config: RunConfig) -> None:
    """The weights a run starts from must be on this computer."""
    name = config.model.weights
    if name.startswith(FROM_CHECKPOINT):
        origin_of(config)
    elif name != RANDOM:
        weights_path(config.model.backbone, name)


def few_to_choose_by(split: pd.DataFrame, data: DataConfig, task: Task) -> tuple[str, ...]:
    """A warning where few women of `split`, a split manifest, choose what is kept of a run."""
    women = positive_groups(split[split["split"] == Split.VAL], task)
    positive = int(women.sum())
    if positive >= FEWEST_TO_CHOOSE_BY:
        return ()
    fold = f"Fold {data.fold}: only" if data.folds else "Only"
    return (
        f"{fold} {positive} of {len(women)} validation women are positive "
        f"({', '.join(task.positive)}). The epoch that is kept and the calibration will be "
        "chosen by chance; take more women, or a larger data.val_fraction.",
    )
