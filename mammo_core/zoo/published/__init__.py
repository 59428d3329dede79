"""Models whose authors published the weights: what is known of each, one entry each. Plain data,
without torch; the networks are in `networks/`.
"""

from typing import Final

from mammo_core.errors import UnknownNameError
from mammo_core.zoo.published.entry import PREFIX as PREFIX
from mammo_core.zoo.published.entry import Published as Published
from mammo_core.zoo.published.mammoscreen import MAMMOSCREEN, MAMMOSCREEN_DENSITY

#: On the card of a model until it has scored a data set here.
NEVER_MEASURED: Final = (
    "Never measured here: what its authors published was measured on other women. Evaluate it on "
    "yours (mammo published evaluate)."
)

PUBLISHED: Final[tuple[Published, ...]] = (MAMMOSCREEN, MAMMOSCREEN_DENSITY)


def get_published(name: str) -> Published:
    """The entry of that name, with or without the prefix that backbones have."""
    for entry in PUBLISHED:
        if entry.name == name.removeprefix(PREFIX):
            return entry
    raise UnknownNameError("published model", name, (entry.name for entry in PUBLISHED))


def is_published(backbone: str) -> bool:
    return backbone.startswith(PREFIX)
