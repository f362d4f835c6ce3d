"""The web pages of an article: text and fields, evidence and citations.

The URL of an article may contain the search that led to it (the arguments of /search) and the number of the hit, from 1
(`hit`). The page then marks the searched words, and leads back to the results and on to the next hit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from html import escape
from typing import Any
from unicodedata import bidirectional

from markupsafe import Markup

from archiver.api import records
from archiver.api.captures import captured_lead_image
from archiver.api.citations import (
    CITATION_STYLE_NAMES,
    CITATION_STYLES,
    CitedArticle,
    build_citation,
    highwire_tags,
    reference_html,
    schema_org,
)
from archiver.api.pages import FieldExplanation, explain, explanations_as_data
from archiver.api.revisions import previous_revision
from archiver.api.search import (
    FREQUENT_ANYWHERE,
    Hit,
    Query,
    SearchTerm,
    highlight_line,
    highlight_terms,
    matching_ids,
    plan_query,
    run_query,
)
from archiver.api.texts import text_direction
from archiver.model.errors import (
    ArticleNotFound,
    BadQuery,
    IndexMissing,
    SiteNotFound,
)
from archiver.model.fields import FIELDS, LINKS
from archiver.model.items import Evidence
from archiver.web.article_map import build_map
from archiver.web.article_text import marked_text
from archiver.web.capture_pages import find_read_capture
from archiver.web.site_names import identify_sites, name_sites
from archiver.web.web_requests import (
    ArchiveRequest,
    CannotAnswer,
    PageResponse,
    RawResponse,
    find_requested_article,
    format_query,
    make_reading_link,
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
    now = records.record(db, number)
    shown = now if revision is None else records.revision_record(db, number, revision)
    revisions = records.revisions(db, number)
    image = captured_lead_image(db, number)
    like, why_none = _find_similar(request, number)
    trail = _find_trail(request, number)
    cited = name_sites(request, [build_citation(shown, version=revision is not None)])[0]
    copies = _find_copies(request, number, now)
    named = [*copies["same"], *copies["others"], *([copies["source"]] if copies["source"] else [])]
    sites = identify_sites(request, [shown["site"], *(one["site"] for one in named), *(hit.site for hit in like)])
    text, matches = marked_text(request, shown, trail["terms"])
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
            "sources": _find_sources(shown, records.evidence(db, number, revision)),
            "image": image if text.find("<img") < 0 else None,
            **find_read_capture(request, shown),
            **build_map(request, shown),
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


def _telling(rows: Sequence[SearchTerm]) -> tuple[SearchTerm, ...]:
    """Returns the search terms to mark: all except the words that nearly every text contains, or all terms if there are
    no other words.
    """
    telling = tuple(row for row in rows if len(row[0]) > 1 or row[1] or row[0][0] not in FREQUENT_ANYWHERE)
    return telling or tuple(rows)


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


def _has_own_summary(record: records.Record) -> bool:
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


def label_of(name: str) -> str:
    return _FIELD_LABELS.get(name, name.replace("_", " ").capitalize())


def _list_fields(record: dict[str, Any]) -> list[tuple[str, str, str, Any]]:
    """Returns the name, label, shape (form of the value, see `archiver.model.fields.Shape`) and value of each non-empty
    field that the page does not show elsewhere.
    """
    return [
        (f.name, label_of(f.name), f.shape, record[f.name])
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
    cluster = records.cluster_of(request.db, number)
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


VIEWS = {"": "In place", "sides": "Side by side", "changes": "Only changes"}
"""How a comparison can be shown: the value of the argument `show`, and its label."""


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
            "label_of": label_of,
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
        records.record(request.db, number)
        if revision is None
        else records.revision_record(request.db, number, revision)
    )
    ending, kind = _FILES.get(style, _TEXT)
    return RawResponse(
        CITATION_STYLES[style](name_sites(request, [build_citation(record, version=revision is not None)])),
        f"{kind}; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="article-{number}.{ending}"'},
    )
