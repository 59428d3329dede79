"""Run by torchrun: two processes, of which the second thinks every epoch better than the last."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric

from mammo_core.config import ModelConfig
from mammo_core.training.batches import EvaluationBatches, TrainingBatches
from mammo_core.training.loop import Lesson, fit, make_learner
from mammo_core.training.losses import plain_loss
from mammo_core.training.machine import leave_others
from mammo_core.training.monitor import Judged, judge
from mammo_core.types import CANCER
from mammo_core.zoo.build import build_model
from tests.training.made_up import config, squares


def main(folder: Path) -> None:
    fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp")
    fabric.launch()
    settings = config(epochs=6, patience=2, batch_size=8)
    images, device = squares(16), torch.device("cpu")
    rank, history = fabric.global_rank, list[Judged]()

    def judged(logits: np.ndarray) -> Judged:
        told = judge(logits, images.labels, images.manifest["group_id"], CANCER)
        return replace(told, auc=0.5 + 0.01 * rank * len(history), loss=1.0)

    fit(
        fabric,
        make_learner(
            fabric,
            build_model(ModelConfig(backbone="conv2"), task=CANCER, channels=1),
            settings.optim,
        ),
        settings.optim,
        Lesson(
            train=TrainingBatches(
                images=images, config=settings, device=device, rank=rank, processes=2
            ),
            val=EvaluationBatches(images=images, config=settings, device=device),
            loss=plain_loss(CANCER),
            judge=judged,
            seed=0,
        ),
        history=history,
        report=lambda result: None,
        keep=lambda: None,
        should_stop=lambda: False,
    )
    (folder / f"{rank}.txt").write_text(str(len(history)))
    leave_others(fabric)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
