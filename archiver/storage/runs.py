"""What a run measures of its site, for the runs after it to be judged by."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from typing import Any

from sqlite_utils import Database

from archiver.errors import SiteTakenOut
from archiver.fields import MEASURED
from archiver.frontier.cadence import (
    DEFAULT,
    REMEMBERED,
    Adaptive,
    Cadence,
    PastRun,
    RecrawlTime,
    next_crawl,
    read_cadence,
)
from archiver.items import Article, DiscoverySource, Outcome, PageKind, PageResult
from archiver.storage.column_values import stored_object, stored_time
from archiver.storage.pages import last_rowid, stamp
from archiver.urls import Scope

# Sites and runs: what is crawled, and how each crawl went.


@dataclass(slots=True)
class Counts:
    """What one run did; each is a number of pages or articles, `bytes` of bytes on the wire.

    Images, stylesheets and fonts are counted apart from pages: `requisite_requests` were made for them, `requisites` of
    them were captured (or are as they were), `requisites_failed` could not be.
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
    requisite_requests: int = 0
    requisites: int = 0
    requisites_failed: int = 0

    def add(self, other: Counts) -> None:
        for name, value in asdict(other).items():
            setattr(self, name, getattr(self, name) + value)


def ensure_site(db: Database, start_url: str, now: datetime) -> dict[str, Any]:
    """The row of the site that this address starts; entered when it is new."""
    scope = Scope.of(start_url)
    db.execute(
        "insert into sites (name, start_url, host, path, settings, added_at) values (?, ?, ?, ?, '{}', ?) "
        "on conflict (name) do nothing",
        [scope.name, start_url, scope.host, scope.path, stamp(now)],
    )
    return next(iter(db.query("select * from sites where name = ?", [scope.name])))


def begin_run(db: Database, site_id: int, mode: str, version: str, now: datetime, mended: Sequence[str] = ()) -> int:
    """Enter a run as under way. One that never ended (a kill, a power cut) is closed as interrupted.

    `mended` are phrases that tell what had to be mended after it.
    """
    reason = "; ".join(("the process ended without closing the run", *mended))
    db.execute(
        "update runs set outcome = 'interrupted', reason = ? "
        "where site_id = ? and finished_at is null and outcome is null",
        [reason, site_id],
    )
    row: dict[str, Any] = {"site_id": site_id, "mode": mode, "started_at": stamp(now), "version": version}
    db.table("runs").insert({**row, **asdict(Counts())})
    return last_rowid(db)


def check_run(db: Database, run_id: int, site: dict[str, Any]) -> None:
    """Raises SiteTakenOut where this run of the site is in the archive no more."""
    if db.execute("select 1 from runs where id = ? and site_id = ?", [run_id, site["id"]]).fetchone() is None:
        raise SiteTakenOut(site["name"])


def end_run(
    db: Database, run_id: int, counts: Counts, outcome: str, reason: str, now: datetime, measures: str | None = None
) -> None:
    """Close a run. `outcome` as in `Ending`; `reason` is a sentence where it is not finished; `measures` as
    `store.run_measures` makes them."""
    db.table("runs").update(
        run_id,
        {**asdict(counts), "outcome": outcome, "reason": reason, "finished_at": stamp(now), "statistics": measures},
    )


def crawl_started(db: Database, site_id: int, run_id: int) -> str:
    """When the crawl began that this run is a part of: one that was interrupted goes on in the next run."""
    began: str = db.execute(
        "select min(started_at) from runs where site_id = ? and id <= ? and id > "
        "(select coalesce(max(id), 0) from runs where site_id = ? and outcome = 'finished' and id < ?)",
        [site_id, run_id, site_id, run_id],
    ).fetchone()[0]
    return began


def has_finished(db: Database, site_id: int) -> bool:
    """Whether any run of this site ended by itself."""
    return db.execute("select 1 from runs where site_id = ? and outcome = 'finished'", [site_id]).fetchone() is not None


def make_seed_due(db: Database, key: str) -> None:
    """A start address is asked for by every run, whatever came of it last time."""
    db.execute(
        "update pages set due_at = ? where urlkey = ? and outcome in ('refused', 'gone', 'out-of-scope')",
        [stamp(datetime.fromtimestamp(0, UTC)), key],
    )


def last_run(db: Database, site_id: int) -> dict[str, Any] | None:
    """The row of the last run that ended."""
    return next(
        iter(
            db.query("select * from runs where site_id = ? and outcome is not null order by id desc limit 1", [site_id])
        ),
        None,
    )


AGAIN = " again"
"""Stands behind the outcome of pages that had the same before, of those that are no success."""
_BAD = (Outcome.FAILED, Outcome.REFUSED)
_READ = (Outcome.ARCHIVED, Outcome.UNCHANGED)
_AT_NONE = ("articles", "fields", "listed")
"""What is told where it is 0, too."""
_NO_SIGN = ("undated", "empty")
"""Rules of pages that nothing says of what they are."""
_NOTHING = (*_BAD, Outcome.GONE, Outcome.NOT_ARTICLE)


@dataclass(frozen=True, slots=True)
class MeasuredRun:
    """What one run measured; all of it may be missing of a run that ended before it measured anything.

    `articles` posts were read whole, `fields` of them have a field, `length` is their median number of characters;
    `outcomes` counts pages ("failed again": those that failed when they were asked for last, too), `statuses` answers
    (by HTTP status); seconds to an answer at the median and for 95 of 100;
    `listed` is how many posts the site's largest feed showed, None where none was read; `sources` counts the feeds,
    sitemaps and APIs that answered when they were asked last; of the posts that these told of, `told` were asked for
    anew, and `got` of them were stored. Of new pages of which nothing had been told, `met` are posts or show no sign of
    what they are, and `posts` of them are posts.
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
    told: int = 0
    got: int = 0
    met: int = 0
    posts: int = 0

    @classmethod
    def from_json(cls, text: str | None) -> MeasuredRun:
        """Of the column `runs.statistics`; a key that this version does not know is passed over."""
        known = stored_object(text)
        return cls(**{name: known[name] for name in cls.__slots__ if known.get(name) is not None})

    def as_dict(self) -> dict[str, Any]:
        return {
            name: dict(value) if isinstance(value, Mapping) else value
            for name in self.__slots__
            if (value := getattr(self, name)) or (name in _AT_NONE and value is not None)
        }

    @property
    def settled(self) -> int:
        """Pages that were not visited for having failed before."""
        return sum(number for outcome, number in self.outcomes.items() if not outcome.endswith(AGAIN))

    def coverage(self) -> dict[str, float]:
        """The share of the articles that have each field; empty where none was read."""
        return {name: self.fields.get(name, 0) / self.articles for name in MEASURED} if self.articles else {}


def together(runs: Sequence[MeasuredRun]) -> MeasuredRun:
    """What some runs measured, the newest first, as if they were one; sizes and times are the median of theirs."""

    def added(name: str) -> dict[str, int]:
        total: Counter[str] = Counter()
        for run in runs:
            total.update(getattr(run, name))
        return dict(total)

    def middle(name: str) -> float | None:
        found = [value for run in runs if (value := getattr(run, name)) is not None]
        return median(found) if found else None

    counts = {name: sum(getattr(run, name) for run in runs) for name in ("articles", "told", "got", "met", "posts")}
    listed = [run.listed for run in runs if run.listed is not None]
    return MeasuredRun(
        fields=added("fields"),
        length=middle("length"),
        outcomes=added("outcomes"),
        statuses=added("statuses"),
        latency=middle("latency"),
        latency_95=middle("latency_95"),
        listed=max(listed, default=None),
        sources=runs[0].sources,
        **counts,
    )


class RunStatistics:
    """Collects it while a run goes on."""

    def __init__(self) -> None:
        self._articles = 0
        self._fields: Counter[str] = Counter()
        self._outcomes: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._lengths = array("L")
        self._latencies = array("f")
        self._told = self._got = self._met = self._posts = 0
        self._listed: int | None = None
        self._as_before = False

    def answered(self, status: int, seconds: float | None) -> None:
        """An answer of the server, whatever was asked for."""
        self._statuses[str(status)] += 1
        if seconds is not None:
            self._latencies.append(seconds)

    def visited(self, visit: PageResult, outcome: Outcome, before: str, kind: str = "") -> None:
        """A visit as it was written; `before` is the page's outcome until then, `kind` what it was taken for.

        A page that fails at each run is counted by itself: it is asked for again while others are not.
        """
        self._outcomes[f"{outcome}{AGAIN}" if outcome in _BAD and outcome == before else str(outcome)] += 1
        if visit.kind is PageKind.FEED:
            self._feed(visit, outcome)
        self._promise(visit, outcome, before, kind)
        if visit.article and outcome in _READ and visit.status == 200:
            self._read(visit.article)

    def _feed(self, visit: PageResult, outcome: Outcome) -> None:
        self._as_before |= visit.status == 304
        if visit.status == 200 and outcome is Outcome.NOT_ARTICLE:
            self._listed = max(self._listed or 0, sum(t.source is DiscoverySource.FEED for t in visit.targets))

    def _promise(self, visit: PageResult, outcome: Outcome, before: str, kind: str) -> None:
        """Count whether a page was what its sources said of it (`told`, `got`), or where they said nothing, whether it
        was a post (`met`, `posts`)."""
        archived, new, promised = outcome is Outcome.ARCHIVED, before == Outcome.DUE, kind == PageKind.POST
        if archived and before not in _READ and (promised or not new):
            self._told, self._got = self._told + 1, self._got + 1  # one that failed at first may be got later
        elif outcome in _NOTHING and new and promised:
            self._told += 1
        elif new and (archived or (outcome is Outcome.NOT_ARTICLE and visit.rule in _NO_SIGN)):
            self._met, self._posts = self._met + 1, self._posts + archived

    def measured(self, sources: Mapping[str, int]) -> MeasuredRun:
        tail = quantiles(self._latencies, n=20)[-1] if len(self._latencies) > 1 else None
        return MeasuredRun(
            self._articles,
            dict(self._fields),
            median(self._lengths) if self._lengths else None,
            dict(self._outcomes),
            dict(self._statuses),
            round(median(self._latencies), 4) if self._latencies else None,
            round(tail, 4) if tail else None,
            # That one feed is empty says nothing where another is as it was.
            None if self._as_before and not self._listed else self._listed,
            sources,
            self._told,
            self._got,
            self._met,
            self._posts,
        )

    def as_json(self, sources: Mapping[str, int]) -> str:
        """`sources` as in `Measured`."""
        return json.dumps(self.measured(sources).as_dict(), ensure_ascii=False)

    def _read(self, article: Article) -> None:
        self._articles += 1
        self._fields.update(name for name in MEASURED if getattr(article, name))
        self._lengths.append(len(article.body))


# When each site of an archive is due: its settings and last runs, handed to `frontier.turn`.


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A site whose turn comes by itself: its row with the settings that hold for it, and when."""

    site: dict[str, Any]
    cadence: Cadence
    last: PastRun | None
    turn: RecrawlTime


_ANEW = timedelta(hours=1)
Settings = Callable[[dict[str, Any]], dict[str, Any]]


def scheduled_sites(db: Database, now: datetime, settings: Settings) -> list[Scheduled]:
    """The sites of an archive but for those with crawl=no, the longest due first. `settings` says what holds for a row
    of `sites` (`sites.effective`)."""
    return sorted((scheduled_site(db, site, now) for site in _sites(db, settings)), key=_order)


class DueSites:
    """The same again and again, for a scheduler: of a site that has not changed since and has not run nothing is read.

    A clock that goes back makes it look at all of them anew, and so does an hour.
    """

    def __init__(self) -> None:
        self._kept: dict[int, tuple[object, Scheduled]] = {}
        self._last = self._whole = datetime.min.replace(tzinfo=UTC)

    def due(self, db: Database, now: datetime, settings: Settings) -> list[Scheduled]:
        """The sites that are due, the longest due first."""
        if now < self._last or now - self._whole > _ANEW:
            self._kept.clear()
            self._whole = now
        self._last = now
        last = {
            site: (run, outcome)
            for site, run, outcome in db.execute(
                "select site_id, id, outcome from runs where id in (select max(id) from runs group by site_id)"
            )
        }
        kept: dict[int, tuple[object, Scheduled]] = {}
        for site in _sites(db, settings):
            key = (last.get(site["id"]), site["settings"], site.get("quiet_until"))
            before = self._kept.get(site["id"])
            kept[site["id"]] = before if before and before[0] == key else (key, scheduled_site(db, site, now))
        self._kept = kept
        due = [one for _, one in kept.values() if one.turn.at <= now]
        return sorted(due, key=_order)


def scheduled_site(db: Database, site: dict[str, Any], now: datetime) -> Scheduled:
    """One site, its row with settings decoded."""
    cadence = cadence_of(site["settings"])
    past = past_runs(db, site["id"])
    return Scheduled(
        site,
        cadence,
        past[0] if past else None,
        next_crawl(cadence, past, site["name"], now, stored_time(site.get("quiet_until"))),
    )


def cadence_of(settings: dict[str, Any]) -> Cadence:
    """A site's cadence; what cannot be read (it was written by hand) counts as not set."""
    try:
        return read_cadence(settings.get("cadence") or DEFAULT)
    except ValueError:
        return Adaptive()


def past_runs(db: Database, site_id: int) -> list[PastRun]:
    """The last runs that looked for what is new, the newest first."""
    rows = db.query(
        "select * from runs where site_id = ? and mode in ('full', 'incremental') order by id desc limit ?",
        [site_id, REMEMBERED],
    )
    return [_past(row, started) for row in rows if (started := stored_time(row["started_at"]))]


def _past(row: dict[str, Any], started: datetime) -> PastRun:
    listed = stored_object(row.get("statistics")).get("listed") or 0
    return PastRun(started, row["outcome"] or "", row["new"] or 0, listed)


def _order(one: Scheduled) -> tuple[datetime, int]:
    return one.turn.at, one.site["id"]


def _sites(db: Database, settings: Settings) -> Iterator[dict[str, Any]]:
    for row in list(db.query("select * from sites")):
        site = {**row, "settings": settings(row)}
        if site["settings"].get("crawl") is not False:
            yield site
