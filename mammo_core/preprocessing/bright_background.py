"""Films and scans shown inside out: a bright background with a dark breast on it."""

from mammo_core.types import Pixels


def has_bright_background(pixels: Pixels) -> bool:
    """Whether the border of the image is brighter than its middle."""
    return False
