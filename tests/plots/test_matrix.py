"""The matrix keeps the order of its squares, and marks what is not comparable."""

from mammo_core.plots.overviews import Square, matrix_figure

SQUARES = [
    Square(row="a", column="home", lines=("0.9",), share=0.8, is_own=True),
    Square(row="a", column="away", lines=("0.7",), share=0.4, is_hatched=True),
    Square(row="b", column="home", lines=("not scored",)),
]


def test_the_first_row_stands_on_top_and_the_first_column_at_the_left() -> None:
    drawing = matrix_figure(SQUARES)
    assert list(drawing.layout.xaxis.ticktext) == ["home", "away"]
    assert list(drawing.layout.yaxis.ticktext) == ["b", "a"]
    places = {note.text: (note.x, note.y) for note in drawing.layout.annotations}
    assert places == {"0.9": (0, 1), "0.7": (1, 1), "not scored": (0, 0)}


def test_another_label_rule_is_hatched_and_the_own_set_framed() -> None:
    own, hatched, empty = matrix_figure(SQUARES).data
    assert [bar.marker.pattern.shape for bar in (own, hatched, empty)] == ["", "/", ""]
    assert own.marker.line.width > hatched.marker.line.width == empty.marker.line.width


def test_a_better_square_is_more_solid_and_an_empty_one_is_not_filled() -> None:
    own, hatched, empty = (bar.marker.color for bar in matrix_figure(SQUARES).data)
    assert own == "rgba(0,114,178,0.46)"
    assert hatched == "rgba(0,114,178,0.28)"
    assert empty == "rgba(0,114,178,0.00)"
