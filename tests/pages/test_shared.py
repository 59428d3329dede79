"""What somebody else who shares the server sees of private runs and data sets, and may do to runs
that are shared: nothing. Tried as a colleague would who means harm.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mammo_core.config import DataConfig, EvaluateConfig, JudgeConfig, RunConfig
from mammo_core.datasets.dataset import Registered, file_of, register
from mammo_core.errors import MammoError, RunError, TableError
from mammo_core.files import datasets_root, measurements_root, owned_root
from mammo_core.metrics.margins import Claim, MarginOf
from mammo_core.reports.study.margins import written_margin
from mammo_core.runs.folder import RunFolder, find_run, list_runs
from mammo_core.runs.jobs import create_run
from mammo_core.runs.operating_points import margins_of, openings_of
from mammo_core.runs.sidecars import read_cost
from mammo_core.runs.verification import Verification, Verified
from mammo_core.sharing.owners import OF_DATA_SET, OF_RUN, read_owner, write_owner
from mammo_core.sharing.rights import Owner, Role, Visitor
from mammo_core.training.preflight import Fitting, write_fitting
from mammo_core.training.recipes import RECIPES, get_recipe
from mammo_core.training.series import fold_configs
from mammo_core.types import CANCER, Level, RunState
from mammo_core.worker import called_in_line
from pages.components.compare import beside, reports
from pages.components.shared import whose
from pages.components.shared.runs import dataset_of, name_of_data, verification_of_run
from pages.components.thresholds import lesions
from pages.components.train.form import FormOrigin
from pages.components.train.place import origins_seen, start_like
from tests.pages.conftest import OpenPage
from tests.pages.training_pages import register_phantoms, write_ended_run, write_finished_run
from tests.phantoms import put_phantoms

ANNA, BEN = (
    Visitor(name=name, role=Role.RESEARCHER, folder=letter * 16)
    for name, letter in (("anna", "a"), ("ben", "b"))
)
RITA = Visitor(name="rita", role=Role.READER, folder="c" * 16)
ROOT = Visitor(name="root", role=Role.ADMIN, folder="d" * 16)
SHARED = "20260101-000000-light-aaaa"
PRIVATE = "20260101-000001-light-bbbb"
JOIN = "Put the folds together"
As = Callable[[Visitor], None]


@pytest.fixture
def as_(monkeypatch: pytest.MonkeyPatch) -> As:
    def look(one: Visitor) -> None:
        monkeypatch.setattr("pages.components.shared.whose.visitor", lambda: one)

    return look


@pytest.fixture
def entry(tmp_path: Path, runs_root: Path) -> Registered:
    """Of Anna, and private."""
    found = register_phantoms(tmp_path / "set")
    own_data(found, is_private=True)
    return found


@pytest.fixture
def config(entry: Registered) -> RunConfig:
    """Its settings name the folder, as those do that the form makes."""
    data = DataConfig(folder=entry.folder, adapter=entry.adapter, label_rule=entry.label_rule)
    config = get_recipe("smoke").configure(data, CANCER)
    return replace(config, optim=replace(config.optim, epochs=300, batch_size=12))


def own_data(entry: Registered, *, is_private: bool) -> None:
    file = file_of(datasets_root(), entry.name).with_suffix(OF_DATA_SET)
    write_owner(file, Owner(folder=ANNA.folder, is_private=is_private))


def own_run(run: RunFolder, *, is_private: bool = False) -> RunFolder:
    write_owner(run.file(OF_RUN), Owner(folder=ANNA.folder, is_private=is_private))
    return run


def share_elsewhere(config: RunConfig, folder: Path) -> RunConfig:
    """The same settings on a data set that nobody has registered."""
    put_phantoms(folder, women=24)
    return replace(config, data=replace(config.data, folder=str(folder)))


def runs_shown(page: AppTest) -> AppTest:
    page.button_group(key="train_show").set_value("Runs").run()
    assert not page.exception
    return page


def press(page: AppTest, label: str) -> None:
    """Also where it is off: a browser can be made to send what it likes."""
    button = next(one for one in page.button if one.label == label)
    button.proto.disabled = False
    button.click().run()
    assert not page.exception


def stop_all(root: Path) -> None:
    for run in list_runs(root):
        run.ask_to_stop()


def test_a_set_is_private_whether_settings_name_it_or_its_folder(
    as_: As, entry: Registered
) -> None:
    as_(ANNA)
    assert [whose.is_of_private_data(named) for named in (entry.name, entry.folder)] == [True, True]
    again = replace(entry, name="for all")
    whose.register(again)
    assert [whose.is_of_private_data(named) for named in (entry.name, entry.folder)] == [
        True,
        False,
    ]


def test_what_is_trained_on_a_private_set_is_private_before_it_begins(
    as_: As, runs_root: Path, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned: list[Owner | None] = []
    monkeypatch.setattr(
        "mammo_core.training.series.start",
        lambda run, **_: owned.append(read_owner(run.file(OF_RUN))),
    )
    as_(ANNA)
    failed = write_ended_run(runs_root, SHARED, config, RunState.FAILED)
    start_like(own_run(failed), config)
    assert owned == [Owner(folder=ANNA.folder, is_private=True)]


def test_what_takes_the_place_of_a_private_run_is_private(
    as_: As, open_page: OpenPage, runs_root: Path, config: RunConfig, tmp_path: Path
) -> None:
    told = share_elsewhere(config, tmp_path / "open")
    failed = own_run(write_ended_run(runs_root, PRIVATE, told, RunState.FAILED), is_private=True)
    write_fitting(failed, Fitting(batch_size=3, accumulate=4))
    as_(ANNA)
    page = runs_shown(open_page("train"))
    page.button(key=f"fit_{PRIVATE}").click().run()
    assert not page.exception
    stop_all(runs_root)
    (new,) = (run for run in list_runs(runs_root) if run != failed)
    assert read_owner(new.file(OF_RUN)) == Owner(folder=ANNA.folder, is_private=True)


def test_folds_of_private_runs_are_put_together_by_their_owner_alone_and_stay_private(
    as_: As, open_page: OpenPage, runs_root: Path, config: RunConfig
) -> None:
    folds = fold_configs(config, 2)
    for fold in folds:
        own_run(write_finished_run(runs_root, f"{SHARED}-{fold.data.fold}", fold))
    for one in (RITA, BEN):
        as_(one)
        press(runs_shown(open_page("train")), JOIN)
        assert folds[0].series not in [run.run_id for run in list_runs(runs_root)]
    for run in list_runs(runs_root):
        own_run(run, is_private=True)
    as_(ANNA)
    press(runs_shown(open_page("train")), JOIN)
    joined = find_run(folds[0].series, runs_root)
    assert read_owner(joined.file(OF_RUN)) == Owner(folder=ANNA.folder, is_private=True)


def test_a_private_set_of_the_name_that_a_shared_model_calls_its_own_by_shows_nobody_its_images(
    as_: As, runs_root: Path, entry: Registered, config: RunConfig
) -> None:
    named = replace(config, data=replace(config.data, folder=entry.name))
    run = write_ended_run(runs_root, SHARED, named, RunState.FINISHED)
    said = Verification(without_cancer=Verified.FOLLOW_UP, months=24)
    register(datasets_root(), replace(entry, verification=said))
    as_(ANNA)
    assert len(dataset_of(run).manifest)
    assert verification_of_run(run) == said
    as_(BEN)
    with pytest.raises(RunError, match="Register the folder"):
        dataset_of(run)
    assert verification_of_run(run) == Verification()


def test_nobody_reads_what_somebody_else_calls_a_folder_in_private(
    as_: As, open_page: OpenPage, runs_root: Path, entry: Registered, config: RunConfig
) -> None:
    write_finished_run(runs_root, SHARED, config)
    as_(ANNA)
    assert name_of_data(entry.folder) == entry.name
    as_(BEN)
    assert name_of_data(entry.folder) == entry.folder
    page = runs_shown(open_page("train"))
    assert entry.name not in page.dataframe[0].value["data"].tolist()


def test_work_begins_on_nothing_that_is_not_seen_and_says_so_as_of_what_is_not_there(
    as_: As, runs_root: Path, entry: Registered, config: RunConfig
) -> None:
    own_run(write_finished_run(runs_root, PRIVATE, config), is_private=True)
    as_(BEN)
    said = []
    for named in (entry.name, "nobody's"):
        with pytest.raises(TableError) as refused:
            whose.require_data(named)
        said.append(str(refused.value).replace(named, "it"))
    assert said[0] == said[1]
    with pytest.raises(TableError):
        origins_seen(config)
    whose.register(replace(entry, name="of Ben"))
    origin = replace(config, model=replace(config.model, weights=f"checkpoint:{PRIVATE}"))
    with pytest.raises(RunError, match="There is no run named"):
        origins_seen(origin)
    as_(ANNA)
    assert [run.run_id for run in origins_seen(origin)] == [PRIVATE]


def test_a_recipe_goes_on_from_no_run_that_is_not_seen(
    as_: As, runs_root: Path, config: RunConfig
) -> None:
    recipe = next(one for one in RECIPES if one.continues)
    first = replace(config, recipe=recipe.continues)
    own_run(write_finished_run(runs_root, PRIVATE, first), is_private=True)
    origin = FormOrigin(name=recipe.name, key=recipe.name, recipe=recipe)
    as_(ANNA)
    assert origin.configure(config.data, CANCER).model.weights == f"checkpoint:{PRIVATE}"
    as_(BEN)
    with pytest.raises(RunError, match="No finished run"):
        origin.configure(config.data, CANCER)


def test_what_a_shared_model_is_measured_on_is_not_private_and_readers_measure_nothing(
    as_: As, runs_root: Path, entry: Registered, config: RunConfig, tmp_path: Path
) -> None:
    told = share_elsewhere(config, tmp_path / "open")
    run = own_run(write_finished_run(runs_root, SHARED, told))
    asked = JudgeConfig(kind="froc", checkpoint=SHARED, folder=entry.name, images=20)
    for one, wanted in ((ANNA, asked), (BEN, asked), (RITA, replace(asked, folder=None))):
        as_(one)
        lesions._start(wanted, run)
    stop_all(measurements_root())
    assert list_runs(measurements_root()) == []


def test_a_score_beside_a_private_run_is_private(
    as_: As, runs_root: Path, config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mammo_core.runs.jobs.start", lambda *_, **__: None)
    told = share_elsewhere(config, tmp_path / "open")
    run = own_run(write_finished_run(runs_root, PRIVATE, told), is_private=True)
    rival = own_run(write_finished_run(runs_root, SHARED, told))
    as_(ANNA)
    beside._start(beside._wanted(run, rival), rival, run)
    (job,) = (one for one in list_runs(runs_root) if one.kind == "evaluate")
    assert read_owner(job.file(OF_RUN)) == Owner(folder=ANNA.folder, is_private=True)


def test_somebody_elses_measurement_is_not_stopped(as_: As, runs_root: Path) -> None:
    config = JudgeConfig(kind="froc", checkpoint=SHARED, images=20)
    job = create_run(config, measurements_root(), what="froc", total=0)
    as_(BEN)
    whose.require_stopping(job)  # of before there were owners
    own_run(job)
    with pytest.raises(MammoError, match="belongs to somebody else"):
        whose.require_stopping(job)
    as_(ROOT)
    whose.require_stopping(job)


def test_the_price_and_the_margin_of_a_run_are_written_by_its_owner_alone(
    as_: As, open_page: OpenPage, runs_root: Path, config: RunConfig, tmp_path: Path
) -> None:
    told = share_elsewhere(config, tmp_path / "open")
    run = own_run(write_finished_run(runs_root, SHARED, told))
    other = "20260101-000000-light-0000"
    own_run(write_finished_run(runs_root, other, told))
    for one in (RITA, BEN, ANNA):
        as_(one)
        page = runs_shown(open_page("train"))
        press(page, "Record")
        press(page, "Write it down")
        is_owner = one is ANNA
        assert (read_cost(run) is not None) == is_owner
        assert bool(margins_of(run, [runs_root])) == is_owner


def test_a_price_of_a_private_run_is_offered_to_nobody_else(
    as_: As, open_page: OpenPage, runs_root: Path, config: RunConfig, tmp_path: Path
) -> None:
    told = share_elsewhere(config, tmp_path / "open")
    write_finished_run(runs_root, SHARED, told)
    own_run(write_finished_run(runs_root, PRIVATE, told), is_private=True)
    as_(ANNA)
    page = runs_shown(open_page("train"))
    page.number_input(key=f"price_{PRIVATE}").set_value(7.5)
    page.button(key=f"record_{PRIVATE}").click().run()
    as_(BEN)
    assert runs_shown(open_page("train")).number_input(key=f"price_{SHARED}").value == 0.0


def test_a_margin_against_a_private_run_is_shown_to_nobody_else(
    as_: As, open_page: OpenPage, runs_root: Path, config: RunConfig, tmp_path: Path
) -> None:
    told = share_elsewhere(config, tmp_path / "open")
    run = own_run(write_finished_run(runs_root, SHARED, told))
    hidden = own_run(write_finished_run(runs_root, PRIVATE, told), is_private=True)
    written_margin(
        run, hidden, claim=Claim.NON_INFERIOR, figure=MarginOf.AUC, margin=0.05, level=Level.BREAST
    )
    for one in (ANNA, BEN):
        as_(one)
        page = open_page("train")
        page.query_params["run"] = SHARED
        runs_shown(page)
        said = [each.value for each in page.caption]
        assert any("written" in each and "margin 0.05" in each for each in said) == (one is ANNA)
        text = reports._made(run, "report", "md")
        assert (PRIVATE in text) == (one is ANNA)


def test_a_report_tells_of_no_run_that_is_not_seen_and_its_looks_name_none(
    as_: As, runs_root: Path, entry: Registered, config: RunConfig, tmp_path: Path
) -> None:
    told = share_elsewhere(config, tmp_path / "open")
    shared = own_run(write_finished_run(runs_root, SHARED, told))
    private = own_run(write_finished_run(runs_root, PRIVATE, told), is_private=True)
    evaluations = [_evaluated(runs_root, run, entry, config) for run in (shared, private)]
    own_run(evaluations[0])
    own_run(evaluations[1], is_private=True)
    as_(ANNA)
    assert PRIVATE in reports._made(shared, "report", "md")
    assert SHARED in reports._made(private, "report", "md")
    as_(BEN)
    for kind in ("report", "card"):
        text = reports._made(shared, kind, "md")
        assert PRIVATE not in text
        assert evaluations[1].run_id not in text
    assert openings_of(evaluations[0])
    assert not any(PRIVATE in one.by for one in openings_of(evaluations[0]))


def _evaluated(root: Path, of: RunFolder, entry: Registered, config: RunConfig) -> RunFolder:
    """What `of` says of the women of `entry`."""
    settings = EvaluateConfig(
        checkpoint=of.run_id,
        folder=entry.name,
        adapter=entry.adapter,
        label_rule=entry.label_rule,
    )
    job = create_run(settings, root, what="evaluate", total=0)
    job.write_status(replace(job.read_status(), state=RunState.FINISHED))
    job.predictions_file.write_bytes(of.predictions_file.read_bytes())
    return job


def test_an_admin_who_corrects_a_set_does_not_take_it(as_: As, entry: Registered) -> None:
    own_data(entry, is_private=False)
    as_(ROOT)
    whose.register(replace(entry, verification=Verification(of_recalled=True)))
    file = file_of(datasets_root(), entry.name).with_suffix(OF_DATA_SET)
    assert read_owner(file) == Owner(folder=ANNA.folder)
    as_(BEN)
    with suppress(MammoError):
        whose.register(entry)
    assert read_owner(file) == Owner(folder=ANNA.folder)


def test_nobodys_cases_are_a_data_set_not_even_an_admins(
    as_: As, open_page: OpenPage, entry: Registered
) -> None:
    theirs = put_phantoms(owned_root() / ANNA.folder / "cases", women=24)
    as_(ROOT)
    with pytest.raises(TableError, match="belongs to an account"):
        whose.register(replace(entry, name="theirs", folder=str(theirs)))
    with pytest.raises(TableError, match="belongs to an account"):  # nor is a folder around them
        whose.register(replace(entry, name="all", folder=str(owned_root().parent)))
    page = open_page("data")
    page.text_input(key="new_folder").set_value(str(theirs)).run()
    assert any("belongs to an account" in one.value for one in page.error)
    assert not any("This is" in one.value for one in page.success)


def test_who_waits_behind_a_private_run_is_not_told_its_name(as_: As, runs_root: Path) -> None:
    config = JudgeConfig(kind="froc", checkpoint=SHARED, images=20)
    run = create_run(config, runs_root, what="hidden", total=0)
    assert called_in_line(run) == run.run_id
    own_run(run)
    assert called_in_line(run) == run.run_id
    own_run(run, is_private=True)
    assert called_in_line(run) == "another run"
