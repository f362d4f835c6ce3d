"""Pictures of a dataset as SVG: articles over time with the gaps, languages, and a map of its places."""

from __future__ import annotations

import re
from collections.abc import Iterator

from archiver.publish.snapshot.facts import Facts
from archiver.search.chart import histogram_svg
from archiver.search.histogram import Histogram, Period

_MONTHS = 360
"""More months than that are counted by the year."""
_YEARS = 400
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_BAR, _WIDE = 20, 760
_MOST = 15
_INK, _BLUE = "#222222", "#0072b2"


def plots(facts: Facts) -> dict[str, str]:
    """The pictures by their file; a map only where there are places."""
    out = {"plots/time.svg": histogram_svg(over_time(facts)), "plots/languages.svg": _bars(facts)}
    if facts.squares:
        out["plots/map.svg"] = _map(facts)
    return out


def over_time(facts: Facts) -> Histogram:
    """How many articles each month (or year) has; one that has none between the first and the last is a gap."""
    months = {name: count for name, count in facts.months.items() if _MONTH.fullmatch(name)}
    numbers = {int(name[:4]) * 12 + int(name[5:]) - 1: count for name, count in months.items()}
    unit = "month" if numbers and max(numbers) - min(numbers) < _MONTHS else "year"
    if unit == "year":
        years: dict[int, int] = {}
        for number, count in numbers.items():
            years[number // 12] = years.get(number // 12, 0) + count
        numbers = years
    there = range(min(numbers), max(numbers) + 1) if numbers else range(0)
    periods = tuple(Period(f"{n // 12:04}-{n % 12 + 1:02}" if unit == "month" else f"{n:04}", numbers.get(n, 0),
                           numbers.get(n, 0), "matched" if n in numbers else "unarchived")
                    for n in (there if len(there) <= max(_YEARS, _MONTHS) else sorted(numbers)))
    total = sum(facts.months.values())
    return Histogram(unit, periods, total, total - sum(numbers.values()), facts.day)


def _bars(facts: Facts) -> str:
    rows = sorted(facts.languages.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = rows[:_MOST] + ([("others", sum(count for _, count in rows[_MOST:]))] if len(rows) > _MOST else [])
    most = max((count for _, count in shown), default=1)
    parts = []
    for number, (name, count) in enumerate(shown):
        y, width = 34 + number * _BAR, 560 * count / most
        parts.append(_text(100, y + 13, _plain(name) or "not known", "end"))
        parts.append(f'<rect x="106" y="{y + 2}" width="{width:.2f}" height="{_BAR - 5}" fill="{_BLUE}"/>')
        parts.append(_text(112 + width, y + 13, f"{count:,}"))
    return _drawn("Articles by language", _WIDE, 44 + len(shown) * _BAR, parts)


def _map(facts: Facts) -> str:
    """Places by squares of a degree, on plate carrée, two units a degree; circles by the root of their number."""
    most = max(facts.squares.values())
    parts = list(_graticule())
    for (latitude, longitude), count in sorted(facts.squares.items()):
        x, y = 20 + 2 * (longitude + 180), 34 + 2 * (90 - latitude)
        parts.append(f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{2 + 8 * (count / most) ** 0.5:.2f}" fill="{_BLUE}" '
                     f'fill-opacity="0.6"><title>{count:,} near {latitude:g}, {longitude:g}</title></circle>')
    return _drawn("Places that articles name of themselves", _WIDE, 414, parts)


def _graticule() -> Iterator[str]:
    for longitude in range(-180, 181, 30):
        x = 20 + 2 * (longitude + 180)
        yield _rule(x, 34, x, 394, bold=not longitude)
    for latitude in range(-90, 91, 30):
        y = 34 + 2 * (90 - latitude)
        yield _rule(20, y, 740, y, bold=not latitude)


def _rule(x: int, y: int, to_x: int, to_y: int, *, bold: bool) -> str:
    return (f'<line x1="{x}" y1="{y}" x2="{to_x}" y2="{to_y}" stroke="#cccccc" '
            f'stroke-width="{1 if bold else 0.5}"/>')


def _drawn(title: str, width: int, height: int, parts: list[str]) -> str:
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" role="img" font-family="DejaVu Sans, Noto Sans, sans-serif" font-size="12">\n'
            f'<title>{title}</title>\n'
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>\n{_text(20, 18, title)}\n'
            + "\n".join(parts) + "\n</svg>\n")


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.2f}" y="{y:.2f}" text-anchor="{anchor}" fill="{_INK}">{text}</text>'


def _plain(text: str) -> str:
    """A language tag has letters, digits and hyphens alone (BCP 47); a page may say something else."""
    return re.sub(r"[^A-Za-z0-9-]", "", text)[:12]
