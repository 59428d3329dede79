"""Where in a file the table of weights is found; and what is no such file."""

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mammo_core.errors import CheckpointError
from mammo_core.zoo.convert_pth import NAMES, table_in
from mammo_core.zoo.weights import tensors_in

TABLE = {"a.weight": torch.tensor([1.0, 2.0]), "a.bias": torch.tensor([3.0])}
WRONG = {"a.weight": torch.tensor([-1.0, -1.0]), "a.bias": torch.tensor([-1.0])}
AVERAGED = ("state_dict_ema", "state_dict")


def is_table(found: Mapping[str, Tensor]) -> bool:
    return found.keys() == TABLE.keys() and all(torch.equal(found[k], TABLE[k]) for k in TABLE)


@pytest.mark.parametrize("is_older", [False, True], ids=["zip", "of before 2020"])
@pytest.mark.parametrize(
    ("content", "names"),
    [
        (TABLE, NAMES),
        ({"model": TABLE}, NAMES),
        ({"net": {"state_dict": TABLE}}, NAMES),
        ({"model": TABLE, "best_loss": torch.tensor(0.1)}, NAMES),
        ({"state_dict": WRONG, "state_dict_ema": TABLE}, AVERAGED),
        ({"state_dict_ema": None, "state_dict": TABLE}, AVERAGED),
        ({"state_dict_ema": {}, "state_dict": TABLE}, AVERAGED),
        ({"model": TABLE, "args": argparse.Namespace(lr=0.1)}, NAMES),
        ({"model": TABLE, "predictions": np.zeros(3), "auc": np.float64(0.8)}, NAMES),
    ],
    ids=["bare", "wrapped", "wrapped twice", "a number beside", "averaged first", "no averages",
         "empty averages", "settings beside", "arrays beside"],
)  # fmt: skip
def test_the_table_of_weights_is_found_among_what_scripts_save(
    tmp_path: Path, content: object, names: tuple[str, ...], is_older: bool
) -> None:
    torch.save(content, tmp_path / "it.pt", _use_new_zipfile_serialization=not is_older)
    assert is_table(table_in(tmp_path / "it.pt", names))


class Unknown:
    """Of a kind that nobody has allowed."""


@pytest.mark.parametrize("is_older", [False, True], ids=["zip", "of before 2020"])
def test_a_file_that_asks_for_anything_else_is_not_opened(tmp_path: Path, is_older: bool) -> None:
    content = {"model": TABLE, "beside": Unknown()}
    torch.save(content, tmp_path / "it.pt", _use_new_zipfile_serialization=not is_older)
    with pytest.raises(Exception, match="Unknown"):
        table_in(tmp_path / "it.pt")


def test_a_broken_safetensors_file_is_said_to_be_one(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{" + b"x" * 40)
    with pytest.raises(CheckpointError, match=r"model\.safetensors is not a safetensors file"):
        tensors_in(file)
