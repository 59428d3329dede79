"""The data sets the workbench reads, their splits and their audit.

To add a data set: write its module, ending in `ADAPTER = Adapter(...)`, then list it here. The
first adapter that recognises a folder reads it, so the particular stand before the general.
"""

from typing import Final

from mammo_core.datasets import csv_folder, phantom_set
from mammo_core.datasets.adapter import Adapter

ADAPTERS: Final[tuple[Adapter, ...]] = (
    phantom_set.ADAPTER,
    csv_folder.ADAPTER,
)
