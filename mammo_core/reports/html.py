"""A document as one HTML file that needs nothing else and calls nobody.

plotly.js is inside it, once, and only where there is a figure. A content security policy names the
scripts by their hashes: even a text that slipped through could not run.
"""

import base64
import hashlib
import html
from collections.abc import Iterable, Iterator
from typing import Final

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from mammo_core.plots.style import INK
from mammo_core.reports.document import (
    Block,
    Bullets,
    Document,
    Drawing,
    Figure,
    Paragraph,
    Section,
    Table,
)
from mammo_core.words import NOTICE

_PAPER_INK: Final = "#1c2430"  # figures are drawn for a dark page; on paper their ink is dark
_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem;
  color: #1c2430; background: #fff; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; line-height: 1.25; } h2 { font-size: 1.25rem; margin: 2.5rem 0 .6rem;
  border-bottom: 1px solid #c7cdd6; padding-bottom: .2rem; }
.notice { border: 2px solid #9a6700; padding: .5rem .8rem; font-weight: 600; }
.warning { border-left: .35rem solid #9a6700; background: #fdf6e7; padding: .35rem .8rem; }
.wide { overflow-x: auto; margin: .8rem 0 1.2rem; }
table { border-collapse: collapse; font-size: .9rem; overflow-wrap: break-word; }
caption { text-align: left; font-weight: 600; padding-bottom: .3rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .9rem .25rem 0;
  border-bottom: 1px solid #e3e7ed; }
nav ol { columns: 2; margin: .5rem 0; } a { color: #0b57a4; }
figure { margin: 1rem 0; max-width: 46rem; } figcaption { font-size: .85rem; color: #4b5563; }
svg { max-width: 100%; height: auto; }
@media print { nav { display: none; } h2, tr, figure { break-inside: avoid; } }
"""
_DRAW: Final = """
for (const place of document.querySelectorAll("div[data-figure]")) {
  const source = document.getElementById(place.dataset.figure);
  const figure = JSON.parse(source.textContent);
  Plotly.newPlot(place, figure.data, figure.layout, {responsive: true, displaylogo: false});
}
"""


def render_html(document: Document) -> str:
    numbered = _numbered_figures(document)
    scripts = [get_plotlyjs(), _DRAW] if numbered else []
    body = [
        f"<h1>{_text(document.title)}</h1>",
        f'<p class="notice">{NOTICE}</p>',
        *(_block(block, numbered) for block in document.summary),
        _contents(document.sections),
        *(_section(number, part, numbered) for number, part in enumerate(document.sections, 1)),
    ]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{_text(document.title)}</title><style>{_STYLE}</style></head><body>",
            *body,
            *(f"<script>{script}</script>" for script in scripts),
            "</body></html>\n",
        ]
    )


def _policy(scripts: Iterable[str]) -> str:
    """Nothing is loaded from anywhere, and only these very scripts run."""
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts) or "'none'"
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; font-src data:"
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")


def _numbered_figures(document: Document) -> dict[int, str]:
    """The name of each figure by its identity, in order."""
    blocks = [*document.summary, *(block for part in document.sections for block in part.blocks)]
    figures = [block for block in blocks if isinstance(block, Figure)]
    return {id(figure): f"figure-{number}" for number, figure in enumerate(figures, 1)}


def _contents(sections: Iterable[Section]) -> str:
    links = "".join(
        f'<li><a href="#section-{number}">{_text(section.title)}</a></li>'
        for number, section in enumerate(sections, 1)
    )
    return f'<nav aria-label="Contents"><ol>{links}</ol></nav>'


def _section(number: int, section: Section, numbered: dict[int, str]) -> str:
    blocks = "\n".join(_block(block, numbered) for block in section.blocks)
    return f'<h2 id="section-{number}">{_text(section.title)}</h2>\n{blocks}'


def _block(block: Block, numbered: dict[int, str]) -> str:
    match block:
        case Paragraph():
            kind = ' class="warning"' if block.is_warning else ""
            return f"<p{kind}>{_text(block.text)}</p>"
        case Bullets():
            return f"<ul>{''.join(f'<li>{_text(item)}</li>' for item in block.items)}</ul>"
        case Table():
            return _table(block)
        case Figure():
            return _figure(block, numbered[id(block)])
        case Drawing():
            return f"<figure>{block.svg}</figure>"


def _table(table: Table) -> str:
    caption = f"<caption>{_text(table.caption)}</caption>" if table.caption else ""
    head = ""
    if any(table.header):
        cells = "".join(f'<th scope="col">{_text(name)}</th>' for name in table.header)
        head = f"<thead><tr>{cells}</tr></thead>"
    body = "".join(f"<tr>{''.join(_cells(row))}</tr>" for row in table.rows)
    return f'<div class="wide"><table>{caption}{head}<tbody>{body}</tbody></table></div>'


def _cells(row: tuple[str, ...]) -> Iterator[str]:
    yield f'<th scope="row">{_text(row[0])}</th>'
    for value in row[1:]:
        yield f"<td>{_text(value)}</td>"


def _figure(figure: Figure, name: str) -> str:
    return (
        f'<figure><div role="img" aria-label="{_text(figure.alt)}" data-figure="{name}"></div>'
        f"<figcaption>{_text(figure.alt)}</figcaption></figure>"
        f'<script type="application/json" id="{name}">{_data(figure.drawing)}</script>'
    )


def _data(drawing: go.Figure) -> str:
    """JSON that cannot end the element it stands in, in the ink of paper."""
    data = str(drawing.to_json()).replace(INK, _PAPER_INK)
    return data.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _text(text: str) -> str:
    """The only way any text enters the page."""
    return html.escape(text, quote=True)
