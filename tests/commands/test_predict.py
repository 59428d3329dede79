import csv
import tracemalloc
from io import StringIO
from pathlib import Path

import pytest

from mammo_core.cli import main
from mammo_core.errors import ConfigError
from mammo_core.inference.checkpoint import load_checkpoint
from mammo_core.inference.many_files import find_files
from mammo_core.inference.scoring import score_images
from mammo_core.metrics.ensemble import Averaging, Ensemble, Member, save_ensemble
from mammo_core.preprocessing.reading.read import read_mammogram
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.scores import Recalibration, ScoreMap
from mammo_core.tables import check_predictions, read_table
from mammo_core.types import RunState
from tests.datasets.builders.drawn import blank_film, write_picture
from tests.inference.made_up import write_checkpoint
from tests.phantoms import put_phantoms
from tests.preprocessing.dicom_files import mammogram_file, ramp

Rows = list[dict[str, str]]


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    put_phantoms(tmp_path / "set", women=1)
    return sorted((tmp_path / "set" / "images").iterdir())


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    return write_checkpoint(folder)


def rows_of(text: str) -> Rows:
    return list(csv.DictReader(StringIO(text)))


def test_every_file_gets_its_score(
    images: list[Path], checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", *map(str, images), "--checkpoint", str(checkpoint)]) == 0
    rows = rows_of(capsys.readouterr().out)
    assert [row["file"] for row in rows] == list(map(str, images))
    model = load_checkpoint(checkpoint)
    for row, image in zip(rows, images, strict=True):
        (reading,) = score_images(model, [read_mammogram(image)])
        assert float(row["score"]) == pytest.approx(reading.score, abs=2e-6)
        assert float(row["p_cancer"]) == float(row["score"])
    assert {row["model_id"] for row in rows} == {"made-up"}
    assert {row["engine"] for row in rows} == {"openvino fp32"}


def test_a_blank_file_is_not_scored_and_counted_by_kind(
    images: list[Path], checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_picture(tmp_path / "blank.png", blank_film())
    files = [*images[:2], tmp_path / "blank.png"]
    assert main(["predict", *map(str, files), "--checkpoint", str(checkpoint)]) == 1
    told = capsys.readouterr()
    assert [row["file"] for row in rows_of(told.out)] == list(map(str, images[:2]))
    assert "1 of 3 images not scored, for they are no mammograms: 1 blank." in told.err


def test_a_model_of_two_views_says_where_files_can_be_scored_together(
    images: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pair").mkdir()
    pair = write_checkpoint(tmp_path / "pair", views=2)
    out = tmp_path / "scores.csv"
    asked = ["predict", *map(str, images), "--checkpoint", str(pair), "--out", str(out)]
    assert main(asked) != 0
    assert "scores the CC and the MLO of a breast together" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("method", [Averaging.MEAN, Averaging.OUT_OF_FOLD])
def test_an_ensemble_is_named_as_one_and_its_members_told(
    method: Averaging,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    images: list[Path],
) -> None:
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    run = RunFolder(tmp_path / "runs" / "joined")
    run.path.mkdir(parents=True)
    run.write_status(RunStatus(state=RunState.FINISHED))
    same = ScoreMap(kind=Recalibration.PLATT, prevalence=0.5)
    members = tuple(
        Member(run_id=name, weights_sha256="0", score_map=same, reference=(0.5,))
        for name in ("one", "two")
    )
    save_ensemble(Ensemble(method=method, members=members), run.file("members.json"))
    assert main(["predict", str(images[0]), "--checkpoint", "joined"]) == 2
    told = capsys.readouterr().err
    assert "joined is an ensemble, and this command takes one model." in told
    assert "Name one of its members (one, two)." in told
    assert ("The Read page" in told) is (method is Averaging.MEAN)


def test_a_bad_file_is_told_and_the_others_are_scored(
    images: list[Path], checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "notes.txt"
    bad.write_text("not a picture")
    assert main(["predict", str(bad), str(images[0]), "--checkpoint", str(checkpoint)]) == 1
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 2
    assert "notes.txt: " in told.err
    assert "1 image scored, 1 refused, of 2 files." in told.err


def test_a_folder_is_searched_and_what_is_no_image_is_only_counted(
    images: list[Path], checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deeper = tmp_path / "set" / "images" / "by hand"
    deeper.mkdir()
    images[0].rename(deeper / "IM0001")  # content decides, not the name
    (deeper / "read me.txt").write_text("nothing to see")
    (deeper / "empty").touch()
    cut = images[1].read_bytes()
    (deeper / "cut.png").write_bytes(cut[: len(cut) // 2])
    out = tmp_path / "scores.csv"
    command = ["predict", str(deeper.parent), "--checkpoint", str(checkpoint), "--out", str(out)]
    assert main(command) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "4 images scored, 1 refused, 2 no image, of 7 files." in told.err
    rows = {row["file"]: row for row in rows_of(out.read_text())}
    assert float(rows[str(deeper / "IM0001")]["score"]) > 0.0
    refused = rows[str(deeper / "cut.png")]
    assert refused["score"] == ""
    assert "ends early" in refused["problem"]
    assert len(rows) == 5


def test_an_interrupted_list_is_gone_on_with(
    images: list[Path], checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scores.csv"
    command = ["predict", str(images[0].parent), "--checkpoint", str(checkpoint), "--out", str(out)]
    assert main(command) == 0
    whole = out.read_text()
    out.write_text(whole[:-10])  # killed while the last row was written
    capsys.readouterr()
    assert main(command) == 0
    assert "1 image scored, 3 scored before, of 4 files." in capsys.readouterr().err
    assert out.read_text() == whole
    assert main(command) == 0
    assert "0 images scored, 4 scored before" in capsys.readouterr().err
    assert out.read_text() == whole


def test_a_changed_file_and_another_model_are_scored_anew(
    images: list[Path], checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scores.csv"
    command = ["predict", *map(str, images[:2]), "--out", str(out), "--checkpoint", str(checkpoint)]
    assert main(command) == 0
    images[0].write_bytes(images[3].read_bytes())
    assert main(command) == 0
    assert "1 image scored, 1 scored before" in capsys.readouterr().err
    (tmp_path / "other").mkdir()
    other = write_checkpoint(tmp_path / "other", seed=1)
    assert main([*command[:-1], str(other)]) == 0
    assert "2 images scored, of 2 files." in capsys.readouterr().err
    assert len({row["weights_sha256"] for row in rows_of(out.read_text())}) == 2


def test_the_list_is_a_table_of_predictions(
    images: list[Path], checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "scores.csv"
    main(["predict", *map(str, images), "--checkpoint", str(checkpoint), "--out", str(out)])
    table = check_predictions(read_table(out, what="predictions table"))
    assert len(table) == 4
    assert table["score"].between(0.0, 1.0).all()


def test_a_name_that_looks_like_a_formula_is_quoted(
    images: list[Path], checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    folder = images[0].parent
    monkeypatch.chdir(folder)
    images[0].rename(folder / "=HYPERLINK(1)")
    command = ["predict", "=HYPERLINK(1)", "--checkpoint", str(checkpoint), "--out", "scores.csv"]
    assert main(command) == 0
    assert rows_of(Path("scores.csv").read_text())[0]["file"] == "'=HYPERLINK(1)"
    assert main(command) == 0
    assert "1 scored before" in capsys.readouterr().err


def test_a_foreign_file_is_never_written_over(
    images: list[Path], checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    letters = tmp_path / "letters.csv"
    letters.write_text("to,from\nher,him\n")
    command = ["predict", str(images[0]), "--checkpoint", str(checkpoint), "--out", str(letters)]
    assert main(command) == 2
    assert "letters.csv is there already and is no list of scores" in capsys.readouterr().err
    assert letters.read_text() == "to,from\nher,him\n"


def test_a_model_of_phantoms_refuses_other_images(
    images: list[Path], checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "real").write_bytes(mammogram_file(ramp()))
    command = ["predict", str(tmp_path / "real"), "--checkpoint", str(checkpoint)]
    assert main(command) == 1
    told = capsys.readouterr()
    assert "This model has only seen synthetic images" in told.err
    assert len(told.out.splitlines()) == 1


def test_mistakes_are_told_in_sentences(
    images: list[Path], checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path))
    for arguments, complaint in (
        ([str(images[0]), "--checkpoint", "nobody"], "There is no run named 'nobody'"),
        ([str(tmp_path / "gone"), "--checkpoint", str(checkpoint)], "There is no file or folder"),
        ([str(images[0]), "--checkpoint", str(checkpoint), "--fast"], "has not been checked yet"),
        (
            [str(images[0]), "--checkpoint", str(checkpoint), "--out", str(tmp_path / "no/a.csv")],
            "There is no folder",
        ),
    ):
        assert main(["predict", *arguments]) == 2
        assert complaint in capsys.readouterr().err


def test_files_come_in_order_and_each_once_however_they_are_named(tmp_path: Path) -> None:
    for name in ("a/2.png", "a/b/1.png", "a/10.png", "a.png", "c/1.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a" / "link").symlink_to(tmp_path / "c")

    def found(*places: str) -> list[tuple[str, bool]]:
        listed = find_files([tmp_path / place for place in places])
        return [(str(one.path.relative_to(tmp_path)), one.is_named) for one in listed]

    below_a = [("a/10.png", False), ("a/2.png", False), ("a/b/1.png", False)]
    assert found("a") == below_a
    assert found("a", "a/b", "a.png") == [*below_a[:2], below_a[2], ("a.png", True)]
    assert found("a/2.png", "a") == [below_a[0], ("a/2.png", True), below_a[2]]
    assert found("a/link/1.png", "a") == [("a/link/1.png", True), *below_a]
    assert found("c", "a/../c", "a/link") == [
        ("c/1.png", False),
        ("a/../c/1.png", False),
        ("a/link/1.png", False),
    ]
    with pytest.raises(ConfigError, match="no file or folder"):
        find_files([tmp_path / "none"])


@pytest.mark.slow
def test_a_hundred_folders_of_files_take_the_memory_of_one(tmp_path: Path) -> None:
    for folder in range(100):
        (tmp_path / str(folder)).mkdir()
        for name in range(50):
            (tmp_path / str(folder) / f"{name}.png").touch()

    def peak(place: Path) -> tuple[int, int]:
        tracemalloc.start()
        count = sum(1 for _ in find_files([place]))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return count, most

    peak(tmp_path)  # what is made once, by importing and caching
    (few, some), (all_of_them, most) = peak(tmp_path / "0"), peak(tmp_path)
    assert (few, all_of_them) == (50, 5000)
    assert most < some + 100_000


def test_a_folder_is_no_place_for_the_scores(
    images: list[Path], checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["predict", str(images[0]), "--checkpoint", str(checkpoint)]
    assert main([*asked, "--out", str(tmp_path)]) == 2
    assert f"{tmp_path} is a folder. Name the CSV" in capsys.readouterr().err
