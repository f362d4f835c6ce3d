"""Parses a response into a `PageResult`, without network, clock or archive.

`parse_page` chooses the function for a document by its status and its bytes, not by its address or content type.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from urllib.parse import urljoin, urlsplit

from lxml.etree import _Element as Element

from archiver.discovery import cdx, feeds, page_links, sitemaps, soft_404, url_patterns, wordpress_api
from archiver.extraction.listing_dates import listed_dates
from archiver.extraction.listing_entries import (
    categories_of_entries,
    category_of_listing,
    entries_of_listing,
    is_beside_list,
)
from archiver.extraction.page import JAVASCRIPT_REASON, Page, needs_javascript, unpack_undeclared
from archiver.extraction.page import parse_page as parse_html
from archiver.extraction.page_classifier import date_slot, page_form
from archiver.extraction.post_parts import MAX_PARTS, part_urls
from archiver.frontier.fetch_order import SIDE_LISTING_PRIORITY, SOURCE_KINDS
from archiver.learning.site_model import SiteModel, read_article
from archiver.model.due_reasons import Remark
from archiver.model.items import (
    BUSY_STATUSES,
    EMPTY_SITEMAP,
    FOREIGN_API,
    FOREIGN_FEED,
    FOREIGN_SITEMAP,
    NEEDS_JAVASCRIPT,
    REDIRECTS,
    Article,
    DiscoveredURL,
    DiscoverySource,
    ListedCategories,
    ListedPosts,
    Outcome,
    PageKind,
    PageResult,
    Requisite,
)
from archiver.model.urls import Scope, normalize, urlkey
from archiver.model.words import count_noun
from archiver.politeness.robots import statements_of_page
from archiver.spiders.page_request import MOST_REDIRECTS, FetchedPage, PageRequest, ParsedPage
from archiver.storage.articles import CLAIMED_PART_RULE, part_reason

# Documents that list pages: feeds, sitemaps, the WordPress API, a web archive's CDX list.

_MORE = "; it is longer than the limit for one document"
_MAX_RESPONSES = 50  # at most this many responses of one CDX list are read


def parse_feed_page(fetched: FetchedPage, result: PageResult, request: PageRequest, scope: Scope) -> ParsedPage:
    parsed = feeds.parse_feed(fetched.body, fetched.url)
    targets = tuple(replace(t, found_on=request.url) for t in parsed.targets)
    foreign = _only_foreign(targets, scope)
    unread = f"; {parsed.unread_dates} dates cannot be read" if parsed.unread_dates else ""
    result = replace(
        result,
        final_url=request.url if request.number > 1 else result.final_url,
        kind=PageKind.FEED,
        outcome=Outcome.NOT_ARTICLE,
        rule=FOREIGN_FEED if foreign else f"feed {parsed.kind}",
        targets=targets,
        reason=f"a feed of {count_noun(len(targets), 'post')}{foreign}{_MORE if parsed.is_cut else ''}{unread}",
        listed=_listed_in_feed(targets, is_cut=parsed.is_cut) if request.number == 1 else None,
    )
    if parsed.next_url and targets and not request.known and request.number < 10_000:
        onward = replace(request, number=request.number + 1)
        return ParsedPage(replace(result, outcome=Outcome.DUE), follow=(parsed.next_url, onward), is_feed=True)
    return ParsedPage(result, is_feed=True)


def _only_foreign(targets: tuple[DiscoveredURL, ...], scope: Scope) -> str:
    """Returns a phrase with an example if all pages that a feed, sitemap or API lists are outside the site; "" if it
    lists no pages, or at least one page of the site.
    """
    pages = [t.url for t in targets if t.kind not in SOURCE_KINDS]
    if not pages or any(scope.contains(url) or page_links.is_redirector(url) for url in pages):
        return ""
    return f", only posts of other sites (example: {pages[0]})"


def _listed_in_feed(targets: tuple[DiscoveredURL, ...], *, is_cut: bool) -> ListedPosts:
    entries = tuple(urlkey(t.url) for t in targets if t.source is DiscoverySource.FEED)
    return ListedPosts(entries, is_first=True, is_last=not is_cut)


def parse_sitemap_page(
    fetched: FetchedPage, result: PageResult, request: PageRequest, scope: Scope
) -> ParsedPage | None:
    parsed = sitemaps.parse_sitemap(fetched.body, fetched.url)
    if not parsed.is_sitemap:
        return None
    targets = tuple(replace(t, found_on=request.url) for t in (*parsed.children, *parsed.targets))
    kind = url_patterns.kind_of_sitemap(fetched.url)
    rule = f"sitemap of {kind}" if kind in (PageKind.LISTING, PageKind.PAGE) else "sitemap"
    if not parsed.targets and not parsed.children:
        rule = EMPTY_SITEMAP
    foreign = "" if parsed.children else _only_foreign(targets, scope)
    if foreign:
        rule = FOREIGN_SITEMAP
    reason = f"a sitemap of {count_noun(len(parsed.targets), 'page')} and {count_noun(len(parsed.children), 'sitemap')}"
    reason += foreign + (_MORE if parsed.is_cut else "")
    return ParsedPage(
        replace(result, kind=PageKind.SITEMAP, outcome=Outcome.NOT_ARTICLE, rule=rule, reason=reason, targets=targets),
        is_sitemap=True,
    )


def parse_api_page(fetched: FetchedPage, result: PageResult, request: PageRequest, scope: Scope) -> ParsedPage:
    """Parses one page of posts from the WordPress API. `request.url` is the API's root. `follow` requests the next
    page, or the next step of reading the API.
    """
    page = wordpress_api.parse_posts(fetched.body, fetched.headers, fetched.url)
    result = replace(result, final_url=request.url, rule=f"api {request.step}")
    if page.error and not page.past_end:
        return ParsedPage(replace(result, outcome=Outcome.REFUSED, reason=f"the API returns no posts: {page.error}"))
    # The list of IDs says only that a post exists and when it changed.
    targets = tuple(
        replace(t, found_on=request.url, hint=None if request.step == "ids" else t.hint) for t in page.targets
    )
    foreign = _only_foreign(targets, scope)
    counted = "does not count its posts" if page.total is None else f"counts {count_noun(page.total, 'post')}"
    result = replace(result, targets=targets, outcome=Outcome.NOT_ARTICLE, reason=f"the API {counted}{foreign}")
    more = bool(targets) and request.number < (page.total_pages or 1)
    if more and request.step == "ids" and page.total == request.alive:
        return ParsedPage(replace(result, rule=FOREIGN_API if foreign else "api count"))
    if more:
        onward = replace(request, number=request.number + 1)
        return ParsedPage(replace(result, outcome=Outcome.DUE), follow=(api_address(onward), onward))
    if request.step == "changes":
        onward = replace(request, step="ids", number=1)
        return ParsedPage(replace(result, outcome=Outcome.DUE), follow=(api_address(onward), onward))
    return ParsedPage(replace(result, rule=FOREIGN_API) if foreign else result)


def all_posts_again(parsed: ParsedPage, request: PageRequest) -> ParsedPage:
    """Returns the parsed list of an API's IDs, changed so that it is not the end of reading the API: `follow` requests
    all posts from the first page on.
    """
    onward = replace(request, step="posts", number=1)
    return replace(parsed, result=replace(parsed.result, outcome=Outcome.DUE), follow=(api_address(onward), onward))


def api_address(request: PageRequest) -> str:
    """Returns the address to request for the current step and page of reading the WordPress API."""
    if request.step == "ids":
        return wordpress_api.ids_url(request.url, request.number)
    since = request.changes_since if request.step == "changes" else None
    return wordpress_api.posts_url(request.url, request.number, since)


def parse_cdx_page(
    fetched: FetchedPage,
    result: PageResult,
    request: PageRequest,
    scope: Scope,
) -> ParsedPage:
    """Parses one response of a web archive's CDX server. `request.url` is the address of the list's first part; resume
    keys lead to the other parts.

    Validators are stored only if the list has one part: even if the first part is unchanged, later parts may have
    changed.
    """
    result = replace(result, final_url=request.url, kind=PageKind.CDX, rule="cdx", same_validator=False)
    page = cdx.parse_cdx(fetched.body)
    if page.error:
        return ParsedPage(
            replace(result, rule="no-cdx", reason=f"the response is not a list of captures: {page.error}")
        )
    found = cdx.cdx_candidates(page.entries, scope, request.url, fetched.at.year + 1)
    seen = request.captures + len(page.entries)
    result = replace(
        result,
        targets=tuple(found.targets),
        outcome=Outcome.NOT_ARTICLE,
        reason=f"a web archive's list of {seen} captures",
    )
    following = cdx.next_part_url(request.url, page.resume_key) if page.resume_key and page.entries else ""
    if request.number > 1 or following:
        result = replace(result, etag="", last_modified="")
    if following and following != fetched.url and request.number < _MAX_RESPONSES:
        onward = replace(request, number=request.number + 1, captures=seen)
        return ParsedPage(replace(result, outcome=Outcome.DUE), follow=(following, onward))
    is_cut = page.is_cut or bool(following) or len(page.entries) >= cdx.requested_limit(request.url)
    return ParsedPage(replace(result, reason=result.reason + (_MORE if is_cut else "")))


SOFT_404 = "soft-404"
# The kind to which extraction is told that the page belongs, by the kind in the page's row; other kinds say nothing.
_KNOWN_KINDS = {k: k for k in (PageKind.POST, PageKind.PAGE, PageKind.LISTING)} | {PageKind.PART: PageKind.POST}
_MAX_HOPS = 5
_GZIP = b"\x1f\x8b"
_START = 1_024  # matches the first bytes of an HTML page
_HTML_START = (b"<!doctype html", b"<html", b"<head", b"<body", b"<!--", b"<div", b"<article", b"<meta", b"<title")


def parse_page(fetched: FetchedPage, request: PageRequest, site: SiteModel) -> ParsedPage:
    """Parses the response for a page request. Never raises, whatever the server sends.

    If the page was requested at another spelling of its address (to which the host is believed to redirect) and is gone
    or refused there, `follow` requests the address by which the page is known.
    """
    parsed = _parse_response(fetched, request, site)
    if request.known_url and parsed.result.outcome in (Outcome.GONE, Outcome.REFUSED):
        known = request.at_known_url()
        return ParsedPage(replace(parsed.result, outcome=Outcome.DUE, targets=()), follow=(known.url, known))
    return parsed


def _parse_response(fetched: FetchedPage, request: PageRequest, site: SiteModel) -> ParsedPage:
    result = PageResult(
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
        usage_statements=fetched.usage_statements,
    )
    if fetched.status == 304:
        return ParsedPage(
            replace(
                result,
                final_url=request.url,
                outcome=Outcome.UNCHANGED,
                rule="http-304",
                reason="the server says it is unchanged",
            )
        )
    if fetched.status in REDIRECTS:
        location = fetched.headers.get("location", "")
        return _redirect(location, result, request, site, f"http-{fetched.status}")
    if fetched.status != 200:
        return _refusal(result, request)
    return _parse_source(fetched, result, request, site) or _parse_document(fetched, result, request, site)


def _parse_source(fetched: FetchedPage, result: PageResult, request: PageRequest, site: SiteModel) -> ParsedPage | None:
    """Parses a source document (a feed, sitemap, API response or capture list), recognized by the request's kind or by
    its bytes; returns None if the response is not such a document.
    """
    if request.kind is PageKind.CDX:
        return parse_cdx_page(fetched, result, request, site.scope)
    if request.kind is PageKind.API:
        return parse_api_page(fetched, result, request, site.scope)
    if request.kind is PageKind.SITEMAP or sitemaps.looks_like_sitemap(fetched.body):
        parsed = parse_sitemap_page(fetched, result, request, site.scope)
        if parsed:
            return parsed
    if not feeds.looks_like_feed(fetched.body):
        return None
    return parse_feed_page(fetched, result, request, site.scope)


_END_BYTES = 8192
"""The end tag is looked for in this many last bytes of a page. Comments of caches may follow it."""


def _parse_document(fetched: FetchedPage, result: PageResult, request: PageRequest, site: SiteModel) -> ParsedPage:
    if not _is_html(fetched):
        media_type = fetched.content_type.split(";")[0] or "no content type"
        if fetched.body.startswith(_GZIP):
            media_type += " that is compressed but not declared so"
        return ParsedPage(
            replace(
                result,
                outcome=Outcome.NOT_ARTICLE,
                kind=PageKind.OTHER,
                rule="not-html",
                reason=f"it is not an HTML page ({media_type})",
            )
        )
    page = parse_html(fetched.body, fetched.url, fetched.content_type, fetched.at)
    if page.root is not None and (stated := statements_of_page(page.index, fetched.url)):
        result = replace(result, usage_statements=(*result.usage_statements, *stated))
    result = replace(result, lacks_end=b"</html" not in fetched.body[-_END_BYTES:].replace(b"\0", b"").lower())
    links = _links(page, fetched, request, site.scope)
    is_shell = _is_shell(page, result, request, site.soft_not_found)
    if _is_unreadable(page, request, is_shell=is_shell):
        # This comes before the soft-404 check, because a site that sends this empty page for every address also sends
        # it for missing ones.
        return ParsedPage(_script_page(links, result, request, site))
    if rejected := wall_or_soft_404(page, result, request, site.soft_not_found):
        declared = (*links.feeds, *links.sitemaps) if links and request.is_seed else ()
        return ParsedPage(replace(rejected, targets=declared))
    if links and links.refresh:
        target = normalize(links.refresh)
        if target and urlkey(target) != request.urlkey:
            return _redirect(target, result, request, site, "meta-refresh")
    return _article_page(page, links, replace(result, is_shell=True) if is_shell else result, request, site)


def _is_shell(
    page: Page, result: PageResult, request: PageRequest, soft_not_found: soft_404.SoftNotFoundProfile | None
) -> bool:
    """Returns True if a page other than the home page looks the same as the site's page for missing addresses, so that
    the response does not tell whether the page exists. `soft_not_found` describes the page for missing addresses; None
    if it is unknown.
    """
    if request.is_seed or soft_not_found is None or soft_not_found.look is None:
        return False
    if soft_404.detect_wall(page.root, page.head_title):
        return False
    if soft_not_found.has_enough_words and not soft_not_found.everywhere:
        return False
    if not soft_not_found.has_enough_words and not needs_javascript(page):
        return False  # the page may show a picture that distinguishes it
    return soft_not_found.is_shell(soft_404.fingerprint_of(page.root, page.head_title, result.final_url))


def _is_unreadable(page: Page, request: PageRequest, *, is_shell: bool) -> bool:
    """Returns True if a page shows no content without running scripts, and its source supplied no text. `is_shell` is
    True if the page shows the same as the site's page for missing addresses.
    """
    if request.kind in SOURCE_KINDS or page.root is None or (request.hint is not None and request.hint.body_html):
        return False
    return is_shell or needs_javascript(page)


def _script_page(
    links: page_links.PageLinks | None, result: PageResult, request: PageRequest, site: SiteModel
) -> PageResult:
    """Returns the result for a page without content. Its declared sources and its few links are followed
    nevertheless.
    """
    article = Article(url=result.final_url, kind=PageKind.OTHER, kind_rule=NEEDS_JAVASCRIPT)
    return replace(
        result,
        outcome=Outcome.NOT_ARTICLE,
        kind=PageKind.OTHER,
        rule=NEEDS_JAVASCRIPT,
        reason=JAVASCRIPT_REASON,
        hint_id=request.hint_id,
        targets=_targets(links, article, result, request, site),
    )


def _article_page(
    page: Page, links: page_links.PageLinks | None, result: PageResult, request: PageRequest, site: SiteModel
) -> ParsedPage:
    """Completes `result` for an HTML page that is not a wall, soft 404 or redirect. Adds its kind, its article if the
    page is a post, and what its links lead to. `links` is None if the page has no HTML elements.
    """
    known_kind = PageKind.UNKNOWN if request.judged else _KNOWN_KINDS.get(request.kind, PageKind.UNKNOWN)
    needed = (
        page_links.requisites_of_page(page.root, result.final_url)
        if site.with_requisites and page.root is not None
        else ()
    )
    article = read_article(
        page, request.hint, known_kind, site, part_of=request.part_of, is_promised=request.is_promised
    )
    is_post = article.kind is PageKind.POST
    if request.is_seed and is_post and site.scope.path == "/":
        article, is_post = replace(article, kind=PageKind.LISTING, kind_rule="the home page"), False
    shows_entries = (
        links is not None
        and not (is_post or request.part_of)
        and request.level < SIDE_LISTING_PRIORITY
        and (request.is_seed or links.is_listing or article.kind is PageKind.LISTING)
    )
    dates = (
        listed_dates(page, [*links.titles, *links.others], is_continued=(url_patterns.page_number(page.url) or 1) > 1)
        if links and not (is_post or request.part_of) and (site.with_list_dates or shows_entries)
        else ()
    )
    result = replace(
        result,
        kind=article.kind,
        rule=article.kind_rule,
        targets=_without_requisites(_targets(links, article, result, request, site), needed if is_post else ()),
        requisites=needed if is_post else (),
        hint_id=request.hint_id,
        shown=listing_digest(links, page),
        possible_posts=_possible_posts(links, request.url, site.scope.path),
        listed=listed_posts(links, page) if links and article.kind is PageKind.LISTING else None,
        listed_dates=dates if site.with_list_dates else (),
        entries=tuple(one.urlkey for one in dates) if shows_entries else (),
        next_pages=tuple(t.url for t in links.next_pages) if links and not is_post else (),
        form=None if request.part_of else replace(page_form(page), date_slot=date_slot(article)),
    )
    is_claim = (
        is_post and article.part_of and request.kind is not PageKind.PART and site.scope.contains(article.part_of)
    )
    final = _claimed_part(result, article) if is_claim else _with_outcome(result, article, request)
    usual_next: tuple[DiscoveredURL, ...] = ()
    if links and article.kind is PageKind.LISTING:
        is_hidden = page_links.has_hidden_pages(page.index, result.final_url, site.scope, links)
        usual_next = page_links.usual_next_page(result.final_url, links, is_hidden=is_hidden)
        if is_hidden:
            final = replace(final, remarks={Remark.HIDDEN_PAGES: ""})
    return ParsedPage(final, platform=article.platform, usual_next=usual_next)


def _targets(
    links: page_links.PageLinks | None, article: Article, result: PageResult, request: PageRequest, site: SiteModel
) -> tuple[DiscoveredURL, ...]:
    if not links:
        return ()
    api: tuple[DiscoveredURL, ...] = ()
    if links.api and request.is_seed:
        api = (DiscoveredURL(links.api, DiscoverySource.LINK, PageKind.API, found_on=result.final_url),)
    return (
        *api,
        *(
            t
            for t in (*links.all, *links.traps)
            if _is_reportable(t, article.kind, site.scope) and not _is_own_part(article, t)
        ),
    )


def _without_requisites(
    targets: tuple[DiscoveredURL, ...], requisites: tuple[Requisite, ...]
) -> tuple[DiscoveredURL, ...]:
    """Returns the discovered URLs without the files that are fetched as requisites of the page."""
    needed = {requisite.url for requisite in requisites}
    return tuple(t for t in targets if t.trap != url_patterns.FILE or t.url not in needed) if needed else targets


def _possible_posts(links: page_links.PageLinks | None, url: str, folder: str) -> tuple[str, ...]:
    """Returns the urlkeys of the possible posts, known or new, to which the page at `url` links; () if the page's URL
    has no pattern. `folder` is the path of the site's scope.
    """
    pattern = url_patterns.pattern_of(url, folder)
    if links is None or pattern is url_patterns.NO_PATTERN:
        return ()
    return tuple(urlkey(t.url) for t in links.links if url_patterns.may_be_post(t.url, pattern, folder))


def _with_outcome(result: PageResult, article: Article, request: PageRequest) -> PageResult:
    if article.kind is PageKind.POST:
        return replace(result, outcome=Outcome.ARCHIVED, article=article)
    if article.kind_rule == "password":
        # A password usually protects a post, and a post that cannot be read still counts as a post.
        kind = PageKind.POST if request.kind is PageKind.UNKNOWN else request.kind
        return replace(result, outcome=Outcome.REFUSED, kind=kind, reason="it requires a password")
    if article.kind_rule == "not-found":
        return replace(result, outcome=Outcome.GONE, kind=request.kind, reason="it says that it does not exist")
    other = article if request.kind is PageKind.POST and request.known else None
    return replace(result, outcome=Outcome.NOT_ARTICLE, other=other, reason=f"it is not a post: {article.kind_rule}")


def _same_validator(fetched: FetchedPage, request: PageRequest) -> bool:
    """Returns True if the server answered a conditional request with status 200 and the validator that is already
    stored. The page is then probably unchanged, although the answer should have been 304.
    """
    if fetched.status != 200 or fetched.url != request.url:
        return False
    if request.etag:
        return fetched.headers.get("etag", "") == request.etag
    return bool(request.last_modified) and fetched.headers.get("last-modified", "") == request.last_modified


def _redirect(location: str, result: PageResult, request: PageRequest, site: SiteModel, rule: str) -> ParsedPage:
    target = normalize(urljoin(result.final_url, location)) if location else None
    if target is None:
        return ParsedPage(
            replace(result, reason=f"it redirects to an unusable address ({location[:100]!r})", rule=rule)
        )
    if urlkey(target) == request.urlkey:
        if request.hops >= _MAX_HOPS or target == result.final_url:
            return ParsedPage(replace(result, reason="it redirects in a loop", rule="redirect-loop"))
        return ParsedPage(
            replace(result, outcome=Outcome.DUE), follow=(target, replace(request, hops=request.hops + 1))
        )
    if refused := _refused_redirect(target, result, request, site, rule):
        return ParsedPage(refused)
    source = DiscoverySource.SEED if request.is_seed else DiscoverySource.REDIRECT
    kind = PageKind.UNKNOWN if request.kind is PageKind.PART else request.kind
    onward = DiscoveredURL(target, source, kind, found_on=request.url, hint=request.hint)
    return ParsedPage(
        replace(
            result,
            final_url=target,
            outcome=Outcome.DUPLICATE,
            reason=f"it redirects to {target}",
            rule=rule,
            targets=(onward,),
        )
    )


def _refused_redirect(
    target: str, result: PageResult, request: PageRequest, site: SiteModel, rule: str
) -> PageResult | None:
    """Returns the result for a page whose redirect to `target` must not be followed; None if it may be followed."""
    if len(request.redirected_from) >= MOST_REDIRECTS:
        reason = f"it redirects again after {MOST_REDIRECTS} redirects, perhaps without end"
        return replace(result, reason=reason, rule="redirect-loop")
    if request.kind is PageKind.CDX:
        return replace(result, rule=rule, reason=f"it redirects to {target}: set cdx to that address")
    if not site.scope.contains(target) and request.kind not in (PageKind.FEED, PageKind.SITEMAP):
        return replace(result, outcome=Outcome.OUT_OF_SCOPE, reason=f"it redirects to {target}", rule=rule)
    if request.is_seed:
        return None
    if site.soft_not_found is not None and site.soft_not_found.leads_to(target):
        return replace(
            result,
            outcome=Outcome.GONE,
            final_url=target,
            rule=SOFT_404,
            reason=f"it redirects to {target}: {site.soft_not_found.reason}",
        )
    if request.kind is PageKind.POST and urlkey(target) == urlkey(f"http://{site.scope.host}{site.scope.path}"):
        return replace(
            result,
            outcome=Outcome.GONE,
            final_url=target,
            rule=SOFT_404,
            reason="it was reported as a post and redirects to the home page",
        )
    return None


def _refusal(result: PageResult, request: PageRequest) -> ParsedPage:
    status, rule = result.status or 0, f"http-{result.status}"
    if status in (404, 410) or (status == 400 and request.kind is PageKind.API):
        outcome, reason = Outcome.GONE, f"the server answers {status}"
    elif status in (401, 403, 407, 451):
        outcome, reason = Outcome.REFUSED, f"the server refuses it ({status})"
    elif status in BUSY_STATUSES:
        outcome, reason = Outcome.FAILED, f"the server is busy (it answers {status})"
    else:
        outcome, reason = Outcome.FAILED, f"the server answers {status}"
    return ParsedPage(replace(result, outcome=outcome, reason=reason, rule=rule))


def soft_not_found_of(fetched: FetchedPage) -> soft_404.SoftNotFoundProfile:
    """Returns the soft-404 profile of a site, from its response for an address that does not exist."""
    if fetched.status in REDIRECTS:
        target = normalize(urljoin(fetched.url, fetched.headers.get("location", "")))
        same = target is not None and urlkey(target) == urlkey(fetched.url)
        return soft_404.SoftNotFoundProfile(fetched.url, fetched.status, urlkey(target) if target and not same else "")
    if fetched.status != 200 or not _is_html(fetched):
        return soft_404.SoftNotFoundProfile(fetched.url, fetched.status)
    page = parse_html(fetched.body, fetched.url, fetched.content_type, fetched.at)
    return soft_404.SoftNotFoundProfile(
        fetched.url, fetched.status, look=soft_404.fingerprint_of(page.root, page.head_title, fetched.url)
    )


def wall_or_soft_404(
    page: Page, result: PageResult, request: PageRequest, soft_not_found: soft_404.SoftNotFoundProfile | None
) -> PageResult | None:
    """Returns the result for a page that is a wall or looks like the site's soft 404; None for other pages.
    `soft_not_found` describes the site's page for missing addresses; None if it is unknown.
    """
    wall = soft_404.detect_wall(page.root, page.head_title)
    if wall:
        return replace(result, outcome=Outcome.REFUSED, kind=request.kind, rule=wall, reason=f"it is behind a {wall}")
    if (
        not request.is_seed
        and soft_not_found is not None
        and soft_not_found.look is not None
        and soft_not_found.is_like(soft_404.fingerprint_of(page.root, page.head_title, result.final_url))
    ):
        return replace(result, outcome=Outcome.GONE, kind=request.kind, rule=SOFT_404, reason=soft_not_found.reason)
    return None


def listing_digest(links: page_links.PageLinks | None, page: Page) -> str:
    """Returns a digest of the links and words of one page of a listing, by which repeated pages are recognized. Returns
    "" for a page that is not a listing or has no elements (`links` is None).

    Numbers and links to the listing's other pages are ignored.
    """
    series = url_patterns.series_of(page.url)
    if not series or links is None:
        return ""
    others = sorted(
        {urlkey(t.url) for t in (*links.links, *links.next_pages) if url_patterns.series_of(t.url) != series}
    )
    words = [word for word in soft_404.fingerprint_of(page.root, "", page.url).words if not word.isdecimal()]
    return hashlib.blake2b("\n".join([*others, *words]).encode(), digest_size=12).hexdigest()


_FEWEST_ENTRIES = 3
_ENTRY_KINDS = (PageKind.UNKNOWN, PageKind.POST)


def listed_posts(links: page_links.PageLinks, page: Page) -> ListedPosts:
    """Returns the entries of one page of a listing. If hardly any link looks like the title of an entry, all links that
    may lead to posts count as entries.
    """
    url = page.url
    pages = [t for t in links.links if t.kind in _ENTRY_KINDS]
    titles = [t for t in pages if t.source is DiscoverySource.LISTING]
    entries = titles if len(titles) >= _FEWEST_ENTRIES else pages
    keys = tuple(urlkey(t.url) for t in entries)
    number = url_patterns.page_number(url)
    others = [url_patterns.page_number(t.url) for t in links.next_pages]
    return ListedPosts(
        keys,
        frozenset(urlkey(t.url) for t in pages).difference(keys),
        is_first=number == 1,
        is_last=number is not None and all(other is not None and other < number for other in others),
        categories=_listed_categories(links, page),
    )


def _listed_categories(links: page_links.PageLinks, page: Page) -> tuple[ListedCategories, ...]:
    beside = categories_of_entries(page, entries_of_listing(links.titles, links.others))
    own = category_of_listing(page)
    known: dict[Element, bool] = {}
    entries = links.titles if len(links.titles) >= _FEWEST_ENTRIES else (*links.titles, *links.others)
    posts = {at for element, at in entries if at not in beside and not is_beside_list(element, known)} if own else ()
    return (
        *(ListedCategories(urlkey(at), names, is_beside=True) for at, names in beside.items()),
        *(ListedCategories(urlkey(at), (own,), is_beside=False) for at in sorted(posts)),
    )


def _is_own_part(article: Article, target: DiscoveredURL) -> bool:
    """Returns True if a link leads to another part of the same post. Such links are not reported, because the parts are
    read together with the post.
    """
    if not article.parts:
        return False
    own = (article.url, article.part_of, *article.parts, article.whole_at)
    keys = {urlkey(url) for url in own if url}
    return urlkey(target.url) in keys or any(
        way.key in keys and way.number <= MAX_PARTS for way in part_urls(target.url)
    )


def _claimed_part(result: PageResult, article: Article) -> PageResult:
    """Returns the result for a page that claims to be part of another post (`article.part_of`). Fetching that post
    shows whether the claim is true.
    """
    post = DiscoveredURL(article.part_of, DiscoverySource.LINK, found_on=result.url)
    result = replace(result, targets=(*result.targets, post))
    if article.part <= 1:
        return replace(
            result,
            final_url=article.part_of,
            outcome=Outcome.DUPLICATE,
            rule="first page",
            reason=f"it shows the first page of {article.part_of}",
        )
    return replace(
        result,
        outcome=Outcome.PART,
        kind=PageKind.PART,
        article=article,
        rule=CLAIMED_PART_RULE,
        part=article.part,
        part_of=article.part_of,
        reason=part_reason(article.part, article.part_of),
    )


def _is_reportable(target: DiscoveredURL, kind: PageKind, scope: Scope) -> bool:
    """Returns True if a link belongs in the page's result: it is in scope, or it is a feed or sitemap. A feed deep
    below a post is left out, because it is the feed of the post's comments.
    """
    if target.kind is PageKind.FEED and kind is PageKind.POST:
        return len([s for s in urlsplit(target.url).path.split("/") if s]) <= 2
    return (
        target.kind in (PageKind.FEED, PageKind.SITEMAP)
        or target.trap == url_patterns.SCOPE
        or scope.contains(target.url)
    )


def _links(page: Page, fetched: FetchedPage, request: PageRequest, scope: Scope) -> page_links.PageLinks | None:
    if page.root is None:
        return None
    header, latest_year = fetched.headers.get("link", ""), fetched.at.year + 1
    return page_links.parse_links(page.index, fetched.url, scope, header, latest_year, with_api=request.is_seed)


def _is_html(fetched: FetchedPage) -> bool:
    start, _ = unpack_undeclared(fetched.body)
    head = start[:_START].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    kind = fetched.content_type.split(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        return b"\x00" not in head or head.startswith(_HTML_START)
    return (not kind or kind in ("text/plain", "application/octet-stream", "application/xml", "text/xml")) and (
        head.startswith(_HTML_START) or b"<html" in head
    )
