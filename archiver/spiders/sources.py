"""Reading the documents that tell of pages: feeds, sitemaps, the WordPress API, the list of a web archive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from archiver.discovery import cdx, cdx_query, cdx_targets, feed, sitemap, wordpress_api
from archiver.items import Outcome, PageKind, Target, Visit
from archiver.spiders.job import Job
from archiver.spiders.reading import Answer, Reading
from archiver.urls import Scope

_MORE = "; it has more than is read of one document"
_MOST_ANSWERS = 50  # of one list of a web archive
# Clocks differ, and some servers take a zone-less time for their own: what comes twice is known and costs nothing.
_CLOCK_MARGIN = timedelta(days=1)


def feed_read(answer: Answer, visit: Visit, job: Job) -> Reading:
    parsed = feed.parse_feed(answer.body, answer.url)
    targets = tuple(replace(t, found_on=job.url) for t in parsed.targets)
    visit = replace(visit, final_url=job.url if job.number > 1 else visit.final_url, kind=PageKind.FEED,
                    outcome=Outcome.NOT_ARTICLE, rule=f"feed {parsed.kind}", targets=targets,
                    reason=f"a feed of {len(targets)} posts{_MORE if parsed.is_cut else ''}")
    if parsed.next_url and targets and not job.known and job.number < 10_000:
        onward = replace(job, number=job.number + 1)
        return Reading(replace(visit, outcome=Outcome.DUE), follow=(parsed.next_url, onward), is_feed=True)
    return Reading(visit, is_feed=True)


def sitemap_read(answer: Answer, visit: Visit, job: Job) -> Reading | None:
    parsed = sitemap.parse_sitemap(answer.body, answer.url)
    if not parsed.is_sitemap:
        return None
    targets = tuple(replace(t, found_on=job.url) for t in (*parsed.children, *parsed.targets))
    kind = sitemap.kind_of_sitemap(answer.url)
    rule = f"sitemap of {kind}" if kind in (PageKind.LISTING, PageKind.PAGE) else "sitemap"
    reason = f"a sitemap of {len(parsed.targets)} pages and {len(parsed.children)} sitemaps"
    reason += _MORE if parsed.is_cut else ""
    return Reading(replace(visit, kind=PageKind.SITEMAP, outcome=Outcome.NOT_ARTICLE, rule=rule, reason=reason,
                           targets=targets), is_sitemap=True)


def api_read(answer: Answer, visit: Visit, job: Job) -> Reading:
    """A page of the WordPress API. `job.url` is its root; `wordpress_api` makes the addresses that are asked."""
    page = wordpress_api.parse_posts(answer.body, answer.headers, answer.url)
    visit = replace(visit, final_url=job.url, rule=f"api {job.step}")
    if page.error and not page.past_end:
        return Reading(replace(visit, outcome=Outcome.REFUSED, reason=f"the API gives no posts: {page.error}"))
    # The list of numbers says of a post that it is there and when it changed, nothing else.
    targets = tuple(replace(t, found_on=job.url, lead=None if job.step == "ids" else t.lead) for t in page.targets)
    visit = replace(visit, targets=targets, outcome=Outcome.NOT_ARTICLE, reason=f"the API counts {page.total} posts")
    more = bool(targets) and job.number < (page.total_pages or 1)
    if more and job.step == "ids" and page.total == job.alive:
        return Reading(replace(visit, rule="api count"))
    if more:
        onward = replace(job, number=job.number + 1)
        return Reading(replace(visit, outcome=Outcome.DUE), follow=(api_address(onward), onward))
    if job.step == "changes":
        onward = replace(job, step="ids", number=1)
        return Reading(replace(visit, outcome=Outcome.DUE), follow=(api_address(onward), onward))
    return Reading(visit)


def api_address(job: Job) -> str:
    """The address that this step of reading the API asks for."""
    if job.step == "ids":
        return wordpress_api.ids_url(job.url, job.number)
    since = job.fetched_at - _CLOCK_MARGIN if job.step == "changes" and job.fetched_at else None
    return wordpress_api.posts_url(job.url, job.number, since)


def cdx_read(answer: Answer, visit: Visit, job: Job, scope: Scope, is_news: Callable[[Target], bool]) -> Reading:
    """An answer of a web archive's CDX server. `job.url` asks for the first one; the others follow by resume key.

    What it says of validators is kept only where one answer is all: that the first is unchanged says nothing of others.
    """
    visit = replace(visit, final_url=job.url, kind=PageKind.CDX, rule="cdx", same_validator=False)
    page = cdx.parse(answer.body)
    if page.error:
        return Reading(replace(visit, rule="no-cdx", reason=f"its answer is no list of captures: {page.error}"))
    found = cdx_targets.targets(page.entries, scope, job.url, answer.at.year + 1)
    news = tuple(t for t in found.targets if is_news(t))
    seen = job.captures + len(page.entries)
    visit = replace(visit, targets=news, outcome=Outcome.NOT_ARTICLE, reason=f"a web archive's list of {seen} captures")
    following = cdx_query.resumed(job.url, page.resume_key) if page.resume_key and page.entries else ""
    if job.number > 1 or following:
        visit = replace(visit, etag="", last_modified="")
    if following and following != answer.url and job.number < _MOST_ANSWERS:
        onward = replace(job, number=job.number + 1, captures=seen)
        return Reading(replace(visit, outcome=Outcome.DUE), follow=(following, onward))
    is_cut = page.is_cut or bool(following) or len(page.entries) >= cdx_query.limit_of(job.url)
    return Reading(replace(visit, reason=visit.reason + (_MORE if is_cut else "")))
