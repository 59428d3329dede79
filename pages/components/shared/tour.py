"""The tour of the pages for somebody who is here for the first time: what it says at each stop, and
the strip over the page in which it says so. To change it, change `STEPS`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import streamlit as st

from pages.components.shared.frame import STUDY, views_left
from pages.components.shared.whose import tour_file

_PLACE: Final = "tour_place"  # in STEPS, while somebody is on the tour
_LED: Final = "tour_led"  # the page is still to be changed to that of the step

_FRAME: Final = "outline: 2px solid light-dark(#0b5fae, #6cb6ff); outline-offset: 4px;"


@dataclass(frozen=True, slots=True, kw_only=True)
class TourStep:
    """What is said on the page of that title. `at` selects the part that it is about, which gets a
    frame, where it is there.
    """

    page: str
    says: str
    at: str


STEPS: Final = (
    TourStep(
        page="Read",
        says="On a first visit this is a synthetic exam. Colour shows which places the score comes "
        "from, not where a cancer is. Drag moves the images, the wheel zooms, H hides the colour.",
        at=".st-key-viewer",
    ),
    TourStep(
        page="Read",
        says="What the model says of each breast and of the exam. A verdict is given only where a "
        "threshold is locked or comes with the model. Your own images come in above: drop them "
        "anywhere here.",
        at="[class*=st-key-scores_]",
    ),
    TourStep(
        page="Thresholds",
        says="From which score on is a case called? Slide, and watch how many cancers are "
        "found and missed. Lock a threshold, and Read judges by it.",
        at=".st-key-slider",
    ),
    TourStep(
        page="Compare",
        says="Models on the same cases, beside guesses that look at no image. Sentences below the "
        "table say which differences hold; every number has its interval.",
        at="[data-testid=stDataFrame]",
    ),
    TourStep(
        page="Train",
        says="Choose data and a recipe, and start. It goes on if you close the browser; a recipe "
        "holds every setting, and what you change is kept with the model.",
        at=".st-key-train_recipe",
    ),
    TourStep(
        page="Data",
        says="Register a folder of images. The audit then says what a model could learn by "
        "mistake: women in two splits, copies, shortcuts.",
        at=".st-key-register",
    ),
    TourStep(
        page="Help",
        says="Make the example project: two small models of synthetic women to compare, with "
        "locked thresholds and a report, in minutes. Below it is every term in one sentence.",
        at=".st-key-example",
    ),
)


def offer_tour() -> None:
    """One line for somebody who has neither taken the tour nor said no to it."""
    if tour_file().exists():
        return
    with st.container(
        key="tour_offer", width="content", horizontal=True, vertical_alignment="center",
        gap="xsmall",
    ):  # fmt: skip
        if st.button(
            "New here? Take the tour (2 minutes)", key="tour_take", icon=":material/tour:",
            type="tertiary",
        ):  # fmt: skip
            begin_tour()
            st.rerun()
        if st.button("No, thanks", type="tertiary", key="tour_no"):
            _note_toured()
            st.rerun()


def begin_tour() -> None:
    """From its first step, which is not on every page: `show_tour` leads there."""
    _note_toured()
    st.session_state[_PLACE] = 0
    st.session_state[_LED] = True


def _note_toured() -> None:
    tour_file().parent.mkdir(parents=True, exist_ok=True)
    tour_file().touch()


def show_tour(shown: st.Page, pages: Iterable[st.Page]) -> None:
    """The strip, over the page `shown`; each of `pages` opens with the view it was left with.
    Whoever goes to another page by its link is told what there is to say there.
    """
    place = st.session_state.get(_PLACE)
    if place is None or STUDY in st.query_params:
        return
    if st.session_state.pop(_LED, False) and STEPS[place].page != shown.title:
        wanted = next(page for page in pages if page.title == STEPS[place].page)
        st.switch_page(wanted, query_params=views_left().get(wanted.title, {}))
    if STEPS[place].page != shown.title:
        place = next(number for number, one in enumerate(STEPS) if one.page == shown.title)
        st.session_state[_PLACE] = place
    step = STEPS[place]
    st.html(f"<style>{step.at} {{ {_FRAME} }}</style>")
    with st.container(key="tour", horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**Tour, {place + 1} of {len(STEPS)}: {step.page}.** {step.says}")
        with st.container(horizontal=True, width="content", gap="small"):
            _show_buttons(place)


def _show_buttons(place: int) -> None:
    is_last = place + 1 == len(STEPS)
    if st.button("Back", key="tour_back", icon=":material/arrow_back:", disabled=not place):
        _go(place - 1)
    if st.button(
        "Done" if is_last else "Next", key="tour_next", type="primary",
        icon=":material/check:" if is_last else ":material/arrow_forward:",
    ):  # fmt: skip
        _go(None if is_last else place + 1)
    if not is_last and st.button("Skip", key="tour_skip", shortcut="Esc"):
        _go(None)


def _go(place: int | None) -> None:
    if place is None:
        st.session_state.pop(_PLACE)
    else:
        st.session_state[_PLACE] = place
        st.session_state[_LED] = True
    st.rerun()
