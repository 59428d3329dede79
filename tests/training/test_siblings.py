from dataclasses import replace
from pathlib import Path

from mammo_core.config import save_settings
from mammo_core.runs.folder import MEMBERS_NAME, RunFolder, RunStatus
from mammo_core.training.series import siblings_of
from mammo_core.types import RunState
from tests.training.made_up import config


def write(root: Path, run_id: str, *, series: str, fold: int) -> RunFolder:
    run = RunFolder(root / run_id)
    run.path.mkdir()
    run.write_status(RunStatus(state=RunState.QUEUED))
    alone = config()
    settings = replace(alone, series=series, data=replace(alone.data, folds=3, fold=fold))
    save_settings(settings, run.file("run.json"))
    return run


def test_siblings_are_those_of_the_series_by_fold_wherever_they_stand(tmp_path: Path) -> None:
    second = write(tmp_path, "b", series="s", fold=1)
    first = write(tmp_path, "c", series="s", fold=0)
    write(tmp_path, "d", series="other", fold=0)
    write(tmp_path, "s", series="s", fold=0)  # what was put together from them
    strange = write(tmp_path, "e", series="s", fold=2)
    strange.file("run.json").write_text("{")
    averaged = write(tmp_path, "f", series="s", fold=0)
    averaged.file(MEMBERS_NAME).write_text("{}")
    assert siblings_of("s", tmp_path) == [first, second]
