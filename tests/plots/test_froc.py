import pandas as pd

from mammo_core.plots.curves import froc_figure


def test_lesions_found_rise_in_steps_and_the_points_carry_their_intervals() -> None:
    curve = pd.DataFrame({"false_marks": [0.0, 0.5, 1.0], "sensitivity": [0.25, 0.5, 0.75]})
    points = pd.DataFrame(
        {"allowed": [0.5, 4.0], "sensitivity": [0.5, 0.75], "low": [0.25, 0.5], "high": [0.625, 1]}
    )
    drawing = froc_figure(curve, points)
    line, dots = drawing.data
    assert list(line.y) == [0.25, 0.5, 0.75, 0.75]
    assert list(line.x) == [0.0, 0.5, 1.0, 4.0]  # as far as the last point
    assert line.line.shape == "hv"  # between two scores nothing changes
    assert list(dots.error_y.array) == [0.125, 0.25]
    assert list(dots.error_y.arrayminus) == [0.25, 0.25]
    assert drawing.layout.xaxis.range[1] > 4.0
    assert drawing.layout.xaxis.title.text == "False marks an image"
