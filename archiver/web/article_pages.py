"""The web pages of an article: text and fields, versions, comparison, evidence, citations and lead image.

The URL of an article may contain the search that led to it (the arguments of /search) and the number of the hit, from 1
(`hit`). The page then marks the searched words, and leads back to the results and on to the next hit.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any
from unicodedata import bidirectional

from markupsafe import Markup

from archiver.articles.word_diff import DiffOp, Piece
from archiver.extraction.explanations import FieldExplanation, explain, explanations_as_data
from archiver.extraction.language import LANGUAGES
from archiver.markup.html_writer import to_html
from archiver.markup.text_marks import IMAGE_KINDS, unpack_marks
from archiver.model.errors import (
    ArticleNotFound,
    ArticleRemoved,
    BadQuery,
    CaptureUnreadable,
    IndexMissing,
    NotCaptured,
    SiteNotFound,
)
from archiver.model.fields import FIELDS, LINKS
from archiver.model.items import Evidence, Mark
from archiver.search.citations import (
    CITATION_STYLE_NAMES,
    CITATION_STYLES,
    CitedArticle,
    build_citation,
    highwire_tags,
    reference_html,
    schema_org,
)
from archiver.search.query import Query
from archiver.search.revision_diff_as_data_or_html import (
    diff_as_data,
    edited_fields_html,
    edited_texts,
    pieces_as_html,
    previous_revision,
    text_direction,
)
from archiver.search.search_hits import Hit, matching_ids, plan_query, run_query
from archiver.search.snippets import SearchTerm, find_occurrences, highlight_line, highlight_terms
from archiver.search.word_splitting import split_into_words
from archiver.storage import article_records
from archiver.storage.article_records import cluster_of
from archiver.storage.requisites import captured_lead_image
from archiver.web.capture_pages import make_payload_response, read_capture
from archiver.web.geo_grid import bounding_view
from archiver.web.mementos import captured_urls
from archiver.web.safe_replay import build_memento_url, format_timestamp
from archiver.web.search_charts import MapDot, map_canvas, map_position
from archiver.web.site_names import identify_sites, name_sites
from archiver.web.web_requests import (
    MANY,
    ArchiveRequest,
    CannotAnswer,
    PageResponse,
    RawResponse,
    find_requested_article,
    format_query,
    make_reading_link,
    parse_offset,
    parse_query,
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
    now = article_records.record(db, number)
    shown = now if revision is None else article_records.revision_record(db, number, revision)
    revisions = article_records.revisions(db, number)
    image = captured_lead_image(db, number)
    like, why_none = _find_similar(request, number)
    trail = _find_trail(request, number)
    cited = name_sites(request, [build_citation(shown, version=revision is not None)])[0]
    copies = _find_copies(request, number, now)
    named = [*copies["same"], *copies["others"], *([copies["source"]] if copies["source"] else [])]
    sites = identify_sites(request, [shown["site"], *(one["site"] for one in named), *(hit.site for hit in like)])
    text, matches = _text_of(request, shown, trail["terms"])
    title = shown["title"] or "(untitled)"
    return PageResponse(
        "article.html",
        {
            "article": shown,
            "now": now,
            "is_current": shown["revision"] == now["revision"],
            "dir": text_direction(shown["language"], shown["title"] + shown["body"]),
            "trail": trail,
            "site": sites[shown["site"]],
            "sites": sites,
            "title": highlight_line(title, trail["title_terms"]),
            "text": text,
            "matches": matches,
            "has_own_summary": _has_own_summary(shown),
            "minutes": _reading_minutes(shown["body"] or ""),
            "revision_row": next((v for v in revisions if v["revision"] == shown["revision"]), None),
            "revisions": revisions,
            "before": previous_revision(revisions, shown["revision"]) if len(revisions) > 1 else None,
            "facts": _list_fields(shown),
            "filters": _FILTERS,
            "sources": _find_sources(shown, article_records.evidence(db, number, revision)),
            "image": image if text.find("<img") < 0 else None,
            **_find_capture(request, shown),
            **_build_places(request, shown),
            "copies": copies,
            "like": like,
            "why_none_like": why_none,
            "citations": _write_citations(cited),
            "tags": highwire_tags(cited),
            "schema": schema_org(cited),
            "permalink": request.origin
            + request.link(f"/article/{number}", [("revision", shown["revision"] if revision is not None else None)]),
            "tab": "article",
        },
        shown,
    )


# The search that led to an article.


def _find_trail(request: ArchiveRequest, number: int) -> dict[str, Any]:
    """Returns the search that led to an article, from the arguments of its URL.

    - `back`: the URL of the page of results; "" without a search.
    - `position`, `total`: the number of this hit, and that of all hits; None if the article is not, or no longer, a
      hit.
    - `previous`, `next`: the URLs of the hits before and after this one; "" if there are none.
    - `terms`, `title_terms`: the search terms to mark in the text and in the title.
    - `args`: the search as URL arguments.
    """
    trail: dict[str, Any] = dict.fromkeys(("back", "previous", "next"), "") | {"position": None, "total": None}
    trail |= {"terms": (), "title_terms": (), "args": []}
    text = request.one("hit")
    if not (request.one("q") or text):
        return trail
    try:
        query = parse_query(request)
        plan = plan_query(request.db, query)
        at = int(text[:9]) - 1 if text.isascii() and text.isdigit() else -1
        around = replace(query, offset=max(at - 1, 0), limit=3 if at > 0 else 2)
        ids = list(matching_ids(request.db, around)) if at >= 0 else []
    except (BadQuery, SiteNotFound, ArticleNotFound, IndexMissing):
        return trail  # the article is readable without the search
    size = query.limit or 1
    page = replace(query, offset=max(at, 0) // size * size)
    trail |= {
        "back": request.link("/search", format_query(page)),
        "terms": _telling(highlight_terms(plan.node)),
        "title_terms": _telling(highlight_terms(plan.node, "title")),
        "args": format_query(replace(query, offset=0)),
        "total": plan.total,
    }
    here = 1 if at > 0 else 0
    if len(ids) > here and ids[here] == number:
        trail["position"] = at + 1
        if here:
            trail["previous"] = make_reading_link(request, query, ids[0], at)
        if len(ids) > here + 1:
            trail["next"] = make_reading_link(request, query, ids[here + 1], at + 2)
    return trail


_STOP_WORDS = frozenset(word for row in LANGUAGES for word in split_into_words(row.words))


def _telling(rows: Sequence[SearchTerm]) -> tuple[SearchTerm, ...]:
    """Returns the search terms to mark: all except the words that nearly every text contains, or all terms if there are
    no other words.
    """
    telling = tuple(row for row in rows if len(row[0]) > 1 or row[1] or row[0][0] not in _STOP_WORDS)
    return telling or tuple(rows)


_LINE_END = re.compile(r"[\t\n\r\x0b\x0c]")


def _mark_terms(body: str, marks: Sequence[Mark], rows: Sequence[SearchTerm]) -> tuple[Mark, ...]:
    """Returns the marks of a body together with marks of the kind "mark" on the search terms in it. A term that extends
    over the edge of another mark, or over a line end, is marked in several pieces.
    """
    if not rows:
        return tuple(marks)
    edges = {at for one in marks for at in (one.offset, one.end)}
    edges |= {at for line in _LINE_END.finditer(body) for at in line.span()}
    in_order = sorted(edges)
    found = find_occurrences(_LINE_END.sub(" ", body), rows)
    cuts = [cut for start, end, _ in found for cut in _cut(start, end, in_order)]
    pieces = (Mark(start, end - start, "mark") for start, end in cuts if body[start:end].strip())
    return tuple(sorted((*marks, *pieces), key=lambda one: one.offset))


def _cut(start: int, end: int, edges: Sequence[int]) -> Iterator[tuple[int, int]]:
    at = start
    for edge in edges[bisect_right(edges, start) :]:
        if edge >= end:
            break
        yield at, edge
        at = edge
    yield at, end


_SIGN = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_WORDS_A_MINUTE, _SIGNS_A_MINUTE = 230, 450
"""How fast people read silently, per minute: words, and characters of scripts without spaces between words."""


def _reading_minutes(body: str) -> int:
    """Returns about how many minutes a text takes to read, at least 1."""
    signs = len(_SIGN.findall(body))
    words = len(body.split()) if signs * 2 < len(body) else 0
    return max(1, round(words / _WORDS_A_MINUTE + signs / _SIGNS_A_MINUTE))


# The parts of the page.

_CUT_OFF = re.compile(r"[\s.…\[\]()]+$")


def _has_own_summary(record: article_records.Record) -> bool:
    """Returns True if an article has a summary that is more than a passage of its text."""
    summary = _CUT_OFF.sub("", " ".join((record["description"] or "").split()))
    return bool(summary) and summary not in " ".join((record["body"] or "").split())


def _write_citations(cited: CitedArticle) -> list[dict[str, Any]]:
    """Returns the citation in each style for the page: its name and label, its text to copy, and its text as HTML."""
    citations = []
    for style, label in CITATION_STYLE_NAMES.items():
        text = CITATION_STYLES[style]([cited]).strip()
        is_reference = style not in _FILES
        shown = Markup(_isolate(reference_html(style, cited), cited)) if is_reference else text
        citations.append({"style": style, "label": label, "text": text, "shown": shown, "is_reference": is_reference})
    return citations


def _isolate(html: str, cited: CitedArticle) -> str:
    """Returns a reference in which names and titles in right-to-left scripts are isolated (<bdi>), so that the
    punctuation after them stays in its place.
    """
    for text in dict.fromkeys((*cited.authors, cited.title, cited.site)):
        if text and any(bidirectional(letter) in ("R", "AL") for letter in text):
            html = html.replace(escape(text, quote=False), f"<bdi>{escape(text, quote=False)}</bdi>", 1)
    return html


def _find_capture(request: ArchiveRequest, record: article_records.Record) -> dict[str, Any]:
    """Returns, for the template, the capture from which an article was read: the URL that shows it (`view`), its row
    (`captured`), and what is wrong with it ("" if the stored record matches its checksum).
    """
    found = record["capture"]
    if found is None:
        return {"captured": None, "view": "", "wrong": ""}
    row = next(
        iter(
            request.db.query(
                "select * from captures where warc_file = ? and warc_offset = ?",
                [found["warc_file"], found["warc_offset"]],
            )
        ),
        None,
    )
    if row is None:
        return {"captured": None, "view": "", "wrong": ""}
    wrong = ""
    try:
        read_capture(request.db, request.folder, row)
    except CaptureUnreadable as error:
        wrong = str(error)
    except ArticleRemoved:
        return {"captured": None, "view": "", "wrong": ""}
    return {
        "captured": row,
        "view": build_memento_url(request, f"view/{format_timestamp(row)}/", row["url"]),
        "wrong": wrong,
    }


def _text_of(request: ArchiveRequest, record: article_records.Record, rows: Sequence[SearchTerm]) -> tuple[Markup, int]:
    """Returns the text of a record as HTML, in which the search terms (`rows`) are marked, and the number of marks. The
    mark at the beginning of the passage with the most different terms has the ID "match". Images are loaded from their
    captures; an image without a capture becomes a link.
    """
    body = record["body"] or ""
    own = unpack_marks(record["markup"], len(body))
    marks = _mark_terms(body, own, rows)
    html = to_html(body, marks, _image_source(request, record["capture"], own))
    before, *after = html.split("<mark>") if rows else [html]
    if after:
        best = min(sum(one.kind == "mark" and one.offset < _densest(body, rows) for one in marks), len(after) - 1)
        before += "".join(f"<mark>{part}" for part in after[:best]) + '<mark id="match">' + "<mark>".join(after[best:])
    return Markup(before), len(after)


_PASSAGE = 300
"""Terms that are at most this many characters apart are in one passage."""


def _densest(body: str, rows: Sequence[SearchTerm]) -> int:
    """Returns the start of the passage of a text with the most different search terms; if several have equally many, of
    the first one.
    """
    found = find_occurrences(_LINE_END.sub(" ", body), rows)
    starts = [start for start, _, _ in found]

    def terms_from(at: int) -> int:
        return len({found[n][2] for n in range(at, bisect_right(starts, starts[at] + _PASSAGE))})

    return starts[max(range(len(found)), key=terms_from, default=0)] if found else 0


def _image_source(
    request: ArchiveRequest, capture: dict[str, Any] | None, marks: Sequence[Mark]
) -> Callable[[str], str]:
    if capture is None:
        return lambda url: ""
    stamp = "".join(c for c in capture["captured_at"][:19] if c.isdigit())
    captured = captured_urls(request.db, [m.value for m in marks if m.kind in IMAGE_KINDS])
    return lambda url: build_memento_url(request, f"web/{stamp}im_/", url) if url in captured else ""


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


_FIELD_LABELS = {
    "url": "Address",
    "body": "Text",
    "canonical_url": "Canonical address",
    "geotags": "Places",
    "markup": "Links and images",
    "authors": "Authors",
    "published": "Published",
    "modified": "Last edited, according to the page",
    "first_seen": "First seen",
    "last_seen": "Last seen",
    "gone_at": "Gone since",
    "language": "Language",
    "categories": "Categories",
    "tags": "Tags",
    "credits": "Credited sources",
    "description": "Summary",
    "image": "Lead image",
    "access": "Access",
}
_SOURCE_LABELS = {
    "learned": "site rule",
    "hand": "rule written by hand",
    "signed": "byline",
    "byline": "byline",
    "head": "page header",
    "meta": "meta tag",
    "json-ld": "JSON-LD",
    "microdata": "microdata",
    "feed": "feed",
    "listing": "list of posts",
    "api": "the site's API",
    "address": "page address",
    "platform": "the site's software",
    "class": "page layout",
    "density": "page layout",
    "shown": "date on the page",
    "text": "text",
    "link": "link",
    "breadcrumb": "breadcrumbs",
    "utf-8": "bytes of the page",
}


_CERTAINTIES = ((0.8, "sure"), (0.6, "likely"), (0.0, "uncertain"))
"""The words for a confidence, each with the least confidence for which it is used."""


def _describe_confidence(confidence: float) -> str:
    return next((word for least, word in _CERTAINTIES if confidence >= least), "uncertain")


def _source_of(name: str) -> str:
    return _SOURCE_LABELS.get(name, name)


def _name_sources(why: str) -> str:
    """Returns an explanation with the names of sources that readers see, and with a capital letter."""
    words = re.sub(
        r"\bfrom ([\w-]+)(?= (?:and more|include))", lambda m: f"from the {_source_of(m[1]).removeprefix('the ')}", why
    )
    return words[:1].upper() + words[1:]


def _label_of(name: str) -> str:
    return _FIELD_LABELS.get(name, name.replace("_", " ").capitalize())


def _list_fields(record: dict[str, Any]) -> list[tuple[str, str, str, Any]]:
    """Returns the name, label, shape (form of the value, see `archiver.model.fields.Shape`) and value of each non-empty
    field that the page does not show elsewhere.
    """
    return [
        (f.name, _label_of(f.name), f.shape, record[f.name])
        for f in FIELDS
        if f.name not in _SHOWN_ELSEWHERE and record[f.name]
    ]


def _find_sources(record: dict[str, Any], evidence: Iterable[Evidence]) -> dict[str, str]:
    """Maps each field to a phrase with the source of its value, and the number of sources that agree."""
    return {one.field: _describe_source(one) for one in explain(record, evidence) if one.candidates}


def _describe_source(one: FieldExplanation) -> str:
    winner = next((c for c, won in zip(one.candidates, one.won, strict=True) if won), None)
    if winner is None:
        return "several sources"
    agreeing = sum(c.value == winner.value for c in one.candidates)
    count = f" ({agreeing} of {len(one.candidates)} sources agree)" if len(one.candidates) > 1 else ""
    return _source_of(winner.source) + count


def _find_similar(request: ArchiveRequest, number: int) -> tuple[tuple[Hit, ...], str]:
    """Returns the articles on the same topic as an article, and "". If the search fails, returns () and the reason as a
    sentence.
    """
    try:
        return tuple(run_query(request.db, Query(like=number, limit=_MAX_SIMILAR)).hits), ""
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
        "others": [m for m in members if m["id"] not in {number, *(one["id"] for one in same)}][:_MAX_COPIES],
    }


# Revisions.


def revisions_page(request: ArchiveRequest) -> PageResponse:
    """Returns the page with an article's revisions and past headlines, 100 revisions per page. The JSON contains all of
    them.
    """
    number = find_requested_article(request)
    record, revisions = article_records.record(request.db, number), article_records.revisions(request.db, number)
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
            "label_of": _label_of,
            "tab": "versions",
            "first": first,
            "earlier": link(first + MANY) if revisions[first + MANY :] else "",
            "later": link(max(first - MANY, 0)) if first else "",
            "before": previous_revision(revisions, record["revision"]),
        },
        revisions,
    )


VIEWS = {"": "In place", "sides": "Side by side", "changes": "Only changes"}
"""How a comparison can be shown: the value of the argument `show`, and its label."""


def diff_page(request: ArchiveRequest) -> PageResponse:
    """Returns the page that compares two versions word by word: in place as `archiver diff --html` does, side by side,
    or only the paragraphs that changed (argument `show`).
    """
    number = find_requested_article(request)
    db = request.db
    show = request.one("show")
    if show not in VIEWS:
        raise CannotAnswer(f"show={show}", f"the views are {', '.join(filter(None, VIEWS))}")
    now, revisions = article_records.record(db, number), article_records.revisions(db, number)
    after = article_records.revision_record(db, number, parse_revision(request, "to") or now["revision"])
    before = article_records.revision_record(
        db, number, parse_revision(request, "from") or previous_revision(revisions, after["revision"])
    )
    texts = edited_texts(before, after)
    pieces = {name: texts.get(name) or (Piece(DiffOp.EQUAL, after[name] or ""),) for name in ("title", "body")}
    rows = _list_rows(paragraph_rows(pieces["body"]))
    args = [("from", before["revision"]), ("to", after["revision"])]

    def link(view: str) -> str:
        return request.link(f"/article/{number}/diff", [*args, ("show", view)])

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
            "show": show,
            "views": [(view, label, link(view)) for view, label in VIEWS.items()],
            # `pieces_as_html` and `edited_fields_html` escape their text.
            "titles": _both_sides(DiffRow(pieces["title"])) | {"html": Markup(pieces_as_html(pieces["title"]))},
            "rows": rows,
            "changes": sum(row["is_changed"] for row in rows),
            "fields": [(_label_of(name), Markup(cell)) for name, cell in edited_fields_html(before, after)],
            "neighbours": _neighbouring_diffs(request, number, revisions, before["revision"], after["revision"]),
        },
        diff_as_data(before, after, revisions) | {"url": now["url"]},
    )


def _list_rows(rows: Iterable[DiffRow]) -> list[dict[str, Any]]:
    """Returns the rows of a comparison for the template. Changed rows are numbered from 1 (`change`). The first row of
    a stretch of unchanged rows contains their number (`skipped`).
    """
    listed: list[dict[str, Any]] = []
    changes = 0
    for row in rows:
        changes += row.is_changed
        html = Markup(pieces_as_html(row.pieces, paragraphs=True))
        shown = {"is_changed": row.is_changed, "change": changes, "html": html, "skipped": 0, **_both_sides(row)}
        if not row.is_changed and listed and not listed[-1]["is_changed"]:
            start = next(n for n in range(len(listed) - 1, -1, -1) if listed[n]["skipped"])
            listed[start]["skipped"] += 1
        elif not row.is_changed:
            shown["skipped"] = 1
        listed.append(shown)
    return listed


def _both_sides(row: DiffRow) -> dict[str, Markup]:
    """Returns both sides of a row of a comparison as HTML: the old text (`old`) and the new text (`new`)."""
    return {
        name: Markup(pieces_as_html(row.side(op), paragraphs=True))
        for name, op in (("old", DiffOp.DELETE), ("new", DiffOp.INSERT))
    }


def _neighbouring_diffs(
    request: ArchiveRequest, number: int, revisions: Sequence[article_records.Record], before: int, after: int
) -> dict[str, str]:
    """Returns the URLs of the neighbouring comparisons: of the version `before` with its predecessor (`earlier`), and
    of the version `after` with its successor (`later`); "" if there is none.
    """

    def link(of: article_records.Record | None) -> str:
        args = [("from", of["previous"]), ("to", of["revision"]), ("show", request.one("show"))] if of else []
        return request.link(f"/article/{number}/diff", args) if args else ""

    return {
        "earlier": link(next((v for v in revisions if v["revision"] == before and v["previous"]), None)),
        "later": link(next((v for v in revisions if v["previous"] == after), None)),
    }


# Evidence.


def evidence_page(request: ArchiveRequest) -> PageResponse:
    """Returns the page that explains why each field of an article has its value: all candidates, which of them was
    chosen, and which version of the extractor chose it.
    """
    number, revision = find_requested_article(request), parse_revision(request, "revision")
    db = request.db
    record = (
        article_records.record(db, number)
        if revision is None
        else article_records.revision_record(db, number, revision)
    )
    why = explain(record, article_records.evidence(db, number, revision))
    readers = article_records.readers(db, number, revision)
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
            "revisions": article_records.revisions(db, number),
            "tab": "evidence",
            "fields": [(one, list(zip(one.candidates, one.won, strict=True))) for one in with_value],
            "empty": [one.field for one in why if one not in with_value],
            "readers": readers,
            "label_of": _label_of,
            "source_of": _source_of,
            "name_sources": _name_sources,
            "certainty_of": _describe_confidence,
        },
        data,
    )


# Citations and the lead image.

_FILES = {
    "bibtex": ("bib", "application/x-bibtex"),
    "ris": ("ris", "application/x-research-info-systems"),
    "csl-json": ("json", "application/vnd.citationstyles.csl+json"),
}
_TEXT = "txt", "text/plain"


def cite_page(request: ArchiveRequest) -> RawResponse:
    """Returns the citation of an article as a file for a reference manager."""
    number, revision, style = (
        find_requested_article(request),
        parse_revision(request, "revision"),
        request.named["style"],
    )
    if style not in CITATION_STYLES:
        raise CannotAnswer(f"cite as {style}", f"the styles are {', '.join(CITATION_STYLES)}")
    record = (
        article_records.record(request.db, number)
        if revision is None
        else article_records.revision_record(request.db, number, revision)
    )
    ending, kind = _FILES.get(style, _TEXT)
    return RawResponse(
        CITATION_STYLES[style](name_sites(request, [build_citation(record, version=revision is not None)])),
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


@dataclass(frozen=True, slots=True)
class DiffRow:
    """Paragraphs of a comparison that stand side by side: the pieces of the old and the new text, up to the next blank
    line that both texts have.
    """

    pieces: tuple[Piece, ...]

    @property
    def is_changed(self) -> bool:
        return any(piece.op is not DiffOp.EQUAL for piece in self.pieces)

    def side(self, op: DiffOp) -> tuple[Piece, ...]:
        """Returns the pieces of one text: the old one for DELETE, the new one for INSERT."""
        return tuple(piece for piece in self.pieces if piece.op in (DiffOp.EQUAL, op))


def paragraph_rows(pieces: Iterable[Piece]) -> list[DiffRow]:
    """Divides a comparison at each blank line that both texts have."""
    rows, row = [], list[Piece]()
    for piece in pieces:
        first, *rest = piece.text.split("\n\n") if piece.op is DiffOp.EQUAL else [piece.text]
        row.append(Piece(piece.op, first))
        for part in rest:
            rows.append(DiffRow(tuple(one for one in row if one.text)))
            row = [Piece(piece.op, part)]
    rows.append(DiffRow(tuple(one for one in row if one.text)))
    return [row for row in rows if row.pieces]
