import pytest

from mammo_core.datasets.adapters import ADAPTERS
from mammo_core.datasets.published import PUBLISHED, Published, published_on


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: f"{row.dataset}: {row.title}")
def test_every_published_row_is_of_a_known_data_set_and_gives_a_number(row: Published) -> None:
    assert row.dataset in {adapter.name for adapter in ADAPTERS}
    numbers = [
        row.auc, row.accuracy, row.sensitivity, row.specificity, row.f1, row.precision,
        row.probabilistic_f1,
    ]  # fmt: skip
    told = [number for number in numbers if number is not None]
    assert told
    assert all(0.0 < number < 1.0 for number in told)


def test_the_prevalence_follows_from_accuracy_sensitivity_and_precision() -> None:
    # 100 cases, 20 with cancer: 10 found, 10 missed, 10 false alarms, 70 left alone
    row = Published(title="t", dataset="d", test="t", accuracy=0.8, sensitivity=0.5, precision=0.5)
    assert row.implied_prevalence == pytest.approx(0.2)
    by_f1 = Published(title="t", dataset="d", test="t", accuracy=0.8, sensitivity=0.5, f1=0.5)
    assert by_f1.implied_prevalence == pytest.approx(0.2)


def test_counting_rows_for_images_shows_in_the_prevalence_a_project_implies() -> None:
    first = published_on("vindr_mammo")[0]
    assert first.implied_prevalence == pytest.approx(0.118, abs=0.002)  # 9.6 % by image


def test_one_number_alone_implies_no_prevalence() -> None:
    assert Published(title="t", dataset="d", test="t", auc=0.9).implied_prevalence is None
