"""Reading an answer: response bytes to a `Visit`, without Scrapy, clock or archive.

Each kind of document has its function; `read` picks by status and by what the bytes are, not by
what the address or the content type promise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urljoin, urlsplit

from archiver.capture.rights import of_page
from archiver.discovery import feed, listing, requisites, sitemap
from archiver.discovery.nowhere import Nowhere, look_of
from archiver.extraction.article import extract_page
from archiver.extraction.page import Page, parse
from archiver.extraction.parts import MOST_PARTS
from archiver.extraction.split.partaddress import splits
from archiver.frontier.pace import BUSY
from archiver.items import Article, Lead, Outcome, PageKind, Source, Target, Visit
from archiver.spiders import sources
from archiver.spiders.job import MOST_REDIRECTS, Job
from archiver.spiders.nothing import SOFT_404, shown, shows_nothing
from archiver.spiders.reading import Answer, Reading, validator
from archiver.store.parts import CLAIM, part_reason
from archiver.urls import Scope, normalize, urlkey

# What the ledger holds an address for, as far as it says something of the page there.
_KNOWN_KINDS = {k: k for k in (PageKind.POST, PageKind.PAGE, PageKind.LISTING)} | {PageKind.PART: PageKind.POST}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_HOPS = 5
_HTML_START = (b"<!doctype html", b"<html", b"<head", b"<body", b"<!--", b"<div", b"<article", b"<meta", b"<title")


ReadPage = Callable[[Page, Lead | None, PageKind, str], Article]
"""How a page becomes an article: page, lead, what its source calls it, the post it is a further page of."""


def as_any_site(page: Page, lead: Lead | None, known: PageKind, part_of: str) -> Article:
    """Reads a page without knowing its site's template."""
    return extract_page(page, lead, known, posts_only=True, part_of=part_of)


def read(answer: Answer, job: Job, scope: Scope, is_news: Callable[[Target], bool] = lambda target: True,
         read_page: ReadPage = as_any_site, nowhere: Nowhere | None = None, *,
         with_requisites: bool = False) -> Reading:
    """One answer to what it means. Never raises for anything a server can send.

    `is_news` says whether a page's link is worth reporting: the menu of a site stands on each of its pages.
    `nowhere` is what the site answers for an address that does not exist. `with_requisites`: what a post's page needs
    to be shown is told, too.
    """
    visit = Visit(
        url=job.url, final_url=answer.url, at=answer.at, outcome=Outcome.FAILED, kind=job.kind, status=answer.status,
        etag=validator(answer, "etag"), last_modified=validator(answer, "last-modified"),
        capture=answer.capture, same_validator=_same_validator(answer, job), rights=answer.rights,
    )
    if answer.status == 304:
        return Reading(replace(visit, final_url=job.url, outcome=Outcome.UNCHANGED, rule="http-304",
                               reason="the server says it is unchanged"))
    if answer.status in _REDIRECTS:
        return _redirect(answer.headers.get("location", ""), visit, job, scope, f"http-{answer.status}", nowhere)
    if answer.status != 200:
        return _refusal(visit, job)
    if job.kind is PageKind.CDX:
        return sources.cdx_read(answer, visit, job, scope, is_news)
    if job.kind is PageKind.API:
        return sources.api_read(answer, visit, job)
    if job.kind is PageKind.SITEMAP or sitemap.looks_like_sitemap(answer.body):
        reading = sources.sitemap_read(answer, visit, job)
        if reading:
            return reading
    if feed.looks_like_feed(answer.body):
        return sources.feed_read(answer, visit, job)
    if not _is_html(answer):
        what = answer.content_type.split(";")[0] or "of no stated type"
        return Reading(replace(visit, outcome=Outcome.NOT_ARTICLE, kind=PageKind.OTHER, rule="not-html",
                               reason=f"it is no HTML page ({what})"))
    return _html(answer, visit, job, scope, is_news, read_page, nowhere, with_requisites)


def _same_validator(answer: Answer, job: Job) -> bool:
    """Whether the page still has the validator that was held of it: its server says that nothing has changed."""
    if answer.status != 200 or answer.url != job.url:
        return False
    etag = answer.headers.get("etag", "")
    return etag == job.etag if job.etag else bool(job.last_modified) and (
        answer.headers.get("last-modified", "") == job.last_modified)


def _redirect(location: str, visit: Visit, job: Job, scope: Scope, rule: str,
              nowhere: Nowhere | None = None) -> Reading:
    target = normalize(urljoin(visit.final_url, location)) if location else None
    if target is None:
        return Reading(replace(visit, reason=f"it redirects to no usable address ({location[:100]!r})", rule=rule))
    if urlkey(target) == job.urlkey:
        if job.hops >= _MAX_HOPS or target == visit.final_url:
            return Reading(replace(visit, reason="it redirects in a circle", rule="redirect-loop"))
        return Reading(replace(visit, outcome=Outcome.DUE), follow=(target, replace(job, hops=job.hops + 1)))
    if len(job.came_from) >= MOST_REDIRECTS:
        reason = f"it redirects on after {MOST_REDIRECTS} redirects: it may have no end"
        return Reading(replace(visit, reason=reason, rule="redirect-loop"))
    if job.kind is PageKind.CDX:
        return Reading(replace(visit, rule=rule, reason=f"it redirects to {target}: set cdx to that address"))
    if not scope.contains(target) and job.kind not in (PageKind.FEED, PageKind.SITEMAP):
        return Reading(replace(visit, outcome=Outcome.OUT_OF_SCOPE, reason=f"it redirects to {target}", rule=rule))
    if not job.is_seed and nowhere is not None and nowhere.leads_to(target):
        return Reading(replace(visit, outcome=Outcome.GONE, rule=SOFT_404,
                               reason=f"it redirects to {target}: {nowhere.reason}"))
    if job.kind is PageKind.POST and not job.is_seed and urlkey(target) == urlkey(f"http://{scope.host}{scope.path}"):
        return Reading(replace(visit, outcome=Outcome.GONE, rule=SOFT_404,
                               reason="it was told to be a post, and redirects to the home page"))
    source = Source.SEED if job.is_seed else Source.REDIRECT
    kind = PageKind.UNKNOWN if job.kind is PageKind.PART else job.kind
    onward = Target(target, source, kind, found_on=job.url, lead=job.lead)
    return Reading(replace(visit, final_url=target, outcome=Outcome.DUPLICATE, reason=f"it redirects to {target}",
                           rule=rule, targets=(onward,)))


def _refusal(visit: Visit, job: Job) -> Reading:
    status, rule = visit.status or 0, f"http-{visit.status}"
    if status in (404, 410) or (status == 400 and job.kind is PageKind.API):
        outcome, reason = Outcome.GONE, f"the server answers {status}"
    elif status in (401, 403, 407, 451):
        outcome, reason = Outcome.REFUSED, f"the server refuses it ({status})"
    elif status in BUSY:
        outcome, reason = Outcome.FAILED, f"the server is busy (it answers {status})"
    else:
        outcome, reason = Outcome.FAILED, f"the server answers {status}"
    return Reading(replace(visit, outcome=outcome, reason=reason, rule=rule))


def _html(answer: Answer, visit: Visit, job: Job, scope: Scope, is_news: Callable[[Target], bool],
          read_page: ReadPage, nowhere: Nowhere | None, with_requisites: bool) -> Reading:
    page = parse(answer.body, answer.url, answer.content_type, answer.at)
    if page.root is not None:
        visit = replace(visit, rights=(*visit.rights, *of_page(page.root, answer.url)))
    links = _links(page, answer, scope)
    if nothing := shows_nothing(page, visit, job, nowhere):
        sources = (*links.feeds, *links.sitemaps) if links and job.is_seed else ()
        return Reading(replace(nothing, targets=sources))
    if links and links.refresh:
        target = normalize(links.refresh)
        if target and urlkey(target) != job.urlkey:
            return _redirect(target, visit, job, scope, "meta-refresh", nowhere)
    needs = requisites.of_page(page.root, answer.url) if with_requisites and page.root is not None else ()
    known_kind = PageKind.UNKNOWN if job.judged else _KNOWN_KINDS.get(job.kind, PageKind.UNKNOWN)
    article = read_page(page, job.lead, known_kind, job.gathering.job.url if job.gathering else "")
    if job.is_seed and article.kind is PageKind.POST and scope.path == "/":
        article = replace(article, kind=PageKind.LISTING, kind_rule="the home page")
    targets: tuple[Target, ...] = ()
    if links:
        api = (Target(links.api, Source.LINK, PageKind.API, found_on=answer.url),) if links.api and job.is_seed else ()
        targets = (*api, *(t for t in (*links.all, *links.traps) if is_news(t) and _wanted(t, article.kind, scope)
                           and not _comes_with(article, t)))
    visit = replace(
        visit, kind=article.kind, rule=article.kind_rule, targets=targets,
        requisites=needs if article.kind is PageKind.POST else (), shown=shown(links, page),
        next_pages=tuple(t.url for t in links.next_pages) if links and article.kind is not PageKind.POST else (),
    )
    if article.kind is PageKind.POST and article.part_of and job.kind is not PageKind.PART and scope.contains(
            article.part_of):
        visit = _claim(visit, article)
    elif article.kind is PageKind.POST:
        visit = replace(visit, outcome=Outcome.ARCHIVED, article=article)
    elif article.kind_rule == "password":
        visit = replace(visit, outcome=Outcome.REFUSED, kind=job.kind, reason="it can only be read with a password")
    elif article.kind_rule == "not-found":
        visit = replace(visit, outcome=Outcome.GONE, kind=job.kind, reason="it says that it does not exist")
    else:
        visit = replace(visit, outcome=Outcome.NOT_ARTICLE, reason=f"it is no post: {article.kind_rule}")
    return Reading(visit, platform=article.platform)


def nowhere_of(answer: Answer) -> Nowhere:
    """What a site answers for an address that does not exist, from its answer for one."""
    if answer.status in _REDIRECTS:
        target = normalize(urljoin(answer.url, answer.headers.get("location", "")))
        same = target is not None and urlkey(target) == urlkey(answer.url)
        return Nowhere(answer.url, answer.status, urlkey(target) if target and not same else "")
    if answer.status != 200 or not _is_html(answer):
        return Nowhere(answer.url, answer.status)
    page = parse(answer.body, answer.url, answer.content_type, answer.at)
    return Nowhere(answer.url, answer.status, look=look_of(page.root, page.head_title, answer.url))


def _comes_with(article: Article, target: Target) -> bool:
    """Whether an address is a further page of the post that tells of it: those are read together with the post."""
    if not article.parts:
        return False
    own = (article.url, article.part_of, *article.parts, article.whole_at)
    keys = {urlkey(url) for url in own if url}
    return urlkey(target.url) in keys or any(
        way.key in keys and way.number <= MOST_PARTS for way in splits(target.url))


def _claim(visit: Visit, article: Article) -> Visit:
    """A page that says it is a page of another post; whether it is, the post itself will tell."""
    post = Target(article.part_of, Source.LINK, found_on=visit.url)
    visit = replace(visit, targets=(*visit.targets, post))
    if article.part <= 1:
        return replace(visit, final_url=article.part_of, outcome=Outcome.DUPLICATE, rule="first page",
                       reason=f"it shows the first page of {article.part_of}")
    return replace(visit, outcome=Outcome.PART, kind=PageKind.PART, article=article, rule=CLAIM, part=article.part,
                   part_of=article.part_of, reason=part_reason(article.part, article.part_of))


def _wanted(target: Target, kind: PageKind, scope: Scope) -> bool:
    """Sources may lie outside the scope; a feed deep below a post's address is one of its comments."""
    if target.kind is PageKind.FEED and kind is PageKind.POST:
        return len([s for s in urlsplit(target.url).path.split("/") if s]) <= 2
    return target.kind in (PageKind.FEED, PageKind.SITEMAP) or scope.contains(target.url)


def _links(page: Page, answer: Answer, scope: Scope) -> listing.Links | None:
    if page.root is None:
        return None
    return listing.parse_page(page.root, answer.url, scope, answer.headers.get("link", ""), answer.at.year + 1)


def _is_html(answer: Answer) -> bool:
    head = answer.body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    kind = answer.content_type.split(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        return b"\x00" not in head or head.startswith(_HTML_START)
    return (not kind or kind in ("text/plain", "application/octet-stream", "application/xml", "text/xml")) and (
        head.startswith(_HTML_START) or b"<html" in head)
