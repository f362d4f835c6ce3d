"""What is known of a site, read from the archive for `judge`. Reads only, and an archive of any release."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any

from sqlite_utils import Database

from archiver.store.health.judge import Health, Known, Run, Source, judge
from archiver.store.health.kept import accepted, forget_passed, without
from archiver.store.ledger import stamp
from archiver.store.run_measures import Measured
from archiver.store.shapes import when
from archiver.store.sources import alive_sources
from archiver.urls import urlkey

_RUNS = 60
_WEEKS = timedelta(days=14)
_POSTS = 60


def health_of(db: Database, site: dict[str, Any], now: datetime) -> Health:
    """The health of a site (a row of `sites`), but for what a person has accepted."""
    return without(judge(known_of(db, site), now), accepted(db, site["id"]))


def forget_what_passed(db: Database, now: datetime) -> None:
    """Of all that was accepted, what is not found any more by a site's last run, where that came to its end: one that
    failed says little of what it did not see. Expects to run inside the caller's transaction."""
    for site in list(db.query("select s.* from sites s join site_health h on h.site_id = s.id where h.accepted <> "
                              "'{}'")):
        known = known_of(db, site)
        if next((run.outcome for run in known.runs if run.outcome), "") == "finished":
            forget_passed(db, site["id"], judge(known, now))


def known_of(db: Database, site: dict[str, Any]) -> Known:
    pages, example = db.execute(
        "select count(*), min(url) from pages where site_id = ? and outcome = 'refused' and rule = 'robots' "
        "and article_id is not null", [site["id"]]).fetchone()
    home = db.execute("select reason from pages where urlkey = ? and rule = 'robots'",
                      [urlkey(site["start_url"])]).fetchone()
    runs = _runs(db, site["id"])
    first = db.execute("select min(started_at) from runs where site_id = ?", [site["id"]]).fetchone()[0]
    return Known(site["name"], runs, when(first), _published(db, site["name"]), _dead(db, site, runs),
                 bool(alive_sources(db, site["id"])), pages, example or "", home[0] if home else "")


def _runs(db: Database, site_id: int) -> list[Run]:
    rows = db.query("select * from runs where site_id = ? and mode in ('full', 'incremental') order by id desc limit ?",
                    [site_id, _RUNS])
    return [Run(when(row["started_at"]) or datetime.now(UTC), row["outcome"] or "", row["reason"] or "",
                Measured.from_json(row.get("statistics"))) for row in rows]


def _published(db: Database, site: str) -> list[datetime]:
    """When the newest posts were published, as far as they say it with a zone."""
    rows = db.execute("select published from articles where site = ? and published is not null "
                      "order by published desc limit ?", [site, _POSTS])
    return [at for row in rows if (at := when(row[0]))]


def _dead(db: Database, site: dict[str, Any], runs: Sequence[Run]) -> list[Source]:
    """Kinds of sources of which one answered in an earlier run, and none does now."""
    told = [run for run in runs if run.outcome and run.measured.outcomes]
    if not told:
        return []
    emptied = _emptied(db, site, told)
    lost = {kind for run in told[1:] for kind in run.measured.sources} - set(told[0].measured.sources)
    return [*(_lost(db, site, kind, told) for kind in sorted(lost)),
            *([emptied] if emptied and "feed" not in lost else ())]


def _lost(db: Database, site: dict[str, Any], kind: str, runs: Sequence[Run]) -> Source:
    since = list(takewhile(lambda run: kind not in run.measured.sources, runs))[-1].started
    url, reason = db.execute(
        "select url, reason from pages where site_id = ? and priority = 0 and kind = ? and outcome <> 'not-article' "
        "order by attempts desc, fetched_at desc", [site["id"], kind]).fetchone() or _turned(db, site, kind)
    return Source("API" if kind == "api" else kind, url, reason or "it answers no more", since)


def _turned(db: Database, site: dict[str, Any], kind: str) -> tuple[str, str]:
    """An address that told of posts, and shows something else now: its row has another kind."""
    url = next((one.url for one in _tellers(db, site, kind) if one.kind != kind), "")
    return url, f"what it shows is no {kind}" if url else ""


def _emptied(db: Database, site: dict[str, Any], runs: Sequence[Run]) -> Source | None:
    """The feed that told of most posts, where no feed lists one any more."""
    read = [run for run in runs if run.measured.listed is not None]
    empty = list(takewhile(lambda run: not run.measured.listed, read))
    if not empty or len(empty) == len(read):
        return None
    feed = next((one for one in _tellers(db, site, "feed") if one.kind == "feed"), _Teller("", "feed", ""))
    return Source("feed", feed.url, feed.reason or "it lists none", empty[-1].started)


@dataclass(frozen=True, slots=True)
class _Teller:
    """A document that listed posts: its kind as it is now, and the reason of its last outcome."""

    url: str
    kind: str
    reason: str | None


def _tellers(db: Database, site: dict[str, Any], kind: str) -> Iterator[_Teller]:
    """The documents that told of the site's pages as such a source, that of the most first: address, kind as it is now,
    and what came of it last."""
    rows = db.execute(
        "select p.url, p.kind, p.reason from page_sources s join pages t on t.id = s.page_id join pages p on p.url = "
        "s.found_on where s.source = ? and t.site_id = ? and p.site_id = t.site_id group by p.id "
        "order by count(*) desc",
        [kind, site["id"]]).fetchall()
    return (_Teller(*row) for row in rows)


def growth(db: Database, now: datetime) -> float:
    """Bytes a day that were received in the last two weeks: the archive's WARC files grow by no more.

    A crawl that comes to a site's end for the first time brings its whole past, and that comes but once. It is counted
    while other sites wait for their own first crawl, which bring as much.
    """
    total, first = db.execute(
        "select total(bytes), min(started_at) from runs r left join (select site_id, min(started_at) as at from runs "
        "where outcome = 'finished' and coalesce(reason, '') = '' group by site_id) whole on whole.site_id = r.site_id "
        "where started_at between ? and ? and (at is null or started_at > at or exists (select 1 from sites s where "
        "not exists (select 1 from runs where site_id = s.id and outcome is not null)))",
        [stamp(now - _WEEKS), stamp(now)]).fetchone()
    began = when(first)
    return float(total) / max((now - began) / timedelta(days=1), 1.0) if began else 0.0
