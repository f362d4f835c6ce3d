"""Removes from a post's container what is not the post's text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml.etree import _Element as Element

from archiver.extraction.prose.layout import Block, Layout, covered
from archiver.extraction.prose.noise import LONG
from archiver.extraction.prose.notices import ends_the_post, is_notice, points_elsewhere
from archiver.extraction.text import folded

_ASCII_SIGNS = bytes(n for n in range(128) if not chr(n).isalnum())
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_DROP_TAGS = frozenset({"nav", "footer", "form", "aside", "button", "figcaption"})
_TEMPLATE = re.compile(r"\{\{.*\}\}|\{%.*%\}|\[/?[\w-]+(?:[ =\"'][^\[\]]*)?\]|<[\w-]+[^>]*>", re.DOTALL)
# "Figure 3.", "Fig. 3", "Abb. 3", "图3": a caption that the text refers to.
_FIGURE = re.compile(
    r"(?:fig(?:ure|\.)?|table|chart|abb(?:ildung|\.)|tab(?:elle|\.)|рис(?:унок|\.)|hình|şekil|[图圖図表])\s*\d",
    re.IGNORECASE,
)
_OWN_TEXT = frozenset({"code", "pre", "td", "th", "tr", "table", "tbody", "body", "main", "article", *HEADINGS})


@dataclass(frozen=True, slots=True)
class Known:
    """What other fields have found already: the title, the byline's lines and elements, the authors' names."""

    title: str = ""
    lines: tuple[str, ...] = ()
    elements: tuple[Element, ...] = ()
    people: tuple[str, ...] = ()


def dead_elements(layout: Layout, lo: int, hi: int, size: list[float], share: float = 0.5) -> list[tuple[int, int]]:
    """The spans of elements that are no text by tag, attribute or name, unless they contain most of the text."""
    whole = size[hi] - size[lo]
    found: dict[str, list[tuple[int, int]]] = {}
    for el, (a, z) in layout.spans.items():
        if a == z or a < lo or z > hi or (a == lo and z == hi) or el.tag in _OWN_TEXT:
            continue
        why = _why_no_text(layout, el)
        if why and size[z] - size[a] <= share * whole and not _is_text(why, el, layout.blocks[a:z]):
            found.setdefault(why, []).append((a, z))
    # A name that most of the text has says nothing.
    sound = [spans for why, spans in found.items() if why in LONG or covered(spans, size) <= share * whole]
    return [span for spans in sound for span in spans]


def _why_no_text(layout: Layout, el: Element) -> str:
    """The word or tag by which an element is no text, "" if none is."""
    why = layout.noise(el) or (el.tag if el.tag in _DROP_TAGS else "")
    return why or ("hidden" if el.get("aria-hidden") == "true" else "")


def _is_text(why: str, el: Element, blocks: list[Block]) -> bool:
    """Whether an element that is seldom text is text here."""
    if why == "button":
        parent = el.getparent()
        return parent is not None and parent.tag in (*HEADINGS, "dt", "summary", "li")
    if why in ("figcaption", "caption"):
        return _FIGURE.match(blocks[0].text) is not None
    if why == "aside":
        return sum(b.size for b in blocks) > 400 and sum(b.linked for b in blocks) < 40
    return False


def pruned(
    layout: Layout, lo: int, hi: int, known: Known, weights: list[float] | None = None
) -> list[Block]:
    """The blocks in a container's span that are text of the post, in reading order.

    With `weights` (from `container.weights`), prose between the title and the container is included.
    """
    blocks = layout.blocks
    size = layout.sums([b.size for b in blocks])
    intro = _intro(blocks, lo, known.title, weights) if weights else []
    dead = bytearray(len(blocks))
    for a, z in [*dead_elements(layout, lo, hi, size), *_byline_spans(layout, known, size, size[hi] - size[lo])]:
        dead[a:z] = b"\1" * (z - a)
    start = _start(blocks, lo, hi, dead, size, known.title)
    end = _end(blocks, start, hi, dead, size)
    by_paragraphs = _by_paragraphs(blocks, start, end, dead)
    meta = {folded(one) for one in known.lines} - {""}
    for i in range(start, end):
        if not dead[i] and _is_nothing(blocks[i], by_paragraphs, meta if i < start + 8 else set()):
            dead[i] = 1
    _drop_repeated(blocks, start, end, dead)
    _drop_people(blocks, start, end, dead, size, known.people)
    _drop_empty_headings(blocks, start, end, dead)
    return [*intro, *(blocks[i] for i in range(start, end) if not dead[i])]


def _byline_spans(layout: Layout, known: Known, size: list[float], whole: float) -> list[tuple[int, int]]:
    """The spans of the byline's elements, unless they contain much of the text."""
    spans = (layout.spans[el] for el in known.elements if el in layout.spans)
    return [(a, z) for a, z in spans if size[z] - size[a] < 0.3 * whole]


def _intro(blocks: list[Block], lo: int, title: str, weights: list[float]) -> list[Block]:
    """Prose between the title and a container that begins below it, as the first paragraph is often set apart."""
    known = folded(title)
    if not known:
        return []
    for i in range(lo - 1, max(-1, lo - 25), -1):
        if len(blocks[i].text) < 2 * len(title) + 20 and folded(blocks[i].text) == known:
            return [
                b for b, w in zip(blocks[i + 1 : lo], weights[i + 1 : lo], strict=True)
                if w >= 60 and b.element.tag in ("p", "div") and not is_notice(b.text)
            ]
    return []


def _start(blocks: list[Block], lo: int, hi: int, dead: bytearray, size: list[float], title: str) -> int:
    """Where the text begins: after the title, if that is near the beginning."""
    known = folded(title)
    if not known:
        return lo
    whole = size[hi] - size[lo]
    for i in range(lo, hi):
        if size[i] - size[lo] > 0.15 * whole + 300:
            break
        if not dead[i] and len(blocks[i].text) < 2 * len(title) + 20 and folded(blocks[i].text) == known:
            if sum(b.size for b in blocks[lo:i] if b.size > 80) < 400:
                return i + 1
            dead[i] = 1
    return lo


def _end(blocks: list[Block], lo: int, hi: int, dead: bytearray, size: list[float]) -> int:
    """Where the text ends: before a heading that introduces other posts, the author or comments."""
    whole = size[hi] - size[lo]
    for i in range(lo + 1, hi):
        b = blocks[i]
        if dead[i] or size[hi] - size[i] > 0.4 * whole or len(b.text) > 100:
            continue
        if (b.element.tag in HEADINGS or b.size < 60) and ends_the_post(b.text):
            rest = sum(x.size - x.linked for x in blocks[i + 1 : hi] if x.size > 80 and x.linked < 0.3 * x.size)
            if rest < 0.06 * whole + 200:
                return i
    return hi


def _by_paragraphs(blocks: list[Block], lo: int, hi: int, dead: bytearray) -> bool:
    """Whether the text is in <p> and <li>, so that a <div> with a few words is not part of it."""
    whole = p = 0.0
    for i in range(lo, hi):
        if not dead[i]:
            whole += blocks[i].size
            if blocks[i].element.tag in ("p", "li", "blockquote", "pre", "tr"):
                p += blocks[i].size
    return p > 0.7 * whole


def _is_nothing(b: Block, by_paragraphs: bool, meta: set[str]) -> bool:
    """Whether a block is no text: signs, template code, a label, a lone link, a meta line or a notice."""
    if b.element.tag == "pre":
        return False
    if not any(c.isalnum() for c in b.text) or _TEMPLATE.fullmatch(b.text):
        return True
    if _is_label(b, by_paragraphs) or (meta and len(b.text) < 260 and folded(b.text) in meta):
        return True
    return is_notice(b.text) or (b.linked > 0 and points_elsewhere(b.text))


def _is_label(b: Block, by_paragraphs: bool) -> bool:
    """Whether a block is a short <div> between paragraphs, or a short <p> that is only a link."""
    if b.element.tag == "div":
        return by_paragraphs and (b.size < 60 or (b.size < 120 and b.linked > 0.6 * b.size))
    return b.element.tag == "p" and b.size < 60 and b.linked > 0.8 * b.size and not _in_list(b.element)


def _drop_repeated(blocks: list[Block], lo: int, hi: int, dead: bytearray) -> None:
    """Drops repeated sentences: an invitation between paragraphs, a pull quote."""
    seen: set[str] = set()
    quoted: list[tuple[int, str]] = []
    for i in range(lo, hi):
        b = blocks[i]
        if dead[i] or b.size < 40 or b.element.tag in ("pre", "tr"):
            continue
        key = _letters(b.text)
        if key in seen:
            dead[i] = 1
            continue
        seen.add(key)
        if b.size < 400 and any(e.tag in ("blockquote", "aside", "figure") for e in _above(b.element, 3)):
            quoted.append((i, key))
    if quoted:
        whole = "\n".join(seen)
        for i, key in quoted[:40]:
            if whole.count(key) > 1:
                dead[i] = 1


def _letters(text: str) -> str:
    """The letters and digits of a text in lower case."""
    if text.isascii():  # translating bytes is about ten times as fast
        return text.encode("ascii").translate(None, _ASCII_SIGNS).decode("ascii").lower()
    return "".join(filter(str.isalnum, text)).lower()


def _above(el: Element, levels: int) -> list[Element]:
    found = [el]
    while len(found) < levels and (parent := found[-1].getparent()) is not None:
        found.append(parent)
    return found


def _drop_people(
    blocks: list[Block], lo: int, hi: int, dead: bytearray, size: list[float], people: tuple[str, ...]
) -> None:
    """Drops paragraphs at the end that begin with an author's name, which are about the author."""
    if not people:
        return
    last = size[hi] - 0.12 * (size[hi] - size[lo]) - 300
    for i in range(hi - 1, lo, -1):
        if size[i] < last:
            break
        if not dead[i] and blocks[i].text.lstrip("*—–- ").startswith(people):
            dead[i] = 1


def _in_list(el: Element) -> bool:
    parent = el.getparent()
    return parent is not None and parent.tag in ("li", "td", "dd")


def _drop_empty_headings(blocks: list[Block], lo: int, hi: int, dead: bytearray) -> None:
    """Drops headings at the end of the text whose whole section was dropped."""
    i = hi - 1
    while i > lo and (dead[i] or blocks[i].element.tag in HEADINGS):
        dead[i] = 1
        i -= 1
