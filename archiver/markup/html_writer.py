"""Writes a body with its marks as HTML. All text is escaped, and only harmless elements, attributes and URLs are
written, so that the result may be put into a page as it is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from html import escape
from itertools import starmap
from urllib.parse import unquote

from archiver.markup.text_marks import (
    ANCHOR,
    CELLS,
    HEADINGS,
    IMAGE_KINDS,
    ITEMS,
    LISTS,
    NUMBER_STYLES,
    RECORDINGS,
    RULE,
    SPANS,
    Node,
    blocks_of,
    build_tree,
    cells_of,
    is_object,
    is_safe_url,
    is_web_url,
    space_after,
    spans_of,
)
from archiver.model.items import Mark

ANCHOR_PREFIX = "text-"
"""Precedes the names of a text's anchors, so that they differ from all names in the page around the text."""
REL = "noopener noreferrer"


_SPACED = frozenset({*LISTS, "blockquote", "pre", "table"})
"""Blocks before and after which there is always a blank line."""


ImageSource = Callable[[str], str]
"""A function that returns the address from which a page loads an image, given the image's URL; "" to write a link to
the image in its place."""


def to_html(body: str, marks: Iterable[Mark], image_source: ImageSource = str) -> str:
    """Returns a body with its marks as HTML: a fragment of block-level elements, one a line.

    `image_source` returns the address from which each image is loaded. By default this is its own URL.
    """
    writer = _HtmlWriter(image_source)
    return "\n".join(map(writer.block, blocks_of(build_tree(body, marks))))


class _HtmlWriter:
    """Writes the nodes of a body (see `build_tree`) as HTML. `links` is the number of links around the current node."""

    def __init__(self, image_source: ImageSource) -> None:
        self.image_source = image_source
        self.links = 0

    def block(self, node: Node) -> str:
        writer = _WRITERS.get(node.kind)
        return writer(self, node) if writer else self.paragraph(node)

    def paragraph(self, node: Node) -> str:
        is_named = len(node.children) > 1 and isinstance(node.children[1], str)
        name, named = _take_anchor(node) if is_named else ("", node)
        return f"<p{name}>{self.inline(named.children)}</p>"

    def item(self, node: Node, before: str, following: Node | None) -> tuple[str, str]:
        """Returns the HTML of a list item, and the kind of its last block. `before` is the kind of the block before the
        item, and `following` is the item after it.

        The first paragraph is written without a <p> if no blank lines are around it in the body. If there are blank
        lines on both sides, it is written in a <div>. If there is one only before it, an empty paragraph is written
        before it.
        """
        name, node = _take_anchor(node)
        number = f' value="{int(node.value)}"' if _is_number(node.value) else ""
        out: list[str] = []
        blocks = blocks_of(node)
        is_first = True
        for n, block in enumerate(blocks):
            is_after_blank = (node.after_blank if is_first else block.after_blank) and before not in _SPACED
            after = blocks[n + 1] if n + 1 < len(blocks) else following
            is_plain = block.kind == "p" and block.mark is None and n == 0
            text = self.inline(block.children) if is_plain else self.block(block)
            if is_after_blank and (block.kind == "p" or block.kind in HEADINGS):
                is_before_blank = after is None or after.after_blank or after.kind in _SPACED
                text = f"<div>{self.block(block)}</div>" if is_before_blank else f"<div><p></p></div>{text}"
            out.append(text)
            before = block.kind
            is_first = is_first and is_object(block)
        return f"<{node.kind}{name}{number}>{''.join(out)}</{node.kind}>", before

    def quote(self, node: Node) -> str:
        return f"<blockquote>{''.join(map(self.block, blocks_of(node)))}</blockquote>"

    def list(self, node: Node) -> str:
        numbering = "".join(map(_numbering, node.value.split())) if node.kind == "ol" else ""
        out: list[str] = []
        before = node.kind
        children = list(node.nodes())
        for n, child in enumerate(children):
            if child.kind in ITEMS:
                text, before = self.item(child, before, children[n + 1] if n + 1 < len(children) else None)
            else:
                text, before = self.block(child), child.kind
            out.append(text)
        return f"<{node.kind}{numbering}>{''.join(out)}</{node.kind}>"

    def code_block(self, node: Node) -> str:
        language = f' class="language-{escape(node.value)}"' if node.value else ""
        return f"<pre><code{language}>{escape(node.text, quote=False)}</code></pre>"

    def table(self, node: Node) -> str:
        rows = (f"<tr>{''.join(starmap(self.cell, row))}</tr>" for row in cells_of(node))
        return f"<table>{''.join(rows)}</table>"

    def cell(self, node: Node, side: str) -> str:
        align = f' align="{side}"' if side else ""
        spans = "".join(f' {name}="{n}"' for name, n in zip(SPANS, spans_of(node), strict=True) if n > 1)
        return f"<{node.kind}{align}{spans}>{self.inline(node.children)}</{node.kind}>"

    def line(self, node: Node) -> str:
        name, node = _take_anchor(node)
        return f"<{node.kind}{name}>{self.inline(node.children)}</{node.kind}>"

    def figure(self, node: Node) -> str:
        caption = node.mark.caption if node.mark else ""
        below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
        return f"<figure>{self.image(node)}{below}</figure>"

    def image(self, node: Node) -> str:
        """Writes an image with its link, or a link to it if the page must not load it."""
        if node.mark is None or not is_web_url(node.value):
            return ""
        link = node.mark.link if is_safe_url(node.mark.link) and not self.links else ""
        if source := self.image_source(node.value):
            image = f'<img src="{escape(source)}" alt="{escape(node.mark.alt)}" loading="lazy">'
            return f'<a href="{escape(link)}" rel="{REL}">{image}</a>' if link else image
        text = escape(node.mark.alt or unquote(node.value.rpartition("/")[2]) or node.value)
        if self.links:
            return text
        beside = f' (<a href="{escape(link)}" rel="{REL}">{escape(_short_address(link))}</a>)' if link else ""
        return f'<a class="image" href="{escape(node.value)}" rel="{REL}">{text}</a>{beside}'

    def recording(self, node: Node) -> str:
        """Returns the HTML of a link in the place of a recording or an embedded page, so that readers decide what to
        load.
        """
        if node.mark is None or not is_web_url(node.value):
            return ""
        text = escape(node.mark.alt or node.value)
        return f'<figure><a class="{node.kind}" href="{escape(node.value)}" rel="{REL}">{text}</a></figure>'

    def inline(self, children: Sequence[Node | str], before: str = " ") -> str:
        """Writes what a line contains. `before` is what is written before it in the same line."""
        out = [before]
        name = ""
        for n, one in enumerate(children):
            if isinstance(one, str):
                out.append(escape(one, quote=False).replace("\n", "<br>"))
            elif one.kind == ANCHOR and n + 1 < len(children) and isinstance(children[n + 1], Node):
                name = _id(one)
            else:
                following = children[n + 1] if n + 1 < len(children) else ""
                out.append(self.inline_node(one, name, out[-1]) + space_after(one, out[-1], following))
                name = ""
        return "".join(out[1:])

    def inline_node(self, node: Node, name: str, before: str) -> str:
        """Writes an inline node. `name` is the attribute for the anchor before it, or ""; `before` is what is written
        before it.
        """
        if node.kind in IMAGE_KINDS:
            return self.image(node)
        self.links += node.kind == "a"
        inside = self.inline(node.children, before)
        self.links -= node.kind == "a"
        if node.kind == ANCHOR:
            return f"<a{_id(node)}></a>"
        if node.kind == "math":
            return _formula(node, name, inside)
        if node.kind == "ruby":
            reading = f"<rp>(</rp><rt>{escape(node.value, quote=False)}</rt><rp>)</rp>"
            return f"<ruby{name}>{inside}{reading}</ruby>"
        if node.kind != "a":
            title = f' title="{escape(node.value)}"' if node.kind == "abbr" else ""
            return f"<{node.kind}{name}{title}>{inside}</{node.kind}>"
        if not is_safe_url(node.value):
            return inside
        if node.value.startswith("#"):
            return f'<a{name} href="#{ANCHOR_PREFIX}{escape(node.value[1:])}">{inside}</a>'
        return f'<a{name} href="{escape(node.value)}" rel="{REL}">{inside}</a>'


def _formula(node: Node, name: str, inside: str) -> str:
    """Writes a formula in TeX as Pandoc does, for scripts that draw formulas."""
    kind, start, end = ("display", "\\[", "\\]") if node.value == "display" else ("inline", "\\(", "\\)")
    return f'<span{name} class="math {kind}">{start}{inside}{end}</span>'


def _numbering(part: str) -> str:
    """Returns the attribute for a part of the value of an ordered list: a number, a style, or "reversed"."""
    if _is_number(part):
        return f' start="{int(part)}"'
    if part in NUMBER_STYLES:
        return f' type="{part}"'
    return ' reversed=""' if part == "reversed" else ""


def _is_number(text: str) -> bool:
    return text.removeprefix("-").isdecimal() and len(text) < 10


def _short_address(url: str) -> str:
    """Returns the host of a URL without "www."; the URL itself if it has no host."""
    return (url.partition("://")[2].partition("/")[0] or url).removeprefix("www.")


def _take_anchor(node: Node) -> tuple[str, Node]:
    """Splits a node that begins with an anchor. Returns the id attribute for the anchor ("" if there is none), and the
    node without the anchor.
    """
    first = node.children[0] if node.children else ""
    if isinstance(first, str) or first.kind != ANCHOR:
        return "", node
    return _id(first), replace(node, children=node.children[1:])


def _id(anchor: Node) -> str:
    return f' id="{ANCHOR_PREFIX}{escape(anchor.value)}"'


_WRITERS: dict[str, Callable[[_HtmlWriter, Node], str]] = {
    **dict.fromkeys(HEADINGS, _HtmlWriter.line),
    **dict.fromkeys(LISTS, _HtmlWriter.list),
    **dict.fromkeys(ITEMS, lambda writer, node: writer.item(node, "", None)[0]),
    **dict.fromkeys(CELLS, lambda writer, node: writer.cell(node, "")),
    **dict.fromkeys(RECORDINGS, _HtmlWriter.recording),
    "blockquote": _HtmlWriter.quote,
    "pre": _HtmlWriter.code_block,
    "table": _HtmlWriter.table,
    "tr": lambda writer, node: writer.table(Node("table", None, [node])),
    "figure": _HtmlWriter.figure,
    RULE: lambda writer, node: "<hr>",
}


_RTL_LANGUAGES = frozenset(
    (
        "ar",
        "arc",
        "azb",
        "bcc",
        "ckb",
        "dv",
        "fa",
        "ha-arab",
        "he",
        "iw",
        "khw",
        "ks",
        "lrc",
        "mzn",
        "nqo",
        "pnb",
        "ps",
        "sd",
        "syr",
        "ug",
        "ur",
        "yi",
    )
)

_DIRECTION_SAMPLE = 400


def text_direction(language: str | None, text: str) -> str:
    """Returns the text direction, "rtl" or "ltr", of a language. If the language is unknown, returns the direction of
    the first letter in the text that has a direction.
    """
    tag = (language or "").lower()
    if tag in _RTL_LANGUAGES or tag.split("-")[0] in _RTL_LANGUAGES or "-arab" in tag or "-hebr" in tag:
        return "rtl"
    if tag:
        return "ltr"
    strong = (unicodedata.bidirectional(c) for c in text[:_DIRECTION_SAMPLE])
    return next(("ltr" if one == "L" else "rtl" for one in strong if one in ("L", "R", "AL")), "ltr")
