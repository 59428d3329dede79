"""Kept features: whole or not at all, and no more of them than there is room for."""

import os
from pathlib import Path

import numpy as np
import pytest

from mammo_core.errors import DiskError, RunError
from mammo_core.training.features import FeatureStore, features_root, make_room, open_store
from tests.full_disk import room_for


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))


def numbers(*values: float) -> np.ndarray:
    return np.array([[value, -value] for value in values], dtype=np.float16)


def test_rows_are_found_by_image_whichever_segment_they_lie_in() -> None:
    store = open_store(front="f" * 64, look=None)
    assert store.missing(["a", "b", "a"]).tolist() == [0, 1]  # of equal images one is enough
    store.add(["a", "b"], numbers(1, 2))
    store.add(["c"], numbers(3))
    assert store.missing(["c", "d", "a"]).tolist() == [1]
    kept = store.open(["c", "a", "b", "a"])
    assert kept.take(np.array([0, 1, 3, 2])).tolist() == numbers(3, 1, 1, 2).tolist()


def test_half_a_segment_counts_for_nothing() -> None:
    store = open_store(front="f" * 64, look=None)
    store.add(["a"], numbers(1))
    store.add(["b"], numbers(2))
    first, second = sorted(store.folder.glob("*.f2"))
    first.with_suffix(".json").unlink()  # killed before the record was written
    second.write_bytes(second.read_bytes()[:-1])  # a disk that lied
    assert store.missing(["a", "b"]).tolist() == [0, 1]
    with pytest.raises(RunError, match="Features of 2 of 2 images are gone"):
        store.open(["a", "b"])


def filled(front: str, *, age: int) -> FeatureStore:
    store = open_store(front=front * 64, look=None)
    store.add(["a"], np.zeros((1, 50), dtype=np.float16))  # 100 bytes
    os.utime(store.folder.parent, (1_000_000 - age, 1_000_000 - age))
    return store


def test_what_was_used_longest_ago_makes_room_and_never_what_is_in_use() -> None:
    stores = {front: filled(front, age=age) for front, age in (("a", 30), ("b", 20), ("c", 10))}
    stores["a"].open(["a"])  # used now
    make_room(100, keep="c" * 64, most=300)
    assert {folder.name[0] for folder in features_root().iterdir()} == {"a", "c"}
    make_room(10_000, keep="c" * 64, most=300)
    assert {folder.name[0] for folder in features_root().iterdir()} == {"c"}


def test_a_disk_without_room_is_said_before_anything_is_asked() -> None:
    with pytest.raises(RunError, match=r"need 1048576.0 GB, but .* has only"):
        make_room(2**50, keep="f" * 64)


def test_a_disk_that_fills_up_meanwhile_is_said_and_nothing_half_is_kept() -> None:
    store = open_store(front="f" * 64, look=None)
    with room_for(1), pytest.raises(DiskError, match=r"no room left .*cached_variants") as caught:
        store.add(["a"], numbers(1))
    assert "None" not in str(caught.value)
    assert str(store.folder) not in str(caught.value)
    assert store.missing(["a"]).tolist() == [0]
