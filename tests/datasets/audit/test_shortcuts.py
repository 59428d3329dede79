"""What guesses the label without the breast, and what does not."""

import numpy as np
import pandas as pd
import pytest

from mammo_core.datasets.audit.result import Shortcut
from mammo_core.datasets.audit.shortcuts import (
    check_one_sided_values,
    check_shortcuts,
    measure_shortcuts,
)
from tests.datasets.audit.made import evidence_of, rows, the_one


def by_name(shortcuts: tuple[Shortcut, ...]) -> dict[str, Shortcut]:
    return {shortcut.name: shortcut for shortcut in shortcuts}


def test_an_age_that_tells_everything_has_an_auc_of_one() -> None:
    table = rows(60, age=[70.0 if n % 2 else 40.0 for n in range(60)])
    evidence = evidence_of(table)
    found = measure_shortcuts(evidence)
    age = by_name(found)["age"]
    assert age.auc == 1.0
    assert (age.positives, age.negatives, age.women) == (30, 30, 60)
    assert (
        "from age alone (30 with, 30 without, 60 women)"
        in the_one(check_shortcuts(evidence, [age])).sentence
    )


def test_younger_women_with_cancer_are_as_telling_as_older_ones() -> None:
    table = rows(60, age=[40.0 if n % 2 else 70.0 for n in range(60)])
    assert by_name(measure_shortcuts(evidence_of(table)))["age"].auc == 1.0


def test_a_machine_that_tells_everything_is_found_on_other_women() -> None:
    table = rows(60, machine=["A" if n % 2 else "B" for n in range(60)])
    assert by_name(measure_shortcuts(evidence_of(table)))["machine"].auc == 1.0


def test_a_machine_drawn_at_random_tells_nothing() -> None:
    drawn = np.random.default_rng(0).integers(0, 3, size=200).astype(str)
    evidence = evidence_of(rows(200, machine=drawn))
    machine = by_name(measure_shortcuts(evidence))["machine"]
    assert 0.4 < machine.auc < 0.6
    assert check_shortcuts(evidence, [machine]) == []


@pytest.mark.slow
def test_several_together_tell_more_than_each_alone() -> None:
    """Cancer is where the woman is older AND the machine is the second."""
    table = rows(80, age=[40.0, 70.0] * 40, machine=["1", "1", "2", "2"] * 20)
    table["label"] = ["no cancer", "no cancer", "no cancer", "cancer"] * 20
    found = by_name(measure_shortcuts(evidence_of(table)))
    assert found["age"].auc == pytest.approx(5 / 6)  # two thirds of the others are below, one ties
    assert found["age + machine"].auc == 1.0
    assert found["all of these"].auc == 1.0


def one_breast_where_cancer_is() -> pd.DataFrame:
    """20 women with cancer have one breast, 19 of 20 others have both."""
    table = []
    for woman in range(40):
        is_ill = woman < 20
        sides = ["L"] if is_ill or woman == 39 else ["L", "R"]
        table += [
            {
                "image_id": f"{woman}{side}",
                "path": f"{woman}{side}.png",
                "patient_id": f"W{woman}",
                "side": side,
                "label": "cancer" if is_ill else "no cancer",
            }
            for side in sides
        ]
    return pd.DataFrame(table)


def test_the_number_of_breasts_per_woman_is_a_shortcut() -> None:
    evidence = evidence_of(one_breast_where_cancer_is())
    breasts = by_name(measure_shortcuts(evidence))["number of breasts per woman"]
    assert breasts.auc == pytest.approx((20 / 20 + 19 / 20) / 2)
    assert breasts.women == 40
    sentence = the_one(check_shortcuts(evidence, [breasts])).sentence
    assert "20 of 20 positive women have one breast here, 19 of 20 others have both" in sentence
    assert "Do not evaluate by woman" in sentence


def test_numbers_are_measured_together_and_by_breast() -> None:
    """Every breast has one image here but those of the woman with cancer, who have two."""
    table = one_breast_where_cancer_is()
    again = table[table["label"] == "cancer"].assign(
        image_id=lambda t: t["image_id"] + "b", path=lambda t: "b" + t["path"]
    )
    found = by_name(measure_shortcuts(evidence_of(pd.concat([table, again], ignore_index=True))))
    assert found["number of images per breast"].auc == 1.0
    assert found["number of images per breast"].level == "breast"
    assert found["number of images and breasts per woman"].auc > 0.9


def test_too_few_women_are_not_measured() -> None:
    assert measure_shortcuts(evidence_of(rows(18, age=[50.0 + n for n in range(18)]))) == ()


def test_a_machine_without_any_cancer_is_named() -> None:
    table = rows(60, machine=["210"] * 20 + ["93"] * 40)
    table["label"] = ["no cancer"] * 20 + ["cancer", "no cancer"] * 20
    finding = the_one(check_one_sided_values(evidence_of(table)))
    assert "machine 210: 0 of 20" in finding.sentence
    assert len(finding.rows) == 20
