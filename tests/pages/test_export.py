"""What Read offers to take away."""

import io
import re
from pathlib import Path

import pydicom
import pytest
import streamlit
from streamlit.testing.v1 import AppTest

from mammo_core.files import REPOSITORY, samples_root
from tests.pages.conftest import OpenPage

PATIENTS_NAME = "names the woman"


def sample(name: str) -> bytes:
    return (samples_root() / name).read_bytes()


def uploads(*files: tuple[str, bytes]) -> list[tuple[str, bytes, str]]:
    return [(name, content, "application/dicom") for name, content in files]


@pytest.fixture
def page(open_page: OpenPage) -> AppTest:
    page = open_page("read")
    files = uploads(("DOE_JANE.dcm", sample("exam_L_CC_rle.dcm")))
    page.file_uploader(key="dropped_files").set_value(files)
    page.run(timeout=120)
    assert not page.exception, page.exception
    return page


def labels(page: AppTest) -> list[str]:
    return [button.label for button in page.get("download_button")]


def give_original(page: AppTest, name: str, content: bytes) -> None:
    case = "".join(page.query_params["case"])
    page.file_uploader(key=f"originals_{case[:12]}").set_value(uploads((name, content)))
    page.run(timeout=60)
    assert not page.exception, page.exception


def test_a_read_case_can_be_taken_away_in_every_form(page: AppTest) -> None:
    assert labels(page) == [
        "Everything (zip)",
        "Scores (CSV)",
        "JSON",
        "Page to print (HTML)",
        "Pictures (zip)",
        "DICOM (zip)",
    ]


def test_identity_is_offered_only_once_the_original_is_given_again(page: AppTest) -> None:
    give_original(page, "DOE_JANE.dcm", sample("exam_L_CC_rle.dcm"))
    assert "DICOM with identity (zip)" in labels(page)
    assert any(PATIENTS_NAME in warning.value for warning in page.warning)


def test_a_foreign_file_lends_no_identity(page: AppTest) -> None:
    give_original(page, "other.dcm", sample("exam_R_CC_explicit-little-endian.dcm"))
    assert "DICOM with identity (zip)" not in labels(page)
    assert any("File 1 is none of this case's images" in info.value for info in page.info)
    assert any("1 of 1 image came without" in error.value for error in page.error)


def test_nothing_of_the_original_is_kept_on_disk(page: AppTest, tmp_path: Path) -> None:
    home = tmp_path / "home"
    before = {path for path in home.rglob("*") if path.is_file()}
    give_original(page, "DOE_JANE.dcm", sample("exam_L_CC_rle.dcm"))
    after = {path for path in home.rglob("*") if path.is_file()}
    assert {path.name for path in after - before} <= {"key"}
    original = pydicom.dcmread(io.BytesIO(sample("exam_L_CC_rle.dcm")), stop_before_pixels=True)
    for secret in (
        b"DOE_JANE",
        str(original.PatientName).encode(),
        original.StudyInstanceUID.encode(),
    ):
        assert len(secret) > 4
        assert not any(secret in path.read_bytes() for path in after)


def test_what_takes_away_streamlits_own_csv_of_tables_names_what_streamlit_draws() -> None:
    """It would write a label "=1+1" as a formula; ours quotes it."""
    style = (REPOSITORY / "pages/components/shared/frame.css").read_text(encoding="utf-8")
    hidden = r'\[data-testid="(\w+)"\]:has\(button\[aria-label\^="([^"]+)"\]\) \{\s+display: none;'
    ((place, label),) = re.findall(hidden, style)
    drawn = Path(streamlit.__file__).parent / "static" / "static" / "js"
    scripts = "".join(
        script.read_text(encoding="utf-8")
        for name in ("DataFrame", "Toolbar")
        for script in drawn.glob(f"{name}.*.js")
    )
    assert f'"data-testid":`{place}`' in scripts
    assert f"label:`{label}`" in scripts
