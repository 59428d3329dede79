"""The runs that were started together, wherever each of them stands."""

from pathlib import Path

from mammo_core.config import RunConfig, load_settings
from mammo_core.errors import ConfigError
from mammo_core.runs.folder import RunFolder, list_runs


def siblings_of(series: str, root: Path) -> list[RunFolder]:
    """Every run of a series by fold and seed; what was put together from them is none."""
    found = [
        (config.data.fold, config.seed, run)
        for run in list_runs(root)
        if run.run_id != series
        for config in _settings(run)
        if config.series == series
    ]
    return [run for _, _, run in sorted(found, key=lambda entry: entry[:2])]


def _settings(run: RunFolder) -> tuple[RunConfig, ...]:
    """None where the run is no training, or its settings cannot be read."""
    try:
        return (load_settings(run.file("run.json"), RunConfig),)
    except ConfigError:
        return ()
