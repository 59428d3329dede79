import pytest

from mammo_core.words import many


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 women"), (1, "1 woman"), (2, "2 women"), (12_000, "12,000 women")]
)
def test_one_is_not_several(count: int, words: str) -> None:
    assert many(count, "woman", "women") == words
