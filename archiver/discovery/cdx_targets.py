"""Turns old captures into addresses worth requesting from a site, without the junk that web archives are full of.

For twenty years crawlers took every link for an address: truncated, with markup or a line end in it, with every
parameter that ever followed it. They also captured lists, which add nothing to the captures of posts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from archiver.discovery.addresses import Facts, facts
from archiver.discovery.cdx import CdxEntry, is_page
from archiver.discovery.shapes import shape_of
from archiver.items import PageKind, Source, Target
from archiver.urls import Scope, normalize, urlkey

# Control characters, quotation marks, brackets, braces; an extra blank, full stop or comma at the end; escaped
# entities; another address within the path.
_SPOILT = re.compile(r"%(?:[01][0-9A-F]|7F|22|3C|3E|5C|60|7B|7D)|(?:%20|%C2%A0|%E2%80%A6|%EF%BF%BD|\.\.\.|[,;'])+$|"
                     r"&(?:amp|quot|lt|gt|#\d+)(?:;|%3B)", re.IGNORECASE)
_WITHIN = re.compile(r"/(?:https?|mailto|javascript):|/www\.[\w.-]+/", re.IGNORECASE)
_LISTS = frozenset({"paging", "terms", "dates"})


@dataclass(frozen=True, slots=True)
class Remembered:
    """`targets` have the times of their first and (if known) last capture; `left_out` counts captures."""

    targets: tuple[Target, ...] = ()
    left_out: int = 0


def targets(entries: Iterable[CdxEntry], scope: Scope, found_on: str, latest_year: int = 2100) -> Remembered:
    """The addresses of a site that were captured as pages, each once. Traps are marked as such, as for links.

    Leaves out other hosts, files, feeds, lists (the site itself links to those it still has), broken addresses, and
    a page with parameters that name no post if it was also captured without them.
    """
    found: dict[str, Target] = {}
    left_out = 0
    for entry in entries:
        target = _target(entry, scope, found_on, latest_year)
        if target is None:
            left_out += 1
            continue
        key = urlkey(target.url)
        found[key] = _together(found[key], target) if key in found else target
    views = [key for key, t in found.items() if key.partition("?")[0] in found and "?" in key and is_view(t.url, scope)]
    for key in views:
        del found[key]
    return Remembered(tuple(found.values()), left_out + len(views))


def is_spoilt(url: str) -> bool:
    """Whether an address is plainly broken."""
    parts = urlsplit(url)
    return bool(_SPOILT.search(parts.path) or _SPOILT.search(parts.query) or _WITHIN.search(parts.path))


def may_be_post(url: str, scope: Scope, latest_year: int = 2100) -> Facts | None:
    """The facts of an address that was captured; None for other hosts, files, feeds, lists and broken addresses.

    Its `url` has http and no www, however it was captured.
    """
    found = normalize(url)
    if found is None or is_spoilt(found):
        return None
    home = f"http://{scope.host}/"
    known = facts(found, home, home, scope, latest_year)
    if known is None or known.role not in ("page", "trap"):
        return None
    if known.kind is PageKind.LISTING or shape_of(known.url, scope.path).family in _LISTS:
        return None
    return known


def is_view(url: str, scope: Scope) -> bool:
    """Whether its parameters name no post; if the page was captured without them, it is the same."""
    return "?" in url and shape_of(url, scope.path).family == "query"


def _target(entry: CdxEntry, scope: Scope, found_on: str, latest_year: int) -> Target | None:
    known = may_be_post(entry.url, scope, latest_year) if is_page(entry) else None
    if known is None:
        return None
    return Target(known.url, Source.CDX, known.kind, found_on, trap=known.rule,
                  captured=(entry.timestamp, entry.last))


def _together(one: Target, other: Target) -> Target:
    assert one.captured
    assert other.captured
    times: list[datetime] = [at for pair in (one.captured, other.captured) for at in pair if at is not None]
    return replace(one, captured=(min(times), max(times)))
