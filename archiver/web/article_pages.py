"""The web pages of an article: text and fields, revisions, comparison, evidence, citations and lead image."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

from archiver.articles.word_diff import DiffOp, Piece
from archiver.errors import IndexMissing, NotCaptured
from archiver.extraction.explain import explain, explanations_as_data
from archiver.fields import FIELDS, LINKS
from archiver.items import Evidence
from archiver.markup.html_writer import to_html
from archiver.markup.marks import IMAGES, unpack_marks
from archiver.search.citations import STYLES, build_citation
from archiver.search.engine import Hit, run
from archiver.search.histograms_and_trends import bounding_view
from archiver.search.query import Query
from archiver.search.revision_diff import (
    diff_as_data,
    edited_fields_html,
    edited_texts,
    pieces_as_html,
    previous_revision,
    text_direction,
)
from archiver.storage.article_tables import article_records as records
from archiver.storage.article_tables.article_records import cluster_of
from archiver.storage.article_tables.captures_and_imports import captured_urls
from archiver.storage.requisites import captured_lead_image
from archiver.web.capture_pages import make_payload_response, read_capture
from archiver.web.replay import build_memento_url
from archiver.web.search_widgets import MapDot, map_canvas, map_position
from archiver.web.web_requests import (
    MANY,
    ArchiveRequest,
    CannotAnswer,
    PageResponse,
    RawResponse,
    find_requested_article,
    parse_offset,
    parse_revision,
)

_MAX_SIMILAR = 5
_MAX_COPIES = 8
_SHOWN_ELSEWHERE = frozenset(
    {
        "title",
        "body",
        "markup",
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
"""Fields that the page of an article shows in other places than its table of fields."""
_FILTERS = {link.table: link.word for link in LINKS}


def article_page(request: ArchiveRequest) -> PageResponse:
    """Returns the page of an article or of one of its revisions, with a map, copies and similar articles."""
    number, revision = find_requested_article(request), parse_revision(request, "revision")
    db = request.db
    now = records.record(db, number)
    shown = now if revision is None else records.revision_record(db, number, revision)
    revisions = records.revisions(db, number)
    image = captured_lead_image(db, number)
    like, why_none = _find_similar(request, number)
    return PageResponse(
        "article.html",
        {
            "article": shown,
            "now": now,
            "dir": text_direction(shown["language"], shown["title"] + shown["body"]),
            "text": _text_of(request, shown),
            "revision_row": next((v for v in revisions if v["revision"] == shown["revision"]), None),
            "revisions": revisions,
            "facts": _list_fields(shown),
            "filters": _FILTERS,
            "sources": _find_sources(shown, records.evidence(db, number, revision)),
            "image": image,
            **_build_places(request, shown),
            "copies": _find_copies(request, number, now),
            "like": like,
            "why_none_like": why_none,
            "reference": build_citation(shown, version=revision is not None),
            "styles": tuple(STYLES),
            "tab": "article",
        },
        shown,
    )


def _text_of(request: ArchiveRequest, record: records.Record) -> Markup:
    """Returns the text of a record as HTML. Images are loaded from their captures; an image without a capture becomes a
    link.
    """
    marks = unpack_marks(record["markup"], len(record["body"] or ""))
    capture = record["capture"]
    if capture is None:
        return Markup(to_html(record["body"] or "", marks, lambda url: ""))
    stamp = "".join(c for c in capture["captured_at"][:19] if c.isdigit())
    captured = captured_urls(request.db, [m.value for m in marks if m.kind in IMAGES])

    def source_of(url: str) -> str:
        return build_memento_url(request, f"web/{stamp}im_/", url) if url in captured else ""

    return Markup(to_html(record["body"] or "", marks, source_of))


def _build_places(request: ArchiveRequest, record: dict[str, Any]) -> dict[str, Any]:
    """Returns the places of an article for the template, and a map of the places that have coordinates (None if no
    place has).
    """
    places = [tag for tag in record["geotags"] if tag["latitude"] is not None]
    if not places:
        return {"places": [tag for tag in record["geotags"] if tag["placename"]], "map": None}
    box = bounding_view([(tag["latitude"], tag["longitude"]) for tag in places])
    view, shifts = map_canvas(box)
    dots = [
        MapDot(
            *map_position(box, tag["latitude"], tag["longitude"]),
            round(view[2] * 0.022, 1),
            tag["placename"] or f"{tag['latitude']}, {tag['longitude']}",
            request.link("/search", [("near", f"{tag['latitude']},{tag['longitude']}"), ("within", 50)]),
        )
        for tag in places
    ]
    return {"places": list(record["geotags"]), "map": {"view": view, "shifts": shifts, "dots": dots}}


def _list_fields(record: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Returns the name, shape (form of the value, see `archiver.fields.Shape`) and value of each non-empty field that
    the page does not show elsewhere.
    """
    return [(f.name, f.shape, record[f.name]) for f in FIELDS if f.name not in _SHOWN_ELSEWHERE and record[f.name]]


def _find_sources(record: dict[str, Any], evidence: Iterable[Evidence]) -> dict[str, str]:
    """Returns a dict from each field to the source of its value, such as the JSON-LD of the page; "" if none of the
    field's candidates was chosen.
    """
    return {
        one.field: next((c.source for c, won in zip(one.candidates, one.won, strict=True) if won), "")
        for one in explain(record, evidence)
        if one.candidates
    }


def _find_similar(request: ArchiveRequest, number: int) -> tuple[tuple[Hit, ...], str]:
    """Returns the articles on the same topic as an article, and "". If the search fails, returns () and the reason as a
    sentence.
    """
    try:
        return tuple(run(request.db, Query(like=number, limit=_MAX_SIMILAR)).hits), ""
    except IndexMissing as error:
        return (), str(error)


def _find_copies(request: ArchiveRequest, number: int, record: dict[str, Any]) -> dict[str, Any]:
    """Returns the articles with the same text as this article (`same`), and its cluster of near-duplicates. `source` is
    the member of the cluster from which the other members were copied; `own` is this article's entry in the cluster.
    """
    columns = "id, site, url, title, published, published_precision"
    original = record["duplicate_of"] or number
    same = list(
        request.db.query(
            f"select {columns} from articles where (id = ? or duplicate_of = ?) and id <> ? order by id limit ?",
            [original, original, number, _MAX_COPIES],
        )
    )
    total = request.db.execute(
        "select count(*) from articles where (id = ? or duplicate_of = ?) and id <> ?", [original, original, number]
    ).fetchone()[0]
    cluster = cluster_of(request.db, number)
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
        "others": [m for m in members if m["id"] != number][:_MAX_COPIES],
    }


# Revisions.


def revisions_page(request: ArchiveRequest) -> PageResponse:
    """Returns the page with an article's revisions and past headlines, 100 revisions per page. The JSON contains all of
    them.
    """
    number = find_requested_article(request)
    record, revisions = records.record(request.db, number), records.revisions(request.db, number)
    title_of = {one["revision"]: one["title"] for one in revisions}
    first = parse_offset(request)
    shown = revisions[::-1][first : first + MANY]
    titles = [
        (one, title_of.get(one["previous"]))
        for one in reversed(shown)
        if one["previous"] is None or "title" in one["changed"]
    ]

    def link(to: int) -> str:
        return request.link(f"/article/{number}/versions", [("offset", to or None)])

    return PageResponse(
        "versions.html",
        {
            "article": record,
            "now": record,
            "revisions": revisions,
            "shown": shown,
            "titles": titles,
            "tab": "versions",
            "first": first,
            "earlier": link(first + MANY) if revisions[first + MANY :] else "",
            "later": link(max(first - MANY, 0)) if first else "",
            "before": previous_revision(revisions, record["revision"]),
        },
        revisions,
    )


def diff_page(request: ArchiveRequest) -> PageResponse:
    """Returns the page that compares two revisions word by word, as `archiver diff --html` writes it."""
    number = find_requested_article(request)
    db = request.db
    now, revisions = records.record(db, number), records.revisions(db, number)
    after = records.revision_record(db, number, parse_revision(request, "to") or now["revision"])
    before = records.revision_record(
        db, number, parse_revision(request, "from") or previous_revision(revisions, after["revision"])
    )
    texts = edited_texts(before, after)
    pieces = {name: texts.get(name) or (Piece(DiffOp.EQUAL, after[name] or ""),) for name in ("title", "body")}
    return PageResponse(
        "diff.html",
        {
            "article": now,
            "now": now,
            "revisions": revisions,
            "tab": "versions",
            "before": before,
            "after": after,
            "dir": text_direction(after["language"], after["title"] + after["body"]),
            "seen": {v["revision"]: v["observed_at"] for v in revisions},
            # `marked` and `edited` escape their text.
            "title": Markup(pieces_as_html(pieces["title"])),
            "body": Markup(pieces_as_html(pieces["body"], paragraphs=True)),
            "fields": [(name, Markup(cell)) for name, cell in edited_fields_html(before, after)],
        },
        diff_as_data(before, after, revisions) | {"url": now["url"]},
    )


# Evidence.


def evidence_page(request: ArchiveRequest) -> PageResponse:
    """Returns the page that explains why each field of an article has its value: all candidates, which of them was
    chosen, and which version of the extractor chose it.
    """
    number, revision = find_requested_article(request), parse_revision(request, "revision")
    db = request.db
    record = records.record(db, number) if revision is None else records.revision_record(db, number, revision)
    why = explain(record, records.evidence(db, number, revision))
    readers = records.readers(db, number, revision)
    data = {
        **record,
        "image_capture": captured_lead_image(db, number),
        "evidence": {name: {**one, **readers.get(name, {})} for name, one in explanations_as_data(why).items()},
    }
    with_value = [one for one in why if one.chosen or one.candidates]
    return PageResponse(
        "evidence.html",
        {
            "article": record,
            "now": record,
            "revisions": records.revisions(db, number),
            "tab": "evidence",
            "fields": [(one, list(zip(one.candidates, one.won, strict=True))) for one in with_value],
            "empty": [one.field for one in why if one not in with_value],
            "readers": readers,
        },
        data,
    )


# Citations and the lead image.

_FILES = {
    "bibtex": ("bib", "application/x-bibtex"),
    "ris": ("ris", "application/x-research-info-systems"),
    "csl-json": ("json", "application/vnd.citationstyles.csl+json"),
}


def cite_page(request: ArchiveRequest) -> RawResponse:
    """Returns the citation of an article as a file for a reference manager."""
    number, revision, style = (
        find_requested_article(request),
        parse_revision(request, "revision"),
        request.named["style"],
    )
    if style not in STYLES:
        raise CannotAnswer(f"cite as {style}", f"the styles are {', '.join(STYLES)}")
    record = (
        records.record(request.db, number)
        if revision is None
        else records.revision_record(request.db, number, revision)
    )
    ending, kind = _FILES[style]
    return RawResponse(
        STYLES[style]([build_citation(record, version=revision is not None)]),
        f"{kind}; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="article-{number}.{ending}"'},
    )


def image_page(request: ArchiveRequest) -> RawResponse:
    """Returns the captured lead image of an article."""
    number = find_requested_article(request)
    found = captured_lead_image(request.db, number)
    if found is None:
        raise NotCaptured(str(number), f"Article {number} has no lead image.")
    if found["capture"] is None:
        raise NotCaptured(found["url"])
    capture = found["capture"]
    row = next(
        iter(
            request.db.query(
                "select * from captures where warc_file = ? and warc_offset = ? and digest = ?",
                [capture["warc_file"], capture["warc_offset"], capture["digest"]],
            )
        )
    )
    return make_payload_response(read_capture(request.db, request.folder, row))
