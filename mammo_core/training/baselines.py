"""The baselines of a run: guesses without a network, kept beside its predictions.

They depend on the data and their split alone, so the runs of one split share what was fitted once.
"""

import hashlib
from collections.abc import Callable

import pandas as pd

from mammo_core.config import RunConfig
from mammo_core.datasets.dataset import Dataset
from mammo_core.datasets.predictions import write_predictions
from mammo_core.datasets.small_images import remembered
from mammo_core.errors import MammoError
from mammo_core.runs.folder import BASELINES_NAME, RunFolder
from mammo_core.tables import check_predictions
from mammo_core.training.data import load_dataset
from mammo_core.types import Report, Task

Stop = Callable[[], bool]


def baselines_of(run: RunFolder, *, report: Report, should_stop: Stop) -> str:
    """Fit the baselines of a run that has none yet; returns what came of it, in words."""
    config = run.settings(RunConfig)
    dataset = load_dataset(config)
    return write_baselines(run, dataset, config, report=report, should_stop=should_stop)


def try_baselines(
    run: RunFolder, dataset: Dataset, config: RunConfig, *, report: Report, should_stop: Stop
) -> str:
    """`write_baselines` at the end of a training, which no failure here may spoil."""
    try:
        return write_baselines(run, dataset, config, report=report, should_stop=should_stop)
    except (MammoError, ImportError) as error:  # where a cache was copied, nothing reads images
        return f"Its baselines could not be fitted: {error}"


def write_baselines(
    run: RunFolder, dataset: Dataset, config: RunConfig, *, report: Report, should_stop: Stop
) -> str:
    """`dataset` as `load_dataset` gives it: labelled images, split as the run had them."""
    manifest, task = dataset.manifest, config.task

    def fit() -> pd.DataFrame:
        from mammo_core.datasets.baselines import fit_baselines  # reads images, with all it takes

        return fit_baselines(
            dataset.root,
            manifest,
            task=task,
            dataset=config.data.folder,
            report=report,
            should_stop=should_stop,
        )

    files = [dataset.root / str(path) for path in manifest["path"].drop_duplicates()]
    fitted = check_predictions(remembered(f"baselines2-{_hash_of(manifest, task)}", files, fit))
    write_predictions(fitted.assign(dataset=config.data.folder), run.file(BASELINES_NAME))
    return f"{fitted['model_id'].nunique()} baselines score its images, too."


def _hash_of(manifest: pd.DataFrame, task: Task) -> str:
    """Of all that decides what the baselines say, confounders included."""
    text = f"{task}\n{manifest.to_csv(index=False, lineterminator=chr(10))}"
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]
