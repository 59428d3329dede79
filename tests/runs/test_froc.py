"""What is kept of a lesion finder, and the words it is told in."""

from dataclasses import replace
from pathlib import Path

import pytest

from mammo_core.reading import Looking
from mammo_core.runs.folder import RunFolder, card_hash
from mammo_core.runs.measured import Froc, FrocPoint, Share, add_froc, froc_of

POINT = FrocPoint(
    allowed=1.0, above=0.5, found=Share(count=30, total=40, low=0.6, high=0.86), false_marks=38,
    false_without=None, without_low=None, without_high=None,
)  # fmt: skip
FEW = replace(POINT, allowed=0.25, above=0.9, found=replace(POINT.found, count=10, low=0.1))


def froc(card_sha256: str) -> Froc:
    return Froc(
        dataset="films", split="test", images=40, images_without=0, women=20, women_with=15,
        left_out=100,
        points=(FEW, POINT), curve=((0.0, 0.0), (0.25, 0.25), (0.95, 0.75)), looking=Looking(),
        reach=8.0, seconds=0.7, seed=0, measured_at="2026-01-01T00:00:00+00:00",
        card_sha256=card_sha256,
    )  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    (tmp_path / "model_card.json").write_text("{}")
    return RunFolder(tmp_path)


def test_the_newest_of_each_set_is_found_again_for_the_card_it_was_measured_for(
    run: RunFolder,
) -> None:
    first = froc(card_hash(run))
    later = replace(first, images=50, measured_at="2026-01-02T00:00:00+00:00")
    for one in (first, later, froc("0" * 64)):
        add_froc(run, one)
    assert froc_of(run) == [later]


def test_words_name_lesions_women_interval_and_the_rule() -> None:
    found = froc("0" * 64)
    assert found.headline == (
        "On 40 images of 20 women it did not learn from (films): at 1 false mark an image 30 of "
        "40 lesion boxes found, 75 % (95 % 60 to 86). Every one holds a lesion: false marks in "
        "others were not measured."
    )
    basis, few, usual, rule = found.sentences
    assert "with 40 lesion boxes in 15 women with a lesion (films, test), 0 without one" in basis
    assert "100 images left out" in basis
    assert few.startswith("at 0.25 false marks an image 10 of 40 lesion boxes found, 25 %")
    assert usual.startswith("at 1 false mark an image 30 of 40")
    assert rule.startswith("A mark hits a lesion when it lies in its box, widened by 8 prepared")


def test_false_marks_in_images_without_a_lesion_are_told_with_their_interval() -> None:
    well = replace(POINT, false_without=0.4, without_low=0.2, without_high=0.6)
    found = replace(froc("0" * 64), points=(well,), images_without=10)
    assert "not measured" not in found.headline
    assert "; 0.40 (95 % 0.20 to 0.60) false marks in an image without a lesion." in found.headline
