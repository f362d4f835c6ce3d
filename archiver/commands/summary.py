"""What a crawl says at its end."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from archiver.commands.options import DEFAULT_ARCHIVE
from archiver.commands.screen import count
from archiver.errors import ArchiverError
from archiver.store.connect import open_archive
from archiver.store.health.known import health_of
from archiver.store.health.overall import health_json

# What happened to articles, in the order it is told: count, singular, plural.
_CHANGES = (
    ("new", "new article", "new articles"), ("revised", "revised", "revised"), ("unchanged", "unchanged", "unchanged"),
    ("aliased", "new alias", "new aliases"), ("duplicate", "of them with the text of another",
                                              "of them with the text of another"), ("gone", "gone", "gone"),
)

_FEW_PAGES = 5  # a site of fewer may have no posts yet


def summary_lines(result: dict[str, Any], archive: str) -> list[str]:
    """One run in a few lines; `result` as the crawl prints it with --json."""
    told = [f"{result[key]} {one if result[key] == 1 else many}" for key, one, many in _CHANGES
            if result[key] or key == "new"]
    lines = [f"{result['site']}: {', '.join(told)}"]
    rate = result["fetched"] / result["seconds"] if result["seconds"] else 0.0
    lines.append(f"  {result['found']} addresses found, {result['requests']} requests "
                 f"({result['bytes'] / 1e6:.1f} MB), {result['seconds']:.1f} s, {rate:.1f} pages/s")
    if result["trapped"]:
        lines.append(f"  {result['trapped']} addresses set aside that lead nowhere or on and on "
                     f"('archiver status {result['site']}' tells which)")
    if result["refused"]:
        lines.append(f"  {result['refused']} refused (robots.txt, password, or the server)")
    if result["requisite_requests"]:
        lacking = f", {result['requisites_failed']} could not be" if result["requisites_failed"] else ""
        lines.append(f"  beside the posts: {result['requisites']} captured (images, stylesheets, fonts){lacking}; "
                     f"{count(result['requisite_requests'], 'request')}")
    for reason, number in result["failures"].items():
        lines.append(f"  {number} failed: {reason}; the next crawl tries again")
    if result["outcome"] == "interrupted":
        lines.append("  stopped before its end; the next crawl goes on from here")
    elif result["reason"] and result["outcome"] == "finished":
        lines.append(f"  ended at {result['reason']}; {result['due']} addresses are still due")
    elif result["outcome"] == "waiting":
        lines.append(f"  {result['due']} addresses are still due; the next crawl goes on from here")
    lines.append(f"  archive: {archive}")
    return lines


def nothing_found(archive: str, site: str, outcome: str) -> list[str]:
    """Where a site's pages were read and none of them was a post: that it is so, and how to see why."""
    if outcome != "finished":
        return []
    try:
        db = open_archive(archive, read_only=True)
    except ArchiverError:
        return []
    try:
        read, example = db.execute(
            "select count(*), min(p.url) from pages p join sites s on s.id = p.site_id where s.name = ? and "
            "p.outcome = 'not-article' and p.kind in ('listing', 'page', 'other') and "
            "not exists (select 1 from articles a where a.site = s.name)", [site]).fetchone()
    finally:
        db.close()
    return [f"  none of the {read} pages of {site} is a post: 'archiver why URL' says of each what it was taken for, "
            f"as of {example}"] if read >= _FEW_PAGES else []


_TOLD_ALREADY = ("failed", "waiting", "interrupted")


def healths(archive: str, sites: Iterable[str]) -> dict[str, dict[str, Any]]:
    """How sites do after a crawl, as `status --json` has it under "health"; empty where the archive cannot be read."""
    wanted = set(sites)
    try:
        db = open_archive(archive, read_only=True)
    except ArchiverError:
        return {}
    try:
        rows = [row for row in list(db.query("select * from sites")) if row["name"] in wanted]
        return {row["name"]: health_json(health_of(db, row, datetime.now(UTC))) for row in rows}
    finally:
        db.close()


def health_lines(health: dict[str, Any] | None) -> list[str]:
    """What is wrong with a site beside how its run ended, and what to do."""
    return [f"  {one['level']}: {one['sentence']}" for one in (health or {"findings": []})["findings"]
            if one["code"] not in _TOLD_ALREADY]


def search_hints(archive: str, new: int) -> list[str]:
    """Three searches to try, made of what is in the archive: a category, an author, a place or a word."""
    if not new:
        return []
    try:
        db = open_archive(archive, read_only=True)
    except ArchiverError:
        return []
    try:
        hints = [_word(db), _option(db, "category", "categories", "article_categories", "category_id"),
                 _option(db, "author", "authors", "article_authors", "author_id"), _near(db)]
    finally:
        db.close()
    options = "" if archive == DEFAULT_ARCHIVE else f" --archive {shlex.quote(archive)}"
    chosen = [h for h in (hints[0], hints[3], hints[1], hints[2]) if h][:3]
    return ["Try:", *(f"  archiver search {h}{options}" for h in chosen)] if chosen else []


def _word(db: Any) -> str:
    row = db.execute("select title from articles where title <> '' and duplicate_of is null order by length(body) desc "
                     "limit 1").fetchone()
    words = [w.strip(".,:;!?\"'()") for w in row[0].split()] if row else []
    longest = max(words, key=len, default="")
    return shlex.quote(longest) if longest else ""


def _option(db: Any, option: str, table: str, link: str, key: str) -> str:
    row = db.execute(f"select t.name from {table} t join {link} l on l.{key} = t.id group by t.id "
                     "order by count(*) desc, t.name limit 1").fetchone()
    return f"--{option} {shlex.quote(row[0])}" if row else ""


def _near(db: Any) -> str:
    row = db.execute("select latitude, longitude from geotags where latitude is not null and role = 'content' "
                     "order by id limit 1").fetchone()
    return f"--near {row[0]:g},{row[1]:g} --within 50" if row else ""
