"""Builds the table of `archiver status`: one row per site with its health, articles, runs, schedule and coverage, read
with a few queries for all sites together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlite_utils import Database

from archiver.errors import count_noun
from archiver.frontier.site_cadence import RecrawlTime
from archiver.health.common_causes import FOLDED_CODES, CommonCause
from archiver.health.health_report import health_as_json
from archiver.health.health_rules import LEVELS, Health
from archiver.health.stored_health import read_healths
from archiver.sites.archiver_toml import Config, effective_settings
from archiver.sites.group_quotas import read_group_quotas
from archiver.storage.column_values import settings_of, stored_time
from archiver.storage.completeness import PostCounts, count_posts_of_sites
from archiver.storage.pages import stamp
from archiver.storage.runs import as_shown, scheduled_site, scheduled_sites
from archiver.storage.sites import Mute, read_mute, tags_of_sites

_WEEK = timedelta(days=7)
_NO_POSTS = PostCounts({"found": 0, "archived": 0, "missing": 0, "gone": 0, "refused": 0})


@dataclass(frozen=True, slots=True)
class SiteRow:
    """One site in the table.

    - `new`: the number of articles that runs of the last seven days were the first to store.
    - `last_run`: its last run, None if it was never crawled.
    - `next_run`: when the scheduler crawls it next, None if it does not.
    - `blackout`: the group that its blackout hours come from, "" if none.
    - `mute`: None if the site is not muted.
    - `shares`: how many other sites share its failure; that is then shown once, as a finding of the archive.
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
        """True if nothing is missing and the last run finished."""
        finished = self.last_run is not None and self.last_run["outcome"] == "finished"
        return finished and not self.posts.missing and not self.posts.posts["missing"]

    @property
    def postponed(self) -> str:
        """Why the next crawl is postponed: "blackout of group x"; "" if it is not."""
        turn = describe_next_run(self.next_run, self.blackout)
        return f"next crawl postponed: {turn['why']}" if turn and turn["postponed_by"] else ""

    @property
    def reason(self) -> str:
        """The most important remark about the site: its worst finding, why it is not complete, why its next crawl is
        postponed, or information. If the site is muted, the remark says so, too.
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
    articles = dict(db.execute("select site, count(*) from articles group by site").fetchall())
    new = dict(
        db.execute(
            "select site_id, total(new) from runs where started_at >= ? group by site_id", [stamp(now - _WEEK)]
        ).fetchall()
    )
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
            articles.get(site["name"], 0),
            int(new.get(site["id"], 0)),
            as_shown(db, site["name"], last[site["id"]]) if site["id"] in last else None,
            turns.get(site["id"]),
            posts.get(site["id"], _NO_POSTS),
            config.origin_of("blackout", settings_of(site["settings"]), tags.get(site["id"], ())),
            read_mute(site, now),
        )
        for site in sites
    ]


def read_next_run(db: Database, site: dict[str, Any], config: Config, now: datetime) -> tuple[RecrawlTime | None, str]:
    """Returns when the scheduler crawls a site next, None if it does not; and the group that the site's blackout hours
    come from, "" if none.
    """
    own, tags = settings_of(site["settings"]), tags_of_sites(db).get(site["id"], ())
    settings = config.settings(own, tags)
    if settings.get("crawl") is False:
        return None, ""
    turn = read_group_quotas(db, config, now).postpone(scheduled_site(db, {**site, "settings": settings}, now)).turn
    return turn, config.origin_of("blackout", own, tags)


def describe_next_run(turn: RecrawlTime | None, group: str) -> dict[str, Any] | None:
    """Returns the next run of a site as a JSON value: at, why, postponed_by (blackout, quota or None)."""
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
    """Returns the rows as they are shown above the findings of the archive: a failure that many sites share is not
    repeated for each.
    """
    shares = {name: len(one.sites) - 1 for one in causes for name in one.sites}
    return [replace(row, shares=shares.get(row.site, 0)) for row in rows]


def sort_rows(rows: Iterable[SiteRow], order: str) -> list[SiteRow]:
    """Returns the rows sorted by one of the ORDERS, and by name where that is equal."""
    return sorted(rows, key=lambda row: (ORDERS[order](row), row.site))
