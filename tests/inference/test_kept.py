"""The kept readings of the samples are what the model says, and count for nothing else."""

import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mammo_core.files import samples_root, shipped_checkpoints_root
from mammo_core.inference.kept import (
    SAMPLE_READINGS,
    KeptReading,
    KeptReadings,
    Place,
    find_kept,
    keep_readings,
    place_of,
)
from mammo_core.preprocessing.cases import Case, load_case, store_case
from mammo_core.preprocessing.reading.read import keep_mammogram
from mammo_core.preprocessing.samples import list_samples, place_images
from mammo_core.runs.card import read_card, write_card
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.sidecars import read_one

METHOD = "grad_cam"


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    shutil.copytree(shipped_checkpoints_root() / "phantom-light", tmp_path / "copy")
    return RunFolder(tmp_path / "copy")


@pytest.fixture(scope="module")
def exam(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The first sample, as the page opens it."""
    root, sample = tmp_path_factory.mktemp("cases"), list_samples(samples_root())[0]
    files = [path.read_bytes() for path in sample.files]
    case = store_case(files, root, keep=keep_mammogram, now=time.time())
    place_images(root, case, sample)
    return load_case(root, case.case_id)


@pytest.fixture
def places(exam: Case) -> list[Place]:
    return [place_of(image.ref) for image in exam.images]


def test_the_kept_reading_of_every_sample_is_what_the_model_says(run: RunFolder) -> None:
    before = {one.ref.image_id: one for one in _all(run)}
    assert keep_readings(run, list_samples(samples_root())) == len(before) == 7
    for image_id, now in {one.ref.image_id: one for one in _all(run)}.items():
        then = before[image_id]
        assert now.score == pytest.approx(then.score, abs=1e-3)
        assert now.ref == then.ref
        np.testing.assert_allclose(now.evidence, then.evidence, atol=5e-3)
        np.testing.assert_allclose(now.embedding, then.embedding, atol=5e-3)
        assert len(now.inside) == len(then.inside)


def _all(run: RunFolder) -> tuple[KeptReading, ...]:
    kept = read_one(run, SAMPLE_READINGS, KeptReadings, what="readings")
    assert kept is not None
    return kept.readings


def test_the_exam_is_found_with_score_heatmap_and_regions(
    run: RunFolder, places: list[Place]
) -> None:
    found = find_kept(run, places, METHOD)
    assert found is not None
    assert list(found) == [image_id for image_id, *_ in places]
    for reading, regions in found.values():
        assert 0.0 <= reading.score <= 1.0
        assert reading.evidence.ndim == 2
        assert 0.0 <= regions.outside <= 1.0


def test_nothing_is_found_for_another_image_place_or_method(
    run: RunFolder, places: list[Place]
) -> None:
    (image_id, _, view), *others = places
    assert find_kept(run, [("0" * 64, "L", "CC")], METHOD) is None
    assert find_kept(run, [(image_id, "None", view), *others], METHOD) is None
    assert find_kept(run, places, "layer_cam") is None


def test_other_weights_or_another_card_make_it_count_for_nothing(
    run: RunFolder, places: list[Place]
) -> None:
    weights = run.file("weights.safetensors")
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert find_kept(run, places, METHOD) is None
    weights.write_bytes(content)
    assert find_kept(run, places, METHOD) is not None
    write_card(replace(read_card(run.card_file), title="another"), run.card_file)
    assert find_kept(run, places, METHOD) is None


def test_a_damaged_file_is_passed_over(run: RunFolder, places: list[Place]) -> None:
    run.file(SAMPLE_READINGS).write_text("{")
    assert find_kept(run, places, METHOD) is None
