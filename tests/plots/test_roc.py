import numpy as np

from mammo_core.metrics.curves import roc_curve
from mammo_core.metrics.threshold import operating_point
from mammo_core.plots.curves import NamedCurve, roc_figure, thinned
from mammo_core.plots.style import PALETTE
from tests.metrics.conftest import cases_of

FOUR = cases_of([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])


def test_each_model_has_its_own_colour_and_the_threshold_under_the_mouse() -> None:
    curve = roc_curve(FOUR)
    figure = roc_figure([NamedCurve(name="a", curve=curve), NamedCurve(name="b", curve=curve)])
    guessing, first, second = figure.data
    assert (guessing.name, first.name, second.name) == ("guessing", "a", "b")
    assert (first.line.color, second.line.color) == PALETTE[:2]
    assert list(first.customdata) == [np.inf, 0.8, 0.4, 0.35, 0.1]
    assert "threshold" in first.hovertemplate


def test_the_chosen_point_lies_on_the_curve() -> None:
    figure = roc_figure(
        [NamedCurve(name="a", curve=roc_curve(FOUR))], point=operating_point(FOUR, 0.4)
    )
    curve, point = figure.data[1], figure.data[2]
    assert (point.x[0], point.y[0]) == (0.5, 0.5)
    assert point.cliponaxis is False  # whole where every cancer is found
    assert (0.5, 0.5) in set(zip(curve.x, curve.y, strict=True))


def test_a_long_curve_is_thinned_but_keeps_its_ends_and_its_shape() -> None:
    rng = np.random.default_rng(0)
    positive = rng.random(50_000) < 0.02
    curve = roc_curve(cases_of(rng.random(50_000) * 0.7 + 0.3 * positive, positive))
    short = thinned(curve, "false_positive_rate", "sensitivity")
    assert len(short) <= 1002
    assert short.iloc[[0, -1]].equals(curve.iloc[[0, -1]])
    length, short_length = (c["false_positive_rate"] + c["sensitivity"] for c in (curve, short))
    between = np.interp(length, short_length, short["sensitivity"])
    assert np.abs(between - curve["sensitivity"]).max() < 0.005
