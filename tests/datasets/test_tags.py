from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from mammo_core.datasets.tags import change_tag, identity_of, read_tags, tag_column
from mammo_core.errors import ConfigError, TableError


def test_tags_are_given_and_taken_back(tmp_path: Path) -> None:
    root = tmp_path / "tags"
    assert read_tags(root, "set") == {}
    change_tag(root, "set", "clip", ["a", "b"], is_removed=False)
    change_tag(root, "set", "blurred", ["b"], is_removed=False)
    assert read_tags(root, "set") == {"a": ("clip",), "b": ("blurred", "clip")}
    change_tag(root, "set", "clip", ["a", "b"], is_removed=True)
    assert read_tags(root, "set") == {"b": ("blurred",)}
    assert read_tags(root, "another set") == {}


def test_tags_follow_the_images_and_neither_their_labels_nor_their_order() -> None:
    rows = pd.DataFrame({"image_id": ["a", "b"], "label": ["cancer", "no cancer"]})
    assert identity_of(rows) == identity_of(rows[::-1].assign(label="no cancer"))
    assert identity_of(rows) != identity_of(rows[:1])


def test_writers_at_the_same_time_lose_no_tag(tmp_path: Path) -> None:
    def tag(number: int) -> None:
        change_tag(tmp_path, "set", f"tag {number % 3}", [f"image {number}"], is_removed=False)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(tag, range(24)))
    assert len(read_tags(tmp_path, "set")) == 24


def test_a_table_is_cut_by_its_tags_and_the_rest_has_none() -> None:
    tags = {"a": ("blurred", "clip"), "b": ("clip",)}
    cut = tag_column(pd.Series(["a", "b", "c"]), tags)
    assert cut.tolist() == ["blurred, clip", "clip", "no tag"]


@pytest.mark.parametrize(
    ("text", "kind"), [('{"clip": "a"}', TableError), ('{"clip', ConfigError), ("[]", ConfigError)]
)
def test_a_damaged_list_of_tags_is_refused_in_words(
    tmp_path: Path, text: str, kind: type[Exception]
) -> None:
    (tmp_path / "set.json").write_text(text, encoding="utf-8")
    with pytest.raises(kind, match=r"set\.json"):
        read_tags(tmp_path, "set")
