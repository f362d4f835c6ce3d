"""Parsing the documents that list pages: feeds, sitemaps, the WordPress API, the list of a web archive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from archiver.discovery import cdx, cdx_query, cdx_targets, feed, sitemap, wordpress_api
from archiver.items import Outcome, PageKind, Target, Visit
from archiver.spiders.page_request import FetchedPage, PageRequest, ParsedPage
from archiver.urls import Scope

_MORE = "; it has more than is read of one document"
_MOST_ANSWERS = 50  # of one list of a web archive
# Clocks differ, and some servers take a zone-less time for their own: what comes twice is known and costs nothing.
_CLOCK_MARGIN = timedelta(days=1)


def feed_read(fetched: FetchedPage, visit: Visit, request: PageRequest) -> ParsedPage:
    parsed = feed.parse_feed(fetched.body, fetched.url)
    targets = tuple(replace(t, found_on=request.url) for t in parsed.targets)
    visit = replace(visit, final_url=request.url if request.number > 1 else visit.final_url, kind=PageKind.FEED,
                    outcome=Outcome.NOT_ARTICLE, rule=f"feed {parsed.kind}", targets=targets,
                    reason=f"a feed of {len(targets)} posts{_MORE if parsed.is_cut else ''}")
    if parsed.next_url and targets and not request.known and request.number < 10_000:
        onward = replace(request, number=request.number + 1)
        return ParsedPage(replace(visit, outcome=Outcome.DUE), follow=(parsed.next_url, onward), is_feed=True)
    return ParsedPage(visit, is_feed=True)


def sitemap_read(fetched: FetchedPage, visit: Visit, request: PageRequest) -> ParsedPage | None:
    parsed = sitemap.parse_sitemap(fetched.body, fetched.url)
    if not parsed.is_sitemap:
        return None
    targets = tuple(replace(t, found_on=request.url) for t in (*parsed.children, *parsed.targets))
    kind = sitemap.kind_of_sitemap(fetched.url)
    rule = f"sitemap of {kind}" if kind in (PageKind.LISTING, PageKind.PAGE) else "sitemap"
    reason = f"a sitemap of {len(parsed.targets)} pages and {len(parsed.children)} sitemaps"
    reason += _MORE if parsed.is_cut else ""
    return ParsedPage(replace(visit, kind=PageKind.SITEMAP, outcome=Outcome.NOT_ARTICLE, rule=rule, reason=reason,
                           targets=targets), is_sitemap=True)


def api_read(fetched: FetchedPage, visit: Visit, request: PageRequest) -> ParsedPage:
    """A page of the WordPress API. `request.url` is its root; `wordpress_api` makes the addresses that are asked."""
    page = wordpress_api.parse_posts(fetched.body, fetched.headers, fetched.url)
    visit = replace(visit, final_url=request.url, rule=f"api {request.step}")
    if page.error and not page.past_end:
        return ParsedPage(replace(visit, outcome=Outcome.REFUSED, reason=f"the API gives no posts: {page.error}"))
    # The list of numbers says of a post that it is there and when it changed, nothing else.
    targets = tuple(replace(t, found_on=request.url, lead=None if request.step == "ids" else t.lead)
                    for t in page.targets)
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


def cdx_read(fetched: FetchedPage, visit: Visit, request: PageRequest, scope: Scope,
             is_news: Callable[[Target], bool]) -> ParsedPage:
    """A response of a web archive's CDX server. `request.url` asks for the first one; others follow by resume key.

    Its validators are kept only where one response is all: that the first is unchanged says nothing of the others.
    """
    visit = replace(visit, final_url=request.url, kind=PageKind.CDX, rule="cdx", same_validator=False)
    page = cdx.parse(fetched.body)
    if page.error:
        return ParsedPage(replace(visit, rule="no-cdx", reason=f"its answer is no list of captures: {page.error}"))
    found = cdx_targets.targets(page.entries, scope, request.url, fetched.at.year + 1)
    news = tuple(t for t in found.targets if is_news(t))
    seen = request.captures + len(page.entries)
    visit = replace(visit, targets=news, outcome=Outcome.NOT_ARTICLE, reason=f"a web archive's list of {seen} captures")
    following = cdx_query.resumed(request.url, page.resume_key) if page.resume_key and page.entries else ""
    if request.number > 1 or following:
        visit = replace(visit, etag="", last_modified="")
    if following and following != fetched.url and request.number < _MOST_ANSWERS:
        onward = replace(request, number=request.number + 1, captures=seen)
        return ParsedPage(replace(visit, outcome=Outcome.DUE), follow=(following, onward))
    is_cut = page.is_cut or bool(following) or len(page.entries) >= cdx_query.limit_of(request.url)
    return ParsedPage(replace(visit, reason=visit.reason + (_MORE if is_cut else "")))
