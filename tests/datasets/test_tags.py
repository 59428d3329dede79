import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from mammo_core.datasets.tags import change_tag, identity_of, read_tags, tag_column
from mammo_core.errors import ConfigError, MammoError, TableError


def test_tags_are_given_and_taken_back(tmp_path: Path) -> None:
    root = tmp_path / "tags"
    assert read_tags(root, "set") == {}
    change_tag(root, "set", "clip", ["a", "b"], is_removed=False)
    change_tag(root, "set", "blurred", ["b"], is_removed=False)
    assert read_tags(root, "set") == {"a": ("clip",), "b": ("blurred", "clip")}
    change_tag(root, "set", "clip", ["a", "b"], is_removed=True)
    assert read_tags(root, "set") == {"b": ("blurred",)}
    assert read_tags(root, "another set") == {}


def a_set(root: Path, *contents: str) -> pd.DataFrame:
    root.mkdir()
    for number, content in enumerate(contents):
        (root / f"{number}.png").write_text(content, encoding="utf-8")
    ids = [f"image {number}" for number in range(len(contents))]
    return pd.DataFrame({"image_id": ids, "path": [f"{one[6:]}.png" for one in ids], "label": "a"})


def test_tags_follow_the_images_and_neither_their_labels_nor_their_order_nor_their_folder(
    tmp_path: Path,
) -> None:
    root = tmp_path / "set"
    rows = a_set(root, "one", "two")
    identity = identity_of(root, rows)
    assert identity == identity_of(root, rows[::-1].assign(label="b"))
    assert identity == identity_of(root.rename(tmp_path / "moved"), rows)
    assert identity != identity_of(tmp_path / "moved", rows[:1])


def test_two_sets_that_name_their_images_alike_have_tags_of_their_own(tmp_path: Path) -> None:
    first, second = (
        identity_of(tmp_path / name, a_set(tmp_path / name, "one", name)) for name in ("a", "b")
    )
    change_tag(tmp_path, first, "clip", ["image 0"], is_removed=False)
    assert read_tags(tmp_path, first) == {"image 0": ("clip",)}
    assert read_tags(tmp_path, second) == {}


def test_tags_that_were_kept_by_names_alone_are_still_found_and_go_on_under_the_new_name(
    tmp_path: Path,
) -> None:
    identity = identity_of(tmp_path / "set", a_set(tmp_path / "set", "one", "two"))
    names = hashlib.sha256(b"image 0\0image 1").hexdigest()[:32]
    (tmp_path / f"{names}.json").write_text('{"clip": ["image 0"]}', encoding="utf-8")
    assert read_tags(tmp_path, identity) == {"image 0": ("clip",)}
    change_tag(tmp_path, identity, "clip", ["image 0"], is_removed=True)
    assert read_tags(tmp_path, identity) == {}


def test_tags_that_were_kept_by_names_alone_go_to_the_first_set_that_is_tagged_anew(
    tmp_path: Path,
) -> None:
    first, second = (
        identity_of(tmp_path / name, a_set(tmp_path / name, "one", name)) for name in ("a", "b")
    )
    names = hashlib.sha256(b"image 0\0image 1").hexdigest()[:32]
    (tmp_path / f"{names}.json").write_text('{"clip": ["image 0"]}', encoding="utf-8")
    change_tag(tmp_path, first, "hard", ["image 1"], is_removed=False)
    assert read_tags(tmp_path, first) == {"image 0": ("clip",), "image 1": ("hard",)}
    assert read_tags(tmp_path, second) == {}


def test_a_set_whose_first_images_cannot_be_read_has_no_other_identity_but_a_reason(
    tmp_path: Path,
) -> None:
    rows = a_set(tmp_path / "set", "one", "two")
    (tmp_path / "set/1.png").rename(tmp_path / "away")
    with pytest.raises(MammoError, match=r"1\.png could not be read: .* cannot be opened"):
        identity_of(tmp_path / "set", rows)


@pytest.mark.parametrize("name", ["no tag", "Not known "])
def test_no_tag_is_called_as_a_part_that_is_none_but_one_that_is_can_be_taken_back(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(ConfigError, match="Choose other words"):
        change_tag(tmp_path, "set", name, ["a"], is_removed=False)
    (tmp_path / "set.json").write_text(f'{{"{name}": ["a"]}}', encoding="utf-8")
    change_tag(tmp_path, "set", name, ["a"], is_removed=True)
    assert read_tags(tmp_path, "set") == {}


def test_writers_at_the_same_time_lose_no_tag(tmp_path: Path) -> None:
    def tag(number: int) -> None:
        change_tag(tmp_path, "set", f"tag {number % 3}", [f"image {number}"], is_removed=False)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(tag, range(24)))
    assert len(read_tags(tmp_path, "set")) == 24


def test_a_table_is_cut_by_its_tags_and_the_rest_has_none() -> None:
    tags = {"a": ("blurred", "clip, coil"), "b": ("clip, coil",)}
    cut = tag_column(pd.Series(["a", "b", "c"], dtype="string"), tags)
    assert cut.tolist() == [("blurred", "clip, coil"), ("clip, coil",), ("no tag",)]


@pytest.mark.parametrize(
    ("text", "kind"), [('{"clip": "a"}', TableError), ('{"clip', ConfigError), ("[]", ConfigError)]
)
def test_a_damaged_list_of_tags_is_refused_in_words(
    tmp_path: Path, text: str, kind: type[Exception]
) -> None:
    (tmp_path / "set.json").write_text(text, encoding="utf-8")
    with pytest.raises(kind, match=r"set\.json"):
        read_tags(tmp_path, "set")
