"""Frozen dataclasses to JSON and back: unknown keys and wrong types are errors, in words; and what
is wrong with a file that cannot be taken apart.
"""

import dataclasses
import json
import math
import re
import types
from collections.abc import Mapping
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd

from mammo_core.errors import ConfigError, MammoError


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
            # "Expected 3 fields in line 4, saw 5", or "EOF inside string starting at row 2"
            uneven = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
            if uneven:
                expected, line, found = uneven.groups()
                return f"line {line} has {found} cells where the lines above have {expected}"
            return "it breaks off within quotation marks, or is damaged"
        case _:
            return str(error)


T = TypeVar("T")


def to_document(record: Any) -> Any:
    """Plain JSON values from a dataclass, however nested."""
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        return {f.name: to_document(getattr(record, f.name)) for f in dataclasses.fields(record)}
    if isinstance(record, Enum):
        return record.value
    if isinstance(record, Mapping):
        return {str(key): to_document(value) for key, value in record.items()}
    if isinstance(record, list | tuple):
        return [to_document(value) for value in record]
    if isinstance(record, float) and not math.isfinite(record):
        return None  # JSON has no NaN; a value that could not be computed is null
    return record


def read_json(path: Path, kind: type[MammoError], *, what: str, remedy: str) -> Any:
    """What the file holds. Where it is damaged, an error of that `kind` says so of `what`."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise kind(f"{what} is not valid JSON: {damage_in_words(error)}. {remedy}") from None


def read_object(path: Path, *, where: str) -> dict[str, Any]:
    """The JSON object in the file; what is wrong is said of `where`, never of its folder."""
    remedy = "Put the file back from a copy, or make it anew."
    document = read_json(path, ConfigError, what=where, remedy=remedy)
    if not isinstance(document, dict):
        raise ConfigError(f"{where} must be an object, found {_brief(document)}.")
    return document


def from_document(document: Any, record: type[T], *, where: str) -> T:
    """A `record` from JSON values; `where` names the file in every complaint."""
    if not isinstance(document, dict):
        raise ConfigError(f"{where} must be an object, found {_brief(document)}.")
    hints, required = _shape_of(record)  # type: ignore[arg-type]
    unknown = sorted(document.keys() - hints.keys())
    if unknown:
        known = ", ".join(sorted(hints))
        raise ConfigError(f"Unknown setting {', '.join(unknown)} in {where}. Known: {known}.")
    missing = sorted(required - document.keys())
    if missing:
        raise ConfigError(f"{where} lacks {', '.join(missing)}.")
    values = {
        name: _value(value, hints[name], where=f"{where}, {name}")
        for name, value in document.items()
    }
    return record(**values)


@cache
def _shape_of(record: type[Any]) -> tuple[dict[str, Any], frozenset[str]]:
    """The types of its fields, and the names of those that have no default."""
    hints, fields = get_type_hints(record), dataclasses.fields(record)
    missing = dataclasses.MISSING
    required = [f.name for f in fields if f.default is missing and f.default_factory is missing]
    return {f.name: hints[f.name] for f in fields}, frozenset(required)


def _value(value: Any, hint: Any, *, where: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        (inner,) = (a for a in arguments if a is not type(None))
        return _value(value, inner, where=where)
    if origin is Literal:
        if value not in arguments:
            allowed = ", ".join(map(str, arguments))
            raise ConfigError(f"{where} is {value!r}; allowed: {allowed}.")
        return value
    if origin is tuple:
        return _tuple(value, arguments, where=where)
    if origin is dict:
        if not isinstance(value, dict):
            raise ConfigError(f"{where} must be an object, found {_brief(value)}.")
        return {k: _value(v, arguments[1], where=f"{where}, {k}") for k, v in value.items()}
    return _scalar(value, hint, where=where)


def _tuple(value: Any, arguments: tuple[Any, ...], *, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ConfigError(f"{where} must be a list, found {_brief(value)}.")
    if arguments[-1] is Ellipsis:
        if arguments[0] is float and all(type(item) is float for item in value):
            return tuple(_finite(item, where=where) for item in value)  # a map has thousands
        return tuple(_value(item, arguments[0], where=where) for item in value)
    if len(value) != len(arguments):
        raise ConfigError(f"{where} must have {len(arguments)} entries, found {len(value)}.")
    return tuple(
        _value(item, hint, where=where) for item, hint in zip(value, arguments, strict=True)
    )


def _scalar(value: Any, hint: Any, *, where: str) -> Any:
    if hint is Any:
        return value
    if dataclasses.is_dataclass(hint):
        return from_document(value, hint, where=where)  # type: ignore[arg-type]
    if isinstance(hint, type) and issubclass(hint, Enum):
        try:
            return hint(value)
        except ValueError:
            allowed = ", ".join(str(member.value) for member in hint)
            raise ConfigError(f"{where} is {value!r}; allowed: {allowed}.") from None
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return _finite(value, where=where)
    # The numbers of an array come beside the JSON, and are one already
    kind = np.ndarray if get_origin(hint) is np.ndarray else hint
    if not isinstance(value, kind) or (isinstance(value, bool) and hint is not bool):
        raise ConfigError(f"{where} must be {hint.__name__}, found {_brief(value)}.")
    return value


def _finite(value: float, *, where: str) -> float:
    """Python takes NaN, Infinity and numbers of any length from JSON; no record does."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ConfigError(f"{where} must be a finite number, found {_brief(value)}.")
    return number


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
