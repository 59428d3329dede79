from dataclasses import replace
from pathlib import Path

from mammo_core.files import sha256_of
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.measured import (
    AS_IN_COMPARE,
    AtThreshold,
    Share,
    StressResult,
    StressTest,
    add_stress,
    changes_table,
    stress_of,
)
from mammo_core.types import Level

NOTHING = Share(count=0, total=0, low=None, high=None)
FOUND = Share(count=9, total=10, low=0.6, high=0.98)
ROTATED = StressResult(
    name="rotated_5", title="Rotated by 5 degrees", auc=0.8, auc_low=0.7, auc_high=0.9,
    auc_change=-0.1, change_low=-0.2, change_high=-0.05,
    verdicts=AtThreshold(
        sensitivity=FOUND, sensitivity_change=-0.1, change_low=-0.3, change_high=0.1,
        flipped=Share(count=3, total=40, low=0.02, high=0.2),
    ),
)  # fmt: skip


TEST = StressTest(
    dataset="set", split="all", images=80, positive_images=20, women=20, engine="torch fp32",
    auc=0.9, auc_low=0.8, auc_high=0.95, level=Level.BREAST, threshold=0.5, sensitivity=NOTHING,
    results=(ROTATED,), seed=0, measured_at="2026-01-01T00:00:00+00:00", card_sha256="0" * 64,
)  # fmt: skip


def test_what_was_measured_of_this_card_comes_back_whole(tmp_path: Path) -> None:
    (tmp_path / "model_card.json").write_text("{}")
    run = RunFolder(tmp_path)
    test = replace(TEST, card_sha256=sha256_of(run.file("model_card.json")))
    assert stress_of(run) == []
    add_stress(run, replace(test, card_sha256="0" * 64))
    add_stress(run, test)
    assert stress_of(run) == [test]
    assert test.sentences[1] == (
        "Rotated by 5 degrees: AUC 0.800 (95 % 0.700 to 0.900), change -0.100 (95 % -0.200 to "
        "-0.050); sensitivity 9 of 10, change -0.100 (95 % -0.300 to +0.100); 3 of 40 verdicts by "
        "breast flip."
    )
    assert ROTATED.is_changed


def test_intervals_that_an_older_version_made_are_said_to_be_its() -> None:
    """The models that ship were tried before a change had the interval of two models."""
    assert "An older version made these intervals" in TEST.sentences[-1]
    new = replace(TEST, intervals=AS_IN_COMPARE)
    assert new.caution == ""
    assert new.sentences == TEST.sentences[:-1]


def test_changes_stand_in_a_table_with_their_counts() -> None:
    before, rotated = changes_table(replace(TEST, sensitivity=FOUND)).to_dict("records")
    assert (before["AUC by image"], before["Sensitivity"]) == ("0.900 (0.800 to 0.950)", "9 of 10")
    assert rotated == {
        "Images": "Rotated by 5 degrees",
        "AUC by image": "0.800 (0.700 to 0.900)",
        "Its change": "-0.100 (-0.200 to -0.050)",
        "Sensitivity": "9 of 10",
        "Verdicts that flip": "3 of 40",
    }


def test_without_a_threshold_the_table_has_no_verdicts() -> None:
    unjudged = replace(TEST, sensitivity=None, results=(replace(ROTATED, verdicts=None),))
    assert list(changes_table(unjudged)) == ["Images", "AUC by image", "Its change"]


def test_what_is_told_without_the_breast_is_said_where_it_was_asked() -> None:
    assert TEST.without_breast == ""
    blanked = replace(ROTATED, name="breast_blanked", title="Breast taken out", auc_low=0.6)
    assert "gives the label away" in replace(TEST, results=(blanked,)).without_breast
