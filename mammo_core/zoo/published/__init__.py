"""Models whose authors published the weights: what is known of each, one entry each. Plain data,
without torch; the networks are in `networks/`.
"""

from typing import Final

from mammo_core.config import ModelConfig
from mammo_core.errors import UnknownNameError
from mammo_core.partners import Slot
from mammo_core.zoo.published.entry import PREFIX as PREFIX
from mammo_core.zoo.published.entry import Oracle as Oracle
from mammo_core.zoo.published.entry import PublishedModel as PublishedModel
from mammo_core.zoo.published.gmic import GMIC, GMIC_ONE
from mammo_core.zoo.published.mammoclip import MAMMOCLIP_B2, MAMMOCLIP_B5
from mammo_core.zoo.published.mammoscreen import MAMMOSCREEN, MAMMOSCREEN_DENSITY
from mammo_core.zoo.published.nyu import NYU_IMAGES, NYU_VIEWS
from mammo_core.zoo.published.petrini import PETRINI
from mammo_core.zoo.published.rsna import RSNA_FIRST

PUBLISHED: Final[tuple[PublishedModel, ...]] = (
    MAMMOSCREEN,
    MAMMOSCREEN_DENSITY,
    RSNA_FIRST,
    *PETRINI,
    GMIC,
    GMIC_ONE,
    NYU_VIEWS,
    NYU_IMAGES,
    MAMMOCLIP_B5,
    MAMMOCLIP_B2,
)


def get_published(name: str) -> PublishedModel:
    """The entry of that name, with or without the prefix that backbones have."""
    for entry in PUBLISHED:
        if entry.name == name.removeprefix(PREFIX):
            return entry
    raise UnknownNameError("published model", name, (entry.name for entry in PUBLISHED))


def is_published(backbone: str) -> bool:
    return backbone.startswith(PREFIX)


def slots_of(model: ModelConfig) -> tuple[Slot, ...]:
    """Which view has which place before the network; none where it is one of our own."""
    return get_published(model.backbone).slots if is_published(model.backbone) else ()
