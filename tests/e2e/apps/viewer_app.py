"""A page with nothing but the viewer, fed with drawn breasts. The address says how many and how."""

import time
from dataclasses import replace

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from mammo_core.types import Box, Window
from pages.components.shared.reruns import mend_reruns
from pages.components.shared.viewer.viewer import (
    Correction,
    Legend,
    Pane,
    RegionBox,
    ShownCase,
    forget_measures,
    show_viewer,
)

ROWS, COLUMNS = 2000, 1000
PEAK = 4000
WINDOWS = (
    Window(name="Normal", low=0, high=4000),
    Window(name="Harder", low=800, high=3200),
    Window(name="Sigmoid", low=0, high=4000, is_sigmoid=True),
)
BREASTS = {"R": Box(x0=150, y0=100, x1=1000, y1=1900), "L": Box(x0=0, y0=100, x1=850, y1=1900)}
_TRUTH = (RegionBox(x0=400, y0=1500, x1=500, y1=1600, text="mass"),)
EXAM = (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"), ("L", "ML"))


def breast(*, is_right: bool, seed: int) -> NDArray[np.uint16]:
    """Half an ellipse on the chest wall with a bright lump; a right breast's wall is right."""
    rows, columns = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float32)
    away = columns / (0.85 * COLUMNS)
    down = (rows - ROWS / 2) / (0.45 * ROWS)
    inside = np.clip(1 - away**2 - down**2, 0, None)
    lump = np.exp(-(((columns - 420) / 60) ** 2) - ((rows - 1150) / 60) ** 2)
    noise = np.random.default_rng(seed).normal(0, 60, (ROWS // 8, COLUMNS // 8))
    texture = np.kron(noise, np.ones((8, 8)))
    grey = np.where(inside > 0, 900 + 1300 * np.sqrt(inside) + texture + 1500 * lump, 0)
    pixels = np.clip(grey, 0, PEAK).astype(np.uint16)
    return pixels[:, ::-1].copy() if is_right else pixels


def heat(*, is_right: bool) -> NDArray[np.uint8]:
    rows, columns = np.mgrid[0:32, 0:16]
    values = 255 * np.exp(-(((columns - 6.2) / 2.5) ** 2) - ((rows - 18) / 2.5) ** 2)
    return (values[:, ::-1] if is_right else values).astype(np.uint8)


@st.cache_data(max_entries=8)
def exam(count: int) -> list[tuple[str, str, NDArray[np.uint16], NDArray[np.uint8]]]:
    return [
        (side, view, breast(is_right=side == "R", seed=i), heat(is_right=side == "R"))
        for i, (side, view) in enumerate(EXAM[:count])
    ]


def pane(side: str, view: str, pixels: NDArray[np.uint16], warm: NDArray[np.uint8]) -> Pane:
    left = 480 if side == "R" else 320
    return Pane(
        key=f"{side}{view}",
        title=st.query_params.get("title", f"{side} {view}"),
        pixels=pixels,
        windows=WINDOWS,
        side=side,
        view=view,
        spacing_mm=0.1,
        is_spacing_at_detector=True,
        chest_wall="right" if (side == "R") != ("mirrored" in st.query_params) else "left",
        reduction=2.0,
        breast=BREASTS[side] if "breast" in st.query_params else None,
        heat=warm,
        boxes=(RegionBox(x0=left, y0=1050, x1=left + 200, y1=1250, text="0.83"),),
        truth=_TRUTH if "truth" in st.query_params else (),
        facts=(("Kind", "made up"),) if "facts" in st.query_params else (),
        faint="faint: at most 12 % of the scale" if "faint" in st.query_params else "",
    )


def flat(value: int) -> Pane:
    """One grey all over: what a window does to it can be worked out by hand."""
    pixels = np.full((600, 400), value, dtype=np.uint16)
    return Pane(key="flat", title="flat", pixels=pixels, windows=WINDOWS)


@st.cache_resource
def checker() -> NDArray[np.uint16]:
    """One pixel dark, one bright, all over 4096 x 3328: at half size it is one grey."""
    rows, columns = np.indices((4096, 3328), sparse=True)
    return np.where((rows + columns) % 2 == 1, 4000, 0).astype(np.uint16)


def checker_pane(*, is_mirrored: bool) -> Pane:
    """The overview is the mean of what it covers; the whole is there for the asking."""
    return Pane(
        key="LCC",
        title="checker",
        pixels=np.full((1400, 1138), 2000, dtype=np.uint16),
        full=checker(),
        windows=WINDOWS,
        side="L",
        view="CC",
        reduction=4096 / 1400,
        chest_wall="right" if is_mirrored else "left",
        spacing_mm=0.07 * 4096 / 1400,
    )


def keep_correction(correction: Correction) -> None:
    st.session_state.setdefault("said", []).append(correction)


def corrected(pane: Pane) -> Pane:
    for said in st.session_state.get("said", []):
        pane = replace(pane, side=said.side, view=said.view) if said.pane == pane.key else pane
    return pane


mend_reruns()
st.set_page_config(page_title="Viewer", layout="wide")
wanted = st.query_params
case_id = ""
if "cases" in wanted:  # two cases whose images are called alike
    case_id = "second" if st.checkbox("Second case") else "first"
    st.button("Forget the first", on_click=forget_measures, args=("first",))
if "flat" in wanted:
    panes = [flat(int(wanted["flat"]))]
elif "checker" in wanted:
    mirrored = Pane(key="RCC", title="", pixels=np.zeros((9, 9), np.uint16), side="R", view="CC")
    panes = [checker_pane(is_mirrored="mirrored" in wanted)]
    panes += [mirrored] if "mirrored" in wanted else []
else:
    panes = [corrected(pane(*one)) for one in exam(int(wanted.get("panes", "1")))]
time.sleep(float(wanted.get("slow", "0")))
if not st.checkbox("Away with the viewer"):
    result = show_viewer(
        [one for one in panes if one.key != wanted.get("without")],
        key="viewer",
        height=int(wanted.get("height", "760")),
        shown=ShownCase(case_id=case_id),
        columns=len(panes) if "row" in wanted else 0,
        on_corrected=keep_correction if "chips" in wanted else None,
        legend=Legend(text="Grad-CAM, what moved the score", high_text="highest in this image"),
    )
    for said in st.session_state.get("said", []):
        st.text(f"{said.pane} is {said.side} {said.view}")
    for drawn in result.drawn:
        box = drawn.box
        st.text(f"{drawn.pane}: {box.x0:g} {box.y0:g} {box.x1:g} {box.y1:g}")
