"""A concordance on the screen: one line for each place, the keyword in one column."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from archiver.commands.periods import print_rows
from archiver.commands.screen import clean, console, count, line, say, write_json
from archiver.search.values import published

if TYPE_CHECKING:
    from rich.text import Text

    from archiver.search.concordance import Concordance, Line

_RIGHT_TO_LEFT, _END = "\u2067", "\u2069"
"""Letters between these are set from right to left, whatever stands beside them (UAX #9, isolates)."""
_LEAST = 8


def print_concordance(found: Concordance, form: str | None, width: int, offset: int) -> None:
    rows = [asdict(one) for one in found.lines]
    if form == "json":
        write_json(rows)
    elif form:
        from archiver.search.concordance import Line

        print_rows(rows, Line.__slots__, form)
    elif not rows:
        in_none = f"{count(found.articles, 'article')}; in none does it stand in the title or the text."
        click.echo("There are no more lines." if offset else in_none if found.articles else "Nothing found.", err=True)
    else:
        _print(found, width, offset)


def _print(found: Concordance, width: int, offset: int) -> None:
    from rich.cells import cell_len

    heads = [f"{one.id:>5}  {published(one.published, one.published_precision)[:10]:<10}  " for one in found.lines]
    keyword = max(cell_len(clean(one.keyword)) for one in found.lines)
    screen = console()
    if screen.is_terminal:
        width = min(width, max(_LEAST, (screen.width - len(heads[0]) - min(keyword, 20) - 3) // 2))
    say(line((_about(found, offset), "dim")), "")
    for head, one in zip(heads, found.lines, strict=True):
        text = set_line(head, one, width)
        text.rstrip()
        screen.print(text, no_wrap=True, overflow="ignore", crop=screen.is_terminal)


def _about(found: Concordance, offset: int) -> str:
    number = len(found.lines)
    lines = f"lines {offset + 1:,} to {offset + number:,}" if offset or found.more else count(number, "line")
    more = " (there are more)" if found.more else ""
    read = f", of the newest {found.read:,} of" if found.read < found.articles and not found.more else " from"
    return f"{lines}{more}{read} {count(found.articles, 'article')}"


def set_line(head: str, one: Line, width: int) -> Text:
    """A line in which the keyword begins in the same column as in every other; of a text from right to left what comes
    before it stands to its right."""
    before, keyword, after = clean(one.before), clean(one.keyword), clean(one.after)
    if one.direction == "ltr":
        return line((head, "dim"), _left(before, width, from_end=True), " ", (keyword, "bold yellow"), " ",
                    _cut(after, width))
    left = _left(after, width, from_end=False)
    blank = len(left) - len(left.lstrip(" "))
    pieces = line((head, "dim"), left[:blank])
    for text, style in ((left[blank:], ""), (keyword, "bold yellow"), (_cut(before, width, from_end=True), "")):
        pieces.append(f"{_RIGHT_TO_LEFT}{text}{_END}", style)
        pieces.append(" ")
    return pieces


def _left(text: str, width: int, *, from_end: bool) -> str:
    from rich.cells import cell_len

    shown = _cut(text, width, from_end=from_end)
    return " " * (width - cell_len(shown)) + shown


def _cut(text: str, width: int, *, from_end: bool = False) -> str:
    """As much of a text as there is room for in `width` columns."""
    from rich.cells import cell_len

    letters = list(reversed(text)) if from_end else list(text)
    room = width
    for number, letter in enumerate(letters):
        room -= cell_len(letter)
        if room < 0:
            return "".join(reversed(letters[:number])) if from_end else "".join(letters[:number])
    return text
