"""Writes a body with its marks as HTML. All text is escaped, and only harmless elements, attributes and URLs are
written, so that the result may be put into a page as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from html import escape

from archiver.items import Mark
from archiver.markup.marks import ANCHOR, CELLS, HEADINGS, ITEMS, LISTS, RECORDINGS, is_safe_url, is_web_url
from archiver.markup.tree import Node, blocks_of, build_tree

ANCHOR_PREFIX = "text-"
"""Precedes the names of a text's anchors, so that they differ from all names in the page around the text."""
REL = "noopener noreferrer"


_SPACED = frozenset({*LISTS, "blockquote", "pre", "table"})
"""Blocks before and after which there is always a blank line."""


def to_html(body: str, marks: Iterable[Mark]) -> str:
    """Returns a body with its marks as HTML: a fragment of block-level elements, one a line."""
    return "\n".join(map(_block, blocks_of(build_tree(body, marks))))


def _block(node: Node) -> str:
    writer = _WRITERS.get(node.kind)
    return writer(node) if writer else f"<p>{_inline(node.children)}</p>"


def _item(node: Node, before: str, following: Node | None) -> tuple[str, str]:
    """Writes a list item: its first paragraph as it is, and all further blocks as elements. Returns the HTML and the
    kind of the last block. `before` is the kind of the block before the item, `following` the item after it.

    A paragraph directly in an item has no blank lines around it. If the body has one before it, it is put into a <div>;
    if the body has none after it, an empty paragraph precedes it instead.
    """
    name, node = _take_anchor(node)
    out: list[str] = []
    blocks = blocks_of(node)
    for n, block in enumerate(blocks):
        is_after_blank = (block.after_blank if n else node.after_blank) and before not in _SPACED
        after = blocks[n + 1] if n + 1 < len(blocks) else following
        is_plain = block.kind == "p" and block.mark is None and n == 0
        text = _inline(block.children) if is_plain else _block(block)
        if is_after_blank and (block.kind == "p" or block.kind in HEADINGS):
            is_before_blank = after is None or after.after_blank or after.kind in _SPACED
            text = f"<div>{_block(block)}</div>" if is_before_blank else f"<div><p></p></div>{text}"
        out.append(text)
        before = block.kind
    return f"<{node.kind}{name}>{''.join(out)}</{node.kind}>", before


def _quote(node: Node) -> str:
    return f"<blockquote>{''.join(map(_block, blocks_of(node)))}</blockquote>"


def _list(node: Node) -> str:
    start = f' start="{int(node.value)}"' if node.kind == "ol" and node.value.isdecimal() else ""
    out: list[str] = []
    before = node.kind
    children = list(node.nodes())
    for n, child in enumerate(children):
        if child.kind in ITEMS:
            text, before = _item(child, before, children[n + 1] if n + 1 < len(children) else None)
        else:
            text, before = _block(child), child.kind
        out.append(text)
    return f"<{node.kind}{start}>{''.join(out)}</{node.kind}>"


def _code_block(node: Node) -> str:
    language = f' class="language-{escape(node.value)}"' if node.value else ""
    return f"<pre><code{language}>{escape(node.text, quote=False)}</code></pre>"


def _table(node: Node) -> str:
    return f"<table>{''.join(map(_block, node.nodes()))}</table>"


def _row(node: Node) -> str:
    return f"<tr>{''.join(map(_line, node.nodes()))}</tr>"


def _line(node: Node) -> str:
    name, node = _take_anchor(node)
    return f"<{node.kind}{name}>{_inline(node.children)}</{node.kind}>"


def _take_anchor(node: Node) -> tuple[str, Node]:
    """Returns the attribute for the anchor with which a node begins ("" if it begins with none), and the node without
    that anchor.
    """
    first = node.children[0] if node.children else ""
    if isinstance(first, str) or first.kind != ANCHOR:
        return "", node
    return _id(first), replace(node, children=node.children[1:])


def _id(anchor: Node) -> str:
    return f' id="{ANCHOR_PREFIX}{escape(anchor.value)}"'


def _figure(node: Node) -> str:
    caption = node.mark.caption if node.mark else ""
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{_image(node)}{below}</figure>"


def _image(node: Node) -> str:
    if node.mark is None or not is_web_url(node.value):
        return ""
    return f'<img src="{escape(node.value)}" alt="{escape(node.mark.alt)}" loading="lazy">'


def _recording(node: Node) -> str:
    """Writes a link to a recording or an embedded page, in place of the recording: a reader decides what to load."""
    if node.mark is None or not is_web_url(node.value):
        return ""
    text = escape(node.mark.alt or node.value)
    return f'<figure><a class="{node.kind}" href="{escape(node.value)}" rel="{REL}">{text}</a></figure>'


def _inline(children: Sequence[Node | str]) -> str:
    out: list[str] = []
    name = ""
    for n, one in enumerate(children):
        if isinstance(one, str):
            out.append(escape(one, quote=False).replace("\n", "<br>"))
        elif one.kind == ANCHOR and n + 1 < len(children) and isinstance(children[n + 1], Node):
            name = _id(one)
        else:
            out.append(_inline_node(one, name))
            name = ""
    return "".join(out)


def _inline_node(node: Node, name: str) -> str:
    """Writes an inline node. `name` is the attribute for the anchor before it, or ""."""
    inside = _inline(node.children)
    if node.kind == "img":
        return _image(node)
    if node.kind == ANCHOR:
        return f"<a{_id(node)}></a>"
    if node.kind != "a":
        return f"<{node.kind}{name}>{inside}</{node.kind}>"
    if not is_safe_url(node.value):
        return inside
    if node.value.startswith("#"):
        return f'<a{name} href="#{ANCHOR_PREFIX}{escape(node.value[1:])}">{inside}</a>'
    return f'<a{name} href="{escape(node.value)}" rel="{REL}">{inside}</a>'


_WRITERS: dict[str, Callable[[Node], str]] = {
    **dict.fromkeys(HEADINGS, _line),
    **dict.fromkeys(LISTS, _list),
    **dict.fromkeys(ITEMS, lambda node: _item(node, "", None)[0]),
    **dict.fromkeys(CELLS, _line),
    **dict.fromkeys(RECORDINGS, _recording),
    "blockquote": _quote,
    "pre": _code_block,
    "table": _table,
    "tr": _row,
    "figure": _figure,
}
