"""A score on its scale of 0 to 1, with the threshold where there is one, as a small picture."""

from typing import Final

import streamlit as st

from mammo_core.inference.verdict import Verdict

#: Read on light and on dark ground; orange and blue are told apart by every eye.
_GROUND: Final = "#8a94a0"
_BELOW: Final = "#4a90d9"
_ABOVE: Final = "#e08a00"

_WIDTH: Final = 240
_HEIGHT: Final = 14
_MARGIN: Final = 5  # so that the dot is whole at 0 and at 1


def show_bullet(score: float, verdict: Verdict | None) -> None:
    """Beside the words, never in their place: a dot, and a line where the threshold lies."""
    alt = f"Score {shown_score(score, verdict)} on a scale from 0 to 1"
    if verdict is not None:
        alt += f", threshold {verdict.threshold:.4f}"
    st.image(bullet_svg(score, verdict), width="stretch", alt=alt)


def bullet_svg(score: float, verdict: Verdict | None) -> str:
    colour = _ABOVE if verdict is not None and verdict.is_above else _BELOW
    middle, dot = _HEIGHT / 2, _at(score)
    parts = [
        _bar(_at(0.0), _at(1.0), _GROUND, opacity=0.3),
        _bar(_at(0.0), dot, colour, opacity=0.8),
        f'<circle cx="{dot:.1f}" cy="{middle}" r="4.5" fill="{colour}"/>',
    ]
    if verdict is not None:
        line = min(max(verdict.threshold, 0.0), 1.0)
        parts.insert(1, _bar(_at(line), _at(1.0), _ABOVE, opacity=0.25))
        parts.append(
            f'<rect x="{_at(line) - 0.75:.1f}" y="0" width="1.5" height="{_HEIGHT}" '
            f'fill="{_GROUND}"/>'
        )
    drawn = "".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}">{drawn}</svg>'
    )


def shown_score(score: float, verdict: Verdict | None) -> str:
    """Two digits, or as many as it takes to tell the score from the threshold beside it."""
    if verdict is None:
        return f"{score:.2f}"
    for digits in (2, 3, 4):
        if round(score, digits) != round(verdict.threshold, digits):
            return f"{score:.{digits}f}"
    return f"{score:.5f}"


def _at(value: float) -> float:
    return _MARGIN + value * (_WIDTH - 2 * _MARGIN)


def _bar(start: float, end: float, colour: str, *, opacity: float) -> str:
    return (
        f'<rect x="{start:.1f}" y="{_HEIGHT / 2 - 2.5}" width="{max(0.0, end - start):.1f}" '
        f'height="5" rx="2.5" fill="{colour}" fill-opacity="{opacity}"/>'
    )
