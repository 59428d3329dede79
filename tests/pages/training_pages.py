"""Data sets and runs of made-up women for the tests of the Train page."""

import time
from pathlib import Path

import numpy as np
import pandas as pd

from mammo_core.config import AuditConfig, RunConfig, save_settings
from mammo_core.datasets.audit.result import AUDIT_FILE, AuditResult, Finding, Severity, write_audit
from mammo_core.datasets.dataset import Registered, read_dataset, register
from mammo_core.datasets.predictions import predictions_table, write_predictions
from mammo_core.datasets.splits import split_as_set, used_images
from mammo_core.files import audits_root, datasets_root
from mammo_core.runs.card import write_card
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.runs.jobs import create_run
from mammo_core.runs.naming import About, write_about
from mammo_core.types import RunState
from tests.phantoms import put_phantoms
from tests.predictions import made_up_card

SECONDS = 180


def register_phantoms(folder: Path) -> Registered:
    """24 women in tiny images, registered as `phantoms`."""
    put_phantoms(folder, women=24)
    entry = Registered(
        name="phantoms", folder=str(folder), adapter="phantom_set", label_rule="lesion"
    )
    register(datasets_root(), entry)
    return entry


def register_leaky(folder: Path) -> Registered:
    """The same as a table somebody brought, every woman in training and test."""
    put_phantoms(folder, women=24)
    (folder / "phantom.json").unlink()
    table = pd.read_csv(folder / "manifest.csv", dtype="string")
    table["split"] = ["train", "train", "val", "test"] * 24
    table.to_csv(folder / "manifest.csv", index=False)
    entry = Registered(
        name="leaky", folder=str(folder), adapter="csv_folder", label_rule="as-written"
    )
    register(datasets_root(), entry)
    return entry


def write_ended_run(root: Path, run_id: str, config: RunConfig, state: RunState) -> RunFolder:
    """A run as it lies there when its worker has gone."""
    run = RunFolder(root / run_id)
    run.path.mkdir(parents=True)
    save_settings(config, run.file("run.json"))
    run.write_status(RunStatus(state=state, done=1, total=config.optim.epochs, message="Over."))
    for epoch, alarm in ((1, None), (2, "Every image gets the same score.")):
        run.append_metrics({"epoch": epoch, "split": "train", "loss": 0.7 / epoch})
        run.append_metrics({"epoch": epoch, "split": "val", "loss": 0.8, "alarm": alarm})
    write_about(run, About(title=run_id))
    return run


def write_finished_run(root: Path, run_id: str, config: RunConfig) -> RunFolder:
    """Every second cancer scores 0.9, the others 0.3; every second image without 0.6, else 0.1."""
    run = write_ended_run(root, run_id, config, RunState.FINISHED)
    dataset = read_dataset(Path(config.data.folder), config.data.adapter, config.data.label_rule)
    manifest = used_images(split_as_set(dataset.manifest, config.data, config.task))
    manifest = manifest[manifest["split"] != "train"]
    is_cancer = (manifest["label"] == "cancer").to_numpy(dtype=bool)
    is_second = manifest.groupby(["split", "label"]).cumcount().to_numpy() % 2 == 1
    score = np.where(is_cancer, np.where(is_second, 0.9, 0.3), np.where(is_second, 0.6, 0.1))
    table = predictions_table(
        manifest,
        np.stack([1.0 - score, score], axis=1),
        task=config.task,
        dataset=config.data.folder,
        model_id=run_id,
        engine="made up",
    )
    write_predictions(table, run.file("predictions.csv"))
    write_card(made_up_card(run_id), run.file("model_card.json"))
    return run


def wait_until_over(run: RunFolder) -> None:
    deadline = time.monotonic() + SECONDS
    while not run.read_status().state.is_over:
        assert time.monotonic() < deadline, run.read_log(last_lines=20)
        time.sleep(0.2)


def write_audit_of(entry: Registered, sentence: str) -> None:
    """A finished audit with one serious finding."""
    config = AuditConfig(
        name=entry.name, folder=entry.folder, adapter=entry.adapter, label_rule=entry.label_rule
    )
    run = create_run(config, audits_root(), what="audit", total=0)
    run.write_status(RunStatus(state=RunState.FINISHED))
    result = AuditResult(
        adapter=entry.adapter,
        title="Made up",
        label_rule=entry.label_rule,
        rule_title="Made up",
        population="synthetic",
        imaging="synthetic",
        reference_standard="invented",
        label_level="breast",
        fingerprint="0" * 64,
        made_at="2026-01-01T00:00:00+00:00",
        images=0,
        women=0,
        counts=(),
        shapes=(),
        findings=(Finding(check="twins", severity=Severity.SERIOUS, sentence=sentence),),
        shortcuts=(),
        precision=None,
        notes=(),
    )
    write_audit(result, run.file(AUDIT_FILE))
