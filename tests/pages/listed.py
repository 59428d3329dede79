"""What a case list or a viewer on a page was told to show."""

import json
from typing import Any

from streamlit.testing.v1 import AppTest


def listed_cases(page: AppTest) -> list[dict[str, Any]]:
    """The rows of the one case list of `page`, in the order in which they are listed."""
    return _told(page, "mammo_case_list", "cases")


def viewer_cells(page: AppTest) -> list[dict[str, Any]]:
    """What the one viewer of `page` was told of each image, in the order in which they hang."""
    return _told(page, "mammo_viewer", "cells")


def _told(page: AppTest, component: str, part: str) -> list[dict[str, Any]]:
    (message,) = (
        element.proto.bytes
        for element in page.get("bidi_component")
        if element.proto.component_name.endswith(component)
    )
    length = int.from_bytes(message[:4], "little")
    told: list[dict[str, Any]] = json.loads(message[4 : 4 + length])[part]
    return told
