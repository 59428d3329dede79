import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
from PIL import Image

from mammo_core.reading import OWN_METHOD, TITLES
from mammo_core.reports.case.html import to_html
from mammo_core.reports.case.picture import Appearance
from mammo_core.reports.case.record import Pseudonyms, ReadCase
from mammo_core.types import Level
from tests.reports.read_cases import POINT, read_case, unread

CASE = read_case()


class Tags(HTMLParser):
    """Every tag with its attributes, and the text between."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.words += data


def parsed(case: ReadCase) -> Tags:
    tags = Tags()
    tags.feed(to_html(case, Pseudonyms(key=b"k" * 32, case_id=case.case_id), Appearance()))
    return tags


def test_every_view_is_shown_with_and_without_heatmap_inside_the_file() -> None:
    page = parsed(CASE)
    assert len(page.sources) == 4
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.sources)
    picture = Image.open(io.BytesIO(base64.b64decode(page.sources[0].split(",")[1])))
    assert picture.size == (160, 24)  # 16 rows of notice above 8 of image


def test_texts_are_shown_as_they_are_and_never_obeyed() -> None:
    page = parsed(CASE)
    assert "A model <for tests>" in page.words
    assert '=HYPERLINK("x") & <b>note</b>' in page.words
    assert "script" not in page.tags
    assert "for" not in page.tags
    page_tags = {"html", "head", "meta", "title", "style", "body"}
    text_tags = {"h1", "h2", "p", "b", "span", "div", "ul", "li", "table", "tr", "td"}
    assert set(page.tags) <= page_tags | text_tags | {"figure", "figcaption", "img"}


def test_the_page_forbids_scripts_and_the_network() -> None:
    page = to_html(CASE, Pseudonyms(key=b"k" * 32, case_id="c"), Appearance())
    assert "default-src 'none'" in page
    assert not re.search(r"https?://", page)


def test_the_page_says_what_the_model_is_its_limits_and_the_notice() -> None:
    words = parsed(CASE).words
    assert words.count("For research only. Not a medical device.") == 2
    assert "It has only seen <synthetic> images." in words
    assert "test-model, weights abababababababab, torch fp32" in words
    assert "0.500" in words
    assert "there is no verdict" in words
    assert "1: 75% of the evidence, outer, middle third" in words


def test_the_verdict_stands_with_its_promise() -> None:
    words = parsed(read_case(point=POINT)).words
    assert "Score above the threshold." in words
    assert "5 of 100 breasts without" in words
    assert "there is no verdict" not in words


def test_what_a_threshold_promised_is_told_once_of_all_that_it_judges() -> None:
    words = parsed(read_case(point=replace(POINT, level=Level.IMAGE))).words
    assert len(re.findall("Score (?:above|below) the threshold", words)) == 2
    assert words.count("5 of 100 images without") == 1


def test_the_threshold_is_printed_beside_the_verdict() -> None:
    words = parsed(read_case(point=POINT)).words
    assert "The threshold is 0.5000 by breast, chosen for sensitivity of at least 0.9" in words
    assert "The threshold is" not in parsed(CASE).words


def with_flat(*numbers: int) -> ReadCase:
    """The heatmaps of these images have nothing that stands out."""
    images = []
    for image in CASE.images:
        assert image.reading is not None
        part = 0.5 if image.about.number in numbers else 1.0
        evidence = part * image.reading.evidence
        reading = replace(image.reading, evidence=evidence)
        assert image.heat is not None
        is_low = image.about.number in numbers
        heat = image.heat // np.uint8(2) if is_low else image.heat
        regions = () if is_low else CASE.images[0].regions
        images.append(replace(image, reading=reading, heat=heat, regions=regions))
    return replace(CASE, images=tuple(images))


def test_that_nothing_stands_out_is_said_of_as_many_images_as_it_is_true_of() -> None:
    assert "region stand" not in parsed(with_flat()).words
    of = f"{CASE.images[1].title}, reaches 50 % of it."
    some = f"In 1 of the 2 images no region stands out: the strongest of them, {of}"
    assert some in parsed(with_flat(2)).words
    assert "In none of the 2 images does a region stand out: the strongest of them" in (
        parsed(with_flat(1, 2)).words
    )
    one = with_flat(1)
    alone = parsed(replace(one, images=one.images[:1])).words
    assert "Full colour: what 1 in 200 images of other classes reaches. No region" in alone
    assert "No region stands out: the map reaches 50 % of it." in alone


def test_a_networks_own_map_is_not_said_to_be_what_moved_the_score() -> None:
    images = []
    for image in with_flat(1, 2).images:
        assert image.reading is not None
        own = replace(image.reading, method=OWN_METHOD)
        images.append(replace(image, reading=own, method=TITLES[OWN_METHOD]))
    words = parsed(replace(CASE, images=tuple(images))).words
    assert "Heatmap (The network's own map)" in words
    assert "It shows what the network itself marks, not the borders of a tumour." in words
    assert "Full colour: 1 on the network's own scale, which goes from 0 to 1." in words
    assert "moved the score" not in words
    assert "1 in 200" not in words
    assert "It shows what moved the score" in parsed(CASE).words


def test_a_map_without_contrast_is_said_to_show_nothing() -> None:
    def even(*numbers: int) -> ReadCase:
        images = []
        for image in CASE.images:
            assert image.reading is not None
            is_even = image.about.number in numbers
            evidence = np.ones((8, 4), dtype=np.float32) if is_even else image.reading.evidence
            images.append(replace(image, reading=replace(image.reading, evidence=evidence)))
        return replace(CASE, images=tuple(images))

    assert "it shows nothing" not in parsed(CASE).words
    some = parsed(even(2)).words
    assert "In 1 of the 2 images the map is the same everywhere: it shows nothing." in some
    assert "Full colour" in some
    every = parsed(even(1, 2)).words
    assert "The map is the same everywhere: it shows nothing." in every
    assert "Full colour" not in every


def test_an_image_that_was_not_read_is_shown_plain_with_the_reason() -> None:
    page = parsed(replace(CASE, images=(unread(CASE.images[0]), CASE.images[1])))
    assert len(page.sources) == 3
    assert "It does not look like a breast." in page.words
