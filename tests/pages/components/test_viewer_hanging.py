from dataclasses import replace

import numpy as np

from mammo_core.types import Box
from pages.components.shared.viewer.hanging import (
    Edge,
    Pane,
    PaneLayout,
    hang,
    side_by_side,
    with_truth,
)


def pane(name: str, *, chest_wall: Edge | None = None) -> Pane:
    side, view = (name[0], name[1:]) if name[0] in "RL" else (None, None)
    pixels = np.zeros((4, 2), dtype=np.uint16)
    return Pane(key=name, title=name, pixels=pixels, side=side, view=view, chest_wall=chest_wall)


def places(layout: PaneLayout) -> dict[str, tuple[int, int]]:
    return {
        cell.pane.key if cell.pane else cell.missing: (cell.row, cell.column)
        for cell in layout.cells
    }


def test_four_views_hang_with_the_right_breast_on_the_left_whatever_their_order() -> None:
    layout = hang([pane(name) for name in ("LMLO", "RCC", "LCC", "RMLO")])
    assert places(layout) == {"RCC": (0, 0), "LCC": (0, 1), "RMLO": (1, 0), "LMLO": (1, 1)}
    anchors = {cell.pane.key: cell.anchor for cell in layout.cells if cell.pane}
    assert anchors == {"RCC": "right", "LCC": "left", "RMLO": "right", "LMLO": "left"}


def test_a_missing_view_keeps_its_place_and_its_name() -> None:
    layout = hang([pane(name) for name in ("RCC", "LCC", "RMLO")])
    assert places(layout)["no L-MLO"] == (1, 1)


def test_a_view_nobody_took_takes_no_room() -> None:
    assert places(hang([pane("RCC"), pane("LCC")])) == {"RCC": (0, 0), "LCC": (0, 1)}


def test_one_breast_alone_hangs_in_one_row() -> None:
    assert places(hang([pane("LCC"), pane("LMLO")])) == {"LCC": (0, 0), "LMLO": (0, 1)}


def test_further_views_and_second_takes_lie_in_the_strip() -> None:
    again = Pane(
        key="again", title="again", pixels=np.zeros((4, 2), dtype=np.uint16), side="R", view="CC"
    )
    layout = hang([pane("RCC"), pane("LCC"), again, pane("LML"), pane("unknown")])
    assert [extra.key for extra in layout.strip] == ["again", "LML", "unknown"]


def test_only_an_image_filed_the_other_way_round_is_mirrored() -> None:
    layout = hang([pane("RCC", chest_wall="left"), pane("LCC", chest_wall="left")])
    assert [cell.is_mirrored for cell in layout.cells] == [True, False]


def test_side_by_side_changes_nothing() -> None:
    layout = side_by_side([pane("LCC", chest_wall="right"), pane("RCC")])
    assert places(layout) == {"LCC": (0, 0), "RCC": (0, 1)}
    assert not any(cell.is_mirrored or cell.anchor for cell in layout.cells)


def test_rows_of_two_keep_the_copies_of_an_image_beside_each_other() -> None:
    layout = side_by_side([pane(name) for name in ("a1", "a2", "b1", "b2")], columns=2)
    assert places(layout) == {"a1": (0, 0), "a2": (0, 1), "b1": (1, 0), "b2": (1, 1)}


def test_known_lesions_lie_where_they_are_in_the_picture_that_is_shown() -> None:
    shown = with_truth(replace(pane("LCC"), reduction=2.0), [Box(x0=8, y0=16, x1=24, y1=40)])
    (known,) = shown.truth
    assert (known.x0, known.y0, known.x1, known.y1, known.text) == (4, 8, 12, 20, "known")
    assert shown.boxes == ()  # they are not what the model says
