"""Pages as files: one way from values to HTML, in which every text is escaped.

A page needs nothing else and calls nobody: pictures are inside it, and its policy forbids the rest.
Whatever a text that came from a file looks like, it is shown and never obeyed.
"""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mammo_core.words import NOTICE

_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def render(template: str, values: Mapping[str, object]) -> str:
    """`values` in the template of that name; each template can say NOTICE."""
    return _ENVIRONMENT.get_template(template).render({**values, "NOTICE": NOTICE})


def jpeg_uri(data: bytes) -> str:
    """A picture as the source of an image that lies inside the page."""
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode('ascii')}"
