"""The case list where it stands: at a threshold, of one part, of two models, with tags."""

import shutil
from pathlib import Path

import pytest

from mammo_core.config import DataConfig, ModelConfig, RunConfig, save_settings
from mammo_core.datasets.dataset import Registered, read_dataset, register
from mammo_core.datasets.tags import change_tag, identity_of
from mammo_core.files import datasets_root, tags_root
from mammo_core.preprocessing.phantoms.women import write_phantom_set
from mammo_core.runs.folder import RunFolder
from tests.pages.conftest import OpenPage, show_section
from tests.pages.listed import listed_cases
from tests.predictions import made_up_predictions, write_run

RUN = "20260101-000000-tiny_cnn-aaaa"
OTHER = "20260101-000000-tiny_cnn-bbbb"


@pytest.fixture
def run(runs_root: Path) -> RunFolder:
    return write_run(runs_root, RUN, made_up_predictions(women=40, with_cancer=20))


def test_mistakes_are_listed_with_the_missed_first_and_the_furthest_before_the_nearer(
    open_page: OpenPage, run: RunFolder
) -> None:
    page = open_page("thresholds")
    page.query_params["threshold"] = "0.5"
    page.segmented_control(key="judge").set_value("Mistakes").run()
    assert not page.exception
    cases = listed_cases(page)
    outcomes = [case["facts"]["outcome"] for case in cases]
    missed = outcomes.count("missed")
    assert 0 < missed < len(outcomes)
    assert outcomes == ["missed"] * missed + ["false alarm"] * (len(outcomes) - missed)
    scores = [case["score"] for case in cases]
    assert scores[:missed] == sorted(scores[:missed])
    assert scores[missed:] == sorted(scores[missed:], reverse=True)
    assert all(score < 0.5 for score in scores[:missed])
    assert all(case["chips"] == [case["key"][-1], "CC", "MLO"] for case in cases)


def test_the_cases_of_a_part_are_those_it_was_counted_from(
    open_page: OpenPage, run: RunFolder
) -> None:
    page = open_page("thresholds")
    page.query_params["threshold"] = "0.5"
    page.segmented_control(key="judge").set_value("Slices").run()
    page.pills(key="slice").set_value("B").run()
    assert not page.exception
    cases = listed_cases(page)
    assert len(cases) == 2 * 10  # both breasts of every fourth woman
    assert {case["facts"]["density"] for case in cases} == {"B"}


def test_all_that_is_tagged_is_a_part_of_its_own_also_what_has_another_tag(
    open_page: OpenPage, runs_root: Path, tmp_path: Path
) -> None:
    write_phantom_set(tmp_path / "set", women=4, seed=3, size=(64, 32))
    register(
        datasets_root(),
        Registered(
            name="four", folder=str(tmp_path / "set"), adapter="phantom_set", label_rule="lesion"
        ),
    )
    manifest = read_dataset(tmp_path / "set").manifest
    table = made_up_predictions(women=4, with_cancer=2)
    table = table.assign(image_id=manifest["image_id"])
    run = write_run(runs_root, RUN, table)
    data = DataConfig(folder="four", adapter="phantom_set", label_rule="lesion")
    save_settings(RunConfig(data=data, model=ModelConfig(backbone="tiny_cnn")), run.settings_file)
    identity = identity_of(tmp_path / "set", manifest)
    tagged = list(manifest["image_id"][:8])
    change_tag(tags_root(), identity, "clip", tagged, is_removed=False)
    change_tag(tags_root(), identity, "hard", tagged[:2], is_removed=False)
    moved = tmp_path / "moved"
    shutil.move(tmp_path / "set", moved)
    register(
        datasets_root(),
        Registered(name="four", folder=str(moved), adapter="phantom_set", label_rule="lesion"),
    )
    page = open_page("thresholds")
    page.query_params["threshold"] = "0.5"
    page.segmented_control(key="count_level").set_value("image").run()
    page.segmented_control(key="judge").set_value("Slices").run()
    page.segmented_control(key="cut").set_value("tag").run()
    assert page.pills(key="slice").options == ["clip", "hard", "no tag"]
    page.pills(key="slice").set_value("clip").run()
    assert not page.exception
    cases = listed_cases(page)
    assert sorted(case["key"] for case in cases) == sorted(tagged)
    assert sorted(len(case["tags"]) for case in cases) == [1] * 6 + [2] * 2
    first = manifest.sort_values("image_id")["path"].iloc[0]
    (moved / first).rename(moved / "away")
    page.segmented_control(key="judge").set_value("Mistakes").run()
    assert not page.exception
    assert listed_cases(page)
    assert any("could not be read" in one.value for one in page.caption)


def test_disagreements_of_two_models_are_listed_furthest_apart_first(
    open_page: OpenPage, run: RunFolder, runs_root: Path
) -> None:
    write_run(runs_root, OTHER, made_up_predictions(women=40, with_cancer=20, seed=1))
    page = open_page("compare")
    show_section(page, "Disagreements")
    assert not page.exception
    cases = listed_cases(page)
    apart = [case["facts"]["apart"] for case in cases]
    assert len(cases) == 80
    assert apart == sorted(apart, reverse=True)
    assert apart[0] > apart[-1]
