"""A page with nothing but a case list of 500 cases."""

import time

import cv2
import numpy as np
import streamlit as st

from mammo_core.listing import ListedCase
from pages.components.shared.caselist.caselist import TaggedBy, Tagging, kept_view, show_case_list
from pages.components.shared.reruns import mend_reruns

CASES = [
    ListedCase(
        key=f"case{number:03}",
        title=f"woman {number:03}",
        chips=("LR"[number % 2], ("CC", "MLO")[number // 2 % 2]),
        score=number / 500,
        truth="cancer" if number % 5 == 0 else "no cancer",
        is_positive=number % 5 == 0,
        facts={"site": "ABC"[number % 3], "age": 40.0 + number % 40},
    )
    for number in range(500)
]


def picture(key: str) -> bytes | None:
    if key == "case003":
        return None
    grey = np.full((40, 30), int(key[4:]) % 200 + 55, np.uint8)
    return bytes(cv2.imencode(".jpg", grey)[1])


def keep(tagging: Tagging) -> None:
    st.session_state["tagged"] = tagging
    st.session_state.setdefault("tags", []).append(tagging.tag)
    if "slow" in st.query_params:
        time.sleep(1)


mend_reruns()
st.title("Cases")
opened = show_case_list(
    CASES, key="cases", thumbnails=picture, threshold=0.25, height=600,
    tagging=TaggedBy(known=("artefact",), keep=keep), opened=st.query_params.get("open"),
    view=st.query_params.get("view", ""),
)  # fmt: skip
st.text(f"Python has {opened} by {kept_view('cases') or 'no view'}")
if "tagged" in st.session_state:
    tagged = st.session_state["tagged"]
    st.text(f"tags in order: {' '.join(st.session_state['tags'])}")
    st.text(f"{tagged.tag}: {len(tagged.keys)}, first {tagged.keys[0]}, {tagged.is_removed}")
