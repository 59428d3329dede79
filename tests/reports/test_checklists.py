from dataclasses import replace

import pytest

from mammo_core.reports.checklists.checklist import Guideline, Status, answered
from mammo_core.reports.study.report import GUIDELINES
from mammo_core.reports.study.women import Reported
from mammo_core.runs.card import read_card
from mammo_core.runs.folder import RunFolder
from tests.reports.made_up_study import change_card, report_of

#: How many lines each published table has; those with letters count one each.
LINES = {"CLAIM 2024": 44, "STARD-AI 2025": 48, "TRIPOD+AI 2024": 52}
MAIN_ITEMS = {"CLAIM 2024": 44, "STARD-AI 2025": 40, "TRIPOD+AI 2024": 27}


@pytest.fixture
def told(study: RunFolder) -> Reported:
    return report_of(study)


@pytest.mark.parametrize("guideline", GUIDELINES, ids=lambda one: one.title)
def test_every_item_is_there_once_in_order(guideline: Guideline) -> None:
    numbers = [item.number for item in guideline.items]
    assert len(set(numbers)) == len(numbers) == LINES[guideline.title]
    mains = list(dict.fromkeys(int(number.rstrip("abcdefg")) for number in numbers))
    assert mains == list(range(1, MAIN_ITEMS[guideline.title] + 1))


@pytest.mark.parametrize("guideline", GUIDELINES, ids=lambda one: one.title)
def test_every_item_is_answered_in_words(guideline: Guideline, told: Reported) -> None:
    answers = [answer for _, answer in answered(guideline, told)]
    assert all(answer.text.strip() for answer in answers)
    assert {answer.status for answer in answers} == set(Status)


@pytest.mark.parametrize("guideline", GUIDELINES, ids=lambda one: one.title)
def test_a_run_without_predictions_is_still_answered(
    guideline: Guideline, study: RunFolder
) -> None:
    study.file("predictions.csv").unlink()
    answers = {item.number: answer for item, answer in answered(guideline, report_of(study))}
    accuracy = {"CLAIM 2024": "38", "STARD-AI 2025": "31", "TRIPOD+AI 2024": "23a"}
    assert answers[accuracy[guideline.title]].status is Status.NOT_DONE


@pytest.mark.slow
@pytest.mark.parametrize("guideline", GUIDELINES, ids=lambda one: one.title)
def test_a_run_without_a_card_is_still_answered(guideline: Guideline, study: RunFolder) -> None:
    study.file("model_card.json").unlink()
    answers = {item.number: answer for item, answer in answered(guideline, report_of(study))}
    model = {"CLAIM 2024": "22", "STARD-AI 2025": "15a", "TRIPOD+AI 2024": "22"}
    assert answers[model[guideline.title]].status is Status.FOR_AUTHOR


def claim(told: Reported) -> dict[str, tuple[Status, str]]:
    return {
        item.number: (answer.status, answer.text) for item, answer in answered(GUIDELINES[0], told)
    }


@pytest.mark.slow
def test_what_a_model_of_two_views_sees_is_told(study: RunFolder) -> None:
    one = " ".join(text for _, text in claim(report_of(study)).values())
    card = read_card(study.file("model_card.json"))
    change_card(study, replace(card, model=replace(card.model, views=2)))
    two = " ".join(text for _, text in claim(report_of(study)).values())
    for words in ("other view (CC or MLO) side by side", "one pass over each image with its other"):
        assert words in two
        assert words not in one


def test_what_was_not_measured_is_not_done(told: Reported) -> None:
    items = claim(told)
    assert items["30"][0] is items["31"][0] is items["33"][0] is Status.NOT_DONE


def test_numbers_come_from_the_run(told: Reported) -> None:
    items = claim(told)
    assert "Test: 24 women, 96 images, 16 of them positive." in items["35"][1]
    assert "By woman" in items["20"][1]
    assert "48 cases by breast of 24 women, 8 positive" in items["32"][1]
    assert "8 positive cases missed" in items["39"][1]


@pytest.mark.slow
def test_what_only_an_author_knows_is_left_to_the_author(told: Reported) -> None:
    items = claim(told)
    assert {items[number][0] for number in ("3", "11", "34", "44")} == {Status.FOR_AUTHOR}
