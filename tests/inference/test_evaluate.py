from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mammo_core.cli import main
from mammo_core.config import EvaluateConfig
from mammo_core.datasets.dataset import read_dataset
from mammo_core.datasets.predictions import read_predictions
from mammo_core.errors import CheckpointError, RunError, TableError
from mammo_core.files import sha256_of
from mammo_core.inference.checkpoint import load_checkpoint
from mammo_core.inference.engine import open_engine
from mammo_core.inference.ensembles import join_scores
from mammo_core.inference.evaluate import (
    collapses_of,
    evaluate,
    evaluate_into,
    memory_in_words,
)
from mammo_core.inference.scoring import score_images
from mammo_core.inference.verdict import ScoredImage, said_once, score_cases, verdict_on
from mammo_core.metrics.ensemble import Averaging, Ensemble, score_ensemble
from mammo_core.preprocessing.reading.read import read_mammogram
from mammo_core.runs.card import write_card
from mammo_core.runs.evaluations import left_out_in_words, read_left_out
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.scores import rounded
from mammo_core.tables import read_table
from mammo_core.types import CANCER, Level, RunState
from mammo_core.zoo.published import get_published
from tests.datasets.builders.drawn import blank_film, write_picture
from tests.datasets.builders.drawn import mask as drawn_mask
from tests.inference.made_up import write_checkpoint
from tests.inference.test_ensemble_score import member
from tests.inference.test_verdict import BY_BREAST
from tests.phantoms import put_phantoms
from tests.predictions import made_up_predictions


@pytest.fixture
def phantoms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    (tmp_path / "runs" / "made-up").mkdir(parents=True)
    checkpoint = RunFolder(write_checkpoint(tmp_path / "runs" / "made-up"))
    checkpoint.write_status(RunStatus(state=RunState.FINISHED))
    put_phantoms(tmp_path / "set", women=5)
    return tmp_path / "set"


def scored_into(folder: Path, phantoms: Path) -> str:
    """What a scoring of the set says at its end; its run lies in `folder`."""
    folder.mkdir()
    config = EvaluateConfig(
        checkpoint="made-up", folder=str(phantoms), adapter="phantom_set", label_rule="lesion",
        split="all", processes=1,
    )  # fmt: skip
    return evaluate_into(
        RunFolder(folder), config, report=lambda *_: None, should_stop=lambda: False,
        log=lambda line: None,
    )  # fmt: skip


@pytest.mark.slow
def test_a_data_set_scores_as_its_images_do_one_by_one(
    phantoms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", "--checkpoint", "made-up", "--data", str(phantoms), "--wait"]
    assert main(command) == 0
    told = capsys.readouterr()
    assert "20 images of 5 women scored by made-up" in told.err
    table = read_predictions(Path(told.out.strip()) / "predictions.csv")
    checkpoint = load_checkpoint(tmp_path / "runs" / "made-up")
    manifest = read_dataset(phantoms).manifest
    assert table["image_id"].tolist() == manifest["image_id"].tolist()
    for path, score in zip(manifest["path"][:6], table["score"][:6], strict=True):
        (reading,) = score_images(checkpoint, [read_mammogram(phantoms / path)])
        assert score == pytest.approx(reading.score, abs=2e-6)
    assert set(table["label_rule"]) == {"lesion"}
    assert set(table["weights_sha256"]) == {checkpoint.card.weights_sha256}
    assert set(table["model_id"]) == {"made-up"}


def test_a_split_that_is_not_there_and_a_stop(phantoms: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(tmp_path / "runs" / "made-up")
    dataset = read_dataset(phantoms)

    def score(split: str, *, is_stopped: bool) -> object:
        return evaluate(
            checkpoint, dataset, name="set", split=split, processes=1,
            report=lambda *_: None, should_stop=lambda: is_stopped,
        )  # fmt: skip

    with pytest.raises(TableError, match="brings no test split"):
        score("test", is_stopped=False)
    assert score("all", is_stopped=True) is None


def test_an_unknown_checkpoint_starts_nothing(
    phantoms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--checkpoint", "nobody", "--data", str(phantoms)]) == 2
    assert "There is no run named 'nobody'" in capsys.readouterr().err
    assert len(list((tmp_path / "runs").iterdir())) == 1


def test_a_model_of_synthetic_images_scores_no_other_data_set(
    phantoms: Path, tmp_path: Path
) -> None:
    dataset = read_dataset(phantoms)
    digital = replace(dataset, adapter=replace(dataset.adapter, title="Women", imaging="digital"))
    with pytest.raises(CheckpointError, match="only seen synthetic images; Women is not synthetic"):
        evaluate(
            load_checkpoint(tmp_path / "runs" / "made-up"), digital, name="set", split="all",
            processes=1, report=lambda *_: None, should_stop=lambda: False,
        )  # fmt: skip


@pytest.mark.slow
def test_the_engine_that_scored_stands_in_every_row(phantoms: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(tmp_path / "runs" / "made-up")
    done = evaluate(
        checkpoint, read_dataset(phantoms), name="set", split="all", processes=1,
        report=lambda *_: None, should_stop=lambda: False, engine=open_engine(checkpoint),
    )  # fmt: skip
    assert done is not None
    assert set(done.predictions["engine"]) == {"openvino fp32"}


def test_only_the_images_that_are_asked_for_are_prepared(phantoms: Path, tmp_path: Path) -> None:
    dataset = read_dataset(phantoms)
    is_last = dataset.manifest["group_id"] == dataset.manifest["group_id"].max()
    split = pd.Series(np.where(is_last, "test", "train"), dtype="string")
    dataset = replace(dataset, manifest=dataset.manifest.assign(split=split))
    told: list[str] = []
    done = evaluate(
        load_checkpoint(tmp_path / "runs" / "made-up"), dataset, name="set", split="test",
        processes=1, report=lambda done, total, message: told.append(message),
        should_stop=lambda: False,
    )  # fmt: skip
    assert done is not None
    assert done.predictions["content"].nunique() == 4  # one woman's views
    assert "Preparing images: 4 of 4" in told
    assert not [message for message in told if "of 20" in message]
    levels = [path for path in (tmp_path / "home" / "cache").rglob("*.u*") if path.is_file()]
    assert len(levels) == 4
    assert done.left_out.empty


@pytest.mark.slow
def test_images_that_cannot_be_read_are_left_out_and_said_so_everywhere(
    phantoms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = read_dataset(phantoms).manifest
    for path in manifest["path"][:2]:
        (phantoms / path).write_bytes(b"no image")
    command = ["evaluate", "--checkpoint", "made-up", "--data", str(phantoms), "--wait"]
    assert main(command) == 0
    told = capsys.readouterr()
    run = RunFolder(Path(told.out.strip()))
    first = manifest["image_id"][0]
    sentence = f"2 of 20 images were not scored: cannot be read (first: {first}: "
    assert "18 images of 5 women scored by made-up." in told.err
    assert sentence in told.err
    assert sentence in run.read_status().message
    assert sentence in run.read_log(last_lines=20)
    left_out = read_left_out(run)
    assert left_out["image_id"].tolist() == manifest["image_id"][:2].tolist()
    assert left_out["reason"].str.len().min() > 10
    assert left_out_in_words(left_out, scored=18) in run.read_status().message


@pytest.mark.slow
def test_a_blank_film_and_a_mask_are_not_scored_and_counted_by_kind(
    phantoms: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = read_dataset(phantoms).manifest
    blank, mask = (phantoms / path for path in manifest["path"][:2])
    write_picture(blank, blank_film())
    write_picture(mask, drawn_mask((96, 72), (10, 10, 30, 40)))
    command = ["evaluate", "--checkpoint", "made-up", "--data", str(phantoms), "--wait"]
    assert main(command) == 0
    run = RunFolder(Path(capsys.readouterr().out.strip()))
    message = run.read_status().message
    assert "2 of 20 images were not scored: 1 blank, 1 a mask of two values (first: " in message
    assert read_left_out(run)["kind"].tolist() == ["blank", "a mask of two values"]
    scored = read_table(run.predictions_file, what="predictions")["image_id"]
    assert not set(manifest["image_id"][:2]) & set(scored)


def test_where_no_image_can_be_read_the_first_reason_is_told(
    phantoms: Path, tmp_path: Path
) -> None:
    dataset = read_dataset(phantoms)
    for path in dataset.manifest["path"]:
        (phantoms / path).write_bytes(b"no image")
    with pytest.raises(RunError, match=r"None of the 20 images can be scored \(first: W0001"):
        evaluate(
            load_checkpoint(tmp_path / "runs" / "made-up"), dataset, name="set", split="all",
            processes=1, report=lambda *_: None, should_stop=lambda: False,
        )  # fmt: skip


@pytest.mark.slow
def test_a_checkpoint_that_does_not_tell_whom_it_has_seen_is_said_to(
    phantoms: Path, tmp_path: Path
) -> None:
    told = scored_into(tmp_path / "runs" / "new", phantoms)
    assert "made-up does not record whom it has seen (it has no seen.csv)" in told
    assert "`mammo checkpoints seen made-up` writes the list anew" in told


@pytest.mark.slow
def test_a_woman_it_learnt_from_is_known_again_under_another_name(
    phantoms: Path, tmp_path: Path
) -> None:
    """By what is on her image: the data set lay elsewhere, and she had another number."""
    manifest = read_dataset(phantoms).manifest
    content = sha256_of(phantoms / manifest["path"][0])
    (tmp_path / "runs" / "made-up" / "seen.csv").write_text(
        f"dataset,image_id,group_id,split,content\nelsewhere,x,somebody,train,{content}\n"
    )
    told = scored_into(tmp_path / "runs" / "new", phantoms)
    woman = manifest["group_id"][0]
    assert f"It learnt from 1 of these women (first: {woman})" in told


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_case_is_called_by_a_threshold_locked_at_its_own_stored_score(
    phantoms: Path, tmp_path: Path, seed: int
) -> None:
    (tmp_path / "drawn").mkdir()
    checkpoint = load_checkpoint(write_checkpoint(tmp_path / "drawn", seed=seed))
    dataset = read_dataset(phantoms)
    done = evaluate(
        checkpoint, dataset, name="set", split="all", processes=1,
        report=lambda *_: None, should_stop=lambda: False,
    )  # fmt: skip
    assert done is not None
    scores = [done.predictions["score"].to_numpy()]
    images = [read_mammogram(phantoms / path) for path in dataset.manifest["path"]]
    readings = score_images(checkpoint, images)
    ensemble = Ensemble(method=Averaging.MEAN, members=(member("one"),))
    joined = join_scores(ensemble, [[reading.score for reading in readings]])
    stored = rounded(score_ensemble(np.stack(scores), ensemble))
    for afresh, kept in (
        ([reading.score for reading in readings], scores[0]),
        ([one.score for one in joined], stored),
    ):
        for image, score, threshold in zip(images, afresh, kept, strict=True):
            point = replace(BY_BREAST, level=Level.IMAGE, threshold=float(threshold))
            (case,) = said_once(
                score_cases([ScoredImage(ref=image.ref, title="One", score=score)], point), point
            )
            verdict = verdict_on(case, point)
            assert verdict is not None
            assert verdict.is_above, (score, threshold)


def test_a_threshold_that_calls_everybody_is_told_of_another_set() -> None:
    predictions = made_up_predictions(women=30, with_cancer=15)
    point = replace(BY_BREAST, threshold=0.001)
    assert collapses_of(predictions, CANCER, point) == (
        "The threshold 0.0010 calls nearly every breast: 60 of 60, of which 15 are positive.",
    )
    assert collapses_of(predictions, CANCER, replace(point, threshold=0.4)) == ()
    assert collapses_of(predictions.assign(positive=pd.NA), CANCER, point) == ()


def test_whom_a_published_model_learnt_from_is_known_to_its_authors(
    phantoms: Path, tmp_path: Path
) -> None:
    card = RunFolder(tmp_path / "runs" / "made-up").card()
    theirs = RunFolder(tmp_path / "theirs")
    theirs.path.mkdir()
    model = replace(card.model, backbone=get_published("gmic-1").backbone)
    write_card(replace(card, model=model), theirs.card_file)
    told = memory_in_words(theirs, pd.DataFrame())
    assert told is not None
    assert "of which women is known to its authors" in told
    assert "train it again" not in told
