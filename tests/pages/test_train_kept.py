"""What was typed into the form of a new run is still there when one comes back to it."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import OpenPage
from tests.pages.training_pages import register_leaky, register_phantoms


@pytest.fixture
def form(open_page: OpenPage, tmp_path: Path) -> AppTest:
    register_leaky(tmp_path / "other")
    register_phantoms(tmp_path / "set")
    page = open_page("train")
    return page.selectbox(key="train_data").set_value("phantoms").run()


def leave_and_return(page: AppTest, *, by: str) -> AppTest:
    if by == "another page":
        page.switch_page("pages/data.py").run()
        assert "train_epochs_smoke" not in [box.key for box in page.number_input]
        page.switch_page("pages/train.py").run()
    else:
        page.button_group(key="train_show").set_value("Runs").run()
        assert "train_epochs_smoke" not in [box.key for box in page.number_input]
        page.button_group(key="train_show").set_value("New run").run()
    assert not page.exception
    return page


@pytest.mark.parametrize("by", ["another page", "the runs"])
def test_every_step_is_as_it_was_left(form: AppTest, by: str) -> None:
    form.number_input(key="train_val_smoke").set_value(0.2)
    form.selectbox(key="train_backbone_smoke").set_value("resnet18").run()
    form.number_input(key="train_height_smoke_resnet18").set_value(96)
    form.selectbox(key="train_sampler_smoke").set_value("none")
    form.number_input(key="train_epochs_smoke").set_value(7)
    form.number_input(key="train_noise_smoke").set_value(0.1)
    form.button_group(key="train_scheme").set_value("Several seeds").run()
    form.number_input(key="train_count_Several seeds").set_value(3).run()
    for _ in range(2):
        page = leave_and_return(form, by=by)
        assert page.selectbox(key="train_data").value == "phantoms"
        assert page.number_input(key="train_val_smoke").value == 0.2
        assert page.selectbox(key="train_backbone_smoke").value == "resnet18"
        assert page.number_input(key="train_height_smoke_resnet18").value == 96
        assert page.selectbox(key="train_sampler_smoke").value == "none"
        assert page.number_input(key="train_epochs_smoke").value == 7
        assert page.number_input(key="train_noise_smoke").value == 0.1
        assert page.button_group(key="train_scheme").value == "Several seeds"
        assert page.number_input(key="train_count_Several seeds").value == 3
    page.number_input(key="train_epochs_smoke").set_value(9).run()
    assert page.number_input(key="train_epochs_smoke").value == 9
    assert page.number_input(key="train_val_smoke").value == 0.2


def test_another_recipe_has_values_of_its_own(form: AppTest) -> None:
    form.number_input(key="train_epochs_smoke").set_value(7).run()
    form.selectbox(key="train_recipe").set_value("conv2").run()
    assert form.number_input(key="train_epochs_conv2").value == 30
    form.number_input(key="train_epochs_conv2").set_value(8).run()
    page = leave_and_return(form, by="another page")
    assert page.selectbox(key="train_recipe").value == "conv2"
    assert page.number_input(key="train_epochs_conv2").value == 8
    page.selectbox(key="train_recipe").set_value("smoke").run()
    assert page.number_input(key="train_epochs_smoke").value == 7


def test_start_over_gives_the_recipes_own_values_again(form: AppTest) -> None:
    form.number_input(key="train_epochs_smoke").set_value(7)
    form.number_input(key="train_val_smoke").set_value(0.2).run()
    page = leave_and_return(form, by="another page")
    page.button(key="train_over_smoke").click().run()
    assert page.number_input(key="train_epochs_smoke_1").value == 40
    assert page.number_input(key="train_val_smoke_1").value == 0.15
    page.number_input(key="train_epochs_smoke_1").set_value(8).run()
    page = leave_and_return(form, by="another page")
    assert page.number_input(key="train_epochs_smoke_1").value == 8


def test_what_cannot_be_started_is_kept_too(form: AppTest) -> None:
    form.selectbox(key="train_trained_smoke").set_value("linear")
    form.number_input(key="train_mixup_smoke").set_value(0.5).run()
    page = leave_and_return(form, by="another page")
    assert page.number_input(key="train_mixup_smoke").value == 0.5
    assert page.selectbox(key="train_trained_smoke").value == "linear"
