"""Writes articles as a folder of files: Markdown, HTML or TEI, one file an article."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape as xml_escape
from xml.sax.saxutils import quoteattr

from slugify import slugify

from archiver.markup.html_writer import to_html
from archiver.markup.markdown_writer import to_markdown
from archiver.markup.text_marks import (
    ANCHOR,
    CELLS,
    HEADINGS,
    ITEMS,
    RECORDINGS,
    RULE,
    Node,
    blocks_of,
    build_tree,
    is_safe_url,
    is_web_url,
    numbers_of,
    spans_of,
    unpack_marks,
)
from archiver.model.errors import OutputNotWritable
from archiver.model.fields import FIELDS, names
from archiver.model.items import Article, Mark
from archiver.storage.articles import article_row
from archiver.storage.columns import SHAPED

Record = dict[str, Any]
_MAX_SLUG = 60
_FRONT_MATTER = names(lambda f: f.shape not in ("marks", "capture") and f.name not in ("title", "body"))
"""The fields in the front matter of a Markdown file, after the title."""


# One article as a file.


def marks_of(record: Record) -> tuple[Mark, ...]:
    """Returns the marks of a record's body."""
    return unpack_marks(record["markup"], len(record["body"] or ""))


def markdown_file(record: Record) -> str:
    """Returns a record as a Markdown file: its fields as YAML front matter, its title as a heading, and its text."""
    fields = {"title": record["title"]} | {name: record[name] for name in _FRONT_MATTER}
    # JSON values are YAML values, too (YAML 1.2, section 1.3).
    head = "".join(f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in fields.items() if value)
    return f"---\n{head}---\n\n{to_markdown(record['body'] or '', marks_of(record))}\n"


def html_file(record: Record) -> str:
    """Returns a record as an HTML file without scripts: its fields as <meta> elements, its title, and its text."""
    language = f' lang="{escape(record["language"])}"' if record["language"] else ""
    terms = ", ".join([*record["categories"], *record["tags"]])
    meta = {
        "author": ", ".join(record["authors"]),
        "date": record["published"],
        "description": record["description"],
        "keywords": terms,
    }
    title = escape(record["title"] or "")
    return "\n".join(
        [
            f'<!doctype html>\n<html{language}><head><meta charset="utf-8">',
            f'<title>{title}</title>\n<link rel="canonical" href="{escape(record["url"])}">',
            *(f'<meta name="{name}" content="{escape(value)}">' for name, value in meta.items() if value),
            f"</head><body><article>\n<h1>{title}</h1>",
            to_html(record["body"] or "", marks_of(record)),
            "</article></body></html>\n",
        ]
    )


# TEI P5, the XML of the Text Encoding Initiative (https://tei-c.org/guidelines/p5/).

TEI_NAMESPACE = "http://www.tei-c.org/ns/1.0"
_RENDITION = {
    "strong": "bold", "em": "italic", "sup": "superscript", "sub": "subscript", "kbd": "keyboard",
    "mark": "highlighted",
}  # fmt: skip
_TEI_NUMBERS = {"a": "lower-alpha", "A": "upper-alpha", "i": "lower-roman", "I": "upper-roman"}
# Elements of TEI for inline marks that are no rendition, by kind. Their parts are the text and the value of the mark.
_TEI_INLINE = {
    "code": "<code>{0}</code>", "del": "<del>{0}</del>", "ins": "<add>{0}</add>", "q": "<q>{0}</q>",
    "math": '<formula notation="TeX">{0}</formula>',
    "abbr": "<choice><abbr>{0}</abbr><expan>{1}</expan></choice>",
    "ruby": "<ruby><rb>{0}</rb><rt>{1}</rt></ruby>",
}  # fmt: skip


def to_tei(record: Record) -> str:
    """Returns a record of an article as a TEI document: its bibliographic data in the header, its text in the body."""
    text = "\n".join(map(_tei_block, blocks_of(build_tree(record["body"] or "", marks_of(record)))))
    lang = f" xml:lang={quoteattr(record['language'])}" if record["language"] else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<TEI xmlns="{TEI_NAMESPACE}"{lang}>\n{_tei_header(record)}\n'
        f"<text><body><div>\n{text or '<p/>'}\n</div></body></text>\n</TEI>\n"
    )


def _tei_header(record: Record) -> str:
    title = f"<title>{xml_escape(record['title'] or '')}</title>"
    authors = "".join(f"<author>{xml_escape(name)}</author>" for name in record["authors"])
    when = (record["published"] or "")[:10]
    date = f"<date when={quoteattr(when)}>{xml_escape(when)}</date>" if when else ""
    source = f"<publisher>{xml_escape(record['site'])}</publisher>{date}<ref target={quoteattr(record['url'])}/>"
    terms = [*record["categories"], *record["tags"]]
    keywords = "".join(f"<term>{xml_escape(term)}</term>" for term in terms)
    about = f"<textClass><keywords>{keywords}</keywords></textClass>" if terms else ""
    if record["language"]:
        language = f"<language ident={quoteattr(record['language'])}>{xml_escape(record['language'])}</language>"
        about = f"<langUsage>{language}</langUsage>{about}"
    profile = f"<profileDesc>{about}</profileDesc>" if about else ""
    return (
        f"<teiHeader><fileDesc><titleStmt>{title}{authors}</titleStmt>"
        f"<publicationStmt><p>Archived copy, last seen {xml_escape(record['last_seen'] or '')}</p></publicationStmt>"
        f"<sourceDesc><bibl>{title}{authors}{source}</bibl></sourceDesc></fileDesc>{profile}</teiHeader>"
    )


def _tei_block(node: Node) -> str:
    writer = _TEI_WRITERS.get(node.kind)
    return writer(node) if writer else f"<p>{_tei_inline(node.children)}</p>"


def _tei_heading(node: Node) -> str:
    """Writes a heading as a <label>, because TEI allows <head> only at the start of a division."""
    return f'<label type="{node.kind}">{_tei_inline(node.children)}</label>'


def _tei_quote(node: Node) -> str:
    return f"<quote>{''.join(map(_tei_block, blocks_of(node)))}</quote>"


def _tei_list(node: Node) -> str:
    styles = " ".join(style for part in node.value.split() if (style := _TEI_NUMBERS.get(part)))
    numbered = f' rend="numbered{" " * bool(styles)}{styles}"'
    rend = {"ol": numbered, "ul": ' rend="bulleted"', "dl": ' type="gloss"'}[node.kind]
    numbers = numbers_of(node) if node.kind == "ol" else []
    has_default_numbers = numbers == list(range(1, len(numbers) + 1))
    shown = [""] * len(list(node.nodes())) if has_default_numbers else [f' n="{number}"' for number in numbers]
    return f"<list{rend}>{''.join(map(_tei_item, node.nodes(), shown))}</list>"


def _tei_item(node: Node, number: str = "") -> str:
    """Returns an item of a list as TEI. `number` is the attribute with its number; "" if that is its position."""
    if node.kind == "dt":
        return f"<label>{_tei_inline(node.children)}</label>"
    anchor = next((one for one in node.nodes() if one.kind == ANCHOR), None)
    name = _tei_xml_id(anchor) if anchor else ""
    rest = replace(node, children=[one for one in node.children if one is not anchor])
    return f"<item{name}{number}>{''.join(map(_tei_block, blocks_of(rest)))}</item>"


def _tei_code_block(node: Node) -> str:
    language = f" lang={quoteattr(node.value)}" if node.value else ""
    return f'<ab><code{language} xml:space="preserve">{xml_escape(node.text)}</code></ab>'


def _tei_table(node: Node) -> str:
    return f"<table>{''.join(map(_tei_row, node.nodes()))}</table>"


def _tei_row(node: Node) -> str:
    return f"<row>{''.join(map(_tei_cell, node.nodes()))}</row>"


def _tei_cell(node: Node) -> str:
    role = ' role="label"' if node.kind == "th" else ""
    spans = "".join(f' {name}="{n}"' for name, n in zip(("cols", "rows"), spans_of(node), strict=True) if n > 1)
    return f"<cell{role}{spans}>{_tei_inline(node.children)}</cell>"


def _tei_figure(node: Node) -> str:
    if node.mark is None or not is_web_url(node.value):
        return ""
    caption = f"<head>{xml_escape(node.mark.caption)}</head>" if node.mark.caption else ""
    alt = f"<figDesc>{xml_escape(node.mark.alt)}</figDesc>" if node.mark.alt else ""
    link = f"<p><ref target={quoteattr(node.mark.link)}/></p>" if is_safe_url(node.mark.link) else ""
    return f"<figure>{caption}<graphic url={quoteattr(node.value)}/>{alt}{link}</figure>"


def _tei_recording(node: Node) -> str:
    if node.mark is None or not is_web_url(node.value):
        return ""
    text = xml_escape(node.mark.alt or node.value)
    return f"<p><ref type={quoteattr(node.kind)} target={quoteattr(node.value)}>{text}</ref></p>"


def _tei_inline(children: Sequence[Node | str]) -> str:
    return "".join(
        xml_escape(one).replace("\n", "<lb/>") if isinstance(one, str) else _tei_inline_node(one) for one in children
    )


def _tei_inline_node(node: Node) -> str:
    inside = _tei_inline(node.children)
    if node.kind == "a":
        target = f"#{_tei_xml_name(node.value[1:])}" if node.value.startswith("#") else node.value
        return f"<ref target={quoteattr(target)}>{inside}</ref>" if is_safe_url(node.value) else inside
    if node.kind == "img":
        return _tei_figure(node)
    if node.kind == ANCHOR:
        return f"<anchor{_tei_xml_id(node)}/>"
    if node.kind in _RENDITION:
        return f'<hi rend="{_RENDITION[node.kind]}">{inside}</hi>'
    return _TEI_INLINE[node.kind].format(inside, xml_escape(node.value))


def _tei_xml_name(name: str) -> str:
    """Converts an anchor's name to a value of xml:id, which must begin with a letter."""
    return "text-" + "".join(c if c.isalnum() or c in "-_." else f"_{ord(c):x}_" for c in name)


def _tei_xml_id(anchor: Node) -> str:
    return f' xml:id="{_tei_xml_name(anchor.value)}"'


_TEI_WRITERS: dict[str, Callable[[Node], str]] = {
    **dict.fromkeys(HEADINGS, _tei_heading),
    **dict.fromkeys(("ul", "ol", "dl"), _tei_list),
    **dict.fromkeys(ITEMS, _tei_item),
    **dict.fromkeys(CELLS, _tei_cell),
    **dict.fromkeys(RECORDINGS, _tei_recording),
    "blockquote": _tei_quote,
    "pre": _tei_code_block,
    "table": _tei_table,
    "tr": _tei_row,
    "figure": _tei_figure,
    RULE: lambda node: '<milestone unit="section" rend="rule"/>',
}


def article_record(article: Article) -> dict[str, Any]:
    """Converts an extracted article to a record. Fields whose values only an archive has are empty."""
    row = {**article_row(article), "site": urlsplit(article.url).netloc}
    return {f.name: SHAPED[f.shape](row.get(f.name)) if f.shape in SHAPED else None for f in FIELDS}


# A folder of files.


@dataclass(frozen=True, slots=True)
class FileFormat:
    """An export format that writes each article to a file of its own. `suffix` is the end of the file names; `write`
    returns the text of a file.
    """

    suffix: str
    write: Callable[[Record], str]
    doc: str


FILE_FORMATS: dict[str, FileFormat] = {
    "markdown": FileFormat(".md", markdown_file, "a folder of Markdown files with front matter"),
    "html": FileFormat(".html", html_file, "a folder of HTML files"),
    "tei": FileFormat(".xml", to_tei, "a folder of TEI files"),
}


def write_folder(records: Iterable[Record], folder: Path, form: FileFormat) -> int:
    """Writes each article as a file in the subfolder SITE of `folder`, and returns the number of articles. `folder`
    appears only when it is complete.

    Raises OutputNotWritable if the folder exists and is not empty, or cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputNotWritable(str(folder), "it exists and is not empty")
    begun = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    count = 0
    try:
        for record in records:
            file = begun / file_name(record, form.suffix)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(form.write(record), encoding="utf-8", errors="replace")
            count += 1
        begun.mkdir(parents=True, exist_ok=True)
        if folder.exists():
            folder.rmdir()
        begun.rename(folder)
    except OSError as error:
        shutil.rmtree(begun, ignore_errors=True)
        raise OutputNotWritable(str(folder), error.strerror or str(error)) from error
    except BaseException:
        shutil.rmtree(begun, ignore_errors=True)
        raise
    return count


def file_name(record: Record, suffix: str) -> str:
    """Returns the name of an article's file below the folder, such as SITE/2024-05-01-TITLE-ID.md."""
    day = (record["published"] or "")[:10]
    title = slugify(record["title"] or "", allow_unicode=True, max_length=_MAX_SLUG, word_boundary=True)
    site = record["site"].replace("/", "_").replace(":", "_").strip(".") or "site"
    name = "-".join(part for part in (day, title.encode()[:150].decode(errors="ignore"), str(record["id"])) if part)
    return f"{site}/{name}{suffix}"
