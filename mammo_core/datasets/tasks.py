"""The tasks that several data sets share, so that a model of one can be tested on another."""

from typing import Final

from mammo_core.types import Task

#: An opinion, not a biopsy: never to be called cancer.
SUSPICIOUS: Final = Task(
    name="suspicious",
    title="Suspicious / not suspicious",
    classes=("not suspicious", "suspicious"),
    positive=("suspicious",),
)

BIRADS: Final = Task(
    name="birads",
    title="BI-RADS assessment 1 to 5",
    classes=("1", "2", "3", "4", "5"),
    positive=("4", "5"),
    is_ordered=True,
)

DENSITY: Final = Task(
    name="density",
    title="Density A to D, dense being C and D",
    classes=("A", "B", "C", "D"),
    positive=("C", "D"),
    is_ordered=True,
)

NORMAL_BENIGN_CANCER: Final = Task(
    name="normal-benign-cancer",
    title="Normal / benign / cancer",
    classes=("normal", "benign", "cancer"),
    positive=("cancer",),
)
