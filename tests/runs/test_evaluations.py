"""Evaluations are found among all runs by what they scored."""

from pathlib import Path

from mammo_core.config import EvaluateConfig, save_settings
from mammo_core.runs.evaluations import evaluation_of, list_evaluations
from mammo_core.runs.folder import RunFolder


def made(root: Path, name: str, *, folder: str = "set", is_scored: bool = True) -> RunFolder:
    run = RunFolder(root / name)
    run.path.mkdir()
    config = EvaluateConfig(
        checkpoint="model", folder=folder, adapter="csv_folder", label_rule="as-written"
    )
    save_settings(config, run.file("run.json"))
    if is_scored:
        run.file("predictions.csv").touch()
    return run


def test_the_newest_that_has_scores_is_taken(tmp_path: Path) -> None:
    newest = made(tmp_path, "3", is_scored=False)
    scored = made(tmp_path, "2")
    other = made(tmp_path, "1", folder="another set")
    found = list_evaluations([newest, scored, other])
    assert [evaluation.run for evaluation in found] == [newest, scored, other]
    of_set = evaluation_of(found, "model", ("set", "as-written"))
    assert of_set is not None
    assert of_set.run == scored
    assert evaluation_of(found, "model", ("set", "another rule")) is None
    assert evaluation_of(found, "another model", ("set", "as-written")) is None


def test_one_that_still_runs_is_found_where_none_has_scores(tmp_path: Path) -> None:
    running = made(tmp_path, "1", is_scored=False)
    found = evaluation_of(list_evaluations([running]), "model", ("set", "as-written"))
    assert found is not None
    assert found.run == running


def test_other_and_broken_runs_are_none(tmp_path: Path) -> None:
    for name, text in {"a": "{", "b": "[]", "c": '{"kind": "train"}', "d": "null"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(text)
    assert list_evaluations([RunFolder(tmp_path / name) for name in "abcde"]) == []
