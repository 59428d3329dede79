"""A second layer of evidence on the images: where a network that has learnt lesions from patches
would mark one. It is asked only when it is chosen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.preprocessing.cases import Case
from mammo_core.reading import Mark, corner_in_words
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.measured import Froc, froc_of
from mammo_core.runs.naming import run_title
from mammo_core.types import Split
from mammo_core.words import NOTICE
from pages.components.read.reading import look_for_lesions
from pages.components.read.scores import fit_of, show_refused
from pages.components.shared import cached
from pages.components.shared.frame import escaped, noted_errors
from pages.components.shared.pickers import all_runs
from pages.components.shared.viewer.viewer import Legend, Pane, RegionBox

if TYPE_CHECKING:
    from mammo_core.inference.lesions import FoundLesions

_USUAL: Final = "What moved the score"
_RADIUS: Final = 0.02  # of the longer side of a pane
_LEARNT: Final = {
    "film": ("on films", "digitised films alone"),
    "digital": ("on digital mammograms", "digital mammograms alone"),
    "synthetic": ("on synthetic images", "synthetic images alone"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionLayer:
    """What a lesion finder says of a case, and how well it was measured to find lesions."""

    run: RunFolder
    title: str
    learnt: str  # from what images, in words
    froc: Froc
    found: "dict[str, FoundLesions]"
    remarks: tuple[str, ...] = ()  # on images unlike those it was measured on

    @property
    def legend(self) -> Legend:
        return Legend(text=self.title, low_text="tissue", high_text="full colour: lesion")

    def marks(self, image_id: str) -> tuple[Mark, ...]:
        """As sure as those of which one an image was false where it was measured."""
        found = self.found.get(image_id)
        above = self.froc.usual.above
        return tuple(mark for mark in found.marks if mark.score > above) if found else ()

    def laid_on(self, pane: Pane) -> Pane:
        """`pane` under this map and its marks, in the place of the heatmap and its regions."""
        found = self.found.get(pane.key)
        if found is None:
            return replace(pane, heat=None, boxes=(), faint="")
        radius = _RADIUS * max(pane.pixels.shape)
        rounds = [
            _round(mark.x / pane.reduction, mark.y / pane.reduction, radius, text=str(rank))
            for rank, mark in enumerate(self.marks(pane.key), start=1)
        ]
        drawn = found.drawn
        faint = corner_in_words(drawn.heat, is_relative=False, stands_out=bool(rounds))
        return replace(pane, heat=drawn.heat, boxes=tuple(rounds), faint=faint)


def pick_lesions(case: Case) -> LesionLayer | None:
    """The layer of the newest lesion finder, where it is chosen; nothing is shown where there is
    none, and nothing is run before it is chosen.
    """
    finder = _newest_finder(all_runs())
    if finder is None:
        return None
    run, froc = finder
    card = cached.card(run)
    where, learnt = _LEARNT.get(card.data.seen, (f"of {froc.dataset}", f"images of {froc.dataset}"))
    title = f"Looks like a lesion {where}"
    chosen = st.segmented_control(
        "Shown on the images", [_USUAL, title], default=_USUAL, required=True, key="evidence",
        label_visibility="collapsed",
    )  # fmt: skip
    if chosen != title:
        return None
    layers = []
    with noted_errors():
        fit = fit_of(case, card)
        show_refused(fit)
        found = look_for_lesions(run, case, fit.scored, froc.looking)
        remarks = tuple(f"{', '.join(titles)}: {said}" for said, titles in fit.remarks.items())
        layers.append(
            LesionLayer(
                run=run, title=title, learnt=learnt, froc=froc, found=found, remarks=remarks
            )
        )
    return layers[0] if layers else None


def show_marks(case: Case, layer: LesionLayer) -> None:
    """The marks by rank, as they are numbered on the images; then what they are worth."""
    for image in case.images:
        if image.ref.image_id not in layer.found:
            continue
        marks = layer.marks(image.ref.image_id)
        told = ", ".join(f"**{rank}** {mark.score:.2f}" for rank, mark in enumerate(marks, start=1))
        st.markdown(f"{escaped(image.title)}: {told or 'no mark'}")
    for said in layer.remarks:
        st.caption(f":material/warning: {escaped(said)}")
    froc = layer.froc
    st.caption(
        escaped(
            f"Marked by {run_title(layer.run)}, which learnt lesions against tissue elsewhere from "
            f"{layer.learnt}; whether a lesion is cancer it does not tell. Marks surer than "
            f"{froc.usual.above:.2f} are shown. {froc.headline} {froc.rule} {NOTICE}"
        )
    )


def _newest_finder(runs: Sequence[RunFolder]) -> tuple[RunFolder, Froc] | None:
    """A network of patches, and what was measured of it last on women it did not learn from."""
    for run in runs:
        try:
            if not run.is_checkpoint or cached.card(run).patches is None:
                continue
            known = [one for one in froc_of(run) if one.split == Split.TEST]
        except MammoError:
            continue  # its card or what was measured of it is broken, as its own page says
        if known:
            return run, known[-1]
    return None


def _round(x: float, y: float, radius: float, *, text: str) -> RegionBox:
    return RegionBox(
        x0=x - radius, y0=y - radius, x1=x + radius, y1=y + radius, text=text, is_round=True
    )
