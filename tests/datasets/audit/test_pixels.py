"""What the files hold, told from facts as if files were there."""

import pandas as pd
import pytest

from mammo_core.datasets.audit import pixels
from mammo_core.datasets.audit.result import Severity
from tests.datasets.audit.made import evidence_of, facts_of, rows, the_one

PATHS = [f"images/{n}.png" for n in range(10)]


def test_missing_and_broken_files_are_told_apart() -> None:
    facts = facts_of(
        PATHS,
        error=["gone", "This picture is damaged.", *[pd.NA] * 8],
        code=["no_file", "damaged", *[pd.NA] * 8],
    )
    missing, broken = pixels.check_files(evidence_of(rows(10), facts=facts))
    assert missing.severity is Severity.SERIOUS
    assert missing.rows == ("images/0.png",)
    assert "1 of 10 files cannot be read: This picture is damaged. (1)" in broken.sentence


def test_few_lost_files_are_a_warning() -> None:
    paths = [f"images/{n}.png" for n in range(100)]
    facts = facts_of(paths, error=["gone", *[pd.NA] * 99], code=["no_file", *[pd.NA] * 99])
    finding = the_one(pixels.check_files(evidence_of(rows(100), facts=facts)))
    assert finding.severity is Severity.WARNING


def test_masks_and_blank_frames_are_no_images() -> None:
    facts = facts_of(PATHS, is_mask=[True] + [False] * 9, is_blank=[False] * 9 + [True])
    masks, blank = pixels.check_images_are_images(evidence_of(rows(10), facts=facts))
    assert masks.rows == ("i0",)
    assert blank.rows == ("i9",)


def test_inverted_images_are_told_with_their_machines() -> None:
    table = rows(10, machine=["29"] * 4 + ["210"] * 2 + ["93"] * 4)
    facts = facts_of(PATHS, is_turned=[True] * 6 + [False] * 4)
    finding = the_one(pixels.check_inverted(evidence_of(table, facts=facts)))
    assert "6 of 10 images are stored inside out" in finding.sentence
    assert "machine 29: 4 of 4, machine 210: 2 of 2" in finding.sentence


def test_mixed_sizes_bit_depths_and_kinds_are_told() -> None:
    facts = facts_of(
        PATHS, height=[2000] * 9 + [3000], bits=[16] * 5 + [8] * 5, kind=["PNG"] * 9 + ["JPEG"]
    )
    evidence = evidence_of(rows(10), facts=facts)
    sizes, bits, kinds = pixels.check_sizes(evidence)
    assert sizes.sentence.startswith("2 sizes: 2000 x 1000 (9), 3000 x 1000 (1).")
    assert bits.sentence.startswith("2 bit depths: ")
    assert kinds.sentence.startswith("2 kinds of file: PNG (9), JPEG (1).")
    assert "1 of 10 images are JPEG" in the_one(pixels.check_compression(evidence)).sentence


def test_square_and_small_images_are_told() -> None:
    facts = facts_of(PATHS, height=640, width=640)
    square, small = pixels.check_sizes(evidence_of(rows(10), facts=facts))
    assert square.check == "square"
    assert "10 of 10 images are smaller than 1024 pixels" in small.sentence


def test_a_few_images_with_the_chest_wall_at_the_wrong_edge_are_listed() -> None:
    table = rows(10, side=["L", "R"] * 5)
    facts = facts_of(PATHS, wall=["L", "R"] * 4 + ["R", "L"])
    finding = the_one(pixels.check_laterality(evidence_of(table, facts=facts)))
    assert finding.severity is Severity.WARNING
    assert finding.rows == ("i8", "i9")


@pytest.mark.parametrize(
    ("walls", "words"),
    [
        (["L", "R"] * 5, None),
        (["L"] * 10, "Every chest wall is at the left"),
        (["R", "L"] * 5, "the whole set is"),
    ],
)
def test_a_set_that_was_turned_or_mirrored_as_a_whole_is_a_note(
    walls: list[str], words: str | None
) -> None:
    evidence = evidence_of(rows(10, side=["L", "R"] * 5), facts=facts_of(PATHS, wall=walls))
    findings = pixels.check_laterality(evidence)
    if words is None:
        assert findings == []
    else:
        assert words in the_one(findings).sentence
        assert the_one(findings).severity is Severity.NOTE
