"""Writes a body with its marks as TEI P5, the XML of the Text Encoding Initiative (https://tei-c.org/guidelines/p5/)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from archiver.items import Mark
from archiver.markup.marks import ANCHOR, CELLS, HEADINGS, ITEMS, RECORDINGS, is_safe_url, is_web_url
from archiver.markup.tree import Node, blocks_of, build_tree

NAMESPACE = "http://www.tei-c.org/ns/1.0"
_RENDITION = {"strong": "bold", "em": "italic", "sup": "superscript", "sub": "subscript"}


def to_tei(record: Mapping[str, Any], marks: Iterable[Mark]) -> str:
    """Returns a record of an article as a TEI document: its bibliographic data in the header, its text in the body."""
    text = "\n".join(map(_block, blocks_of(build_tree(record["body"] or "", marks))))
    lang = f" xml:lang={quoteattr(record['language'])}" if record["language"] else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<TEI xmlns="{NAMESPACE}"{lang}>\n{_header(record)}\n'
        f"<text><body><div>\n{text or '<p/>'}\n</div></body></text>\n</TEI>\n"
    )


def _header(record: Mapping[str, Any]) -> str:
    title = f"<title>{escape(record['title'] or '')}</title>"
    authors = "".join(f"<author>{escape(name)}</author>" for name in record["authors"])
    when = (record["published"] or "")[:10]
    date = f"<date when={quoteattr(when)}>{escape(when)}</date>" if when else ""
    source = f"<publisher>{escape(record['site'])}</publisher>{date}<ref target={quoteattr(record['url'])}/>"
    terms = [*record["categories"], *record["tags"]]
    keywords = "".join(f"<term>{escape(term)}</term>" for term in terms)
    about = f"<textClass><keywords>{keywords}</keywords></textClass>" if terms else ""
    if record["language"]:
        language = f"<language ident={quoteattr(record['language'])}>{escape(record['language'])}</language>"
        about = f"<langUsage>{language}</langUsage>{about}"
    profile = f"<profileDesc>{about}</profileDesc>" if about else ""
    return (
        f"<teiHeader><fileDesc><titleStmt>{title}{authors}</titleStmt>"
        f"<publicationStmt><p>Archived copy, last seen {escape(record['last_seen'] or '')}</p></publicationStmt>"
        f"<sourceDesc><bibl>{title}{authors}{source}</bibl></sourceDesc></fileDesc>{profile}</teiHeader>"
    )


def _block(node: Node) -> str:
    writer = _WRITERS.get(node.kind)
    return writer(node) if writer else f"<p>{_inline(node.children)}</p>"


def _heading(node: Node) -> str:
    """Writes a heading. TEI allows <head> only at the start of a division, so that a heading is a <label>."""
    return f'<label type="{node.kind}">{_inline(node.children)}</label>'


def _quote(node: Node) -> str:
    return f"<quote>{''.join(map(_block, blocks_of(node)))}</quote>"


def _list(node: Node) -> str:
    rend = {"ol": ' rend="numbered"', "ul": ' rend="bulleted"', "dl": ' type="gloss"'}[node.kind]
    return f"<list{rend}>{''.join(map(_item, node.nodes()))}</list>"


def _item(node: Node) -> str:
    if node.kind == "dt":
        return f"<label>{_inline(node.children)}</label>"
    anchor = next((one for one in node.nodes() if one.kind == ANCHOR), None)
    name = _xml_id(anchor) if anchor else ""
    return f"<item{name}>{''.join(map(_block, blocks_of(node)))}</item>"


def _code_block(node: Node) -> str:
    language = f" lang={quoteattr(node.value)}" if node.value else ""
    return f'<ab><code{language} xml:space="preserve">{escape(node.text)}</code></ab>'


def _table(node: Node) -> str:
    return f"<table>{''.join(map(_row, node.nodes()))}</table>"


def _row(node: Node) -> str:
    return f"<row>{''.join(map(_cell, node.nodes()))}</row>"


def _cell(node: Node) -> str:
    role = ' role="label"' if node.kind == "th" else ""
    return f"<cell{role}>{_inline(node.children)}</cell>"


def _figure(node: Node) -> str:
    if node.mark is None or not is_web_url(node.value):
        return ""
    caption = f"<head>{escape(node.mark.caption)}</head>" if node.mark.caption else ""
    alt = f"<figDesc>{escape(node.mark.alt)}</figDesc>" if node.mark.alt else ""
    return f"<figure>{caption}<graphic url={quoteattr(node.value)}/>{alt}</figure>"


def _recording(node: Node) -> str:
    if node.mark is None or not is_web_url(node.value):
        return ""
    text = escape(node.mark.alt or node.value)
    return f"<p><ref type={quoteattr(node.kind)} target={quoteattr(node.value)}>{text}</ref></p>"


def _inline(children: Sequence[Node | str]) -> str:
    return "".join(
        escape(one).replace("\n", "<lb/>") if isinstance(one, str) else _inline_node(one) for one in children
    )


def _inline_node(node: Node) -> str:
    inside = _inline(node.children)
    if node.kind == "a":
        target = f"#{_xml_name(node.value[1:])}" if node.value.startswith("#") else node.value
        return f"<ref target={quoteattr(target)}>{inside}</ref>" if is_safe_url(node.value) else inside
    if node.kind == "img":
        return _figure(node)
    if node.kind == ANCHOR:
        return f"<anchor{_xml_id(node)}/>"
    if node.kind in _RENDITION:
        return f'<hi rend="{_RENDITION[node.kind]}">{inside}</hi>'
    return f"<{node.kind}>{inside}</{node.kind}>"  # code and del are elements of TEI, too


def _xml_name(name: str) -> str:
    """Returns an anchor's name as a value of xml:id, which must begin with a letter."""
    return "text-" + "".join(c if c.isalnum() or c in "-_." else f"_{ord(c):x}_" for c in name)


def _xml_id(anchor: Node) -> str:
    return f' xml:id="{_xml_name(anchor.value)}"'


_WRITERS: dict[str, Callable[[Node], str]] = {
    **dict.fromkeys(HEADINGS, _heading),
    **dict.fromkeys(("ul", "ol", "dl"), _list),
    **dict.fromkeys(ITEMS, _item),
    **dict.fromkeys(CELLS, _cell),
    **dict.fromkeys(RECORDINGS, _recording),
    "blockquote": _quote,
    "pre": _code_block,
    "table": _table,
    "tr": _row,
    "figure": _figure,
}
