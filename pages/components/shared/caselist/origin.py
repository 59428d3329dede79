"""From a listed case to Read and back: what comes with a case that was opened from a page, and the
address of that page as it was left.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlencode

import streamlit as st

from mammo_core.errors import MammoError, RunError
from mammo_core.files import replace_file
from mammo_core.listing import ListedCase
from mammo_core.preprocessing.cases import Case, load_case, place_case
from mammo_core.preprocessing.reading import limits
from mammo_core.records import from_document, to_document
from mammo_core.runs.folder import RunFolder
from mammo_core.types import Box
from pages.components.shared.frame import escaped
from pages.components.shared.pickers import can_read
from pages.components.shared.whose import cases_root

if TYPE_CHECKING:  # imported where asked for: pages without a data set open without it
    from mammo_core.datasets.dataset import Dataset

FROM: Final = "from"
_BACK: Final = "back"
_KNOWN: Final = "known_truth.json"  # in the folder of a case
_PAGES: Final[Mapping[str, str]] = {
    "thresholds": "Thresholds",
    "compare": "Compare",
    "train": "Train",
    "data": "Data",
}
FROM_MANIFEST: Final = "side and view from the data set's table"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CaseSource:
    """Where listed cases come from: the page they are listed on, the model, and the images."""

    page: str  # one of the pages with a way back
    dataset: "Dataset | None"
    run: RunFolder | None = None
    why_no_images: str = ""

    @property
    def mark(self) -> str:
        """Tells lists of one page apart: images of two data sets may have the same ids. A hash, for
        a component's key may not hold every letter that a name does.
        """
        parts = (self.run.run_id if self.run else "", self.dataset.root if self.dataset else "")
        return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTruth:
    """What a data set says of a case that was opened from a list of it; kept beside its pixels, and
    forgotten with them.
    """

    truth: str = ""
    is_positive: bool | None = None
    lesions: dict[str, tuple[Box, ...]] = field(default_factory=dict)  # by image id

    @property
    def in_words(self) -> str:
        return truth_in_words(self.truth)


def truth_in_words(truth: str) -> str:
    return f"Truth by the data set: {truth}" if truth else ""


def with_others(listed: ListedCase) -> ListedCase:
    """Where more images are opened than are listed: what is known is said of those alone."""
    told = f"{listed.truth} ({listed.title} alone)" if listed.truth else ""
    return replace(listed, truth=told, is_positive=None)


def keep_truth(case: Case, known: KnownTruth) -> None:
    try:
        replace_file(cases_root() / case.case_id / _KNOWN, json.dumps(to_document(known)))
    except FileNotFoundError as error:
        raise RunError("This case is no longer kept. Open it again.") from error


def known_truth(case: Case) -> KnownTruth:
    """Of a case that came in otherwise, and of one whose file is damaged, nothing is known."""
    with suppress(FileNotFoundError, ValueError, RecursionError, MammoError):
        document = (cases_root() / case.case_id / _KNOWN).read_text(encoding="utf-8")
        return from_document(json.loads(document), KnownTruth, where=_KNOWN)
    return KnownTruth()


def open_in_read(
    source: CaseSource,
    image_ids: Sequence[str],
    *,
    listed: ListedCase,
    lesions: Sequence[Sequence[Box]] = (),
) -> None:
    """Make these images of the data set the case on Read; `listed` tells what is known of its
    truth, and `lesions` of each image where those lie, in its pixels.
    """
    from pages.components.read.intake import name_files

    back = _address()
    case = keep_as_case(source, image_ids)
    name_files(case, list(image_ids))
    by_number = dict(enumerate(lesions, start=1))
    places = {image.ref.image_id: tuple(by_number.get(image.number, ())) for image in case.images}
    known = KnownTruth(truth=listed.truth, is_positive=listed.is_positive, lesions=places)
    keep_truth(case, known)
    opened = {"case": case.case_id, FROM: source.page, _BACK: back}
    if source.run is not None and can_read(source.run):
        opened["model"] = source.run.run_id
    st.switch_page("pages/read.py", query_params=opened)


def keep_as_case(source: CaseSource, image_ids: Sequence[str]) -> Case:
    """These images of the data set as a case in the store, with the sides and views it knows."""
    from pages.components.read.intake import keep_files  # reads images, which few visits ask for

    if source.dataset is None:
        raise RunError("The images of these cases are not on this computer.")
    rows = source.dataset.manifest.drop_duplicates("image_id").set_index("image_id")
    rows = rows.loc[list(image_ids)]
    root = source.dataset.root
    contents = [
        limits.read_source(root / str(path), most=limits.FILE_BYTES + 1, inside=root)
        for path in rows["path"]
    ]
    case = keep_files(contents)
    digests = [hashlib.sha256(content).hexdigest() for content in contents]
    places = zip(digests, rows["side"], rows["view"], strict=True)
    known = {digest: (_known(side), _known(view)) for digest, side, view in places}
    place_case(cases_root(), case, known, note=FROM_MANIFEST)
    return load_case(cases_root(), case.case_id)


def show_origin(case: Case, *, is_unread: bool = False) -> None:
    """On Read: the way back to the page that opened a case, and what is known of the truth of this
    one; not before a reader who reads first has answered.
    """
    page = st.query_params.get(FROM, "")
    if page not in _PAGES:
        return
    left = parse_qs(st.query_params.get(_BACK, ""), keep_blank_values=True)
    st.page_link(
        f"pages/{page}.py", label=f"Back to {_PAGES[page]}", icon=":material/arrow_back:",
        query_params=left,
    )  # fmt: skip
    told = "" if is_unread else known_truth(case).in_words
    if told:
        st.caption(escaped(told))


def forget_origin() -> None:
    """Another case comes in by Read itself: there is nowhere to go back to."""
    for name in (FROM, _BACK):
        st.query_params.pop(name, None)


def _address() -> str:
    every = [(name, value) for name in st.query_params for value in st.query_params.get_all(name)]
    return urlencode(every)


def _known(value: object) -> str | None:
    return value if isinstance(value, str) else None
