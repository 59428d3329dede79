"""What is wrong with a file that cannot be taken apart, in words instead of a parser's."""

import json
import re

import pandas as pd


def damage_in_words(error: Exception) -> str:
    """A clause for after a colon, no full stop: what to do depends on the file."""
    match error:
        case json.JSONDecodeError():
            return f"it breaks off or is damaged at line {error.lineno}, column {error.colno}"
        case UnicodeDecodeError():
            return "it holds bytes that are no UTF-8 text, so it is of another kind, or damaged"
        case RecursionError():
            return "its brackets are nested without end"
        case pd.errors.EmptyDataError():
            return "it is empty"
        case pd.errors.ParserError():
            return _of_rows(str(error))
        case _:
            return str(error)


def _of_rows(told: str) -> str:
    """pandas: "Expected 3 fields in line 4, saw 5", or "EOF inside string starting at row 2"."""
    uneven = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", told)
    if uneven:
        expected, line, found = uneven.groups()
        return f"line {line} has {found} cells where the lines above have {expected}"
    return "it breaks off within quotation marks, or is damaged"
