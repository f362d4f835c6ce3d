"""One article, to be read: its text, every field and where it comes from, its copies, its places, what is like it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

from archiver.articles.word_diff import DiffOp, Piece
from archiver.errors import IndexMissing, NotCaptured
from archiver.extraction.explain import explain, explanations_as_data
from archiver.fields import FIELDS, LINKS
from archiver.items import Evidence
from archiver.search.aggregations import view_of
from archiver.search.citations import STYLES, cited
from archiver.search.engine import Hit, run
from archiver.search.query import Query
from archiver.search.revision_diff import diff_as_data, direction, edited, edited_texts, marked, previous_revision
from archiver.storage.article_tables import records
from archiver.storage.article_tables.records import cluster_of
from archiver.storage.requisites import captured_lead_image
from archiver.web.downloads import payload_response, stored_capture
from archiver.web.query_arguments import (
    MANY,
    CannotAnswer,
    PageRequest,
    PageResponse,
    RawResponse,
    article_of,
    offset_of,
    version_of,
)
from archiver.web.rendering import blocks
from archiver.web.views import MapDot, canvas, position

_LIKE = 5
_COPIES = 8
_APART = frozenset(
    {
        "title",
        "body",
        "id",
        "url",
        "aliases",
        "geotags",
        "duplicate_of",
        "cluster_id",
        "capture",
        "revision",
        "published_precision",
    }
)
"""Fields that have a place of their own on the page."""
_FILTERS = {link.table: link.word for link in LINKS}


def article_page(asked: PageRequest) -> PageResponse:
    number, revision = article_of(asked), version_of(asked, "revision")
    db = asked.db
    now = records.record(db, number)
    shown = now if revision is None else records.revision_record(db, number, revision)
    versions = records.revisions(db, number)
    image = captured_lead_image(db, number)
    like, why_none = _like(asked, number)
    return PageResponse(
        "article.html",
        {
            "article": shown,
            "now": now,
            "dir": direction(shown["language"], shown["title"] + shown["body"]),
            "blocks": blocks(shown["body"]),
            "version": next((v for v in versions if v["revision"] == shown["revision"]), None),
            "versions": versions,
            "facts": _facts(shown),
            "filters": _FILTERS,
            "sources": _sources(shown, records.evidence(db, number, revision)),
            "image": image,
            **_places(asked, shown),
            "copies": _copies(asked, number, now),
            "like": like,
            "why_none_like": why_none,
            "reference": cited(shown, version=revision is not None),
            "styles": tuple(STYLES),
            "tab": "article",
        },
        shown,
    )


def _places(asked: PageRequest, record: dict[str, Any]) -> dict[str, Any]:
    """The places of an article, and a map of those that have a position."""
    places = [tag for tag in record["geotags"] if tag["latitude"] is not None]
    if not places:
        return {"places": [tag for tag in record["geotags"] if tag["placename"]], "map": None}
    box = view_of([(tag["latitude"], tag["longitude"]) for tag in places])
    view, shifts = canvas(box)
    dots = [
        MapDot(
            *position(box, tag["latitude"], tag["longitude"]),
            round(view[2] * 0.022, 1),
            tag["placename"] or f"{tag['latitude']}, {tag['longitude']}",
            asked.link("/search", [("near", f"{tag['latitude']},{tag['longitude']}"), ("within", 50)]),
        )
        for tag in places
    ]
    return {"places": list(record["geotags"]), "map": {"view": view, "shifts": shifts, "dots": dots}}


def _facts(record: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Name, shape and value of each field that says something and stands nowhere else on the page."""
    return [(f.name, f.shape, record[f.name]) for f in FIELDS if f.name not in _APART and record[f.name]]


def _sources(record: dict[str, Any], evidence: Iterable[Evidence]) -> dict[str, str]:
    """By field the source that its value was taken from, "" where no single one gave it."""
    return {
        one.field: next((c.source for c, won in zip(one.candidates, one.won, strict=True) if won), "")
        for one in explain(record, evidence)
        if one.candidates
    }


def _like(asked: PageRequest, number: int) -> tuple[tuple[Hit, ...], str]:
    """What is about the same thing; or why that cannot be told."""
    try:
        return tuple(run(asked.db, Query(like=number, limit=_LIKE)).hits), ""
    except IndexMissing as error:
        return (), str(error)


def _copies(asked: PageRequest, number: int, record: dict[str, Any]) -> dict[str, Any]:
    """Other addresses and articles with the same or nearly the same text: `same`, and what its cluster makes of it.

    `source` is the member that the others are copies of, `own` what this article is in the cluster.
    """
    columns = "id, site, url, title, published, published_precision"
    original = record["duplicate_of"] or number
    same = list(
        asked.db.query(
            f"select {columns} from articles where (id = ? or duplicate_of = ?) and id <> ? order by id limit ?",
            [original, original, number, _COPIES],
        )
    )
    total = asked.db.execute(
        "select count(*) from articles where (id = ? or duplicate_of = ?) and id <> ?", [original, original, number]
    ).fetchone()[0]
    cluster = cluster_of(asked.db, number)
    members = cluster["members"] if cluster else []
    own = next((m for m in members if m["id"] == number), None)
    return {
        "same": same,
        "same_total": total,
        "original": record["duplicate_of"],
        "cluster": cluster,
        "own": own,
        "source": members[0] if members else None,
        "near": next((m for m in members if own and m["id"] == own["near"]), None),
        "others": [m for m in members if m["id"] != number][:_COPIES],
    }


# The versions of an article, and the headlines it has had; a hundred a page, its JSON has all.


def revisions_page(asked: PageRequest) -> PageResponse:
    number = article_of(asked)
    record, versions = records.record(asked.db, number), records.revisions(asked.db, number)
    said = {one["revision"]: one["title"] for one in versions}
    first = offset_of(asked)
    shown = versions[::-1][first : first + MANY]
    titles = [
        (one, said.get(one["previous"]))
        for one in reversed(shown)
        if one["previous"] is None or "title" in one["changed"]
    ]

    def link(to: int) -> str:
        return asked.link(f"/article/{number}/versions", [("offset", to or None)])

    return PageResponse(
        "versions.html",
        {
            "article": record,
            "now": record,
            "versions": versions,
            "shown": shown,
            "titles": titles,
            "tab": "versions",
            "first": first,
            "earlier": link(first + MANY) if versions[first + MANY :] else "",
            "later": link(max(first - MANY, 0)) if first else "",
            "before": previous_revision(versions, record["revision"]),
        },
        versions,
    )


# Two versions of an article word by word, as `archiver diff --html` writes them.


def diff_page(asked: PageRequest) -> PageResponse:
    number = article_of(asked)
    db = asked.db
    now, versions = records.record(db, number), records.revisions(db, number)
    after = records.revision_record(db, number, version_of(asked, "to") or now["revision"])
    before = records.revision_record(
        db, number, version_of(asked, "from") or previous_revision(versions, after["revision"])
    )
    texts = edited_texts(before, after)
    said = {name: texts.get(name) or (Piece(DiffOp.EQUAL, after[name] or ""),) for name in ("title", "body")}
    return PageResponse(
        "diff.html",
        {
            "article": now,
            "now": now,
            "versions": versions,
            "tab": "versions",
            "before": before,
            "after": after,
            "dir": direction(after["language"], after["title"] + after["body"]),
            "seen": {v["revision"]: v["observed_at"] for v in versions},
            # Escaped where it is made.
            "title": Markup(marked(said["title"])),
            "body": Markup(marked(said["body"], paragraphs=True)),
            "fields": [(name, Markup(cell)) for name, cell in edited(before, after)],
        },
        diff_as_data(before, after) | {"url": now["url"]},
    )


# Why each field of an article has its value: all candidates, the one that won, and who read it.


def evidence_page(asked: PageRequest) -> PageResponse:
    number, revision = article_of(asked), version_of(asked, "revision")
    db = asked.db
    record = records.record(db, number) if revision is None else records.revision_record(db, number, revision)
    why = explain(record, records.evidence(db, number, revision))
    readers = records.readers(db, number, revision)
    data = {
        **record,
        "image_capture": captured_lead_image(db, number),
        "evidence": {name: {**one, **readers.get(name, {})} for name, one in explanations_as_data(why).items()},
    }
    spoken = [one for one in why if one.chosen or one.candidates]
    return PageResponse(
        "evidence.html",
        {
            "article": record,
            "now": record,
            "versions": records.revisions(db, number),
            "tab": "evidence",
            "fields": [(one, list(zip(one.candidates, one.won, strict=True))) for one in spoken],
            "silent": [one.field for one in why if one not in spoken],
            "readers": readers,
        },
        data,
    )


# The citation of an article as a file for a reference manager.

_FILES = {
    "bibtex": ("bib", "application/x-bibtex"),
    "ris": ("ris", "application/x-research-info-systems"),
    "csl-json": ("json", "application/vnd.citationstyles.csl+json"),
}


def cite_page(asked: PageRequest) -> RawResponse:
    number, revision, style = article_of(asked), version_of(asked, "revision"), asked.named["style"]
    if style not in STYLES:
        raise CannotAnswer(f"cite as {style}", f"a citation has one of the styles {', '.join(STYLES)}")
    record = (
        records.record(asked.db, number) if revision is None else records.revision_record(asked.db, number, revision)
    )
    ending, kind = _FILES[style]
    return RawResponse(
        STYLES[style]([cited(record, version=revision is not None)]),
        f"{kind}; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="article-{number}.{ending}"'},
    )


# The lead image of an article, from its capture.


def image_page(asked: PageRequest) -> RawResponse:
    number = article_of(asked)
    found = captured_lead_image(asked.db, number)
    if found is None:
        raise NotCaptured(str(number), f"No image of article {number} is known of.")
    if found["capture"] is None:
        raise NotCaptured(found["url"])
    capture = found["capture"]
    row = next(
        iter(
            asked.db.query(
                "select * from captures where warc_file = ? and warc_offset = ? and digest = ?",
                [capture["warc_file"], capture["warc_offset"], capture["digest"]],
            )
        )
    )
    return payload_response(stored_capture(asked.db, asked.folder, row))
