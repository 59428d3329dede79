"""A checkpoint goes out as one zip and comes in again; anything else is refused in words."""

import json
import stat
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mammo_core.errors import CheckpointError, DiskError
from mammo_core.files import sha256_of
from mammo_core.inference.archive import export_checkpoint, import_checkpoint
from mammo_core.inference.checkpoint import load_checkpoint
from mammo_core.runs.card import read_card, write_card
from mammo_core.runs.folder import RunFolder, list_runs
from mammo_core.runs.operating_points import (
    LockedPoint,
    Promise,
    card_hash,
    lock_point,
    locked_points,
)  # fmt: skip
from mammo_core.types import Level, RunState
from tests.full_disk import room_for
from tests.inference.made_up import write_checkpoint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    write_checkpoint(tmp_path / "model")
    run = RunFolder(tmp_path / "model")
    point = LockedPoint(
        threshold=0.25, level=Level.IMAGE, pooling="max", calibration="none", split="val",
        dataset="set", aim="a test", locked_at="2026-01-01T00:00:00+00:00",
        promise=Promise(found=1, positives=1, left_alone=1, negatives=1),
        card_sha256=card_hash(run),
    )  # fmt: skip
    lock_point(run, point)
    (tmp_path / "model" / "predictions.csv").write_text("image_id,model_id,score\na,made-up,0.5\n")
    (tmp_path / "model" / "run.json").write_text('{"data": {"folder": "/home/jane"}}')
    return tmp_path / "model"


def zipped(folder: Path, out: Path, **others: bytes) -> Path:
    """A zip as anyone may make it: card, weights, and `others` in place of or beside them."""
    contents = {name: (folder / name).read_bytes() for name in NEEDED} | others
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return out


NEEDED = ("model_card.json", "weights.safetensors")


def test_what_goes_out_comes_in_again(folder: Path, tmp_path: Path) -> None:
    names = export_checkpoint(folder, tmp_path / "one.zip")
    assert names == ("model_card.json", "weights.safetensors", "operating_points.jsonl")
    run = import_checkpoint(tmp_path / "one.zip", tmp_path / "runs")
    assert run.run_id == f"imported-{card_hash(RunFolder(folder))[:8]}"
    assert [found.run_id for found in list_runs(tmp_path / "runs")] == [run.run_id]
    assert run.read_status().state is RunState.FINISHED
    ours, theirs = load_checkpoint(folder), load_checkpoint(run.path)
    assert ours.card == theirs.card
    images = torch.rand(2, 1, 64, 32)
    assert torch.equal(ours.model(images), theirs.model(images))
    assert [point.threshold for point in locked_points(run)] == [0.25]
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {run.run_id}


def test_thresholds_of_the_model_and_of_its_users_go_out_and_come_in_apart(
    folder: Path, tmp_path: Path
) -> None:
    (own,) = locked_points(RunFolder(folder))
    ships = replace(own, threshold=0.5, comes_with_model=True)
    lock_point(RunFolder(folder), ships)
    names = export_checkpoint(folder, tmp_path / "one.zip")
    assert names[2:] == ("model_points.jsonl", "operating_points.jsonl")
    run = import_checkpoint(tmp_path / "one.zip", tmp_path / "runs")
    assert locked_points(run) == [ships, own]


def test_what_tells_of_women_goes_out_only_when_asked(folder: Path, tmp_path: Path) -> None:
    export_checkpoint(folder, tmp_path / "plain.zip")
    names = export_checkpoint(folder, tmp_path / "all.zip", is_with_women=True)
    assert set(zipfile.ZipFile(tmp_path / "all.zip").namelist()) == set(names)
    assert set(names) - set(zipfile.ZipFile(tmp_path / "plain.zip").namelist()) == {
        "predictions.csv"
    }
    assert "run.json" not in names  # it tells of the computer
    assert import_checkpoint(tmp_path / "all.zip", tmp_path / "runs").has_predictions


def test_an_export_or_import_that_finds_no_room_says_so_and_leaves_nothing(
    folder: Path, tmp_path: Path
) -> None:
    archive, short = tmp_path / "whole.zip", tmp_path / "short.zip"
    export_checkpoint(folder, archive)
    with room_for(1000):
        with pytest.raises(DiskError, match="no room left"):
            export_checkpoint(folder, short)
        with pytest.raises(DiskError, match="no room left"):
            import_checkpoint(archive, tmp_path / "checkpoints")
    assert not short.exists()
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_two_exports_are_equal_and_none_is_written_over(folder: Path, tmp_path: Path) -> None:
    export_checkpoint(folder, tmp_path / "a.zip")
    export_checkpoint(folder, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with pytest.raises(CheckpointError, match="is there already"):
        export_checkpoint(folder, tmp_path / "a.zip")


def test_a_broken_checkpoint_does_not_go_out(folder: Path, tmp_path: Path) -> None:
    (folder / "weights.safetensors").write_bytes(b"cut")
    with pytest.raises(CheckpointError, match="not those its card was written for"):
        export_checkpoint(folder, tmp_path / "one.zip")
    assert not (tmp_path / "one.zip").exists()


def test_it_is_called_as_the_user_says_and_never_twice_the_same(
    folder: Path, tmp_path: Path
) -> None:
    archive = zipped(folder, tmp_path / "one.zip")
    assert import_checkpoint(archive, tmp_path / "runs", name="ours.v2").run_id == "ours.v2"
    with pytest.raises(CheckpointError, match=r"checkpoint ours\.v2 already"):
        import_checkpoint(archive, tmp_path / "runs", name="ours.v2")
    for name in ("", "..", "a/b", "-x", ".hidden", "a\nb", "x" * 81, "C:\\x"):
        with pytest.raises(CheckpointError, match="cannot be a checkpoint's name"):
            import_checkpoint(archive, tmp_path / "runs", name=name)


@pytest.mark.parametrize(
    "name",
    ["../model_card.json", "/etc/passwd", "sub/weights.safetensors", "x.pth", "Model_card.json",
     "model_card.json\x00.txt", "run.json"],
)  # fmt: skip
def test_a_name_that_is_not_ours_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        for needed in NEEDED:
            archive.write(folder / needed, needed)
        entry = zipfile.ZipInfo("x" * len(name))
        archive.writestr(entry, b"hello")
    content = (tmp_path / "one.zip").read_bytes()
    spoilt = content.replace(b"x" * len(name), name.encode())
    (tmp_path / "one.zip").write_bytes(spoilt)
    with pytest.raises(CheckpointError, match=r"no part of a checkpoint|twice|not a whole zip"):
        import_checkpoint(tmp_path / "one.zip", tmp_path / "runs")
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        archive.write(folder / "model_card.json", "model_card.json")
        link = zipfile.ZipInfo("weights.safetensors")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(CheckpointError, match=r"'weights\.safetensors' is a link or no plain file"):
        import_checkpoint(tmp_path / "one.zip", tmp_path / "runs")


def test_one_name_twice_is_refused(folder: Path, tmp_path: Path) -> None:
    archive = zipped(folder, tmp_path / "one.zip")
    with zipfile.ZipFile(archive, "a") as opened, pytest.warns(UserWarning, match="Duplicate name"):
        opened.writestr("model_card.json", "{}")
    with pytest.raises(CheckpointError, match=r"holds 'model_card\.json' twice"):
        import_checkpoint(archive, tmp_path / "runs")


def test_a_bomb_is_refused_before_it_is_unpacked(folder: Path, tmp_path: Path) -> None:
    archive = zipped(folder, tmp_path / "one.zip", **{"fidelity.json": b"0" * (5 * 2**20)})
    assert archive.stat().st_size < 2**20
    with pytest.raises(CheckpointError, match=r"'fidelity\.json' would be 5 MB; at most 4 MB"):
        import_checkpoint(archive, tmp_path / "runs")


def test_an_entry_larger_than_the_archive_says_is_refused(folder: Path, tmp_path: Path) -> None:
    archive = zipped(folder, tmp_path / "one.zip", **{"stress.json": b"0" * 3_000_000})
    # The central directory and the entry's own header both claim 100 bytes.
    lying = archive.read_bytes().replace(struct.pack("<I", 3_000_000), struct.pack("<I", 100))
    archive.write_bytes(lying)
    with pytest.raises(CheckpointError, match=r"not a whole zip|larger than the archive says"):
        import_checkpoint(archive, tmp_path / "runs")
    assert list((tmp_path / "runs").iterdir()) == []


def newer_card(folder: Path) -> None:
    path = folder / "model_card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 99}))


def pickled_weights(folder: Path) -> None:
    path = folder / "weights.safetensors"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}q\x00.")
    card_of(folder)


def wrong_shapes(folder: Path) -> None:
    save_file({"trunk.fc.bias": torch.zeros(3)}, folder / "weights.safetensors")
    card_of(folder)


def other_weights(folder: Path) -> None:
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")


def card_of(folder: Path) -> None:
    """The card made to agree with whatever weights lie beside it."""
    path = folder / "model_card.json"
    write_card(
        replace(read_card(path), weights_sha256=sha256_of(folder / "weights.safetensors")), path
    )


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (newer_card, "has schema version 99"),
        (pickled_weights, "not a safetensors file .* other formats can carry code"),
        (wrong_shapes, "do not fit its card"),
        (other_weights, "not those its card was written for"),
    ],
)
def test_a_checkpoint_that_would_not_load_never_appears(
    folder: Path, tmp_path: Path, spoil: Callable[[Path], None], complaint: str
) -> None:
    spoil(folder)
    archive = zipped(folder, tmp_path / "one.zip")
    with pytest.raises(CheckpointError, match=complaint) as found:
        import_checkpoint(archive, tmp_path / "runs")
    assert str(found.value).startswith("one.zip was not taken.")
    assert ".importing" not in str(found.value)
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("operating_points.jsonl", b"[]\n", "operating points .* cannot be read"),
        ("model_points.jsonl", b"[]\n", "operating points .* cannot be read"),
        ("predictions.csv", b"to,from\n", "no rows|lacks"),
        ("predictions.csv", b"\xff\xfe", "not a readable CSV"),
        ("embeddings.safetensors", b"nothing", "embeddings .* cannot be read"),
    ],
)
def test_what_lies_beside_the_card_is_checked_too(
    folder: Path, tmp_path: Path, name: str, content: bytes, complaint: str
) -> None:
    archive = zipped(folder, tmp_path / "one.zip", **{name: content})
    with pytest.raises(CheckpointError, match=complaint):
        import_checkpoint(archive, tmp_path / "runs")


def test_what_is_no_zip_or_cut_or_lacks_a_file_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"There is no file .*gone\.zip"):
        import_checkpoint(tmp_path / "gone.zip", tmp_path / "runs")
    (tmp_path / "text.zip").write_text("Dear colleague")
    whole = zipped(folder, tmp_path / "one.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    for name in ("text.zip", "cut.zip"):
        with pytest.raises(CheckpointError, match=f"{name} is not a whole zip file"):
            import_checkpoint(tmp_path / name, tmp_path / "runs")
    with zipfile.ZipFile(tmp_path / "half.zip", "w") as archive:
        archive.write(folder / "model_card.json", "model_card.json")
    with pytest.raises(CheckpointError, match=r"holds no weights\.safetensors"):
        import_checkpoint(tmp_path / "half.zip", tmp_path / "runs")
