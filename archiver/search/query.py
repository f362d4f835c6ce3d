"""The search query with its text, filters and sort order, and its translation to query tree nodes.

If one filter has several values, one of them must match (an article by either of two authors). All filters together
must match.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, fields
from math import inf
from typing import Any

from archiver.errors import BadQuery
from archiver.search.geo_areas import DEFAULT_KM
from archiver.search.index_documents import index_text
from archiver.search.query_parser import parse_query
from archiver.search.query_tree import And, InBox, Key, Name, Node, Or, SimilarTo, in_circle, language_term, time_term
from archiver.search.sorting import FOLDS, Fold
from archiver.storage import Database
from archiver.storage.sites import site_with_page

SORTS: dict[str, str] = {
    "relevance": "",
    "date": "published_at",
    "modified": "modified_at",
    "title": "sorted_title",
    "site": "site",
    "added": "id",
    "distance": "",
}
"""Maps each sort key of a query to the index field by which matches are sorted; "" for relevance, which has no
field."""


@dataclass(frozen=True, slots=True)
class Query:
    """A search query. `site`, `author`, `category`, `tag` and `language` are filters; each is a list of accepted names.

    - `text`: the query in the language of `archiver.search.query_parser`; "" matches every article.
    - `since`, `until`: each a year, a month or a day (inclusive, in the page's time zone) or a full ISO 8601 time.
    - `near`, `within`: (latitude, longitude), and the radius in kilometres; None means 25.
    - `bbox`: (west, south, east, north) in degrees; if west is greater than east, it crosses the antimeridian.
    - `sort`: a key of SORTS, with "-" before it for descending order; "" sorts by relevance if there is text, otherwise
      newest first.
    - `limit`: None means no limit.
    - `recent`: if given, newer articles rank higher: a score halves with this many days of age (see
      `sorting`).
    - `fold`: a key of `sorting.FOLDS`; "" means "none" if `duplicates` is
      True, otherwise "text".
    - `stem`: if True, other forms of English words that are not in quotation marks are found, too.
    - `like`: the ID or a URL of an article; only articles on the same topic are found.
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
        """How duplicates are folded: the value of `fold`; if that is "", "none" if `duplicates` is True and "text"
        otherwise. Raises BadQuery for an unknown value.
        """
        if self.fold and self.fold not in FOLDS:
            raise BadQuery(f"fold {self.fold}", f"the possible values are {', '.join(FOLDS)}")
        return self.fold or ("none" if self.duplicates else "text")


def ranking_terms(db: Database, query: Query) -> Node | None:
    """Returns the query tree of the text and the `like` article of a query. Only this part determines relevance and is
    highlighted in snippets. Returns None if the query has neither. Raises BadQuery, ArticleNotFound and ArticleRemoved.
    """
    node = parse_query(query.text, stem=query.stem)
    if query.like is None:
        return node
    # Imported here because it loads the extraction code, which other searches do not need.
    from archiver.storage.article_records import find_article

    like = SimilarTo(find_article(db, query.like))
    return like if node is None else And((node, like))


def filter_terms(db: Database, query: Query) -> list[Node]:
    """Returns a query tree node for each filter of a query (site, author, date, place ...), all of which every result
    must match. Raises BadQuery, and SiteNotFound for an unknown site.
    """
    out: list[Node] = []
    if query.site:
        out.append(Or(tuple(Key(f"at:{site_with_page(db, name)}") for name in query.site)))
    out += [
        Or(tuple(Name(name, index_text(value)) for value in getattr(query, name)))
        for name in ("author", "category", "tag")
        if getattr(query, name)
    ]
    if query.language:
        out.append(Or(tuple(language_term(tag) for tag in query.language)))
    if query.since or query.until:
        out.append(time_term("published", query.since, query.until))
    if query.near is None:
        if query.within is not None:
            raise BadQuery(f"{query.within:g} km", "it needs --near LAT,LON", what="distance")
        if query.sort.lstrip("-") == "distance":
            raise BadQuery("distance", "it needs --near LAT,LON", what="sort order")
    else:
        out.append(in_circle(*query.near, DEFAULT_KM if query.within is None else query.within))
    if query.recent is not None:
        if not 0 < query.recent < inf:
            raise BadQuery(f"recent {query.recent:g}", "the number of days must be greater than 0")
        if query.sort not in ("", "relevance"):
            raise BadQuery(query.sort, "--recent only works when sorting by relevance", what="sort order")
    if query.bbox is not None:
        out.append(InBox(query.bbox))
    return out


# A query as command line options, which is how a saved search is shown.


def query_as_options(query: Query) -> str:
    """Formats a query as arguments of `archiver search`, quoted for a shell. Default values are left out, and so are
    `limit` and `offset`, because they only select the page.
    """
    return " ".join(_options(query))


def _options(query: Query) -> Iterator[str]:
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
