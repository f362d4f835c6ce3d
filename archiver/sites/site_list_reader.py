"""Reads lists of sites to add (OPML, CSV, plain text) into entries with their line numbers. All functions are pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from lxml import etree

from archiver.model.errors import ArchiverError, BadSetting, UnreadableInput
from archiver.model.urls import start_address
from archiver.sites.site_settings import SITE_SETTINGS, read_setting, read_tag

_ADDRESS = ("url", "site", "address", "website", "homepage", "start_url", "htmlurl", "link")
"""Names of the URL column, in lower case."""
_FEED = ("feed", "feed_url", "xmlurl", "rss")
_TAGS = ("tags", "tag", "group", "groups", "category")
_IGNORED = ("name", "title", "description", "text", "type")
_MOST_COLUMNS = 200


@dataclass(frozen=True, slots=True)
class SiteEntry:
    """One site in a list: its start address, the feed that the list names for it, its tags, and its settings in the
    form in which they are stored. `is_exact` is False if the list gives the address without a scheme.
    """

    line: int
    url: str
    feed: str = ""
    tags: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    is_exact: bool = True


@dataclass(frozen=True, slots=True)
class ListProblem:
    """A line of a list that could not be read, in part or as a whole, and why."""

    line: int
    why: str


def read_site_list(data: bytes, name: str) -> Iterator[SiteEntry | ListProblem]:
    """Reads a list of sites in any of the formats; yields its sites and the problems of its lines. Raises
    UnreadableInput if the list is in none of these formats.
    """
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return _opml(data, name)
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnreadableInput(name, f"it is not UTF-8 (line {line})") from error
    if "\0" in text:
        raise UnreadableInput(name, "it is not text")
    header = next((line for line in text.splitlines() if line.strip()), "")
    names = [cell.strip().strip('"').lower() for cell in _cells(header)]
    return _csv(text, name) if set(names) & {*_ADDRESS, *_FEED} else _lines(text)


def _lines(text: str) -> Iterator[SiteEntry | ListProblem]:
    """Reads a plain-text list: one URL per line; further words are tags, and # starts a comment. A CSV file without a
    header is also read as such a list, because no start address contains a comma.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        words = [word for word in re.split(r"[\s,;\"]+", line.split(" #")[0]) if word]
        if not words or words[0].startswith("#"):
            continue
        yield from (
            ListProblem(number, f"{word!r} is a second URL: write one per line") for word in words[1:] if "://" in word
        )
        yield from _entry(number, words[0], "", [word for word in words[1:] if "://" not in word], {})


def _csv(text: str, name: str) -> Iterator[SiteEntry | ListProblem]:
    """Reads a CSV list with a header. Its columns are URL, feed, tags (separated by commas or semicolons), and settings
    by name.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    heads: list[str] = []
    known = {*_ADDRESS, *_FEED, *_TAGS, *_IGNORED, *(one.name for one in SITE_SETTINGS)}
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not heads:
                heads = [cell.strip().lower() for cell in cells]
                yield from (
                    ListProblem(reader.line_num, f"unknown column {head!r}, which is ignored")
                    for head in heads
                    if head and head not in known
                )
                continue
            row = {head: cell.strip() for head, cell in zip(heads, cells, strict=False) if cell.strip()}
            settings = {one.name: row[one.name] for one in SITE_SETTINGS if one.name in row}
            tags = [tag for column in _TAGS for tag in row.get(column, "").replace(";", ",").split(",")]
            yield from _entry(reader.line_num, _first(row, _ADDRESS), _first(row, _FEED), tags, settings)
    except csv.Error as error:
        yield ListProblem(reader.line_num, f"from here on it is not valid CSV ({error})")


def _opml(data: bytes, name: str) -> Iterator[SiteEntry | ListProblem]:
    """Reads an OPML 2.0 list: each outline with htmlUrl or xmlUrl is a site, and the titles of the outlines around it
    are its tags.

    Many files are not well-formed XML (a bare & in a title): errors are reported, and the rest is read.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise UnreadableInput(name, f"it is not XML (line {error.lineno}: {error.msg})") from error
    if root is None or etree.QName(root).localname.lower() != "opml":
        first = "" if root is None else f": its first element is {etree.QName(root).localname}"
        raise UnreadableInput(name, f"it is not OPML{first}")
    for line, why in {error.line: error.message for error in reversed(parser.error_log)}.items():
        yield ListProblem(line, f"it is not well-formed XML ({why})")
    for outline in root.iter("outline"):
        attributes = {str(key).lower(): str(value) for key, value in outline.attrib.items()}
        if not attributes.get("xmlurl") and not attributes.get("htmlurl"):
            continue
        folders = [around.get("title") or around.get("text") or "" for around in outline.iterancestors("outline")]
        more = attributes.get("category", "").replace("/", ",").split(",")
        settings = {one.name: attributes[one.name] for one in SITE_SETTINGS if one.name in attributes}
        yield from _entry(
            _line(outline.sourceline),
            attributes.get("htmlurl", ""),
            attributes.get("xmlurl", ""),
            [tag.replace(",", " ") for tag in (*folders, *more)],
            settings,
        )


def _entry(
    line: int, address: str, feed: str, tags: list[str], settings: dict[str, str]
) -> Iterator[SiteEntry | ListProblem]:
    """Yields a problem for each invalid setting or tag of a line, then the site of this line without these. `line` is
    the line's number, and `feed` the address of the site's feed, "" if not given. If the address is invalid, yields
    only the problem of the address.
    """
    if not address and not feed:
        yield ListProblem(line, "it has no URL")
        return
    valid_settings: dict[str, Any] = {}
    valid_tags: list[str] = []
    try:
        feed = start_address(feed) if feed else ""
        url = start_address(address or urljoin(feed, "/"))
    except ArchiverError as error:
        yield ListProblem(line, str(error).rstrip("."))
        return
    for key, value in settings.items():
        try:
            valid_settings[key] = read_setting(f"{key}={value}")[1]
        except BadSetting as error:
            yield ListProblem(line, str(error).rstrip("."))
    for tag in filter(str.strip, tags):
        try:
            valid_tags.append(read_tag(tag))
        except BadSetting as error:
            yield ListProblem(line, str(error).rstrip("."))
    yield SiteEntry(line, url, feed, tuple(dict.fromkeys(valid_tags)), valid_settings, "://" in address)


def _first(row: dict[str, str], names: tuple[str, ...]) -> str:
    return next((row[name] for name in names if name in row), "")


def _delimiter(text: str) -> str:
    head = next((line for line in text.splitlines() if line.strip()), "")
    return max(",;\t", key=head.count)


def _cells(line: str) -> list[str]:
    return line.split(_delimiter(line))[:_MOST_COLUMNS]


def _line(number: Any) -> int:
    """Returns lxml's line number of an element as an int; 0 if lxml does not know the number."""
    return number if isinstance(number, int) else 0
