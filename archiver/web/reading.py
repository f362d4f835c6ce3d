"""The plain text of an article as it is set on a page: headings, paragraphs, lists, and lines that are kept as lines.

The text has no markup (`items.Article.body`): a blank line ends a paragraph, and headings and list items have lines of
their own. What a block is, is told by its look, as a reader of the plain text tells it; where that is wrong no word is
lost, and none is put in another place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

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
    return (len(line) <= _LONGEST_HEADING and not line.rstrip().endswith(_ENDS) and len(following) > len(line)
            and not _CODE.search(line) and any(letter.isalpha() for letter in line))


def _is_list(lines: tuple[str, ...]) -> bool:
    coded = sum(bool(_CODE.search(line)) for line in lines)
    return sum(map(len, lines)) / len(lines) >= _ITEM_LETTERS and coded * 3 < len(lines)
