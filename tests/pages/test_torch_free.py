"""Judging scores opens without paying for torch, nor for what reads images and data sets."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.predictions import made_up_predictions, write_run
from tests.quick import some_slow

ROOT = Path(__file__).resolve().parents[2]
VISIT = """
import sys
HEAVY = {"torch", "cv2", "pydicom", "sklearn"}
from streamlit.testing.v1 import AppTest
for name in ("thresholds", "compare"):
    page = AppTest.from_file(sys.argv[1], default_timeout=60).run()
    for heavy in HEAVY:
        sys.modules.pop(heavy, None)  # the front page may need it
    page.switch_page(f"pages/{name}.py").run()
    assert not page.exception, page.exception
    assert page.dataframe, f"{name} shows no table"
loaded = sorted(HEAVY & sys.modules.keys())
sys.exit(f"loaded {loaded}" if loaded else 0)
"""


@pytest.mark.slow
def test_thresholds_and_compare_show_a_run_without_what_they_do_not_need(runs_root: Path) -> None:
    write_run(runs_root, "20260101-000000-tiny_cnn-abcd", made_up_predictions())
    done = subprocess.run(
        [sys.executable, "-c", VISIT, str(ROOT / "streamlit_app.py")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MAMMO_LOAD_AHEAD": "no"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


VISIT_DATA = """
import sys
from streamlit.testing.v1 import AppTest
page = AppTest.from_file(sys.argv[1], default_timeout=60).run()
sys.modules.pop("torch", None)  # the front page may need it
page.switch_page("pages/data.py").run()
assert not page.exception, page.exception
sys.exit("loaded torch" if "torch" in sys.modules else 0)
"""


@pytest.mark.slow
def test_data_opens_without_torch(runs_root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", VISIT_DATA, str(ROOT / "streamlit_app.py")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MAMMO_LOAD_AHEAD": "no"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


VISIT_READ = """
import os, sys, threading
from streamlit.testing.v1 import AppTest
page = AppTest.from_file(sys.argv[1], default_timeout=60).run()
assert not page.exception, page.exception
assert any("Example" in one.value for one in page.markdown)
waiting = any(thread.name == "loading a model" for thread in threading.enumerate())
print("torch" in sys.modules, waiting)
os._exit(0)
"""


@pytest.mark.parametrize(
    ("is_ahead", "found"), some_slow([("no", "False False"), ("", "True")], quick=1)
)
def test_the_example_is_read_without_torch_which_is_loaded_behind_it(
    runs_root: Path, is_ahead: str, found: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", VISIT_READ, str(ROOT / "streamlit_app.py")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MAMMO_LOAD_AHEAD": is_ahead},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip().endswith(found), done.stdout
