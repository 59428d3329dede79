"""Women are dealt out whole, evenly by class, the same way for the same seed."""

from dataclasses import replace

import pandas as pd
import pytest

from mammo_core.config import DataConfig
from mammo_core.datasets.splits import (
    chosen_by,
    find_leak,
    original_of,
    split_as_set,
    stamps_of,
    with_copies,
    with_folds,
    with_image_splits,
    with_splits,
)
from mammo_core.errors import TableError
from mammo_core.tables import check_manifest
from mammo_core.types import CANCER


def forty_women(**columns: object) -> pd.DataFrame:
    """Two images each; every fourth woman has cancer."""
    rows = [
        {
            "image_id": f"{woman}-{image}",
            "path": f"{woman}-{image}.png",
            "patient_id": f"W{woman:02d}",
            "label": "cancer" if woman % 4 == 0 else "no cancer",
        }
        for woman in range(40)
        for image in range(2)
    ]
    return check_manifest(pd.DataFrame(rows).assign(**columns))


def split(
    manifest: pd.DataFrame,
    *,
    seed: int = 0,
    is_official_split: bool = True,
    stratify_by: str | None = None,
    is_leak_allowed: bool = False,
) -> pd.DataFrame:
    return with_splits(
        manifest,
        task=CANCER,
        val_fraction=0.2,
        test_fraction=0.3,
        seed=seed,
        is_official_split=is_official_split,
        stratify_by=stratify_by,
        is_leak_allowed=is_leak_allowed,
    )


def women(manifest: pd.DataFrame, *, label: str) -> dict[str, int]:
    counted = manifest[manifest["label"] == label].groupby("split")["group_id"].nunique()
    return {str(name): int(count) for name, count in counted.items()}


def test_every_split_gets_its_share_of_women_with_and_without_cancer() -> None:
    result = split(forty_women())
    assert women(result, label="cancer") == {"train": 5, "val": 2, "test": 3}
    assert women(result, label="no cancer") == {"train": 15, "val": 6, "test": 9}


def test_no_woman_is_in_two_splits() -> None:
    result = split(forty_women())
    assert (result.groupby("group_id")["split"].nunique() == 1).all()


def test_the_seed_alone_decides_whatever_the_order_of_rows() -> None:
    manifest = forty_women()
    first = split(manifest).set_index("image_id")["split"]
    again = split(manifest.iloc[::-1]).set_index("image_id")["split"]
    other = split(manifest, seed=1).set_index("image_id")["split"]
    assert first.equals(again[first.index])
    assert not first.equals(other[first.index])


def test_an_image_without_a_label_is_in_no_split() -> None:
    manifest = forty_women()
    manifest.loc[0, "label"] = pd.NA
    assert split(manifest)["split"].isna().tolist() == [True] + [False] * 79


def test_an_official_split_is_kept_and_validation_comes_from_its_training_women() -> None:
    official = ["test" if row < 24 else "train" for row in range(80)]
    result = split(forty_women(split=official))
    assert (result["split"] == "test").tolist() == [row < 24 for row in range(80)]
    assert women(result, label="cancer") == {"test": 3, "train": 5, "val": 2}
    assert women(result, label="no cancer") == {"test": 9, "train": 17, "val": 4}


def test_an_official_split_can_be_left_aside() -> None:
    official = ["test" if row < 24 else "train" for row in range(80)]
    result = split(forty_women(split=official), is_official_split=False)
    assert women(result, label="cancer") == {"train": 5, "val": 2, "test": 3}


def test_a_split_without_cancer_is_refused() -> None:
    manifest = forty_women()
    manifest["label"] = ["cancer"] * 2 + ["no cancer"] * 78
    with pytest.raises(TableError, match="Every split needs both classes"):
        split(manifest)


def machines(women: int) -> list[str]:
    """Two images a woman; of four women in a row one is of machine B."""
    return ["B" if (row // 2) % 4 == 1 else "A" for row in range(2 * women)]


def test_every_split_gets_its_share_of_every_machine() -> None:
    result = split(forty_women(machine=machines(40)), stratify_by="machine")
    of_machine_b = result[result["machine"] == "B"]
    counted = of_machine_b.groupby("split")["group_id"].nunique()
    assert counted.to_dict() == {"train": 5, "val": 2, "test": 3}
    assert women(result, label="cancer") == {"train": 5, "val": 2, "test": 3}


def test_ages_are_cut_into_thirds_before_they_stratify() -> None:
    result = split(forty_women(age=[40.0 + row // 2 for row in range(80)]), stratify_by="age")
    means = result.groupby("split")["age"].mean()
    assert means.max() - means.min() < 5


def test_a_column_nobody_filled_cannot_stratify() -> None:
    with pytest.raises(TableError, match="cannot be stratified by density: no image tells it"):
        split(forty_women(), stratify_by="density")


def test_folds_are_whole_women_and_hold_as_many_of_each_class() -> None:
    result = with_folds(forty_women(), task=CANCER, folds=5, seed=0)
    assert (result.groupby("group_id")["fold"].nunique() == 1).all()
    counted = result.groupby(["fold", "label"])["group_id"].nunique().unstack()
    assert counted["cancer"].tolist() == [2] * 5
    assert counted["no cancer"].tolist() == [6] * 5


def test_more_folds_than_women_with_cancer_are_refused() -> None:
    with pytest.raises(TableError, match="one class has 10"):
        with_folds(forty_women(), task=CANCER, folds=11, seed=0)


def test_images_of_one_group_without_a_known_woman_stay_together() -> None:
    """Copies of an image share a group, though no woman is known."""
    manifest = forty_women().assign(patient_id=pd.NA)
    result = with_folds(manifest, task=CANCER, folds=2, seed=0)
    assert (result.groupby("group_id")["fold"].nunique() == 1).all()


def test_an_official_split_that_leaks_is_refused_and_can_be_forced() -> None:
    leaky = forty_women(split=["train", "test"] * 40)
    with pytest.raises(TableError, match="40 of 40 patients are in more than one split"):
        split(leaky)
    forced = split(leaky, is_leak_allowed=True)
    assert find_leak(forced).stamp == "leaky split: 40 of 40 women are in several splits"
    assert find_leak(split(leaky, is_official_split=False)).stamp == ""


def test_a_split_by_image_leaks_and_says_so() -> None:
    result = with_image_splits(
        forty_women(), task=CANCER, val_fraction=0.2, test_fraction=0.3, seed=0
    )
    assert result["split"].value_counts().to_dict() == {"train": 40, "val": 16, "test": 24}
    leak = find_leak(result)
    assert leak
    assert len(leak.groups) > 15
    assert leak.of_groups == 40


DATA = DataConfig(
    folder="made up", adapter="csv_folder", label_rule="as-written", val_fraction=0.2,
    test_fraction=0.3,
)  # fmt: skip
BY_IMAGE = replace(DATA, unit="image", is_leak_allowed=True)


def test_mistakes_on_purpose_have_to_be_asked_for_by_name() -> None:
    asked = replace(DATA, unit="image", has_copies=True, is_test_validation=True)
    (problem,) = asked.check()
    assert problem.startswith(
        "data.unit=image and data.has_copies and data.is_test_validation makes results that mean "
        "nothing."
    )
    assert replace(asked, is_leak_allowed=True).check() == []
    assert "Folds are cut by woman" in replace(BY_IMAGE, folds=5).check()[0]
    assert "Copies before the split" in replace(BY_IMAGE, unit="woman", has_copies=True).check()[0]


def test_a_run_may_deal_out_images_and_is_stamped() -> None:
    result = split_as_set(forty_women(), BY_IMAGE, CANCER)
    assert result["split"].value_counts().to_dict() == {"train": 40, "val": 16, "test": 24}
    (stamp,) = stamps_of(result, BY_IMAGE)
    assert stamp.startswith("leaky split: ")
    assert stamps_of(split_as_set(forty_women(), DATA, CANCER), DATA) == ()


def test_copies_before_the_split_bring_test_images_into_training() -> None:
    copied = with_copies(forty_women(), CANCER)
    labels = copied["label"].value_counts().to_dict()
    assert labels == {"no cancer": 60, "cancer": 60}
    assert copied["image_id"].is_unique
    assert {original_of(name) for name in copied["image_id"]} == set(forty_women()["image_id"])
    data = replace(BY_IMAGE, has_copies=True)
    result = split_as_set(forty_women(), data, CANCER)
    tested, learnt = (result["split"] == "test"), (result["split"] != "test")
    shared = result.loc[tested, "path"].isin(result.loc[learnt, "path"]).sum()
    assert shared > 10
    assert (
        f"{shared} of {tested.sum()} test images are also learnt from" in stamps_of(result, data)[1]
    )


def test_copies_are_of_whichever_class_is_rarer() -> None:
    mostly_cancer = forty_women().assign(label=lambda t: t["label"].map(SWAPPED))
    assert with_copies(mostly_cancer, CANCER)["label"].value_counts().to_dict() == {
        "no cancer": 60, "cancer": 60,
    }  # fmt: skip


SWAPPED = {"cancer": "no cancer", "no cancer": "cancer"}


def test_where_the_test_images_choose_the_epoch_nobody_validates() -> None:
    official = forty_women().assign(
        split=lambda t: t["patient_id"].map(lambda name: "test" if name < "W12" else "train")
    )
    data = replace(DATA, is_test_validation=True, is_leak_allowed=True)
    result = split_as_set(official, data, CANCER)
    assert result["split"].value_counts().to_dict() == {"train": 56, "test": 24}
    assert len(chosen_by(result, data)) == 24
    assert stamps_of(result, data) == (
        "leaky split: the 24 test images chose the epoch, so results on them flatter",
    )


def test_a_smaller_share_of_the_training_women_lies_within_a_larger() -> None:
    """Of 40 women 23 or 24 are trained on, a quarter of them with cancer."""
    data = DataConfig(folder="", adapter="", label_rule="")
    whole = split_as_set(forty_women(), data, CANCER)
    trained: list[set[str]] = []
    for share in (0.25, 0.5, 0.75, 1.0):
        dealt = split_as_set(forty_women(), replace(data, train_share=share), CANCER)
        learnt = dealt[dealt["split"] == "train"]
        trained.append(set(learnt["group_id"]))
        assert (learnt.groupby("group_id").size() == 2).all()  # women are whole
        assert women(learnt, label="cancer")["train"] >= 1
        others = dealt["split"].isin(["val", "test"])
        assert dealt[others].equals(whole[whole["split"].isin(["val", "test"])])
    assert trained[0] < trained[1] < trained[2] < trained[3]
    sizes = [len(one) / len(trained[3]) for one in trained]
    assert sizes == pytest.approx([0.25, 0.5, 0.75, 1.0], abs=0.09)


def test_a_share_below_a_hundredth_is_refused() -> None:
    data = DataConfig(folder="", adapter="", label_rule="", train_share=0.0)
    assert "Train share is 0.0; it must lie between 0.01 and 1." in data.check()
