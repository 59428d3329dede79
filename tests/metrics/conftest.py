import hypothesis
import numpy as np
import pandas as pd
import pytest
from numpy.typing import ArrayLike

from mammo_core.metrics.cases import Cases, Pooling
from mammo_core.tables import check_predictions
from mammo_core.types import Level

# A busy machine is no failure: the properties have no time limit per example.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture
def four_breasts() -> pd.DataFrame:
    """Two women, both breasts, two views each; one cancer, seen better on MLO than on CC."""
    rows = [
        # woman, side, view, positive, score
        ("w1", "L", "CC", True, 0.30),
        ("w1", "L", "MLO", True, 0.80),
        ("w1", "R", "CC", False, 0.10),
        ("w1", "R", "MLO", False, 0.20),
        ("w2", "L", "CC", False, 0.60),
        ("w2", "L", "MLO", False, 0.40),
        ("w2", "R", "CC", False, 0.05),
        ("w2", "R", "MLO", False, 0.05),
    ]
    table = pd.DataFrame(rows, columns=["patient_id", "side", "view", "positive", "score"])
    image_id = table["patient_id"] + table["side"] + table["view"]
    return check_predictions(table.assign(image_id=image_id, model_id="m1"))


def cases_of(
    score: ArrayLike, positive: ArrayLike, *, groups: ArrayLike | None = None, dataset: str = ""
) -> Cases:
    """Cases from bare numbers; every case its own woman unless `groups` says otherwise."""
    scores = np.asarray(score, dtype=np.float64)
    women = np.arange(len(scores)) if groups is None else np.asarray(groups)
    return Cases(
        level=Level.IMAGE,
        rule=Pooling.MAX,
        case_ids=tuple(f"c{number}" for number in range(len(scores))),
        groups=np.unique(women, return_inverse=True)[1],
        positive=np.asarray(positive, dtype=bool),
        score=scores,
        images=np.ones(len(scores), dtype=np.intp),
        dataset=dataset,
    )
