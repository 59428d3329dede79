"""Kept pieces of scores are those of the very images, seen beside the very others."""

from pathlib import Path

import pytest

from mammo_core.datasets.dataset import read_dataset
from mammo_core.datasets.prepared import prepare_dataset
from mammo_core.inference.in_pieces import Scorer, _score_rows
from tests.inference.made_up import PREPARE, write_checkpoint
from tests.phantoms import put_phantoms


@pytest.mark.slow
def test_a_model_over_two_views_is_asked_anew_where_an_image_stands_beside_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    put_phantoms(tmp_path / "set", women=1, size=(128, 64))
    dataset = read_dataset(tmp_path / "set")
    prepare_dataset(dataset, PREPARE, processes=1, report=lambda *_: None)
    (tmp_path / "pair").mkdir()
    scorer = Scorer(checkpoint=write_checkpoint(tmp_path / "pair", views=2), root=dataset.root)
    rows = dataset.manifest
    turned = rows.assign(side="L", view="ML")  # so that each stands by itself
    _, first = _score_rows(scorer, rows)
    _, other = _score_rows(scorer, turned)
    _, again = _score_rows(scorer, rows)
    assert first == again
    assert first != other
