"""Archives single pages that a person has named, without crawling their sites; and fetches one page without an archive.

A page becomes part of the site to which it belongs. If the archive has no such site, its host becomes a site that is
not crawled (crawl=no), so that neither `archiver crawl` nor `archiver schedule` crawls the rest of it. The pages are
fetched like those of a crawl: robots.txt, delays, WARC records and all pipelines are the same.
"""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urljoin

from archiver.discovery.url_patterns import origin_of
from archiver.learning.stored_pages import read_response
from archiver.model.errors import ArticleRemoved, BadAddress, HostNotFound, PageNotFetched, URLNotFound
from archiver.model.items import Outcome, PageKind
from archiver.model.urls import normalize, start_address, urlkey
from archiver.scheduling.crawl_plans import CommonOptions, CrawlPlan, CrawlResult, make_plan
from archiver.scheduling.crawl_pool import run_plans
from archiver.sites.config import effective_settings
from archiver.storage import Database
from archiver.storage.captures import tombstone_at
from archiver.storage.database import discard_empty_archive, opened
from archiver.storage.pages import capture_of_page, forget_missing_pages, moment, page_row
from archiver.storage.sites import SiteLookup, find_site, forget_unanswered_site, remove_site
from archiver.storage.transactions import writing
from archiver.storage.url_history import url_history

PageOutcome = Literal[
    "new",
    "revised",
    "unchanged",
    "known",
    "not-article",
    "gone",
    "held",
    "refused",
    "failed",
    "removed",
    "invalid",
    "interrupted",
]
"""The result for one named page. "known": it is archived, and was not fetched again. "removed": a takedown forbids it.
"invalid": it is not the URL of a page. "held": its new state is stored once it is confirmed."""
ARCHIVED: frozenset[PageOutcome] = frozenset({"new", "revised", "unchanged", "known"})
_BY_STORED: dict[str, PageOutcome] = {
    Outcome.NOT_ARTICLE: "not-article",
    Outcome.GONE: "gone",
    Outcome.NOT_FOUND: "gone",
    Outcome.HELD: "held",
    Outcome.REFUSED: "refused",
    Outcome.OUT_OF_SCOPE: "refused",
    Outcome.TRAP: "refused",
}
_SHOWN = frozenset({Outcome.ARCHIVED, Outcome.UNCHANGED, Outcome.DUPLICATE, Outcome.PART})
_FEW = 20
"""The progress is shown if more pages than this are fetched."""
_MOST_MOVES = 3
"""A page is followed over at most this many redirects from one site to another."""


@dataclass(frozen=True, slots=True)
class NamedPage:
    """One page that a person has named, with the result of adding it.

    - `asked`: its address as the person gave it; `url`: in normalized form, or where a redirect led.
    - `reason`: why it is not archived, or how its address differs from that of its article.
    - `article`: the ID of the article that it shows; None if it shows none.
    - `site`: the site to which it belongs; "" if it was not fetched.
    """

    asked: str
    url: str
    outcome: PageOutcome
    reason: str = ""
    site: str = ""
    article: int | None = None
    title: str = ""
    revision: int | None = None

    @property
    def is_archived(self) -> bool:
        return self.outcome in ARCHIVED

    def as_json(self) -> dict[str, Any]:
        return {
            "asked": self.asked,
            "url": self.url,
            "outcome": self.outcome,
            "reason": self.reason,
            "site": self.site or None,
            "id": self.article,
            "title": self.title or None,
            "revision": self.revision,
        }


@dataclass(frozen=True, slots=True)
class AddOptions:
    """How pages are added. `again`: fetch archived pages again, too. `delay`, `contact` and `requisites` override the
    settings of the sites. If `quiet` is True, no progress is shown.
    """

    again: bool = False
    delay: float | None = None
    contact: str | None = None
    requisites: str = ""
    workers: int = 4
    quiet: bool = True


@dataclass(slots=True)
class _Addition:
    """The pages that are being added to an archive.

    - `pages`: the result of each page so far, by its address as given.
    - `waiting`: the URLs still to fetch, with the addresses that led to them.
    - `newest`: the ID of the newest article before anything was fetched; `revisions`: the current revisions of the
      articles of the pages.
    - `unknown`: the urlkeys of pages, and `new_sites` the names of sites, that the archive did not have.
    """

    archive: Path
    options: AddOptions
    pages: dict[str, NamedPage] = field(default_factory=dict)
    waiting: dict[str, list[str]] = field(default_factory=dict)
    newest: int = 0
    revisions: dict[int, int] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    new_sites: set[str] = field(default_factory=set)

    def settle(self, url: str, page: NamedPage) -> None:
        """Stores the result of a URL for each address that led to it."""
        for asked in self.waiting.pop(url, []):
            self.pages[asked] = replace(page, asked=asked)


def add_pages(archive: Path, addresses: Iterable[str], options: AddOptions) -> tuple[list[NamedPage], int]:
    """Fetches pages and archives them. Returns the result of each page, in the order of `addresses` without
    repetitions, and the signal that ended the command (0 for none).

    The archive is created if at least one page can be requested. Raises ContactMissing or BadContact before anything is
    fetched, and the errors of `open_archive`; if all pages are on one site, also ArchiveInUse and HostInUse.
    """
    asked = list(dict.fromkeys(address.strip() for address in addresses))
    adding = _Addition(archive, options)
    _read_addresses(adding, asked)
    is_new = not archive.exists() or not archive.stat().st_size
    if not is_new:
        with opened(archive, read_only=True) as db:
            _settle_known(adding, db)
    signum = 0
    for turn in range(1 + _MOST_MOVES):
        if not adding.waiting or signum:
            break
        signum = _fetch(adding, apart=turn > 0)
    for url in list(adding.waiting):
        adding.settle(url, NamedPage(url, url, "failed", "it redirects from site to site without end"))
    if is_new and archive.exists() and not signum:
        discard_empty_archive(archive)
    return [adding.pages[one] for one in asked], signum


def _read_addresses(adding: _Addition, asked: Sequence[str]) -> None:
    for address in asked:
        try:
            adding.waiting.setdefault(start_address(address), []).append(address)
        except BadAddress as error:
            adding.pages[address] = NamedPage(address, address, "invalid", str(error))


def _settle_known(adding: _Addition, db: Database) -> None:
    """Stores the result of the pages that need no request: those that are archived (unless they are to be fetched
    again), and those that were removed.
    """
    adding.newest = _newest_article(db)
    for url in list(adding.waiting):
        if removal := tombstone_at(db, urlkey(url)):
            adding.settle(url, NamedPage(url, url, "removed", str(ArticleRemoved(url, removal.explanation))))
            continue
        try:
            found = url_history(db, url)
        except URLNotFound:
            continue
        if found["article"]:
            adding.revisions[found["article"]["id"]] = found["article"]["revision"]
            if not adding.options.again:
                fetched = (found["fetched_at"] or "")[:10]
                adding.settle(url, _page_of(found, "known", f"fetched {fetched}" if fetched else ""))


def _newest_article(db: Database) -> int:
    return int(db.execute("select ifnull(max(id), 0) from articles").fetchone()[0])


def _page_of(found: Mapping[str, Any], outcome: PageOutcome, reason: str) -> NamedPage:
    """Returns the named page for what the archive knows of its URL (`found`, from `url_history`)."""
    article = found["article"] or {}
    return NamedPage(
        found["asked"],
        found["url"],
        outcome,
        reason,
        found["site"] or "",
        article.get("id"),
        article.get("title") or "",
        article.get("revision"),
    )


def _fetch(adding: _Addition, *, apart: bool) -> int:
    """Fetches the pages that wait, and stores the results of those that did not lead to another site. If `apart` is
    True, fetches in another process, because Scrapy cannot run twice in one. Returns the signal that ended the crawl.
    """
    plans = _plan(adding)
    if not plans:
        return 0
    order = CommonOptions(
        adding.archive,
        requisites=adding.options.requisites,
        progress=not adding.options.quiet and len(adding.waiting) > _FEW,
        quiet=adding.options.quiet,
    )
    with opened(adding.archive, create=True) as db:
        _prepare(adding, db, plans)
    results, signum = run_plans(plans, order, adding.options.workers, apart=apart)
    with opened(adding.archive) as db:
        for plan, result in zip(plans, results, strict=True):
            for url in plan.pages:
                _settle_fetched(adding, db, url, result)
        _forget_mistakes(adding, db, plans)
    return signum


def _plan(adding: _Addition) -> list[CrawlPlan]:
    """Returns a plan for each site that has a page to fetch. Stores the results of pages whose host does not exist."""
    by_site: dict[str, list[str]] = {}
    settings: dict[str, dict[str, Any]] = {}
    if adding.archive.exists() and adding.archive.stat().st_size:
        with opened(adding.archive, read_only=True) as db:
            lookup, settings_of = SiteLookup(db), effective_settings(db)
            for url in adding.waiting:
                site = lookup.of(url)
                start = site.start_url if site else origin_of(url)
                by_site.setdefault(start, []).append(url)
                if site:
                    settings[start] = settings_of({**find_site(db, site.name), "id": site.id})
    else:
        for url in adding.waiting:
            by_site.setdefault(origin_of(url), []).append(url)
    plans = []
    for start, urls in by_site.items():
        own, options = settings.get(start, {}), adding.options
        try:
            plan = make_plan(start, own, options.delay, options.contact, known=start in settings)
        except HostNotFound as error:
            for url in urls:
                adding.settle(url, NamedPage(url, url, "failed", str(error)))
            continue
        plans.append(replace(plan, pages=tuple(urls)))
    return plans


def _prepare(adding: _Addition, db: Database, plans: Sequence[CrawlPlan]) -> None:
    """Adds the sites that the archive does not have, and notes which pages it does not have."""
    lookup, now = SiteLookup(db), datetime.now(UTC)
    adding.newest = adding.newest or _newest_article(db)
    for plan in plans:
        if lookup.of(plan.pages[0]) is None:
            with writing(db):
                adding.new_sites.add(lookup.make(plan.pages[0], now).name)
        adding.unknown |= {urlkey(url) for url in plan.pages if page_row(db, urlkey(url)) is None}


def _settle_fetched(adding: _Addition, db: Database, url: str, result: CrawlResult) -> None:
    """Stores the result of a page after its site was visited; if it redirects to another site, makes its target wait
    instead.
    """
    try:
        found = url_history(db, url)
        for _ in range(_MOST_MOVES):
            if not found["redirects_to"]:
                break
            found = url_history(db, found["redirects_to"]) | {"asked": url}
    except (URLNotFound, ArticleRemoved) as error:
        reason = str(error) if isinstance(error, ArticleRemoved) else result.reason
        adding.settle(url, NamedPage(url, url, "removed" if isinstance(error, ArticleRemoved) else "failed", reason))
        return
    if found["outcome"] == Outcome.OUT_OF_SCOPE and (target := _redirect_target(db, adding.archive.parent, found)):
        asked = adding.waiting.pop(url, [])
        if target in adding.waiting or target == url:
            return
        adding.waiting.setdefault(target, []).extend(asked)
        return
    adding.settle(url, _judge(adding, found, result))


def _judge(adding: _Addition, found: Mapping[str, Any], result: CrawlResult) -> NamedPage:
    article, stored = found["article"], found["outcome"]
    if article and stored in _SHOWN:
        before = adding.revisions.get(article["id"])
        adding.revisions[article["id"]] = article["revision"]
        if article["id"] > adding.newest and before is None:
            outcome: PageOutcome = "new"
        else:
            outcome = "revised" if before is not None and article["revision"] > before else "unchanged"
        return _page_of(found, outcome, _describe_difference(found))
    if stored in (Outcome.DUE, None):
        stopped: PageOutcome = "interrupted" if result.outcome == "interrupted" else "failed"
        return _page_of(found, stopped, result.reason or "it was not fetched")
    return _page_of(found, _BY_STORED.get(stored, "failed"), _advise_crawl(found) or found["reason"] or result.reason)


def _advise_crawl(found: Mapping[str, Any]) -> str:
    """Returns the reason why a page that lists posts is not an article, with the command that archives the posts.
    Returns "" for other pages.
    """
    if found["outcome"] != Outcome.NOT_ARTICLE or found["kind"] not in (PageKind.LISTING, PageKind.FEED):
        return ""
    what = "a feed" if found["kind"] == PageKind.FEED else "a page that lists posts"
    return f"it is {what}, not a post: 'archiver crawl {shlex.quote(found['site'])}' archives the posts of the site"


def _describe_difference(found: Mapping[str, Any]) -> str:
    """Returns a phrase that says that the article of a page has another address, or the text of another article."""
    if copy := found["article"]["duplicate_of"]:
        return f"the same text as article {copy}"
    shown = found["article"]["url"]
    return f"another URL of {shown}" if urlkey(shown) != urlkey(found["asked"]) else ""


def _redirect_target(db: Database, folder: Path, found: Mapping[str, Any]) -> str:
    """Returns the URL to which the captured response of a page redirects; "" if it does not."""
    captured = read_response(db, folder, capture_of_page(db, found["urlkey"]))
    if captured is None:
        return ""
    location = next((value for name, value in captured[0].headers if name.lower() == "location"), "")
    return (normalize(urljoin(found["url"], location)) or "") if location else ""


def _forget_mistakes(adding: _Addition, db: Database, plans: Sequence[CrawlPlan]) -> None:
    """Removes the traces of mistyped addresses: pages that do not exist, and new sites of which no page answered."""
    for name in sorted(adding.new_sites):
        answered = any(page.site == name and page.outcome not in _NOTHING for page in adding.pages.values())
        if not answered:
            adding.new_sites.discard(name)
            if not forget_unanswered_site(db, name):
                remove_site(db, name)
    keys = {urlkey(url) for plan in plans for url in plan.pages} & adding.unknown
    with writing(db):
        forget_missing_pages(db, keys)


_NOTHING: frozenset[PageOutcome] = frozenset({"gone", "failed", "interrupted"})


# One page without an archive.


@dataclass(frozen=True, slots=True)
class FetchedDocument:
    """A page that was fetched without an archive: its URL after redirects, its bytes, its content type, and when it was
    fetched.
    """

    url: str
    body: bytes
    content_type: str
    at: datetime


def fetch_page(address: str, *, delay: float | None = None, contact: str | None = None) -> FetchedDocument:
    """Fetches one page as a crawl would, and keeps nothing. Raises BadAddress, ContactMissing, BadContact, and
    PageNotFetched if robots.txt forbids it or the server does not send it.
    """
    start_address(address)
    with tempfile.TemporaryDirectory(prefix="archiver-page-") as folder:
        archive = Path(folder, "archive.db")
        options = AddOptions(delay=delay, contact=contact, requisites="none", workers=1)
        page = add_pages(archive, [address], options)[0][0]
        if page.outcome not in ("new", "not-article"):
            raise PageNotFetched(page.url, page.reason or page.outcome)
        with opened(archive, read_only=True) as db:
            captured = read_response(db, archive.parent, capture_of_page(db, urlkey(page.url)))
        if captured is None:
            raise PageNotFetched(page.url, page.reason or "the server sent no page")
        response, capture = captured
        at = moment(capture["captured_at"]) or datetime.now(UTC)
        return FetchedDocument(page.url, response.body, response.content_type, at)
