"""Judging scores opens without paying for torch, which costs seconds and hundreds of megabytes."""

import os
import subprocess
import sys
from pathlib import Path

from tests.predictions import made_up_predictions, write_run

ROOT = Path(__file__).resolve().parents[2]
VISIT = """
import sys
from streamlit.testing.v1 import AppTest
for name in ("thresholds", "compare"):
    page = AppTest.from_file(sys.argv[1], default_timeout=60).run()
    sys.modules.pop("torch", None)  # the front page may need it
    page.switch_page(f"pages/{name}.py").run()
    assert not page.exception, page.exception
    assert page.dataframe, f"{name} shows no table"
sys.exit("torch" in sys.modules)
"""


def test_thresholds_and_compare_show_a_run_without_torch(runs_root: Path) -> None:
    write_run(runs_root, "20260101-000000-tiny_cnn-abcd", made_up_predictions())
    done = subprocess.run(
        [sys.executable, "-c", VISIT, str(ROOT / "streamlit_app.py")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
