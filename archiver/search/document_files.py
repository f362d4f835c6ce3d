"""Writes articles as a folder of files (Markdown, HTML or TEI, one file an article) or as one book (EPUB 3.3)."""

from __future__ import annotations

import json
import shutil
import uuid
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape as xml_escape
from xml.sax.saxutils import quoteattr

from lxml import etree
from lxml import html as lxml_html
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


# A book.

_CONTAINER = """<?xml version="1.0" encoding="UTF-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="EPUB/package.opf" media-type="application/oebps-package+xml"/></rootfiles></container>
"""
_XHTML = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"{lang}><head><title>{title}</title>
<link rel="stylesheet" type="text/css" href="book.css"/></head><body>{body}</body></html>
"""
_STYLE = """body { line-height: 1.5 } .about { color: #555; font-size: 90% } pre { white-space: pre-wrap }
table { border-collapse: collapse } td, th { border: 1px solid #999; padding: .2em .5em; text-align: start }
"""
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class _Chapter:
    """An article as a chapter of a book: the name of its file, its title and its XHTML."""

    name: str
    title: str
    xhtml: str


def write_epub(records: Iterable[Record], out: IO[bytes], title: str = "Articles") -> int:
    """Writes articles as the chapters of one EPUB 3.3 book and returns their number.

    Images are links, since a book may not load images from the web (EPUB 3.3, section 3.6).
    """
    items: list[tuple[str, str]] = []
    languages: dict[str, None] = {}
    newest = ""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        # The first file has the media type, and is not compressed (EPUB 3.3, section 4.2.6.1).
        _add(book, "mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        _add(book, "META-INF/container.xml", _CONTAINER)
        _add(book, "EPUB/book.css", _STYLE)
        for record in records:
            chapter = _chapter(record)
            _add(book, f"EPUB/{chapter.name}", chapter.xhtml)
            items.append((chapter.name, chapter.title))
            newest = max(newest, record["last_seen"] or "")
            if record["language"]:
                languages.setdefault(record["language"])
        if not items:
            items.append(("empty.xhtml", "No articles"))
            _add(book, "EPUB/empty.xhtml", _XHTML.format(lang="", title="No articles", body="<p>No articles</p>"))
        links = "".join(f'<li><a href="{name}">{escape(heading)}</a></li>' for name, heading in items)
        nav = f'<nav epub:type="toc"><h1>{escape(title)}</h1><ol>{links}</ol></nav>'
        _add(book, "EPUB/nav.xhtml", _XHTML.format(lang="", title=escape(title), body=nav))
        _add(book, "EPUB/package.opf", _package(title, items, list(languages) or ["und"], newest))
    return sum(name != "empty.xhtml" for name, _ in items)


def _add(book: zipfile.ZipFile, name: str, text: str, how: int = zipfile.ZIP_DEFLATED) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = how
    info.external_attr = 0o644 << 16
    book.writestr(info, text.encode("utf-8", "replace"))


def _chapter(record: Record) -> _Chapter:
    title = record["title"] or record["url"]
    about = " · ".join(part for part in (", ".join(record["authors"]), (record["published"] or "")[:10]) if part)
    source = f'<p class="about">{escape(about)}<br><a href="{escape(record["url"])}">{escape(record["url"])}</a></p>'
    text = to_html(record["body"] or "", marks_of(record), lambda url: "")
    lang = f' xml:lang="{escape(record["language"])}" lang="{escape(record["language"])}"' if record["language"] else ""
    body = _as_xhtml(f"<section><h1>{escape(title)}</h1>{source}{text}</section>")
    return _Chapter(f"{record['id']}.xhtml", title, _XHTML.format(lang=lang, title=escape(title), body=body))


def _as_xhtml(fragment: str) -> str:
    """Converts HTML to well-formed XHTML without the attribute `align` of cells, which EPUB does not allow."""
    root = lxml_html.fragment_fromstring(fragment)
    for cell in root.iter("td", "th"):
        if side := cell.attrib.pop("align", ""):
            cell.set("style", f"text-align: {side}")
    return etree.tostring(root, encoding="unicode", method="xml")


def _package(title: str, items: list[tuple[str, str]], languages: list[str], newest: str) -> str:
    numbered = [(f"c{n}", name) for n, (name, _) in enumerate(items, 1)]
    manifest = "".join(
        f'<item id="{number}" href="{name}" media-type="application/xhtml+xml"/>' for number, name in numbered
    )
    spine = "".join(f'<itemref idref="{number}"/>' for number, _ in numbered)
    when = newest[:19] if newest else datetime.now(UTC).isoformat()[:19]
    identifier = uuid.uuid5(uuid.NAMESPACE_URL, "\n".join([title, *(name for _, name in numbered), when]))
    named = "".join(f"<dc:language>{escape(one)}</dc:language>" for one in languages)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<package xmlns="http://www.idpf.org/2007/opf" version="3.0" '
        'unique-identifier="book"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f'<dc:identifier id="book">urn:uuid:{identifier}</dc:identifier><dc:title>{escape(title)}</dc:title>{named}'
        f'<meta property="dcterms:modified">{when}Z</meta></metadata><manifest>'
        '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
        f'<item id="css" href="book.css" media-type="text/css"/>{manifest}</manifest><spine>{spine}</spine></package>\n'
    )
