"""A woman is known again by what is on her images, and within one data set by her number."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from mammo_core.runs.folder import RunFolder
from mammo_core.runs.sidecars import learnt_from, read_seen, write_seen
from mammo_core.training.data import ImageSet
from mammo_core.training.lineage import seen_table
from mammo_core.types import Split
from tests.training.made_up import squares


def of_women(*women: str, seed: int) -> ImageSet:
    images = squares(len(women), seed=seed)
    return replace(images, manifest=images.manifest.assign(group_id=list(women)))


SPLITS = {
    Split.TRAIN: of_women("ann", "ann", "bea", seed=1),
    Split.VAL: of_women("cleo", seed=2),
    Split.TEST: of_women("dora", seed=3),
}
SEEN = seen_table(SPLITS, dataset="a set")


def women(dataset: str, *names: str, contents: tuple[str, ...] = ()) -> pd.DataFrame:
    table = pd.DataFrame({"dataset": dataset, "group_id": list(names)}, dtype="string")
    return table.assign(content=list(contents)) if contents else table


def test_women_of_training_and_validation_are_learnt_from_and_those_of_the_test_are_not() -> None:
    told = learnt_from(SEEN, women("a set", "ann", "bea", "cleo", "dora", "eva"))
    assert told == ["ann", "bea", "cleo"]


def test_the_same_number_in_another_data_set_is_another_woman() -> None:
    assert learnt_from(SEEN, women("another set", "ann", "bea")) == []


def test_the_same_image_under_another_number_is_the_same_woman() -> None:
    contents = (SPLITS[Split.TRAIN].contents[1], SPLITS[Split.TEST].contents[0])
    assert learnt_from(SEEN, women("another set", "w1", "w2", contents=contents)) == ["w1"]


def test_an_export_made_anew_clears_nobody() -> None:
    again = women("/elsewhere/a set", *SEEN["group_id"]).assign(image_id=list(SEEN["image_id"]))
    others = again.assign(content=[f"another {name}" for name in SEEN["image_id"]])
    assert learnt_from(SEEN, others) == ["ann", "bea", "cleo"]


def test_what_was_learnt_from_before_is_handed_on(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert read_seen(run) is None
    own = seen_table({Split.TRAIN: of_women("fay", seed=4)}, dataset="another set")
    write_seen(own, SEEN, run.file("seen.csv"))
    seen = read_seen(run)
    assert seen is not None
    assert learnt_from(seen, women("a set", "ann", "dora")) == ["ann"]
    assert learnt_from(seen, women("another set", "fay", "ann")) == ["fay"]
