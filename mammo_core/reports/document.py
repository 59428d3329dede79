"""A report before it has a form: sections of plain text, tables and figures; then as one HTML file,
or as Markdown (GitHub's tables), where figures are their sentences and drawings their lines.

Whoever renders it escapes all of it: nothing that came from a file can become markup or a script.
"""

import base64
import hashlib
import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import plotly.graph_objects as go
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from mammo_core.html import render
from mammo_core.plots.style import INK
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


_PAPER_INK: Final = "#1c2430"  # figures are drawn for a dark page; on paper their ink is dark
_DRAW: Final = """
for (const place of document.querySelectorAll("div[data-figure]")) {
  const source = document.getElementById(place.dataset.figure);
  const figure = JSON.parse(source.textContent);
  Plotly.newPlot(place, figure.data, figure.layout, {responsive: true, displaylogo: false});
}
"""


def render_html(document: Document) -> str:
    """One file that needs nothing else and calls nobody. Its policy names the scripts by their
    hashes: even a text that slipped through could not run.
    """
    blocks = [*document.summary, *(block for part in document.sections for block in part.blocks)]
    figures = [id(block) for block in blocks if isinstance(block, Figure)]
    scripts = [get_plotlyjs(), _DRAW] if figures else []
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts) or "'none'"
    values = {
        "document": document,
        "scripts": scripts,
        "policy": f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; font-src data:",
        "kind_of": lambda block: type(block).__name__,
        "name_of": lambda figure: f"figure-{1 + figures.index(id(figure))}",
        "data_of": _data,
    }
    return render("document.html", values)


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")


def _data(figure: Figure) -> Markup:
    """JSON that cannot end the element it stands in, in the ink of paper."""
    data = str(figure.drawing.to_json()).replace(INK, _PAPER_INK)
    return Markup(data.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


_MARKS: Final = re.compile(r"([\\`*_{}\[\]#~|$])")
_STARTS: Final = re.compile(r"^(\d*)([+\-=.)])(?=\s|$)")  # of a list, of a heading's underline


def render_markdown(document: Document) -> str:
    lines = [f"# {_text(document.title)}", f"**{NOTICE}**", *map(_block, document.summary)]
    for section in document.sections:
        lines += [f"## {_text(section.title)}", *map(_block, section.blocks)]
    return "\n\n".join(lines) + "\n"


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
