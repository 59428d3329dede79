import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from mammo_core.errors import RunError
from mammo_core.files import REPOSITORY, shipped_checkpoints_root
from mammo_core.runs.folder import MEMBERS_NAME, RunFolder, card_hash
from mammo_core.runs.operating_points import (
    MARGINS_FILE,
    MODEL_POINTS_FILE,
    OPENINGS_FILE,
    POINTS_FILE,
    LockedPoint,
    Promise,
    lock_point,
    locked_points,
    point_in_force,
    unlock_point,
)
from mammo_core.runs.sidecars import COST_FILE, LATENCY_FILE
from mammo_core.scores import Recalibration, ScoreMap
from mammo_core.types import Level
from tests.predictions import made_up_predictions, write_run


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return write_run(tmp_path, "20260101-000000-tiny_cnn-lock", made_up_predictions(women=4))


def point_of(run: RunFolder, threshold: float = 0.4) -> LockedPoint:
    return LockedPoint(
        threshold=threshold,
        level=Level.BREAST,
        pooling="max",
        calibration="none",
        split="val",
        dataset="made-up women",
        aim="sensitivity at least 0.9",
        promise=Promise(found=9, positives=10, left_alone=70, negatives=90),
        locked_at="2026-01-01T00:00:00+00:00",
        card_sha256=card_hash(run),
    )


def test_the_last_point_is_in_force_and_the_first_is_kept(run: RunFolder) -> None:
    assert point_in_force(run) is None
    lock_point(run, point_of(run, 0.4))
    lock_point(run, point_of(run, 0.6))
    assert [point.threshold for point in locked_points(run)] == [0.4, 0.6]
    assert point_in_force(run) == point_of(run, 0.6)


def test_an_unlocked_point_is_out_of_force_and_stays_written_down(run: RunFolder) -> None:
    lock_point(run, point_of(run, 0.4))
    lock_point(run, point_of(run, 0.6))
    unlock_point(run, now="2026-01-02T00:00:00+00:00")
    assert point_in_force(run) is None
    assert [point.threshold for point in locked_points(run)] == [0.4, 0.6]
    lock_point(run, point_of(run, 0.6))
    assert point_in_force(run) == point_of(run, 0.6)


def test_what_users_lock_and_unlock_goes_before_what_comes_with_the_model(run: RunFolder) -> None:
    ships = replace(point_of(run, 0.4), comes_with_model=True)
    lock_point(run, ships)
    assert point_in_force(run) == ships
    lock_point(run, point_of(run, 0.6))
    lock_point(run, ships)  # as an update brings it, after users have decided
    assert point_in_force(run) == point_of(run, 0.6)
    assert locked_points(run) == [ships, ships, point_of(run, 0.6)]
    unlock_point(run, now="2026-01-02T00:00:00+00:00")
    assert point_in_force(run) is None


def test_points_of_the_model_that_an_older_version_kept_among_the_users_own_count_once(
    run: RunFolder,
) -> None:
    ships = replace(point_of(run, 0.4), comes_with_model=True)
    lock_point(run, ships)
    run.file(POINTS_FILE).write_bytes(run.file(MODEL_POINTS_FILE).read_bytes())
    lock_point(run, point_of(run, 0.6))
    assert locked_points(run) == [ships, point_of(run, 0.6)]


def test_what_comes_with_the_model_can_be_unlocked(run: RunFolder) -> None:
    lock_point(run, replace(point_of(run), comes_with_model=True))
    shipped = run.file(MODEL_POINTS_FILE).read_bytes()
    unlock_point(run, now="2026-01-02T00:00:00+00:00")
    assert point_in_force(run) is None
    assert run.file(MODEL_POINTS_FILE).read_bytes() == shipped


@pytest.mark.parametrize("name", ["phantom-light", "rsna-density", "rsna-mobilenetv2"])
def test_git_sees_nothing_of_what_users_write_beside_a_model_that_ships(
    name: str, tmp_path: Path
) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    run = RunFolder(tmp_path / "checkpoints" / name)
    run.path.mkdir(parents=True)
    shutil.copy(REPOSITORY / ".gitignore", tmp_path)
    for file in ("model_card.json", MODEL_POINTS_FILE):
        shutil.copy(shipped_checkpoints_root() / name / file, run.path)

    def git(*words: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *words]
        return subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "As it ships")
    assert f"checkpoints/{name}/{MODEL_POINTS_FILE}" in git("ls-files")
    ships = point_in_force(run)
    assert ships is not None
    assert ships.comes_with_model
    lock_point(run, point_of(run, 0.6))
    assert point_in_force(run) == point_of(run, 0.6)
    for file in (OPENINGS_FILE, MARGINS_FILE, LATENCY_FILE, COST_FILE):
        run.file(file).write_text("{}\n")
    assert git("status", "--porcelain") == ""


def test_what_is_not_locked_cannot_be_unlocked(run: RunFolder) -> None:
    with pytest.raises(RunError, match="so none can be unlocked"):
        unlock_point(run, now="2026-01-02T00:00:00+00:00")


def test_the_map_of_a_recalibration_is_kept_with_its_point(run: RunFolder) -> None:
    score_map = ScoreMap(kind=Recalibration.PLATT, prevalence=0.3, slope=2.0, intercept=-1.0)
    point = replace(point_of(run), calibration="Platt", score_map=score_map)
    lock_point(run, point)
    assert point_in_force(run) == point


def test_a_point_locked_before_maps_were_kept_is_still_read(run: RunFolder) -> None:
    lock_point(run, replace(point_of(run), calibration="Platt"))
    lines = run.file(POINTS_FILE)
    lines.write_text(lines.read_text().replace(', "score_map": null', ""))
    found = point_in_force(run)
    assert found is not None
    assert (found.calibration, found.score_map) == ("Platt", None)


def test_a_point_of_an_ensemble_belongs_to_its_members(run: RunFolder) -> None:
    run.file("model_card.json").rename(run.file(MEMBERS_NAME))
    point = point_of(run)
    lock_point(run, point)
    assert point_in_force(run) == point
    run.file(MEMBERS_NAME).write_text("others")
    assert point_in_force(run) is None


def test_a_point_of_another_card_is_not_in_force(run: RunFolder) -> None:
    lock_point(run, replace(point_of(run), card_sha256="f" * 64))
    assert point_in_force(run) is None


def test_a_line_still_being_written_is_left_for_later(run: RunFolder) -> None:
    lock_point(run, point_of(run))
    with run.file(POINTS_FILE).open("a") as stream:
        stream.write('{"threshold": 0.')
    assert point_in_force(run) == point_of(run)


def test_a_broken_line_is_told_in_words(run: RunFolder) -> None:
    run.file(POINTS_FILE).write_text('{"threshold": "high"}\n')
    with pytest.raises(RunError, match="operating points of 20260101-000000-tiny_cnn-lock"):
        point_in_force(run)


def test_a_run_without_a_card_has_no_operating_point(run: RunFolder) -> None:
    point = point_of(run)
    run.file("model_card.json").unlink()
    with pytest.raises(RunError, match="no model card"):
        lock_point(run, point)
    with pytest.raises(RunError, match="moved or deleted"):
        card_hash(run)
    assert point_in_force(run) is None
