"""What narrows a search: who, where, when, in which section; and how it is ordered.

Filters of one kind widen each other (two authors: either), filters of different kinds narrow.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, fields
from math import inf
from typing import Any

from sqlite_utils import Database

from archiver.errors import BadQuery
from archiver.search.index_document import fold_name
from archiver.search.query_parser import parse_query
from archiver.search.query_tree import (
    DEFAULT_KM,
    And,
    InBox,
    Key,
    Node,
    Or,
    SimilarTo,
    in_circle,
    language_term,
    time_term,
)
from archiver.search.ranking import FOLDS, Fold
from archiver.storage.sites import find_site

SORTS: dict[str, str] = {
    "relevance": "",
    "date": "published_at",
    "modified": "modified_at",
    "title": "sorted_title",
    "site": "site",
    "added": "id",
    "distance": "",
}
"""What the results can be ordered by, and the field of the index that has it."""


@dataclass(frozen=True, slots=True)
class Query:
    """One search. `text` is in the language of `archiver.search.query_parser`; empty means every article.

    `since` and `until` are a year, a month, a day (both ends included, by the page's own clock) or
    a full ISO 8601 time. `near` is (latitude, longitude), `within` kilometres around it (25 where
    it is None), `bbox` (west, south, east, north) in degrees; west greater than east crosses the
    antimeridian. `sort` is a key of SORTS, with "-" before it downwards; "" is by relevance where
    there is text and newest first where there is none. `recent` ranks newer articles higher: it is the
    number of days in which a score halves (`archiver.search.ranking`). `fold` is a key of
    `archiver.search.ranking.FOLDS`; "" is "none" with `duplicates`, else "text". `limit` None is no limit. `stem` finds
    English words in their other forms too, but for those in quotation marks; `like` is an article, by its number or an
    address of it, and leaves those that are about the same.
    """

    text: str = ""
    site: tuple[str, ...] = ()
    author: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    language: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    near: tuple[float, float] | None = None
    within: float | None = None
    bbox: tuple[float, float, float, float] | None = None
    sort: str = ""
    limit: int | None = 20
    offset: int = 0
    duplicates: bool = False
    recent: float | None = None
    fold: str = ""
    stem: bool = False
    like: int | str | None = None

    @property
    def folding(self) -> Fold:
        """How it is folded. Raises BadQuery."""
        if self.fold and self.fold not in FOLDS:
            raise BadQuery(f"fold {self.fold}", f"it can be folded by {', '.join(FOLDS)}")
        return self.fold or ("none" if self.duplicates else "text")


def filters_of(db: Database, query: Query) -> Node | None:
    """What puts the results in an order, and what snippets show: the text, and what they are to be like.

    Raises BadQuery, ArticleNotFound and ArticleRemoved.
    """
    node = parse_query(query.text, stem=query.stem)
    if query.like is None:
        return node
    from archiver.storage.article_tables.records import (
        find_article,  # it loads what reads pages, which a search else does without
    )

    like = SimilarTo(find_article(db, query.like))
    return like if node is None else And((node, like))


def filter_terms(db: Database, query: Query) -> list[Node]:
    """What all results have in common. Raises BadQuery, and SiteNotFound for a site the archive does not have."""
    out: list[Node] = []
    if query.site:
        out.append(Or(tuple(Key(f"at:{find_site(db, name)['name']}") for name in query.site)))
    out += [
        Or(tuple(Key(f"{name}:{fold_name(value)}") for value in getattr(query, name)))
        for name in ("author", "category", "tag")
        if getattr(query, name)
    ]
    if query.language:
        out.append(Or(tuple(language_term(tag) for tag in query.language)))
    if query.since or query.until:
        out.append(time_term("published", query.since, query.until))
    if query.near is None:
        if query.within is not None:
            raise BadQuery(f"within {query.within:g} km", "it needs --near LAT,LON to say of what")
        if query.sort.lstrip("-") == "distance":
            raise BadQuery("sort by distance", "it needs --near LAT,LON to say from where")
    else:
        out.append(in_circle(*query.near, DEFAULT_KM if query.within is None else query.within))
    if query.recent is not None:
        if not 0 < query.recent < inf:
            raise BadQuery(f"recent {query.recent:g}", "it is a number of days, more than 0")
        if query.sort not in ("", "relevance"):
            raise BadQuery(f"sort by {query.sort}", "what is recent counts where it is sorted by relevance alone")
    if query.bbox is not None:
        out.append(InBox(query.bbox))
    return out


# A query in words: as the command line asks for it, which is how a saved one is shown.


def query_as_options(query: Query) -> str:
    """The query as `archiver search` takes it, quoted for a shell; what is as by default is left out, and so are
    `limit` and `offset`, which say how much of it is shown."""
    return " ".join(_words(query))


def _words(query: Query) -> Iterator[str]:
    if query.text:
        yield shlex.quote(query.text)
    for one in fields(Query):
        value = getattr(query, one.name)
        if one.name in ("text", "limit", "offset") or value == one.default:
            continue
        name = {"duplicates": "--all"}.get(one.name, f"--{one.name.replace('_', '-')}")
        if value is True:
            yield name
        elif one.name in ("near", "bbox"):
            yield f"{name} {shlex.quote(','.join(f'{number:.12g}' for number in value))}"
        else:
            for each in value if isinstance(value, tuple) else (value,):
                yield f"{name} {shlex.quote(_text(each))}"


def _text(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)
