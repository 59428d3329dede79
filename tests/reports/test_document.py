import base64
import hashlib
import re
from html.parser import HTMLParser

import plotly.graph_objects as go
import pytest

from mammo_core.reports.document import (
    Block,
    Bullets,
    Document,
    Drawing,
    Figure,
    Paragraph,
    Section,
    Table,
    facts,
    render_markdown,
    warning,
)
from mammo_core.reports.html import render_html
from mammo_core.words import NOTICE

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the text of its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.is_script = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.is_script = tag == "script" and not attrs
        if self.is_script:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self.is_script = False

    def handle_data(self, data: str) -> None:
        if self.is_script:
            self.scripts[-1] += data


def document(*blocks: Block, title: str = "A title") -> Document:
    return Document(title=title, summary=(), sections=(Section(title=title, blocks=blocks),))


def hostile_document() -> Document:
    return document(
        Paragraph(text=HOSTILE),
        warning(HOSTILE),
        Bullets(items=(HOSTILE,)),
        Table(header=(HOSTILE, "b"), rows=((HOSTILE, HOSTILE),), caption=HOSTILE),
        Figure(drawing=go.Figure(layout={"title": HOSTILE}), alt=HOSTILE),
        title=HOSTILE,
    )


def test_no_text_becomes_an_element() -> None:
    elements = Elements(render_html(hostile_document()))
    assert not [tag for tag, _ in elements.found if tag == "img"]
    kinds = [attributes.get("type") for tag, attributes in elements.found if tag == "script"]
    assert kinds == ["application/json", None, None]
    assert not [name for _, attributes in elements.found for name in attributes if name[:2] == "on"]


def test_only_scripts_named_by_their_hash_may_run_and_nothing_is_loaded() -> None:
    page = render_html(hostile_document())
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    hashes = [
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        for script in Elements(page).scripts
    ]
    assert re.findall(r"'sha256-([^']*)'", policy[1]) == hashes


def test_plotly_is_inside_once_and_only_where_there_is_a_figure() -> None:
    figure = Figure(drawing=go.Figure(), alt="nothing")
    assert len(Elements(render_html(document(figure, figure))).scripts) == 2
    page = render_html(document(Paragraph(text="words")))
    assert Elements(page).scripts == []
    assert "script-src 'none'" in page


@pytest.mark.parametrize("render", [render_html, render_markdown])
def test_the_notice_is_at_the_top(render: object) -> None:
    assert callable(render)
    text = render(document(Paragraph(text="words")))
    assert NOTICE in text[: text.index("words")]


def test_markdown_takes_text_for_text() -> None:
    text = render_markdown(hostile_document())
    assert "<" not in text
    assert "&lt;script&gt;" in text


def test_a_cell_of_markdown_stays_one_cell() -> None:
    text = render_markdown(document(facts(("a|b", "two\nlines"))))
    assert r"| a\|b | two lines |" in text


def test_a_sentence_that_begins_like_a_list_is_none() -> None:
    text = render_markdown(document(Paragraph(text="1. of May"), Paragraph(text="0.5 of it")))
    assert r"1\. of May" in text
    assert "\n0.5 of it" in text


def test_a_drawing_is_its_lines_in_markdown_and_its_picture_in_html() -> None:
    drawing = Drawing(svg="<svg><text>a &amp; b</text></svg>", lines=("a & b",))
    assert "- a &amp; b" in render_markdown(document(drawing))
    assert "<text>a &amp; b</text>" in render_html(document(drawing))
