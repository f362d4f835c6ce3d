"""Decides which of two addresses of a post is its display address: the one that a person would cite. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from archiver.discovery.url_classifier import path_and_query
from archiver.urls import names_post, urlkey


@dataclass(frozen=True, slots=True)
class KnownAddress:
    """An address at which a post was read.

    - `is_short`: a page of the post declares it as its shortlink.
    - `is_given`: a feed, sitemap or API listed it in this crawl, or another page of the post has it in og:url or
      JSON-LD.
    - `is_canonical`: a page of the post declares it as canonical.
    """

    url: str
    is_short: bool = False
    is_given: bool = False
    is_canonical: bool = False

    @property
    def is_readable(self) -> bool:
        """False if the address is the shortlink, or identifies the post by a number, as in ?p=12 or, in a static copy
        of a site, index.html%3Fp=12.html.
        """
        _, query = path_and_query(self.url)
        return not self.is_short and not names_post((k, v) for k, v in parse_qsl(query) if v.isdigit())


def is_more_readable(here: KnownAddress, there: KnownAddress) -> bool | None:
    """Returns True if only `here` is readable, False if only `there` is readable, and None if both or neither are."""
    return None if here.is_readable == there.is_readable else here.is_readable


def is_preferred(here: KnownAddress, there: KnownAddress) -> bool | None:
    """Returns True if `here` is the better of two addresses that both respond, False if `there` is the better one, and
    None if nothing distinguishes them.

    Prefers, in this order, a readable address, an address that other pages or sources give, an address that is declared
    canonical, and the shorter address.
    """
    one, other = ((a.is_readable, a.is_given, a.is_canonical, -len(urlkey(a.url))) for a in (here, there))
    return None if one == other else one > other
