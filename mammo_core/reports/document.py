"""A document before it has a form: sections of plain text, tables and figures.

Everything here is text. Whoever renders it (document_html, document_markdown) escapes all of it, so
nothing that came from a file can become markup or a script.
"""

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import plotly.graph_objects as go

from mammo_core.words import NOTICE


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


_MARKS: Final = re.compile(r"([\\`*_{}\[\]#~|$])")
_STARTS: Final = re.compile(r"^(\d*)([+\-=.)])(?=\s|$)")  # of a list, of a heading's underline


def render_markdown(document: Document) -> str:
    lines = [
        f"# {_text(document.title)}",
        f"**{NOTICE}**",
        *_blocks(document.summary),
    ]
    for section in document.sections:
        lines += [f"## {_text(section.title)}", *_blocks(section.blocks)]
    return "\n\n".join(lines) + "\n"


def _blocks(blocks: Iterable[Block]) -> list[str]:
    return [_block(block) for block in blocks]


def _block(block: Block) -> str:
    match block:
        case Paragraph():
            return f"**Note:** {_text(block.text)}" if block.is_warning else _line(block.text)
        case Bullets():
            return "\n".join(f"- {_line(item)}" for item in block.items)
        case Table():
            return _table(block)
        case Figure():
            return f"Figure (in the HTML report): {_text(block.alt)}"
        case Drawing():
            return "\n".join(f"- {_line(line)}" for line in block.lines)


def _table(table: Table) -> str:
    rule = "|".join(["---"] * len(table.header))
    rows = [_row(table.header), f"|{rule}|", *(_row(row) for row in table.rows)]
    caption = [f"{_text(table.caption)}\n"] if table.caption else []
    return "\n".join([*caption, *rows])


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(_text(cell) for cell in cells) + " |"


def _line(text: str) -> str:
    """Text at the start of a line, where a number or a dash would begin a list."""
    return _STARTS.sub(r"\1\\\2", _text(text))


def _text(text: str) -> str:
    """Text that stays text: no HTML, no Markdown, on one line."""
    return _MARKS.sub(r"\\\1", html.escape(" ".join(text.split()), quote=False))
