"""What a file's name says of its image: side and view, and which files are of one woman.

A name is a hint and no header. Side and view are proposals that a reader sees before they count,
and where a name says two things it says nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mammo_core.types import Laterality, View

_SIDES: Final = {
    "l": Laterality.LEFT,
    "lt": Laterality.LEFT,
    "left": Laterality.LEFT,
    "r": Laterality.RIGHT,
    "rt": Laterality.RIGHT,
    "right": Laterality.RIGHT,
}
_VIEWS: Final = {
    view.value.lower(): view
    for view in (View.CC, View.MLO, View.ML, View.LM, View.LMO, View.XCC, View.XCCL, View.XCCM)
}
#: Two letters that stand for much else; they are a view only right beside a side.
_WEAK_VIEWS: Final = ("ml", "lm")
#: One letter is a side only right beside a view, or as the whole name.
_WEAK_SIDES: Final = ("l", "r")
#: "LCC", "rightMLO", "MLOleft". "CCL" and "MLOR" are left alone: a letter behind a view says more
#: often what kind of view it is. So is "LLM", which is not the lateromedial of a left breast.
_SIDE_AND_VIEW: Final = re.compile(
    rf"(?P<side>{'|'.join(_SIDES)})(?P<view>{'|'.join(_VIEWS)})"
    rf"|(?P<view_first>cc|mlo)(?P<side_last>left|right|lt|rt)"
)
_NO_PLACES: Final = ("llm", "rlm")
_WORDS: Final = re.compile(r"[^\W\d_]+|\d+")
_COPY: Final = re.compile(r"\s*\(\d+\)$|\s*-\s*copy$", re.IGNORECASE)
#: What names of images end in. A dot also parts words: "A_1141_1.LEFT_CC".
_ENDINGS: Final = re.compile(
    r"\.(dcm|dicom|ima|png|jpe?g|tiff?|pgm|jp2|bmp|gz)$", flags=re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPlace:
    """Side and view as a name says them; None where it does not."""

    side: Laterality | None = None
    view: View | None = None

    @property
    def words(self) -> str:
        return " ".join(str(part) for part in (self.side, self.view) if part)


def place_of_name(name: str) -> NamedPlace:
    """Of a file, or of its path: what its own name leaves open, the nearest folder may say."""
    side: Laterality | None = None
    view: View | None = None
    for part in reversed(_parts(name)):
        found = _place_in(part)
        side, view = side or found.side, view or found.view
        if side and view:
            break
    return NamedPlace(side=side, view=view)


def _parts(name: str) -> list[str]:
    """Folders, then the file, without what names end in."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    if not parts:
        return []
    return [*parts[:-1], _stem(parts[-1])]


def _stem(file: str) -> str:
    stem = _ENDINGS.sub("", _ENDINGS.sub("", file.strip()))
    return _COPY.sub("", stem)


def _place_in(text: str) -> NamedPlace:
    words = _words_of(text)
    sides, views = set(), set()
    for number, word in enumerate(words):
        beside = {*words[max(0, number - 1) : number], *words[number + 1 : number + 2]}
        side, view = _said(word, beside, is_all=len(words) == 1)
        sides |= {side} - {None}
        views |= {view} - {None}
    return NamedPlace(
        side=sides.pop() if len(sides) == 1 else None,
        view=views.pop() if len(views) == 1 else None,
    )


def _words_of(text: str) -> list[str]:
    """Letters and digits apart, "LeftCC" in two."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return [word.lower() for word in _WORDS.findall(parted)]


def _said(word: str, beside: set[str], *, is_all: bool) -> tuple[Laterality | None, View | None]:
    """What one word of a name says, given those right before and after it."""
    if word in _SIDES:
        is_told = is_all or word not in _WEAK_SIDES or bool(beside & _VIEWS.keys())
        return (_SIDES[word] if is_told else None), None
    if word in _VIEWS:
        is_told = word not in _WEAK_VIEWS or bool(beside & _SIDES.keys())
        return None, (_VIEWS[word] if is_told else None)
    joined = None if word in _NO_PLACES else _SIDE_AND_VIEW.fullmatch(word)
    if joined is None:
        return None, None
    side, view = joined["side"] or joined["side_last"], joined["view"] or joined["view_first"]
    return _SIDES[side], _VIEWS[view]


#: How known data sets write a woman into the names of their files; the first group is what is hers.
_EXPORTS: Final = (
    re.compile(r"^(?:mass|calc)-(?:training|test)_(p_\d+)_(?:left|right)_", re.IGNORECASE),  # CBIS
    re.compile(r"^(d[12]-\d{4})(?:_|$)", re.IGNORECASE),  # CMMD
    re.compile(r"^\d{8}_([0-9a-f]{16})_mg_[lr]_", re.IGNORECASE),  # INbreast
    re.compile(r"^([abcd]_\d{4}_1)\.(?:left|right)_", re.IGNORECASE),  # DDSM
    re.compile(r"^(\d{1,6})_\d{6,}$"),  # RSNA: patient_image
)


def woman_of_name(name: str) -> str:
    """What in a name stands for the woman: alike for the files of one, "" where it is not known.

    It is what stands before side and view, within its folder, for the counters behind them tell
    images apart; names of known data sets count wherever they lie.
    """
    parts = _parts(name)
    for part in reversed(parts):
        for export in _EXPORTS:
            if found := export.search(part):
                return found[1].lower()
    if not parts or not _place_in(parts[-1]).words:
        return ""
    before = _before_place(parts[-1])
    return "/".join([*parts[:-1], before]) if before else ""


def _before_place(text: str) -> str:
    """The words before the first that says side or view."""
    words = _words_of(text)
    for number, word in enumerate(words):
        beside = {*words[max(0, number - 1) : number], *words[number + 1 : number + 2]}
        if any(_said(word, beside, is_all=len(words) == 1)):
            return " ".join(words[:number])
    return ""


def doubts_about(places: Sequence[NamedPlace]) -> str:
    """What is to be asked of the images of one case, in words; "" where nothing is."""
    sides = {place.side for place in places}
    if len(places) >= 4 and len(sides) == 1 and (side := sides.pop()) is not None:
        breast = {Laterality.LEFT: "left", Laterality.RIGHT: "right"}[side]
        return (
            f"All {len(places)} images are said to be of the {breast} breast. An exam has two "
            "sides: are they right?"
        )
    return ""
