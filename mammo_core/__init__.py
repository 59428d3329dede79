"""Everything Mammoscope does without a browser: reading, training, judging, explaining.

What stands in `__all__` is for use in other programs, and docs/library.md tells how. Nothing of it
is loaded before it is asked for: `import mammo_core` alone costs nothing.
"""

from importlib import import_module
from typing import Any, Final

__version__ = "0.2.0"

_PUBLIC: Final = {
    # a file
    "read_mammogram": "mammo_core.preprocessing.reading.read",
    "prepare": "mammo_core.preprocessing.prepare",
    "breast_of": "mammo_core.preprocessing.breast",
    "PrepareSettings": "mammo_core.config",
    "Mammogram": "mammo_core.types",
    # a data set
    "read_dataset": "mammo_core.datasets.dataset",
    "read_predictions": "mammo_core.datasets.predictions",
    # a model
    "find_checkpoint": "mammo_core.runs.folder",
    "read_card": "mammo_core.runs.card",
    "load_checkpoint": "mammo_core.inference.checkpoint",
    "open_engine": "mammo_core.inference.engine",
    "score_images": "mammo_core.inference.scoring",
    "heatmap_of": "mammo_core.inference.scoring",
    # numbers with their intervals
    "Level": "mammo_core.types",
    "Pooling": "mammo_core.metrics.cases",
    "pool_cases": "mammo_core.metrics.cases",
    "auc_with_interval": "mammo_core.metrics.uncertainty",
    "rates_at": "mammo_core.metrics.uncertainty",
    "share_cases": "mammo_core.metrics.compare",
    "auc_difference": "mammo_core.metrics.compare",
    "operating_point": "mammo_core.metrics.threshold",
    # what can go wrong
    "MammoError": "mammo_core.errors",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'mammo_core' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
