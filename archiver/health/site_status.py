"""Builds the table of `archiver status`, one row per site with its health, articles, runs, schedule and coverage, and
reads the history of one site, one series of values per measure.

The table is read with a few queries for all sites together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from archiver.frontier.cadence import RecrawlTime
from archiver.health.health_report import health_as_json
from archiver.health.simultaneous_site_failures import FOLDED_CODES, CommonCause
from archiver.health.site_health_rules import LEVELS, Health
from archiver.health.stored_health import read_healths
from archiver.sites.config import Config, effective_settings
from archiver.sites.run_limits import read_group_quotas
from archiver.storage import Database
from archiver.storage.articles import count_articles
from archiver.storage.columns import settings_of, stored_time
from archiver.storage.completeness import PostCounts, count_posts_of_sites
from archiver.storage.crawl_schedule import scheduled_site, scheduled_sites
from archiver.storage.runs import as_shown
from archiver.storage.sites import Mute, read_mute, tags_of_sites
from archiver.words import count_noun

_NO_POSTS = PostCounts({"found": 0, "archived": 0, "missing": 0, "gone": 0, "refused": 0})


@dataclass(frozen=True, slots=True)
class SiteRow:
    """One site in the table.

    - `articles`, `new`: those of `ArticleCounts`.
    - `last_run`: its last run; None if it was never crawled.
    - `next_run`: when the scheduler crawls it next; None if it is not scheduled.
    - `blackout`: the group whose blackout hours apply to it; "" if there is none.
    - `mute`: None if the site is not muted.
    - `shares`: how many other sites have the same common cause of failure, which is shown once, as a finding of the
      archive.
    """

    site: str
    start_url: str
    platform: str | None
    tags: tuple[str, ...]
    health: Health
    articles: int
    new: int
    last_run: dict[str, Any] | None
    next_run: RecrawlTime | None
    posts: PostCounts
    blackout: str = ""
    mute: Mute | None = None
    shares: int = 0

    @property
    def complete(self) -> bool:
        """Returns True if nothing is missing and the last run finished."""
        finished = self.last_run is not None and self.last_run["outcome"] == "finished"
        return finished and not self.posts.missing and not self.posts.posts["missing"]

    @property
    def postponed(self) -> str:
        """Returns why the next crawl is postponed ("blackout of group x"); "" if it is not postponed."""
        turn = describe_next_run(self.next_run, self.blackout)
        return f"next crawl postponed: {turn['why']}" if turn and turn["postponed_by"] else ""

    @property
    def reason(self) -> str:
        """Returns the sentence for the column "reason"; "" if there is none. The first of these that the site has is
        used: its worst finding, why posts are missing in the archive, why its next crawl is postponed, a finding that
        only informs. If notifications of the site are muted, the sentence says so, too.
        """
        return " ".join(filter(None, (f"[{self.mute}]" if self.mute else "", self._state)))

    @property
    def _state(self) -> str:
        problems = [one for one in self.health.findings if one.level != "green"]
        if self.shares and any(one.code in FOLDED_CODES for one in problems):
            others = [one for one in problems if one.code not in FOLDED_CODES]
            rest = f" (and {len(others)} more)" if others else ""
            return f"shares its failure with {count_noun(self.shares, 'other site')}: see 'the archive' below{rest}"
        if problems:
            more = len(problems) - 1
            return problems[0].sentence + (f" (and {more} more)" if more else "")
        run = self.last_run
        if run is not None and run["outcome"] not in ("finished", None):
            return f"{run['outcome']}: {run['reason']}" if run["reason"] else run["outcome"]
        if missing := max(self.posts.missing, self.posts.posts["missing"]):
            return f"{missing:,} {'URL' if missing == 1 else 'URLs'} missing"
        return self.postponed or next((one.sentence for one in self.health.findings), "")

    def as_json(self) -> dict[str, Any]:
        return {
            "site": self.site,
            "start_url": self.start_url,
            "platform": self.platform,
            "tags": list(self.tags),
            "health": health_as_json(self.health, self.mute),
            "articles": {"all": self.articles, "new_this_week": self.new},
            "last_run": self.last_run,
            "next_run": describe_next_run(self.next_run, self.blackout),
            "posts": self.posts.posts,
            "missing_total": self.posts.missing,
            "coverage": self.posts.coverage,
            "complete": self.complete,
            "reason": self.reason,
        }


def read_site_table(db: Database, config: Config, now: datetime) -> list[SiteRow]:
    """Returns the rows of all sites, sorted by name. The health of a site is that of its last run (`read_healths`)."""
    sites = list(db.query("select * from sites order by name"))
    healths, posts, tags = read_healths(db, sites, now), count_posts_of_sites(db, now), tags_of_sites(db)
    articles = count_articles(db, now)
    quotas = read_group_quotas(db, config, now)
    turns = {
        one.site["id"]: quotas.postpone(one).turn for one in scheduled_sites(db, now, effective_settings(db, config))
    }
    last = {
        row.pop("site_id"): row
        for row in db.query(
            "select site_id, id as run, started_at, finished_at, outcome, reason, new, revised, gone, held, failed "
            "from runs where id in (select (select max(id) from runs where site_id = s.id) from sites s)"
        )
    }
    return [
        SiteRow(
            site["name"],
            site["start_url"],
            site["platform"],
            tags.get(site["id"], ()),
            healths[site["id"]],
            articles[site["name"]].all,
            articles[site["name"]].new,
            as_shown(db, site["name"], last[site["id"]]) if site["id"] in last else None,
            turns.get(site["id"]),
            posts.get(site["id"], _NO_POSTS),
            config.origin_of("blackout", settings_of(site["settings"]), tags.get(site["id"], ())),
            read_mute(site, now),
        )
        for site in sites
    ]


def read_next_run(db: Database, site: dict[str, Any], config: Config, now: datetime) -> tuple[RecrawlTime | None, str]:
    """Returns when the scheduler crawls a site next (None if it is not scheduled), and the group whose blackout hours
    apply to the site ("" if there is none).
    """
    own, tags = settings_of(site["settings"]), tags_of_sites(db).get(site["id"], ())
    settings = config.settings(own, tags)
    if settings.get("crawl") is False:
        return None, ""
    turn = read_group_quotas(db, config, now).postpone(scheduled_site(db, {**site, "settings": settings}, now)).turn
    return turn, config.origin_of("blackout", own, tags)


def describe_next_run(turn: RecrawlTime | None, group: str) -> dict[str, Any] | None:
    """Returns the next run of a site as a JSON value with the keys at, why and postponed_by (blackout, quota or None).
    Returns None if `turn` is None, which means that no run is scheduled. `group` is the group whose blackout hours
    apply to the site, "" if there is none.
    """
    if turn is None:
        return None
    return {
        "at": turn.at.isoformat(timespec="seconds"),
        "why": f"blackout of {group}" if turn.postponed_by == "blackout" and group else turn.why,
        "postponed_by": turn.postponed_by or None,
    }


_NEVER = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


def _started(row: SiteRow) -> datetime:
    return (stored_time(row.last_run["started_at"]) if row.last_run else None) or _NEVER


ORDERS: dict[str, Callable[[SiteRow], Any]] = {
    "name": lambda row: row.site,
    "health": lambda row: -LEVELS.index(row.health.state),
    "articles": lambda row: -row.articles,
    "new": lambda row: -row.new,
    "last": lambda row: -_started(row).timestamp() if row.last_run else float("inf"),
    "next": lambda row: row.next_run.at if row.next_run else _LAST,
    "coverage": lambda row: 2.0 if row.posts.coverage is None else row.posts.coverage,
}
"""The orders in which the table can be sorted: by name, or with the worst, highest, latest or soonest value first."""


def fold_common_causes(rows: Iterable[SiteRow], causes: Iterable[CommonCause]) -> list[SiteRow]:
    """Returns the rows with `shares` set, so that a failure with a common cause is not described in the row of each
    site. The findings of the archive describe it.
    """
    shares = {name: len(one.sites) - 1 for one in causes for name in one.sites}
    return [replace(row, shares=shares.get(row.site, 0)) for row in rows]


def sort_rows(rows: Iterable[SiteRow], order: str) -> list[SiteRow]:
    """Returns the rows sorted by one of the ORDERS. Rows that are equal in this order are sorted by name."""
    return sorted(rows, key=lambda row: (ORDERS[order](row), row.site))


HISTORY_RUNS = 30
_FAR = 4
_COUNTS = ("articles", "new", "revised", "gone", "held", "failed")
LABELS = {
    "articles": "articles",
    "new": "new",
    "revised": "edits",
    "gone": "gone",
    "held": "held",
    "failed": "failures",
}
"""The displayed name of each count of a run, by the name of its column in `runs`."""


@dataclass(frozen=True, slots=True)
class HistoricalRun:
    """One run of a site. `articles`: how many articles the site had when the run ended. `seconds`: how long the run
    took. Both are None if the run is in progress or was killed.
    """

    run: int
    started_at: str
    outcome: str
    articles: int | None
    new: int
    revised: int
    gone: int
    held: int
    failed: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of a site, with its value in each run, oldest run first."""

    name: str
    label: str
    values: tuple[float | None, ...]

    @property
    def last(self) -> float | None:
        return next((value for value in reversed(self.values) if value is not None), None)

    @property
    def most(self) -> float:
        return max((value for value in self.values if value is not None), default=0)

    @property
    def least(self) -> float:
        return min((value for value in self.values if value is not None), default=0)

    def levels(self, steps: int) -> list[int | None]:
        """Returns the height of each value as a bar of a chart, from 0 to `steps`; None for an unknown value. Only the
        value 0 gets height 0. The scale for the number of articles begins at its lowest value, since it hardly changes
        from run to run. A highest value far above all others, such as the new articles of the first run, is cut off.
        """
        base = max(self.least - 1, 0) if self.name == "articles" else 0
        above = sorted(value - base for value in self.values if value is not None and value > base)
        top = above[-2] if len(above) > 1 and above[-1] > _FAR * above[-2] else above[-1] if above else 0
        return [
            None if value is None else 0 if value <= base else min(steps, max(1, round((value - base) / top * steps)))
            for value in self.values
        ]


def read_history(db: Database, site_id: int, runs: int = HISTORY_RUNS) -> list[HistoricalRun]:
    """Returns the last runs of a site, oldest first."""
    rows = db.query(
        f"select id, started_at, finished_at, outcome, {', '.join(_COUNTS)} from runs where site_id = ? "
        "order by id desc limit ?",
        [site_id, runs],
    )
    return [_historical_run(row) for row in reversed(list(rows))]


def _historical_run(row: dict[str, Any]) -> HistoricalRun:
    began, ended = stored_time(row["started_at"]), stored_time(row["finished_at"])
    return HistoricalRun(
        row["id"],
        row["started_at"],
        row["outcome"] or "",
        row["articles"],
        row["new"] or 0,
        row["revised"] or 0,
        row["gone"] or 0,
        row["held"] or 0,
        row["failed"] or 0,
        round((ended - began).total_seconds(), 1) if began and ended else None,
    )


def measures_of(runs: list[HistoricalRun]) -> list[Measure]:
    """Returns the measures of these runs: articles, new, edits, gone, held, failures and duration."""
    named = [*LABELS.items(), ("seconds", "time")]
    return [Measure(name, label, tuple(getattr(run, name) for run in runs)) for name, label in named]
