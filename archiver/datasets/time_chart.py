"""Draws a histogram as SVG 1.1, without style sheets or scripts."""

from __future__ import annotations

from itertools import groupby

from archiver.search.histogram import STATES, Histogram

_WIDTH, _HEIGHT = 760, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 16, 34, 30
_MOST_LABELS = 8
_STEPS = {
    "year": (1, 2, 5, 10, 20, 50, 100, 500, 1_000),
    "month": (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1_200),
    "day": (1, 2, 5, 10, 15, 30, 60, 90, 180, 365, 730, 3_650),
}


def histogram_svg(found: Histogram) -> str:
    """Returns the SVG of a histogram as a bar chart. Periods without archived articles are hatched, and a period with
    archived articles but no match has a short grey mark in place of a bar.
    """
    names = [period.period for period in found.periods]
    step = (_WIDTH - _LEFT - _RIGHT) / max(len(names), 1)
    floor, room = _HEIGHT - _BOTTOM, _HEIGHT - _BOTTOM - _TOP
    top = _round_up(max((period.articles for period in found.periods), default=0) or 1)
    parts = []
    for state, group in groupby(enumerate(found.periods), key=lambda pair: not pair[1].archived and pair[1].state):
        if state:
            numbers = [number for number, _ in group]
            first, last = numbers[0], numbers[-1]
            span = names[first] if first == last else f"{names[first]} to {names[last]}"
            parts.append(
                f'<rect x="{_LEFT + step * first:.2f}" y="{_TOP}" width="{step * len(numbers):.2f}" height="{room}" '
                f'fill="url(#nothing)"><title>{span}: {STATES[state]}</title></rect>'
            )
    for part in range(3):
        value, y = top * part / 2, floor - room * part / 2
        parts.append(
            f'<line x1="{_LEFT}" y1="{y:.2f}" x2="{_WIDTH - _RIGHT}" y2="{y:.2f}" stroke="#888888" '
            f'stroke-width="{0.4 if part else 1}"/>'
        )
        parts.append(_text(_LEFT - 6, y + 4, f"{value:,.0f}" if value == int(value) else f"{value:,.1f}", "end"))
    every = next((one for one in _STEPS[found.unit] if len(names) / one <= _MOST_LABELS), len(names) or 1)
    for number in range(0, len(names), every):
        anchor = "start" if number == 0 and step < 50 else "middle"
        parts.append(_text(_LEFT + step * (number + 0.5), floor + 16, names[number], anchor))
    for number, period in enumerate(found.periods):
        if not period.archived:
            continue
        height = room * period.articles / top if period.articles else 1.5
        label = f"{period.articles:,} of {period.archived:,}" if period.articles else STATES["none"]
        parts.append(
            f'<rect x="{_LEFT + step * number:.2f}" y="{floor - height:.2f}" width="{step * 0.86:.2f}" '
            f'height="{height:.2f}" fill="{"#0072b2" if period.articles else "#888888"}"><title>{period.period}: '
            f"{label}</title></rect>"
        )
    title = f"{found.total:,} articles by {found.unit}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" role="img" font-family="DejaVu Sans, Noto Sans, sans-serif" font-size="12">\n'
        f"<title>{title}</title>\n"
        '<defs><pattern id="nothing" width="6" height="6" patternUnits="userSpaceOnUse">'
        '<path d="M0 6 L6 0" stroke="#bbbbbb" stroke-width="1"/></pattern></defs>\n'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>\n'
        f"{_text(_LEFT, 18, title)}\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.2f}" y="{y:.2f}" text-anchor="{anchor}" fill="#222222">{text}</text>'


def _round_up(articles: int) -> int:
    """Rounds a number of at least 1 up to the next 1, 2 or 5 times a power of ten, for the top of an axis."""
    power = 1
    while power * 10 < articles:
        power *= 10
    return next(power * times for times in (1, 2, 5, 10) if power * times >= articles)
