import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mammo_core.errors import CheckpointError
from mammo_core.files import sha256_of
from mammo_core.inference.checkpoint import load_checkpoint
from mammo_core.runs.card import write_card
from tests.inference.made_up import card, write_checkpoint


def change_card(folder: Path, name: str, value: object) -> None:
    path = folder / "model_card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))


def flip_a_byte(folder: Path) -> None:
    path = folder / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def put_a_pickle(folder: Path) -> None:
    """What torch.save writes: a zip with a pickle in it. The card is made to agree with it."""
    path = folder / "weights.safetensors"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}q\x00.")
    write_card(card(sha256_of(path)), folder / "model_card.json")


def put_other_shapes(folder: Path) -> None:
    path = folder / "weights.safetensors"
    save_file({"trunk.fc.bias": torch.zeros(3)}, path)
    write_card(card(sha256_of(path)), folder / "model_card.json")


def put_no_number(folder: Path) -> None:
    path = folder / "weights.safetensors"
    tensors = load_file(path)
    tensors["trunk.fc.bias"][0] = float("nan")
    save_file(tensors, path)
    write_card(card(sha256_of(path)), folder / "model_card.json")


def name_an_unknown_backbone(folder: Path) -> None:
    path = folder / "model_card.json"
    path.write_text(path.read_text().replace('"light_cnn"', '"dark_cnn"'))


def test_a_checkpoint_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    checkpoint = load_checkpoint(write_checkpoint(tmp_path))
    assert checkpoint.card.model_id == "made-up"
    assert not checkpoint.model.training
    torch.manual_seed(0)
    again = load_checkpoint(write_checkpoint(tmp_path))
    images = torch.rand(2, 1, 64, 32)
    assert torch.equal(checkpoint.model(images), again.model(images))


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (flip_a_byte, "The file was changed or damaged"),
        (put_a_pickle, "is not a safetensors file .* other formats can carry code"),
        (put_other_shapes, "weights of .* do not fit its card"),
        (put_no_number, "1 of .* weights in .* hold what is no number .first: trunk.fc.bias"),
        (name_an_unknown_backbone, "There is no backbone named 'dark_cnn'"),
        (lambda folder: change_card(folder, "schema_version", 99), "has schema version 99"),
        (lambda folder: change_card(folder, "surprise", 1), "Unknown setting surprise"),
        (lambda folder: (folder / "model_card.json").unlink(), "has no model_card.json"),
        (lambda folder: (folder / "weights.safetensors").unlink(), "Was it copied in full"),
    ],
    ids=[
        "flipped byte",
        "pickle",
        "shapes",
        "NaN",
        "backbone",
        "newer",
        "foreign",
        "no card",
        "no file",
    ],
)
def test_anything_else_is_refused_in_words(
    tmp_path: Path, spoil: Callable[[Path], object], complaint: str
) -> None:
    folder = write_checkpoint(tmp_path)
    spoil(folder)
    with pytest.raises(CheckpointError, match=complaint):
        load_checkpoint(folder)
