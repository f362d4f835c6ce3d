"""Parsing a fetched page: response bytes to a `Visit`, without network, clock or archive.

Each kind of document has its function; `parse_page` picks by status and by what the bytes are, not by what the address
or the content type promise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urljoin, urlsplit

from archiver.discovery import cdx, feeds, page_requisites, sitemaps, wordpress_api
from archiver.discovery import links as link_reader
from archiver.discovery.soft404 import SoftNotFoundProfile, fingerprint_of, wall_of
from archiver.discovery.url_classifier import series_of
from archiver.extraction.article import extract_page
from archiver.extraction.page import Page
from archiver.extraction.page import parse_page as parse_html
from archiver.extraction.pagination import MOST_PARTS, part_urls
from archiver.items import Article, DiscoveredURL, DiscoverySource, Outcome, PageKind, PageResult, SourceHint
from archiver.politeness.throttle import BUSY
from archiver.politeness.usage_statements import statements_of_page
from archiver.spiders.page_request import MOST_REDIRECTS, FetchedPage, PageRequest, ParsedPage
from archiver.storage.article_tables.article_parts import CLAIM, part_reason
from archiver.urls import Scope, normalize, urlkey

# Parsing the documents that list pages: feeds, sitemaps, the WordPress API, the list of a web archive.

_MORE = "; it has more than is read of one document"
_MOST_ANSWERS = 50  # of one list of a web archive
# Clocks differ, and some servers take a zone-less time for their own: what comes twice is known and costs nothing.
_CLOCK_MARGIN = timedelta(days=1)


def feed_read(fetched: FetchedPage, visit: PageResult, request: PageRequest) -> ParsedPage:
    parsed = feeds.parse_feed(fetched.body, fetched.url)
    targets = tuple(replace(t, found_on=request.url) for t in parsed.targets)
    visit = replace(
        visit,
        final_url=request.url if request.number > 1 else visit.final_url,
        kind=PageKind.FEED,
        outcome=Outcome.NOT_ARTICLE,
        rule=f"feed {parsed.kind}",
        targets=targets,
        reason=f"a feed of {len(targets)} posts{_MORE if parsed.is_cut else ''}",
    )
    if parsed.next_url and targets and not request.known and request.number < 10_000:
        onward = replace(request, number=request.number + 1)
        return ParsedPage(replace(visit, outcome=Outcome.DUE), follow=(parsed.next_url, onward), is_feed=True)
    return ParsedPage(visit, is_feed=True)


def sitemap_read(fetched: FetchedPage, visit: PageResult, request: PageRequest) -> ParsedPage | None:
    parsed = sitemaps.parse_sitemap(fetched.body, fetched.url)
    if not parsed.is_sitemap:
        return None
    targets = tuple(replace(t, found_on=request.url) for t in (*parsed.children, *parsed.targets))
    kind = sitemaps.kind_of_sitemap(fetched.url)
    rule = f"sitemap of {kind}" if kind in (PageKind.LISTING, PageKind.PAGE) else "sitemap"
    reason = f"a sitemap of {len(parsed.targets)} pages and {len(parsed.children)} sitemaps"
    reason += _MORE if parsed.is_cut else ""
    return ParsedPage(
        replace(visit, kind=PageKind.SITEMAP, outcome=Outcome.NOT_ARTICLE, rule=rule, reason=reason, targets=targets),
        is_sitemap=True,
    )


def api_read(fetched: FetchedPage, visit: PageResult, request: PageRequest) -> ParsedPage:
    """A page of the WordPress API. `request.url` is its root; `wordpress_api` makes the addresses that are asked."""
    page = wordpress_api.parse_posts(fetched.body, fetched.headers, fetched.url)
    visit = replace(visit, final_url=request.url, rule=f"api {request.step}")
    if page.error and not page.past_end:
        return ParsedPage(replace(visit, outcome=Outcome.REFUSED, reason=f"the API gives no posts: {page.error}"))
    # The list of numbers says of a post that it is there and when it changed, nothing else.
    targets = tuple(
        replace(t, found_on=request.url, lead=None if request.step == "ids" else t.lead) for t in page.targets
    )
    visit = replace(visit, targets=targets, outcome=Outcome.NOT_ARTICLE, reason=f"the API counts {page.total} posts")
    more = bool(targets) and request.number < (page.total_pages or 1)
    if more and request.step == "ids" and page.total == request.alive:
        return ParsedPage(replace(visit, rule="api count"))
    if more:
        onward = replace(request, number=request.number + 1)
        return ParsedPage(replace(visit, outcome=Outcome.DUE), follow=(api_address(onward), onward))
    if request.step == "changes":
        onward = replace(request, step="ids", number=1)
        return ParsedPage(replace(visit, outcome=Outcome.DUE), follow=(api_address(onward), onward))
    return ParsedPage(visit)


def api_address(request: PageRequest) -> str:
    """The address that this step of reading the API asks for."""
    if request.step == "ids":
        return wordpress_api.ids_url(request.url, request.number)
    since = request.fetched_at - _CLOCK_MARGIN if request.step == "changes" and request.fetched_at else None
    return wordpress_api.posts_url(request.url, request.number, since)


def cdx_read(
    fetched: FetchedPage,
    visit: PageResult,
    request: PageRequest,
    scope: Scope,
    is_news: Callable[[DiscoveredURL], bool],
) -> ParsedPage:
    """A response of a web archive's CDX server. `request.url` asks for the first one; others follow by resume key.

    Its validators are kept only where one response is all: that the first is unchanged says nothing of the others.
    """
    visit = replace(visit, final_url=request.url, kind=PageKind.CDX, rule="cdx", same_validator=False)
    page = cdx.parse_cdx(fetched.body)
    if page.error:
        return ParsedPage(replace(visit, rule="no-cdx", reason=f"its answer is no list of captures: {page.error}"))
    found = cdx.cdx_candidates(page.entries, scope, request.url, fetched.at.year + 1)
    news = tuple(t for t in found.targets if is_news(t))
    seen = request.captures + len(page.entries)
    visit = replace(visit, targets=news, outcome=Outcome.NOT_ARTICLE, reason=f"a web archive's list of {seen} captures")
    following = cdx.resumed(request.url, page.resume_key) if page.resume_key and page.entries else ""
    if request.number > 1 or following:
        visit = replace(visit, etag="", last_modified="")
    if following and following != fetched.url and request.number < _MOST_ANSWERS:
        onward = replace(request, number=request.number + 1, captures=seen)
        return ParsedPage(replace(visit, outcome=Outcome.DUE), follow=(following, onward))
    is_cut = page.is_cut or bool(following) or len(page.entries) >= cdx.limit_of(request.url)
    return ParsedPage(replace(visit, reason=visit.reason + (_MORE if is_cut else "")))


SOFT_404 = "soft-404"
REDIRECTS = frozenset({301, 302, 303, 307, 308})
# The kind of a row, as far as it says something of the page there.
_KNOWN_KINDS = {k: k for k in (PageKind.POST, PageKind.PAGE, PageKind.LISTING)} | {PageKind.PART: PageKind.POST}
_MAX_HOPS = 5
_HTML_START = (b"<!doctype html", b"<html", b"<head", b"<body", b"<!--", b"<div", b"<article", b"<meta", b"<title")


ReadPage = Callable[[Page, SourceHint | None, PageKind, str], Article]
"""How a page becomes an article: page, lead, what its source calls it, the post it is a further page of."""


def as_any_site(page: Page, lead: SourceHint | None, known: PageKind, part_of: str) -> Article:
    """Reads a page without knowing its site's template."""
    return extract_page(page, lead, known, posts_only=True, part_of=part_of)


@dataclass(frozen=True, slots=True)
class SiteContext:
    """What is known of the site whose page is parsed.

    `is_news` says whether a link is worth reporting: a site's menu is on each of its pages. `nowhere` is what the site
    answers for an address that does not exist. `with_requisites`: what a post's page needs to be shown is listed, too.
    """

    scope: Scope
    is_news: Callable[[DiscoveredURL], bool] = lambda target: True
    read_page: ReadPage = as_any_site
    nowhere: SoftNotFoundProfile | None = None
    with_requisites: bool = False


def parse_page(fetched: FetchedPage, request: PageRequest, site: SiteContext) -> ParsedPage:
    """What a response means. Never raises for anything a server can send."""
    visit = PageResult(
        url=request.url,
        final_url=fetched.url,
        at=fetched.at,
        outcome=Outcome.FAILED,
        kind=request.kind,
        status=fetched.status,
        etag=fetched.validator("etag"),
        last_modified=fetched.validator("last-modified"),
        capture=fetched.capture,
        same_validator=_same_validator(fetched, request),
        rights=fetched.rights,
    )
    if fetched.status == 304:
        return ParsedPage(
            replace(
                visit,
                final_url=request.url,
                outcome=Outcome.UNCHANGED,
                rule="http-304",
                reason="the server says it is unchanged",
            )
        )
    if fetched.status in REDIRECTS:
        location = fetched.headers.get("location", "")
        return _redirect(location, visit, request, site, f"http-{fetched.status}")
    if fetched.status != 200:
        return _refusal(visit, request)
    return _source(fetched, visit, request, site) or _document(fetched, visit, request, site)


def _source(fetched: FetchedPage, visit: PageResult, request: PageRequest, site: SiteContext) -> ParsedPage | None:
    """A document that lists pages: by what was requested, or by what its bytes are."""
    if request.kind is PageKind.CDX:
        return cdx_read(fetched, visit, request, site.scope, site.is_news)
    if request.kind is PageKind.API:
        return api_read(fetched, visit, request)
    if request.kind is PageKind.SITEMAP or sitemaps.looks_like_sitemap(fetched.body):
        parsed = sitemap_read(fetched, visit, request)
        if parsed:
            return parsed
    return feed_read(fetched, visit, request) if feeds.looks_like_feed(fetched.body) else None


def _document(fetched: FetchedPage, visit: PageResult, request: PageRequest, site: SiteContext) -> ParsedPage:
    if not _is_html(fetched):
        what = fetched.content_type.split(";")[0] or "of no stated type"
        return ParsedPage(
            replace(
                visit,
                outcome=Outcome.NOT_ARTICLE,
                kind=PageKind.OTHER,
                rule="not-html",
                reason=f"it is no HTML page ({what})",
            )
        )
    page = parse_html(fetched.body, fetched.url, fetched.content_type, fetched.at)
    if page.root is not None:
        visit = replace(visit, rights=(*visit.rights, *statements_of_page(page.root, fetched.url)))
    links = _links(page, fetched, site.scope)
    if nothing := shows_nothing(page, visit, request, site.nowhere):
        declared = (*links.feeds, *links.sitemaps) if links and request.is_seed else ()
        return ParsedPage(replace(nothing, targets=declared))
    if links and links.refresh:
        target = normalize(links.refresh)
        if target and urlkey(target) != request.urlkey:
            return _redirect(target, visit, request, site, "meta-refresh")
    return _article_page(page, links, visit, request, site)


def _article_page(
    page: Page, links: link_reader.PageLinks | None, visit: PageResult, request: PageRequest, site: SiteContext
) -> ParsedPage:
    """A page of the site that shows something of its own: a post, or what else it is and leads to."""
    known_kind = PageKind.UNKNOWN if request.judged else _KNOWN_KINDS.get(request.kind, PageKind.UNKNOWN)
    needs = (
        page_requisites.requisites_of_page(page.root, visit.final_url)
        if site.with_requisites and page.root is not None
        else ()
    )
    article = site.read_page(page, request.lead, known_kind, request.part_of)
    is_post = article.kind is PageKind.POST
    if request.is_seed and is_post and site.scope.path == "/":
        article, is_post = replace(article, kind=PageKind.LISTING, kind_rule="the home page"), False
    visit = replace(
        visit,
        kind=article.kind,
        rule=article.kind_rule,
        targets=_targets(links, article, visit, request, site),
        requisites=needs if is_post else (),
        shown=shown(links, page),
        next_pages=tuple(t.url for t in links.next_pages) if links and not is_post else (),
    )
    is_claim = (
        is_post and article.part_of and request.kind is not PageKind.PART and site.scope.contains(article.part_of)
    )
    judged = _claim(visit, article) if is_claim else _judged(visit, article, request)
    return ParsedPage(judged, platform=article.platform)


def _targets(
    links: link_reader.PageLinks | None, article: Article, visit: PageResult, request: PageRequest, site: SiteContext
) -> tuple[DiscoveredURL, ...]:
    if not links:
        return ()
    api: tuple[DiscoveredURL, ...] = ()
    if links.api and request.is_seed:
        api = (DiscoveredURL(links.api, DiscoverySource.LINK, PageKind.API, found_on=visit.final_url),)
    return (
        *api,
        *(
            t
            for t in (*links.all, *links.traps)
            if site.is_news(t) and _wanted(t, article.kind, site.scope) and not _comes_with(article, t)
        ),
    )


def _judged(visit: PageResult, article: Article, request: PageRequest) -> PageResult:
    if article.kind is PageKind.POST:
        return replace(visit, outcome=Outcome.ARCHIVED, article=article)
    if article.kind_rule == "password":
        return replace(visit, outcome=Outcome.REFUSED, kind=request.kind, reason="it can only be read with a password")
    if article.kind_rule == "not-found":
        return replace(visit, outcome=Outcome.GONE, kind=request.kind, reason="it says that it does not exist")
    return replace(visit, outcome=Outcome.NOT_ARTICLE, reason=f"it is no post: {article.kind_rule}")


def _same_validator(fetched: FetchedPage, request: PageRequest) -> bool:
    """Whether a page sent whole still has the validator that is stored of it: its server says that it is unchanged."""
    if fetched.status != 200 or fetched.url != request.url:
        return False
    if request.etag:
        return fetched.headers.get("etag", "") == request.etag
    return bool(request.last_modified) and fetched.headers.get("last-modified", "") == request.last_modified


def _redirect(location: str, visit: PageResult, request: PageRequest, site: SiteContext, rule: str) -> ParsedPage:
    target = normalize(urljoin(visit.final_url, location)) if location else None
    if target is None:
        return ParsedPage(replace(visit, reason=f"it redirects to no usable address ({location[:100]!r})", rule=rule))
    if urlkey(target) == request.urlkey:
        if request.hops >= _MAX_HOPS or target == visit.final_url:
            return ParsedPage(replace(visit, reason="it redirects in a circle", rule="redirect-loop"))
        return ParsedPage(replace(visit, outcome=Outcome.DUE), follow=(target, replace(request, hops=request.hops + 1)))
    if refused := _refused_redirect(target, visit, request, site, rule):
        return ParsedPage(refused)
    source = DiscoverySource.SEED if request.is_seed else DiscoverySource.REDIRECT
    kind = PageKind.UNKNOWN if request.kind is PageKind.PART else request.kind
    onward = DiscoveredURL(target, source, kind, found_on=request.url, lead=request.lead)
    return ParsedPage(
        replace(
            visit,
            final_url=target,
            outcome=Outcome.DUPLICATE,
            reason=f"it redirects to {target}",
            rule=rule,
            targets=(onward,),
        )
    )


def _refused_redirect(
    target: str, visit: PageResult, request: PageRequest, site: SiteContext, rule: str
) -> PageResult | None:
    """The outcome of a redirect to another page that is not followed; None for one that is."""
    if len(request.redirected_from) >= MOST_REDIRECTS:
        reason = f"it redirects on after {MOST_REDIRECTS} redirects: it may have no end"
        return replace(visit, reason=reason, rule="redirect-loop")
    if request.kind is PageKind.CDX:
        return replace(visit, rule=rule, reason=f"it redirects to {target}: set cdx to that address")
    if not site.scope.contains(target) and request.kind not in (PageKind.FEED, PageKind.SITEMAP):
        return replace(visit, outcome=Outcome.OUT_OF_SCOPE, reason=f"it redirects to {target}", rule=rule)
    if request.is_seed:
        return None
    if site.nowhere is not None and site.nowhere.leads_to(target):
        return replace(
            visit, outcome=Outcome.GONE, rule=SOFT_404, reason=f"it redirects to {target}: {site.nowhere.reason}"
        )
    if request.kind is PageKind.POST and urlkey(target) == urlkey(f"http://{site.scope.host}{site.scope.path}"):
        return replace(
            visit,
            outcome=Outcome.GONE,
            rule=SOFT_404,
            reason="it was told to be a post, and redirects to the home page",
        )
    return None


def _refusal(visit: PageResult, request: PageRequest) -> ParsedPage:
    status, rule = visit.status or 0, f"http-{visit.status}"
    if status in (404, 410) or (status == 400 and request.kind is PageKind.API):
        outcome, reason = Outcome.GONE, f"the server answers {status}"
    elif status in (401, 403, 407, 451):
        outcome, reason = Outcome.REFUSED, f"the server refuses it ({status})"
    elif status in BUSY:
        outcome, reason = Outcome.FAILED, f"the server is busy (it answers {status})"
    else:
        outcome, reason = Outcome.FAILED, f"the server answers {status}"
    return ParsedPage(replace(visit, outcome=outcome, reason=reason, rule=rule))


def nowhere_of(fetched: FetchedPage) -> SoftNotFoundProfile:
    """What a site answers for an address that does not exist, from its answer for one."""
    if fetched.status in REDIRECTS:
        target = normalize(urljoin(fetched.url, fetched.headers.get("location", "")))
        same = target is not None and urlkey(target) == urlkey(fetched.url)
        return SoftNotFoundProfile(fetched.url, fetched.status, urlkey(target) if target and not same else "")
    if fetched.status != 200 or not _is_html(fetched):
        return SoftNotFoundProfile(fetched.url, fetched.status)
    page = parse_html(fetched.body, fetched.url, fetched.content_type, fetched.at)
    return SoftNotFoundProfile(
        fetched.url, fetched.status, look=fingerprint_of(page.root, page.head_title, fetched.url)
    )


def shows_nothing(
    page: Page, visit: PageResult, request: PageRequest, nowhere: SoftNotFoundProfile | None
) -> PageResult | None:
    """The visit of a page that shows a wall, or what the site shows for any address; None for a page of its own."""
    wall = wall_of(page.root, page.head_title)
    if wall:
        return replace(
            visit, outcome=Outcome.REFUSED, kind=request.kind, rule=wall, reason=f"a {wall} stands before it"
        )
    if (
        not request.is_seed
        and nowhere is not None
        and nowhere.look is not None
        and nowhere.is_like(fingerprint_of(page.root, page.head_title, visit.final_url))
    ):
        return replace(visit, outcome=Outcome.GONE, kind=request.kind, rule=SOFT_404, reason=nowhere.reason)
    return None


def shown(links: link_reader.PageLinks | None, page: Page) -> str:
    """The digest of what a page of a listing links to and says, numbers aside; "" for a page of no listing.

    Links to the listing's other pages are left out.
    """
    series = series_of(page.url)
    if not series or links is None:
        return ""
    others = sorted({urlkey(t.url) for t in (*links.links, *links.next_pages) if series_of(t.url) != series})
    words = [word for word in fingerprint_of(page.root, "", page.url).words if not word.isdecimal()]
    return hashlib.blake2b("\n".join([*others, *words]).encode(), digest_size=12).hexdigest()


def _comes_with(article: Article, target: DiscoveredURL) -> bool:
    """Whether an address is a further page of the post that names it: those are read together with the post."""
    if not article.parts:
        return False
    own = (article.url, article.part_of, *article.parts, article.whole_at)
    keys = {urlkey(url) for url in own if url}
    return urlkey(target.url) in keys or any(
        way.key in keys and way.number <= MOST_PARTS for way in part_urls(target.url)
    )


def _claim(visit: PageResult, article: Article) -> PageResult:
    """A page that says it is a page of another post; whether it is, that post shows."""
    post = DiscoveredURL(article.part_of, DiscoverySource.LINK, found_on=visit.url)
    visit = replace(visit, targets=(*visit.targets, post))
    if article.part <= 1:
        return replace(
            visit,
            final_url=article.part_of,
            outcome=Outcome.DUPLICATE,
            rule="first page",
            reason=f"it shows the first page of {article.part_of}",
        )
    return replace(
        visit,
        outcome=Outcome.PART,
        kind=PageKind.PART,
        article=article,
        rule=CLAIM,
        part=article.part,
        part_of=article.part_of,
        reason=part_reason(article.part, article.part_of),
    )


def _wanted(target: DiscoveredURL, kind: PageKind, scope: Scope) -> bool:
    """Sources may lie outside the scope; a feed deep below a post's address is one of its comments."""
    if target.kind is PageKind.FEED and kind is PageKind.POST:
        return len([s for s in urlsplit(target.url).path.split("/") if s]) <= 2
    return target.kind in (PageKind.FEED, PageKind.SITEMAP) or scope.contains(target.url)


def _links(page: Page, fetched: FetchedPage, scope: Scope) -> link_reader.PageLinks | None:
    if page.root is None:
        return None
    return link_reader.parse_links(page.root, fetched.url, scope, fetched.headers.get("link", ""), fetched.at.year + 1)


def _is_html(fetched: FetchedPage) -> bool:
    head = fetched.body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    kind = fetched.content_type.split(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        return b"\x00" not in head or head.startswith(_HTML_START)
    return (not kind or kind in ("text/plain", "application/octet-stream", "application/xml", "text/xml")) and (
        head.startswith(_HTML_START) or b"<html" in head
    )
