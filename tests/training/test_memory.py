"""A memory that is too small: what would fit is tried out, kept, and told."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray

from mammo_core.errors import RunError
from mammo_core.runs.folder import RunFolder
from mammo_core.training.learning import Course
from mammo_core.training.network import make_network
from mammo_core.training.preflight import Fitting, made_to_fit, read_fitting
from mammo_core.training.session import learn_or_tell
from mammo_core.types import Split
from tests.training.made_up import InMemory, config, squares


@dataclass(frozen=True, eq=False)
class ForFourAtATime(InMemory):
    """Images of which a device has no room for more."""

    def take(self, rows: NDArray[np.integer]) -> NDArray[np.uint16]:
        if len(rows) > 4:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return super().take(rows)


def test_what_does_not_fit_is_told_with_a_batch_that_does_and_that_one_trains(
    tmp_path: Path,
) -> None:
    run = RunFolder(tmp_path)
    train = squares(24)
    assert isinstance(train.images, InMemory)
    train = replace(train, images=ForFourAtATime(train.images.grey))
    settings = config(epochs=1, batch_size=8)
    course = Course(
        run=run,
        config=settings,
        fabric=Fabric(accelerator="cpu", devices=1),
        images={Split.TRAIN: train, Split.VAL: squares(4, seed=1)},
    )
    cpu = torch.device("cpu")
    with pytest.raises(RunError) as failed:
        learn_or_tell(course, make_network(settings, cpu))
    assert str(failed.value) == (
        "The GPU has not enough memory for 8 images of 32 x 16 at a time. 4 fit: with "
        "optim.batch_size=4 and optim.accumulate=2 a step still sees as many images."
    )
    fitting = read_fitting(run)
    assert fitting == Fitting(batch_size=4, accumulate=2)
    smaller = made_to_fit(settings, fitting)
    progress = learn_or_tell(replace(course, config=smaller), make_network(smaller, cpu))
    assert len(progress.history) == 1
