"""Figures of calibration, decision and slices: that they draw what was computed."""

import numpy as np
import pandas as pd
import pytest

from mammo_core.metrics.calibration import calibration_of
from mammo_core.metrics.cases import Pooling
from mammo_core.metrics.curves import pr_curve, rate_bands
from mammo_core.metrics.net_benefit import decision_curve
from mammo_core.metrics.subgroups import slices_of
from mammo_core.metrics.threshold import operating_point
from mammo_core.plots.curves import (
    NamedCurve,
    band_figure,
    decision_figure,
    pr_figure,
    reliability_figure,
)
from mammo_core.plots.overviews import Axis, agreement_figure, forest_figure
from mammo_core.plots.style import MUTED, PALETTE
from mammo_core.types import Level
from mammo_core.words import CalledFor
from tests.metrics.conftest import cases_of
from tests.predictions import made_up_predictions

TEN = cases_of([0.2] * 5 + [0.8] * 5, [1, 0, 0, 0, 0, 1, 1, 1, 0, 0])


def test_reliability_draws_each_bin_with_its_interval() -> None:
    bins = reliability_figure({"m": calibration_of(TEN, bins=2)}).data[1]
    assert list(bins.x) == pytest.approx([0.2, 0.8])
    assert list(bins.y) == [0.2, 0.6]
    assert (np.asarray(bins.error_y.array) > 0).all()


def test_net_benefit_is_drawn_per_thousand_women() -> None:
    curve = decision_curve(TEN, prevalence=0.4, thresholds=np.array([0.5]))
    model, everybody, nobody, band = decision_figure(curve, Level.PATIENT).data
    assert model.y[0] == pytest.approx(1000 * (0.3 - 0.2))  # 3 found, 2 false alarms of 10
    assert everybody.y[0] == pytest.approx(1000 * (0.4 - 0.6))
    assert nobody.y[0] == 0.0
    assert band.y[0] > model.y[0] > band.y[1]


@pytest.mark.parametrize(
    ("level", "called", "per"),
    [(Level.PATIENT, "a woman is", "1,000 women"), (Level.EXAM, "an exam is", "1,000 exams"),
     (Level.BREAST, "a breast is", "1,000 breasts")],
)  # fmt: skip
def test_the_axes_of_a_decision_curve_name_what_is_counted(
    level: Level, called: str, per: str
) -> None:
    curve = decision_curve(TEN, prevalence=0.4, thresholds=np.array([0.5]))
    layout = decision_figure(curve, level).layout
    assert called in layout.xaxis.title.text
    assert layout.yaxis.title.text == f"Net benefit per {per}"


def test_the_pr_curve_starts_from_the_prevalence_of_guessing() -> None:
    figure = pr_figure(
        [NamedCurve(name="m", curve=pr_curve(TEN))],
        prevalence=0.4,
        point=operating_point(TEN, 0.5),
    )
    guessing, curve, point = figure.data
    assert set(guessing.y) == {0.4}
    assert (point.x[0], point.y[0]) == (0.75, 0.6)
    assert (0.75, 0.6) in set(zip(curve.x, curve.y, strict=True))
    assert "40.0% have cancer" in figure.layout.yaxis.title.text


def test_where_nobody_is_called_there_is_no_point_on_the_pr_curve() -> None:
    curves = [NamedCurve(name="m", curve=pr_curve(TEN))]
    assert len(pr_figure(curves, prevalence=0.4, point=operating_point(TEN, 0.9)).data) == 2


def test_small_parts_are_grey_and_every_interval_lies_within_the_axis() -> None:
    predictions = made_up_predictions(women=100, with_cancer=50)
    predictions.loc[predictions["patient_id"].isin(["w000", "w099"]), "site"] = "site 3"
    slices = slices_of(predictions, "site", level=Level.BREAST, rule=Pooling.MAX, threshold=0.5)
    figure = forest_figure(slices, overall=0.8)
    colours = {part.y[0]: part.marker.color for part in figure.data}
    assert colours == {"site 1": PALETTE[0], "site 2": PALETTE[0], "site 3": MUTED}
    low, high = figure.layout.xaxis.range
    assert all(low < part.x[0] - part.error_x.arrayminus[0] for part in figure.data)
    assert high > 1.0


def test_bands_lie_around_their_lines_and_the_threshold_is_drawn() -> None:
    figure = band_figure(rate_bands(TEN), threshold=0.37)
    band, line = figure.data[0], figure.data[1]
    count = len(line.x)
    assert (np.asarray(band.y[:count]) >= np.asarray(line.y)).all()  # the upper edge, forwards
    assert (np.asarray(band.y[count:])[::-1] <= np.asarray(line.y)).all()  # the lower, backwards
    assert figure.layout.shapes[0].x0 == 0.37


def test_two_models_are_drawn_by_their_scores_with_the_threshold_of_each_that_has_one() -> None:
    table = pd.DataFrame(
        {
            "case_id": ["a", "b"],
            "positive": [True, False],
            "score_one": [0.8, 0.4],
            "score_other": [0.6, 0.2],
        }
    )
    drawing = agreement_figure(
        table,
        Axis(title="score by A", column="score_one", threshold=0.9),
        Axis(title="score by B", column="score_other"),
        finding=CalledFor(one="C or D", several="with C or D"),
    )
    _, without, cancer = drawing.data
    assert (without.name, cancer.name) == ("without C or D (1)", "with C or D (1)")
    assert (list(cancer.x), list(cancer.y)) == ([0.8], [0.6])
    assert list(without.x) == [0.4]
    (line,) = drawing.layout.shapes
    assert line.x0 == line.x1 == 0.9
    assert drawing.layout.xaxis.range[1] > 0.9  # a threshold beyond all scores is seen
