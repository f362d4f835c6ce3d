"""Draws trends and histograms as SVG 1.1, without style sheets or scripts, and converts them to PNG.

Files and web pages use the same drawing. Lines differ in dash pattern as well as in colour (the palette of Okabe and
Ito, which is safe for colour blindness). A missing value is not drawn as zero: it leaves a gap in the line. Periods
without any archived article are hatched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePath
from xml.sax.saxutils import escape

from archiver.errors import BadQuery, ExtraMissing
from archiver.search.histograms_and_trends import STATES, Histogram, Trend

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_DASHES = ("", "6 3", "2 3", "8 3 2 3", "12 4", "4 2")
_WIDTH, _HEIGHT = 760, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 16, 34, 30
_LINE = 20
_MOST_LABELS = 8
_STEPS = {
    "year": (1, 2, 5, 10, 20, 50, 100, 500, 1_000),
    "month": (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1_200),
    "day": (1, 2, 5, 10, 15, 30, 60, 90, 180, 365, 730, 3_650),
}
# Characters that XML 1.0 (section 2.2) does not allow, and characters that change the direction of the text after them.
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")

Encoder = Callable[[str], bytes]


def trend_svg(trend: Trend) -> str:
    """Draws a trend as a line chart with one line for each term and a legend. Returns the SVG."""
    top = _round_up(max((share for one in trend.series for share in one.shares if share), default=0.0) or 0.01)
    frame = _Frame(trend.unit, trend.periods, top, _HEIGHT + _LINE * len(trend.series))
    parts = list(frame.hatched("" if archived else STATES["unarchived"] for archived in trend.archived))
    parts += frame.axes(_percent)
    for number, one in enumerate(trend.series):
        stroke = f'stroke="{_COLOURS[number % len(_COLOURS)]}" stroke-width="2" fill="none"'
        if dashes := _DASHES[number % len(_DASHES)]:
            stroke += f' stroke-dasharray="{dashes}"'
        parts += _series_line(frame, one.shares, stroke, radius=3 + 2 * number)
        y = _HEIGHT + _LINE * number + 6
        parts.append(f'<line x1="{_LEFT}" y1="{y}" x2="{_LEFT + 36}" y2="{y}" {stroke}/>')
        parts.append(_text(_LEFT + 44, y + 4, f"{_with_isolated_direction(_shortened(one.term))} ({one.total:,})"))
    shown = ", ".join(_with_isolated_direction(one.term) for one in trend.series)
    return frame.drawn(f"Share of archived articles by {trend.unit}: {shown}", parts)


def histogram_svg(found: Histogram) -> str:
    """Draws a histogram as a bar chart. A period with archived articles but no match gets a short grey mark. Returns
    the SVG.
    """
    top = _round_up(max((period.articles for period in found.periods), default=0) or 1)
    frame = _Frame(found.unit, [period.period for period in found.periods], top, _HEIGHT)
    parts = list(frame.hatched("" if period.archived else STATES[period.state] for period in found.periods))
    parts += frame.axes(_whole)
    for number, period in enumerate(found.periods):
        if not period.archived:
            continue
        height = frame.y(0) - frame.y(period.articles) if period.articles else 1.5
        colour = _COLOURS[0] if period.articles else "#888888"
        label = f"{period.articles:,} of {period.archived:,}" if period.articles else STATES["none"]
        parts.append(
            f'<rect x="{frame.x(number):.2f}" y="{frame.y(0) - height:.2f}" width="{frame.step * 0.86:.2f}" '
            f'height="{height:.2f}" fill="{colour}"><title>{period.period}: {label}</title></rect>'
        )
    return frame.drawn(f"{found.total:,} articles by {found.unit}", parts)


def chart_encoder(file: str) -> Encoder:
    """Returns a function that encodes an SVG drawing for a file, by the file's ending: .svg unchanged, .png at twice
    the size.

    Raises BadQuery if the file does not end in .svg or .png, ExtraMissing if the PNG renderer is not installed.
    """
    ending = PurePath(file).suffix.lower()
    if ending == ".svg":
        return lambda svg: svg.encode()
    if ending != ".png":
        raise BadQuery(f"plot {file}", "the file name must end in .svg or .png")
    try:
        import resvg_py
    except ImportError as error:
        raise ExtraMissing("A picture in PNG", "plot") from error
    return lambda svg: bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=2))


@dataclass(frozen=True, slots=True)
class _Frame:
    unit: str
    periods: Sequence[str]
    top: float
    height: int

    @property
    def step(self) -> float:
        return (_WIDTH - _LEFT - _RIGHT) / max(len(self.periods), 1)

    def x(self, number: float) -> float:
        return _LEFT + self.step * number

    def y(self, value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * value / self.top

    def hatched(self, reasons: Iterable[str]) -> Iterator[str]:
        """Yields a hatched rectangle for each stretch of periods without data. `reasons` has one label per period; ""
        means that the period has data.
        """
        for reason, places in groupby(enumerate(reasons), key=lambda pair: pair[1]):
            if reason:
                numbers = [number for number, _ in places]
                first, last = numbers[0], numbers[-1]
                label = self.periods[first] if first == last else f"{self.periods[first]} to {self.periods[last]}"
                yield (
                    f'<rect x="{self.x(first):.2f}" y="{_TOP}" width="{self.step * (last - first + 1):.2f}" '
                    f'height="{_HEIGHT - _BOTTOM - _TOP}" fill="url(#nothing)"><title>{label}: {reason}'
                    "</title></rect>"
                )

    def axes(self, label: Callable[[float], str]) -> Iterator[str]:
        for part in range(3):
            value = self.top * part / 2
            y = self.y(value)
            yield (
                f'<line x1="{_LEFT}" y1="{y:.2f}" x2="{_WIDTH - _RIGHT}" y2="{y:.2f}" stroke="#888888" '
                f'stroke-width="{0.4 if part else 1}"/>'
            )
            yield _text(_LEFT - 6, y + 4, label(value), "end")
        every = next((s for s in _STEPS[self.unit] if len(self.periods) / s <= _MOST_LABELS), len(self.periods) or 1)
        for number in range(0, len(self.periods), every):
            yield _text(
                self.x(number + 0.5),
                _HEIGHT - _BOTTOM + 16,
                self.periods[number],
                "start" if number == 0 and self.step < 50 else "middle",
            )

    def drawn(self, title: str, parts: Iterable[str]) -> str:
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {self.height}" width="{_WIDTH}" '
            f'height="{self.height}" role="img" font-family="DejaVu Sans, Noto Sans, sans-serif" font-size="12">\n'
            f"<title>{escape(title)}</title>\n"
            '<defs><pattern id="nothing" width="6" height="6" patternUnits="userSpaceOnUse">'
            '<path d="M0 6 L6 0" stroke="#bbbbbb" stroke-width="1"/></pattern></defs>\n'
            f'<rect width="{_WIDTH}" height="{self.height}" fill="#ffffff"/>\n'
            f"{_text(_LEFT, 18, _shortened(title))}\n" + "\n".join(parts) + "\n</svg>\n"
        )


def _series_line(frame: _Frame, shares: Sequence[float | None], stroke: str, radius: int) -> Iterator[str]:
    """Yields the SVG line through the values of a series, broken where a value is missing. An isolated value is drawn
    as a ring; rings of different radius remain visible at the same point.
    """
    for is_gap, places in groupby(enumerate(shares), key=lambda pair: pair[1] is None):
        points = [] if is_gap else [(frame.x(n + 0.5), frame.y(share)) for n, share in places if share is not None]
        if len(points) == 1:
            yield f'<circle cx="{points[0][0]:.2f}" cy="{points[0][1]:.2f}" r="{radius}" {stroke}/>'
        elif points:
            yield f'<polyline points="{" ".join(f"{x:.2f},{y:.2f}" for x, y in points)}" {stroke}/>'


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.2f}" y="{y:.2f}" text-anchor="{anchor}" fill="#222222">{escape(text)}</text>'


def _shortened(text: str) -> str:
    """Returns a text cut off with an ellipsis at 100 characters, the width of the picture."""
    return text if len(text) < 100 else text[:99] + "…"


def _with_isolated_direction(term: str) -> str:
    """Puts Unicode isolate characters around a term, so that its text direction does not affect the text around it
    (FIRST STRONG ISOLATE, section 2.4.3 of Unicode Standard Annex 9).
    """
    return f"\u2068{_UNSAFE.sub('', term)}\u2069"


def _round_up(value: float) -> float:
    """Rounds a value up to the next 1, 2 or 5 times a power of ten, for the top of an axis."""
    power = 10.0**-6
    while True:
        for times in (1, 2, 5):
            if power * times >= value * 0.999999:
                return power * times
        power *= 10


def _percent(value: float) -> str:
    return f"{value * 100:.4g} %"


def _whole(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
