"""From a listed case to Read and back: what comes with a case that was opened from a page, and the
address of that page as it was left.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlencode

import streamlit as st

from mammo_core.errors import RunError
from mammo_core.preprocessing.cases import Case, load_case, place_case
from mammo_core.preprocessing.reading import limits
from mammo_core.runs.folder import RunFolder
from mammo_core.types import Box
from pages.components.shared.frame import escaped
from pages.components.shared.pickers import can_read
from pages.components.shared.whose import cases_root

if TYPE_CHECKING:  # imported where asked for: pages without a data set open without it
    from mammo_core.datasets.dataset import Dataset

FROM: Final = "from"
_BACK: Final = "back"
_COMES_WITH: Final = "comes_with"  # by case, what the data set says of it
_LESIONS: Final = "known_lesions"  # by case, where the data set says that they lie
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


def open_in_read(
    source: CaseSource,
    image_ids: Sequence[str],
    *,
    told: str,
    lesions: Sequence[Sequence[Box]] = (),
) -> None:
    """Make these images of the data set the case on Read; `told` is what is known of its truth, and
    of each image, `lesions` where those lie, in its pixels.
    """
    from pages.components.read.intake import name_files

    back = _address()
    case = keep_as_case(source, image_ids)
    name_files(case, list(image_ids))
    st.session_state.setdefault(_COMES_WITH, {})[case.case_id] = told
    by_number = dict(enumerate(lesions, start=1))
    st.session_state.setdefault(_LESIONS, {})[case.case_id] = {
        image.ref.image_id: tuple(by_number.get(image.number, ())) for image in case.images
    }
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


def show_origin() -> None:
    """On Read: the way back to the page that opened the case, and what is known of its truth."""
    page = st.query_params.get(FROM, "")
    if page not in _PAGES or "case" not in st.query_params:
        return
    left = parse_qs(st.query_params.get(_BACK, ""), keep_blank_values=True)
    st.page_link(
        f"pages/{page}.py", label=f"Back to {_PAGES[page]}", icon=":material/arrow_back:",
        query_params=left,
    )  # fmt: skip
    told = st.session_state.get(_COMES_WITH, {}).get(st.query_params["case"])
    if told:
        st.caption(escaped(told))


def known_lesions(case: Case) -> Mapping[str, Sequence[Box]]:
    """By image id, those that came with it from a data set, while this tab is open."""
    found: Mapping[str, Sequence[Box]] = st.session_state.get(_LESIONS, {}).get(case.case_id, {})
    return found


def forget_origin() -> None:
    """Another case comes in by Read itself: there is nowhere to go back to."""
    for name in (FROM, _BACK):
        st.query_params.pop(name, None)


def _address() -> str:
    every = [(name, value) for name in st.query_params for value in st.query_params.get_all(name)]
    return urlencode(every)


def _known(value: object) -> str | None:
    return value if isinstance(value, str) else None
