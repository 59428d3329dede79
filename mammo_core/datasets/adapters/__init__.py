"""The data sets the workbench reads, their splits and their audit.

To add a data set: write its module, with its `ADAPTER = Adapter(...)`, then list it here. The
first adapter that recognises a folder reads it, so the particular stand before the general.
"""

from typing import Final

from mammo_core.datasets.adapters import (
    cbis_ddsm,
    class_folders,
    cmmd,
    csv_folder,
    density_folders,
    detection,
    inbreast,
    mias,
    mini_ddsm,
    phantom_set,
    roboflow,
    rsna,
    vindr_mammo,
)
from mammo_core.datasets.adapters.adapter import Adapter

ADAPTERS: Final[tuple[Adapter, ...]] = (
    phantom_set.ADAPTER,
    csv_folder.ADAPTER,  # a manifest is written on purpose, so it counts before what it lies beside
    vindr_mammo.ADAPTER,
    cbis_ddsm.ADAPTER,
    cmmd.ADAPTER,
    rsna.CHALLENGE,
    inbreast.ADAPTER,
    mini_ddsm.ADAPTER,
    mias.ADAPTER,
    mias.BY_LETTERS,  # only where it is asked for
    density_folders.ADAPTER,
    detection.ADAPTER,  # before those who go by the names of files alone
    rsna.EXPORT,
    roboflow.ADAPTER,
    class_folders.ADAPTER,
)
