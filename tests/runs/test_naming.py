"""What a run is called, and where that is kept."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mammo_core.config import DataConfig, EvaluateConfig, RunConfig, save_settings
from mammo_core.datasets.dataset import Registered, register
from mammo_core.errors import RunError
from mammo_core.files import datasets_root, shipped_checkpoints_root
from mammo_core.runs.card import write_card
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.runs.jobs import elapsed_seconds, remaining_seconds
from mammo_core.runs.naming import (
    ABOUT_NAME,
    About,
    is_archived,
    last_name,
    read_about,
    run_title,
    short_titles,
    titles_of,
    why_no_predictions,
    write_about,
)
from mammo_core.training.recipes import get_recipe
from mammo_core.training.series import create_series, default_title, fold_configs
from mammo_core.types import CANCER, RunState
from tests.predictions import made_up_card

RUN = "20261128-101500-light_cnn-aaaa"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunConfig:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    data = DataConfig(folder="/srv/data/women", adapter="phantom_set", label_rule="lesion")
    return get_recipe("smoke").configure(data, CANCER)


def made(root: Path, run_id: str, config: RunConfig) -> RunFolder:
    run = RunFolder(root / run_id)
    run.path.mkdir(parents=True)
    save_settings(config, run.settings_file)
    run.write_status(RunStatus(state=RunState.FINISHED))
    return run


def test_a_run_is_called_by_its_network_its_data_and_its_day(
    tmp_path: Path, config: RunConfig
) -> None:
    run = made(tmp_path, RUN, config)
    write_card(replace(made_up_card(RUN), title="Light CNN, Women"), run.card_file)
    assert run_title(run) == "Light CNN on women, 28 Nov"


def test_what_somebody_calls_it_is_kept_beside_the_settings_and_not_in_them(
    tmp_path: Path, config: RunConfig
) -> None:
    run = made(tmp_path, RUN, config)
    before = run.settings_file.read_bytes()
    write_about(run, About(title=" My  best ", notes="at night ", tags=("a", " ", "a", "b ")))
    assert run_title(run) == "My best"
    assert read_about(run) == About(title="My best", notes="at night", tags=("a", "b"))
    assert run.settings_file.read_bytes() == before


def test_a_name_too_long_for_its_places_is_refused(tmp_path: Path, config: RunConfig) -> None:
    run = made(tmp_path, RUN, config)
    with pytest.raises(RunError, match=r"The name has 81 letters; at most 80 fit"):
        write_about(run, About(title="a" * 81))
    assert not run.file(ABOUT_NAME).exists()


def test_an_evaluation_is_called_by_its_model_and_its_data(
    tmp_path: Path, config: RunConfig
) -> None:
    model = made(tmp_path / "runs", RUN, config)
    write_about(model, About(title="My best"))
    job = RunFolder(tmp_path / "runs" / "20261129-090000-evaluate-bbbb")
    job.path.mkdir()
    save_settings(
        EvaluateConfig(checkpoint=RUN, folder="/x/others", adapter="csv_folder", label_rule="c"),
        job.settings_file,
    )
    assert run_title(job) == "My best on others, 29 Nov"


def test_equal_names_are_told_apart_and_the_oldest_keeps_its_own(
    tmp_path: Path, config: RunConfig
) -> None:
    ids = ["20261128-130000-x-cccc", "20261128-120000-x-bbbb", "20261128-110000-x-aaaa"]
    runs = [made(tmp_path, run_id, config) for run_id in ids]
    for run in runs:
        write_about(run, About(title="Same"))
    assert titles_of(runs) == {ids[0]: "Same (3)", ids[1]: "Same (2)", ids[2]: "Same"}


def test_equal_names_of_two_questions_are_told_apart_by_the_question(
    tmp_path: Path, config: RunConfig
) -> None:
    cancer, density = (made(tmp_path, name, config) for name in ("one", "other"))
    write_card(replace(made_up_card("one"), title="Five together"), cancer.card_file)
    asked = replace(CANCER, name="density")
    write_card(replace(made_up_card("other", task=asked), title="Five together"), density.card_file)
    assert set(titles_of([cancer, density]).values()) == {
        "Five together (cancer)",
        "Five together (density)",
    }


def test_two_models_of_one_card_are_told_apart_by_what_they_came_as(
    tmp_path: Path, config: RunConfig
) -> None:
    ours = RunFolder(shipped_checkpoints_root() / "phantom-light")
    theirs = made(tmp_path, "hospital b", config)
    write_card(ours.card(), theirs.card_file)
    titles = titles_of([ours, theirs])
    assert titles == {
        "phantom-light": f"{ours.card().title} (ships with Mammoscope)",
        "hospital b": f"{ours.card().title} (hospital b)",
    }
    assert short_titles(titles) == {
        "phantom-light": "Light CNN (ships with Mammoscope)",
        "hospital b": "Light CNN (hospital b)",
    }


def test_why_a_model_has_no_predictions_depends_on_how_it_came(
    tmp_path: Path, config: RunConfig
) -> None:
    run = made(tmp_path, RUN, config)
    for state, told in (
        (RunState.RUNNING, "has no predictions yet. Wait until"),
        (RunState.STOPPED, "ended before it scored anything. Resume it on Train"),
    ):
        run.write_status(RunStatus(state=state))
        run.file("heartbeat").touch()
        assert told in why_no_predictions(run)
    came = made(tmp_path, "light", config)
    write_card(replace(made_up_card("light"), title="Their model"), came.card_file)
    assert why_no_predictions(came).startswith("Their model came without predictions. Score a")


def test_a_damaged_file_hides_nothing_and_says_what_to_do(
    tmp_path: Path, config: RunConfig
) -> None:
    run = made(tmp_path, RUN, config)
    run.file(ABOUT_NAME).write_text('{"title":')
    assert not is_archived(run)
    assert run_title(run) == RUN
    with pytest.raises(RunError, match=r"breaks off.*Delete about\.json"):
        read_about(run)


def test_every_fold_is_called_by_its_place_and_by_the_registered_name(
    tmp_path: Path, config: RunConfig
) -> None:
    (tmp_path / "women").mkdir()
    entry = Registered(
        name="Our women", folder=str(tmp_path / "women"), adapter="phantom_set", label_rule="l"
    )
    register(datasets_root(), entry)
    config = replace(config, data=replace(config.data, folder=entry.folder))
    now = datetime(2026, 11, 28, tzinfo=UTC)
    assert default_title(config, now=now) == "Light CNN (from scratch) on Our women, 28 Nov"
    runs = create_series(fold_configs(config, 2), tmp_path / "runs", title="Mine")
    assert [run_title(run) for run in runs] == ["Mine, fold 1 of 2", "Mine, fold 2 of 2"]
    assert "Mine" not in json.dumps(runs[0].document())


@pytest.mark.parametrize(
    ("folder", "name"),
    [("/srv/data/women/", "women"), ("C:\\x\\women", "women"), ("Our women", "Our women")],
)
def test_a_folder_is_called_by_its_last_name(folder: str, name: str) -> None:
    assert last_name(folder) == name


def test_what_is_left_is_as_fast_as_it_has_been(tmp_path: Path, config: RunConfig) -> None:
    run = made(tmp_path, "20261128-100000-x-aaaa", config)
    run.beat()
    begun = datetime(2026, 11, 28, 10, tzinfo=UTC).timestamp()
    os.utime(run.file("heartbeat"), (begun + 60, begun + 60))
    assert elapsed_seconds(run, now=begun + 500) == 60.0  # to its last sign of life
    status = RunStatus(state=RunState.RUNNING, done=2, total=10)
    assert remaining_seconds(status, 60.0) == 240.0
    assert remaining_seconds(replace(status, done=0), 60.0) is None
    assert remaining_seconds(replace(status, state=RunState.STOPPED), 60.0) is None
    assert elapsed_seconds(RunFolder(tmp_path / "named"), now=begun) is None


def test_a_short_name_keeps_the_network_and_what_tells_a_run_apart() -> None:
    twice = "Light CNN (from scratch) on women, 29 Nov"
    titles = {
        "a": twice,
        "b": f"{twice} (2)",
        "c": "Light CNN (from scratch), Synthetic mammograms",
        "d": "MobileNetV2, 5 together, RSNA 2022 images, re-exported (cancer)",
        "e": "MobileNetV2, 5 together, RSNA 2022 images, re-exported (density)",
        "f": "MobileNetV2, DDSM films with one lesion box each",
        "g": "20260101-000000-tiny_cnn-abcd",
    }
    assert short_titles(titles) == {
        "a": "Light CNN on women",
        "b": "Light CNN (2)",
        "c": "Light CNN, Synthetic mammograms",
        "d": "MobileNetV2 (cancer)",
        "e": "MobileNetV2 (density)",
        "f": "MobileNetV2, DDSM films with one…",
        "g": "20260101-000000-tiny_cnn-abcd",
    }


def test_short_names_that_would_be_alike_are_the_whole_names() -> None:
    long = "A name that somebody gave and that does not fit in a narrow place"
    titles = {"a": f"{long} anywhere, one", "b": f"{long} of this page anywhere, one"}
    assert short_titles(titles) == titles
