"""Women are dealt out whole, evenly by class, the same way for the same seed."""

import pandas as pd
import pytest

from mammo_core.datasets.splits import with_splits
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


def split(manifest: pd.DataFrame, *, seed: int = 0, is_official_split: bool = True) -> pd.DataFrame:
    return with_splits(
        manifest,
        task=CANCER,
        val_fraction=0.2,
        test_fraction=0.3,
        seed=seed,
        is_official_split=is_official_split,
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
    assert women(result, label="cancer") == {"test": 3, "train": 6, "val": 1}
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
