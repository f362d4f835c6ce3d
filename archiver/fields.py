"""THE field table: one row per field of the record, in the record's order.

Storage, search, export, publication and the docs all walk this table. A new field is one more row, its column, an
attribute of `Article` and the code that reads it from a page. Every list of fields in the program is derived from the
flags of the rows: a list that the constants below do not have is one more flag here, never a tuple of names elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Shape = Literal["text", "integer", "time", "texts", "geotags", "capture"]
"""text and integer are themselves; time is ISO 8601 with zone; texts a list of text; geotags and capture objects."""
Choice = Literal["", "weighed", "text", "collected", "places", "first"]
"""How a value is chosen from what a page says: `weighed`, candidates from several sources are held against each other;
`text`, the part of the page that is the post; `collected` and `places`, all that are found are kept; `first`, the first
source in a fixed order that has it. "" where nothing is chosen."""
Prose = Literal["", "line", "paragraphs"]
Tier = Literal["", "reference", "features", "excerpt", "full"]
"""The tiers of a dataset (`archiver.datasets.publication_rules`), from the one that gives least."""
Variety = Literal["repeated", "distinct", "long"]
"""How values vary from article to article: many articles share one, nearly each has its own, or they are long too."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field.

    word: its name in queries where one of its values is meant (`author:`), "" where that is `name`.

    What it is
        stored: it is a column of `articles`; False for what the record takes from another table.
        required: the column is never null.
        from_page: a page says it, so it is an attribute of `Article` and part of a revision.
        hinted: a feed or an API may say it too: an attribute of the source hint.
        address: it holds URLs.
        persons: it holds names of persons, which datasets may replace by pseudonyms.
        prose: words that the page's author wrote, on one line or in paragraphs. They are cleaned of control characters,
            compared word by word, and free of contacts and names where a dataset must be.
        varies: see `Variety`. Parquet has no dictionary for `distinct` and `long` values and no statistics for `long`
            ones; the search index keeps pairs of common words of `long` ones.

    How it is kept
        choice: see `Choice`. Every field that is chosen has evidence: its candidates are stored, the winners marked.
        meaning: a change of it makes a revision.
        added: it came after 0.2. Where it is empty, meaning digests are made without it, so that earlier ones hold.
        latest: an article has the value of its newest reading, though that made no revision.
        linked: its values have a table of their own, linked to `articles`.
        measured: each run counts the articles that have it; a run is judged by how many have an `essential` one.

    How it is found and shown
        weight: its bm25 weight in the full-text index, 0 where it is not in it.
        indexed: the search index has to read an article again when it changes.
        facet: results can be counted by it; option: they can be narrowed by an option of its name.
        in_hit: a search result shows it.

    How it is published
        published: the lowest tier of a dataset that gives it in full; one of `excerpt` is shortened. "" for never.
        schema_org, dublin_core: the property that it is in these vocabularies.
    """

    name: str
    shape: Shape
    doc: str
    word: str = ""
    stored: bool = True
    required: bool = False
    from_page: bool = False
    hinted: bool = False
    address: bool = False
    persons: bool = False
    prose: Prose = ""
    varies: Variety = "repeated"
    choice: Choice = ""
    meaning: bool = False
    added: bool = False
    latest: bool = False
    linked: bool = False
    measured: Literal["", "counted", "essential"] = ""
    weight: float = 0.0
    indexed: bool = False
    facet: bool = False
    option: bool = False
    in_hit: bool = False
    published: Tier = ""
    schema_org: str = ""
    dublin_core: str = ""

    @property
    def query_name(self) -> str:
        return self.word or self.name

    @property
    def is_list(self) -> bool:
        """Whether it has several values, which its column holds as JSON."""
        return self.shape in ("texts", "geotags")


FIELDS: tuple[Field, ...] = (
    Field(
        "id", "integer", "number of the article in this archive", varies="distinct", in_hit=True, published="reference"
    ),
    Field(
        "url",
        "text",
        "address the article was last read at",
        required=True,
        from_page=True,
        address=True,
        varies="distinct",
        latest=True,
        in_hit=True,
        published="reference",
        schema_org="url",
        dublin_core="identifier",
    ),
    Field(
        "canonical_url",
        "text",
        "address the page declares as its own",
        from_page=True,
        address=True,
        varies="distinct",
        choice="first",
        latest=True,
        published="features",
        schema_org="mainEntityOfPage",
    ),
    Field(
        "aliases",
        "texts",
        "its other addresses",
        stored=False,
        address=True,
        varies="distinct",
        published="features",
        schema_org="sameAs",
    ),
    Field(
        "site",
        "text",
        "the site's name: host and, where there is one, the path it is confined to",
        required=True,
        indexed=True,
        facet=True,
        option=True,
        in_hit=True,
        published="reference",
        schema_org="isPartOf",
        dublin_core="source",
    ),
    Field(
        "title",
        "text",
        "headline, without the site's name",
        required=True,
        from_page=True,
        hinted=True,
        prose="line",
        varies="distinct",
        choice="weighed",
        meaning=True,
        measured="essential",
        weight=8.0,
        indexed=True,
        in_hit=True,
        published="features",
        schema_org="headline",
        dublin_core="title",
    ),
    Field(
        "body",
        "text",
        "plain text; blank lines between paragraphs",
        required=True,
        from_page=True,
        prose="paragraphs",
        varies="long",
        choice="text",
        meaning=True,
        measured="essential",
        weight=1.0,
        indexed=True,
        published="full",
        schema_org="articleBody",
    ),
    Field(
        "authors",
        "texts",
        "names of the people or desks that wrote it",
        word="author",
        from_page=True,
        hinted=True,
        persons=True,
        choice="weighed",
        meaning=True,
        linked=True,
        measured="counted",
        weight=4.0,
        indexed=True,
        facet=True,
        option=True,
        in_hit=True,
        published="features",
        schema_org="author",
        dublin_core="creator",
    ),
    Field(
        "published",
        "time",
        "when it was published",
        from_page=True,
        hinted=True,
        varies="distinct",
        choice="weighed",
        meaning=True,
        measured="essential",
        indexed=True,
        in_hit=True,
        published="reference",
        schema_org="datePublished",
        dublin_core="date",
    ),
    Field(
        "published_precision",
        "text",
        "second, minute, hour, day, month or year: how exactly the page said it",
        from_page=True,
        in_hit=True,
        published="reference",
    ),
    Field(
        "modified",
        "time",
        "when the page says it was last changed",
        from_page=True,
        hinted=True,
        choice="weighed",
        latest=True,
        indexed=True,
        published="features",
        schema_org="dateModified",
        dublin_core="modified",
    ),
    Field(
        "categories",
        "texts",
        "the sections it was filed under",
        word="category",
        from_page=True,
        hinted=True,
        choice="weighed",
        meaning=True,
        linked=True,
        measured="counted",
        weight=3.0,
        indexed=True,
        facet=True,
        option=True,
        in_hit=True,
        published="features",
        schema_org="articleSection",
        dublin_core="subject",
    ),
    Field(
        "tags",
        "texts",
        "its keywords",
        word="tag",
        from_page=True,
        hinted=True,
        choice="weighed",
        meaning=True,
        linked=True,
        measured="counted",
        weight=3.0,
        indexed=True,
        facet=True,
        option=True,
        in_hit=True,
        published="features",
        schema_org="keywords",
        dublin_core="subject",
    ),
    Field(
        "geotags",
        "geotags",
        "places: latitude, longitude (WGS 84), placename, region, role, source, precision (degrees)",
        word="place",
        from_page=True,
        hinted=True,
        choice="places",
        meaning=True,
        indexed=True,
        facet=True,
        published="features",
        schema_org="contentLocation",
        dublin_core="spatial",
    ),
    Field(
        "language",
        "text",
        "BCP 47 tag",
        from_page=True,
        hinted=True,
        choice="first",
        indexed=True,
        facet=True,
        option=True,
        in_hit=True,
        published="reference",
        schema_org="inLanguage",
        dublin_core="language",
    ),
    Field(
        "description",
        "text",
        "the page's own summary",
        from_page=True,
        hinted=True,
        prose="paragraphs",
        varies="long",
        choice="first",
        measured="counted",
        weight=2.0,
        indexed=True,
        published="excerpt",
        schema_org="description",
        dublin_core="description",
    ),
    Field(
        "image",
        "text",
        "address of the lead image",
        from_page=True,
        hinted=True,
        address=True,
        varies="distinct",
        choice="first",
        latest=True,
        measured="counted",
        indexed=True,
        published="features",
        schema_org="image",
    ),
    Field(
        "credits",
        "texts",
        "agencies and outlets the post names as its source",
        word="credit",
        from_page=True,
        choice="collected",
        indexed=True,
        facet=True,
        published="features",
        schema_org="citation",
        dublin_core="source",
    ),
    Field(
        "revision",
        "integer",
        "number of the current revision, from 1",
        required=True,
        indexed=True,
        published="reference",
    ),
    Field(
        "first_seen",
        "time",
        "when the archive first read it",
        required=True,
        varies="distinct",
        indexed=True,
        published="reference",
    ),
    Field("last_seen", "time", "when the archive last saw it in place", required=True),
    Field(
        "gone_at",
        "time",
        "when it was found to be gone; empty while it is there",
        indexed=True,
        in_hit=True,
        published="reference",
    ),
    Field(
        "duplicate_of",
        "integer",
        "number of the earlier article with the same text",
        indexed=True,
        in_hit=True,
        published="reference",
    ),
    Field(
        "cluster_id",
        "integer",
        "number of the cluster of near copies",
        indexed=True,
        in_hit=True,
        published="reference",
    ),
    Field("capture", "capture", "the bytes: captured_at, digest, warc_file, warc_offset, warc_length", stored=False),
)

BY_NAME: dict[str, Field] = {f.name: f for f in FIELDS}
GEOTAG_KEYS: tuple[str, ...] = ("latitude", "longitude", "placename", "region", "role", "source", "precision")
CAPTURE_KEYS: tuple[str, ...] = ("captured_at", "digest", "warc_file", "warc_offset", "warc_length")


def names(which: Callable[[Field], object]) -> tuple[str, ...]:
    """The names of the fields for which this is true, in the record's order."""
    return tuple(f.name for f in FIELDS if which(f))


def _moved(name: str, behind: str, among: tuple[str, ...]) -> tuple[str, ...]:
    """These names with one of them put behind another."""
    rest = [other for other in among if other != name]
    rest.insert(rest.index(behind) + 1, name)
    return tuple(rest)


# -- what a page says -------------------------------------------------------------------------

PAGE_FIELDS = names(lambda f: f.from_page)
"""What a page says and a revision holds: attributes of `Article`."""
PAGE_LISTS = names(lambda f: f.from_page and f.shape == "texts")
PAGE_TIMES = names(lambda f: f.from_page and f.shape == "time")
HINTED = names(lambda f: f.hinted)
"""What a feed or an API may say of a post: attributes of the source hint."""
HINTED_LISTS = names(lambda f: f.hinted and f.shape == "texts")
HINTED_TIMES = names(lambda f: f.hinted and f.shape == "time")
PROSE = names(lambda f: f.prose)
LINES = names(lambda f: f.prose == "line")
EVIDENCE = _moved("canonical_url", "image", names(lambda f: f.choice))
"""The fields whose candidates are stored, in the order in which they are: the page's own address behind its image.
`published_precision` comes with `published`."""
LEARNABLE = names(lambda f: f.choice == "weighed") + names(lambda f: f.choice == "text")
"""What a rule of a site may say, the text last."""
WEIGHED = names(lambda f: f.choice == "weighed")


def chosen(choice: Choice) -> tuple[str, ...]:
    """The fields whose value is chosen in this way, in the order of their evidence."""
    return tuple(name for name in EVIDENCE if BY_NAME[name].choice == choice)


# -- how it is kept ---------------------------------------------------------------------------

STORED = names(lambda f: f.stored)
COLUMN_TYPES: dict[str, type] = {f.name: int if f.shape == "integer" else str for f in FIELDS if f.stored}
"""The columns of `articles` that the record has, with the type each has in sqlite-utils; lists are JSON."""
REQUIRED = names(lambda f: f.required)
"""Columns of `articles` that are never null."""
STORED_TIMES = names(lambda f: f.stored and f.shape == "time")
STORED_LISTS = names(lambda f: f.stored and f.is_list)
"""Columns of `articles` that hold JSON."""
MEANING = names(lambda f: f.meaning)
ADDED = names(lambda f: f.added)
LATEST = names(lambda f: f.latest)
"""Of these an article has the newest reading; its revision has what they were when it was first seen."""
COMPARED = names(lambda f: f.from_page and (f.choice or f.address))
"""What two revisions are compared by."""
MEASURED = _moved("description", "image", names(lambda f: f.measured))
ESSENTIAL = names(lambda f: f.measured == "essential")


@dataclass(frozen=True, slots=True)
class Link:
    """The tables of a field whose values have one: `table` (named as the field) has each value once, `table_of_links`
    says by `key` which article has it; `word` is what one value is called."""

    table: str
    table_of_links: str
    key: str
    word: str


LINKS: tuple[Link, ...] = tuple(Link(f.name, f"article_{f.name}", f"{f.word}_id", f.word) for f in FIELDS if f.linked)

# -- how it is found --------------------------------------------------------------------------

INDEXED = names(lambda f: f.indexed)
"""The columns that an entry of the search index is made from."""
WEIGHTS: dict[str, float] = {f.name: f.weight for f in FIELDS if f.weight}
"""The texts in which a word is looked for where no field is named, and how much each counts."""
LONG_TEXTS = names(lambda f: f.varies == "long")
LIST_WORDS: dict[str, str] = {f.query_name: f.name for f in FIELDS if f.from_page and f.is_list}
"""Lists by what one of their values is called in a query."""
ASKED_FOR: dict[str, str] = {
    f.query_name: f.name
    for f in FIELDS
    if f.from_page and f.indexed and f.shape in ("text", "texts") and f.name != "title"
}
"""Texts and lists by what is behind `has:` in a query, which asks whether an article has any; all have a title."""
OPTIONS = tuple(f.query_name for f in FIELDS if f.option)
"""What a search can be narrowed by."""
FACETS = OPTIONS + tuple(f.query_name for f in FIELDS if f.facet and not f.option)
HIT_FIELDS = names(lambda f: f.in_hit)

# -- how it is published ----------------------------------------------------------------------

PUBLISHED = names(lambda f: f.published)
PERSONS = names(lambda f: f.persons)
WRITTEN = PROSE + names(lambda f: f.from_page and f.shape == "texts" and not f.persons)
"""Texts that may have names and contacts of persons in them."""
QUOTING = names(lambda f: f.choice and f.shape in ("text", "texts") and not f.address and f.published != "full")
"""What is published where the text is not, and may repeat a passage of it."""
ADDRESSES = names(lambda f: f.address)


def published_from(tier: Tier) -> tuple[str, ...]:
    """The fields that a dataset gives from this tier on."""
    return names(lambda f: f.published == tier)


def varying(*how: Variety) -> tuple[str, ...]:
    return names(lambda f: f.varies in how)
