"""Cases as a list shows them, made from a manifest or from a predictions table: what a reader knows
a case by, what can be told of it without opening it, and what it can be filtered by.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pandas as pd

#: Columns that a list can be filtered and sorted by, and how it names them.
FACTS: Final[Mapping[str, str]] = {
    "outcome": "outcome",
    "split": "split",
    "site": "site",
    "machine": "machine",
    "density": "density",
    "birads": "BI-RADS",
    "age": "age",
    "lesion": "lesion",
}
_TOLD: Final = ("image_id", "side", "view", "label", "positive", "score")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCase:
    """One row of a case list. What is not known is "" or None, never a guess."""

    key: str  # what a click gives back
    title: str  # the name the reader knows
    chips: tuple[str, ...] = ()  # side and view
    score: float | None = None
    truth: str = ""
    is_positive: bool | None = None
    tags: tuple[str, ...] = ()
    facts: Mapping[str, str | float] = field(default_factory=dict)
    problem: str = ""  # why its file was refused


def list_cases(
    rows: pd.DataFrame,
    *,
    case_of: Sequence[str] | None = None,
    scores: Mapping[str, float] | None = None,
) -> tuple[ListedCase, ...]:
    """The cases that `rows` (one per image) make, in the order in which they first appear.

    `case_of` names the case of each row; without it every image is one. With `scores` only the
    cases in it are listed, in its order and with its scores; else a case scores as its highest
    image.
    """
    ids = list(case_of) if case_of is not None else [str(one) for one in rows["image_id"]]
    places: dict[str, list[int]] = {}
    for place, name in enumerate(ids):
        places.setdefault(name, []).append(place)
    names = [name for name in (scores if scores is not None else places) if name in places]
    told = _columns(rows)
    return tuple(_listed(name, places[name], told, scores=scores) for name in names)


def images_by_case(rows: pd.DataFrame, case_of: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The image ids of every case, in the order of `rows`."""
    found: dict[str, list[str]] = {}
    for name, image_id in zip(case_of, rows["image_id"], strict=True):
        found.setdefault(name, []).append(str(image_id))
    return {name: tuple(dict.fromkeys(images)) for name, images in found.items()}


def with_tags(
    cases: Sequence[ListedCase],
    images: Mapping[str, Sequence[str]],
    tags: Mapping[str, Sequence[str]],
) -> tuple[ListedCase, ...]:
    """`cases`, each with the tags of all its `images`; `tags` are by image id."""
    return tuple(
        replace(
            case,
            tags=tuple(_distinct(tag for one in images[case.key] for tag in tags.get(one, ()))),
        )
        for case in cases
    )


def exam_images(manifest: pd.DataFrame, image_ids: Sequence[str]) -> tuple[str, ...]:
    """`image_ids`, and after them the other images of the same women's same exams."""
    of = manifest["group_id"] + "\0" + manifest["exam_id"].fillna("")
    wanted = set(of[manifest["image_id"].isin(list(image_ids))])
    found = manifest.loc[of.isin(wanted), "image_id"]
    return tuple(dict.fromkeys([*image_ids, *map(str, found)]))


def rows_called(manifest: pd.DataFrame, text: str) -> pd.DataFrame:
    """The images in whose name, or whose woman's, `text` stands, however it is written."""
    named = manifest["image_id"] + "\0" + manifest["patient_id"].fillna("")
    return manifest[named.str.contains(text.strip(), case=False, regex=False)]


def _columns(rows: pd.DataFrame) -> dict[str, list[Any]]:
    """The columns a list tells of, with None for what is missing."""
    return {
        name: rows[name].astype(object).where(rows[name].notna(), None).to_list()
        for name in (*_TOLD, *FACTS)
        if name in rows.columns
    }


def _listed(
    name: str,
    places: Sequence[int],
    told: Mapping[str, Sequence[Any]],
    *,
    scores: Mapping[str, float] | None,
) -> ListedCase:
    def values(column: str) -> list[Any]:
        return _distinct(told[column][place] for place in places) if column in told else []

    is_positive = _truth_of([told["positive"][place] for place in places if "positive" in told])
    found = values("score")
    return ListedCase(
        key=name,
        title=name,
        chips=(*_in_words(values("side")), *_in_words(values("view"))),
        score=scores[name] if scores is not None else max(found, default=None),
        truth=", ".join(_in_words(values("label"))),
        is_positive=is_positive,
        facts={
            title: one[0] if isinstance(one[0], float) and len(one) == 1 else _joined(one)
            for column, title in FACTS.items()
            if (one := values(column))
        },
    )


def _truth_of(found: Sequence[bool | None]) -> bool | None:
    """Positive if any image is, negative only if every one is known to be."""
    if any(found):
        return True
    return None if not found or None in found else False


def _distinct(values: Iterable[Hashable]) -> list[Any]:
    return list(dict.fromkeys(value for value in values if value is not None))


def _in_words(values: Sequence[Any]) -> list[str]:
    return [str(value) for value in values]


def _joined(values: Sequence[Any]) -> str:
    return ", ".join(_in_words(values))
