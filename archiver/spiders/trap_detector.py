"""Detects crawl traps during a run: decides which due pages to skip, and recognises responses that show nothing new."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from sqlite_utils import Database

from archiver.articles.identity import content_digest
from archiver.discovery.url_classifier import NO_PATTERN, URLPattern, capture_pattern, pattern_of, series_of
from archiver.frontier import redundant_urls
from archiver.frontier.redundant_urls import BELOW_POST, EquivalentURLs, PatternBudgets, is_exempt_from_budget
from archiver.frontier.revisit import SOURCE_KINDS, VOUCHING_SOURCES
from archiver.items import DiscoveredURL, DiscoverySource, Outcome, PageKind, PageResult
from archiver.storage import crawl_exclusions
from archiver.urls import Scope, urlkey

REPEATED = "repeated listing"
ATTACHMENT = "attachment"
WALLS = frozenset({"login wall", "consent wall"})
_MAX_PER_RULE = 1_000
_MAX_WALLS = 20
_UNLIMITED = frozenset({PageKind.PART, *SOURCE_KINDS})
_LISTED = VOUCHING_SOURCES | {DiscoverySource.LISTING}
_NEWS = frozenset({"", "numbers", "query"})


class Verdict(NamedTuple):
    """The decision on a due page: `fetch` it now, `wait` until others of its URL pattern are answered, or `exclude` it
    by a rule.
    """

    decision: Literal["fetch", "wait", "exclude"]
    rule: str = ""
    reason: str = ""


_FETCH, _WAIT = Verdict("fetch"), Verdict("wait")


class TrapDetector:
    """Detects the crawl traps of one site during one run, from the pages that it sees. `flush` writes pending results
    before the tables are queried.
    """

    def __init__(self, db: Database, site_id: int, scope: Scope, flush: Callable[[], None]) -> None:
        self._db, self._site_id, self._scope, self._flush = db, site_id, scope, flush
        self._budget = PatternBudgets(lambda: crawl_exclusions.known_post_count(db, site_id))
        self._equivalents = EquivalentURLs()
        self._in_progress: dict[str, URLPattern] = {}
        self._tests: dict[str, frozenset[str]] = {}
        self._lists: dict[tuple[str, str], str] = {}
        self._traps = Counter(crawl_exclusions.excluded_counts(db, site_id))
        self._walls = 0

    # Before fetching

    def judge(self, row: dict[str, Any]) -> Verdict:
        """Decide whether to fetch a due page (a row of `pages.due_pages`) now, later or not at all."""
        kind, key = PageKind(row["kind"]), row["urlkey"]
        if row["fetched_at"] or row["priority"] == 0 or kind in _UNLIMITED:
            return _FETCH
        variant, plain = self._equivalent_of(key)
        if variant and not any(
            source in VOUCHING_SOURCES for source, _ in crawl_exclusions.discovered_by(self._db, row["id"])
        ):
            return Verdict(
                "exclude",
                f"{redundant_urls.EQUIVALENT_URL_RULE}: {redundant_urls.variant_family(variant)}",
                redundant_urls.equivalent_url_reason(variant, plain),
            )
        tested = self._tested_variants(key)
        if tested is None:
            return _WAIT
        shape = self._shape(row)
        if shape is NO_PATTERN:
            self._tests[key] = tested
            return _FETCH
        waiting = sum(1 for other in self._in_progress.values() if other == shape)
        if self._budget.remaining(shape) > waiting:
            self._in_progress[key] = shape
            self._tests[key] = tested
            return _FETCH
        reported_by = [
            (source, pattern_of(at, self._scope.path))
            for source, at in crawl_exclusions.discovered_by(self._db, row["id"])
        ]
        if is_exempt_from_budget(shape, reported_by):
            return _FETCH
        return (
            _WAIT
            if waiting
            else Verdict(
                "exclude",
                f"{redundant_urls.PATTERN_BUDGET_RULE}: {shape.family}",
                redundant_urls.pattern_budget_reason(shape),
            )
        )

    def _equivalent_of(self, key: str) -> tuple[str, str]:
        """Return the variant ("letter case") by which a URL is believed to be equivalent to a plainer one, and the
        plainer one; ("", "") if there is none.
        """
        believed = self._equivalents.believed_plainer(key)
        return next(
            ((variant, plain) for variant, plain in believed if self._is_read_elsewhere(key, variant, plain)), ("", "")
        )

    def _is_read_elsewhere(self, key: str, variant: str, plain: str) -> bool:
        """Return True if the post at `key` need not be fetched there, provided that this variant shows the same post:
        the plainer URL is fetched, or another URL that is reduced to it by the same variant.
        """
        return crawl_exclusions.is_stored_or_due(self._db, plain) or (
            variant.startswith("?")
            and any(
                other != key and redundant_urls.plainer_urls(other).get(variant) == plain
                for other in crawl_exclusions.sibling_urlkeys(self._db, plain)
            )
        )

    def _tested_variants(self, key: str) -> frozenset[str] | None:
        """Return the variants that fetching this page would confirm or refute; None if it has to wait, because enough
        pages that do so are in progress.
        """
        out = set()
        for variant, (plain, more) in self._equivalents.undecided(key).items():
            name = redundant_urls.variant_family(variant)
            if name not in out and self._is_read_elsewhere(key, variant, plain):
                if sum(name in variants for variants in self._tests.values()) >= more:
                    return None
                out.add(name)
        return frozenset(out)

    def _shape(self, row: dict[str, Any]) -> URLPattern:
        shape = pattern_of(row["url"], self._scope.path)
        above, _, last = row["urlkey"].rpartition("/")
        if (
            shape is NO_PATTERN
            and row["kind"] == PageKind.UNKNOWN
            and not last.isdecimal()
            and crawl_exclusions.is_post(self._db, above)
        ):
            return BELOW_POST
        if (
            shape is NO_PATTERN
            and row["kind"] == PageKind.UNKNOWN
            and crawl_exclusions.is_only_from_cdx(self._db, row["urlkey"])
        ):
            return capture_pattern(row["url"])
        return shape

    def mark_not_fetched(self, key: str) -> None:
        """Record that a page that was handed out is not fetched after all."""
        self._in_progress.pop(key, None)
        self._tests.pop(key, None)

    def is_wanted(self, target: DiscoveredURL) -> bool:
        """Return False once 1,000 URLs excluded by the same rule are recorded."""
        rule = target.trap
        if not rule and target.source in (DiscoverySource.LINK, DiscoverySource.LISTING):
            variant, _ = self._equivalent_of(urlkey(target.url))
            rule = f"{redundant_urls.EQUIVALENT_URL_RULE}: {redundant_urls.variant_family(variant)}" if variant else ""
        if not rule:
            return True
        self._traps[rule] += 1
        return self._traps[rule] <= _MAX_PER_RULE

    @contextmanager
    def undone_on_error(self) -> Iterator[None]:
        """Context manager that undoes what was recorded inside it if an error is raised, since the surrounding
        transaction is rolled back.

        The results of such a batch are written again one by one, and would otherwise count twice.
        """
        before = self._budget.copy(), self._equivalents.copy(), dict(self._in_progress), dict(self._tests)
        try:
            yield
        except BaseException:
            self._budget, self._equivalents, self._in_progress, self._tests = before
            raise

    # After fetching

    def correct_repeats(self, result: PageResult) -> PageResult:
        """Return a page's result, corrected if the page only repeats what this run has seen.

        A listing page that repeats another one ends the listing, and the page of a picture below a post is not a
        post itself.
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
        if not crawl_exclusions.is_post(self._db, above):
            return result
        row = self._db.execute("select id from pages where urlkey = ?", [urlkey(result.url)]).fetchone()
        if row and any(source in _LISTED for source, _ in crawl_exclusions.discovered_by(self._db, row[0])):
            return result
        return replace(
            result,
            outcome=Outcome.NOT_ARTICLE,
            kind=PageKind.OTHER,
            article=None,
            rule=ATTACHMENT,
            reason="it has no text and its address is below a post: it shows one of the post's pictures",
        )

    def record_written(self, result: PageResult, article_id: int | None, new: list[DiscoveredURL]) -> None:
        """Record that a result was written. `new` are the URLs that it was the first to report."""
        key = urlkey(result.url)
        is_post = result.outcome in (Outcome.ARCHIVED, Outcome.UNCHANGED) and result.kind is PageKind.POST
        self._tests.pop(key, None)
        shape = self._in_progress.pop(key, None)
        if shape is not None:
            self._budget.count_page(shape, is_post=is_post, has_news=any(self._is_news(t, shape) for t in new))
        if result.outcome is Outcome.DUPLICATE and article_id is not None:
            self._equivalents.record_same_post(key, crawl_exclusions.urlkeys_of_article(self._db, article_id))
        elif result.outcome is Outcome.ARCHIVED and article_id is not None:
            found = {
                variant: crawl_exclusions.article_id_at(self._db, plain)
                for variant, plain in redundant_urls.plainer_urls(key).items()
            }
            self._equivalents.record_own_post(
                key, {variant for variant, other in found.items() if other not in (None, article_id)}
            )

    def _is_news(self, target: DiscoveredURL, found_on: URLPattern) -> bool:
        """Return True if a discovered URL may be a post, and has another pattern than the page that it was found on."""
        shape = pattern_of(target.url, self._scope.path)
        return (
            not target.trap
            and target.kind not in SOURCE_KINDS
            and shape.family in _NEWS
            and (shape != found_on and not self._equivalent_of(urlkey(target.url))[0])
        )

    def is_walled(self, result: PageResult) -> bool:
        """Count a result that shows a wall. Return True if so many in a row did that the whole site must be
        behind one.
        """
        self._walls = self._walls + 1 if result.rule in WALLS else 0
        return self._walls >= _MAX_WALLS
