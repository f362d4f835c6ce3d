"""The addresses of a post that is split over several pages: what they add to the post's own address."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

from archiver.urls import urlkey

# The words for "page" that programs put in addresses; "part 2" is usually a post of its own.
_LONG_WORD = "page|pagina|página|seite|trang|strona|strana|stranica|stranitsa|sivu|sayfa|halaman|страница|ページ"
_WORD = f"{_LONG_WORD}|pag|pg|p|str|side|sida|стр|頁|页"
PAGE_WORD = re.compile(_WORD, re.IGNORECASE)
_WORD_FOLDER = re.compile(rf"(?P<stem>.*[^/])/(?:{_WORD})/?", re.IGNORECASE)
_FOLDER = re.compile(rf"(?P<stem>.*[^/])/(?:(?:{_WORD})[_-]?)?(?P<number>0|[1-9]\d{{0,2}})/?", re.IGNORECASE)
_FILE = re.compile(
    rf"(?P<stem>.*[^/_.,-])(?P<sep>[/_.,-]{{1,2}})(?:(?:{_WORD})[_-]?)?(?P<number>0|[1-9]\d{{0,2}})"
    r"(?P<ending>\.[a-z]{3,5})", re.IGNORECASE,
)
_TAIL = re.compile(rf"(?P<stem>.*[^/_,-])[-_,](?:{_LONG_WORD})[-_]?(?P<number>0|[1-9]\d{{0,2}})/?", re.IGNORECASE)
_QUERY = re.compile(
    r"(?:page|pg|p|paged|pagina|page_?num(?:ber)?|page_?no|cur(?:rent)?_?page|seite|trang|sayfa|strona|str|part|pn|"
    r"_page)=(\d{1,3})", re.IGNORECASE,
)
# What a link must look like at its end to be worth parsing, since most links of a page are not.
MAYBE = re.compile(r"(?<!\d)\d{1,3}(?:\.[a-z]{3,5})?/?(?:[?#]|$)|=\d{1,3}&", re.IGNORECASE)


class Split(NamedTuple):
    """One way to read an address as a page of a post: the post's own address and urlkey, and the page's number."""

    stem: str
    key: str
    number: int
    in_query: bool


def splits(url: str) -> list[Split]:
    """Every way to read an address as page N of something other than a site's root, with the number as written.

    "/a/2/", "/a/page/2", "/a-2.html", "/a/2.html", "/a-page-2", "/a?page=2". A number with a leading zero is a month
    or a day.
    """
    parts = urlsplit(url)
    found: list[Split] = []

    def add(path: str, query: str, number: str, in_query: bool) -> None:
        if not in_query and (word := _WORD_FOLDER.fullmatch(path)):
            path = word["stem"] + ("/" if path.endswith("/") else "")
        stem = urlunsplit((parts.scheme, parts.netloc, path, query, ""))
        if path.strip("/") or query:
            found.append(Split(stem, urlkey(stem), int(number), in_query))

    pieces = parts.query.split("&") if parts.query else []
    for at, piece in enumerate(pieces):
        if m := _QUERY.fullmatch(piece):
            add(parts.path, "&".join(pieces[:at] + pieces[at + 1 :]), m[1], True)
    path = unquote(parts.path) if "%" in parts.path else parts.path
    if (m := _FOLDER.fullmatch(path)) or (m := _TAIL.fullmatch(path)):
        add(m["stem"] + ("/" if path.endswith("/") else ""), parts.query, m["number"], False)
    elif m := _FILE.fullmatch(path):
        add(m["stem"] + m["ending"], parts.query, m["number"], False)
        if m["sep"] == "/":
            add(m["stem"] + "/", parts.query, m["number"], False)
    return found
