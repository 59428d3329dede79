from mammo_core.metrics.threshold import operating_point
from mammo_core.plots.confusion import confusion_figure
from mammo_core.plots.thresholds import score_histogram
from tests.metrics.conftest import cases_of

FIVE = cases_of([0.0, 0.1, 0.1, 0.9, 1.0], [0, 0, 0, 1, 1])


def test_each_class_fills_its_own_histogram_with_every_case() -> None:
    without, with_cancer = score_histogram(FIVE, 0.5).data
    assert without.name == "without cancer (3)"
    assert with_cancer.name == "with cancer (2)"
    assert sum(without.y) == sum(with_cancer.y) == 1.0
    assert with_cancer.customdata[-1][0] == 1  # the score 1.0 is in the last bin


def test_the_threshold_is_drawn_where_it_is() -> None:
    (line,) = score_histogram(FIVE, 0.37).layout.shapes
    assert (line.x0, line.x1) == (0.37, 0.37)


def test_the_four_outcomes_are_said_in_words() -> None:
    texts = [note.text for note in confusion_figure(operating_point(FIVE, 0.1)).layout.annotations]
    assert texts == [
        "<b>2</b><br>found<br>of 2",
        "<b>0</b><br>missed<br>of 2",
        "<b>2</b><br>false alarms<br>of 3",
        "<b>1</b><br>left alone<br>of 3",
    ]
