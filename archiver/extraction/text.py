"""Text of elements: one line, and the plain text of a body."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from html import unescape

from lxml.etree import _Element as Element

_SPACE = re.compile(r"[\s\u00a0\u2007\u202f\u3000]+")
_INVISIBLE = re.compile("[\u200b\u2060\ufeff\u00ad\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_ENTITY = re.compile(r"&(#\d{1,7}|#x[0-9a-fA-F]{1,6}|[a-zA-Z]\w{1,31});")
_SILENT = frozenset(
    {
        "script",
        "style",
        "noscript",
        "template",
        "svg",
        "iframe",
        "object",
        "select",
        "textarea",
        "button",
        "form",
        "input",
        "canvas",
        "audio",
        "video",
        "map",
        "head",
        "nav",
        "math-source",
    }
)
_BREAK = frozenset(
    {
        "p",
        "div",
        "section",
        "article",
        "header",
        "footer",
        "main",
        "aside",
        "blockquote",
        "figure",
        "details",
        "figcaption",
        "table",
        "ul",
        "ol",
        "dl",
        "pre",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "address",
        "center",
        "fieldset",
        "summary",
        "caption",
        "hgroup",
    }
)
_LINE = frozenset({"li", "tr", "dt", "dd", "br", "option"})
_CELL = frozenset({"td", "th"})


def clean(text: str | None) -> str:
    """One line: NFC, entities that were escaped twice decoded, white space collapsed, invisible marks removed."""
    if not text:
        return ""
    if "&" in text and _ENTITY.search(text):
        text = unescape(text)
    return unicodedata.normalize("NFC", _SPACE.sub(" ", _INVISIBLE.sub("", text))).strip()


def line(el: Element | None) -> str:
    """All text of an element as one line, without scripts; blocks and line breaks become a space."""
    if el is None:
        return ""
    parts: list[str] = []
    for event, at in _walk(el, frozenset()):
        if event == "text":
            parts.append(at)  # type: ignore[arg-type]
        elif at.tag in _BREAK or at.tag in _LINE or at.tag in _CELL:  # type: ignore[union-attr]
            parts.append(" ")
    return clean("".join(parts))


def folded(text: str) -> str:
    """Letters and digits only, without case: for asking whether two texts say the same."""
    text = unicodedata.normalize("NFKC", clean(text)).casefold()
    return "".join(c for c in text if c.isalnum() or unicodedata.category(c)[0] == "M")


def _walk(top: Element, skip: Iterable[Element]) -> Iterable[tuple[str, Element | str]]:
    """("start" | "end", element) and ("text", str) in reading order, without recursion: pages nest 2,000 deep."""
    skipped = skip if isinstance(skip, (set, frozenset)) else frozenset(skip)
    stack: list[tuple[Element, bool]] = [(top, False)]
    while stack:
        el, done = stack.pop()
        if done:
            yield "end", el
            if el is not top and el.tail:
                yield "text", el.tail
            continue
        tag = el.tag
        if not isinstance(tag, str) or tag in _SILENT or el in skipped:
            if el is not top and el.tail:
                yield "text", el.tail
            continue
        yield "start", el
        if el.text:
            yield "text", el.text
        stack.append((el, True))
        stack.extend((child, False) for child in reversed(el))


def blocks(top: Element, skip: Iterable[Element] = ()) -> str:
    """The plain text of a body.

    Paragraphs are separated by a blank line; headings stand alone; list items and table rows
    (cells joined by " | ") have a line each; `pre` keeps its lines. `skip`: elements left out.
    """
    out: list[str] = []
    buffer: list[str] = []
    pre = cells = 0
    cell_text: list[str] = []

    def flush(gap: str) -> None:
        text = "".join(buffer)
        buffer.clear()
        if pre:
            text = text.expandtabs(4).strip("\n").rstrip()
        else:
            text = "\n".join(part for part in (clean(one) for one in text.split("\x1e")) if part)
        if text.strip():
            out.append(text)
        if out and gap and (not out[-1].endswith("\n\n")):
            if out[-1] == "\n" and gap == "\n\n":
                out[-1] = gap
            elif out[-1] != "\n":
                out.append(gap)

    for event, at in _walk(top, skip):
        if event == "text":
            buffer.append(at if pre else _SPACE.sub(" ", at))  # type: ignore[arg-type]
            continue
        tag = at.tag  # type: ignore[union-attr]
        if tag in _CELL and not pre:
            if event == "start":
                cells += 1
            elif cells:
                cells -= 1
                cell_text.append(clean("".join(buffer).replace("\x1e", " ")))
                buffer.clear()
        elif cells and not pre:
            if tag in _BREAK or tag in _LINE:
                buffer.append(" ")
        elif tag == "tr":
            if event == "end":
                row = " | ".join(c for c in cell_text if c)
                cell_text.clear()
                buffer.append(row)
            flush("\n")
        elif tag == "pre":
            if event == "start":
                flush("\n\n")
                pre += 1
            else:
                flush("\n\n")
                pre = max(pre - 1, 0)
                flush("\n\n")
        elif tag == "br":
            if event == "start":
                buffer.append("\n" if pre else "\x1e")
        elif pre:
            if (tag in _BREAK or tag in _LINE) and event == "end" and buffer and not buffer[-1].endswith("\n"):
                buffer.append("\n")
        elif tag in _LINE:
            flush("\n")
        elif tag in _BREAK:
            in_item = tag not in ("ul", "ol", "dl", "table", "pre", "blockquote") and _in_item(at, top)  # type: ignore[arg-type]
            flush("\n" if in_item else "\n\n")
    if cell_text:
        buffer.append(" | ".join(c for c in cell_text if c))
    flush("")
    return tidy("".join(out))


def _in_item(el: Element, top: Element) -> bool:
    parent = el.getparent()
    return parent is not None and parent is not top and parent.tag in ("li", "dd", "dt")


def tidy(text: str) -> str:
    """At most one blank line in a row, none at the ends; NFC."""
    text = unicodedata.normalize("NFC", re.sub(r"[ \t]+\n", "\n", text))
    return re.sub(r"\n{3,}", "\n\n", text).strip()
