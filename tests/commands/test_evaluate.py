import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from mammo_core.cli import main
from mammo_core.commands.evaluate import _results, _told, rule_for
from mammo_core.config import EvaluateConfig, load_settings, save_settings
from mammo_core.datasets.adapters import ADAPTERS
from mammo_core.datasets.adapters.adapter import NORMAL_BENIGN_CANCER
from mammo_core.datasets.dataset import Registered, other_question, register
from mammo_core.files import datasets_root
from mammo_core.runs.card import write_card
from mammo_core.runs.folder import RunFolder, RunStatus, list_runs
from mammo_core.runs.jobs import create_run
from mammo_core.runs.operating_points import openings_of
from mammo_core.types import RunState
from mammo_core.worker import main as work
from tests.inference.made_up import card, write_checkpoint
from tests.phantoms import put_phantoms
from tests.predictions import made_up_predictions, write_run


@pytest.mark.slow
def test_a_folder_is_found_from_where_the_command_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The worker stands somewhere else; and a slash at the end is no registered name."""
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    put_phantoms(tmp_path / "set", women=1)
    command = ["evaluate", "--checkpoint", "phantom-light", "--data", "set/", "--wait"]
    assert main(command) == 0
    (run,) = list_runs(tmp_path / "runs")
    assert load_settings(run.file("run.json"), EvaluateConfig).folder == str(tmp_path / "set")
    assert run.has_predictions
    assert f"Scores of 4 images: {run.file('predictions.csv')}" in capsys.readouterr().err


@pytest.mark.parametrize("learnt_by_the_second", [True, False])
def test_a_data_set_is_labelled_as_the_checkpoint_learnt_it_where_it_can_be(
    learnt_by_the_second: bool, tmp_path: Path
) -> None:
    adapter = next(one for one in ADAPTERS if len(one.label_rules) > 1)
    first, second = (rule.name for rule in adapter.label_rules[:2])
    made = card("0" * 64)
    rule = second if learnt_by_the_second else "a rule of another data set"
    made = replace(made, data=replace(made.data, label_rule=rule))
    write_card(made, tmp_path / "model_card.json")
    expected = second if learnt_by_the_second else first
    assert rule_for(adapter, RunFolder(tmp_path)) == expected


@pytest.mark.slow
def test_women_the_checkpoint_learnt_from_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    put_phantoms(tmp_path / "set", women=2)
    made = RunFolder(tmp_path / "runs" / "made")
    made.path.mkdir(parents=True)
    write_checkpoint(made.path)
    made.write_status(RunStatus(state=RunState.FINISHED))
    made.file("seen.csv").write_text(
        "dataset,image_id,group_id,split,content\n"
        f"{tmp_path / 'set'},W0001_R_CC,W0001,train,\n"
        f"{tmp_path / 'set'},W0002_R_CC,W0002,test,\n"
    )
    config = EvaluateConfig(
        checkpoint="made", folder=str(tmp_path / "set"), adapter="phantom_set",
        label_rule="lesion", split="all", processes=1,
    )  # fmt: skip
    run = create_run(config, tmp_path / "runs", what="evaluate", total=0)
    assert work("evaluate", run.path) == 0
    assert "It learnt from 1 of these women (first: W0001)" in run.read_status().message


def test_a_scoring_that_was_waited_for_ends_with_its_auc_and_interval(tmp_path: Path) -> None:
    run = write_run(tmp_path, "scored", made_up_predictions(women=60, with_cancer=20))
    by_breast, by_image, where = _results(run)
    interval = r"0\.\d{3} \(95 % 0\.\d{3} to [01]\.\d{3}; "
    assert re.match(rf"AUC by breast: {interval}20 positive, 100 negative, 60 women", by_breast)
    assert re.match(rf"AUC by image: {interval}40 positive, 200 negative, 60 women", by_image)
    assert where.startswith("Scores of 240 images: ")


@pytest.mark.parametrize(("split", "looks"), [("test", 1), ("all", 1), ("val", 0)])
def test_results_that_are_told_are_a_look_also_at_the_run_whose_test_women_they_are_of(
    split: Literal["test", "all", "val"],
    looks: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path))
    owner = write_run(tmp_path, "owner", made_up_predictions(women=8))
    scored = write_run(tmp_path, "scored", made_up_predictions(women=8))
    config = EvaluateConfig(
        checkpoint="owner", folder="made-up", adapter="csv_folder", label_rule="cancer",
        split=split, split_of="owner",
    )  # fmt: skip
    save_settings(config, scored.settings_file)
    assert _told(scored)
    assert len(openings_of(scored)) == 1
    assert len(openings_of(owner)) == looks


@pytest.mark.parametrize("more", [[], ["--adapter", "phantom_set"]])
def test_a_folder_that_is_not_there_is_one_sentence(
    more: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    data = str(tmp_path / "nothere")
    assert main(["evaluate", "--checkpoint", "phantom-light", "--data", data, *more]) == 2
    assert f"There is no folder {data}." in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_the_matrix_is_filled_where_classes_agree_and_every_other_square_has_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    (tmp_path / "runs" / "made").mkdir(parents=True)
    made = RunFolder(write_checkpoint(tmp_path / "runs" / "made"))
    made.write_status(RunStatus(state=RunState.FINISHED))
    put_phantoms(tmp_path / "set", women=2)
    entry = Registered(
        name="two women", folder=str(tmp_path / "set"), adapter="phantom_set", label_rule="lesion"
    )
    register(datasets_root(), entry)
    density = replace(entry, name="by density", adapter="vindr_mammo", label_rule="density")
    digital = replace(entry, name="vindr", adapter="rsna_2022", label_rule="cancer")
    for one in (density, digital):
        register(datasets_root(), one)
    command = ["evaluate", "--all", "--checkpoint", "made"]
    assert main(command) == 0
    told = capsys.readouterr()
    (run,) = [RunFolder(Path(line)) for line in told.out.split()]
    assert run.settings(EvaluateConfig).folder == "two women"
    assert run.has_predictions
    assert "made on by density: not scored, it tells no cancer, cancer apart" in told.err
    assert "made on vindr: not scored, it has only seen synthetic images." in told.err
    assert main(command) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert f"made on two women: not scored, scored already ({run.run_id})." in told.err


def test_benign_against_malignant_is_marked_as_another_question_and_still_scored() -> None:
    learnt = card("0" * 64)
    assert other_question(learnt, "cmmd", "biopsy") == ""  # what it learnt is not known
    on_rsna = replace(learnt.data, dataset="rsna_2022", label_rule="cancer")
    told = other_question(replace(learnt, data=on_rsna), "cmmd", "biopsy")
    assert told == (
        "Another question: the model learnt cancer against no cancer, these labels tell benign "
        "against malignant among lesions. The two AUCs must not be compared."
    )
    assert other_question(replace(learnt, data=on_rsna), "mini_ddsm", "tumour") == ""


def test_a_model_of_three_classes_is_told_class_by_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path))
    table = made_up_predictions(women=40)
    words = {True: "cancer", False: "normal"}
    table["label"] = table["positive"].map(words).astype("string")
    table["p_cancer"], table["p_normal"] = table["score"], 1 - table["score"]
    table["p_benign"] = 0.0
    write_run(tmp_path, "three", table, task=NORMAL_BENIGN_CANCER)
    run = write_run(tmp_path, "scored", table)
    config = EvaluateConfig(
        checkpoint="three", folder="f", adapter="csv_folder", label_rule="as-written"
    )
    save_settings(config, run.settings_file)
    lines = _results(run)
    (line,) = [one for one in lines if one.startswith("cancer: ")]
    assert line.count("95 %") == 4
    assert "of 40 (95 %" in line
    assert any(one.startswith("benign: sensitivity (recall) –") for one in lines)


def test_neither_a_checkpoint_nor_all_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--checkpoint", "made"]) == 2
    assert "or fill the matrix with --all" in capsys.readouterr().err
