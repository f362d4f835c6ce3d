"""Templates: where they are, and what they know. Every value is escaped."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from archiver.search.engine import published
from archiver.web.query_arguments import PageResponse, WebRequest

# The plain text of an article as it is set on a page: headings, paragraphs, lists, and lines that are kept as lines.

_LONGEST_HEADING = 90
_ENDS = tuple(".!?…:;,。！？：；，、」』”»\"'’)）]")
_CODE = re.compile(r"[{};=<>\\$|]|\w\(|^\s*(?:#|//|--)|[(,:]$", re.MULTILINE)
_ITEM_LETTERS = 18
"""Items of lists are told from the lines of a poem or of an address by their length, on the average."""


@dataclass(frozen=True, slots=True)
class Block:
    """`lines` is one line of a heading or a paragraph, several of a list or of what is set line by line."""

    kind: Literal["heading", "paragraph", "list", "lines"]
    lines: tuple[str, ...]


def blocks(body: str) -> tuple[Block, ...]:
    """A text in blocks, in order."""
    return tuple(_blocks([text for part in (body or "").split("\n\n") if (text := part.strip("\n"))]))


def _blocks(parts: list[str]) -> Iterator[Block]:
    for number, part in enumerate(parts):
        lines = tuple(line for line in part.split("\n") if line.strip())
        if len(lines) == 1:
            following = parts[number + 1] if number + 1 < len(parts) else ""
            yield Block("heading" if _is_heading(lines[0], following) else "paragraph", lines)
        elif lines:
            yield Block("list" if _is_list(lines) else "lines", lines)


def _is_heading(line: str, following: str) -> bool:
    """A short line that does not end as a sentence does, with longer text behind it."""
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


_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
Links = Callable[[str], str]


def render_page(answer: PageResponse, asked: WebRequest, navigation: Sequence[tuple[str, str]], static: Links) -> str:
    """The page as HTML; `navigation` are labels and addresses, `static` gives the address of a file that is shipped."""
    return (
        _environment()
        .get_template(answer.template)
        .render(**answer.values, asked=asked, link=asked.link, navigation=navigation, static=static)
    )


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("archiver.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        marked=mark_text, day=published, instant=format_minute, number=number, language=language, web=web
    )
    return made


def mark_text(text: str, marks: Sequence[tuple[int, int]]) -> Markup:
    """A text in which stretches (start, end) are marked."""
    out, at = Markup(), 0
    for start, end in marks:
        out += escape(text[at:start]) + Markup("<mark>") + escape(text[start:end]) + Markup("</mark>")
        at = end
    return out + escape(text[at:])


def format_minute(moment: str | None) -> str:
    """A time of the archive's own (UTC), to the minute."""
    return f"{moment[:16].replace('T', ' ')} UTC" if moment else "never"


def number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)  # another program may have written it


def language(tag: str | None) -> str:
    """A language tag as `lang` takes it (BCP 47), "" where what is stored is none."""
    return tag if tag and _LANGUAGE.fullmatch(tag) else ""


def web(url: Any) -> str:
    """An address that may be a link: of the web; "" for any other, which would be run or read from here."""
    text = str(url or "")
    return text if re.match(r"https?://", text, re.IGNORECASE) else ""
