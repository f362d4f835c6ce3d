"""The shape of an address: what it has in common with others that a program made in the same way.

Two months of a calendar have the same shape; so do two tags, two orders of a list, and two pages of a list. An address
that a person named (a slug) has none, since no rule may judge a post by its neighbours.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl

from archiver.discovery.addresses import kind_by_address, listing_word
from archiver.discovery.traps import path_and_query
from archiver.items import PageKind
from archiver.urls import may_name_post, names_post

_NUMBER = re.compile(r"\d+")
_DATED = re.compile(r"/(?:19|20)\d\d(?:[/_-]\d{1,2}){0,2}(?:[-_]archive\.html)?/?$")
_PAGE_STEP = re.compile(r"/(?:page|pagina|página|pag|p|seite|trang|strona|strana|side|sida|sayfa|halaman)[/_-]?\d{1,5}"
                        r"(?:\.\w{3,5})?/?$|/index[_-]?\d{1,4}\.\w{3,5}$|-page-\d{1,5}/?$", re.IGNORECASE)
_PAGE_KEY = re.compile(r"(?:paged?|pg|pagina|seite|start|start-index|offset|skip|from|chunk|p)", re.IGNORECASE)
# Parameters that name the next page by the end of this one: Blogger's updated-max, cursors.
_CHAIN_KEY = re.compile(r"updated-max|max-results|before|after|cursor|max_id|page_?token|start-?after|older-?than",
                        re.IGNORECASE)
_DATE_KEYS = frozenset({"m", "year", "monthnum"})
_SEARCH = re.compile(r"/(?:search|suche|buscar|recherche|cerca|busca)/[^/]+/?$", re.IGNORECASE)


class Shape(NamedTuple):
    """`family`: paging, dates, terms (tags, categories, authors, searches), query, numbers, or "" for no shape.
    The frontier adds two that it alone can know: below (below a post), captures (only listed by a web archive).

    `key`: for paging the list itself; for the others what all addresses of this shape share.
    """

    family: str
    key: str


NONE = Shape("", "")


@lru_cache(maxsize=16_384)
def shape_of(url: str, folder: str = "/") -> Shape:
    """The shape of an address. `folder` is the scope's path."""
    path, query = path_and_query(url)
    pairs = parse_qsl(query, keep_blank_values=True)
    if term := _term(path, folder) or _term_query(pairs):
        return Shape("terms", term)
    if series := _series(path, pairs):
        return Shape("paging", series)
    is_listing = kind_by_address(url, folder) is PageKind.LISTING
    return _shape_by_query(path, pairs, is_listing) if pairs else _shape_by_path(path, is_listing)


def _shape_by_query(path: str, pairs: list[tuple[str, str]], is_listing: bool) -> Shape:
    if is_listing and any(k in _DATE_KEYS for k, _ in pairs):
        return Shape("dates", f"{_digitless(path)}?{'&'.join(sorted(k for k, _ in pairs))}")
    return NONE if may_name_post(pairs) else Shape("query", f"{_digitless(path)}?")


def _shape_by_path(path: str, is_listing: bool) -> Shape:
    if _DATED.search(path) or (is_listing and _NUMBER.search(path)):
        return Shape("dates", _digitless(path))
    steps = [s for s in path.split("/") if s]
    is_numbered = len(steps) > 1 and re.fullmatch(r"[\d._-]+", steps[-1])
    return Shape("numbers", _digitless(path)) if is_numbered else NONE


def series_of(url: str) -> str:
    """The list that this address is a page of, i.e. the address without the page's number; "" if it is no page."""
    path, query = path_and_query(url)
    return _series(path, parse_qsl(query, keep_blank_values=True))


def captures(url: str) -> Shape:
    """The shape of an address that only a web archive lists, if it has none of its own: that of its folder."""
    return Shape("captures", _digitless(path_and_query(url)[0].rstrip("/").rpartition("/")[0]))


def is_side_way(url: str, folder: str = "/") -> bool:
    """Whether a page lists what other pages list too: posts by tag, author, category, date or a parameter."""
    return shape_of(url, folder).family in ("terms", "dates", "query")


def _series(path: str, pairs: list[tuple[str, str]]) -> str:
    if paged := _PAGE_STEP.search(path):
        return f"{path[:paged.start()]}/#?{_rest(pairs, set())}"
    keys = {k for k, v in pairs if (v.isdecimal() and _PAGE_KEY.fullmatch(k)) or (v and _CHAIN_KEY.fullmatch(k))}
    if keys == {"p"} and path in ("", "/", "/index.php"):
        return ""  # WordPress's number of a post
    return f"{path}?{_rest(pairs, keys)}#" if keys else ""


def _rest(pairs: list[tuple[str, str]], without: set[str]) -> str:
    return "&".join(sorted(f"{k}={v}" for k, v in pairs if k not in without))


def _term(path: str, folder: str) -> str:
    if _SEARCH.search(path):
        return "search"
    bare = _PAGE_STEP.sub("", path)
    if folder != "/" and bare.startswith(folder):
        bare = "/" + bare[len(folder):]
    word = listing_word([s for s in bare.lower().split("/") if s])
    return f"/{word}/*" if word else ""


def _term_query(pairs: list[tuple[str, str]]) -> str:
    if names_post(pairs):
        return ""
    return next((f"?{k}" for k, v in pairs if v and k in ("cat", "category", "category_name", "tag", "author",
                                                          "author_name")), "")


def _digitless(path: str) -> str:
    return _NUMBER.sub("9", path.rstrip("/"))
