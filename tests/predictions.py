"""Made-up women and the scores a made-up model gave them, as a table or as a run folder."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from mammo_core.config import DataConfig, ModelConfig, PrepareSettings, RunConfig, save_settings
from mammo_core.files import shipped_checkpoints_root
from mammo_core.runs.card import DataRecord, ModelCard, TrainingRecord, write_card
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.runs.naming import About, write_about
from mammo_core.runs.operating_points import MODEL_POINTS_FILE, POINTS_FILE
from mammo_core.tables import check_predictions
from mammo_core.types import CANCER, RunState, Task


def made_up_predictions(
    *,
    women: int = 60,
    with_cancer: int = 20,
    skill: float = 1.5,
    seed: int = 0,
    model_id: str = "made-up",
    dataset: str = "made-up women",
) -> pd.DataFrame:
    """Both breasts, CC and MLO; a cancer is in one breast; skill 0 is guessing.

    The women are the same whatever the seed; the seed only decides their scores.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(women):
        temper = rng.normal(scale=0.7)  # a woman's images resemble each other
        for side in ("L", "R"):
            is_cancer = number < with_cancer and side == "LR"[number % 2]
            for view in ("CC", "MLO"):
                logit = temper + skill * is_cancer + rng.normal(scale=0.7) - 1.0
                rows.append(
                    {
                        "image_id": f"w{number:03d}{side}{view}",
                        "patient_id": f"w{number:03d}",
                        "exam_id": f"e{number:03d}",
                        "side": side,
                        "view": view,
                        "label": "cancer" if is_cancer else "no cancer",
                        "positive": is_cancer,
                        "score": float(1 / (1 + np.exp(-logit))),
                        "density": "ABCD"[number % 4],
                        "age": 40.0 + number % 40,
                        "site": f"site {1 + number % 2}",
                    }
                )
    table = pd.DataFrame(rows).assign(
        split="test", model_id=model_id, dataset=dataset, engine="made up"
    )
    return check_predictions(table)


def write_run(
    root: Path, run_id: str, predictions: pd.DataFrame, *, task: Task = CANCER
) -> RunFolder:
    """A finished run as its worker would leave it, without weights."""
    run = RunFolder(root / run_id)
    run.path.mkdir(parents=True)
    config = RunConfig(
        data=DataConfig(folder="made-up", adapter="csv_folder", label_rule="cancer"),
        model=ModelConfig(backbone="tiny_cnn"),
    )
    save_settings(config, run.file("run.json"))
    run.write_status(RunStatus(state=RunState.FINISHED, done=1, total=1))
    predictions.to_csv(run.file("predictions.csv"), index=False)
    write_card(made_up_card(run_id, task=task), run.file("model_card.json"))
    write_about(run, About(title=run_id))  # what a page shows is then what a test knows
    return run


def copy_unlocked(folder: Path) -> RunFolder:
    """The shipped model of drawn women as one of the user's own, without its threshold."""
    ignored = shutil.ignore_patterns(MODEL_POINTS_FILE, POINTS_FILE)
    shutil.copytree(shipped_checkpoints_root() / "phantom-light", folder, ignore=ignored)
    return RunFolder(folder)


def made_up_card(model_id: str, *, task: Task = CANCER) -> ModelCard:
    return ModelCard(
        model_id=model_id,
        title=f"Made up {model_id}",
        task=task,
        model=ModelConfig(backbone="tiny_cnn"),
        prepare=PrepareSettings(),
        data=DataRecord(
            dataset="made-up women",
            title="Made-up women",
            licence="none needed",
            label_rule="cancer",
            reference_standard="invented",
            seen="synthetic",
            fingerprint="0" * 64,
            splits=(),
        ),
        training=TrainingRecord(
            finished_at="2026-01-01T00:00:00+00:00",
            seconds=1.0,
            epochs=1,
            best_epoch=1,
            device="cpu",
            versions={},
        ),
        weights_sha256="0" * 64,
    )
