"""What a case list on a page was told to show."""

import json
from typing import Any

from streamlit.testing.v1 import AppTest


def listed_cases(page: AppTest) -> list[dict[str, Any]]:
    """The rows of the one case list of `page`, in the order in which they are listed."""
    (rows,) = (
        element.proto.bytes
        for element in page.get("bidi_component")
        if element.proto.component_name.endswith("mammo_case_list")
    )
    length = int.from_bytes(rows[:4], "little")
    cases: list[dict[str, Any]] = json.loads(rows[4 : 4 + length])["cases"]
    return cases


def viewer_cells(page: AppTest) -> list[dict[str, Any]]:
    """What the one viewer of `page` was told of each image, in the order in which they hang."""
    (message,) = (
        element.proto.bytes
        for element in page.get("bidi_component")
        if element.proto.component_name.endswith("mammo_viewer")
    )
    length = int.from_bytes(message[:4], "little")
    cells: list[dict[str, Any]] = json.loads(message[4 : 4 + length])["cells"]
    return cells
