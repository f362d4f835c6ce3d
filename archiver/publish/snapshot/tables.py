"""The tables of a snapshot: what each is, and each of its columns. Files, cards and checks walk them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from archiver.fields import BY_NAME, PUBLISHED, Shape

Kind = Literal["text", "integer", "number", "texts"]


@dataclass(frozen=True, slots=True)
class Column:
    """`kind`: text, integer (64 bits), number (double) or texts, a list of text. `schema_org` is the property it is."""

    name: str
    kind: Kind
    doc: str
    schema_org: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """`key` are the columns that tell its rows apart, in the order in which they lie; `of_article`: its `id` is one of
    `articles`."""

    name: str
    doc: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    of_article: bool = True
    optional: bool = False


_KINDS: dict[Shape, Kind] = {"text": "text", "time": "text", "integer": "integer", "texts": "texts"}


ID = Column("id", "text", "name of the article in every version: from the address at which the archive first met it",
            "identifier")
_CAPTURED = Column("captured_at", "text", "when the copy was made that it was read from")
_PAYLOAD = Column("payload_digest", "text", "SHA-1 of that copy's payload, as WARC writes it")

_OTHERWISE: dict[str, tuple[Column, ...]] = {
    "id": (ID,),
    "body": (Column("body", "text", "plain text, blank lines between paragraphs; of records whose tier is full",
                    BY_NAME["body"].schema_org),
             Column("excerpt", "text", "the first words of the body; of records whose tier is excerpt")),
    "duplicate_of": (Column("duplicate_of", "text", "the article that has the same text and was published first"),),
    "cluster_id": (Column("cluster_id", "text", "name of its cluster of near copies: the member that was seen first, "
                                                "which need not be in the dataset"),),
}
"""The columns of a field that a dataset describes or holds in another way than the record does."""


def _of_fields() -> Iterator[Column]:
    """The columns of `articles` that are fields of the record. Geotags have a table of their own."""
    for name in PUBLISHED:
        field = BY_NAME[name]
        if name in _OTHERWISE:
            yield from _OTHERWISE[name]
        elif field.shape in _KINDS:
            yield Column(name, _KINDS[field.shape], field.doc, field.schema_org)


ARTICLES = Table("articles", "One row an article, as it stood at the cut-off.", (
    *_of_fields(),
    Column("words", "integer", "number of words of the body (of characters, in scripts without spaces)"),
    _CAPTURED, _PAYLOAD,
    Column("content_digest", "text", "SHA-256 of title and body as archived, whatever of them is published"),
    Column("sketch", "text", "hashes of up to twelve passages of the body, by which rehydrate.py knows it again; of "
                             "records without their body"),
    Column("tier", "text", "what of the record is published: full, excerpt, features or reference"),
    Column("licence", "text", "licence it is under, where one is known", "license"),
    Column("split", "text", "part for machine learning; the articles of a cluster are in one"),
), ("id",))
REVISIONS = Table("revisions", "One row a version of an article, the current one too.", (
    ID, Column("revision", "integer", "number of the version, from 1"),
    Column("observed_at", "text", "when the archive first saw it"),
    Column("changed", "texts", "which fields it changed"),
    Column("title", "text", "headline of this version"),
    Column("body", "text", "text of a version that was superseded; of records whose tier is full"),
    Column("authors", "texts", "authors of this version"), Column("published", "text", "date this version gave"),
    Column("previous", "integer", "the version that stood before it"),
    Column("same_as", "integer", "an earlier version that it repeats"), _CAPTURED, _PAYLOAD,
), ("id", "revision"))
CAPTURES = Table("captures", "One row a stored response at an address of an article.", (
    ID, Column("url", "text", "address that answered"), Column("captured_at", "text", "when"),
    Column("status", "integer", "HTTP status"), Column("media_type", "text", "media type"), _PAYLOAD,
    Column("record_type", "text", "response, or revisit where it was as before"),
), ("id", "captured_at", "url"))
PLACES = Table("places", "One row a place that an article names of itself (WGS 84).", (
    ID, Column("place", "integer", "its number in the article, from 1"),
    Column("latitude", "number", "degrees north", "latitude"),
    Column("longitude", "number", "degrees east", "longitude"), Column("placename", "text", "name", "name"),
    Column("region", "text", "region (ISO 3166 where the page gave that)"),
    Column("role", "text", "content, dateline, author or publisher"),
    Column("source", "text", "form it was written in: geo.position, ICBM, georss, schema.org ..."),
    Column("precision", "number", "how exactly it was written, in degrees"),
), ("id", "place"))
MISSING = Table("missing", "One row an address that is known and of which no article is here, with why.", (
    Column("site", "text", "the site"), Column("url", "text", "the address"),
    Column("outcome", "text", "due, failed, refused or gone"), Column("reason", "text", "why, in words"),
    Column("rule", "text", "the rule that decided it"), Column("status", "integer", "HTTP status of the last answer"),
    Column("found_at", "text", "when the archive first heard of it"),
    Column("sources", "texts", "who told of it: feed, sitemap, api, listing, link ..."),
), ("site", "url"), of_article=False)
NGRAMS = Table("ngrams", "How many articles of a year have some words in a row; rare ones are left out.", (
    Column("year", "text", "year of publication"), Column("language", "text", "language (first part of its tag)"),
    Column("n", "integer", "number of words"), Column("ngram", "text", "the words, in small letters"),
    Column("articles", "integer", "articles that have it; of copies, equal or near, one counts"),
    Column("occurrences", "integer", "how often it stands in these"),
), ("year", "language", "n", "ngram"), of_article=False, optional=True)
WITHDRAWN = Table("withdrawn", "One row an article that was withdrawn from every version.", (
    Column("id", "text", "name that the article had"), Column("reason", "text", "why it was withdrawn"),
), ("id",), of_article=False, optional=True)

TABLES: tuple[Table, ...] = (ARTICLES, REVISIONS, CAPTURES, PLACES, MISSING, NGRAMS, WITHDRAWN)
