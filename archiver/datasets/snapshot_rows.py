"""The rows of a snapshot's tables, streamed from one archive, of which `choose` has entered the articles."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from sqlite_utils import Database

from archiver.datasets.leak_check import PublishedPassages, redact
from archiver.datasets.ngrams import RUN, count, sketch, words_of_text
from archiver.datasets.parquet import arrow
from archiver.datasets.publication_rules import Tier
from archiver.datasets.selection import NEWEST
from archiver.fields import ADDRESSES, BY_NAME, GEOTAG_KEYS, PAGE_FIELDS, PUBLISHED, STORED_LISTS, Shape
from archiver.storage.article_tables.records import record_id
from archiver.storage.tombstones import tombstones

# The tables of a snapshot: what each is, and each of its columns. Files, cards and checks walk them.

Kind = Literal["text", "integer", "number", "texts"]


@dataclass(frozen=True, slots=True)
class Column:
    """`kind`: text, integer (64 bits), number (double) or texts, a list of text. `schema_org` is the property it is."""

    name: str
    kind: Kind
    doc: str
    schema_org: str = ""


@dataclass(frozen=True, slots=True)
class DatasetTable:
    """`key` are the columns that tell its rows apart, in the order in which they lie; `of_article`: its `id` is one of
    `articles`."""

    name: str
    doc: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    of_article: bool = True
    optional: bool = False


_KINDS: dict[Shape, Kind] = {"text": "text", "time": "text", "integer": "integer", "texts": "texts"}


ID = Column(
    "id",
    "text",
    "name of the article in every version: from the address at which the archive first met it",
    "identifier",
)
_CAPTURED = Column("captured_at", "text", "when the copy was made that it was read from")
_PAYLOAD = Column("payload_digest", "text", "SHA-1 of that copy's payload, as WARC writes it")

_OTHERWISE: dict[str, tuple[Column, ...]] = {
    "id": (ID,),
    "body": (
        Column(
            "body",
            "text",
            "plain text, blank lines between paragraphs; of records whose tier is full",
            BY_NAME["body"].schema_org,
        ),
        Column("excerpt", "text", "the first words of the body; of records whose tier is excerpt"),
    ),
    "duplicate_of": (Column("duplicate_of", "text", "the article that has the same text and was published first"),),
    "cluster_id": (
        Column(
            "cluster_id",
            "text",
            "name of its cluster of near copies: the member that was seen first, which need not be in the dataset",
        ),
    ),
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


ARTICLES = DatasetTable(
    "articles",
    "One row an article, as it stood at the cut-off.",
    (
        *_of_fields(),
        Column("words", "integer", "number of words of the body (of characters, in scripts without spaces)"),
        _CAPTURED,
        _PAYLOAD,
        Column("content_digest", "text", "SHA-256 of title and body as archived, whatever of them is published"),
        Column(
            "sketch",
            "text",
            "hashes of up to twelve passages of the body, by which rehydrate.py knows it again; of "
            "records without their body",
        ),
        Column("tier", "text", "what of the record is published: full, excerpt, features or reference"),
        Column("licence", "text", "licence it is under, where one is known", "license"),
        Column("split", "text", "part for machine learning; the articles of a cluster are in one"),
    ),
    ("id",),
)
REVISIONS = DatasetTable(
    "revisions",
    "One row a version of an article, the current one too.",
    (
        ID,
        Column("revision", "integer", "number of the version, from 1"),
        Column("observed_at", "text", "when the archive first saw it"),
        Column("changed", "texts", "which fields it changed"),
        Column("title", "text", "headline of this version"),
        Column("body", "text", "text of a version that was superseded; of records whose tier is full"),
        Column("authors", "texts", "authors of this version"),
        Column("published", "text", "date this version gave"),
        Column("previous", "integer", "the version that stood before it"),
        Column("same_as", "integer", "an earlier version that it repeats"),
        _CAPTURED,
        _PAYLOAD,
    ),
    ("id", "revision"),
)
CAPTURES = DatasetTable(
    "captures",
    "One row a stored response at an address of an article.",
    (
        ID,
        Column("url", "text", "address that answered"),
        Column("captured_at", "text", "when"),
        Column("status", "integer", "HTTP status"),
        Column("media_type", "text", "media type"),
        _PAYLOAD,
        Column("record_type", "text", "response, or revisit where it was as before"),
    ),
    ("id", "captured_at", "url"),
)
PLACES = DatasetTable(
    "places",
    "One row a place that an article names of itself (WGS 84).",
    (
        ID,
        Column("place", "integer", "its number in the article, from 1"),
        Column("latitude", "number", "degrees north", "latitude"),
        Column("longitude", "number", "degrees east", "longitude"),
        Column("placename", "text", "name", "name"),
        Column("region", "text", "region (ISO 3166 where the page gave that)"),
        Column("role", "text", "content, dateline, author or publisher"),
        Column("source", "text", "form it was written in: geo.position, ICBM, georss, schema.org ..."),
        Column("precision", "number", "how exactly it was written, in degrees"),
    ),
    ("id", "place"),
)
MISSING = DatasetTable(
    "missing",
    "One row an address that is known and of which no article is here, with why.",
    (
        Column("site", "text", "the site"),
        Column("url", "text", "the address"),
        Column("outcome", "text", "due, failed, refused or gone"),
        Column("reason", "text", "why, in words"),
        Column("rule", "text", "the rule that decided it"),
        Column("status", "integer", "HTTP status of the last answer"),
        Column("found_at", "text", "when the archive first heard of it"),
        Column("sources", "texts", "who told of it: feed, sitemap, api, listing, link ..."),
    ),
    ("site", "url"),
    of_article=False,
)
NGRAMS = DatasetTable(
    "ngrams",
    "How many articles of a year have some words in a row; rare ones are left out.",
    (
        Column("year", "text", "year of publication"),
        Column("language", "text", "language (first part of its tag)"),
        Column("n", "integer", "number of words"),
        Column("ngram", "text", "the words, in small letters"),
        Column("articles", "integer", "articles that have it; of copies, equal or near, one counts"),
        Column("occurrences", "integer", "how often it stands in these"),
    ),
    ("year", "language", "n", "ngram"),
    of_article=False,
    optional=True,
)
WITHDRAWN = DatasetTable(
    "withdrawn",
    "One row an article that was withdrawn from every version.",
    (
        Column("id", "text", "name that the article had"),
        Column("reason", "text", "why it was withdrawn"),
    ),
    ("id",),
    of_article=False,
    optional=True,
)

TABLES: tuple[DatasetTable, ...] = (ARTICLES, REVISIONS, CAPTURES, PLACES, MISSING, NGRAMS, WITHDRAWN)


# Reading the tables of a snapshot again, from the Parquet files that it was written to.

_BATCH = 1_000


def table_files(folder: Path, table: DatasetTable) -> list[Path]:
    """The Parquet files of a table, by their names."""
    whole = folder / "data" / f"{table.name}.parquet"
    return [whole] if whole.exists() else sorted((folder / "data" / table.name).glob("*.parquet"))


def read_table(files: Iterable[Path], columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows of Parquet files, one after another; all columns where none are named."""
    _, pq = arrow()
    for file in files:
        with pq.ParquetFile(file) as opened:
            for batch in opened.iter_batches(_BATCH, columns=columns and list(columns)):
                yield from batch.to_pylist()


Row = dict[str, Any]
Change = Callable[[Row], Row]
"""What is done to a record before it is withheld: personal data."""
_READ = tuple(name for name in PUBLISHED if BY_NAME[name].stored)
_scan: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]
_LABELS = tuple(tier.label for tier in Tier)
_WHERE = frozenset({"site", "url", "language"})
"""What tells of which region a version's telephone numbers are; the table `revisions` does without."""
_NO_TEXTS = frozenset({"id", *ADDRESSES, "payload_digest", "content_digest", "sketch"})
_TIERS = tuple(Tier)
NOTHING = PublishedPassages()
# The columns of a record as they are read, and of what is read beside it; what is null here is filled in.
_RECORD = {
    **{name: f"a.{name}" for name in _READ},
    "body": "{body}",
    "id": "c.id",
    "aliases": "{aliases}",
    "excerpt": "null",
    "revision": "c.revision",
    "gone_at": "c.gone_at",
    "duplicate_of": "c.duplicate_of",
    "cluster_id": "c.cluster_id",
    "words": "null",
    "captured_at": "p.captured_at",
    "payload_digest": "p.digest",
    "tier": "null",
    "licence": "nullif(c.licence, '')",
    "content_digest": "null",
    "sketch": "null",
    "split": "null",
}
_BESIDE = len(_RECORD)
_ALIASES = """(select json_group_array(url) from (select d.url from aliases d where d.article_id = a.id and
    d.urlkey <> a.urlkey and substr(coalesce(d.first_seen, ''), 1, 19) <= :cutoff order by d.url))"""
_ARTICLES = f"""
    select {", ".join(_RECORD.values())}, c.tier, c.geo, c.split_key, r.content, q.captured_at, q.digest, o.part
    from temp.ordered o cross join temp.considered c on c.article_id = o.article_id
    cross join articles a on a.id = c.article_id left join captures p on p.id = a.capture_id
    left join revisions r on r.article_id = a.id and r.revision = c.revision and c.revision <> a.revision
    left join captures q on q.id = r.capture_id {{which}} order by o.position"""


class Read(NamedTuple):
    """One article: its record as it is published, its places, the words that may be counted ([]: none), and what names
    the articles with its text, or most of it ("": there are none)."""

    part: str
    record: Row
    places: Sequence[Row]
    tokens: Sequence[str]
    group: str


def article_rows(
    db: Database, cutoff: str, change: Change, counted: bool, shown: PublishedPassages = NOTHING, *, told: bool = False
) -> Iterator[Read]:
    """The chosen articles in their order; `counted`: their words are counted, too; `shown`: what may not be told.

    `told`: only those below full text, and nothing that follows from a text that is withheld.
    """
    for row in db.execute(_query(db, told=told), {"cutoff": cutoff or NEWEST}):
        record = _record(row)
        level, geo, group, _, _, _, part = row[_BESIDE:]
        is_counted = counted and level > Tier.REFERENCE
        body, places = record["body"] or "", record.pop("geotags")
        record["tier"] = _LABELS[level]
        tokens = [] if told else _measured(record, body, is_counted or level < Tier.FULL)
        if level == Tier.FULL:
            record["sketch"] = None
        hidden = NOTHING if level == Tier.FULL else shown
        changed = change(record)
        if is_counted and changed["body"] is not record["body"]:
            tokens = words_of_text(changed["body"] or "")
        given = _places(record["id"], places, hidden) if places and geo and level > Tier.REFERENCE else ()
        yield Read(part, redact(changed, _TIERS[level], hidden), given, tokens if is_counted else (), group or "")


def _query(db: Database, *, told: bool) -> str:
    if told:
        return _ARTICLES.format(aliases="'[]'", body="case when c.tier = 2 then a.body end", which="where c.tier < 3")
    # The view `addresses` has an article's own address too, which is no alias; older archives have a table.
    aliases = _ALIASES
    return _ARTICLES.format(aliases=aliases, body="a.body", which="")


def _record(row: Sequence[Any]) -> Row:
    """The record of a row of the query, as its version at the cut-off has it."""
    record: Row = dict(zip(_RECORD, row, strict=False))
    for name in STORED_LISTS:
        text = record[name]
        record[name] = _scan(text, 0)[0] if text and text != "[]" else []
    content, captured_at, payload_digest = row[_BESIDE + 3 : _BESIDE + 6]
    if content is not None:
        record.update((name, value) for name, value in json.loads(content).items() if name in PAGE_FIELDS)
        record["captured_at"], record["payload_digest"] = captured_at, payload_digest
    return record


def _places(number: str, tags: Sequence[Row], hidden: PublishedPassages) -> Sequence[Row]:
    """The rows of an article's places, without what would repeat a text that is withheld."""
    return [
        {
            "id": number,
            "place": at,
            **{key: None if hidden.repeats(tag.get(key)) else tag.get(key) for key in GEOTAG_KEYS},
        }
        for at, tag in enumerate(tags, start=1)
    ]


def _measured(record: Row, body: str, counted: bool) -> list[str]:
    """Fill in what follows from a text; its words, where these are counted."""
    record["content_digest"] = hashlib.sha256(f"{record['title']}\n\n{body}".encode("utf-8", "replace")).hexdigest()
    if not counted:
        record["words"] = count(body)
        return []
    tokens = words_of_text(body)
    record["words"], record["sketch"] = len(tokens), sketch(tokens)
    return tokens


def told(db: Database, cutoff: str, change: Change) -> Iterator[str]:
    """All texts below full text that the tables would tell if none of them stood in a text that is withheld."""
    for one in article_rows(db, cutoff, change, counted=False, told=True):
        yield from _texts(one.record)
        for place in one.places:
            yield from _texts(place)
    for row in revision_rows(db, cutoff, change, which="and c.tier < 3"):
        yield from _texts(row)


def _texts(row: Row) -> Iterator[str]:
    """The values of a row that have room for a passage, addresses aside: these are published as they are."""
    for name, value in row.items():
        if name not in _NO_TEXTS:
            for text in (*value, " ".join(value)) if isinstance(value, list) else (value,):
                if isinstance(text, str) and (len(text) >= 2 * RUN - 1 or not text.isascii()):
                    yield text


def hidden(db: Database, cutoff: str) -> Iterator[str]:
    """The texts that are withheld whole, in all versions up to the cut-off."""
    for query in (
        "select a.body from temp.considered c cross join articles a on a.id = c.article_id where c.chosen and "
        "c.tier < 2 and c.revision = a.revision",
        "select v.body from temp.considered c cross join articles a on a.id = c.article_id and a.revision > 1 "
        "cross join article_revisions v on v.article_id = a.id where c.chosen and c.tier < 2 and not v.is_current "
        "and "
        "substr(v.observed_at, 1, 19) <= :cutoff",
    ):
        yield from (row[0] for row in db.execute(query, {"cutoff": cutoff or NEWEST}) if row[0])


def revision_rows(
    db: Database, cutoff: str, change: Change, shown: PublishedPassages = NOTHING, which: str = ""
) -> Iterator[Row]:
    """Every version of the chosen articles up to the cut-off, by identifier and number; `shown`: what may not be told,
    `which`: a condition on the article `c`."""
    for row in db.query(
        "select c.id, c.tier, v.revision, v.observed_at, v.changed, v.title, case when c.tier = 3 and v.revision "
        "<> c.revision then v.body end as body, v.authors, v.published, v.previous, v.same_as, p.captured_at, "
        "p.digest as payload_digest, c.site, c.url, v.language "
        "from (select id, tier, revision, article_id, site, url from temp.considered where chosen order by id) c "
        "cross join article_revisions v on v.article_id = c.article_id left join captures p on p.id = v.capture_id "
        f"where substr(v.observed_at, 1, 19) <= ? {which} order by c.id, v.revision",
        [cutoff or NEWEST],
    ):
        tier = _TIERS[row.pop("tier")]
        for name in ("changed", "authors"):
            row[name] = json.loads(row[name] or "[]")
        changed = redact(change(row), tier, shown)
        yield {name: value for name, value in changed.items() if name not in _WHERE}


def author_rows(db: Database, cutoff: str) -> Iterator[tuple[str, list[str]]]:
    """The authors of each version of those chosen articles whose authors were changed, by identifier."""
    for name, said in db.execute(
        "select c.id, v.authors from temp.considered c cross join article_revisions v on v.article_id = "
        "c.article_id where "
        "c.chosen and c.article_id in (select article_id from revisions where changed like '%\"authors\"%') "
        "and substr(v.observed_at, 1, 19) <= ?",
        [cutoff or NEWEST],
    ):
        yield name, json.loads(said or "[]")


def capture_rows(db: Database, cutoff: str) -> Iterator[Row]:
    """Every response at an address of a chosen article, and those that a version was read from."""
    yield from db.query(
        "with own as (select c.id, d.url, c.article_id from temp.considered c join article_urls d on d.article_id = "
        "c.article_id where c.chosen) "
        "select o.id, x.url, x.captured_at, x.status, x.media_type, x.digest as payload_digest, x.record_type "
        "from own o join captures x on x.url = o.url where substr(x.captured_at, 1, 19) <= :cutoff union "
        "select c.id, x.url, x.captured_at, x.status, x.media_type, x.digest, x.record_type from temp.considered c "
        "join revisions r on r.article_id = c.article_id join captures x on x.id = r.capture_id "
        "where c.chosen and substr(x.captured_at, 1, 19) <= :cutoff order by 1, 3, 2, 6",
        {"cutoff": cutoff or NEWEST},
    )


def missing_rows(db: Database, cutoff: str) -> Iterator[Row]:
    """Addresses of the chosen articles' sites that may be posts and are not here; never those of withdrawn posts."""
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
        }


def withdrawn_rows(db: Database) -> Iterator[Row]:
    """What was taken out of the sites that are here, and may not come back: identifier and reason alone."""
    from archiver.urls import urlkey

    ids = dict(db.execute("select id, record_id from tombstones"))
    sites = {row[0] for row in db.execute("select distinct site from temp.considered where chosen")}
    found = {
        ids.get(one.id) or record_id(urlkey(one.url)): one.reason
        for one in tombstones(db, "allowed_at is null")
        if one.site in sites
    }
    yield from ({"id": name, "reason": found[name]} for name in sorted(found))
