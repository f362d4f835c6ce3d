"""Defines the tables of a snapshot with their columns, and reads their rows from an archive as a stream.

Before rows can be read, `snapshot_request.choose_articles` must have chosen the articles of
the archive.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any, Literal, NamedTuple

from archiver.api.captures import tombstones
from archiver.api.database import Database
from archiver.api.exports import import_arrow, moment_of
from archiver.api.records import FIRST_ADDRESS, FROM_ENTRIES, entry_column, record_id, record_id_of_first
from archiver.api.texts import carry_marks, is_organization, links_of, recognize_language, to_markdown, unpack_marks
from archiver.datasets.personal_data_removal import count_replacements, is_contact
from archiver.datasets.publication_rules import Tier
from archiver.datasets.snapshot_request import NEWEST
from archiver.datasets.withheld_text import PASSAGE_WORDS, LeakedPassages, first_words, parts_beyond, redact, sketch
from archiver.datasets.word_counts import count_words_and_sentences, word_unit, words_of_text
from archiver.model.fields import ADDRESSES, BY_NAME, GEOTAG_KEYS, PAGE_FIELDS, PUBLISHED, STORED_LISTS, Shape
from archiver.model.items import ORGANIZATIONS, Mark
from archiver.model.urls import urlkey

# The tables of a snapshot and their columns. Writers, descriptions and checks iterate over them.

Kind = Literal["text", "integer", "number", "texts", "time", "date"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a dataset table. `kind` is text, integer (64 bits), number (double), time (in UTC, to microseconds),
    date or texts (a list of text). `schema_org` is the corresponding schema.org property, or "".
    """

    name: str
    kind: Kind
    doc: str
    schema_org: str = ""


@dataclass(frozen=True, slots=True)
class DatasetTable:
    """A table of a dataset.

    - `key`: the columns that identify a row. Rows are sorted by these columns.
    - `of_article`: True if the column `id` contains identifiers of articles in the table `articles`.
    - `optional`: True if the table is left out when it has no rows.
    """

    name: str
    doc: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    of_article: bool = True
    optional: bool = False


_KINDS: dict[Shape, Kind] = {"text": "text", "time": "time", "integer": "integer", "texts": "texts"}


ID = Column(
    "id",
    "text",
    "identifier of the article in every version, derived from the URL at which the archive first saw it",
    "identifier",
)
_CAPTURED = Column("captured_at", "time", "time of the capture from which the row was extracted")
_PAYLOAD = Column("payload_digest", "text", "SHA-1 of the capture's payload, in the notation of WARC")

_ORGANIZATIONS = Column(
    "author_organizations",
    "texts",
    "those of the authors that are organizations (news agencies, desks, companies) and not persons",
)

_ZONED = "in ISO 8601 and the time zone of the page, or in UTC if it gives none"
_DESCRIBED_HERE: dict[str, tuple[Column, ...]] = {
    "id": (ID,),
    "body": (
        Column(
            "body",
            "text",
            "plain text, paragraphs separated by blank lines; only if the tier is full",
            BY_NAME["body"].schema_org,
        ),
        Column("excerpt", "text", "the first words of the body; only if the tier is excerpt"),
    ),
    "markup": (
        Column(
            "markdown",
            "text",
            "the body in Markdown (CommonMark with tables, footnotes and deletions); only if the tier is full",
        ),
        Column("links", "texts", "URLs to which the body links, in its order; only if the tier is full"),
    ),
    "published": (
        Column("published", "text", f"{BY_NAME['published'].doc}, {_ZONED}", BY_NAME["published"].schema_org),
        Column("published_at", "time", "the same in UTC; the start of the period if the precision is a day or more"),
        Column("published_date", "date", "the day on which it was published, in the time zone of the page"),
    ),
    "modified": (
        Column("modified", "text", f"{BY_NAME['modified'].doc}, {_ZONED}", BY_NAME["modified"].schema_org),
        Column("modified_at", "time", "the same in UTC"),
        Column("modified_precision", "text", "second, or day if the page gives midnight"),
    ),
    "duplicate_of": (Column("duplicate_of", "text", "the article with the same text that was published first"),),
    "cluster_id": (
        Column(
            "cluster_id",
            "text",
            "identifier of its cluster of near-duplicates: the member that was seen first, which may be missing here",
        ),
    ),
}
"""The columns for those fields of a record that a dataset describes or stores in another way, by field."""


def _field_columns() -> Iterator[Column]:
    """Yields the columns of the table `articles` that come from fields of a record. Geo-tags have their own table,
    `places`.
    """
    for name in PUBLISHED:
        field = BY_NAME[name]
        if name in _DESCRIBED_HERE:
            yield from _DESCRIBED_HERE[name]
        elif field.shape in _KINDS:
            yield Column(name, _KINDS[field.shape], field.doc, field.schema_org)
        if name == "authors":
            yield _ORGANIZATIONS


ARTICLES = DatasetTable(
    "articles",
    "One row per article, in its state at the cut-off.",
    (
        *_field_columns(),
        Column(
            "is_copy",
            "integer",
            "1 if the dataset has an equal text or near-duplicate of it that was seen before it, otherwise 0",
        ),
        Column("language_detected", "text", "language recognized from the text (ISO 639), by CLD2"),
        Column("language_score", "number", "share of the text in that language, from 0 to 1"),
        Column("words", "integer", "number of words in the body (of characters in scripts without spaces)"),
        Column("word_unit", "text", "what `words` counts for the most part: words or characters"),
        Column("characters", "integer", "number of characters in the body (Unicode code points)"),
        Column("sentences", "integer", "number of ends of sentences in the body, by punctuation"),
        Column(
            "flags",
            "texts",
            "empty (no body), short (under 20 words, 60 characters), duplicate, near-duplicate, other-form (its page "
            "differs in its markup from the posts of its site)",
        ),
        _CAPTURED,
        _PAYLOAD,
        Column("content_digest", "text", "SHA-256 of title and body as archived, even if they are not published"),
        Column(
            "sketch",
            "text",
            "hashes of up to twelve passages of the body, by which rehydrate.py recognizes it, unless the tier is full",
        ),
        Column("tier", "text", "how much of the record is published: full, excerpt, features or reference"),
        Column("tier_reason", "text", "what decided the tier"),
        Column(
            "withheld", "texts", "columns whose value is left out or shortened because of rights; places: the table"
        ),
        Column("licence", "text", "licence of the article, if known: SPDX identifier, or URL", "license"),
        Column(
            "licence_source",
            "text",
            "where the licence is stated: rule or site (the operator's), header, meta or link (of the page); "
            "disagreement: the page states several",
        ),
        Column("split", "text", "split for machine learning; all articles of a cluster are in the same split"),
    ),
    ("id",),
)
REVISIONS = DatasetTable(
    "revisions",
    "One row per revision of an article, including the current one.",
    (
        ID,
        Column("revision", "integer", "number of the revision, from 1"),
        Column("observed_at", "time", "when the archive first saw it"),
        Column("changed", "texts", "the fields that it changed"),
        Column("title", "text", "headline of this revision"),
        Column("body", "text", "text of a superseded revision; only if the tier is full"),
        Column("authors", "texts", "authors of this revision"),
        Column("published", "text", "date of publication that this revision stated"),
        Column("previous", "integer", "the revision that it replaced"),
        Column("same_as", "integer", "an earlier revision that it repeats (a revert)"),
        _CAPTURED,
        _PAYLOAD,
    ),
    ("id", "revision"),
)
CAPTURES = DatasetTable(
    "captures",
    "One row per capture of a URL of an article.",
    (
        ID,
        Column("url", "text", "URL that was captured"),
        Column("captured_at", "time", "when it was captured"),
        Column("status", "integer", "HTTP status"),
        Column("media_type", "text", "media type"),
        _PAYLOAD,
        Column("record_type", "text", "response, or revisit if the payload was unchanged"),
    ),
    ("id", "captured_at", "url"),
)
PLACES = DatasetTable(
    "places",
    "One row per geo-tag of an article (WGS 84).",
    (
        ID,
        Column("place", "integer", "number of the geo-tag within the article, from 1"),
        Column("latitude", "number", "degrees north", "latitude"),
        Column("longitude", "number", "degrees east", "longitude"),
        Column("placename", "text", "name of the place", "name"),
        Column("region", "text", "region (as ISO 3166 code if the page states one)"),
        Column("role", "text", "content, dateline, author or publisher"),
        Column("source", "text", "markup that it was read from: geo.position, ICBM, georss, schema.org ..."),
        Column("precision", "number", "precision of the coordinates as written, in degrees"),
    ),
    ("id", "place"),
)
MISSING = DatasetTable(
    "missing",
    "One row per known URL without an article in the archive, with the reason.",
    (
        Column("site", "text", "site of the URL"),
        Column("url", "text", "the URL"),
        Column("outcome", "text", "due, failed, refused or gone"),
        Column("reason", "text", "reason for the outcome, for people"),
        Column("rule", "text", "name of the rule behind the outcome"),
        Column("status", "integer", "HTTP status of the last response"),
        Column("found_at", "time", "when the archive discovered it"),
        Column("sources", "texts", "discovery sources that reported it: feed, sitemap, api, listing, link ..."),
    ),
    ("site", "url"),
    of_article=False,
)
SITES = DatasetTable(
    "sites",
    "One row per site: what is known of it and how it was found.",
    (
        Column("site", "text", "name of the site"),
        Column("start_url", "text", "URL at which the crawl begins"),
        Column("platform", "text", "software that publishes the site, as far as recognized"),
        Column("articles", "integer", "articles in this dataset"),
        Column("first_published", "date", "day of its earliest article"),
        Column("last_published", "date", "day of its latest article"),
        Column("archived", "integer", "its articles in the archive, whether they are in this dataset or not"),
        Column("missing", "integer", "rows in the table missing"),
        Column("visits", "integer", "runs of the crawler up to the cut-off"),
        Column("first_visit", "time", "start of the first of these runs"),
        Column("last_visit", "time", "start of the last of them"),
        *(
            Column(f"from_{source}", "integer", f"known addresses of posts that {doc} named")
            for source, doc in (
                ("feed", "a feed"),
                ("sitemap", "a sitemap"),
                ("api", "an API"),
                ("listing", "a page that lists posts"),
                ("link", "another page"),
                ("seed", "the operator or an import"),
            )
        ),
        Column("why", "text", "why the site was chosen, as the operator states"),
        Column("how", "text", "how it was chosen, as the operator states"),
        Column("country", "text", "its country, as the operator states"),
        Column("kind", "text", "kind of medium (newspaper, blog ...), as the operator states"),
    ),
    ("site",),
    of_article=False,
)
COVERAGE = DatasetTable(
    "coverage",
    "One row per site and month that has an article, a missing address or a visit, and for each month between its "
    "first article and its last.",
    (
        Column("site", "text", "name of the site"),
        Column("month", "text", "month of publication such as 2024-05, or undated"),
        Column("archived", "integer", "articles of the month in this dataset"),
        Column("known", "integer", "these, and the missing addresses that name the month"),
        Column("missing", "integer", "missing addresses that name the month, such as /2024/05/a-post"),
        Column("visits", "integer", "runs of the crawler that began in the month"),
    ),
    ("site", "month"),
    of_article=False,
)
WITHDRAWN = DatasetTable(
    "withdrawn",
    "One row per article that was withdrawn from all versions.",
    (
        Column("id", "text", "identifier that the article had"),
        Column("reason", "text", "why it was withdrawn"),
    ),
    ("id",),
    of_article=False,
    optional=True,
)

CHANGES = DatasetTable(
    "changes",
    "One row per change of an article since the previous version of the dataset.",
    (
        Column("id", "text", "identifier of the article"),
        Column("url", "text", "URL of the article now; before, if it is no longer included; empty if withdrawn"),
        Column("title", "text", "headline in this version"),
        Column(
            "what",
            "text",
            "added, text, headline, fields, published (in another way, though it is the same in the archive), moved "
            "(URL), gone, returned, tier, split, withdrawn, or removed (no longer included)",
        ),
        Column("field", "text", "column that changed"),
        Column(
            "from",
            "text",
            "value in the previous version; left out if it is long, may quote a withheld text, or is hidden now",
        ),
        Column("to", "text", "value in this version; left out if it is long"),
        Column(
            "reason",
            "text",
            "why the article was withdrawn, why it is published in another way, or that the value before is left out",
        ),
    ),
    ("id", "what", "field"),
    of_article=False,
    optional=True,
)

TABLES: tuple[DatasetTable, ...] = (
    ARTICLES,
    REVISIONS,
    CAPTURES,
    PLACES,
    SITES,
    COVERAGE,
    MISSING,
    WITHDRAWN,
    CHANGES,
)


# Reading the tables of a snapshot from its Parquet files.

_BATCH = 1_000


def table_files(folder: Path, table: DatasetTable) -> list[Path]:
    """Returns the Parquet files of a table in a snapshot's folder, in the order of their names."""
    whole = folder / "data" / f"{table.name}.parquet"
    return [whole] if whole.exists() else sorted((folder / "data" / table.name).glob("*.parquet"))


def read_table(files: Iterable[Path], columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yields the rows of Parquet files. `columns` names the columns to read; None means all."""
    _, pq = import_arrow()
    for file in files:
        with pq.ParquetFile(file) as opened:
            for batch in opened.iter_batches(_BATCH, columns=columns and list(columns)):
                yield from batch.to_pylist()


# Rows of the tables, read from an archive.

Row = dict[str, Any]
Change = Callable[[Row], Row]
"""A function that removes personal data from a record, before any of its values are withheld."""
_READ = tuple(name for name in PUBLISHED if BY_NAME[name].stored)
_scan: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]
_LABELS = tuple(tier.label for tier in Tier)
_CONTACT_HINTS = frozenset({"site", "url", "language", "markup"})
"""Columns that help to find contacts: hints to the region of telephone numbers, and marks of code and links. The table
`revisions` lacks these columns."""
_NOT_QUOTED = frozenset({"id", *ADDRESSES, "payload_digest", "content_digest", "sketch"})
_TIERS = tuple(Tier)
_TIMES = ("first_seen", "gone_at", "captured_at")
_MAY_BE_WITHHELD = tuple(
    name for name in PUBLISHED if BY_NAME[name].published != "reference" and BY_NAME[name].shape in _KINDS
)
NO_PASSAGES = LeakedPassages()
# SQL of each column of a record. Columns that are null here are filled in later.
_RECORD = {
    **{name: f"a.{name}" for name in _READ},
    "body": "{body}",
    "id": "c.id",
    "aliases": "{aliases}",
    "author_organizations": f"""case when a.evidence is not null then (
        select json_group_array({entry_column("value")}) from {FROM_ENTRIES}
        where {entry_column("field")} = '{ORGANIZATIONS}') end""",
    "excerpt": "null",
    "revision": "c.revision",
    "gone_at": "c.gone_at",
    "duplicate_of": "c.duplicate_of",
    "cluster_id": "c.cluster_id",
    "published_at": "null",
    "published_date": "null",
    "modified_at": "null",
    "modified_precision": "null",
    "language_detected": "null",
    "language_score": "null",
    "words": "null",
    "word_unit": "null",
    "characters": "null",
    "sentences": "null",
    "flags": "'[]'",
    "captured_at": "p.captured_at",
    "payload_digest": "p.digest",
    "tier": "null",
    "tier_reason": "null",
    "withheld": "'[]'",
    "licence": "nullif(c.licence, '')",
    "licence_source": "nullif(c.licence_source, '')",
    "content_digest": "null",
    "sketch": "null",
    "split": "nullif(o.split, '')",
    "description": "nullif(a.description, '')",
}
_BESIDE = len(_RECORD)
_BODY = list(_RECORD).index("body")
_ALIASES = """(select json_group_array(url) from (select d.url from aliases d where d.article_id = a.id and
    d.urlkey <> a.urlkey and substr(coalesce(d.first_seen, ''), 1, 19) <= :cutoff order by d.url))"""
_ARTICLES = f"""
    select {", ".join(_RECORD.values())}, c.tier, c.characters, c.geo, c.split_key, c.reason, r.content, q.captured_at,
        q.digest, o.split, o.article_id
    from temp.ordered o cross join temp.considered c on c.article_id = o.article_id
    cross join articles a on a.id = c.article_id left join captures p on p.id = a.capture_id
    left join revisions r on r.article_id = a.id and r.revision = c.revision and c.revision <> a.revision
    left join captures q on q.id = r.capture_id order by o.position"""


class ArticleRow(NamedTuple):
    """One article of a dataset.

    - `part`: its split; "" if there are none.
    - `record`: its record as published.
    - `places`: its rows of the table `places`.
    - `group`: the key of its group of duplicates and near-duplicates; "" if it is in no such group.
    - `contacts`: the number of e-mail addresses and telephone numbers that were replaced, by placeholder.
    """

    part: str
    record: Row
    places: Sequence[Row]
    group: str
    contacts: Mapping[str, int]


def article_rows(
    db: Database,
    cutoff: str,
    change: Change,
    leaked: LeakedPassages = NO_PASSAGES,
    *,
    limited: bool = False,
) -> Iterator[ArticleRow]:
    """Yields the chosen articles in order, as they are published.

    `change` removes personal data from a record. `leaked` are passages that must not be published. If `limited` is
    True, nothing that is derived from a withheld text is yielded.
    """
    reader = _ArticleReader(
        change,
        leaked,
        frozenset() if limited else sites_at_midnight(db),
        frozenset() if limited else _articles_of_other_form(db),
        limited,
    )
    for rows in _chunks(db.execute(_query(limited=limited), {"cutoff": cutoff or NEWEST})):
        records = [_record_at_cutoff(row) for row in rows]
        for row, record, facts in zip_longest(rows, records, () if limited else _text_facts(records)):
            yield reader.read(row, record, facts)


class _TextFacts(NamedTuple):
    """The language of the body of an article ("" if unknown) and its share of the text, and the body's numbers of words
    and of ends of sentences.
    """

    language: tuple[str, float]
    words: int
    sentences: int


def _text_facts(records: Sequence[Row]) -> Iterator[_TextFacts]:
    """Yields what is found out about the bodies of many articles at a time, because that is faster."""
    bodies = [record["body"] or "" for record in records]
    for body, counts in zip(bodies, count_words_and_sentences(bodies), strict=True):
        yield _TextFacts(recognize_language(body), *counts)


_CHUNK_ROWS, _AVERAGE = 1_000, 4_000
"""The words of this many articles are counted at a time; of fewer if their bodies have more than so many
characters on average."""


def _chunks(rows: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    """Yields rows of the query in lists of at most `_CHUNK_ROWS` rows, and of fewer if their bodies are long."""
    chunk: list[Sequence[Any]] = []
    characters = 0
    for row in rows:
        chunk.append(row)
        characters += len(row[_BODY] or "")
        if len(chunk) == _CHUNK_ROWS or characters > _CHUNK_ROWS * _AVERAGE:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


class _ArticleReader(NamedTuple):
    """Converts rows of the query to articles as they are published. The first two attributes and `limited` are the
    parameters of `article_rows`.

    - `by_day`: the sites whose times of publication only stand for dates.
    - `of_other_form`: the IDs of articles whose page has another form than the posts of its site.
    """

    change: Change
    leaked: LeakedPassages
    by_day: frozenset[str]
    of_other_form: frozenset[int]
    limited: bool

    def read(self, row: Sequence[Any], record: Row, facts: _TextFacts | None) -> ArticleRow:
        """Returns the article of a row of the query. `record` is its record at the cut-off, and `facts` is what was
        found out about its text, None if nothing may be derived from the text.
        """
        _fill_in_times(record, self.by_day)
        level, characters, geo, group, reason, _, _, _, part, article_id = row[_BESIDE:]
        body, places = record["body"] or "", record.pop("geotags")
        record["tier"], record["tier_reason"] = _LABELS[level], reason
        if facts is not None:
            _fill_in_text_columns(record, body, facts)
            record["sketch"] = sketch(words_of_text(body)) if level < Tier.FULL else None
        if article_id in self.of_other_form:
            record["flags"].append("other-form")
        changed = self.change(record)
        marks = changed.pop("markup")
        record.pop("markup", None)
        hidden = self.leaked if level < Tier.FULL or self.leaked.in_full else NO_PASSAGES
        given = _place_rows(record["id"], places, hidden) if places and geo and level > Tier.REFERENCE else ()
        published = redact(changed, _TIERS[level], hidden, characters)
        published["markdown"], published["links"] = _marked_columns(record, published, marks, hidden)
        published["withheld"] = [
            *_withheld_columns(changed, published),
            *_withheld_marks(changed["body"] or "", published, marks),
            *(["excerpt"] if level == Tier.EXCERPT and body and published["excerpt"] is None else ()),
            *(["places"] if places and not given else ()),
        ]
        contacts = count_replacements(record, published) if changed is not record else {}
        return ArticleRow(part, published, given, group or "", contacts)


def _articles_of_other_form(db: Database) -> frozenset[int]:
    """Returns the IDs of the articles whose page has none of the forms that were recognized as forms of posts, on sites
    that have such forms. Usually the page was archived as a post because a feed, a sitemap or an API lists it.
    """
    rows = db.execute(
        "select p.article_id from pages p join page_forms f on f.page_id = p.id join forms o on o.id = f.form_id "
        "where p.article_id is not null and o.site_id in (select site_id from forms where kind = 'post') "
        "group by p.article_id having not max(o.kind is 'post')"
    )
    return frozenset(article_id for (article_id,) in rows)


def _query(*, limited: bool) -> str:
    if limited:
        return _ARTICLES.format(aliases="'[]'", body="case when c.tier >= 2 then a.body end")
    return _ARTICLES.format(aliases=_ALIASES, body="a.body")


def _record_at_cutoff(row: Sequence[Any]) -> Row:
    """Converts a row of the query to the record of an article, with the values of the revision that was current at the
    cut-off.
    """
    record: Row = dict(zip(_RECORD, row, strict=False))
    for name in ("aliases", *STORED_LISTS):
        text = record[name]
        record[name] = _scan(text, 0)[0] if text and text != "[]" else []
    content, captured_at, payload_digest = row[_BESIDE + 5 : _BESIDE + 8]
    stated = record["author_organizations"]
    current, organizations = record["authors"], json.loads(stated) if stated and stated != "[]" else []
    if content is not None:
        record.update((name, value) for name, value in json.loads(content).items() if name in PAGE_FIELDS)
        record["captured_at"], record["payload_digest"] = captured_at, payload_digest
    # The evidence is that of the current revision. An author of an older one is judged by the name.
    record["author_organizations"] = [
        name for name in record["authors"] if name in organizations or (name not in current and is_organization(name))
    ]
    return record


def _place_rows(number: str, tags: Sequence[Row], hidden: LeakedPassages) -> Sequence[Row]:
    """Returns the rows of the table `places` for the article with the identifier `number`, one for each of its geo-tags
    (`tags`). Values that quote a withheld text (`hidden`) are left out.
    """
    return [
        {
            "id": number,
            "place": at,
            **{key: None if hidden.occur_in(tag.get(key)) else tag.get(key) for key in GEOTAG_KEYS},
        }
        for at, tag in enumerate(tags, start=1)
    ]


def _withheld_columns(record: Row, published: Row) -> list[str]:
    """Returns the names of the columns of a record whose value is published only in part or not at all."""
    return [name for name in _MAY_BE_WITHHELD if record.get(name) and published[name] != record[name]]


def _withheld_marks(body: str, published: Row, packed: object) -> list[str]:
    """Returns those of the columns `markdown` and `links` that lack something because the `body` is published only in
    part or not at all. `packed` are the marks of the body.
    """
    if not body or published["body"] == body:
        return []
    links = links_of(body, unpack_marks(packed)) if packed else ()
    return ["markdown", *(["links"] if len(published["links"]) < len(links) else ())]


def _marked_columns(
    record: Row, published: Row, packed: object, hidden: LeakedPassages
) -> tuple[str | None, list[str]]:
    """Returns the body of an article in Markdown and the URLs of its links; (None, []) if its body is not published.

    All texts in marks, and links to e-mail addresses and telephone numbers are left out if personal data or a passage
    of a withheld text was removed from the article. `record` is the article before that, `published` after it,
    and `packed` are the marks of its body as stored. `hidden` are passages that must not be published.
    """
    body = published["body"]
    if body is None:
        return None, []
    if not packed:
        return to_markdown(body, ()), []
    marks = carry_marks(record["body"], unpack_marks(packed, len(record["body"])), body)
    if any(published[name] != record[name] for name in ("body", "captions", "authors")):
        marks = tuple(without_texts(m) for m in marks if m.kind != "a" or not is_contact(m.value))
    markdown = to_markdown(body, marks)
    if hidden.occur_in(markdown):  # in a caption, or in words that links and images separate in the text
        markdown = to_markdown(body, ())
    return markdown, [link.url for link in links_of(body, marks)]


def _fill_in_text_columns(record: Row, body: str, facts: _TextFacts) -> None:
    """Fills in the columns of a record that are derived from its body, such as its digest and number of words."""
    record["content_digest"] = hashlib.sha256(f"{record['title']}\n\n{body}".encode("utf-8", "replace")).hexdigest()
    record["words"], record["sentences"] = facts.words, facts.sentences
    language, share = facts.language
    record["language_detected"], record["language_score"] = language or None, share or None
    unit = word_unit(body, record["words"])
    record["word_unit"], record["characters"] = unit, len(body)
    is_short = record["words"] < _SHORT[unit]
    record["flags"] = [
        name
        for name, is_true in (
            ("empty", not body),
            ("short", bool(body) and is_short),
            ("duplicate", record["duplicate_of"] is not None),
            ("near-duplicate", record["cluster_id"] is not None),
        )
        if is_true
    ]


_SHORT = {"words": 20, "characters": 60}
_MANY = 5
"""If a site has at least this many dated articles and all times are midnight, its times only stand for dates."""


def sites_at_midnight(db: Database) -> frozenset[str]:
    """Returns the sites on which at least five articles chosen for the dataset have a publication time, and all these
    times are midnight, either as written or in UTC. On such a site a time only stands for a date: many programs take a
    date without a time for midnight in UTC, and write it in the zone of the site.
    """
    return frozenset(
        row[0]
        for row in db.execute(
            "select site from temp.considered where chosen and published <> '' group by 1 having count(*) >= ? and "
            "(min(substr(published, 12, 8) = '00:00:00') or min(time(published) = '00:00:00'))",
            [_MANY],
        )
    )


def _fill_in_times(record: Row, by_day: Container[str]) -> None:
    """Converts the times of a record, and adds the columns that are derived from its dates. `by_day` are the sites
    whose times of publication only stand for dates.
    """
    published, modified = record["published"], record["modified"]
    record["published_at"], record["modified_at"] = moment_of(published), moment_of(modified)
    record["published_date"] = date.fromisoformat(published[:10]) if published else None
    if record["site"] in by_day and record["published_precision"] in ("second", "minute", "hour"):
        record["published_precision"] = "day"
    if modified:
        record["modified_precision"] = "day" if modified[11:19] == "00:00:00" else "second"
    for name in _TIMES:
        record[name] = moment_of(record[name])


def published_texts(db: Database, cutoff: str, change: Change, *, in_full: bool = True) -> Iterator[str]:
    """Yields all texts that the tables may publish, before passages of withheld texts are removed. If `in_full` is
    False, the texts of records of the tier full are left out.
    """
    for one in article_rows(db, cutoff, change, limited=True):
        if one.record["tier"] == _LABELS[Tier.FULL] and not in_full:
            continue
        yield from _quotable_texts(one.record)
        for place in one.places:
            yield from _quotable_texts(place)
    for row in revision_rows(db, cutoff, change, which="" if in_full else "and c.tier < 3"):
        yield from _quotable_texts(row)


def _quotable_texts(row: Row) -> Iterator[str]:
    """Yields the texts of a row that are long enough to contain a passage. URLs are left out, because they are
    published even if they contain one.
    """
    for name, value in row.items():
        if name not in _NOT_QUOTED:
            for text in (*value, " ".join(value)) if isinstance(value, list) else (value,):
                if isinstance(text, str) and (len(text) >= 2 * PASSAGE_WORDS - 1 or not text.isascii()):
                    yield text


def withheld_texts(db: Database, cutoff: str, change: Change) -> Iterator[str]:
    """Yields the bodies of all revisions up to the cut-off that are not published. Of an article with an excerpt, those
    passages are left out that the excerpt has. `change` removes personal data from a record.
    """
    for query in (
        "select a.body from temp.considered c cross join articles a on a.id = c.article_id where c.chosen and "
        "c.tier < 2 and c.revision = a.revision",
        "select v.body from temp.considered c cross join articles a on a.id = c.article_id and a.revision > 1 "
        "cross join article_revisions v on v.article_id = a.id where c.chosen and c.tier < 2 and not v.is_current "
        "and substr(v.observed_at, 1, 19) <= :cutoff",
    ):
        yield from (row[0] for row in db.execute(query, {"cutoff": cutoff or NEWEST}) if row[0])
    for row in db.query(_EXCERPTED, {"cutoff": cutoff or NEWEST}):
        bodies = (row["body"], *json.loads(row.pop("others") or "[]"))
        row["authors"], row["markup"] = (json.loads(row[name] or "[]") for name in ("authors", "markup"))
        excerpt = first_words(change(row)["body"], characters=row.pop("characters")) or ""
        for body in dict.fromkeys(filter(None, bodies)):
            yield from parts_beyond(body, excerpt)


_EXCERPTED = f"""
    select c.id, c.site, c.url, c.characters, {
    ", ".join(
        f"case when c.revision = a.revision then a.{name} else v.{name} end as {name}"
        for name in ("title", "body", "markup", "authors", "language")
    )
},
        case when a.revision > 1 then (select json_group_array(o.body) from article_revisions o where
            o.article_id = a.id and o.revision <> c.revision and substr(o.observed_at, 1, 19) <= :cutoff) end as others
    from temp.considered c cross join articles a on a.id = c.article_id
    left join article_revisions v on v.article_id = a.id and v.revision = c.revision and c.revision <> a.revision
    where c.chosen and c.tier = 2"""


def revision_rows(
    db: Database, cutoff: str, change: Change, leaked: LeakedPassages = NO_PASSAGES, which: str = ""
) -> Iterator[Row]:
    """Yields the rows of the table `revisions`: the revisions of the chosen articles up to the cut-off, sorted by
    identifier and number.

    - `change`: a function that removes personal data.
    - `leaked`: passages that must not be published.
    - `which`: an additional SQL condition on the article `c`.
    """
    for row in db.query(
        "select c.id, c.tier, v.revision, v.observed_at, v.changed, v.title, case when c.tier = 3 and v.revision "
        "<> c.revision then v.body end as body, case when c.tier = 3 and v.revision <> c.revision then v.markup end as "
        "markup, v.authors, v.published, v.previous, v.same_as, p.captured_at, "
        "p.digest as payload_digest, c.site, c.url, v.language "
        "from (select id, tier, revision, article_id, site, url from temp.considered where chosen order by id) c "
        "cross join article_revisions v on v.article_id = c.article_id left join captures p on p.id = v.capture_id "
        f"where substr(v.observed_at, 1, 19) <= ? {which} order by c.id, v.revision",
        [cutoff or NEWEST],
    ):
        tier = _TIERS[row.pop("tier")]
        for name in ("changed", "authors", "markup"):
            row[name] = json.loads(row[name] or "[]")
        changed = redact(change(row), tier, leaked)
        for name in ("observed_at", "captured_at"):
            changed[name] = moment_of(changed[name])
        yield {name: value for name, value in changed.items() if name not in _CONTACT_HINTS}


def author_rows(db: Database, cutoff: str) -> Iterator[tuple[str, list[str]]]:
    """Yields the authors of each revision of those chosen articles whose authors have changed, as pairs (identifier,
    authors).
    """
    for name, authors in db.execute(
        "select c.id, v.authors from temp.considered c cross join article_revisions v on v.article_id = "
        "c.article_id where "
        "c.chosen and c.article_id in (select article_id from revisions where changed like '%\"authors\"%') "
        "and substr(v.observed_at, 1, 19) <= ?",
        [cutoff or NEWEST],
    ):
        yield name, json.loads(authors or "[]")


def person_names(db: Database, cutoff: str) -> set[str]:
    """Returns the authors of the chosen articles, in any revision, that are not organizations."""
    current = db.execute(
        "select distinct a.authors from temp.considered c cross join articles a on a.id = c.article_id where c.chosen"
    )
    names = {name for (authors,) in current for name in json.loads(authors or "[]")}
    names.update(name for _, authors in author_rows(db, cutoff) for name in authors)
    return names.difference(*(found for _, found in organization_rows(db, cutoff)))


def organization_rows(db: Database, cutoff: str) -> Iterator[tuple[str, list[str]]]:
    """Yields the authors of the chosen articles, in any revision, that are organizations, as pairs (identifier, names).
    The evidence is that of the current revision. An author of an older one is judged by the name.
    """
    for name, authors, organizations, revisions in db.execute(
        f"select c.id, a.authors, {_RECORD['author_organizations']}, case when a.revision > 1 then (select "
        "json_group_array(v.authors) from article_revisions v where v.article_id = a.id and "
        "substr(v.observed_at, 1, 19) <= ?) end "
        "from temp.considered c cross join articles a on a.id = c.article_id where c.chosen",
        [cutoff or NEWEST],
    ):
        current, found = json.loads(authors or "[]"), dict.fromkeys(json.loads(organizations or "[]"))
        for written in json.loads(revisions or "[]"):
            earlier = json.loads(written or "[]") if isinstance(written, str) else written or []
            found.update((one, None) for one in earlier if one not in current and is_organization(one))
        if found:
            yield name, list(found)


def capture_rows(db: Database, cutoff: str) -> Iterator[Row]:
    """Yields the rows of the table `captures`: the captures of all URLs of the chosen articles, and those from which
    their revisions were extracted.
    """
    for row in db.query(
        "with own as (select c.id, d.url, c.article_id from temp.considered c join article_urls d on d.article_id = "
        "c.article_id where c.chosen) "
        "select o.id, x.url, x.captured_at, x.status, x.media_type, x.digest as payload_digest, x.record_type "
        "from own o join captures x on x.url = o.url where substr(x.captured_at, 1, 19) <= :cutoff union "
        "select c.id, x.url, x.captured_at, x.status, x.media_type, x.digest, x.record_type from temp.considered c "
        "join revisions r on r.article_id = c.article_id join captures x on x.id = r.capture_id "
        "where c.chosen and substr(x.captured_at, 1, 19) <= :cutoff order by 1, 3, 2, 6",
        {"cutoff": cutoff or NEWEST},
    ):
        yield {**row, "captured_at": moment_of(row["captured_at"])}


def missing_rows(db: Database, cutoff: str) -> Iterator[Row]:
    """Yields the rows of the table `missing`: URLs of the chosen articles' sites that may be posts but have no article
    in the archive. Withdrawn posts are left out.
    """
    for row in db.query(
        "select s.name as site, p.url, p.outcome, p.reason, p.rule, p.status, p.found_at, (select "
        "json_group_array(source) from (select distinct source from page_sources where page_id = p.id order by 1)) "
        "as sources from pages p join sites s on s.id = p.site_id where s.name in "
        "(select site from temp.considered where chosen) and p.article_id is null and "
        "p.kind in ('post', 'unknown', 'part') and p.outcome in "
        "('due', 'failed', 'refused', 'gone') and coalesce(p.rule, '') <> 'removed' and substr(p.found_at, 1, 19) "
        "<= ? order by 1, 2",
        [cutoff or NEWEST],
    ):
        yield {
            **row,
            "sources": json.loads(row["sources"]),
            "reason": row["reason"] or None,
            "rule": row["rule"] or None,
            "found_at": moment_of(row["found_at"]),
        }


_COUNTED_SOURCES = {
    "feed": "feed",
    "sitemap": "sitemap",
    "api": "api",
    "listing": "listing",
    "link": "link",
    "seed": "seed",
    "import": "seed",
}
_CHOSEN_SITES = "(select site from temp.considered where chosen)"
_MAY_BE_POSTS = "kind in ('post', 'unknown', 'part') and outcome not in ('not-article', 'trap', 'not-found')"


def site_rows(db: Database, cutoff: str, described: Mapping[str, Mapping[str, str]]) -> Iterator[Row]:
    """Yields the rows of the table `sites`. `described` contains the operator's statements about sites by site name,
    with the keys why, how, country and kind.
    """
    missing = Counter(row["site"] for row in missing_rows(db, cutoff))
    found: dict[int, Counter[str]] = {}
    for site_id, source, count in db.execute(
        "select p.site_id, d.source, count(distinct p.id) from pages p join page_sources d on d.page_id = p.id where "
        f"p.{_MAY_BE_POSTS} and p.site_id in (select id from sites where name in {_CHOSEN_SITES}) and "
        "substr(p.found_at, 1, 19) <= ? group by 1, 2",
        [cutoff or NEWEST],
    ):
        found.setdefault(site_id, Counter())[_COUNTED_SOURCES.get(source, "link")] += count
    for row in db.query(
        "select s.id, s.name as site, s.start_url, nullif(s.platform, '') as platform, count(*) as articles, "
        "min(nullif(c.published, '')) as first, max(nullif(c.published, '')) as last, (select count(*) from articles a "
        "where a.site = s.name and substr(a.first_seen, 1, 19) <= :at and not exists (select 1 from "
        "withdrawn_articles w where w.article_id = a.id and "
        "substr(w.withdrawn_at, 1, 19) <= :at)) as archived, v.visits, v.first_visit, "
        "v.last_visit from temp.considered c join sites s on s.name = c.site left join (select site_id, count(*) as "
        "visits, min(started_at) as first_visit, max(started_at) as last_visit from runs where "
        "substr(started_at, 1, 19) <= :at group by 1) v on v.site_id = s.id where c.chosen group by s.id "
        "order by s.name",
        {"at": cutoff or NEWEST},
    ):
        sources, stated = found.get(row.pop("id"), Counter()), described.get(row["site"], {})
        first, last = row.pop("first"), row.pop("last")
        yield {
            **row,
            "first_published": date.fromisoformat(first[:10]) if first else None,
            "last_published": date.fromisoformat(last[:10]) if last else None,
            "missing": missing[row["site"]],
            "visits": row["visits"] or 0,
            "first_visit": moment_of(row["first_visit"]),
            "last_visit": moment_of(row["last_visit"]),
            **{f"from_{source}": sources[source] for source in dict.fromkeys(_COUNTED_SOURCES.values())},
            **{name: stated.get(name) for name in ("why", "how", "country", "kind")},
        }


_MONTH_IN_URL = re.compile(r"/((?:19|20)\d\d)[/-](0[1-9]|1[0-2])(?=[/-]|$)")


def coverage_rows(db: Database, cutoff: str) -> Iterator[Row]:
    """Yields the rows of the table `coverage`: for each site and month, the number of archived and of missing posts,
    and the number of runs.
    """
    archived, missing, visits = Counter[tuple[str, str]](), Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    archived.update(
        {
            (site, month): count
            for site, month, count in db.execute(
                "select site, coalesce(nullif(substr(published, 1, 7), ''), ?), count(*) from temp.considered "
                "where chosen group by 1, 2",
                [UNDATED],
            )
        }
    )
    for row in missing_rows(db, cutoff):
        found = _MONTH_IN_URL.search(row["url"])
        missing[row["site"], f"{found[1]}-{found[2]}" if found else UNDATED] += 1
    for site, month, count in db.execute(
        "select s.name, substr(r.started_at, 1, 7), count(*) from runs r join sites s on s.id = r.site_id where "
        f"s.name in {_CHOSEN_SITES} and substr(r.started_at, 1, 19) <= ? group by 1, 2",
        [cutoff or NEWEST],
    ):
        visits[site, month] += count
    keys = {*archived, *missing, *visits}
    for site, group in groupby(sorted(keys), key=lambda key: key[0]):
        months = {month for _, month in group}
        dated = sorted({month for name, month in archived if name == site} - {UNDATED})
        for month in sorted(months.union(months_between(dated[0], dated[-1]) if dated else ())):
            here, lost = archived[site, month], missing[site, month]
            yield {
                "site": site,
                "month": month,
                "archived": here,
                "known": here + lost,
                "missing": lost,
                "visits": visits[site, month],
            }


UNDATED = "undated"
"""The month of articles and addresses without a date."""


def months_between(first: str, last: str) -> Iterator[str]:
    """Yields the months from the first to the last, such as "2024-05"."""
    start, end = (int(month[:4]) * 12 + int(month[5:]) - 1 for month in (first, last))
    for number in range(start, end + 1):
        yield f"{number // 12:04}-{number % 12 + 1:02}"


def withdrawn_ids(db: Database) -> set[str]:
    """Returns the identifiers of all articles that were withdrawn from an archive."""
    ids = dict(db.execute("select id, record_id from tombstones"))
    found = {ids.get(one.id) or record_id(urlkey(one.url)) for one in tombstones(db, "allowed_at is null")}
    return found | {
        record_id_of_first(first)
        for (first,) in db.execute(
            f"select {FIRST_ADDRESS} from withdrawn_articles w join articles a on a.id = w.article_id"
        )
    }


def withdrawn_rows(db: Database, cutoff: str) -> Iterator[Row]:
    """Yields the rows of the table `withdrawn`, with identifier and reason. They stand for posts of the dataset's sites
    that a takedown removed, and for articles that were withdrawn by the cut-off because they are not posts.
    """
    ids = dict(db.execute("select id, record_id from tombstones"))
    sites = {row[0] for row in db.execute("select distinct site from temp.considered where chosen")}
    found = {
        ids.get(one.id) or record_id(urlkey(one.url)): one.reason
        for one in tombstones(db, "allowed_at is null")
        if one.site in sites
    }
    for first, site, reason in db.execute(
        f"select {FIRST_ADDRESS}, a.site, w.reason from withdrawn_articles w join articles a on a.id = w.article_id "
        "where substr(w.withdrawn_at, 1, 19) <= ?",
        [cutoff],
    ):
        if site in sites:
            found.setdefault(record_id_of_first(first), reason)
    yield from ({"id": name, "reason": found[name]} for name in sorted(found))


def without_texts(mark: Mark) -> Mark:
    """Returns a mark without the texts in it that are not part of the body: alternative texts and captions, links of
    images to e-mail addresses and telephone numbers, full terms and readings.
    """
    value = "" if mark.kind in ("abbr", "ruby") else mark.value
    return replace(mark, value=value, alt="", caption="", link="" if is_contact(mark.link) else mark.link)
