"""Counts the posts of a site by their day of publication."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from sqlite_utils import Database

from archiver.storage.column_values import stored_time
from archiver.storage.pages import stamp

_DAYS = 60
_RECENT = timedelta(days=8)
_MANY = 20
"""If a day has more than this many posts above the usual number, only posts that are still online are counted, since
the site may have published many posts by mistake and removed them."""
_MOST_UNDATED = 2_000


@dataclass(frozen=True, slots=True)
class PostDay:
    """A day on which a site published posts.

    - `day`: the date (ISO 8601), in the site's own time zone.
    - `last`: when the last of its posts was published.
    - `posts`: the number of its posts. On a day with many posts, only posts that are still online count.
    - `new`: the number of posts that are still online and that the archive did not see in the site's first complete
      crawl. They are counted only for the last days. A post without a date counts as new on the day it was first seen.
    - `example`: the URL of one of the new posts.
    """

    day: str
    last: datetime
    posts: int
    new: int = 0
    example: str = ""


def read_post_days(db: Database, site: str, site_id: int, now: datetime) -> tuple[PostDay, ...]:
    """Returns the last 60 days on which a site, given by its name and ID, published posts, the newest first. Days in
    the future are left out, since some sites announce events in posts with such dates.
    """
    rows = db.execute(
        # Each day is one look-up in the index, since a site may have published a thousand posts on a single day.
        "with recursive days (at) as (select max(published) from articles where site = :site and published < :tomorrow "
        "union all select (select max(published) from articles where site = :site "
        "and published < substr(days.at, 1, 10)) from days where days.at is not null limit :days) "
        "select substr(at, 1, 10), at, (select count(*) from articles where site = :site "
        "and published >= substr(at, 1, 10) and published <= at) from days where at is not null",
        {"site": site, "days": _DAYS, "tomorrow": _tomorrow(now)},
    ).fetchall()
    usual = median(row[2] for row in rows) if rows else 0
    new, examples = _count_new(db, site, site_id, now)
    days = {
        day: PostDay(
            day, last, _count_online(db, site, day) if posts > usual + _MANY else posts, new[day], examples.get(day, "")
        )
        for day, at, posts in rows
        if (last := stored_time(at))
    }
    for day in new.keys() - days.keys():  # on these days only undated posts were seen
        if last := stored_time(day):
            days[day] = PostDay(day, last, 0, new[day], examples[day])
    return tuple(sorted(days.values(), key=lambda one: one.day, reverse=True))


def _count_online(db: Database, site: str, day: str) -> int:
    """Returns the number of posts of a day that are neither gone nor withdrawn. This reads each of these posts."""
    return int(
        db.execute(
            "select count(*) from articles where site = ? and published >= ? and published < ? and gone_at is null "
            "and id not in (select article_id from withdrawn_articles)",
            [site, day, f"{day}~"],
        ).fetchone()[0]
    )


def _count_new(db: Database, site: str, site_id: int, now: datetime) -> tuple[Counter[str], dict[str, str]]:
    """Returns, for each day, the number of new posts and the URL of one of them."""
    whole = db.execute(
        "select min(finished_at) from runs where site_id = ? and outcome = 'finished' and coalesce(reason, '') = ''",
        [site_id],
    ).fetchone()[0]
    new: Counter[str] = Counter()
    examples: dict[str, str] = {}
    if whole is None:
        return new, examples
    since = stamp(now - _RECENT)
    rows = db.execute(
        "select substr(published, 1, 10), url, first_seen from articles where site = ? and published >= ? "
        "and published < ? and first_seen > ? and gone_at is null "
        "and id not in (select article_id from withdrawn_articles)",
        [site, since[:10], _tomorrow(now), whole],
    ).fetchall()
    rows += db.execute(
        "select substr(first_seen, 1, 10), url, first_seen from (select * from articles where site = ? "
        "and published is null order by id desc limit ?) where first_seen > max(?, ?) and gone_at is null "
        "and id not in (select article_id from withdrawn_articles)",
        [site, _MOST_UNDATED, since, whole],
    ).fetchall()
    for day, url, _ in rows:
        new[day] += 1
        examples[day] = min(url, examples.get(day, url))
    return new, examples


def _tomorrow(now: datetime) -> str:
    """Returns the first day that has not begun in any time zone, since a time zone may be 14 hours ahead of UTC."""
    return stamp(now + timedelta(days=2))[:10]
