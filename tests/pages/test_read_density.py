"""The density under a score: told by a model of its own, of real mammograms alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from mammo_core.config import ModelConfig, save_settings
from mammo_core.datasets.adapters.adapter import DENSITY
from mammo_core.files import sha256_of
from mammo_core.inference.checkpoint import load_checkpoint
from mammo_core.inference.scoring import score_images
from mammo_core.preprocessing.reading.read import read_mammogram
from mammo_core.runs.card import KAPPA, Metric, write_card
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.training.outcome import save_weights
from mammo_core.types import Level, RunState, Split
from mammo_core.words import NOTICE
from mammo_core.zoo.build import build_model
from tests.inference.made_up import card
from tests.pages import test_read
from tests.pages.conftest import OpenPage, score_rows
from tests.pages.test_read import a_breast, drop
from tests.training.made_up import CONFIG

MEASURED = Metric(
    name=KAPPA, level=Level.IMAGE, split=Split.TEST, value=0.71, low=0.66, high=0.76,
    method="women drawn again", positives=600, negatives=910, women=400,
)  # fmt: skip
LINE = ", as this model sees it ("


def write_density(root: Path, name: str = "20260101-000000-light_cnn-dens", **of_data: str) -> Path:
    """A checkpoint of random weights that tells density, as if it had learnt from women."""
    folder = root / name
    folder.mkdir()
    torch.manual_seed(3)
    network = ModelConfig(backbone="light_cnn")
    weights = folder / "weights.safetensors"
    save_weights(build_model(network, task=DENSITY, channels=1), weights)
    of_cancer = card(sha256_of(weights))
    data = replace(of_cancer.data, seen="digital", title="Made-up screening")
    own = replace(
        of_cancer, model_id=name, title="Light CNN of density", task=DENSITY, model=network,
        data=replace(data, **of_data), metrics=(MEASURED,), limits=("Of one site alone.", NOTICE),
    )  # fmt: skip
    write_card(own, folder / "model_card.json")
    RunFolder(folder).write_status(RunStatus(state=RunState.FINISHED, done=1, total=1, message=""))
    return folder


def lines(page: AppTest) -> list[str]:
    texts = [one.value.replace("\\", "") for one in page.markdown]
    return [text for text in texts if LINE in text]


def captions(page: AppTest) -> str:
    return test_read.captions(page).replace("\\", "")


@pytest.fixture
def page(open_page: OpenPage, runs_root: Path) -> AppTest:
    write_density(runs_root)
    return open_page("read")


def test_the_density_of_a_real_mammogram_is_told_with_all_shares_and_its_agreement(
    page: AppTest, runs_root: Path, tmp_path: Path
) -> None:
    drop(page, ("a.png", a_breast(is_marked=False)))
    (told,) = lines(page)
    file = tmp_path / "a.png"
    file.write_bytes(a_breast(is_marked=False))
    checkpoint = load_checkpoint(next(runs_root.iterdir()), device="cpu")
    (reading,) = score_images(checkpoint, [read_mammogram(file)])
    shares = np.array(reading.probabilities)
    grade = DENSITY.classes[int((shares.cumsum() < 0.5).sum())]
    assert told.startswith(f"Density {grade}{LINE}")
    pairs = zip(DENSITY.classes, shares, strict=True)
    assert ", ".join(f"{name} {share:.2f}" for name, share in pairs) in told
    under = captions(page)
    assert "Quadratic kappa with the grades of 1,510 images of 400 women (test): 0.71" in under
    assert "0.66 to 0.76" in under
    assert NOTICE in under
    assert "Of one site alone." in under
    labels = [one.proto.popover.label for one in page.get("popover")]
    assert labels.count(f"Density {grade}, by model") == 1


def test_the_cancer_model_is_read_with_although_the_density_model_is_newer_and_of_women(
    page: AppTest,
) -> None:
    assert page.selectbox(key="model").value == "phantom-light"
    assert "Light CNN of density" in page.selectbox(key="model").options


def test_several_images_have_one_density_and_that_of_each_is_beside_it(page: AppTest) -> None:
    drop(page, *((f"{n}.png", a_breast(is_marked=False, peak=255 - n)) for n in range(3)))
    (told,) = lines(page)
    assert told.startswith("Exam: Density ")
    assert "0.png " in captions(page)
    assert "Image 1" not in captions(page)
    assert captions(page).count(LINE) == 4  # the exam and three images, behind it


@pytest.mark.slow
def test_a_drawn_image_gets_no_density(page: AppTest) -> None:
    drop(page, ("a.png", a_breast()))
    assert score_rows(page)  # the score is there
    assert lines(page) == []
    page.button(key="sample_pair").click().run(timeout=120)
    assert not page.exception
    assert score_rows(page)
    assert lines(page) == []


def test_where_there_is_no_model_of_density_nothing_is_said(open_page: OpenPage) -> None:
    page = open_page("read")
    drop(page, ("a.png", a_breast(is_marked=False)))
    assert "density" not in " ".join([captions(page), *(m.value for m in page.markdown)]).lower()


def test_a_model_of_drawn_densities_tells_nothing_of_women(
    open_page: OpenPage, runs_root: Path
) -> None:
    write_density(runs_root, seen="synthetic")
    page = open_page("read")
    drop(page, ("a.png", a_breast(is_marked=False)))
    assert lines(page) == []


def test_a_density_model_whose_weights_are_damaged_is_named_and_the_score_stays(
    page: AppTest, runs_root: Path
) -> None:
    (next(runs_root.iterdir()) / "weights.safetensors").write_bytes(b"none")
    drop(page, ("a.png", a_breast(is_marked=False)))
    assert lines(page) == []
    assert "The weights of 20260101-000000-light\\_cnn-dens" in page.error[0].value
    assert "only seen synthetic images" in page.info[0].value


def test_of_several_models_of_density_a_whole_one_goes_before_a_newer_fold(
    open_page: OpenPage, runs_root: Path
) -> None:
    whole = write_density(runs_root)
    fold = write_density(runs_root, "20270101-000000-light_cnn-0001")
    of_fold = replace(CONFIG, data=replace(CONFIG.data, folds=5, fold=0))
    save_settings(of_fold, fold / "run.json")
    page = open_page("read")
    drop(page, ("a.png", a_breast(is_marked=False)))
    helps = [one.help for one in page.caption]
    assert f"`{whole.name}`" in helps
    assert f"`{fold.name}`" not in helps
    assert whole.name not in captions(page)
