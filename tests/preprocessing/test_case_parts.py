from dataclasses import replace
from pathlib import Path

import pytest

from mammo_core.preprocessing.cases import Case
from mammo_core.preprocessing.grouping import parts_of
from mammo_core.types import Laterality, View
from tests.preprocessing.test_case_store import store


def case_of(tmp_path: Path, *names: str) -> Case:
    """`names` are side and view, "R CC", or "?"."""
    case = store(tmp_path, *(bytes([65 + number, 66]) for number in range(len(names))))
    images = []
    for name, image in zip(names, case.images, strict=True):
        side, _, view = name.partition(" ")
        ref = replace(
            image.ref,
            side=None if side == "?" else Laterality(side),
            view=View(view) if view else None,
        )
        images.append(replace(image, info=replace(image.info, ref=ref)))
    return replace(case, images=tuple(images))


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["R CC"], {"All images": ["R CC"]}),
        (["R CC", "L CC"], {"All images": ["R CC", "L CC"]}),
        (
            ["L CC", "R CC", "L MLO", "R MLO"],
            {"Right breast": ["R CC", "R MLO"], "Left breast": ["L CC", "L MLO"]},
        ),
        (["R CC", "R MLO", "?"], {"Right breast": ["R CC", "R MLO"], "Image 3": ["Image 3"]}),
        (
            ["R CC", "R CC", "R MLO", "L CC"],
            {
                "Left breast": ["L CC"],
                "R CC": ["R CC"],
                "R CC (2)": ["R CC"],
                "R MLO": ["R MLO"],
            },
        ),
    ],
)
def test_a_case_falls_into_parts_of_at_most_two_images(
    tmp_path: Path, names: list[str], parts: dict[str, list[str]]
) -> None:
    found = parts_of(case_of(tmp_path, *names))
    assert {title: [image.title for image in images] for title, images in found.items()} == parts
