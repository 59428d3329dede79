"""What a heatmap of the shipped checkpoint is worth, on synthetic women it has never seen."""

from pathlib import Path

import pytest

from mammo_core.datasets.dataset import read_dataset
from mammo_core.explain.fidelity import Explained, check_fidelity, summarise
from mammo_core.explain.methods import get_method
from mammo_core.files import shipped_checkpoints_root
from mammo_core.inference.checkpoint import load_checkpoint
from tests.phantoms import put_phantoms


@pytest.mark.slow
def test_it_points_into_the_lesion_far_more_often_than_chance(tmp_path: Path) -> None:
    checkpoint = load_checkpoint(shipped_checkpoints_root() / "phantom-light")
    put_phantoms(tmp_path, women=18, seed=8128, size=(512, 256))
    table = check_fidelity(
        Explained(model=checkpoint.model, card=checkpoint.card, method=get_method("grad_cam")),
        read_dataset(tmp_path),
        most=12,
        seed=0,
    )
    assert table is not None
    found = summarise(
        table, method="grad_cam", dataset="set", split="all", seed=0,
        measured_at="2026-01-01T00:00:00+00:00", card_sha256="0" * 64,
    )  # fmt: skip
    assert found.images == 12
    assert found.pointing.chance < 0.15
    assert found.pointing.gain > 0.3
    assert found.pointing.beats_chance
    assert not found.is_worthless
    assert found.pointing_of_shuffled < 0.3
