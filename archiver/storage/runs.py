"""The table `runs`: what each run did. And the records of backups and integrity checks: when the last were made, and
which damage the checks found.

Checks read an archive in units: a table, a range of articles, a WARC file, or the database file as a whole. The
functions that write expect to run inside the caller's transaction.
"""

from __future__ import annotations

import json
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from statistics import median, quantiles
from typing import Any, Literal

from archiver.model.errors import SiteRemoved
from archiver.model.fields import MEASURED, WEIGHED
from archiver.model.items import FOREIGN_FEED, Article, DiscoverySource, Evidence, Outcome, PageKind, PageResult
from archiver.storage import Database
from archiver.storage.columns import IS_LIVE, stored_object, stored_time
from archiver.storage.pages import EPOCH, last_rowid, stamp
from archiver.storage.transactions import PATIENCE, is_site_locked, path_of, writing

# -- the table runs


@dataclass(slots=True)
class Counts:
    """The counts of one run: numbers of pages or articles, and `bytes` received over the network.

    - `requisite_requests`: requests for requisites (images, stylesheets and fonts), which are counted separately.
    - `requisites`: requisites that were captured or are unchanged.
    - `requisites_failed`: requisites that could not be captured.
    - `rejudged`: pages that proved to be posts because of their form.
    - `withdrawn`: articles that proved not to be posts.
    - `held`: pages whose new state is not stored until it is confirmed. A page counts once in each run.
    - `accepted`: held pages whose new state was stored, because three fetches had found it.
    """

    requests: int = 0
    bytes: int = 0
    found: int = 0
    fetched: int = 0
    new: int = 0
    revised: int = 0
    unchanged: int = 0
    aliased: int = 0
    duplicate: int = 0
    gone: int = 0
    refused: int = 0
    failed: int = 0
    trapped: int = 0
    rejudged: int = 0
    withdrawn: int = 0
    requisite_requests: int = 0
    requisites: int = 0
    requisites_failed: int = 0
    held: int = 0
    accepted: int = 0

    def add(self, other: Counts) -> None:
        for one in fields(other):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


_CRAWLED = "mode <> 'pages'"
"""SQL: a run that looked for the pages of its site, and did not only fetch pages that a person had named."""


def begin_run(db: Database, site_id: int, mode: str, version: str, now: datetime, repairs: Sequence[str] = ()) -> int:
    """Inserts a run that begins now and returns its ID. `mode` says what kind of run it is, as in the table `runs`. An
    earlier run that never ended, because of a kill or a power cut, is closed as interrupted.

    `repairs` are phrases for the repairs made after that run; they become part of the run's reason.
    """
    reason = "; ".join(("the process ended without closing the run", *repairs))
    db.execute(
        "update runs set outcome = 'interrupted', reason = ? "
        "where site_id = ? and finished_at is null and outcome is null",
        [reason, site_id],
    )
    row: dict[str, Any] = {"site_id": site_id, "mode": mode, "started_at": stamp(now), "version": version}
    db.insert("runs", {**row, **asdict(Counts())})
    return last_rowid(db)


KILLED = "its process ended without closing the run; the next crawl continues it"


def run_as_shown(db: Database, site: str, run: dict[str, Any]) -> dict[str, Any]:
    """Returns a row of `runs` as it is shown to people. A run that was killed has no outcome until the next crawl
    closes it; it is shown as interrupted if no process holds the lock of its site.
    """
    if run["outcome"] is not None or is_site_locked(path_of(db), site):
        return run
    return {**run, "outcome": "interrupted", "reason": KILLED}


def check_run(db: Database, run_id: int, site: dict[str, Any]) -> None:
    """Raises SiteRemoved if the run is no longer in the archive, because its site was removed."""
    if db.execute("select 1 from runs where id = ? and site_id = ?", [run_id, site["id"]]).fetchone() is None:
        raise SiteRemoved(site["name"])


@contextmanager
def writing_run(db: Database, run_id: int, site: dict[str, Any], patience: float = PATIENCE) -> Iterator[None]:
    """Context manager for a write transaction of a run. Raises ArchiveLocked if another program locks the archive for
    more than `patience` seconds, and SiteRemoved if the site was removed.
    """
    with writing(db, patience):
        check_run(db, run_id, site)
        yield


def end_run(
    db: Database, run_id: int, counts: Counts, outcome: str, reason: str, now: datetime, statistics: str | None = None
) -> None:
    """Closes a run. `outcome` is finished, waiting, interrupted or failed; `reason` is a sentence, except for a
    finished run; `statistics` is the JSON from `RunStatistics.as_json`, None if nothing was measured.
    """
    articles = db.execute(
        f"select count(*) from articles where {IS_LIVE} and site = "
        "(select s.name from runs r join sites s on s.id = r.site_id where r.id = ?)",
        [run_id],
    ).fetchone()[0]
    ended = {"outcome": outcome, "reason": reason, "finished_at": stamp(now)}
    db.update("runs", run_id, {**asdict(counts), **ended, "articles": articles, "statistics": statistics})


def usage_since(db: Database, at: datetime) -> dict[int, tuple[int, int]]:
    """Returns the requests and received bytes of the runs that began since this time, by site ID."""
    rows = db.execute(
        "select site_id, total(requests) + total(requisite_requests), total(bytes) from runs where started_at >= ? "
        "group by 1",
        [stamp(at)],
    )
    return {site: (int(requests), int(size)) for site, requests, size in rows}


def forget_run_health(db: Database, site_id: int) -> None:
    """Deletes the health stored with the last run of a site, because a person has changed the results of the run. The
    health is then computed when the site is shown.
    """
    db.execute(
        "update runs set health = null where id = "
        "(select id from runs where site_id = ? and outcome is not null order by id desc limit 1)",
        [site_id],
    )


def crawl_started(db: Database, site_id: int, run_id: int) -> str:
    """Returns the beginning of the crawl to which this run belongs (ISO 8601, UTC). An interrupted crawl continues in
    the next run.
    """
    began: str = db.execute(
        "select min(started_at) from runs where site_id = ? and id <= ? and id > "
        f"(select coalesce(max(id), 0) from runs where site_id = ? and outcome = 'finished' and id < ? and {_CRAWLED})",
        [site_id, run_id, site_id, run_id],
    ).fetchone()[0]
    return began


def has_finished(db: Database, site_id: int) -> bool:
    """Returns True if at least one crawl of this site has finished without being interrupted."""
    query = f"select 1 from runs where site_id = ? and outcome = 'finished' and {_CRAWLED}"
    return db.execute(query, [site_id]).fetchone() is not None


def has_only_single_pages(db: Database, site_id: int) -> bool:
    """Returns True if single pages of this site were fetched, and the site was never crawled."""
    query = f"select min(not {_CRAWLED}) from runs where site_id = ? and outcome is not null"
    return bool(db.execute(query, [site_id]).fetchone()[0])


def last_run(db: Database, site_id: int) -> dict[str, Any] | None:
    """Returns the row of the site's last crawl that has ended; None if none has ended."""
    query = f"select * from runs where site_id = ? and outcome is not null and {_CRAWLED} order by id desc limit 1"
    return next(iter(db.query(query, [site_id])), None)


def last_finished_version(db: Database, site_id: int) -> str:
    """Returns the version of this program that finished the site's last complete run; "" if there was none."""
    row = db.execute(
        f"select version from runs where site_id = ? and outcome = 'finished' and {_CRAWLED} order by id desc limit 1",
        [site_id],
    ).fetchone()
    return row[0] or "" if row else ""


@dataclass(frozen=True, slots=True)
class LastRun:
    """A crawl run that has ended."""

    id: int
    started: datetime
    outcome: str


def last_ended_runs(db: Database, site_id: int, number: int) -> list[LastRun]:
    """Returns the last crawl runs of a site that have ended, at most `number`, newest first."""
    rows = db.execute(
        "select id, started_at, outcome from runs where site_id = ? and mode in ('full', 'incremental') and "
        "coalesce(outcome, '') <> '' order by id desc limit ?",
        [site_id, number],
    )
    return [LastRun(row[0], at, row[2]) for row in rows if (at := stored_time(row[1]))]


def unfinished_full_crawl(db: Database, site_id: int) -> str:
    """Returns when the last full crawl of a site began (ISO 8601), if it is unfinished: it was to fetch all known
    pages, some are still due, and neither it nor any run since has finished. Otherwise returns "".
    """
    found = db.execute(
        "select r.started_at from runs r where r.site_id = ? and r.mode = 'full' and not exists (select 1 from runs o "
        "where o.site_id = r.site_id and o.id >= r.id and o.mode in ('full', 'incremental') "
        "and o.outcome = 'finished' and coalesce(o.reason, '') = '') and exists (select 1 from pages p "
        "where p.site_id = r.site_id and p.due_at = ? and p.fetched_at < r.started_at and p.kind in (?, ?)) "
        "order by r.id desc limit 1",
        [site_id, EPOCH, PageKind.POST, PageKind.LISTING],
    ).fetchone()
    return found[0] if found else ""


# -- run statistics


_SAMPLING_RUNS = 20


def latest_samples(db: Database, site_id: int) -> dict[str, dict[str, int]]:
    """Returns, by rule, the latest sample of the pages that the rule set aside (excluded from fetching). `sampled` is
    the number of sampled pages, and `hits` the number of these that are posts or lead to unknown posts. Examines only
    the last 20 runs that set pages aside.
    """
    rows = db.execute(
        "select statistics from runs where site_id = ? and statistics like '%\"set_aside\"%' order by id desc limit ?",
        [site_id, _SAMPLING_RUNS],
    )
    out: dict[str, dict[str, int]] = {}
    for (text,) in rows:
        for rule, patterns in MeasuredRun.from_json(text).set_aside.items():
            counts = {name: sum(row[name] for row in patterns.values()) for name in ("sampled", "hits")}
            out.setdefault(rule, counts)
    return out


def unrecorded_links(db: Database, site_id: int) -> dict[str, int]:
    """Returns, by trap rule, how many links in the last run with statistics led to excluded pages that have no row."""
    row = db.execute(
        "select statistics from runs where site_id = ? and statistics is not null order by id desc limit 1", [site_id]
    ).fetchone()
    return dict(MeasuredRun.from_json(row[0]).unrecorded) if row else {}


def left_pages_unsampled(db: Database, site_id: int, run_id: int) -> bool:
    """Returns True if the site's last run before `run_id` set pages aside (excluded them by a budget), but ended or was
    killed before it sampled them.
    """
    row = db.execute(
        f"select statistics from runs where site_id = ? and id < ? and {_CRAWLED} order by id desc limit 1",
        [site_id, run_id],
    ).fetchone()
    if row is None or row[0] is None:
        return row is not None
    patterns = (one for by_pattern in MeasuredRun.from_json(row[0]).set_aside.values() for one in by_pattern.values())
    return any(one["pages"] and not one["sampled"] for one in patterns)


# -- runs that failed, of all sites


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run that has ended. `fault` is the rule of the last page that failed or was refused, as in `MeasuredRun`; ""
    for a run that could fetch pages.
    """

    id: int
    site: str
    started: datetime
    fault: str


@dataclass(frozen=True, slots=True)
class FailedSeries:
    """The last runs of a site, all of which failed: from `first` to `last`."""

    first: EndedRun
    last: EndedRun


# A run that was killed has an outcome but no `finished_at`, and says nothing about its site.
_LOOKING = "mode in ('full', 'incremental') and outcome is not null and finished_at is not null"
_ENDED_RUN = "r.id, s.name, r.started_at, coalesce(r.statistics ->> '$.fault', '')"


def failed_series(db: Database) -> list[FailedSeries]:
    """Returns, for each site whose last run failed, the series of failed runs with which its history ends. The series
    are sorted by the start of their first run.
    """
    last = db.execute(
        f"select {_ENDED_RUN} from sites s join runs r on r.id = "
        f"(select max(id) from runs where site_id = s.id and {_LOOKING}) where r.statistics ->> '$.fault' <> ''"
    ).fetchall()
    out = []
    for row in last:
        first = db.execute(
            f"select {_ENDED_RUN} from runs r join sites s on s.id = r.site_id where r.id = (select min(id) from runs "
            f"where site_id = s.id and {_LOOKING} and id > coalesce((select max(id) from runs where site_id = s.id "
            f"and {_LOOKING} and coalesce(statistics ->> '$.fault', '') = ''), 0)) and s.name = ?",
            [row[1]],
        ).fetchone()
        out.append(FailedSeries(_ended_run(first or row), _ended_run(row)))
    return sorted(out, key=lambda one: one.first.id)


def ended_runs(db: Database, run_id: int, *, backwards: bool = False) -> Iterator[EndedRun]:
    """Yields this run and later ended runs of all sites, in the order of their start. If `backwards` is True, yields
    this run and earlier ones, newest first.
    """
    order = "<= ? and {} order by r.id desc" if backwards else ">= ? and {} order by r.id"
    rows = db.execute(
        f"select {_ENDED_RUN} from runs r join sites s on s.id = r.site_id where r.id {order.format(_LOOKING)}",
        [run_id],
    )
    return (_ended_run(row) for row in rows)


def _ended_run(row: tuple[int, str, str, str]) -> EndedRun:
    number, site, started, fault = row
    return EndedRun(number, site, stored_time(started) or datetime.fromtimestamp(0, UTC), fault)


AGAIN = " again"
"""The suffix of the outcome, in statistics, of pages that had the same outcome before: those that failed again, for
example."""


_BAD = (Outcome.FAILED, Outcome.REFUSED)


_ALIAS = "alias"
"""The outcome, in statistics, of a page with the outcome DUPLICATE that was not a redirect. Such a page shows a post
whose own address is another one."""


_REDIRECT_RULE = re.compile(r"http-3\d\d|meta-refresh")


_READ = (Outcome.ARCHIVED, Outcome.UNCHANGED)


_LEFT = (Outcome.GONE, Outcome.DUPLICATE)


_STORED_IF_ZERO = ("articles", "fields", "shown", "listed")
"""Statistics that are stored even if they are 0 or empty. All other statistics are left out if they are 0 or empty."""


_UNCLEAR_RULES = ("undated", "empty")
"""Rules of pages that show neither signs of being a post nor signs of being something else."""


_NO_POST = (*_BAD, Outcome.GONE, Outcome.NOT_ARTICLE)


_FAILED_RUNS = ("failed", "waiting")


_FORBIDDEN = "robots"


_HINTS = ("feed", "sitemap", "listing")
"""Sources whose values can mask that a page no longer shows a field. An API is not among them, because it is more
reliable than the page."""


_SHOWN = 0.5  # evidence must have at least this confidence to prove that a page shows a field


_MAYBE_HINTED = tuple(name for name in MEASURED if name in WEIGHED)


@dataclass(frozen=True, slots=True)
class UnreadPages:
    """The pages that a run did not read. `set_aside`, `unrecorded` and `unseen` have the same meanings as in
    `MeasuredRun`.
    """

    set_aside: Mapping[str, Mapping[str, Mapping[str, int]]]
    unrecorded: Mapping[str, int]
    unseen: int


@dataclass(frozen=True, slots=True)
class MeasuredRun:
    """The statistics of one run, with which later runs are compared. Any of these statistics may be missing for a run
    that ended early.

    - `articles`: the number of posts whose page was fetched and extracted.
    - `fields`: for each field, the number of these posts that have a value for it.
    - `shown`: for each field, the number of these posts whose pages show the field. Posts whose value comes only from a
      feed or sitemap are not counted.
    - `length`: the median length of these posts in characters.
    - `outcomes`: the number of pages by outcome. "failed again" counts pages that also failed the last time; the same
      is counted for refused, gone and duplicate. "duplicate": pages that redirected; "alias": pages that show a post
      with another address.
    - `statuses`: the number of responses by HTTP status.
    - `latency`, `latency_95`: seconds to a response, at the median and the 95th percentile.
    - `listed`: the number of posts in the site's largest feed; None if no feed was fetched. Posts of other sites are
      not counted.
    - `sources`: the number of feeds, sitemaps and APIs that responded when last fetched.
    - `reported`: the number of pages fetched for the first time that sources had reported as posts.
    - `stored`: the number of the `reported` pages that were stored.
    - `unreported`: the number of new pages that no source had reported as posts, and that are posts or show no sign of
      what they are.
    - `posts`: the number of new pages that no source had reported as posts, and that are posts.
    - `set_aside`: the pages that the run excluded by the budgets of URL patterns, by rule and pattern. `pages` is the
      number of pages that were not read, `sampled` the number that were read as a sample, and `hits` the number of
      sampled pages that are posts or lead to unknown posts.
    - `unrecorded`: the number of links to excluded pages without a row, by rule. Such pages have no row if their rule
      excludes more than a thousand.
    - `sampled`: the number of posts that were fetched only to find edits that no source announces.
    - `sample_changed`: how many of the sampled posts had changed or were gone.
    - `unseen`: the number of other posts whose edits no source announces, and that the run did not fetch.
    - `fault`: if the run failed or had to wait, the rule of the last page that failed or was refused (not by
      robots.txt).
    """

    articles: int = 0
    fields: Mapping[str, int] = field(default_factory=dict)
    length: float | None = None
    outcomes: Mapping[str, int] = field(default_factory=dict)
    statuses: Mapping[str, int] = field(default_factory=dict)
    latency: float | None = None
    latency_95: float | None = None
    listed: int | None = None
    sources: Mapping[str, int] = field(default_factory=dict)
    reported: int = 0
    stored: int = 0
    unreported: int = 0
    posts: int = 0
    set_aside: Mapping[str, Mapping[str, Mapping[str, int]]] = field(default_factory=dict)
    unrecorded: Mapping[str, int] = field(default_factory=dict)
    sampled: int = 0
    sample_changed: int = 0
    unseen: int = 0
    shown: Mapping[str, int] | None = None
    fault: str = ""

    @classmethod
    def from_json(cls, text: str | None) -> MeasuredRun:
        """Decodes the column `runs.statistics` (None: nothing was measured); unknown keys are ignored."""
        known = stored_object(text)
        return cls(**{name: known[name] for name in cls.__slots__ if known.get(name) is not None})

    def as_dict(self) -> dict[str, Any]:
        return {
            name: dict(value) if isinstance(value, Mapping) else value
            for name in self.__slots__
            if (value := getattr(self, name)) or (name in _STORED_IF_ZERO and value is not None)
        }

    @property
    def settled(self) -> int:
        """Returns the number of pages that the run fetched, without those whose last fetch had failed in the same way
        or had already found them redirecting or gone.
        """
        return sum(number for outcome, number in self.outcomes.items() if not outcome.endswith(AGAIN))

    def coverage(self) -> dict[str, float]:
        """Returns the share (0 to 1) of articles that have each field; empty if there were no articles."""
        return {name: self.fields.get(name, 0) / self.articles for name in MEASURED} if self.articles else {}


def combine_statistics(runs: Sequence[MeasuredRun]) -> MeasuredRun:
    """Combines the statistics of several runs, newest first, into one: adds counts, and takes the median of lengths and
    latencies.
    """

    def sums(name: str) -> dict[str, int]:
        total: Counter[str] = Counter()
        for run in runs:
            total.update(getattr(run, name) or {})
        return dict(total)

    def median_of(name: str) -> float | None:
        found = [value for run in runs if (value := getattr(run, name)) is not None]
        return median(found) if found else None

    summed = ("articles", "reported", "stored", "unreported", "posts", "sampled", "sample_changed")
    counts = {name: sum(getattr(run, name) for run in runs) for name in summed}
    listed = [run.listed for run in runs if run.listed is not None]
    return MeasuredRun(
        fields=sums("fields"),
        shown=None if any(run.shown is None and run.articles for run in runs) else sums("shown"),
        length=median_of("length"),
        outcomes=sums("outcomes"),
        statuses=sums("statuses"),
        latency=median_of("latency"),
        latency_95=median_of("latency_95"),
        listed=max(listed, default=None),
        sources=runs[0].sources,
        **counts,
    )


class RunStatistics:
    """Collects the statistics of a run while the run is under way."""

    def __init__(self) -> None:
        self._articles = 0
        self._fields: Counter[str] = Counter()
        self._hidden: Counter[str] = Counter()
        self._fault = ""
        self._outcomes: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._lengths = array("L")
        self._latencies = array("f")
        self._reported = self._stored = self._unreported = self._posts = 0
        self._sampled = self._sample_changed = 0
        self._listed: int | None = None
        self._as_before = False

    def count_response(self, status: int, seconds: float | None) -> None:
        """Counts a response to any request; `seconds` is its latency, None if unknown."""
        self._statuses[str(status)] += 1
        if seconds is not None:
            self._latencies.append(seconds)

    def count_result(self, result: PageResult, outcome: Outcome, before: str, kind: str = "") -> None:
        """Counts a written page result. `before` and `kind` are the page's outcome and kind before this result.

        A page that fails again is counted separately, because failed pages, unlike others, are fetched by every run. A
        page that still redirects or is still gone is also counted separately, because nothing has changed.
        """
        self._outcomes[_counted_outcome(result, outcome, before)] += 1
        if outcome in _BAD and result.rule != _FORBIDDEN:
            self._fault = result.rule
        if result.kind is PageKind.FEED:
            self._count_feed(result, outcome)
        self._count_reported_posts(result, outcome, before, kind)
        if result.article and outcome in _READ and result.status == 200:
            self._count_article(result.article)

    def note_fault(self, rule: str) -> None:
        """Records the rule of a failure that does not belong to a page, such as an unreadable robots.txt."""
        self._fault = rule

    def count_sampled(self, outcome: Outcome, *, changed: bool) -> None:
        """Counts a post that was fetched as part of the run's sample; `changed` is True if its article changed. A
        failed fetch does not count.
        """
        if outcome in (*_READ, *_LEFT):
            self._sampled += 1
            self._sample_changed += changed or outcome in _LEFT

    def subtract_constants(self, fields: Mapping[str, int]) -> None:
        """Subtracts from the field counts the values that proved to be the site's own and not the posts'. `fields` maps
        a field to the number of articles with such a value.
        """
        for name in self._fields.keys() & fields.keys():
            self._fields[name] = max(0, self._fields[name] - fields[name])

    def recount_fields(self, before: Article, after: Article) -> None:
        """Corrects the field counts for an article of this run that was extracted again: subtracts the fields with a
        value in `before`, and adds those with a value in `after`.
        """
        self._fields.subtract(name for name in MEASURED if getattr(before, name))
        self._fields.update(name for name in MEASURED if getattr(after, name))
        self._hidden.subtract(_fields_from_hints(before))
        self._hidden.update(_fields_from_hints(after))

    def _count_feed(self, result: PageResult, outcome: Outcome) -> None:
        self._as_before |= result.status == 304
        if result.status == 200 and outcome is Outcome.NOT_ARTICLE:
            own = () if result.rule == FOREIGN_FEED else result.targets
            self._listed = max(self._listed or 0, sum(t.source is DiscoverySource.FEED for t in own))

    def _count_reported_posts(self, result: PageResult, outcome: Outcome, before: str, kind: str) -> None:
        """Counts a page in `reported` and `stored` if a source had reported it as a post, otherwise in `unreported` and
        `posts`. The parameters are those of `count_result`.
        """
        archived, new, reported = outcome is Outcome.ARCHIVED, before == Outcome.DUE, kind == PageKind.POST
        if archived and before not in _READ and (reported or not new):
            self._reported += 1
            self._stored += 1  # includes pages that an earlier run tried to fetch and that failed then
        elif outcome in _NO_POST and new and reported:
            self._reported += 1
        elif new and (archived or (outcome is Outcome.NOT_ARTICLE and result.rule in _UNCLEAR_RULES)):
            self._unreported += 1
            self._posts += archived

    def measured(self, sources: Mapping[str, int], unread: UnreadPages | None = None, ended: str = "") -> MeasuredRun:
        tail = quantiles(self._latencies, n=20)[-1] if len(self._latencies) > 1 else None
        return MeasuredRun(
            self._articles,
            dict(self._fields),
            median(self._lengths) if self._lengths else None,
            dict(self._outcomes),
            dict(self._statuses),
            round(median(self._latencies), 4) if self._latencies else None,
            round(tail, 4) if tail else None,
            # An empty feed proves nothing if another feed is unchanged.
            None if self._as_before and not self._listed else self._listed,
            sources,
            self._reported,
            self._stored,
            self._unreported,
            self._posts,
            set_aside=unread.set_aside if unread else {},
            unrecorded=unread.unrecorded if unread else {},
            sampled=self._sampled,
            sample_changed=self._sample_changed,
            unseen=unread.unseen if unread else 0,
            shown={name: max(0, number - self._hidden[name]) for name, number in self._fields.items()},
            fault=self._fault if ended in _FAILED_RUNS else "",
        )

    def as_json(self, sources: Mapping[str, int], unread: UnreadPages | None = None, ended: str = "") -> str:
        """Returns the statistics as JSON for the column `runs.statistics`. `sources` has the same meaning as in
        `MeasuredRun`, `unread` are the pages that the run did not read (None: not counted), and `ended` is the outcome
        of the run.
        """
        return json.dumps(self.measured(sources, unread, ended).as_dict(), ensure_ascii=False)

    def _count_article(self, article: Article) -> None:
        self._articles += 1
        self._fields.update(name for name in MEASURED if getattr(article, name))
        self._hidden.update(_fields_from_hints(article))
        self._lengths.append(len(article.body))


def _counted_outcome(result: PageResult, outcome: Outcome, before: str) -> str:
    if outcome is Outcome.DUPLICATE and not _REDIRECT_RULE.fullmatch(result.rule):
        return _ALIAS
    if outcome is Outcome.GONE and before == Outcome.DUPLICATE:
        return _ALIAS  # its post has another address
    return f"{outcome}{AGAIN}" if outcome in (*_BAD, *_LEFT) and outcome == before else str(outcome)


def _fields_from_hints(article: Article) -> list[str]:
    """Returns the fields whose values came from a feed or sitemap and are not shown on the article's page. A page
    without the text shows none of them: what it has, such as a title, is the site's own.
    """
    given = {one.field for one in article.evidence if one.source in _HINTS}
    if not given:
        return []
    shown = {one.field for one in article.evidence if _is_shown(one)}
    if "body" not in given - shown:
        given -= shown
    return [name for name in _MAYBE_HINTED if name in given and getattr(article, name)]


def _is_shown(one: Evidence) -> bool:
    return one.source not in _HINTS and one.confidence >= _SHOWN and bool(one.value)


DATABASE = "database"
"""The name of the unit that is the whole database file. Damage that checks of the whole file find belongs to it."""
TABLE_UNIT = "table "
"""The beginning of the name of a unit that is a table: "table captures"."""
CheckKind = Literal["verify", "part"]
_BACKUP_COLUMNS = "path, made_at, articles, bytes, captures, holds_since, failed_at, failure"


@dataclass(frozen=True, slots=True)
class BackupRecord:
    """What the archive knows about the backups that are written to one file.

    - `path`: the absolute path of the file.
    - `made_at`: when the last backup that passed its checks was made, None if no backup has passed them.
    - `articles`, `bytes`: the number of articles in that backup, and its size.
    - `captures`: True if WARC files are copied, too.
    - `holds_since`: no file next to the backup contains posts that were removed before this time.
    - `failed_at`, `failure`: when and why the last attempt failed, if it failed.
    """

    path: str
    made_at: datetime | None = None
    articles: int = 0
    bytes: int = 0
    captures: bool = False
    holds_since: datetime | None = None
    failed_at: datetime | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Damage:
    """Damage that a check found in a unit of the archive. `found_at` is None until the damage is stored; the other
    fields are those of a `VerifyFinding`.
    """

    unit: str
    kind: str
    subject: str
    sentence: str
    remedy: str
    found_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class IntegrityCheck:
    """The result of a check of the archive. Everything in the archive has been read since `covers_since`, which is None
    if some part was never read. `bytes` is the size of the data read, and `findings` is the number of causes of damage
    that were found.
    """

    kind: CheckKind
    started_at: datetime
    finished_at: datetime | None = None
    covers_since: datetime | None = None
    articles: int = 0
    warc_files: int = 0
    bytes: int = 0
    findings: int = 0


def has_integrity_records(db: Database) -> bool:
    """Returns True if the archive's file has the tables of this module. These tables are missing from an archive of an
    older version that is only read.
    """
    return {"backups", "integrity_checks", "checked_units", "damages"} <= set(db.table_names())


# Backups.


def read_backups(db: Database) -> list[BackupRecord]:
    """Returns the records of all backups, the newest first."""
    rows = db.execute(f"select {_BACKUP_COLUMNS} from backups order by made_at desc, path")
    return [
        BackupRecord(
            row[0],
            stored_time(row[1]),
            row[2] or 0,
            row[3] or 0,
            bool(row[4]),
            stored_time(row[5]),
            stored_time(row[6]),
            row[7] or "",
        )
        for row in rows
    ]


def record_backup(db: Database, made: BackupRecord) -> None:
    """Stores the record of a backup that passed its checks. It replaces the record of the last backup to this path."""
    db.execute(
        f"insert into backups ({_BACKUP_COLUMNS}) values (?, ?, ?, ?, ?, ?, null, null) on conflict (path) do update "
        "set made_at = excluded.made_at, articles = excluded.articles, bytes = excluded.bytes, "
        "captures = max(captures, excluded.captures), holds_since = excluded.holds_since, "
        "failed_at = null, failure = null",
        [
            made.path,
            stamp(made.made_at) if made.made_at else None,
            made.articles,
            made.bytes,
            int(made.captures),
            stamp(made.holds_since) if made.holds_since else None,
        ],
    )


def record_failed_backup(db: Database, path: str, at: datetime, failure: str) -> None:
    """Stores the reason why a backup to this path failed. The record of the last successful backup is kept."""
    db.execute(
        "insert into backups (path, failed_at, failure) values (?, ?, ?) on conflict (path) do update "
        "set failed_at = excluded.failed_at, failure = excluded.failure",
        [path, stamp(at), failure],
    )


def count_posts_removed_since(db: Database, at: datetime | None) -> int:
    """Returns the number of removed posts that a backup made at this time may still contain. If `at` is None, counts
    all removed posts.
    """
    return int(
        db.execute(
            "select count(*) from tombstones where allowed_at is null and removed_at > ?", [stamp(at) if at else ""]
        ).fetchone()[0]
    )


# Integrity checks.


def begin_check(db: Database, kind: CheckKind, at: datetime) -> int:
    """Stores the start of a check, and returns its ID."""
    db.execute("insert into integrity_checks (kind, started_at) values (?, ?)", [kind, stamp(at)])
    return last_rowid(db)


def end_check(db: Database, number: int, result: IntegrityCheck) -> None:
    """Stores the result of a check with this ID."""
    db.execute(
        "update integrity_checks set finished_at = ?, covers_since = ?, articles = ?, warc_files = ?, bytes = ?, "
        "findings = ? where id = ?",
        [
            stamp(result.finished_at) if result.finished_at else None,
            stamp(result.covers_since) if result.covers_since else None,
            result.articles,
            result.warc_files,
            result.bytes,
            result.findings,
            number,
        ],
    )


def read_last_check(db: Database, kind: CheckKind, *, finished: bool = True) -> IntegrityCheck | None:
    """Returns the last check of this kind; None if none was made. If `finished` is True, killed checks are skipped."""
    row = db.execute(
        "select started_at, finished_at, covers_since, articles, warc_files, bytes, findings from integrity_checks "
        f"where kind = ? {'and finished_at is not null' if finished else ''} order by id desc limit 1",
        [kind],
    ).fetchone()
    started = stored_time(row[0]) if row else None
    return IntegrityCheck(kind, started, stored_time(row[1]), stored_time(row[2]), *row[3:]) if started else None


def read_unfinished_since(db: Database) -> datetime | None:
    """Returns when the oldest interrupted check of the archive began; None if there is none. Only checks after the last
    finished one are considered.
    """
    (text,) = db.execute(
        "select min(started_at) from integrity_checks where finished_at is null and id > "
        "(select coalesce(max(id), 0) from integrity_checks where finished_at is not null)"
    ).fetchone()
    return stored_time(text)


def read_covered_since(db: Database) -> datetime | None:
    """Returns the time since which checks have read everything in the archive; None if checks have never read
    everything.
    """
    return stored_time(db.execute("select max(covers_since) from integrity_checks").fetchone()[0])


def read_creation_time(db: Database) -> datetime | None:
    """Returns when the archive was created; None if that is not recorded."""
    row = db.execute("select min(applied_at) from _sqlite_migrations").fetchone()
    return stored_time(row[0]) if row else None


# Units and their damage.


def record_checked_units(db: Database, units: Iterable[str], found: Sequence[Damage], at: datetime) -> None:
    """Records that these units were read at `at`, and replaces their earlier damage with the damage found now. Once
    every table has been found undamaged, the earlier damage to the database as a whole is deleted.
    """
    names = list(units)
    db.conn.executemany(
        "insert into checked_units (unit, checked_at) values (?, ?) on conflict (unit) do update set "
        "checked_at = excluded.checked_at",
        [(unit, stamp(at)) for unit in names],
    )
    _replace_damages(db, names, found, at)
    db.execute(
        "delete from damages where unit = ? and not exists (select 1 from damages where unit glob ?) and found_at < "
        "(select min(checked_at) from checked_units where unit glob ?)",
        [DATABASE, f"{TABLE_UNIT}*", f"{TABLE_UNIT}*"],
    )


def record_full_check(db: Database, units: Iterable[str], found: Sequence[Damage], at: datetime) -> None:
    """Stores the result of a check of the whole archive: its units, and all damage, which replaces earlier damage."""
    db.execute("delete from checked_units")
    db.conn.executemany(
        "insert or ignore into checked_units (unit, checked_at) values (?, ?)", [(unit, stamp(at)) for unit in units]
    )
    _replace_damages(db, None, found, at)


def _replace_damages(db: Database, units: Sequence[str] | None, found: Sequence[Damage], at: datetime) -> None:
    """Replaces the stored damage of these units; None means all units. Damage that was known before keeps the time at
    which it was found.
    """
    since = {(kind, subject): text for kind, subject, text in db.execute("select kind, subject, found_at from damages")}
    if units is None:
        db.execute("delete from damages")
    else:
        db.conn.executemany("delete from damages where unit = ?", [(unit,) for unit in units])
    db.conn.executemany(
        "insert into damages (unit, kind, subject, sentence, remedy, found_at) values (?, ?, ?, ?, ?, ?)",
        [
            (one.unit, one.kind, one.subject, one.sentence, one.remedy, since.get((one.kind, one.subject), stamp(at)))
            for one in found
        ],
    )


def read_damages(db: Database) -> list[Damage]:
    """Returns all known damage, the oldest first."""
    return list(_damages(db))


def _damages(db: Database) -> Iterator[Damage]:
    for row in db.execute("select unit, kind, subject, sentence, remedy, found_at from damages order by found_at, id"):
        yield replace(Damage(*row[:5]), found_at=stored_time(row[5]))
