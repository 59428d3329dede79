from mammo_core.metrics.threshold import operating_point
from mammo_core.plots.curves import confusion_figure
from tests.metrics.conftest import cases_of

FIVE = cases_of([0.0, 0.1, 0.1, 0.9, 1.0], [0, 0, 0, 1, 1])


def test_the_four_outcomes_are_said_in_words() -> None:
    texts = [note.text for note in confusion_figure(operating_point(FIVE, 0.1)).layout.annotations]
    assert texts == [
        "<b>2</b><br>found<br>of 2",
        "<b>0</b><br>missed<br>of 2",
        "<b>2</b><br>false alarms<br>of 3",
        "<b>1</b><br>not called<br>of 3",
    ]
