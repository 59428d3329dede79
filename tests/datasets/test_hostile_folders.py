"""Folders and tables that somebody prepared: links to what has no end, sheets that lie."""

import ast
import io
import os
import re
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from mammo_core.config import PrepareSettings
from mammo_core.datasets.adapters.inbreast import read_outlines
from mammo_core.datasets.adapters.layout import list_images, look_at_files, read_rows, read_sheet
from mammo_core.datasets.adapters.roboflow import read_readme
from mammo_core.datasets.audit.facts import gather_facts
from mammo_core.datasets.dataset import read_dataset
from mammo_core.datasets.small_images import small_images, thumbnail
from mammo_core.errors import ReadError, TableError
from mammo_core.files import REPOSITORY
from mammo_core.preprocessing.cache import Cache, build_cache
from mammo_core.preprocessing.reading import limits
from mammo_core.preprocessing.reading.peek import peek
from mammo_core.preprocessing.reading.read import decode
from tests.preprocessing.drawings import half_disc

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such links")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set with an image, and links to a device, a pipe and an image elsewhere."""
    folder, elsewhere = tmp_path / "set", tmp_path / "elsewhere.pgm"
    folder.mkdir()
    values = (200 * half_disc()).astype("u1")
    picture = b"P5 %d %d 255\n" % values.shape[::-1] + values.tobytes()
    (folder / "image.pgm").write_bytes(picture)
    elsewhere.write_bytes(picture)
    (folder / "link.pgm").symlink_to(elsewhere)
    (folder / "within.pgm").symlink_to(folder / "image.pgm")
    (folder / "endless.pgm").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.pgm")
    return folder


NAMES = ("endless.pgm", "image.pgm", "link.pgm", "pipe.pgm", "within.pgm")


def test_the_audit_reads_plain_files_inside_the_folder_and_lists_the_others(folder: Path) -> None:
    table = gather_facts(folder, NAMES).table.set_index("path")
    assert table["code"].dropna().to_dict() == {
        "endless.pgm": "no_plain_file",
        "link.pgm": "outside",
        "pipe.pgm": "no_plain_file",
    }


def test_a_link_out_of_the_folder_is_followed_where_that_is_allowed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(limits.FOLLOW_LINKS, "1")
    table = gather_facts(folder, ["link.pgm"]).table
    assert table["code"].isna().all()


def test_the_cache_reads_no_more_than_the_audit(folder: Path, tmp_path: Path) -> None:
    built = build_cache(
        Cache(root=tmp_path / "cache", settings=PrepareSettings(size=(48, 24))),
        [folder / name for name in NAMES],
        processes=1,
        report=lambda done, total: None,
        inside=folder,
    )
    assert built.built == 2
    refused = {problem.file.name: problem.reason for problem in built.unreadable}
    assert sorted(refused) == ["endless.pgm", "link.pgm", "pipe.pgm"]
    assert "leads out of the data set's folder" in refused["link.pgm"]


def test_small_pictures_are_made_of_plain_files_inside_the_folder_alone(folder: Path) -> None:
    made = [name for name in NAMES if thumbnail(folder, name, side=16) is not None]
    assert made == ["image.pgm", "within.pgm"]


def test_what_is_learnt_of_every_image_is_of_plain_files_inside_the_folder_alone(
    folder: Path,
) -> None:
    rows = small_images(
        [folder / name for name in NAMES],
        inside=folder,
        report=lambda done, total: None,
        should_stop=lambda: False,
    )
    is_read = ~np.isnan(rows["grey"]).any(axis=1)
    assert np.array(NAMES)[is_read].tolist() == ["image.pgm", "within.pgm"]
    assert not rows["pixels"][~is_read].any()
    looked = look_at_files(folder, NAMES, name="hostile")
    assert looked["path"].tolist() == ["image.pgm", "within.pgm"]


def test_whoever_reads_an_image_of_a_data_set_says_inside_which_folder() -> None:
    """The same holds for every heatmap and mark that is held against a data set."""
    calls, open_ones = 0, []
    for part in ("datasets", "explain", "inference", "training"):
        for file in sorted((REPOSITORY / "mammo_core" / part).rglob("*.py")):
            if file.name == "many_files.py":  # whose files somebody named one by one
                continue
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "read_mammogram":
                    calls += 1
                    told = [word.arg for word in node.keywords]
                    is_bytes = ast.unparse(node.args[0]) == "data"
                    open_ones += [] if "inside" in told or is_bytes else [f"{file}:{node.lineno}"]
    assert calls >= 9
    assert open_ones == []


@pytest.mark.parametrize("name", ["endless.pgm", "pipe.pgm"])
def test_what_has_no_end_is_not_begun(folder: Path, name: str) -> None:
    with pytest.raises(ReadError, match="no plain file"):
        decode(folder / name, key=b"k")
    assert peek([folder / name, folder / "image.pgm"])[0] is None


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such name")
def test_a_name_on_the_disk_that_is_no_text_is_told(folder: Path) -> None:
    """As a disk of last century has them: Latin letters, each one byte."""
    (folder / os.fsdecode(b"caf\xe9.pgm")).write_bytes(b"P5 1 1 255\n\0")
    with pytest.raises(
        TableError, match=r"1 of 6 image files are no UTF-8 text \(first: caf\?\.pgm"
    ):
        list_images(folder)


MANIFEST = "path,label\nimage.pgm,cancer\n"


def lead_nowhere(place: Path, kind: str) -> str:
    """Makes `place` what no table is; what must be said of it."""
    elsewhere = place.parent.parent / "elsewhere.csv"
    elsewhere.write_text(MANIFEST)
    if kind == "pipe":
        os.mkfifo(place)
    else:
        target = {"device": "/dev/zero", "outside": elsewhere, "dangling": "/nowhere/x"}[kind]
        place.symlink_to(target)
    said = {"outside": "leads out of the data set's folder", "dangling": "cannot be opened"}
    return said.get(kind, "no plain file")


KINDS = ("device", "pipe", "outside", "dangling")


@pytest.mark.parametrize("kind", ["device", "pipe", "outside"])
@pytest.mark.parametrize("name", ["manifest.csv", "boxes.csv"])
def test_a_table_that_is_no_plain_file_of_the_folder_is_refused_in_words(
    folder: Path, name: str, kind: str
) -> None:
    (folder / "manifest.csv").write_text(MANIFEST)
    (folder / name).unlink(missing_ok=True)
    said = lead_nowhere(folder / name, kind)
    with pytest.raises(TableError, match=said):
        read_dataset(folder, "csv_folder")


def test_a_table_that_is_a_link_within_the_folder_is_read(folder: Path) -> None:
    (folder / "tables").mkdir()
    (folder / "tables" / "mine.csv").write_text(MANIFEST)
    (folder / "manifest.csv").symlink_to("tables/mine.csv")
    assert read_dataset(folder, "csv_folder").manifest["path"].tolist() == ["image.pgm"]


@pytest.mark.parametrize("kind", KINDS)
def test_lists_texts_and_drawings_beside_the_images_are_asked_the_same(
    tmp_path: Path, kind: str
) -> None:
    for name in ("coco/_annotations.coco.json", "notes/README.roboflow.txt", "drawn/AllXML/1.xml"):
        (tmp_path / name).parent.mkdir(parents=True)
        said = lead_nowhere(tmp_path / name, kind)
    with pytest.raises(TableError, match="lacks images" if kind == "dangling" else said):
        read_dataset(tmp_path / "coco", "detection")
    assert said in read_readme(tmp_path / "notes")[0]
    boxes, unreadable = read_outlines(tmp_path / "drawn", pd.Series(["1"], dtype="string"))
    assert boxes.empty
    assert unreadable == ([] if kind in ("device", "pipe", "dangling") else ["1"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"path," * 6000 + b"\n", "6,001 columns"),
        (b"path\n" + b"a," * 6000 + b"\n", "6,001 columns"),
        (b"path,label\n" + b"a\n" * 11_000_000, "at most 5,000 columns and 20 million cells"),
        (b"path,label\n" + b"," * 21_000_000, "longer than 1 MB"),
        ("path\u2028a\u2028".encode() + b"," * 6000 + b"\n" * 2, "6,001 columns"),
        (b'path,"label' + b"x\n" * 1_000_000, "not a readable CSV"),
        (b"a" * 120_000 + b"," + b"b" * 2_000_000, "not a readable CSV"),
    ],
    ids=["wide", "wide below", "lines", "long row", "no line", "open quote", "long cell"],
)
def test_a_table_that_would_unfold_is_refused_before_it_does(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "manifest.csv"
    path.write_bytes(content)
    before = time.process_time()
    with pytest.raises(TableError, match=said):
        read_rows(path, inside=tmp_path, columns=("path",))
    assert time.process_time() - before < 2.0


def sheet(rows: int) -> bytes:
    book = openpyxl.Workbook()
    for number in range(rows):
        book.active.append(["id", "label"] if number == 0 else [f"P{number}", "benign"])
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def with_part(book: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The book with its first sheet's XML changed."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content) if name.endswith("sheet1.xml") else content)
    return target.getvalue()


@pytest.mark.parametrize("stated", [b"A1:B51", b"A1:A1", b"A1:B5000"])
def test_all_rows_are_read_whatever_size_a_sheet_says_it_has(tmp_path: Path, stated: bytes) -> None:
    path = tmp_path / "labels.xlsx"
    path.write_bytes(
        with_part(sheet(101), lambda xml: re.sub(rb'ref="A1:B101"', b'ref="' + stated + b'"', xml))
    )
    table = read_sheet(path, inside=tmp_path, columns=["id", "label"])
    assert table["id"].tolist() == [f"P{number}" for number in range(1, 101)]


@pytest.mark.parametrize(
    "spoil", [lambda xml: xml[: len(xml) // 2], lambda xml: xml.replace(b"<row", b"<rwo", 1)]
)
def test_broken_xml_in_a_sheet_is_told_in_words(
    tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "labels.xlsx"
    path.write_bytes(with_part(sheet(101), spoil))
    with pytest.raises(TableError, match=r"labels\.xlsx is not a readable \.xlsx"):
        read_sheet(path, inside=tmp_path, columns=["id", "label"])


def test_a_sheet_that_would_unpack_to_gigabytes_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "labels.xlsx"
    path.write_bytes(with_part(sheet(2), lambda xml: xml))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as book, book.open("more", "w") as more:
        for _ in range(600):
            more.write(bytes(2**20))
    with pytest.raises(TableError, match="would unpack to 600 MB; at most 512 MB"):
        read_sheet(path, inside=tmp_path, columns=["id", "label"])
