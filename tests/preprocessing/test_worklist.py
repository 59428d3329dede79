import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from mammo_core.errors import MammoError
from mammo_core.files import samples_root
from mammo_core.preprocessing.grouping import Arrived, group_files
from mammo_core.preprocessing.reading.read import read_exam
from mammo_core.preprocessing.worklists import keep_worklist, load_worklist
from tests.preprocessing.dicom_files import element, file_of, with_elements

EXAM = [path.read_bytes() for path in sorted(samples_root().glob("exam_*"))]
PICTURE = b"\x89PNG made up"


def test_the_views_of_one_exam_are_one_case_wherever_they_lie() -> None:
    files = [Arrived(content=content, name=f"f{i}/view.dcm") for i, content in enumerate(EXAM)]
    assert group_files(files) == [[0, 1, 2, 3]]


def test_pictures_are_grouped_by_folder() -> None:
    files = [Arrived(content=PICTURE, name=f"{folder}/IM.png") for folder in ("a", "b", "a", "b")]
    assert group_files(files) == [[0, 2], [1, 3]]


def test_files_dropped_together_are_one_case_unless_they_are_too_many_for_one() -> None:
    assert group_files([Arrived(content=PICTURE)] * 4) == [[0, 1, 2, 3]]
    assert group_files([Arrived(content=PICTURE)] * 9) == [[place] for place in range(9)]


def test_pictures_whose_names_tell_women_apart_are_a_case_for_each() -> None:
    names = ("1_R_MLO.png", "2_L_CC.png", "1_L_CC.png", "2_R_CC.png")
    files = [Arrived(content=PICTURE, name=name) for name in names]
    assert group_files(files) == [[0, 2], [1, 3]]


def test_views_named_without_a_woman_are_one_case_and_one_for_each_folder() -> None:
    names = ("L-CC.png", "R-CC.png", "L-MLO.png", "R-MLO.png")
    assert group_files([Arrived(content=PICTURE, name=name) for name in names]) == [[0, 1, 2, 3]]
    files = [Arrived(content=PICTURE, name=f"{i % 2}/{name}") for i, name in enumerate(names)]
    assert group_files(files) == [[0, 2], [1, 3]]


def test_the_same_number_in_two_folders_is_two_women_but_one_in_a_known_data_set() -> None:
    two = [Arrived(content=PICTURE, name=name) for name in ("a/1_R_CC.png", "b/1_R_CC.png")]
    assert group_files(two) == [[0], [1]]
    cbis = "Calc-Test_P_00038_{}_CC/1-1.png"
    one = [Arrived(content=PICTURE, name=cbis.format(side)) for side in ("LEFT", "RIGHT")]
    assert group_files(one) == [[0, 1]]


def test_an_exam_and_pictures_dropped_together_are_two_cases() -> None:
    files = [Arrived(content=content) for content in [*EXAM, PICTURE]]
    assert group_files(files) == [[0, 1, 2, 3], [4]]


def test_what_is_no_image_goes_with_the_first_case_to_be_refused_there() -> None:
    letter = Arrived(content=b"Dear colleague")
    exam = [Arrived(content=content) for content in EXAM]
    assert group_files([letter, *exam]) == [[0, 1, 2, 3, 4]]
    assert group_files([letter, letter]) == [[0, 1]]


def test_a_broken_header_names_no_exam() -> None:
    assert read_exam(EXAM[0][:200]) == ""
    assert read_exam(b"Dear colleague") == ""


def nested(depth: int) -> bytes:
    opened = element(0x00089215, "SQ", b"", length=0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    return with_elements(EXAM[0], opened * depth, before=0x0020000D)


def with_long_icon() -> bytes:
    """A sound file whose icon is longer than the beginning that is looked at."""
    item = element(0x7FE00010, "OW", bytes(2**19))
    sequence = element(0x00880200, "SQ", struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item)
    return with_elements(EXAM[0], sequence, before=0x7FE00010)


def deflated_zeros() -> bytes:
    meta = file_of(Dataset(), "1.2.840.10008.1.2.1.99")
    packer = zlib.compressobj(9, wbits=-15)
    zeros = b"".join(packer.compress(bytes(2**20)) for _ in range(200))
    return meta + zeros + packer.flush()


@pytest.mark.parametrize(
    "hostile",
    [nested(12_000), with_long_icon(), deflated_zeros()],
    ids=["nested", "icon", "deflated"],
)
def test_a_hostile_header_among_others_harms_none_of_them(hostile: bytes) -> None:
    started = time.monotonic()
    files = [Arrived(content=content) for content in (hostile, *EXAM)]
    groups = group_files(files)
    assert [1, 2, 3, 4] in [[place for place in group if place] for group in groups]
    assert time.monotonic() - started < 30


def test_no_header_is_parsed_in_the_process_that_serves_pages() -> None:
    """Pydicom is never imported there: whoever would parse a file here would need it."""
    code = (
        "import sys\n"
        "from mammo_core.files import samples_root\n"
        "from mammo_core.preprocessing.grouping import Arrived, group_files\n"
        "files = [Arrived(content=p.read_bytes()) for p in samples_root().glob('exam_*')]\n"
        "assert group_files(files) == [[0, 1, 2, 3]]\n"
        "sys.exit(int('pydicom' in sys.modules))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_list_is_found_again_by_its_id_alone(tmp_path: Path) -> None:
    cases = ("1" * 64, "2" * 64)
    assert load_worklist(tmp_path, keep_worklist(tmp_path, cases)) == cases


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "3" * 64])
def test_no_other_name_finds_one(tmp_path: Path, name: str) -> None:
    with pytest.raises(MammoError, match="Open the images again"):
        load_worklist(tmp_path, name)


def test_a_list_with_other_things_than_cases_is_refused(tmp_path: Path) -> None:
    list_id = keep_worklist(tmp_path, ["1" * 64])
    (tmp_path / f"{list_id}.json").write_text('{"cases": ["../secret"]}', encoding="utf-8")
    with pytest.raises(MammoError, match="damaged"):
        load_worklist(tmp_path, list_id)
