"""Marks against lesions: a case one can count by hand, and every draw against counting it out."""

import numpy as np
import pytest

from mammo_core.errors import TableError
from mammo_core.metrics.froc import (
    MarkedImage,
    Matched,
    afroc_area,
    found_at,
    froc_curve,
    match_marks,
)
from mammo_core.metrics.uncertainty import rate_with_interval, resampled_weights
from mammo_core.reading import Mark
from mammo_core.types import Box

LEFT = Box(x0=0, y0=0, x1=10, y1=10)
RIGHT = Box(x0=50, y0=0, x1=60, y1=10)


def mark(x: float, score: float, y: float = 5.0) -> Mark:
    return Mark(x=x, y=y, score=score)


#: Four lesions in four images of three women; one image holds none.
BY_HAND = [
    MarkedImage(group="a", boxes=(LEFT, RIGHT), marks=(mark(5, 0.9), mark(30, 0.8), mark(55, 0.4))),
    MarkedImage(group="a", boxes=(LEFT,), marks=(mark(20, 0.95), mark(4, 0.6), mark(6, 0.7))),
    MarkedImage(group="b", boxes=(RIGHT,), marks=(mark(30, 0.5),)),
    MarkedImage(group="c", boxes=(), marks=(mark(1, 0.75), mark(2, 0.3))),
]


def test_a_lesion_is_found_once_by_its_surest_mark_and_further_marks_in_it_are_not_false() -> None:
    matched = match_marks(BY_HAND)
    assert matched.lesions.tolist() == [0.9, 0.4, 0.7, -np.inf]
    assert sorted(matched.false_marks.tolist()) == [0.3, 0.5, 0.75, 0.8, 0.95]


def test_a_mark_on_the_far_edges_of_a_box_lies_outside_it() -> None:
    at = [
        MarkedImage(group="a", boxes=(LEFT,), marks=(mark(10, 0.9), mark(0, 0.8), mark(5, 0.7, 10)))
    ]
    matched = match_marks(at)
    assert matched.lesions.tolist() == [0.8]
    assert sorted(matched.false_marks.tolist()) == [0.7, 0.9]


def test_sensitivity_at_so_many_false_marks_an_image_is_what_one_counts() -> None:
    """At 1/4 one false mark is put up with: marks surer than .8 find one lesion of four. At 1/2
    two, from .75 on; at 1 four, from .3 on, and then three lesions are found.
    """
    matched = match_marks(BY_HAND)
    found = {rate: found_at(matched, rate) for rate in (0.2, 0.25, 0.5, 1.0, 4.0)}
    assert {rate: at.above for rate, at in found.items()} == {
        0.2: 0.95, 0.25: 0.8, 0.5: 0.75, 1.0: 0.3, 4.0: 0.0,
    }  # fmt: skip
    assert [at.found for at in found.values()] == [0, 1, 1, 3, 3]
    assert [at.false_marks for at in found.values()] == [0, 1, 2, 4, 5]
    assert {(at.lesions, at.images, at.groups) for at in found.values()} == {(4, 4, 3)}
    assert found[1.0].sensitivity == 0.75


def test_false_marks_in_images_without_a_lesion_are_told_apart() -> None:
    matched = match_marks(BY_HAND)
    for rate, marks in ((0.5, 0.0), (1.0, 1.0), (4.0, 2.0)):
        others = found_at(matched, rate).without_lesion
        assert others is not None
        assert (others.value, others.cases) == (marks, 1)
    assert found_at(match_marks(BY_HAND[:3]), 1.0).without_lesion is None


def test_the_curve_has_a_step_for_every_score_of_a_false_mark() -> None:
    curve = froc_curve(match_marks(BY_HAND))
    assert curve["false_marks"].tolist() == [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]
    assert curve["sensitivity"].tolist() == [0.0, 0.25, 0.25, 0.5, 0.75, 0.75]


def test_marks_that_score_alike_count_together() -> None:
    tied = [
        MarkedImage(group="a", boxes=(LEFT,), marks=(mark(5, 0.5), mark(20, 0.5), mark(30, 0.5)))
    ]
    assert found_at(match_marks(tied), 1.0).found == 0  # both false ones come with it
    assert found_at(match_marks(tied), 2.0).found == 1


def test_images_without_a_box_are_refused_in_words() -> None:
    with pytest.raises(TableError, match="None of the 1 images has a box"):
        match_marks(BY_HAND[3:])


def many_images(women: int, seed: int) -> list[MarkedImage]:
    """With ties, with images without a lesion, with lesions nobody marks."""
    rng = np.random.default_rng(seed)
    images = []
    for number in range(2 * women):
        boxes = (LEFT, RIGHT)[: int(rng.integers(0, 3))]
        xs, scores = rng.uniform(0, 100, 5), rng.integers(1, 20, 5) / 20
        marks = tuple(mark(float(x), float(score)) for x, score in zip(xs, scores, strict=True))
        images.append(MarkedImage(group=str(number // 2), boxes=boxes, marks=marks))
    return images


def by_counting(images: list[MarkedImage], allowed: float) -> float:
    """Try every threshold there is, from the lowest up, until the price can be paid."""
    scores = sorted({0.0, *(mark.score for image in images for mark in image.marks)})
    for above in scores:
        false, found, lesions = 0, 0, 0
        for image in images:
            counted = [mark for mark in image.marks if mark.score > above]
            inside = [
                {number for number, box in enumerate(image.boxes) if box.x0 <= mark.x < box.x1}
                for mark in counted
            ]
            false += sum(not hit for hit in inside)
            found += len(set().union(*inside))
            lesions += len(image.boxes)
        if false <= allowed * len(images):
            return found / lesions
    raise AssertionError


@pytest.mark.parametrize("allowed", [0.25, 0.5, 1.0, 2.0, 4.0])
def test_it_is_what_counting_at_every_threshold_gives(allowed: float) -> None:
    for seed in range(5):
        images = many_images(20, seed)
        assert found_at(match_marks(images), allowed).sensitivity == by_counting(images, allowed)


def test_the_interval_is_of_draws_of_whole_women_each_judged_anew() -> None:
    images = many_images(40, 7)
    matched = match_marks(images)
    found = found_at(matched, 1.0, resamples=200, seed=3)
    drawn = []
    for weights in resampled_weights(strata(matched), resamples=200, seed=3):
        for row in weights:
            again = [images[2 * w + i] for w in range(40) for _ in range(row[w]) for i in (0, 1)]
            drawn.append(by_counting(again, 1.0))
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert found.low == pytest.approx(low)
    assert found.high == pytest.approx(high)
    assert low < found.sensitivity < high


def strata(matched: Matched) -> np.ndarray:
    has = np.zeros(40, dtype=np.intp)
    has[matched.lesion_groups] = 1
    return has


def test_where_every_lesion_is_found_the_interval_is_not_a_point() -> None:
    images = [
        MarkedImage(group=str(number), boxes=(LEFT,), marks=(mark(5, 0.9),)) for number in range(40)
    ]
    found = found_at(match_marks(images), 1.0)
    assert (found.found, found.lesions, found.high) == (40, 40, 1.0)
    assert 0.85 < found.low < 0.95  # Wilson: 40 of 40


def test_the_afroc_area_is_how_often_a_lesion_outdoes_the_surest_mark_of_a_healthy_image() -> None:
    """Lesions .9, .4, .7 and none against .75, .3 at the most there: one of four outdoes it. With
    an image that is not marked at all: .9, .4 and .7 outdo that, and an unmarked lesion ties.
    """
    area = afroc_area(match_marks(BY_HAND))
    assert area is not None
    assert area.value == 0.25
    assert (area.positives, area.negatives, area.groups) == (4, 1, 3)
    unmarked = MarkedImage(group="d", boxes=(), marks=())
    both = afroc_area(match_marks([*BY_HAND, unmarked]))
    assert both is not None
    assert both.value == pytest.approx((1 + 3.5) / 8)
    assert both.low < both.value < both.high


def test_a_lesion_in_an_image_without_any_mark_is_not_found() -> None:
    assert match_marks([MarkedImage(group="a", boxes=(LEFT,), marks=())]).lesions.tolist() == [
        -np.inf
    ]


def test_where_every_image_holds_a_lesion_there_is_no_afroc_area() -> None:
    assert afroc_area(match_marks(BY_HAND[:3])) is None


def test_women_without_a_lesion_do_not_make_the_few_with_one_many() -> None:
    """Fewer than 30 with a lesion: Wilson by woman, however many women have none."""
    few = [one for one in many_images(40, 7) if one.boxes]
    few = [one for one in few if int(one.group) < 20]
    healthy = [
        MarkedImage(group=f"h{number}", boxes=(), marks=(mark(30, 0.2),)) for number in range(40)
    ]
    matched = match_marks([*few, *healthy])
    found = found_at(matched, 1.0, resamples=200)
    rate = rate_with_interval(matched.lesions > found.above, matched.lesion_groups)
    assert (found.groups, found.groups_with) == (40 + rate.groups, rate.groups)
    assert rate.groups < 30
    assert (found.low, found.high) == (rate.low, rate.high)
