"""What a card counted again is held by, and how it is put back, on a model that ships."""

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from mammo_core.errors import DiskError, MammoError, RunError
from mammo_core.files import shipped_checkpoints_root, sweep_scratch
from mammo_core.inference.kept import SAMPLE_READINGS
from mammo_core.inference.locking import lock_by_aim
from mammo_core.metrics.threshold import Aim
from mammo_core.records import from_document, to_document
from mammo_core.runs.card import write_card
from mammo_core.runs.folder import BASELINES_NAME, RunFolder, card_hash
from mammo_core.runs.measured import (
    FIDELITY_FILE,
    STRESS_FILE,
    Froc,
    add_fidelity,
    add_froc,
    add_stress,
    fidelity_of,
    froc_of,
    stress_of,
)
from mammo_core.runs.operating_points import (
    MODEL_POINTS_FILE,
    OPENINGS_FILE,
    POINTS_FILE,
    LockedPoint,
    WrittenMargin,
    locked_points,
    margins_of,
    note_opening,
    openings_of,
    point_in_force,
    unlock_point,
    write_margin,
)
from mammo_core.runs.sidecars import Latency, read_cost, read_latency, record_cost, write_latency
from mammo_core.shipping.put_back import copy_of, counted_in, hashes_of, put_back
from mammo_core.shipping.recount import (
    Recounted,
    Sources,
    _lock_again,
    _lock_late,
    _points_in,
    compare,
    compare_words,
    recount,
)
from tests.full_disk import room_for

NOW = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """One of the user's own, with a threshold, a stress test and heatmaps measured."""
    folder = tmp_path / "runs" / "mine"
    ignored = shutil.ignore_patterns(POINTS_FILE, OPENINGS_FILE, "*.zip")  # what one did here
    shutil.copytree(shipped_checkpoints_root() / "phantom-light", folder, ignore=ignored)
    return RunFolder(folder)


def count_otherwise(copy: RunFolder, *, limits: tuple[str, ...] = ("Counted again.",)) -> None:
    """As a count leaves the copy: another card, its thresholds, and its own stress test alone."""
    (test, *_), kept = stress_of(copy), locked_points(copy)
    for name in (STRESS_FILE, FIDELITY_FILE, MODEL_POINTS_FILE, POINTS_FILE):
        copy.file(name).unlink(missing_ok=True)
    card = copy.card()
    write_card(replace(card, limits=(*limits, *card.limits)), copy.card_file)
    table = pd.read_csv(copy.predictions_file)
    table.assign(engine="counted again").to_csv(copy.predictions_file, index=False)
    _lock_again(copy, kept)
    add_stress(copy, replace(test, measured_at=NOW, card_sha256=card_hash(copy)))


def write_what_was_counted(run: RunFolder) -> str:
    """The hash of the card before."""
    with copy_of(run, is_beside=True) as copy:
        before, counted_before = hashes_of(copy), card_hash(copy)
        count_otherwise(copy)
        put_back(run, copy, counted=counted_in(copy), before=before)
    assert card_hash(run) != counted_before
    return counted_before


def test_a_guess_that_was_changed_is_told(tmp_path: Path) -> None:
    kept = RunFolder(shipped_checkpoints_root() / "phantom-light")
    found = RunFolder(tmp_path / kept.run_id)
    shutil.copytree(kept.path, found.path, ignore=shutil.ignore_patterns("*.safetensors", "*.zip"))
    figures = list(compare(kept, found))
    assert all(one.is_same for one in figures)
    assert any(one.name.startswith("heatmaps by grad_cam, ") for one in figures)

    guesses = pd.read_csv(found.file(BASELINES_NAME))
    own = guesses["model_id"].eq("baseline: grey levels") & guesses["split"].eq("test")
    best = guesses[own & guesses["positive"]]["score"].idxmax()
    guesses.loc[best, ["score", "p_cancer", "p_no cancer"]] = [0.0, 0.0, 1.0]
    guesses.to_csv(found.file(BASELINES_NAME), index=False)
    others = [one for one in compare(kept, found) if not one.is_same]
    assert others
    assert {one.name.split(" by ")[0] for one in others} == {"baseline: grey levels"}
    assert any(one.name == "baseline: grey levels by image: value" for one in others)


def test_two_thresholds_of_one_aim_are_told_apart(run: RunFolder, tmp_path: Path) -> None:
    first = point_in_force(run)
    assert first is not None
    lines = [to_line(replace(first, threshold=value)) for value in (0.1, 0.9)]
    run.file(MODEL_POINTS_FILE).write_text("".join(lines), encoding="utf-8")
    other = RunFolder(tmp_path / "other")
    shutil.copytree(run.path, other.path)
    lines[0] = to_line(replace(first, threshold=0.2))
    other.file(MODEL_POINTS_FILE).write_text("".join(lines), encoding="utf-8")
    (moved,) = [one for one in compare(run, other) if not one.is_same]
    assert (moved.kept, moved.found) == (0.1, 0.2)
    assert moved.name.startswith(f"threshold for {first.aim} by {first.level}")


def to_line(point: LockedPoint) -> str:
    return json.dumps(to_document(point)) + "\n"


@pytest.mark.parametrize(
    ("kept", "found", "is_same"),
    [
        (2743, 2743, True),
        (2743, 2748, False),  # images are counted, not measured
        (0.7043, 0.7044, True),
        (0.704, 0.708, False),
        (0.5, None, False),
        ("| train | 2,743 | 0.704 |", "| train | 2,743 | 0.705 |", True),
        ("| train | 2,743 | 0.704 |", "| train | 2,748 | 0.704 |", False),
        ("Chance alone can explain +0.05.", "Chance alone can explain +0.06.", True),
        ("Chance alone can explain +0.05.", "Chance alone can explain +0.07.", False),
        ("as 7f18afc1", "as 7f18afc2", False),
    ],
)
def test_counts_are_held_exactly_and_measures_but_for_rounding(
    kept: float | str, found: float | str | None, is_same: bool
) -> None:
    assert Recounted(name="made up", kept=kept, found=found).is_same == is_same


def test_words_are_held_line_by_line_whatever_the_day() -> None:
    kept = "# A\n\nMeasured 29 Nov 2026:\n\n- AUC 0.701 of 9 women\n- Gone\n\nEnd\n"
    found = "# A\n\nMeasured 3 Dec 2026:\n\n- AUC 0.801 of 9 women\n\nEnd\n"
    told = [(one.kept, one.found) for one in compare_words(kept, found) if not one.is_same]
    assert told == [("- AUC 0.701 of 9 women", "- AUC 0.801 of 9 women"), ("- Gone", None)]
    assert len(list(compare_words(kept, found))) == 5


def test_what_belongs_to_the_model_counts_for_its_card_when_that_is_written_anew(
    run: RunFolder,
) -> None:
    (test,), (maps,) = stress_of(run), fidelity_of(run)
    add_stress(run, replace(test, dataset="elsewhere"))
    add_fidelity(run, replace(maps, method="score_cam"))
    kept = json.loads(
        (shipped_checkpoints_root() / "ddsm-lesions-mobilenetv2" / "froc.json").read_text("utf-8")
    )
    froc = from_document(kept[0], Froc, where="froc.json")
    add_froc(run, replace(froc, card_sha256=card_hash(run)))
    record_cost(run, run.card(), price=2.0, currency="EUR")
    write_latency(
        run,
        Latency(
            median_seconds=1.0, low_seconds=1.0, high_seconds=1.0, passes=3, engine="torch",
            device="cpu", cores=2, measured_at=NOW, card_sha256=card_hash(run),
        ),
    )  # fmt: skip
    note_opening(run, by="somebody", now=NOW)
    margin = WrittenMargin(
        claim="superior", figure="auc", margin=0.02, against="other", written_at=NOW,
        card_sha256=card_hash(run),
    )  # fmt: skip
    write_margin(run, margin)
    readings = json.loads(run.file(SAMPLE_READINGS).read_text("utf-8"))

    write_what_was_counted(run)
    assert [(one.dataset, one.measured_at == NOW) for one in stress_of(run)] == [
        (test.dataset, True),
        ("elsewhere", False),
    ]
    assert {one.method for one in fidelity_of(run)} == {maps.method, "score_cam"}
    assert len(json.loads(run.file(STRESS_FILE).read_text("utf-8"))) == 2
    assert [one.dataset for one in froc_of(run)] == [froc.dataset]
    assert read_cost(run) is not None
    assert read_latency(run) is not None
    assert [one.by for one in openings_of(run)] == ["somebody"]
    ((bound, _),) = margins_of(run, [run.path.parent])
    assert bound == replace(margin, card_sha256=card_hash(run))
    again = json.loads(run.file(SAMPLE_READINGS).read_text("utf-8"))
    assert again == {**readings, "card_sha256": card_hash(run)}


def test_what_is_locked_during_a_count_is_not_lost(run: RunFolder) -> None:
    shipped = point_in_force(run)
    assert shipped is not None
    with copy_of(run, is_beside=True) as copy:
        before, known = hashes_of(copy), [*_points_in(copy)]
        count_otherwise(copy)
        mine = lock_by_aim(run, Aim.SPECIFICITY, 0.8, level=None, is_conservative=False, now=NOW)
        note_opening(run, by="the page", now=NOW)
        _lock_late(run, copy, known)
        put_back(run, copy, counted=counted_in(copy), before=before)
    found = point_in_force(run)
    assert found == replace(mine, card_sha256=card_hash(run))
    assert [one.by for one in openings_of(run)] == ["the page"]

    locked = [shipped.threshold, mine.threshold]
    assert [one.threshold for one in locked_points(run)] == locked

    with copy_of(run, is_beside=True) as copy:
        before, known = hashes_of(copy), [*_points_in(copy)]
        count_otherwise(copy, limits=("Once more.",))
        unlock_point(run, now=NOW)
        _lock_late(run, copy, known)
        put_back(run, copy, counted=counted_in(copy), before=before)
    assert point_in_force(run) is None
    assert [one.threshold for one in locked_points(run)] == locked


def test_a_full_disk_leaves_the_model_as_it_was(run: RunFolder) -> None:
    card, weights = card_hash(run), run.weights_file.stat()
    points, predictions = locked_points(run), run.predictions_file.read_bytes()
    with copy_of(run, is_beside=True) as copy:
        before = hashes_of(copy)
        count_otherwise(copy)
        counted = counted_in(copy)
        with room_for(50_000), pytest.raises(DiskError, match="no room left"):
            put_back(run, copy, counted=counted, before=before)
        assert card_hash(run) == card
        assert run.predictions_file.read_bytes() == predictions
        assert (locked_points(run), len(stress_of(run))) == (points, 1)
        put_back(run, copy, counted=counted, before=before)
    after = run.weights_file.stat()
    assert (after.st_ino, after.st_mtime_ns) == (weights.st_ino, weights.st_mtime_ns)
    assert "counted again" in run.predictions_file.read_text(encoding="utf-8")


def test_an_end_before_the_card_is_there_leaves_its_thresholds_and_stress_test(
    run: RunFolder,
) -> None:
    points, (test,), kept = locked_points(run), stress_of(run), run.card_file.read_bytes()
    with copy_of(run, is_beside=True) as copy:
        before = hashes_of(copy)
        count_otherwise(
            copy, limits=("long " * 700,) * 9
        )  # longer than all that is written before it
        shutil.copyfile(run.predictions_file, copy.predictions_file)
        counted = counted_in(copy)
        with room_for(30_000), pytest.raises(DiskError, match="no room left"):
            put_back(run, copy, counted=counted, before=before)
        assert run.card_file.read_bytes() == kept
        assert (locked_points(run), stress_of(run)) == (points, [test])
        assert len(run.file(MODEL_POINTS_FILE).read_bytes().splitlines()) == 2 * len(points)
        put_back(run, copy, counted=counted, before=before)
    assert [one.threshold for one in locked_points(run)] == [one.threshold for one in points]
    assert [one.measured_at for one in stress_of(run)] == [NOW]
    assert len(run.file(MODEL_POINTS_FILE).read_bytes().splitlines()) == len(points)


def test_a_card_that_another_count_has_changed_is_not_overwritten(run: RunFolder) -> None:
    with copy_of(run, is_beside=True) as copy:
        before = hashes_of(copy)
        count_otherwise(copy)
        write_card(replace(run.card(), limits=("Another's.",)), run.card_file)
        with pytest.raises(RunError, match="changed while it was counted"):
            put_back(run, copy, counted=counted_in(copy), before=before)
    assert run.card().limits == ("Another's.",)


def test_the_copy_lies_beside_the_run_without_its_folders_and_is_swept_later(
    run: RunFolder,
) -> None:
    run.file("last").mkdir()
    run.file("last").joinpath("state.json").write_text("{}", encoding="utf-8")
    root = run.path.parent
    with copy_of(run, is_beside=True) as copy:
        assert copy.path.parent.parent == root
        assert copy.run_id == run.run_id
        assert not copy.file("last").exists()
        assert hashes_of(copy) == hashes_of(run)
        assert sweep_scratch(root) == 0
    assert [path.name for path in root.iterdir()] == [run.run_id]
    (root / ".counting-abcd1234" / "mine").mkdir(parents=True)
    assert sweep_scratch(root, now=4e9) == 1


@pytest.mark.parametrize("is_beside", [True, False])
def test_where_a_copy_finds_no_room_this_is_said_and_nothing_is_left(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_beside: bool
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    where = "runs" if is_beside else "temporary"
    told = pytest.raises(DiskError, match=f"to the folder '{where}': there is no room left")
    with room_for(100_000), told, copy_of(run, is_beside=is_beside):
        pytest.fail("There is no room for the weights.")
    assert [path.name for path in (tmp_path / where).iterdir()] == (["mine"] if is_beside else [])


def test_a_set_of_lesions_that_cannot_serve_is_told_before_anything_is_counted(
    run: RunFolder, tmp_path: Path
) -> None:
    counted: list[str] = []

    def note(done: int, total: int, message: str) -> None:
        counted.append(message)

    with pytest.raises(MammoError, match="no-films"):
        recount(
            run,
            Sources(folder=str(tmp_path / "no-images"), boxes=str(tmp_path / "no-films")),
            is_written=True,
            now=NOW,
            report=note,
        )
    assert counted == []
