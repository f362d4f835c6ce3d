"""The field table: one row per field of the record, in the record's order.

Storage, search, export, publication and the docs all iterate over this table. A new field needs a row, a column, an
attribute of `Article` and the code that extracts it from a page. Every list of fields in the program is derived from
the flags of the rows. If you need a list that is not among the constants below, add a flag here; do not write a tuple
of names elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from typing import Literal

Shape = Literal["text", "integer", "time", "texts", "geotags", "marks", "capture"]
"""The form of a field's values. `time` is ISO 8601 with a zone, `texts` is a list of strings, `geotags` is a list of
objects, `marks` is a list of arrays (`archiver.markup.text_marks`), and `capture` is one object."""
Choice = Literal["", "weighed", "text", "collected", "places", "first"]
"""How the value of a field is chosen from the content of a page.

- `weighed`: the best of the candidates from several sources.
- `text`: the text of the post.
- `collected`, `places`: all texts, or all geo-tags, that the page names.
- `first`: the value from the first source, in a fixed order, that has one.
- "": the value does not come from a page."""
Prose = Literal["", "line", "paragraphs"]
Tier = Literal["", "reference", "features", "excerpt", "full"]
"""The tiers of a dataset (`archiver.datasets.publication_rules`). Each tier publishes more than the
one before it."""
Variety = Literal["repeated", "distinct", "long"]
"""How the values of a field vary between articles. `repeated` values are shared by many articles; `distinct` values
differ in nearly every article; `long` values are distinct and long."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the record: a row of the field table.

    name, shape, doc: its name in the record, the form of its values (see `Shape`), and a description for the docs.
    word: the singular form by which queries name the field (`author:`); "" if queries use `name`.

    Content
        stored: the field is a column of `articles`; False if its values are stored in another table.
        required: the column is never null.
        from_page: the field is extracted from a page, so it is an attribute of `Article` and part of a revision.
        hinted: feeds and APIs may also give the field, so it is an attribute of the source hint.
        address: the values are URLs.
        persons: the values are names of persons, which datasets may replace with pseudonyms.
        prose: the value is text by the page's author, on one line or in paragraphs. Such a text is cleaned of control
            characters, compared word by word, and stripped of contacts and names if a dataset requires that.
        varies: see `Variety`. Parquet uses no dictionary for `distinct` and `long` values and no statistics for `long`
            ones; the search index stores pairs of common words for `long` ones.

    Storage
        choice: how the value is chosen among candidates, see `Choice`. The candidates are stored as evidence, with the
            chosen ones marked; a field with the choice "" has no candidates.
        meaning: a change of the value makes a revision.
        added: the field was added after version 0.2. Meaning digests leave it out if it is empty, so that earlier
            digests stay valid.
        latest: an article has the value that was extracted last, even if the new value made no revision.
        follows: the name of another field that this field describes. Both values are taken from the same candidate.
        linked: the values have a table of their own, linked to `articles`.
        measured: each run counts the articles that have a value; health compares the counts of `essential` fields.

    Search and display
        weight: the field's bm25 weight in the full-text index; 0 if the field is not part of that index.
        indexed: if the value changes, the search index indexes the article again.
        facet: search results are counted by the values.
        option: a command-line option with the field's name filters search results by the values.
        in_hit: search results show the field.

    Publication
        published: the lowest tier of datasets that contain the full value; `excerpt` shortens it. "" for never.
        schema_org, dublin_core: the matching property of these vocabularies.
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
    follows: str = ""
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
        """True if the field has several values, stored as JSON."""
        return self.shape in ("texts", "geotags", "marks")


FIELDS: tuple[Field, ...] = (
    Field("id", "integer", "ID of the article in this archive", varies="distinct", in_hit=True, published="reference"),
    Field(
        "url",
        "text",
        "URL to cite: the most readable one of those at which the article was read",
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
        "URL the page declares as its own",
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
        "other URLs of the article",
        stored=False,
        address=True,
        varies="distinct",
        published="features",
        schema_org="sameAs",
    ),
    Field(
        "site",
        "text",
        "the site's name: its host, and its path if the site is a part of a host",
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
        "plain text, with blank lines between paragraphs",
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
        "precision of the date on the page: second, minute, hour, day, month or year",
        from_page=True,
        follows="published",
        hinted=True,
        in_hit=True,
        published="reference",
    ),
    Field(
        "modified",
        "time",
        "when it was last changed, according to the page",
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
        "the sections it is filed under",
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
        "access",
        "text",
        "who may read it, as its page states: free, metered (a number of articles is free) or paid",
        from_page=True,
        choice="first",
        latest=True,
        indexed=True,
        published="reference",
        schema_org="conditionsOfAccess",
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
        latest=True,
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
        "URL of the lead image",
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
        "agencies and outlets that the post names as its source",
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
        "captions",
        "texts",
        "captions and alternative texts of the images in its text",
        word="caption",
        from_page=True,
        follows="body",
        varies="distinct",
        weight=1.0,
        indexed=True,
        published="full",
        schema_org="caption",
    ),
    Field(
        "markup",
        "marks",
        "structure of `body`: [offset, length, kind, value, alt, caption, link] of each heading, list, link, image ...",
        from_page=True,
        varies="long",
        meaning=True,
        added=True,
        follows="body",
        published="full",
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
    Field("last_seen", "time", "when the archive last saw it online", required=True),
    Field(
        "gone_at",
        "time",
        "when it was found to be gone; empty while it is online",
        indexed=True,
        in_hit=True,
        published="reference",
    ),
    Field(
        "duplicate_of",
        "integer",
        "ID of the earlier article with the same text",
        indexed=True,
        in_hit=True,
        published="reference",
    ),
    Field(
        "cluster_id",
        "integer",
        "ID of its cluster of near-duplicates",
        indexed=True,
        in_hit=True,
        published="reference",
    ),
    Field("capture", "capture", "WARC record: captured_at, digest, warc_file, warc_offset, warc_length", stored=False),
)

ACCESS = ("free", "metered", "paid")
"""The values of the field `access`."""
BY_NAME: dict[str, Field] = {f.name: f for f in FIELDS}
GEOTAG_KEYS: tuple[str, ...] = ("latitude", "longitude", "placename", "region", "role", "source", "precision")
MARK_KEYS: tuple[str, ...] = ("offset", "length", "kind", "value", "alt", "caption", "link")
CAPTURE_KEYS: tuple[str, ...] = ("captured_at", "digest", "warc_file", "warc_offset", "warc_length")


def names(matches: Callable[[Field], object]) -> tuple[str, ...]:
    """Returns the names of the fields for which `matches` returns true, in the record's order."""
    return tuple(f.name for f in FIELDS if matches(f))


def _with_moved(fields: tuple[str, ...], name: str, *, after: str) -> tuple[str, ...]:
    """Returns the field names `fields`, with `name` moved to directly after `after`."""
    rest = [other for other in fields if other != name]
    rest.insert(rest.index(after) + 1, name)
    return tuple(rest)


# -- content ----------------------------------------------------------------------------------

PAGE_FIELDS = names(lambda f: f.from_page)
"""The fields that are extracted from a page and stored in revisions: attributes of `Article`."""
PAGE_LISTS = names(lambda f: f.from_page and f.shape == "texts")
PAGE_TIMES = names(lambda f: f.from_page and f.shape == "time")
HINTED = names(lambda f: f.hinted)
"""The fields that feeds and APIs may give: attributes of the source hint."""
HINTED_LISTS = names(lambda f: f.hinted and f.shape == "texts")
HINTED_TIMES = names(lambda f: f.hinted and f.shape == "time")
PROSE = names(lambda f: f.prose)
LINES = names(lambda f: f.prose == "line")
EVIDENCE = _with_moved(names(lambda f: f.choice), "canonical_url", after="image")
"""The fields whose candidates are stored, in the order in which they are stored. This is the order of the field table,
except that the canonical URL comes after the image. `published_precision` is not listed, because it is part of the
candidates for `published`."""
LEARNABLE = names(lambda f: f.choice == "weighed") + names(lambda f: f.choice == "text")
"""The fields for which a site rule can name the place in the site's template. The body comes last."""
WEIGHED = names(lambda f: f.choice == "weighed")


def fields_with_choice(choice: Choice) -> tuple[str, ...]:
    """Returns the names of the fields whose values are chosen in this way, in the order of `EVIDENCE`."""
    return tuple(name for name in EVIDENCE if BY_NAME[name].choice == choice)


# -- storage ----------------------------------------------------------------------------------

STORED = names(lambda f: f.stored)
COLUMN_TYPES: dict[str, type] = {f.name: int if f.shape == "integer" else str for f in FIELDS if f.stored}
"""The stored fields with their column types in `articles`, as sqlite-utils names them. Lists are stored as JSON
text."""
REQUIRED = names(lambda f: f.required)
"""Columns of `articles` that are never null."""
STORED_TIMES = names(lambda f: f.stored and f.shape == "time")
STORED_LISTS = names(lambda f: f.stored and f.is_list)
"""Columns of `articles` that hold JSON."""
MEANING = names(lambda f: f.meaning)
ADDED = names(lambda f: f.added)
LATEST = names(lambda f: f.latest)
"""The fields for which an article stores the value that was extracted last. Its revisions keep the values with which
they were first seen."""
_FOLLOWING = {f.name: f.follows for f in FIELDS if f.follows}


def with_following(fields: Collection[str]) -> tuple[str, ...]:
    """Returns these fields, followed by the fields that describe them (`Field.follows`), such as `published_precision`
    after `published`.
    """
    return (*fields, *(name for name, leader in _FOLLOWING.items() if leader in fields and name not in fields))


def leading_field(name: str) -> str:
    """Returns the name of the field that this field describes (`Field.follows`). A field that describes no other field
    is its own leading field.
    """
    return _FOLLOWING.get(name, name)


COMPARED = names(lambda f: f.from_page and (f.choice or f.address or f.shape == "marks"))
"""The fields that are compared when two revisions are shown side by side."""
MEASURED = _with_moved(names(lambda f: f.measured), "description", after="image")
ESSENTIAL = names(lambda f: f.measured == "essential")


@dataclass(frozen=True, slots=True)
class Link:
    """The two tables of a field whose values are stored in a table of their own, such as authors.

    `table` (named like the field) stores each value once. `table_of_links` links the values to articles; its column
    `key` holds the ID of the value. `word` names one value, in the singular.
    """

    table: str
    table_of_links: str
    key: str
    word: str


LINKS: tuple[Link, ...] = tuple(Link(f.name, f"article_{f.name}", f"{f.word}_id", f.word) for f in FIELDS if f.linked)

# -- search -----------------------------------------------------------------------------------

INDEXED = names(lambda f: f.indexed)
"""The columns of `articles` whose values are in the search index."""
WEIGHTS: dict[str, float] = {f.name: f.weight for f in FIELDS if f.weight}
"""The fields that a query without a field name searches, with their weights."""
LONG_TEXTS = names(lambda f: f.varies == "long" and f.weight)
LIST_FIELDS_BY_QUERY_NAME: dict[str, str] = {
    f.query_name: f.name for f in FIELDS if f.from_page and f.indexed and f.is_list
}
"""Maps the name by which queries call a list field to its name in the record: "author" to "authors"."""
HAS_FIELDS: dict[str, str] = {
    f.query_name: f.name
    for f in FIELDS
    if f.from_page and f.indexed and f.shape in ("text", "texts") and f.name != "title"
}
"""Maps the name that follows `has:` in a query to the text or list field that must not be empty. The title is left out
because every article has one."""
OPTIONS = tuple(f.query_name for f in FIELDS if f.option)
"""The names of the options that filter search results by the values of a field."""
FACETS = OPTIONS + tuple(f.query_name for f in FIELDS if f.facet and not f.option)
HIT_FIELDS = names(lambda f: f.in_hit)

# -- publication ------------------------------------------------------------------------------

PUBLISHED = names(lambda f: f.published)
PERSONS = names(lambda f: f.persons)
OWN_TEXTS = names(lambda f: f.from_page and f.choice and f.shape == "text" and f.varies != "repeated")
"""Text fields whose values belong to one post only. A value that many posts of a site share was extracted wrongly."""
WRITTEN = PROSE + names(lambda f: f.from_page and f.shape == "texts" and not f.persons)
"""Fields whose texts may contain names and contacts of persons. Such texts can be stripped of these for a dataset."""
QUOTING = names(lambda f: f.choice and f.shape in ("text", "texts") and not f.address and f.published != "full")
"""Fields that may quote a passage of the body, although lower tiers than the body's contain them."""
ADDRESSES = names(lambda f: f.address)


@cache
def published_from(tier: Tier) -> tuple[str, ...]:
    """Returns the fields for which `tier` is the lowest tier whose datasets contain them in full."""
    return names(lambda f: f.published == tier)


def fields_varying(*how: Variety) -> tuple[str, ...]:
    return names(lambda f: f.varies in how)
