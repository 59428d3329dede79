"""The audit as one HTML page that needs nothing else: findings, thumbnails, counts, shortcuts.

Everything that comes from the data set is escaped by one function. The page carries no script and
loads nothing; thumbnails are inside it.
"""

import base64
import html
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from mammo_core.datasets.audit.result import AuditResult, Finding, Severity
from mammo_core.datasets.small_images import thumbnail
from mammo_core.files import replace_file

_THUMBNAIL: Final = 140  # pixels of the longer side
_MOST_ROWS: Final = 200  # listed per finding; the JSON has all
_MOST_PICTURES: Final = 12

_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
  color: #1c2430; background: #fff; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
table { border-collapse: collapse; } th, td { text-align: left; padding: .2rem .8rem .2rem 0; }
article { border-left: .35rem solid #6b7785; padding: .3rem 1rem; margin: 1rem 0;
  background: #f5f6f8; }
article.serious { border-color: #b3261e; } article.warning { border-color: #9a6700; }
.severity { font-weight: 600; text-transform: uppercase; font-size: .8rem; }
figure { display: inline-block; margin: .3rem; } figcaption { font-size: .7rem; max-width: 9rem;
  overflow-wrap: anywhere; }
details { overflow-wrap: anywhere; } footer { margin-top: 3rem; color: #4b5563; }
"""
_NOTICE: Final = "For research only. Not a medical device."


def write_report(result: AuditResult, root: Path, path: Path) -> None:
    """The report of `result` at `path`; thumbnails are made of the images below `root`."""
    replace_file(path, render_report(result, root))


def render_report(result: AuditResult, root: Path) -> str:
    counted = {severity: len(result.of(severity)) for severity in Severity}
    summary = ", ".join(f"{count} {severity}" for severity, count in counted.items())
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f"<title>Audit of {_text(result.title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>Audit of {_text(result.title)}</h1>",
            f"<p>{result.images} images of {result.women} women or groups.</p>",
            f"<p>Findings: {summary}.</p>",
            _table(("", ""), _about(result)),
            "<h2>Findings</h2>",
            *(_article(finding, root) for finding in result.findings),
            "<h2>Images and women</h2>",
            _table(
                ("Split", "Label", "Images", "Women"),
                ((c.split, c.label, c.images, c.women) for c in result.counts),
            ),
            "<h2>Sizes and kinds of file</h2>",
            _table(
                ("Height", "Width", "Bits", "Kind", "Images"),
                ((s.height, s.width, s.bits, s.kind, s.images) for s in result.shapes),
            ),
            *_shortcuts(result),
            *(f"<p>{_text(note)}</p>" for note in result.notes),
            f"<footer>{_NOTICE} Audited {_text(result.made_at)}.</footer>",
            "</body></html>",
        ]
    )


def _about(result: AuditResult) -> Iterable[tuple[object, ...]]:
    return (
        ("Label rule", f"{result.label_rule}: {result.rule_title}"),
        ("Population", f"{result.population}, {result.imaging}"),
        ("Reference standard", result.reference_standard),
        ("A label is given to one", result.label_level),
        ("Fingerprint", result.fingerprint[:16]),
    )


def _article(finding: Finding, root: Path) -> str:
    parts = [
        f'<article class="{finding.severity}">',
        f'<div class="severity">{finding.severity}: {_text(finding.check)}</div>',
        f"<p>{_text(finding.sentence)}</p>",
        *(_figure(root, path) for path in finding.pictures[:_MOST_PICTURES]),
    ]
    if finding.rows:
        shown = finding.rows[:_MOST_ROWS]
        rest = len(finding.rows) - len(shown)
        listed = "<br>".join(_text(row) for row in shown) + (f"<br>and {rest} more" if rest else "")
        parts.append(f"<details><summary>{len(finding.rows)} rows</summary>{listed}</details>")
    return "\n".join([*parts, "</article>"])


def _figure(root: Path, path: str) -> str:
    data = thumbnail(root, path, side=_THUMBNAIL)
    if data is None:
        return f"<figure><figcaption>{_text(path)} (cannot be read)</figcaption></figure>"
    encoded = base64.b64encode(data).decode("ascii")
    name = _text(path.rpartition("/")[2])
    source = f"data:image/jpeg;base64,{encoded}"
    return f'<figure><img alt="{name}" src="{source}"><figcaption>{name}</figcaption></figure>'


def _shortcuts(result: AuditResult) -> list[str]:
    if not result.shortcuts:
        return []
    rows = (
        (
            s.name,
            s.level,
            f"{s.auc:.3f}",
            f"{s.low:.3f} to {s.high:.3f}",
            s.positives,
            s.negatives,
            s.women,
        )
        for s in result.shortcuts
    )
    header = ("Guessed from", "Counted by", "AUC", "95 % interval", "With", "Without", "Women")
    return ["<h2>What guesses the label without the breast</h2>", _table(header, rows)]


def _table(header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    head = "".join(f"<th>{_text(name)}</th>" for name in header) if any(header) else ""
    body = "".join(
        "<tr>" + "".join(f"<td>{_text(value)}</td>" for value in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _text(value: object) -> str:
    """The only way anything from a data set enters the page."""
    return html.escape(str(value), quote=True)
