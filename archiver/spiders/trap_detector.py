"""Detects crawl traps during a run: decides which due pages to skip, and recognizes responses that show nothing new."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Any, Literal, NamedTuple

from archiver.articles.article_comparison import content_digest
from archiver.discovery.url_patterns import (
    NO_PATTERN,
    URLPattern,
    capture_pattern,
    feed_without_format,
    folder_pattern,
    form_pattern,
    may_be_post,
    page_number,
    pattern_of,
    series_of,
)
from archiver.frontier.fetch_order import SIDE_LISTING_PRIORITY, SOURCE_KINDS, VOUCHING_SOURCES
from archiver.frontier.trap_budgets import (
    BELOW_POST,
    ENOUGH_VIEWS,
    FEW_VIEWS,
    PART_FEEDS,
    SAMPLE_ROUNDS,
    SHOWN_REASON,
    SIDE_LISTS,
    EquivalentURLs,
    PatternBudgets,
    SetAsidePages,
    ShownAddresses,
    SourceCoverage,
    equivalent_url_reason,
    is_exempt_from_budget,
    is_limited_by_sources,
    pattern_budget_reason,
    plainer_urls,
    variant_family,
)
from archiver.model.due_reasons import NO_REMARKS, DueFor, Remark, Remarks
from archiver.model.items import DiscoveredURL, DiscoverySource, Outcome, PageKind, PageResult
from archiver.model.page_rules import EQUIVALENT_URL_RULE, PATTERN_BUDGET_RULE, PLAIN_FAMILIES
from archiver.model.urls import Scope, urlkey
from archiver.storage import Database, pages
from archiver.storage.page_writer import WrittenPage
from archiver.storage.pages import EPOCH, AddressState, DiscoveryReport, stamp
from archiver.storage.transactions import writing

REPEATED = "repeated listing"
ATTACHMENT = "attachment"
WALLS = frozenset({"login wall", "consent wall"})
_MAX_PER_RULE = 1_000
_MAX_WALLS = 20
_MOST_RESUMED = 10_000
_MOST_SIDE_LISTS, _MOST_COMPARED = 300, 5_000
"""Limits for comparing the lists of tags, months and so on. If a site has at most _MOST_SIDE_LISTS due lists, the lists
of one pattern are read before those of another. If the site has at most _MOST_COMPARED posts, the run determines
whether the lists of a pattern have shown all of them.
"""
_FEWEST_LINKED, _MOSTLY_LINKED = 20, 0.9
"""A list is trusted to show all posts only if at least `_FEWEST_LINKED` posts, and at least the share `_MOSTLY_LINKED`
of all posts, are linked from other posts, as by "previous" and "next"."""
_UNLIMITED = frozenset({PageKind.PART, *SOURCE_KINDS}) - {PageKind.FEED}
_LISTED = VOUCHING_SOURCES | {DiscoverySource.LISTING}
_WITHOUT_POSSIBLE_POSTS = frozenset({"below", "captures", "form", "feeds"})
"""Families of URL patterns that are not recognized by the form of a single URL (see `URLPattern`). For their pages,
`PageResult.possible_posts` is empty, so only links to unknown URLs count as news."""
_NEUTRAL = frozenset({Outcome.DUPLICATE, Outcome.FAILED, Outcome.PART})
"""Outcomes that say nothing about the page's folder: a redirect, a failure, a further page of a post."""
_MISSING = frozenset({Outcome.GONE, Outcome.NOT_FOUND})
_SAYS_NOTHING = {"folder": _NEUTRAL, "form": frozenset({Outcome.FAILED, Outcome.PART})}
"""Outcomes of a plain page that do not count for its folder or its form."""


class Verdict(NamedTuple):
    """The decision on a due page: `fetch` it now, `wait` until other pages of its URL pattern are answered, or
    `exclude` it by a rule.
    """

    decision: Literal["fetch", "wait", "exclude"]
    rule: str = ""
    reason: str = ""
    remarks: Remarks = NO_REMARKS


_FETCH, _WAIT = Verdict("fetch"), Verdict("wait")


def _rule_of(pattern: URLPattern) -> str:
    return f"{PATTERN_BUDGET_RULE}: {pattern.family}"


class TrapDetector:
    """Detects the crawl traps of one site during one run, from the pages that it sees.

    - `flush`: writes pending results before the tables are queried.
    - `run_id`: seeds the random samples of the pages that the run sets aside (excludes by the budget of their URL
      pattern).
    - `included`: counts set-aside pages that were made due again: sampled pages, and pages of patterns whose sample led
      to unknown posts.
    - `unrecorded`: counts, by rule, the excluded links that have no row, because there are too many.
    """

    def __init__(self, db: Database, site_id: int, scope: Scope, flush: Callable[[], object], run_id: int) -> None:
        self._db, self._site_id, self._scope, self._flush, self._run_id = db, site_id, scope, flush, run_id
        self._known_coverage: SourceCoverage | None = None
        self._due_lists: Counter[URLPattern] | None = None
        self._compared: set[URLPattern] = set()
        self._shown_posts = self._compared_posts = 0
        self._is_main_complete = False
        self._set_aside_by_lists: dict[int, URLPattern] = {}
        self._budget = PatternBudgets()
        self._shown = ShownAddresses()
        self._set_aside = SetAsidePages(run_id)
        self._samples: dict[str, URLPattern] = {}
        self._postponed: dict[URLPattern, tuple[int, ...]] = {}
        self.included = 0
        self.unrecorded: Counter[str] = Counter()
        self._equivalents = EquivalentURLs()
        self._in_progress: dict[str, tuple[URLPattern, ...]] = {}
        self._tests: dict[str, frozenset[str]] = {}
        self._lists: dict[tuple[str, str], str] = {}
        self._addresses: dict[str, AddressState] = {}
        self._reports: dict[int, list[DiscoveryReport]] = {}
        self._traps = Counter(pages.excluded_counts(db, site_id))
        self._walls = 0

    # Before fetching

    def limit_views_without_posts(self, now: datetime, until: datetime) -> None:
        """Limits the views of a page (addresses with a query, such as those of a calendar) that have led to no post so
        far: of each pattern with enough known pages, a random sample is fetched in this run, and the others that are
        due `now` are postponed to `until`. If the sample leads to an unknown post, they are fetched after all.
        """
        views: dict[URLPattern, list[tuple[int, bool]]] = {}
        for page_id, url, due_at in pages.views_without_post(self._db, self._site_id):
            views.setdefault(pattern_of(url, self._scope.path), []).append((page_id, (due_at or "~") <= stamp(now)))
        views = {one: rows for one, rows in views.items() if one.family == "query" and len(rows) >= ENOUGH_VIEWS}
        if not views:
            return
        for url in pages.views_with_posts(self._db, self._site_id):
            views.pop(pattern_of(url, self._scope.path), None)
        self._budget.limit_patterns(views)
        for pattern, rows in views.items():
            due = [page_id for page_id, is_due in rows if is_due]
            fetched = Random(f"{self._run_id} {pattern.key}").sample(due, min(FEW_VIEWS, len(due)))
            self._postponed[pattern] = tuple(page_id for page_id in due if page_id not in fetched)
            for page_id in self._postponed[pattern]:
                pages.postpone_page(self._db, page_id, stamp(until))

    @contextmanager
    def looked_up(self, rows: Collection[dict[str, Any]]) -> Iterator[None]:
        """Context manager in which `judge` may be called for the due pages `rows`. Looks up what `judge` needs for all
        of them together. Inside, only the pages that `judge` excludes may be changed in the pages table.
        """
        try:
            self._reports = pages.reports_of(self._db, [row["id"] for row in rows])
            self._reports = {row["id"]: self._reports.get(row["id"], []) for row in rows}
            open_rows = [row for row in rows if not self._is_exempt(row)]
            self._look_up_addresses(key for row in open_rows for key in self._addresses_for(row))
            yield
        finally:
            self._addresses, self._reports = {}, {}

    def _look_up_addresses(self, keys: Iterable[str]) -> None:
        self._addresses |= pages.address_states(self._db, set(keys).difference(self._addresses))

    def _addresses_for(self, row: dict[str, Any]) -> Iterator[str]:
        """Yields the urlkeys whose state `judge` may ask for to decide on a page."""
        yield row["urlkey"].rpartition("/")[0]
        yield from (plain for _, plain in self._equivalents.believed_plainer(row["urlkey"]))
        yield from (plain for plain, _ in self._equivalents.undecided(row["urlkey"]).values())

    def _state(self, key: str) -> AddressState:
        known = self._addresses.get(key)
        return pages.address_states(self._db, [key])[key] if known is None else known

    def reports(self, page_id: int) -> list[DiscoveryReport]:
        """Returns the reports of discovery sources about a page."""
        known = self._reports.get(page_id)
        return pages.reports_of(self._db, [page_id]).get(page_id, []) if known is None else known

    def judge(self, row: dict[str, Any], *, may_wait: bool = False) -> Verdict:
        """Decides whether to fetch a due page (a row of `pages.due_pages`) now, later or not at all. If `may_wait` is
        True, the page may have to wait for other pages that could show that it is not needed.
        """
        verdict = _FETCH if self._is_exempt(row) else self._judge(row, may_wait=may_wait)
        if verdict.decision == "exclude" and row["urlkey"] in self._addresses:
            self._addresses[row["urlkey"]] = AddressState()
        return verdict

    @staticmethod
    def _is_exempt(row: dict[str, Any]) -> bool:
        """Returns True if a due page is fetched even if its URL looks like a crawl trap."""
        kind = PageKind(row["kind"])
        return bool(row["fetched_at"] or kind in _UNLIMITED or (row["priority"] == 0 and kind is not PageKind.FEED))

    def _judge(self, row: dict[str, Any], *, may_wait: bool) -> Verdict:
        kind, key = PageKind(row["kind"]), row["urlkey"]
        if (sampled := self._samples.get(key)) or row["due_for"] == DueFor.REQUESTED:
            self._in_progress[key] = (sampled,) if sampled else self._budgeted_patterns(row)
            return _FETCH
        if may_wait and self._may_be_needless(pattern_of(row["url"], self._scope.path)):
            return _WAIT
        if (same := self._judge_other_address(row)) is not _FETCH:
            return same
        tested = frozenset[str]() if kind is PageKind.FEED else self._tested_variants(key)
        if tested is None:
            return _WAIT
        patterns = self._budgeted_patterns(row)
        verdict = self._judge_budgets(row, patterns)
        if verdict is _FETCH:
            if patterns:
                self._in_progress[key] = patterns
            self._tests[key] = tested
        return verdict

    def _judge_other_address(self, row: dict[str, Any]) -> Verdict:
        """Excludes a page that shows the same as another address does. Makes a feed wait until the other format of the
        feed has been read.
        """
        key = row["urlkey"]
        if row["kind"] == PageKind.FEED:
            return self._judge_feed_format(row)
        variant, plain = self._equivalent_of(key)
        if variant and not any(one.source in VOUCHING_SOURCES for one in self.reports(row["id"])):
            return Verdict(
                "exclude",
                f"{EQUIVALENT_URL_RULE}: {variant_family(variant)}",
                equivalent_url_reason(variant, plain),
            )
        return _FETCH

    def _judge_feed_format(self, row: dict[str, Any]) -> Verdict:
        """Excludes a feed that was already read in another format, such as the Atom form of an RSS feed. If the other
        format was found earlier but has not been read yet, this one waits.
        """
        own = feed_without_format(row["url"])
        if own == row["url"]:
            return _FETCH
        for url, was_read, is_due in pages.feeds_before(self._db, self._site_id, row["id"]):
            if feed_without_format(url) == own and (was_read or is_due):
                reason = f"it is the feed at {url} in another format"
                return Verdict("exclude", f"{EQUIVALENT_URL_RULE}: feed format", reason) if was_read else _WAIT
        return _FETCH

    def _judge_budgets(self, row: dict[str, Any], patterns: tuple[URLPattern, ...]) -> Verdict:
        """Decides on a page by the budgets of its URL patterns."""
        for pattern in patterns:
            if self._is_shown_by_main_list(pattern, row["url"]):
                self._set_aside.add(pattern, row["id"])
                self._set_aside_by_lists[row["id"]] = pattern
                return Verdict("exclude", _rule_of(pattern), SHOWN_REASON)
            waiting = sum(1 for others in self._in_progress.values() if pattern in others)
            if self._budget.remaining(pattern, self._coverage()) > waiting:
                continue
            by_sources = is_limited_by_sources(pattern, self._coverage())
            reported_by = [(one.source, pattern_of(one.found_on, self._scope.path)) for one in self.reports(row["id"])]
            is_listed_post = by_sources and row["kind"] == PageKind.POST
            if is_exempt_from_budget(pattern, reported_by, by_sources=by_sources and not is_listed_post):
                continue
            if waiting:
                return _WAIT
            self._set_aside.add(pattern, row["id"])
            if not by_sources:
                return Verdict("exclude", _rule_of(pattern), pattern_budget_reason(pattern))
            if pages.source_coverage(self._db, self._site_id).is_complete:
                return Verdict("exclude", _rule_of(pattern), remarks={Remark.COVERED: ""})
            self._set_aside_by_lists[row["id"]] = pattern
            return Verdict("exclude", _rule_of(pattern), SHOWN_REASON)
        return _FETCH

    def _is_shown_by_main_list(self, pattern: URLPattern, url: str) -> bool:
        """Returns True for the second and further pages of a list of a tag or month if the site's main list shows all
        posts, and no list of this pattern led to an unknown page. The first page of each list is fetched, since a site
        may leave a whole category out of its main list.
        """
        return (
            pattern.family in SIDE_LISTS
            and (page_number(url) or 1) > 1
            and pattern in self._budget.patterns_of_known()
            and self._is_main_list_complete()
        )

    def _is_main_list_complete(self) -> bool:
        """Returns True if a list of the site, such as that of its home page, shows all known posts, and nearly all
        posts are linked from another post, as by "previous" and "next". If the list lacked some posts, such as those
        before a certain year, these links would have led to them.
        """
        posts = self._coverage().posts
        if posts != self._compared_posts:
            self._compared_posts = posts
            linked = pages.count_posts_linked_by_posts(self._db, self._site_id)
            is_tested = max(_FEWEST_LINKED, _MOSTLY_LINKED * posts) <= linked and posts <= _MOST_COMPARED
            keys = pages.post_urlkeys(self._db, self._site_id, posts) if is_tested else []
            self._is_main_complete = bool(keys) and any(
                pattern not in self._set_aside and all(self._shown.has(pattern, key) for key in keys)
                for pattern in self._budget.patterns_read("paging")
            )
        return self._is_main_complete

    def _is_limited(self, pattern: URLPattern) -> bool:
        """Returns True if sources or the site's main list show all posts, so that few pages of a pattern are needed."""
        by_main_list = pattern.family in SIDE_LISTS and pattern in self._set_aside_by_lists.values()
        return is_limited_by_sources(pattern, self._coverage()) or (by_main_list and self._is_main_list_complete())

    def _may_be_needless(self, pattern: URLPattern) -> bool:
        """Returns True if the pages in progress may show that a list need not be fetched. A further page of a list is
        not needed if the pages in progress show no more links to posts. A list of a tag or month is not needed if lists
        of a pattern with fewer pages show all posts.
        """
        if pattern.family in SIDE_LISTS and not self._coverage().is_complete:
            due = self._side_lists()
            return pattern in due and pattern != min(due, key=lambda one: (due[one], one))
        return pattern.family == "paging" and self._coverage().is_undecided

    def _side_lists(self) -> Counter[URLPattern]:
        """Returns the number of due lists by pattern (tags, categories, months); an empty Counter if there are too many
        lists.
        """
        if self._due_lists is None:
            most = _MOST_SIDE_LISTS
            urls = pages.due_urls(self._db, self._site_id, SIDE_LISTING_PRIORITY, most + 1)
            patterns = (pattern_of(url, self._scope.path) for url in urls) if len(urls) <= most else ()
            self._due_lists = Counter(pattern for pattern in patterns if pattern.family in SIDE_LISTS)
            self._compare_lists(self._due_lists)
        return self._due_lists

    def _compare_lists(self, due: Counter[URLPattern]) -> None:
        """Determines whether the lists of one pattern show all posts of the site, if all lists of this pattern have
        been read and led to nothing unknown. If they do, the site has no other post, as if a complete source had listed
        them all. `due` counts the due lists by pattern.
        """
        for pattern in self._budget.patterns_of_known():
            if not due or pattern in due or pattern in self._set_aside or pattern in self._compared:
                continue
            if not any(pattern in patterns for patterns in self._in_progress.values()):
                self._compared.add(pattern)
                keys = pages.post_urlkeys(self._db, self._site_id, _MOST_COMPARED + 1)
                if len(keys) <= _MOST_COMPARED and all(self._shown.has(pattern, key) for key in keys):
                    self._shown_posts, self._known_coverage = len(keys), None

    def _coverage(self) -> SourceCoverage:
        """Returns how many of the site's posts its sources list, counting only results of this run that are already
        written.
        """
        if self._known_coverage is None:
            found = pages.source_coverage(self._db, self._site_id)
            self._known_coverage = replace(found, listed=max(found.listed, min(self._shown_posts, found.posts)))
        return self._known_coverage

    def _equivalent_of(self, key: str) -> tuple[str, str]:
        """Returns the variant ("letter case") by which a URL is believed to be equivalent to a plainer URL, and the
        plainer URL; ("", "") if there is no such plainer URL.
        """
        believed = self._equivalents.believed_plainer(key)
        return next(
            ((variant, plain) for variant, plain in believed if self._is_read_elsewhere(key, variant, plain)), ("", "")
        )

    def _is_read_elsewhere(self, key: str, variant: str, plain: str) -> bool:
        """Returns True if the post at `key` is also fetched at another URL: at the plainer URL, or at a URL that this
        variant reduces to the same plainer URL. In this case `key` need not be fetched, provided that the variant shows
        the same post.
        """
        return self._state(plain).is_stored_or_due or (
            variant.startswith("?")
            and any(
                other != key and plainer_urls(other).get(variant) == plain
                for other in pages.sibling_urlkeys(self._db, plain)
            )
        )

    def _tested_variants(self, key: str) -> frozenset[str] | None:
        """Returns the undecided variants (differences from plainer URLs) that fetching this page would confirm or
        refute; None if the page has to wait, because enough pages that test them are in progress.
        """
        out = set()
        for variant, (plain, more) in self._equivalents.undecided(key).items():
            name = variant_family(variant)
            if name not in out and self._is_read_elsewhere(key, variant, plain):
                if sum(name in variants for variants in self._tests.values()) >= more:
                    return None
                out.add(name)
        return frozenset(out)

    def _budgeted_patterns(self, row: dict[str, Any]) -> tuple[URLPattern, ...]:
        """Returns the URL patterns whose budgets apply to a page. A plain page, for which no source vouches and whose
        address has no other pattern, has two: the pattern of its address ("/news/9/9/s.html") and its folder.
        """
        if row["kind"] == PageKind.FEED:
            is_part = self._coverage().is_complete and pages.is_part_feed(self._db, row["id"])
            return (PART_FEEDS,) if is_part else ()
        pattern = pattern_of(row["url"], self._scope.path)
        if pattern is not NO_PATTERN:
            return (pattern,)
        if row["kind"] != PageKind.UNKNOWN:
            return ()
        above, _, last = row["urlkey"].rpartition("/")
        if not last.isdecimal() and self._state(above).is_post:
            return (BELOW_POST,)
        reports = self.reports(row["id"])
        if reports and all(one.source is DiscoverySource.CDX for one in reports):
            return (capture_pattern(row["url"]),)
        if any(one.vouches for one in reports):
            return ()
        return form_pattern(row["url"], self._scope.path), folder_pattern(row["url"], self._scope.path)

    def resume(self) -> None:
        """Adds the pages that the run before this one set aside to this run's samples, if that run ended before it took
        its own.
        """
        for row in pages.set_aside_pages(self._db, self._site_id, PATTERN_BUDGET_RULE, _MOST_RESUMED):
            for pattern in self._budgeted_patterns(row)[:1]:
                self._set_aside.add(pattern, row["id"])

    def sample_set_aside(self) -> bool:
        """At the end of the run, makes due a random sample of the pages that it has set aside; returns False if no
        pages are left to sample.

        A sampled page that is a post, or that leads to an unknown possible post, reopens its pattern. If the sources
        turn out not to list all posts, the pages that were set aside because they seemed to list all become due, too.
        """
        reopened = self._reopen_unlisted()
        chosen = self._set_aside.take_samples(SAMPLE_ROUNDS, self._is_limited)
        if chosen:
            pages.include_pages(self._db, chosen, EPOCH)
            self.included += len(chosen)
            self._samples.update((key, chosen[page_id]) for page_id, key in pages.urlkeys_of_pages(self._db, chosen))
        return bool(chosen) or reopened

    def _reopen_unlisted(self) -> bool:
        """Makes pages due again that were skipped on an assumption since disproved: that a source lists all posts
        (assumed in this run or an earlier one), or that other lists show them all (in this run). Returns True if any
        pages are due again.
        """
        rows, coverage = pages.covered_pages(self._db, self._site_id), self._coverage()
        found = {row["id"]: self._budgeted_patterns(row) for row in rows}
        found = {
            page_id: patterns
            for page_id, patterns in found.items()
            if not any(is_limited_by_sources(pattern, coverage) for pattern in patterns)
        }
        for page_id, pattern in self._set_aside_by_lists.items():
            if not self._is_limited(pattern):
                found[page_id] = (pattern,)
        self._set_aside_by_lists = {one: at for one, at in self._set_aside_by_lists.items() if one not in found}
        pages.include_pages(self._db, found, EPOCH)
        self.included += len(found)
        for pattern in {pattern for patterns in found.values() for pattern in patterns}:
            if pattern in self._set_aside:
                self._set_aside.reopen(pattern)
        return bool(found)

    def set_aside_counts(self) -> dict[str, dict[str, dict[str, int]]]:
        """Returns the numbers of pages that this run has set aside and sampled, for its statistics (see
        `SetAsidePages.as_json`).
        """
        return self._set_aside.as_json(PATTERN_BUDGET_RULE)

    def _reopen(self, pattern: URLPattern) -> None:
        """Makes the set-aside pages of a pattern due, and gives the pattern a new budget."""
        rows = pages.set_aside_pages(self._db, self._site_id, _rule_of(pattern))
        due = [row["id"] for row in rows if pattern in self._budgeted_patterns(row)]
        pages.include_pages(self._db, due, EPOCH)
        self.included += len(due)
        self._set_aside.reopen(pattern)
        self._budget.reopen(pattern)

    def mark_not_fetched(self, key: str) -> None:
        """Records that a page that was handed out, given by its urlkey, is not fetched after all."""
        self._in_progress.pop(key, None)
        self._tests.pop(key, None)

    def is_wanted(self, target: DiscoveredURL) -> bool:
        """Returns True if a new URL is to be recorded. Returns False if a rule excludes it and 1,000 URLs are already
        recorded for that rule; the URL is then only counted.
        """
        rule = target.trap
        if not rule and target.source in (DiscoverySource.LINK, DiscoverySource.LISTING):
            variant, _ = self._equivalent_of(urlkey(target.url))
            rule = f"{EQUIVALENT_URL_RULE}: {variant_family(variant)}" if variant else ""
        if not rule:
            return True
        if self._traps[rule] >= _MAX_PER_RULE and not pages.is_known(self._db, urlkey(target.url)):
            self.unrecorded[rule] += 1
            return False
        self._traps[rule] += 1
        return True

    # After fetching

    def correct_repeats(self, result: PageResult) -> PageResult:
        """Returns a page's result, corrected if the page only repeats what this run has seen.

        If a page of a listing repeats an earlier one, no further pages of the listing are fetched. The page of a
        picture below a post does not count as a post.
        """
        if result.kind is not PageKind.POST and result.shown:
            return self._as_repeated(result)
        if result.outcome is Outcome.ARCHIVED and result.article and not content_digest(result.article.body):
            return self._as_attachment(result)
        return result

    def _as_repeated(self, result: PageResult) -> PageResult:
        series = series_of(result.url)
        first = self._lists.setdefault((series, result.shown), result.url)
        if first == result.url:
            return result
        rest = tuple(t for t in result.targets if series_of(t.url) != series)
        return replace(
            result,
            targets=rest,
            next_pages=(),
            rule=REPEATED,
            reason=f"it links to the same pages as {first}: the listing ends there",
        )

    def _as_attachment(self, result: PageResult) -> PageResult:
        above = urlkey(result.url).rpartition("/")[0]
        if re.search(r"/\d+$", urlkey(result.url)):
            return result
        self._flush()
        if not self._state(above).is_post:
            return result
        row = self._db.execute("select id from pages where urlkey = ?", [urlkey(result.url)]).fetchone()
        if row and any(one.source in _LISTED for one in self.reports(row[0])):
            return result
        return replace(
            result,
            outcome=Outcome.NOT_ARTICLE,
            kind=PageKind.OTHER,
            article=None,
            rule=ATTACHMENT,
            reason="it has no text and its address is below a post: it shows one of the post's pictures",
        )

    def record_written(self, written: Iterable[WrittenPage]) -> None:
        """Records what a batch of results has shown, and makes due the pages that it calls for."""
        with writing(self._db):
            for result, article_id, new in written:
                self._record(result, article_id, new)

    def _record(self, result: PageResult, article_id: int | None, new: list[DiscoveredURL]) -> None:
        key = urlkey(result.url)
        self._known_coverage = self._due_lists = None
        is_post = result.outcome in (Outcome.ARCHIVED, Outcome.UNCHANGED) and result.kind is PageKind.POST
        self._tests.pop(key, None)
        for pattern in self._in_progress.pop(key, ()):
            self._count_page(pattern, result, is_post=is_post, new=new)
        self._samples.pop(key, None)
        if self._postponed:
            self._look_for_news(result, is_post=is_post, new=new)
        if is_post and result.outcome is Outcome.ARCHIVED:
            self._credit_pages_that_link_to(key)
        if self._is_page(result):
            self._credit_form(result.url)
        if result.kind is PageKind.LISTING:
            self._note_first_page(result)
        if result.outcome is Outcome.DUPLICATE and article_id is not None:
            self._equivalents.record_same_post(key, pages.urlkeys_of_article(self._db, article_id))
        elif result.outcome is Outcome.ARCHIVED and article_id is not None:
            plainer = plainer_urls(key)
            found = pages.article_ids_at(self._db, plainer.values())
            others = {variant for variant, plain in plainer.items() if found.get(plain, article_id) != article_id}
            self._equivalents.record_own_post(key, others)

    def _count_page(self, pattern: URLPattern, result: PageResult, *, is_post: bool, new: list[DiscoveredURL]) -> None:
        unknown = any(self._is_news(target, pattern) for target in new)
        shown = self._shown.add(pattern, result.possible_posts)
        if pattern.family == "folder":
            # A link from one plain page to another does not count. If the linked page is a post, it is counted in
            # favour of the folder instead.
            unknown = False
        elif pattern.family == "form":
            is_post = self._is_page(result)
        has_news = self._are_news(shown) if pattern.family not in _WITHOUT_POSSIBLE_POSTS else unknown
        if pattern.family not in PLAIN_FAMILIES or result.outcome not in _SAYS_NOTHING[pattern.family]:
            missing = result.outcome in _MISSING
            self._budget.count_page(
                pattern, is_post=is_post, has_news=has_news, has_unknown=unknown, is_missing=missing
            )
        if urlkey(result.url) in self._samples and (is_post or unknown):
            self._set_aside.count_hit(pattern)
            self._reopen(pattern)

    def _look_for_news(self, result: PageResult, *, is_post: bool, new: list[DiscoveredURL]) -> None:
        """If a view of a limited pattern is a post or leads to an unknown one, makes the postponed views due again."""
        pattern = pattern_of(result.url, self._scope.path)
        if pattern in self._postponed and (is_post or any(self._is_news(target, pattern) for target in new)):
            for page_id in self._postponed.pop(pattern):
                pages.postpone_page(self._db, page_id, EPOCH)
            self._budget.reopen(pattern)

    @staticmethod
    def _is_page(result: PageResult) -> bool:
        """Returns True if a plain page exists: the response is a web page and not a redirect."""
        return result.outcome not in (*_MISSING, *_NEUTRAL) and result.rule != "not-html"

    def _credit_pages_that_link_to(self, key: str) -> None:
        """Counts the new post at the urlkey `key` in favour of the folders of the plain pages that link to it, if
        nothing but these links reported it.
        """
        for url in pages.only_pages_that_link_to(self._db, key):
            folder = folder_pattern(url, self._scope.path)
            if pattern_of(url, self._scope.path) is not NO_PATTERN:
                continue
            self._budget.credit(folder)
            if folder in self._set_aside:
                self._set_aside.count_hit(folder)
                self._reopen(folder)

    def _credit_form(self, url: str) -> None:
        """Records that a page at an address with this pattern (`form_pattern`) exists, so that links to other addresses
        with the pattern are fetched.
        """
        form = form_pattern(url, self._scope.path)
        if self._budget.is_used_by_posts(form):
            return
        self._budget.credit(form)
        if form in self._set_aside:
            self._reopen(form)

    def _note_first_page(self, result: PageResult) -> None:
        """Records the entries on the first page of a list as shown by the pattern of the list's further pages. The
        first page has another pattern, since its address contains no page number.
        """
        patterns = {pattern_of(url, self._scope.path) for url in result.next_pages}
        for pattern in patterns - {pattern_of(result.url, self._scope.path)}:
            if pattern.family == "paging" and result.listed:
                self._shown.add(pattern, result.listed.entries)

    def _is_news(self, target: DiscoveredURL, found_on: URLPattern) -> bool:
        """Returns True if a discovered URL may be a post, and is not believed to be equivalent to a plainer URL.
        `found_on` is the pattern of the page on which it was found: a URL of the same pattern does not count.
        """
        return (
            not target.trap
            and target.kind not in SOURCE_KINDS
            and may_be_post(target.url, found_on, self._scope.path)
            and self._are_news([urlkey(target.url)])
        )

    def _are_news(self, keys: list[str]) -> bool:
        """Returns True if at least one of these urlkeys is not believed to be equivalent to a plainer URL."""
        return any(not self._equivalent_of(key)[0] for key in keys)

    def is_walled(self, result: PageResult) -> bool:
        """Counts a result that shows a wall. Returns True if so many results in a row showed a wall that the whole site
        must be behind it.
        """
        self._walls = self._walls + 1 if result.rule in WALLS else 0
        return self._walls >= _MAX_WALLS
