from pathlib import Path

from mammo_core.runs.folder import RunFolder
from mammo_core.runs.naming import About, write_about
from pages.components.shared import cached


def test_a_run_is_called_by_its_new_name_at_once(tmp_path: Path) -> None:
    runs = [RunFolder(tmp_path / name) for name in ("first", "second")]
    for run in runs:
        run.path.mkdir()
    assert cached.titles(runs) == {"first": "first", "second": "second"}
    write_about(runs[1], About(title="Small films"))
    assert cached.titles(runs) == {"first": "first", "second": "Small films"}
