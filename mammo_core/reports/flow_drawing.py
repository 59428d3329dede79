"""The flow of women and images as a picture of our own making."""

import html
import textwrap
from collections.abc import Iterable, Sequence
from typing import Final

from mammo_core.reports.document import Drawing
from mammo_core.reports.flow import Flow

_WIDTH: Final = 760
_LINE: Final = 18
_TRUNK: Final = 160  # where the line down from what was found stands


def drawing_of(flow: Flow) -> Drawing:
    return Drawing(svg=_svg(flow), lines=flow.lines)


def _svg(flow: Flow) -> str:
    """What was found at the top, what was left out beside it, what was used in a row below."""
    parts: list[str] = []
    y = 10
    if flow.found is not None:
        tall, box = _box(10, y, 300, ["Found", flow.words(flow.found)])
        left_out = [*map(flow.left_out, flow.excluded), flow.left_out_altogether]
        side_tall, side = _box(400, y, 350, ["Left out", *left_out])
        parts += [box, side, _arrow(310, y + tall // 2, 400, y + tall // 2)]
        y += max(tall, side_tall) + 50
        parts += _branches(10 + tall, y, len(flow.used))
    width = _width_of(len(flow.used))
    tallest = 0
    for number, one in enumerate(flow.used):
        tall, box = _box(10 + number * (width + 10), y, width, [one.name, flow.words(one)])
        parts.append(box)
        tallest = max(tallest, tall)
    label = html.escape(" ".join(flow.lines), quote=True)
    height = y + tallest + 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
    )


def _width_of(boxes: int) -> int:
    return (_WIDTH - 10) // max(1, boxes) - 10


def _branches(top: int, bottom: int, boxes: int) -> list[str]:
    """From what was found down to a line, and from it to the middle of each box."""
    width, turn = _width_of(boxes), bottom - 25
    middles = [10 + number * (width + 10) + width // 2 for number in range(boxes)]
    ends = [*middles, _TRUNK]
    return [
        _line(_TRUNK, top, _TRUNK, turn),
        _line(min(ends), turn, max(ends), turn),
        *(_arrow(x, turn, x, bottom) for x in middles),
    ]


def _box(x: int, y: int, width: int, texts: Sequence[str]) -> tuple[int, str]:
    """Its height, and itself: the first text is a heading."""
    lines = [line for text in texts for line in textwrap.wrap(text, max(10, width // 8))]
    height = _LINE * len(lines) + 14
    words = "".join(_words(x + 10, y, lines))
    frame = (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="4" fill="#f5f6f8" '
        'stroke="#6b7785"/>'
    )
    return height, frame + words


def _words(x: int, y: int, lines: Sequence[str]) -> Iterable[str]:
    for number, line in enumerate(lines):
        weight = ' font-weight="600"' if number == 0 else ""
        yield (
            f'<text x="{x}" y="{y + 20 + number * _LINE}" font-size="13"{weight} '
            f'font-family="system-ui, sans-serif" fill="#1c2430">{html.escape(line)}</text>'
        )


def _arrow(x0: int, y0: int, x1: int, y1: int) -> str:
    head = f"{x1},{y1} {x1 - 8},{y1 - 5} {x1 - 8},{y1 + 5}"
    if x0 == x1:
        head = f"{x1},{y1} {x1 - 5},{y1 - 8} {x1 + 5},{y1 - 8}"
    return f'{_line(x0, y0, x1, y1)}<polygon points="{head}" fill="#6b7785"/>'


def _line(x0: int, y0: int, x1: int, y1: int) -> str:
    return f'<line x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}" stroke="#6b7785"/>'
