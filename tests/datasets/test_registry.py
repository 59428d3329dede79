"""The list of data sets: what goes in comes out, and a name is never a path."""

from pathlib import Path

import pytest

from mammo_core.datasets.dataset import (
    Registered,
    forget,
    list_registered,
    register,
)
from mammo_core.errors import ConfigError

OURS = Registered(name="Ours", folder="/data/ours", adapter="csv", label_rule="as labelled")


def test_nothing_is_registered_at_first(tmp_path: Path) -> None:
    assert list_registered(tmp_path / "datasets") == []


def test_a_registered_set_is_found_again(tmp_path: Path) -> None:
    register(tmp_path / "datasets", OURS)
    assert list_registered(tmp_path / "datasets") == [OURS]


def test_registering_a_name_again_replaces_it(tmp_path: Path) -> None:
    register(tmp_path, OURS)
    moved = Registered(name="Ours", folder="/elsewhere", adapter="csv", label_rule="as labelled")
    register(tmp_path, moved)
    assert list_registered(tmp_path) == [moved]


def test_sets_come_by_name(tmp_path: Path) -> None:
    for name in ("Zebra", "Antelope"):
        register(tmp_path, Registered(name=name, folder="/d", adapter="csv", label_rule="r"))
    assert [entry.name for entry in list_registered(tmp_path)] == ["Antelope", "Zebra"]


def test_a_forgotten_set_is_gone_and_the_others_stay(tmp_path: Path) -> None:
    register(tmp_path, OURS)
    register(tmp_path, Registered(name="Theirs", folder="/d", adapter="csv", label_rule="r"))
    forget(tmp_path, "Theirs")
    forget(tmp_path, "never there")
    assert list_registered(tmp_path) == [OURS]


@pytest.mark.parametrize("name", ["../../escape", "/etc/passwd", "a/b", "x" * 500, "Ödöma"])
def test_a_name_never_leaves_the_folder(tmp_path: Path, name: str) -> None:
    root = tmp_path / "datasets"
    register(root, Registered(name=name, folder="/d", adapter="csv", label_rule="r"))
    assert [path.parent for path in tmp_path.rglob("*.json")] == [root]
    assert [entry.name for entry in list_registered(root)] == [name]


def test_a_set_needs_a_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no name"):
        register(tmp_path, Registered(name="  ", folder="/d", adapter="csv", label_rule="r"))


def test_a_broken_entry_is_named(tmp_path: Path) -> None:
    register(tmp_path, OURS)
    (entry,) = tmp_path.glob("*.json")
    entry.write_text("{half")
    with pytest.raises(ConfigError, match=entry.name):
        list_registered(tmp_path)
