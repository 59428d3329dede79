"""A document before it has a form: sections of plain text, tables and figures.

Everything here is text. Whoever renders it (document_html, document_markdown) escapes all of it, so
nothing that came from a file can become markup or a script.
"""

from dataclasses import dataclass
from typing import Final

import plotly.graph_objects as go

NOTICE: Final = "For research only. Not a medical device."


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    text: str
    is_warning: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bullets:
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows as long as `header`. A header of empty words is not drawn."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Figure:
    """A plotly figure; `alt` says in a sentence what it shows, and is all that Markdown has."""

    drawing: go.Figure
    alt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A picture of our own making as SVG, its words escaped; `lines` say the same as text."""

    svg: str
    lines: tuple[str, ...]


Block = Paragraph | Bullets | Table | Figure | Drawing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Section:
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Document:
    """`summary` stands under the title, above the first section."""

    title: str
    summary: tuple[Block, ...]
    sections: tuple[Section, ...]


def facts(*rows: tuple[str, str], caption: str = "") -> Table:
    """A table of names and values."""
    return Table(header=("", ""), rows=tuple(rows), caption=caption)


def warning(text: str) -> Paragraph:
    return Paragraph(text=text, is_warning=True)


def paragraphs(*texts: str) -> tuple[Paragraph, ...]:
    """One for each text; an empty text is none."""
    return tuple(Paragraph(text=text) for text in texts if text)
