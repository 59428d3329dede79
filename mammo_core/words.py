"""Numbers with their nouns, as a sentence wants them."""


def many(count: int, one: str, more: str) -> str:
    """`1 woman`, `2,000 women`."""
    return f"{count:,} {one if count == 1 else more}"
