"""`mammo published`: what is known is listed; what is imported is held side by side."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from mammo_core.cli import main
from mammo_core.config import EvaluateConfig, save_settings
from mammo_core.datasets.dataset import read_dataset
from mammo_core.datasets.predictions import write_predictions
from mammo_core.files import sha256_of
from mammo_core.inference.evaluate import why_outdated
from mammo_core.runs.card import write_card
from mammo_core.runs.folder import MEMBERS_NAME, RunFolder, RunStatus, list_runs
from mammo_core.tables import positive_of
from mammo_core.types import CANCER, RunState
from mammo_core.words import NOTICE
from mammo_core.zoo.published import PUBLISHED
from tests.inference.made_up import write_checkpoint
from tests.phantoms import put_phantoms
from tests.predictions import made_up_predictions


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


@pytest.mark.parametrize("asked", [["list"], []], ids=["list", "bare"])
def test_every_model_is_listed_with_what_it_scores_and_whose_weights_they_are(
    capsys: pytest.CaptureFixture[str], asked: list[str]
) -> None:
    assert main(["published", *asked]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(PUBLISHED)
    for entry, line in zip(PUBLISHED, lines, strict=True):
        assert line.startswith(entry.name)
        assert f"; by {entry.scores}; weights: {entry.weights_licence}" in line


def test_where_nothing_is_imported_nothing_is_held_side_by_side(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["published", "evaluate", "--all", "--data", str(tmp_path)]) == 2
    assert "none of the published ones is imported" in capsys.readouterr().err
    assert list(runs.iterdir()) == []


WOMEN = 20


def put_set(folder: Path) -> pd.DataFrame:
    """Images of bytes: whoever is scored already is not read. Every other healthy one is benign."""
    table = made_up_predictions(women=WOMEN, with_cancer=8)
    words = [
        "malignant" if label == "cancer" else ("benign", "normal")[number // 4 % 2]
        for number, label in enumerate(table["label"])
    ]
    table = table.assign(path=table["image_id"] + ".png", label=words)
    folder.mkdir()
    for name in table["path"]:
        (folder / name).write_bytes(name.encode())
    columns = ["image_id", "path", "patient_id", "exam_id", "side", "view", "label", "split"]
    table[columns].to_csv(folder / "manifest.csv", index=False)
    return table


def put_model(runs: Path, name: str, *, seed: int, label_rule: str = "none") -> RunFolder:
    made = RunFolder(runs / name)
    made.path.mkdir()
    write_checkpoint(made.path, seed=seed)
    card = made.card()
    write_card(replace(card, data=replace(card.data, label_rule=label_rule)), made.card_file)
    made.write_status(RunStatus(state=RunState.FINISHED))
    return made


def put_scores(runs: Path, folder: Path, model: RunFolder, rule: str, *, number: int) -> RunFolder:
    """As `mammo evaluate` leaves them."""
    run = RunFolder(runs / f"2026010{number}-000000-evaluate-{number:04d}")
    run.path.mkdir()
    save_settings(
        EvaluateConfig(
            checkpoint=model.run_id, folder=str(folder), adapter="csv_folder", label_rule=rule
        ),
        run.settings_file,
    )
    run.write_status(RunStatus(state=RunState.FINISHED))
    dataset = read_dataset(folder, "csv_folder", rule)
    table = made_up_predictions(women=WOMEN, with_cancer=8, seed=number, model_id=model.run_id)
    label = dataset.manifest["label"]
    write_predictions(
        table.assign(
            label=label,
            positive=positive_of(label, CANCER),
            split=dataset.manifest["split"],
            label_rule=rule,
            weights_sha256=model.card().weights_sha256,
            content=[sha256_of(folder / name) for name in dataset.manifest["path"]],
        ),
        run.predictions_file,
    )
    return run


def asked_for(folder: Path, *more: str) -> list[str]:
    names = ["--checkpoint", "one", "--checkpoint", "two"]
    return ["published", "evaluate", "--data", str(folder), *names, "--without-cost", *more]


@pytest.mark.parametrize(
    ("asked", "learnt", "rule", "breasts"),
    [
        ([], "none", "as-written", 2 * WOMEN),
        (["--label-rule", "malignant-or-benign"], "none", "malignant-or-benign", WOMEN + 4),
        (["--against", "two"], "malignant-or-benign", "malignant-or-benign", WOMEN + 4),
    ],
    ids=["the set's first", "as asked", "as learnt by the one held against"],
)
def test_all_models_are_judged_by_labels_of_one_rule(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    asked: list[str], learnt: str, rule: str, breasts: int,
) -> None:  # fmt: skip
    """Whatever other rules either was evaluated by before."""
    folder = tmp_path / "set"
    put_set(folder)
    one, two = put_model(runs, "one", seed=0), put_model(runs, "two", seed=1, label_rule=learnt)
    for number, (model, by) in enumerate(
        ((one, "malignant-or-benign"), (one, "as-written"), (two, "as-written"),
         (two, "malignant-or-benign")), start=1,
    ):  # fmt: skip
        put_scores(runs, folder, model, by, number=number)
    assert main(asked_for(folder, *asked)) == 0
    said = capsys.readouterr()
    assert f"Labels of all models by one rule: {rule}." in said.err
    assert said.out.startswith(f"{breasts} breasts of ")
    assert "tables differ on the truth" not in said.out


def relabel(folder: Path, model: RunFolder) -> None:
    file = folder / "manifest.csv"
    file.write_text(file.read_text().replace("benign", "malignant", 1))


def resplit(folder: Path, model: RunFolder) -> None:
    file = folder / "manifest.csv"
    file.write_text(file.read_text().replace("test", "train", 4))


def remove_an_image(folder: Path, model: RunFolder) -> None:
    file = folder / "manifest.csv"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))


def change_a_file(folder: Path, model: RunFolder) -> None:
    next(folder.glob("*.png")).write_bytes(b"another picture")


def import_another(folder: Path, model: RunFolder) -> None:
    write_checkpoint(model.path, seed=7)


def import_it_again(folder: Path, model: RunFolder) -> None:
    """The same weights, but whoever wrote the card may prepare images otherwise."""
    later = time.time() + 60
    os.utime(model.card_file, (later, later))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (relabel, "labels, splits or women of the data set are others now"),
        (resplit, "labels, splits or women of the data set are others now"),
        (remove_an_image, "the data set has other images now"),
        (change_a_file, "files of the data set are others now"),
        (import_another, "the model of that name is another one now"),
        (import_it_again, "the model of that name is another one now"),
    ],
)
def test_scores_of_another_model_or_of_a_set_that_was_do_not_pass_for_those_of_today(
    runs: Path, tmp_path: Path, change: Callable[[Path, RunFolder], None], says: str
) -> None:
    folder = tmp_path / "set"
    put_set(folder)
    model = put_model(runs, "one", seed=0)
    run = put_scores(runs, folder, model, "as-written", number=1)
    assert why_outdated(run, model, read_dataset(folder)) == ""
    change(folder, model)
    assert why_outdated(run, model, read_dataset(folder)) == says


def test_a_damaged_card_and_a_model_without_one_are_left_out_with_a_line(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "set"
    put_set(folder)
    for number, name in enumerate(("one", "two"), start=1):
        put_scores(runs, folder, put_model(runs, name, seed=number), "as-written", number=number)
    (put_model(runs, "broken", seed=3).card_file).write_text("{")
    joined = RunFolder(runs / "joined")
    joined.path.mkdir()
    joined.file(MEMBERS_NAME).write_text("[]")
    joined.write_status(RunStatus(state=RunState.FINISHED))
    asked = ["--all", "--checkpoint", "broken", "--against", "joined"]
    assert main(asked_for(folder, *asked)) == 0
    said = capsys.readouterr()
    assert said.err.count("broken is left out: The model card of broken") == 2
    assert "joined is left out: joined has no model_card.json" in said.err
    assert "one: AUC " in said.out
    assert "  against one: " in said.out


@pytest.mark.slow
def test_models_are_scored_once_and_held_side_by_side_and_one_that_fails_is_left_out(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed, name in enumerate(("one", "two", "broken")):
        made = RunFolder(runs / name)
        made.path.mkdir()
        write_checkpoint(made.path, seed=seed)
        made.write_status(RunStatus(state=RunState.FINISHED))
    (runs / "broken" / "weights.safetensors").write_bytes(b"no weights")
    put_phantoms(tmp_path / "set", women=5)
    command = ["published", "evaluate", "--data", str(tmp_path / "set"), "--without-cost"]
    names = ["--checkpoint", "one", "--checkpoint", "two"]
    assert main([*command, *names, "--checkpoint", "broken"]) == 0
    told = capsys.readouterr()
    assert "broken is left out: it could not be scored." in told.err
    assert "10 breasts of 5 women, of all of the data set, that every model scored" in told.out
    assert "one: AUC " in told.out
    assert "  against one: " in told.out
    assert "no test, too few women" in told.out
    assert "one does not record whom it has seen" in told.out
    assert told.out.splitlines()[-1] == NOTICE
    scored = len(list_runs(runs))
    assert main([*command, *names]) == 0
    assert len(list_runs(runs)) == scored
    assert "  against one: " in capsys.readouterr().out
