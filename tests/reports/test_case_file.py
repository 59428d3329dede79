import io
import zipfile

from mammo_core.reports.case.record import CaseFile, to_zip, view_name
from mammo_core.types import View
from tests.reports.read_cases import read_image


def test_a_view_is_named_by_number_side_and_view() -> None:
    assert view_name(read_image(3, View.MLO, 0.5)) == "3_L_MLO"


def test_a_zip_holds_its_files_in_one_folder_and_is_the_same_every_time() -> None:
    files = [CaseFile(name="a/b.txt", content=b"words")]
    content = to_zip(files, folder="case_1")
    assert content == to_zip(files, folder="case_1")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read("case_1/a/b.txt") == b"words"
