from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mammo_core.errors import CheckpointError
from mammo_core.inference.checkpoint import load_checkpoint
from mammo_core.inference.ensembles import Joined, card_of, find_members, join_readings, join_scores
from mammo_core.inference.scoring import score_images
from mammo_core.metrics.ensemble import Averaging, Ensemble, Member
from mammo_core.reading import Reading
from mammo_core.runs.card import read_card
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.scores import Recalibration, ScoreMap
from mammo_core.types import CANCER, ImageInfo, ImageRef, Mammogram, RunState
from tests.inference.made_up import card, write_checkpoint

AS_IT_IS = ScoreMap(kind=Recalibration.PLATT, prevalence=0.5)


@pytest.fixture
def members(tmp_path: Path) -> list[RunFolder]:
    """Two checkpoints of other random weights."""
    found = []
    for seed, name in enumerate(("first", "second")):
        run = RunFolder(tmp_path / name)
        run.path.mkdir()
        write_checkpoint(run.path, seed=seed)
        run.write_status(RunStatus(state=RunState.FINISHED))
        found.append(run)
    return found


def ensemble_of(members: list[RunFolder]) -> Ensemble:
    return Ensemble(
        method=Averaging.MEAN,
        members=tuple(
            Member(
                run_id=run.run_id,
                weights_sha256=read_card(run.file("model_card.json")).weights_sha256,
                score_map=AS_IT_IS,
                reference=(0.1, 0.2),
            )
            for run in members
        ),
    )


def read(members: list[RunFolder]) -> list[Reading]:
    rows, columns = np.mgrid[0:64, 0:32]
    pixels = np.clip(1 - np.hypot(rows - 32, columns) / 28, 0, 1).astype(np.float32)
    info = ImageInfo(ref=ImageRef(image_id="one"), kind="made up", bits=8)
    image = Mammogram(info=info, pixels=pixels)
    return [score_images(load_checkpoint(run.path), [image])[0] for run in members]


def test_an_ensemble_reads_with_the_mean_score_and_the_mean_map(members: list[RunFolder]) -> None:
    one, other = read(members)
    ensemble = ensemble_of(members)
    (joined,) = join_scores(ensemble, [[one.score], [other.score]])
    both = join_readings("both", joined, [one, other], CANCER)
    assert both.score == pytest.approx((one.score + other.score) / 2)
    assert both.probabilities == pytest.approx((1 - both.score, both.score))
    np.testing.assert_allclose(both.evidence, (one.evidence + other.evidence) / 2, rtol=1e-6)
    assert (both.model_id, both.geometry) == ("both", one.geometry)


def test_probabilities_follow_the_score_of_the_ensemble(members: list[RunFolder]) -> None:
    readings = [replace(one, probabilities=(1.0, 0.0)) for one in read(members)]
    both = join_readings("both", Joined(score=0.25, members=(0.2, 0.3)), readings, CANCER)
    assert both.probabilities == pytest.approx((0.75, 0.25))


def test_one_relative_map_makes_the_mean_relative(members: list[RunFolder]) -> None:
    one, other = read(members)
    both = join_readings(
        "both", Joined(score=0.5, members=(0.5,)), [one, replace(other, is_relative=True)], CANCER
    )
    assert both.is_relative


def test_what_one_member_does_not_know_stamps_the_reading_of_all(members: list[RunFolder]) -> None:
    one, other = read(members)
    both = join_readings(
        "both", Joined(score=0.5, members=(0.5,)), [replace(one, outside=""),
        replace(other, outside="Never seen.")], CANCER,
    )  # fmt: skip
    assert both.outside == "Never seen."


def test_members_are_found_in_their_order_and_a_missing_one_is_named(
    members: list[RunFolder], tmp_path: Path
) -> None:
    ensemble, here = ensemble_of(members[::-1]), RunFolder(tmp_path / "both")
    found = find_members(here, ensemble, tmp_path)
    assert [run.run_id for run in found] == ["second", "first"]
    members[0].path.rename(tmp_path.parent / f"{tmp_path.name}-elsewhere")
    with pytest.raises(CheckpointError, match="both cannot read: its member first is not here"):
        find_members(here, ensemble, tmp_path)


def test_a_member_with_other_weights_is_refused(members: list[RunFolder], tmp_path: Path) -> None:
    ensemble = ensemble_of(members)
    write_checkpoint(members[1].path, seed=7)
    with pytest.raises(CheckpointError, match="second has other weights"):
        find_members(RunFolder(tmp_path / "both"), ensemble, tmp_path)


def test_the_card_of_an_ensemble_knows_no_more_than_its_narrowest_member(
    members: list[RunFolder],
) -> None:
    plain = card("0" * 64)
    first = replace(
        plain,
        limits=("A.", "B."),
        data=replace(plain.data, seen="digital", title="Women", file_kinds=("DICOM", "picture")),
    )
    second = replace(
        plain,
        limits=("B.",),
        data=replace(plain.data, file_kinds=("picture",)),
        model=replace(plain.model, views=2),
    )
    both = card_of("both", ensemble_of(members), [first, second], members_sha256="f" * 64)
    assert (both.model_id, both.weights_sha256) == ("both", "f" * 64)
    assert "mean of 2 models (first, second)" in both.title
    assert both.data.seen == "synthetic"
    assert both.model.views == 2
    assert both.data.title == "Women and None"
    assert both.data.file_kinds == ("picture",)
    assert both.limits[1:] == ("A.", "B.")
    assert "calibrated on its own validation images" in both.limits[0]
