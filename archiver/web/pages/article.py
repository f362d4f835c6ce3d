"""One article, to be read: its text, every field and where it comes from, its copies, its places, what is like it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archiver.errors import IndexMissing
from archiver.extraction.explain import explain
from archiver.fields import FIELDS, LINKS
from archiver.items import Evidence
from archiver.search.citations import STYLES, cited
from archiver.search.comparison import direction
from archiver.search.filters import Query
from archiver.search.run import Hit, run
from archiver.search.spots import view_of
from archiver.store import records
from archiver.store.clustered import cluster_of
from archiver.store.requisite_reports import lead_image
from archiver.web.answer import Answer, Asked
from archiver.web.mapped import Dot, canvas, position
from archiver.web.named import article_of, version_of
from archiver.web.reading import blocks

_LIKE = 5
_COPIES = 8
_APART = frozenset({"title", "body", "id", "url", "aliases", "geotags", "duplicate_of", "cluster_id", "capture",
                    "revision", "published_precision"})
"""Fields that have a place of their own on the page."""
_FILTERS = {link.table: link.word for link in LINKS}


def page(asked: Asked) -> Answer:
    number, revision = article_of(asked), version_of(asked, "revision")
    db = asked.db
    now = records.record(db, number)
    shown = now if revision is None else records.revision_record(db, number, revision)
    versions = records.revisions(db, number)
    image = lead_image(db, number)
    like, why_none = _like(asked, number)
    return Answer("article.html", {
        "article": shown, "now": now, "dir": direction(shown["language"], shown["title"] + shown["body"]),
        "blocks": blocks(shown["body"]), "version": next((v for v in versions if v["revision"] == shown["revision"]),
                                                         None),
        "versions": versions, "facts": _facts(shown), "filters": _FILTERS,
        "sources": _sources(shown, records.evidence(db, number, revision)), "image": image,
        **_places(asked, shown),
        "copies": _copies(asked, number, now), "like": like, "why_none_like": why_none,
        "reference": cited(shown, version=revision is not None), "styles": tuple(STYLES), "tab": "article",
    }, shown)


def _places(asked: Asked, record: dict[str, Any]) -> dict[str, Any]:
    """The places of an article, and a map of those that have a position."""
    places = [tag for tag in record["geotags"] if tag["latitude"] is not None]
    if not places:
        return {"places": [tag for tag in record["geotags"] if tag["placename"]], "map": None}
    box = view_of([(tag["latitude"], tag["longitude"]) for tag in places])
    view, shifts = canvas(box)
    dots = [Dot(*position(box, tag["latitude"], tag["longitude"]), round(view[2] * 0.022, 1),
                tag["placename"] or f"{tag['latitude']}, {tag['longitude']}",
                asked.link("/search", [("near", f"{tag['latitude']},{tag['longitude']}"), ("within", 50)]))
            for tag in places]
    return {"places": list(record["geotags"]), "map": {"view": view, "shifts": shifts, "dots": dots}}


def _facts(record: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Name, shape and value of each field that says something and stands nowhere else on the page."""
    return [(f.name, f.shape, record[f.name]) for f in FIELDS if f.name not in _APART and record[f.name]]


def _sources(record: dict[str, Any], evidence: Iterable[Evidence]) -> dict[str, str]:
    """By field the source that its value was taken from, "" where no single one gave it."""
    return {one.field: next((c.source for c, won in zip(one.candidates, one.won, strict=True) if won), "")
            for one in explain(record, evidence) if one.candidates}


def _like(asked: Asked, number: int) -> tuple[tuple[Hit, ...], str]:
    """What is about the same thing; or why that cannot be told."""
    try:
        return tuple(run(asked.db, Query(like=number, limit=_LIKE)).hits), ""
    except IndexMissing as error:
        return (), str(error)


def _copies(asked: Asked, number: int, record: dict[str, Any]) -> dict[str, Any]:
    """Other addresses and articles with the same or nearly the same text: `same`, and what its cluster makes of it.

    `source` is the member that the others are copies of, `own` what this article is in the cluster.
    """
    columns = "id, site, url, title, published, published_precision"
    original = record["duplicate_of"] or number
    same = list(asked.db.query(
        f"select {columns} from articles where (id = ? or duplicate_of = ?) and id <> ? order by id limit ?",
        [original, original, number, _COPIES]))
    total = asked.db.execute("select count(*) from articles where (id = ? or duplicate_of = ?) and id <> ?",
                             [original, original, number]).fetchone()[0]
    cluster = cluster_of(asked.db, number)
    members = cluster["members"] if cluster else []
    own = next((m for m in members if m["id"] == number), None)
    return {"same": same, "same_total": total, "original": record["duplicate_of"], "cluster": cluster, "own": own,
            "source": members[0] if members else None,
            "near": next((m for m in members if own and m["id"] == own["near"]), None),
            "others": [m for m in members if m["id"] != number][:_COPIES]}
