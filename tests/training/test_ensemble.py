"""Members of an ensemble: what is joined, and what is refused because it would mislead."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mammo_core.cli import main
from mammo_core.config import EvaluateConfig, RunConfig, load_settings, save_settings
from mammo_core.datasets.predictions import (
    predictions_table,
    read_predictions,
    write_predictions,
)
from mammo_core.errors import RunError
from mammo_core.metrics.ensemble import Averaging, load_ensemble, score_ensemble
from mammo_core.runs.card import write_card
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.tables import check_manifest
from mammo_core.training.ensemble import make_ensemble
from mammo_core.types import CANCER, RunState, Split, Task
from tests.inference.made_up import card
from tests.training.made_up import CONFIG

NAMES = [f"V{n}" for n in range(20)] + [f"T{n}" for n in range(20)]
LABELS = ["cancer" if n % 2 else "no cancer" for n in range(40)]
BASE = np.random.default_rng(0).uniform(0.0, 0.6, 40) + 0.35 * (np.arange(40) % 2)


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path))


def table_of(names: list[str], splits: list[str], scores: np.ndarray, run_id: str) -> pd.DataFrame:
    columns = {"image_id": names, "path": names, "patient_id": names, "split": splits}
    manifest = check_manifest(pd.DataFrame({**columns, "label": LABELS[: len(names)]}))
    both = np.stack([1 - scores, scores], axis=1)
    return predictions_table(
        manifest, both, task=CANCER, dataset="d", model_id=run_id, engine="made up"
    )


def finished(
    root: Path,
    name: str,
    *,
    scores: np.ndarray = BASE,
    task: Task = CANCER,
    rule: str = "biopsy",
    learnt: str = "",
) -> RunFolder:
    """20 women to validate and 20 to test on, one image each; `learnt` was trained on."""
    run = RunFolder(root / name)
    run.path.mkdir(parents=True)
    save_settings(CONFIG, run.file("run.json"))
    splits = ["val"] * 20 + ["test"] * 20
    write_predictions(table_of(NAMES, splits, scores, name), run.file("predictions.csv"))
    made = card("0" * 64)
    data = replace(made.data, label_rule=rule)
    write_card(replace(made, model_id=name, task=task, data=data), run.file("model_card.json"))
    rows = [("d", w, w, s, "") for w, s in zip(NAMES, splits, strict=True)]
    rows += [("d", learnt, learnt, "train", "")] if learnt else []
    seen = pd.DataFrame(rows, columns=["dataset", "image_id", "group_id", "split", "content"])
    seen.to_csv(run.file("seen.csv"), index=False)
    run.write_status(RunStatus(state=RunState.FINISHED))
    return run


@pytest.mark.parametrize("method", [Averaging.MEAN, Averaging.RANK_MEAN])
def test_an_ensemble_is_a_run_with_scores_of_the_validation_and_test_women(
    method: Averaging, tmp_path: Path
) -> None:
    finished(tmp_path, "a")
    finished(tmp_path, "b", scores=0.1 * BASE)  # never sure, in the same order
    run = make_ensemble(["a", "b"], method=method, root=tmp_path)
    table = read_predictions(run.file("predictions.csv"))
    assert table["split"].value_counts().to_dict() == {"val": 20, "test": 20}
    assert set(table["model_id"]) == {run.run_id}
    assert (table["p_no cancer"] + table["p_cancer"]).to_numpy() == pytest.approx(1.0, abs=1e-5)
    ensemble = load_ensemble(run.file("members.json"))
    assert [member.run_id for member in ensemble.members] == ["a", "b"]
    by_image = dict(zip(table["image_id"], table["score"], strict=True))
    again = score_ensemble(np.stack([BASE, 0.1 * BASE]), ensemble)
    assert [by_image[name] for name in NAMES] == pytest.approx(again.tolist(), abs=1e-5)
    order = np.argsort(BASE[20:])
    test = np.array([by_image[name] for name in NAMES[20:]])[order]
    assert (np.diff(test) >= 0).all()  # both agree who is more suspicious, and so does the mean
    assert run.read_status().state is RunState.FINISHED
    assert load_settings(run.file("run.json"), RunConfig) == CONFIG


def test_test_women_another_member_learnt_from_are_refused_by_name(tmp_path: Path) -> None:
    finished(tmp_path, "a")
    finished(tmp_path, "b", learnt="T3")
    with pytest.raises(RunError, match=r"1 of 20 test women of a are women b learnt from .*T3"):
        make_ensemble(["a", "b"], method=Averaging.MEAN, root=tmp_path)


def test_other_classes_and_other_label_rules_are_refused(tmp_path: Path) -> None:
    finished(tmp_path, "a")
    density = Task(name="d", title="Density", classes=("A", "B"), positive=("B",))
    finished(tmp_path, "b", task=density)
    finished(tmp_path, "c", rule="BI-RADS")
    with pytest.raises(RunError, match="The mean of two questions answers neither"):
        make_ensemble(["a", "b"], method=Averaging.MEAN, root=tmp_path)
    with pytest.raises(RunError, match="what one calls cancer the other may not"):
        make_ensemble(["a", "c"], method=Averaging.MEAN, root=tmp_path)


def test_one_member_or_the_same_twice_is_no_ensemble(tmp_path: Path) -> None:
    finished(tmp_path, "a")
    for names, complaint in ((["a"], "needs at least 2 members"), (["a", "a"], "named twice")):
        with pytest.raises(RunError, match=complaint):
            make_ensemble(names, method=Averaging.MEAN, root=tmp_path)


@pytest.mark.parametrize("is_evaluation", [False, True])
def test_a_packed_model_keeps_no_validation_scores_to_be_calibrated_by(
    tmp_path: Path, is_evaluation: bool
) -> None:
    finished(tmp_path, "a")
    packed = finished(tmp_path, "b")
    evaluated(tmp_path, "e", of="b")
    names = ["a", "e" if is_evaluation else "b"]
    table = read_predictions(packed.predictions_file)
    write_predictions(table.assign(split=None), packed.predictions_file)
    with pytest.raises(RunError, match="b keeps no validation scores"):
        make_ensemble(names, method=Averaging.MEAN, root=tmp_path)
    packed.predictions_file.unlink()
    with pytest.raises(RunError, match="b keeps no validation scores"):
        make_ensemble(names, method=Averaging.MEAN, root=tmp_path)


def test_a_member_that_cannot_be_checked_is_told(tmp_path: Path) -> None:
    finished(tmp_path, "a")
    finished(tmp_path, "b").file("seen.csv").unlink()
    run = make_ensemble(["a", "b"], method=Averaging.MEAN, root=tmp_path)
    message = run.read_status().message
    assert "b does not record whom it has seen" in message
    assert "`mammo checkpoints seen b` writes the list anew" in message


def evaluated(root: Path, name: str, *, of: str, images: int = 10) -> None:
    """`of` has scored another data set."""
    run = RunFolder(root / name)
    run.path.mkdir()
    config = EvaluateConfig(checkpoint=of, folder="e", adapter="phantom_set", label_rule="biopsy")
    save_settings(config, run.file("run.json"))
    names = [f"E{n}" for n in range(images)]
    table = table_of(names, ["test"] * images, BASE[:images], of).assign(dataset="e")
    write_predictions(table.drop(columns="split"), run.file("predictions.csv"))
    run.write_status(RunStatus(state=RunState.FINISHED))


def test_folds_are_joined_where_all_have_scored_other_women(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finished(tmp_path, "a", learnt="T3")
    finished(tmp_path, "b", learnt="T4")
    assert main(["ensemble", "a", "b"]) == 2
    assert "scored on other data first (mammo evaluate)" in capsys.readouterr().err
    evaluated(tmp_path, "a-on-e", of="a")
    evaluated(tmp_path, "b-on-e", of="b")
    assert main(["ensemble", "a-on-e", "b-on-e", "--method", "rank-mean"]) == 0
    told = capsys.readouterr()
    table = read_predictions(Path(told.out.strip()) / "predictions.csv")
    assert (table["dataset"] == "e").sum() == 10
    assert set(table.loc[table["dataset"] == "d", "split"]) == {Split.VAL}
    assert "rank-mean of 2 models on 10 women" in told.err


def test_members_must_have_scored_the_same_images(tmp_path: Path) -> None:
    finished(tmp_path, "a")
    evaluated(tmp_path, "a-on-e", of="a")
    finished(tmp_path, "b")
    evaluated(tmp_path, "b-on-e", of="b", images=8)
    with pytest.raises(RunError, match="2 of 10 images a-on-e was tested on were not scored"):
        make_ensemble(["b-on-e", "a-on-e"], method=Averaging.MEAN, root=tmp_path)
