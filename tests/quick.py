"""What of a test with many parameters belongs to the quick tests."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def some_slow(values: Iterable[Any], *, quick: int, name: Callable[[Any], str] = str) -> list[Any]:
    """The first few in the quick tests, all of them by --all."""
    return [
        pytest.param(
            *(value if isinstance(value, tuple) else (value,)),
            marks=[pytest.mark.slow] if number >= quick else [],
            id=name(value),
        )
        for number, value in enumerate(values)
    ]
