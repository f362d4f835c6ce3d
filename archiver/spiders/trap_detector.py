"""What a run learns of a site's traps while it goes: which pages it need not ask for, and which show nothing new."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from sqlite_utils import Database

from archiver.articles.identity import content_digest
from archiver.discovery.url_classifier import NONE, URLPattern, captures, pattern_of, series_of
from archiver.frontier import url_patterns
from archiver.frontier.revisit import SOURCE_KINDS, VOUCHING
from archiver.frontier.url_patterns import BELOW, EquivalentURLs, PatternBudgets, is_promised
from archiver.items import DiscoveredURL, DiscoverySource, Outcome, PageKind, PageResult
from archiver.storage import crawl_exclusions
from archiver.urls import Scope, urlkey

REPEATED = "repeated listing"
ATTACHMENT = "attachment"
WALLS = frozenset({"login wall", "consent wall"})
_MOST_OF_A_RULE = 1_000
_MOST_WALLS = 20
_OWN_WAYS = frozenset({PageKind.PART, *SOURCE_KINDS})
_ENTRIES = VOUCHING | {DiscoverySource.LISTING}
_NEWS = frozenset({"", "numbers", "query"})


class Verdict(NamedTuple):
    """`ask` for it now, `wait` until others of its shape have answered, or set it `aside` by a rule."""

    what: Literal["ask", "wait", "aside"]
    rule: str = ""
    reason: str = ""


_ASK, _WAIT = Verdict("ask"), Verdict("wait")


class TrapDetector:
    """One run's knowledge of one site. `flush` writes what waits, before the ledger is asked about it."""

    def __init__(self, db: Database, site_id: int, scope: Scope, flush: Callable[[], None]) -> None:
        self._db, self._site_id, self._scope, self._flush = db, site_id, scope, flush
        self._budget = PatternBudgets(lambda: crawl_exclusions.known_post_count(db, site_id))
        self._twins = EquivalentURLs()
        self._under_way: dict[str, URLPattern] = {}
        self._doubts: dict[str, frozenset[str]] = {}
        self._lists: dict[tuple[str, str], str] = {}
        self._traps = Counter(crawl_exclusions.excluded_counts(db, site_id))
        self._walls = 0

    # What is asked for

    def judge(self, row: dict[str, Any]) -> Verdict:
        """What to do with a page that is due (a row of `ledger.due_pages`)."""
        kind, key = PageKind(row["kind"]), row["urlkey"]
        if row["fetched_at"] or row["priority"] == 0 or kind in _OWN_WAYS:
            return _ASK
        way, plain = self._twin_of(key)
        if way and not any(source in VOUCHING for source, _ in crawl_exclusions.discovered_by(self._db, row["id"])):
            return Verdict(
                "aside",
                f"{url_patterns.RULE}: {url_patterns.family(way)}",
                url_patterns.equivalent_url_reason(way, plain),
            )
        doubted = self._doubted(key)
        if doubted is None:
            return _WAIT
        shape = self._shape(row)
        if shape is NONE:
            self._doubts[key] = doubted
            return _ASK
        waiting = sum(1 for other in self._under_way.values() if other == shape)
        if self._budget.left(shape) > waiting:
            self._under_way[key] = shape
            self._doubts[key] = doubted
            return _ASK
        told = [
            (source, pattern_of(at, self._scope.path))
            for source, at in crawl_exclusions.discovered_by(self._db, row["id"])
        ]
        if is_promised(shape, told):
            return _ASK
        return (
            _WAIT
            if waiting
            else Verdict(
                "aside",
                f"{url_patterns.PATTERN_BUDGET_RULE}: {shape.family}",
                url_patterns.pattern_budget_reason(shape),
            )
        )

    def _twin_of(self, key: str) -> tuple[str, str]:
        """The way, of those that are believed, in which an address is another's twin, and the other; else empty."""
        believed = self._twins.plainer(key)
        return next(((way, plain) for way, plain in believed if self._stands(key, way, plain)), ("", ""))

    def _stands(self, key: str, way: str, plain: str) -> bool:
        """Whether what is at `key`, were it a twin in this way, is read at another address."""
        return crawl_exclusions.is_read_instead(self._db, plain) or (
            way.startswith("?")
            and any(
                other != key and url_patterns.plainer_urls(other).get(way) == plain
                for other in crawl_exclusions.sibling_urlkeys(self._db, plain)
            )
        )

    def _doubted(self, key: str) -> frozenset[str] | None:
        """The ways of which this page would tell whether they are to be believed; None where enough such pages are
        under way: what they show is awaited.
        """
        out = set()
        for way, (plain, more) in self._twins.open(key).items():
            name = url_patterns.family(way)
            if name not in out and self._stands(key, way, plain):
                if sum(name in ways for ways in self._doubts.values()) >= more:
                    return None
                out.add(name)
        return frozenset(out)

    def _shape(self, row: dict[str, Any]) -> URLPattern:
        shape = pattern_of(row["url"], self._scope.path)
        above, _, last = row["urlkey"].rpartition("/")
        if (
            shape is NONE
            and row["kind"] == PageKind.UNKNOWN
            and not last.isdecimal()
            and crawl_exclusions.is_post(self._db, above)
        ):
            return BELOW
        if (
            shape is NONE
            and row["kind"] == PageKind.UNKNOWN
            and crawl_exclusions.is_only_from_cdx(self._db, row["urlkey"])
        ):
            return captures(row["url"])
        return shape

    def leave(self, key: str) -> None:
        """A page that was to be asked for is not, after all."""
        self._under_way.pop(key, None)
        self._doubts.pop(key, None)

    def is_wanted(self, target: DiscoveredURL) -> bool:
        """Whether the ledger has room for it: of what is not asked for by one rule, an example would do."""
        rule = target.trap
        if not rule and target.source in (DiscoverySource.LINK, DiscoverySource.LISTING):
            way, _ = self._twin_of(urlkey(target.url))
            rule = f"{url_patterns.RULE}: {url_patterns.family(way)}" if way else ""
        if not rule:
            return True
        self._traps[rule] += 1
        return self._traps[rule] <= _MOST_OF_A_RULE

    @contextmanager
    def kept(self) -> Iterator[None]:
        """What is noted meanwhile holds unless an error undoes it, as the transaction around it is undone.

        The visits of a batch that is undone are written once more, each alone, and would count twice.
        """
        before = self._budget.copy(), self._twins.copy(), dict(self._under_way), dict(self._doubts)
        try:
            yield
        except BaseException:
            self._budget, self._twins, self._under_way, self._doubts = before
            raise

    # What came back

    def settled(self, visit: PageResult) -> PageResult:
        """A visit in the light of those before it: a list that shows again what another page of it showed ends
        there, and a page of a picture below its post is no post.
        """
        if visit.kind is not PageKind.POST and visit.shown:
            return self._as_repeated(visit)
        if visit.outcome is Outcome.ARCHIVED and visit.article and not content_digest(visit.article.body):
            return self._as_attachment(visit)
        return visit

    def _as_repeated(self, visit: PageResult) -> PageResult:
        series = series_of(visit.url)
        first = self._lists.setdefault((series, visit.shown), visit.url)
        if first == visit.url:
            return visit
        rest = tuple(t for t in visit.targets if series_of(t.url) != series)
        return replace(
            visit,
            targets=rest,
            next_pages=(),
            rule=REPEATED,
            reason=f"it leads to what {first} leads to: the pages of this list end there",
        )

    def _as_attachment(self, visit: PageResult) -> PageResult:
        above = urlkey(visit.url).rpartition("/")[0]
        if re.search(r"/\d+$", urlkey(visit.url)):
            return visit
        self._flush()
        if not crawl_exclusions.is_post(self._db, above):
            return visit
        row = self._db.execute("select id from pages where urlkey = ?", [urlkey(visit.url)]).fetchone()
        if row and any(source in _ENTRIES for source, _ in crawl_exclusions.discovered_by(self._db, row[0])):
            return visit
        return replace(
            visit,
            outcome=Outcome.NOT_ARTICLE,
            kind=PageKind.OTHER,
            article=None,
            rule=ATTACHMENT,
            reason="it has no text and stands below a post: it shows a picture of it",
        )

    def written(self, visit: PageResult, article_id: int | None, fresh: list[DiscoveredURL]) -> None:
        """A visit was written; `fresh` is what it told of that nothing had told of before."""
        key = urlkey(visit.url)
        is_post = visit.outcome in (Outcome.ARCHIVED, Outcome.UNCHANGED) and visit.kind is PageKind.POST
        self._doubts.pop(key, None)
        shape = self._under_way.pop(key, None)
        if shape is not None:
            self._budget.note(shape, is_post=is_post, has_news=any(self._is_news(t, shape) for t in fresh))
        if visit.outcome is Outcome.DUPLICATE and article_id is not None:
            self._twins.same(key, crawl_exclusions.addresses_of(self._db, article_id))
        elif visit.outcome is Outcome.ARCHIVED and article_id is not None:
            found = {
                way: crawl_exclusions.article_of(self._db, plain)
                for way, plain in url_patterns.plainer_urls(key).items()
            }
            self._twins.another(key, {way for way, other in found.items() if other not in (None, article_id)})

    def _is_news(self, target: DiscoveredURL, told_by: URLPattern) -> bool:
        """Whether a page of this shape led to what may be a post by telling of this."""
        shape = pattern_of(target.url, self._scope.path)
        return (
            not target.trap
            and target.kind not in SOURCE_KINDS
            and shape.family in _NEWS
            and (shape != told_by and not self._twin_of(urlkey(target.url))[0])
        )

    def is_walled(self, visit: PageResult) -> bool:
        """Whether so many pages in a row showed a wall that it stands before all of the site."""
        self._walls = self._walls + 1 if visit.rule in WALLS else 0
        return self._walls >= _MOST_WALLS
