"""A score one can follow in the head under stress: the brightest pixel, and one that cheats."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mammo_core.datasets.dataset import Dataset, read_dataset
from mammo_core.errors import TableError
from mammo_core.explain.closed_form import Head
from mammo_core.inference.checkpoint import Batch, Outputs
from mammo_core.inference.engine import Engine
from mammo_core.inference.judging import CHANGES, Stressed, rows_to_stress, stress, summarise
from mammo_core.partners import partners_of
from mammo_core.runs.measured import BREAST_BLANKED, StressTest
from mammo_core.runs.operating_points import LockedPoint, Promise
from mammo_core.types import CANCER, Level
from tests.inference.made_up import card
from tests.phantoms import put_phantoms


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("set")
    put_phantoms(folder, women=9, seed=3, size=(128, 64))
    return read_dataset(folder)


def middle_grey(images: Batch) -> Batch:
    """Log-odds: the mean of the 30 rows in the middle. Mirroring cannot change it."""
    return images[:, 0, 17:47].mean(axis=(1, 2)) * 10.0


def engine() -> Engine:
    def run(images: Batch) -> Outputs:
        odds = middle_grey(images)
        logits = np.stack([np.zeros_like(odds), odds], axis=1)
        return Outputs(logits=logits, feature_map=images, embedding=images[:, 0, 0])

    head = Head(pooling="avg", weight=np.zeros((2, 1)), bias=np.zeros(2))
    return Engine(name="by hand", run=run, head=head)


def point(threshold: float, calibration: str = "none") -> LockedPoint:
    return LockedPoint(
        threshold=threshold, level=Level.BREAST, pooling="max", calibration=calibration,
        split="val", dataset="set", aim="none",
        promise=Promise(found=1, positives=1, left_alone=1, negatives=1),
        locked_at="2026-01-01T00:00:00+00:00", card_sha256="0" * 64,
    )  # fmt: skip


@pytest.fixture(scope="module")
def scored(phantoms: Dataset) -> Stressed:
    found = stress(engine(), card("0" * 64), phantoms, most=36, seed=0)
    assert found is not None
    return found


def stressed(scored: Stressed, locked: LockedPoint | None) -> StressTest:
    return summarise(
        scored, locked, dataset="set", split="all", seed=0,
        measured_at="2026-01-01T00:00:00+00:00", card_sha256="0" * 64,
    )  # fmt: skip


@pytest.mark.slow
def test_every_change_is_told_with_its_interval_and_its_verdicts(scored: Stressed) -> None:
    found = stressed(scored, point(0.02))
    by_name = {result.name: result for result in found.results}
    assert list(by_name) == [change.name for change in CHANGES]
    assert (found.images, found.positive_images, found.women) == (36, 6, 9)
    assert found.sensitivity is not None
    assert found.sensitivity.total == 3  # breasts

    blanked = by_name[BREAST_BLANKED]
    assert blanked.auc == 0.5
    assert not blanked.tells_without_breast

    same = by_name["mirrored"]
    assert same.auc_change == pytest.approx(0.0, abs=0.02)
    assert same.verdicts is not None
    assert same.verdicts.flipped.count == 0

    brighter = by_name["window_narrower"].verdicts
    assert brighter is not None
    assert brighter.sensitivity.count >= found.sensitivity.count
    assert len(found.sentences) == 1 + len(CHANGES)
    assert f"an AUC of up to {blanked.auc_high:.2f} is not excluded" in found.sentences[1]
    assert "of 3, change" in found.sentences[1]  # what is still called without a breast


@pytest.mark.slow
def test_a_threshold_that_all_reach_flips_nothing(scored: Stressed) -> None:
    verdicts = {result.name: result.verdicts for result in stressed(scored, point(0.0)).results}
    assert all(one is not None and one.flipped.count == 0 for one in verdicts.values())


@pytest.mark.slow
def test_without_a_threshold_or_with_one_for_calibrated_scores_there_are_no_verdicts(
    scored: Stressed,
) -> None:
    for locked in (None, point(0.5, calibration="Platt")):
        found = stressed(scored, locked)
        assert found.threshold is None
        assert all(result.verdicts is None for result in found.results)
        assert "no verdicts" in found.sentences[0]


@pytest.mark.slow
def test_a_stop_is_heeded(phantoms: Dataset) -> None:
    assert (
        stress(engine(), card("0" * 64), phantoms, most=4, seed=0, should_stop=lambda: True) is None
    )


def manifest(labels: dict[str, str]) -> pd.DataFrame:
    """Two images a woman."""
    rows = [(f"{woman}{n}", woman, label) for woman, label in labels.items() for n in (1, 2)]
    return pd.DataFrame(rows, columns=["image_id", "group_id", "label"], dtype="string")


def test_women_with_and_without_cancer_are_drawn_in_turn_and_whole() -> None:
    ill, well = CANCER.positive[0], "no cancer"
    table = manifest({"A": well, "B": well, "C": well, "D": well, "E": ill, "F": ill})
    rows = rows_to_stress(table, CANCER, most=5, seed=0)
    assert len(rows) == 6
    women = rows["group_id"].drop_duplicates().tolist()
    assert [woman in ("E", "F") for woman in women] == [True, False, True]
    assert len(rows_to_stress(table, CANCER, most=100, seed=0)) == 12


def test_women_of_one_kind_are_refused() -> None:
    with pytest.raises(TableError, match="0 of 2 women have a positive image"):
        rows_to_stress(manifest({"A": "no cancer", "B": "no cancer"}), CANCER, most=9, seed=0)


@pytest.mark.slow
def test_a_result_that_tells_without_the_breast_is_called_out(scored: Stressed) -> None:
    found = stressed(scored, None)
    blanked = replace(found.results[0], auc=0.9, auc_low=0.8, auc_high=0.95)
    assert blanked.tells_without_breast
    words = replace(found, results=(blanked,)).sentences[1]
    assert "gives the label away" in words


@pytest.mark.slow
def test_both_views_of_a_breast_come_changed(phantoms: Dataset) -> None:
    seen: list[Batch] = []

    def run(pairs: Batch) -> Outputs:
        seen.append(pairs)
        return engine().run(pairs[:, 0])

    pair = card("0" * 64, views=2)
    found = stress(replace(engine(), run=run), pair, phantoms, most=36, seed=0)
    assert found is not None
    partners = partners_of(found.as_they_are)
    assert sorted(set(partners.tolist())) == list(range(36))  # every image has its other view
    for number, partner in enumerate(partners):
        np.testing.assert_array_equal(seen[number][:, 1], seen[partner][:, 0])
