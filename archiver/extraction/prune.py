"""What inside a post's container is no text of the post."""

from __future__ import annotations

from collections.abc import Iterable

from lxml.etree import _Element as Element

from archiver.extraction.layout import Block, Layout
from archiver.extraction.noise import said_by_names
from archiver.extraction.notices import ends_the_post, is_notice, points_elsewhere
from archiver.extraction.text import folded

HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_DROP_TAGS = frozenset({"nav", "footer", "form", "aside", "button", "figcaption"})
_OWN_TEXT = frozenset({"code", "pre", "td", "th", "tr", "table", "tbody", "body", "main", "article", *HEADINGS})


def dead_elements(layout: Layout, lo: int, hi: int, size: list[float], share: float = 0.5) -> list[tuple[int, int]]:
    """The spans of elements that tag, attribute or name call no text, unless they hold most of what there is."""
    whole = size[hi] - size[lo]
    found: list[tuple[int, int]] = []
    for el, (a, z) in layout.spans.items():
        if a == z or a < lo or z > hi or (a == lo and z == hi) or el.tag in _OWN_TEXT:
            continue
        silent = (el.tag in _DROP_TAGS and not _is_text(el)) or el.get("aria-hidden") == "true" or said_by_names(el)
        if silent and size[z] - size[a] <= share * whole:
            found.append((a, z))
    return found


def _is_text(el: Element) -> bool:
    if el.tag == "button":
        parent = el.getparent()
        return parent is not None and parent.tag in (*HEADINGS, "dt", "summary", "li")
    return False


def pruned(
    layout: Layout, lo: int, hi: int, title: str, lines: Iterable[str], dropped: Iterable[Element]
) -> list[Block]:
    """The blocks of a container's span that are text of the post, in reading order."""
    blocks = layout.blocks
    size = layout.sums([b.size for b in blocks])
    dead = bytearray(len(blocks))
    for a, z in dead_elements(layout, lo, hi, size):
        dead[a:z] = b"\1" * (z - a)
    for el in dropped:
        if el in layout.spans:
            a, z = layout.spans[el]
            if size[z] - size[a] < 0.3 * (size[hi] - size[lo]):
                dead[a:z] = b"\1" * (z - a)
    start = _start(blocks, lo, hi, dead, size, title)
    end = _end(blocks, start, hi, dead, size)
    by_paragraphs = _by_paragraphs(blocks, start, end, dead)
    meta = {folded(one) for one in lines} - {""}
    for i in range(start, end):
        if not dead[i] and _is_nothing(blocks[i], by_paragraphs, meta if i < start + 8 else set()):
            dead[i] = 1
    _drop_empty_headings(blocks, start, end, dead)
    return [blocks[i] for i in range(start, end) if not dead[i]]


def _start(blocks: list[Block], lo: int, hi: int, dead: bytearray, size: list[float], title: str) -> int:
    """Where the text begins: after the title, where that stands near the beginning."""
    known = folded(title)
    if not known:
        return lo
    whole = size[hi] - size[lo]
    for i in range(lo, hi):
        if size[i] - size[lo] > 0.15 * whole + 300:
            break
        if not dead[i] and len(blocks[i].text) < 2 * len(title) + 20 and folded(blocks[i].text) == known:
            return i + 1
    return lo


def _end(blocks: list[Block], lo: int, hi: int, dead: bytearray, size: list[float]) -> int:
    """Where the text ends: before a heading that introduces other posts, the author or comments."""
    whole = size[hi] - size[lo]
    for i in range(lo + 1, hi):
        b = blocks[i]
        if dead[i] or size[hi] - size[i] > 0.4 * whole or len(b.text) > 100:
            continue
        if (b.element.tag in HEADINGS or b.size < 60) and ends_the_post(b.text):
            rest = sum(x.size - x.linked for x in blocks[i + 1 : hi] if x.size > 150 and x.linked < 0.3 * x.size)
            if rest < 0.12 * whole + 100:
                return i
    return hi


def _by_paragraphs(blocks: list[Block], lo: int, hi: int, dead: bytearray) -> bool:
    """Whether the text is written in <p> and <li>, so that a <div> with a few words is none of it."""
    whole = p = 0.0
    for i in range(lo, hi):
        if not dead[i]:
            whole += blocks[i].size
            if blocks[i].element.tag in ("p", "li", "blockquote", "pre", "tr"):
                p += blocks[i].size
    return p > 0.7 * whole


def _is_nothing(b: Block, by_paragraphs: bool, meta: set[str]) -> bool:
    tag = b.element.tag
    if tag == "pre":
        return False
    if not any(c.isalnum() for c in b.text):
        return True
    if tag == "div" and by_paragraphs and (b.size < 60 or (b.size < 120 and b.linked > 0.6 * b.size)):
        return True
    if b.linked > 0.8 * b.size and tag == "p" and b.size < 60:
        return True
    if meta and len(b.text) < 260 and folded(b.text) in meta:
        return True
    return is_notice(b.text) or (b.linked > 0 and points_elsewhere(b.text))


def _drop_empty_headings(blocks: list[Block], lo: int, hi: int, dead: bytearray) -> None:
    """A heading whose section was dropped whole, at the end of the text, introduces nothing."""
    i = hi - 1
    while i > lo and (dead[i] or blocks[i].element.tag in HEADINGS):
        dead[i] = 1
        i -= 1
