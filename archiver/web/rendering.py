"""Renders the templates of the web pages, with all values escaped, and divides the plain text of an article into
headings, paragraphs and lists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from archiver.search.engine import format_published
from archiver.web.web_requests import PageResponse, WebRequest

# The plain text of an article as headings, paragraphs, lists and line-by-line blocks.

_LONGEST_HEADING = 90
_ENDS = tuple(".!?…:;,。！？：；，、」』”»\"'’)）]")
_CODE = re.compile(r"[{};=<>\\$|]|\w\(|^\s*(?:#|//|--)|[(,:]$", re.MULTILINE)
_ITEM_LETTERS = 18
"""Lines count as the items of a list only if their average length in characters is at least this. The lines of a poem
or a postal address are shorter."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block of an article's text. A heading or paragraph has one line; a list, or a block of lines such as a poem,
    has several.
    """

    kind: Literal["heading", "paragraph", "list", "lines"]
    lines: tuple[str, ...]


def split_blocks(body: str) -> tuple[Block, ...]:
    """Splits the plain text of an article into headings, paragraphs, lists and blocks of lines."""
    return tuple(_iterate_blocks([text for part in (body or "").split("\n\n") if (text := part.strip("\n"))]))


def _iterate_blocks(parts: list[str]) -> Iterator[Block]:
    for number, part in enumerate(parts):
        lines = tuple(line for line in part.split("\n") if line.strip())
        if len(lines) == 1:
            following = parts[number + 1] if number + 1 < len(parts) else ""
            yield Block("heading" if _is_heading(lines[0], following) else "paragraph", lines)
        elif lines:
            yield Block("list" if _is_list(lines) else "lines", lines)


def _is_heading(line: str, following: str) -> bool:
    """Returns True if a line looks like a heading: it is short, contains letters but no code, does not end like a
    sentence, and is followed by a longer text.
    """
    return (
        len(line) <= _LONGEST_HEADING
        and not line.rstrip().endswith(_ENDS)
        and len(following) > len(line)
        and not _CODE.search(line)
        and any(letter.isalpha() for letter in line)
    )


def _is_list(lines: tuple[str, ...]) -> bool:
    coded = sum(bool(_CODE.search(line)) for line in lines)
    return sum(map(len, lines)) / len(lines) >= _ITEM_LETTERS and coded * 3 < len(lines)


# Templates.

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
Links = Callable[[str], str]


def render_page(answer: PageResponse, request: WebRequest, navigation: Sequence[tuple[str, str]], static: Links) -> str:
    """Renders a page as HTML. `navigation` contains (label, path) pairs; `static` returns the URL of a static file."""
    return (
        _make_environment()
        .get_template(answer.template)
        .render(**answer.values, request=request, link=request.link, navigation=navigation, static=static)
    )


@cache
def _make_environment() -> Environment:
    made = Environment(
        loader=PackageLoader("archiver.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        marked=mark_text,
        day=format_published,
        instant=format_minute,
        number=format_number,
        language=valid_language,
        web=safe_url,
    )
    return made


def mark_text(text: str, marks: Sequence[tuple[int, int]]) -> Markup:
    """Returns a text as HTML in which the ranges (start, end) of `marks` are in <mark> elements."""
    out, at = Markup(), 0
    for start, end in marks:
        out += escape(text[at:start]) + Markup("<mark>") + escape(text[start:end]) + Markup("</mark>")
        at = end
    return out + escape(text[at:])


def format_minute(moment: str | None) -> str:
    """Formats a stored time in UTC, to the minute; "never" for None."""
    return f"{moment[:16].replace('T', ' ')} UTC" if moment else "never"


def format_number(value: float) -> str:
    """Formats a number with thousands separators."""
    return f"{value:,}" if isinstance(value, int | float) else str(value)  # another program may have stored a string


def valid_language(tag: str | None) -> str:
    """Returns a language tag for the `lang` attribute of HTML (BCP 47); "" if the stored value is not a valid tag."""
    return tag if tag and _LANGUAGE.fullmatch(tag) else ""


def safe_url(url: Any) -> str:
    """Returns a URL if it is safe to link (http or https); "" for any other URL, since it might run code or open local
    files.
    """
    text = str(url or "")
    return text if re.match(r"https?://", text, re.IGNORECASE) else ""
