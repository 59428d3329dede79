"""A document as Markdown (GitHub's tables). Figures are their sentences, drawings their lines."""

import html
import re
from collections.abc import Iterable
from typing import Final

from mammo_core.reports.document import (
    NOTICE,
    Block,
    Bullets,
    Document,
    Drawing,
    Figure,
    Paragraph,
    Table,
)

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
