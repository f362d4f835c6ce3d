"""Requisites, which are the images, stylesheets and fonts of a page: the queue of requisites to fetch, their outcomes,
and which articles need them.

All functions expect to run inside the caller's transaction. A URL has one row per site that needs it. Requisites are
not in the pages table and are not counted among a site's pages.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

from archiver.model.items import Capture, Outcome, Requisite, RequisiteKind, UsageStatement
from archiver.model.urls import asset_address
from archiver.storage import Database
from archiver.storage.captures import enter_capture, store_usage_statements
from archiver.storage.pages import EPOCH, stamp
from archiver.storage.runs import Counts

Mode = Literal["none", "lead", "all"]
MODES: tuple[Mode, ...] = ("none", "lead", "all")
"""What is captured with a post's page: nothing, its lead image, or all its images, stylesheets and fonts."""
DEFAULT_MODE: Mode = "lead"
_RETRY_AFTER = (timedelta(hours=1), timedelta(days=1))
"""The waiting time before a retry: after the first failure, and after the second one. After the third failure there is
no retry."""
_PERMANENT_FAILURES = frozenset({"too-large", "bad-http", "header-flood", "bad-coding", "redirect-loop", "no-location"})
_CAPTURED_OUTCOMES = frozenset({Outcome.ARCHIVED, Outcome.UNCHANGED, Outcome.DUPLICATE})


@dataclass(frozen=True, slots=True)
class FetchedRequisite:
    """One attempt to fetch a requisite.

    - `outcome`: as for a page: archived, unchanged, duplicate (it redirects), gone, refused or failed.
    - `names`: the requisites to which a stylesheet refers, or the target of a redirect.
    - `hops`: 1 for a redirect, otherwise 0.
    - `size`: in bytes, decompressed.
    - `width`, `height`: in pixels.
    """

    id: int
    at: datetime
    outcome: Outcome
    rule: str = ""
    reason: str = ""
    status: int | None = None
    capture: Capture | None = None
    usage_statements: tuple[UsageStatement, ...] = ()
    media_type: str | None = None
    size: int | None = None
    width: int | None = None
    height: int | None = None
    etag: str = ""
    last_modified: str = ""
    names: tuple[Requisite, ...] = ()
    hops: int = 0


@dataclass(frozen=True, slots=True)
class NeededBy:
    """An article that needs requisites. `found_on` is the URL of its page, and `at` is when that page was fetched."""

    site_id: int
    article_id: int
    found_on: str
    at: datetime


@dataclass(frozen=True, slots=True)
class _Due:
    """Why a requisite is recorded, and when it becomes due again.

    - `wanted`: "lead" for a lead image, "page" for other files of a page.
    - `found_on`, `at`: where and when the requisite was found.
    - `before`: if the requisite was last fetched before this time, it is due again.
    - `depth`, `hops`: the numbers of stylesheets and of redirects that led to the requisite.
    """

    site_id: int
    wanted: str
    found_on: str
    at: datetime
    before: datetime
    depth: int = 0
    hops: int = 0


def enter_requisites(
    db: Database,
    needed_by: NeededBy,
    wanted: Iterable[Requisite],
    *,
    changed: bool,
    crawl_started: datetime,
    revisit: timedelta,
) -> None:
    """Records the requisites `wanted` of an article; new ones are due at once. `changed` is True if the article is new
    or was edited.

    A known requisite is fetched again, conditionally, if it was last fetched more than `revisit` ago; the lead image of
    an edited post is fetched again if it was last fetched before the crawl began (`crawl_started`). An unchanged
    article keeps the requisites that were recorded before, because some sites write the URLs of the same files
    differently each time.
    """
    for role in ("lead", "page"):
        found = [one for one in wanted if one.is_lead == (role == "lead")]
        if not found or (not changed and _has_requisites(db, needed_by.article_id, role)):
            continue
        before = crawl_started if role == "lead" and changed else needed_by.at - revisit
        due_for = _Due(needed_by.site_id, role, needed_by.found_on, needed_by.at, before)
        for one in found:
            db.execute(
                "insert or ignore into article_requisites (article_id, requisite_id, role) values (?, ?, ?)",
                [needed_by.article_id, _insert_or_make_due(db, one, due_for), role],
            )


def lead_image(address: str | None) -> tuple[Requisite, ...]:
    """Returns the lead image at this address as a requisite; () if `address` is None or cannot be fetched."""
    url = asset_address(address) if address else None
    return (Requisite(url, RequisiteKind.IMAGE, is_lead=True),) if url else ()


def _has_requisites(db: Database, article_id: int, role: str) -> bool:
    return (
        db.execute(
            "select 1 from article_requisites where article_id = ? and role = ? limit 1", [article_id, role]
        ).fetchone()
        is not None
    )


def _insert_or_make_due(db: Database, one: Requisite, due_for: _Due) -> int:
    """Inserts a requisite, or makes a known one due if it was last fetched before `due_for.before`. Returns its ID."""
    row = db.execute(
        "insert into requisites (site_id, url, host, kind, wanted, depth, hops, outcome, found_on, found_at, due_at) "
        "values (?, ?, ?, ?, ?, ?, ?, 'due', ?, ?, ?) on conflict (site_id, url) do update set "
        "wanted = min(wanted, excluded.wanted), depth = min(depth, excluded.depth), "
        "due_at = case when fetched_at < ? then excluded.due_at else due_at end returning id",
        [
            due_for.site_id,
            one.url,
            urlsplit(one.url).hostname or "",
            one.kind,
            due_for.wanted,
            due_for.depth,
            due_for.hops,
            due_for.found_on,
            stamp(due_for.at),
            EPOCH,
            stamp(due_for.before),
        ],
    ).fetchone()
    return int(row[0])


def due_requisites(db: Database, site_id: int, now: datetime, limit: int, mode: Mode) -> list[dict[str, Any]]:
    """Returns the next requisites to fetch, at most `limit`, as rows with the last full capture of each. Those that
    have been due longest come first. `mode` says which are captured at all (see `MODES`).
    """
    if mode == "none":
        return []
    return list(
        db.query(
            "select r.*, c.url as capture_url, c.captured_at, c.digest from requisites r "
            "left join captures c on c.id = r.capture_id where r.site_id = ? and r.due_at <= ? "
            "and (? or r.wanted = 'lead') order by r.due_at, r.id limit ?",
            [site_id, stamp(now), mode == "all", limit],
        )
    )


def record_requisite(
    db: Database, site_id: int, run_id: int, fetched: FetchedRequisite, counts: Counts, revisit: timedelta
) -> None:
    """Records an attempt to fetch a requisite, records the further requisites that it refers to, and adds the attempt
    to `counts`. A known further requisite is due again if it was fetched longer than `revisit` ago.
    """
    row = next(db.query("select url, wanted, depth, hops, attempts from requisites where id = ?", [fetched.id]))
    capture_id = enter_capture(db, run_id, fetched.capture) if fetched.capture else None
    if capture_id is not None:
        store_usage_statements(db, capture_id, fetched.usage_statements)
    same = fetched.outcome is Outcome.UNCHANGED
    failed = fetched.outcome is Outcome.FAILED
    attempts = row["attempts"] + 1 if failed else 0
    db.execute(
        "update requisites set outcome = ?, rule = ?, reason = ?, status = ?, attempts = ?, fetched_at = ?, "
        "due_at = ?, media_type = coalesce(?, media_type), bytes = coalesce(?, bytes), width = coalesce(?, width), "
        "height = coalesce(?, height), capture_id = coalesce(?, capture_id), "
        "etag = case when ? then etag else ? end, last_modified = case when ? then last_modified else ? end "
        "where id = ?",
        [
            fetched.outcome,
            fetched.rule,
            fetched.reason,
            fetched.status,
            attempts,
            stamp(fetched.at),
            _retry_time(fetched, attempts),
            fetched.media_type,
            fetched.size,
            fetched.width,
            fetched.height,
            None if same else capture_id,
            same,
            fetched.etag or None,
            same,
            fetched.last_modified or None,
            fetched.id,
        ],
    )
    due_for = _Due(
        site_id,
        row["wanted"],
        row["url"],
        fetched.at,
        fetched.at - revisit,
        row["depth"] + (0 if fetched.hops else 1),
        row["hops"] + fetched.hops,
    )
    for one in fetched.names:
        number = _insert_or_make_due(db, one, due_for)
        db.execute(
            "insert or ignore into requisite_parts (parent_id, requisite_id) values (?, ?)", [fetched.id, number]
        )
    counts.requisites += fetched.outcome in _CAPTURED_OUTCOMES
    counts.requisites_failed += fetched.outcome not in _CAPTURED_OUTCOMES


def _retry_time(fetched: FetchedRequisite, attempts: int) -> str | None:
    if fetched.outcome is not Outcome.FAILED or fetched.rule in _PERMANENT_FAILURES or attempts > len(_RETRY_AFTER):
        return None
    return stamp(fetched.at + _RETRY_AFTER[attempts - 1])


def postpone_requisites(db: Database, site_id: int, host: str, until: datetime) -> None:
    """Postpones the due requisites of a site that are on this host to the time `until`."""
    db.execute(
        "update requisites set due_at = ? where site_id = ? and host = ? and due_at < ?",
        [stamp(until), site_id, host, stamp(until)],
    )


def retry_requisites(db: Database, site_id: int, *, everything: bool) -> None:
    """Makes failed requisites due again, even after their last retry. If `everything` is True, requisites that are gone
    or were refused become due, too.
    """
    db.execute(
        "update requisites set due_at = ?, attempts = 0 where site_id = ? and (outcome in ('failed', 'due') "
        "or (? and outcome in ('refused', 'gone')))",
        [EPOCH, site_id, everything],
    )


def enter_lead_images_of_site(db: Database, site_id: int, site: str, at: datetime, revisit: timedelta) -> None:
    """Records the lead images of those articles of a site for which none is recorded, because the settings excluded
    lead images when the articles were stored. An image that was last fetched more than `revisit` before the time `at`
    is fetched again.
    """
    rows = db.execute(
        "select id, image, url from articles a where site = ? and image is not null and not exists "
        "(select 1 from article_requisites l where l.article_id = a.id and l.role = 'lead')",
        [site],
    ).fetchall()
    for number, image, url in rows:
        enter_requisites(
            db, NeededBy(site_id, number, url, at), lead_image(image), changed=False, crawl_started=at, revisit=revisit
        )


def refetch_lost_requisite(db: Database, capture_id: int) -> None:
    """Unlinks a lost capture from its requisite, and makes the requisite due. It will be fetched in full even if it has
    not changed.
    """
    db.execute(
        "update requisites set capture_id = null, etag = null, last_modified = null, outcome = 'due', "
        "due_at = ? where capture_id = ?",
        [EPOCH, capture_id],
    )


def count_due_requisites(db: Database, site_id: int, now: datetime, mode: Mode) -> int:
    """Returns the number of due requisites of a site, of those that are captured in this mode (see `MODES`)."""
    if mode == "none":
        return 0
    return int(
        db.execute(
            "select count(*) from requisites where site_id = ? and due_at <= ? and (? or wanted = 'lead')",
            [site_id, stamp(now), mode == "all"],
        ).fetchone()[0]
    )


# -- reports on one URL, one article, one site

NEEDED_CAPTURES_QUERY = (
    "with recursive needed (id) as (select requisite_id from article_requisites where article_id in ({articles}) "
    "union select p.requisite_id from requisite_parts p join needed n on n.id = p.parent_id) "
    "select c.id from needed n join requisites r on r.id = n.id join captures c on c.url = r.url"
)
"""SQL: the captures of all requisites that articles need, directly or through stylesheets. {articles} is SQL that
selects the articles' IDs."""
_NAMED = 5
_REASONS = 10
_CAPTURED = "capture_id is not null"


def requisite_captures(db: Database, articles: Sequence[int]) -> list[int]:
    """Returns the IDs of the captures of all requisites that these articles need."""
    query = NEEDED_CAPTURES_QUERY.format(articles="select value from json_each(?)")
    return [row[0] for row in db.execute(query, [json.dumps(list(articles))])]


def captured_lead_image(db: Database, article_id: int) -> dict[str, Any] | None:
    """Returns the lead image of an article and its capture; None if no lead image of the article is known. Keys: url,
    outcome, reason, media_type, bytes, width, height, capture (as in a record, None if it was not captured). If its URL
    redirects, outcome, media type, size and capture describe the redirect's target.
    """
    row = next(
        iter(
            db.query(
                "select r.* from article_requisites l join requisites r on r.id = l.requisite_id join articles a "
                "on a.id = l.article_id where l.article_id = ? and l.role = 'lead' "
                "order by r.url = a.image desc, r.id desc limit 1",
                [article_id],
            )
        ),
        None,
    )
    if row is None:
        return None
    seen, shown = {row["id"]}, row
    while (
        shown["outcome"] == "duplicate" and (onward := _redirect_target(db, shown["id"])) and onward["id"] not in seen
    ):
        seen.add(onward["id"])
        shown = onward
    names = ("outcome", "reason", "media_type", "bytes", "width", "height")
    capture = next(
        iter(
            db.query(
                "select captured_at, digest, warc_file, warc_offset, warc_length from captures where id = ?",
                [shown["capture_id"]],
            )
        ),
        None,
    )
    return {"url": row["url"], **{name: shown[name] for name in names}, "capture": capture}


def _redirect_target(db: Database, number: int) -> dict[str, Any] | None:
    return next(
        iter(
            db.query(
                "select r.* from requisite_parts p join requisites r on r.id = p.requisite_id where p.parent_id = ?",
                [number],
            )
        ),
        None,
    )


def requisite_at(db: Database, address: str) -> dict[str, Any] | None:
    """Returns what the archive knows about a URL as a requisite; None if no article needs it.

    Keys: the columns of the requisite's row, the site's name as `site`, `needed_by` (id, url and role of the first
    articles that need it, directly or through stylesheets and redirects) and `needed_by_total`.
    """
    url = asset_address(address if "://" in address else f"https://{address}")
    if url is None:
        return None
    row = next(
        iter(
            db.query(
                "select r.*, s.name as site from requisites r join sites s on s.id = r.site_id "
                "where r.url = ? order by r.capture_id is null, r.id",
                [url],
            )
        ),
        None,
    )
    if row is None:
        return None
    above = (
        "with recursive above (id) as (select ? union select p.parent_id from requisite_parts p join above a "
        "on a.id = p.requisite_id) "
    )
    users = list(
        db.query(
            f"{above} select distinct t.id, t.url, l.role from above a join article_requisites l "
            "on l.requisite_id = a.id join articles t on t.id = l.article_id order by t.id limit ?",
            [row["id"], _NAMED],
        )
    )
    total = db.execute(
        f"{above} select count(distinct l.article_id) from above a join article_requisites l on l.requisite_id = a.id",
        [row["id"]],
    ).fetchone()[0]
    return {**row, "needed_by": users, "needed_by_total": total}


def requisite_state(db: Database, site: dict[str, Any]) -> dict[str, Any]:
    """Returns the state of a site's requisites, ready for JSON.

    Keys: mode (none, lead, all), captured (count by kind), outcomes (count by outcome), lacking (requisites that could
    not be captured: outcome, reason, number, example; the most frequent first).
    """
    mode = json.loads(site["settings"] or "{}") if isinstance(site["settings"], str) else site["settings"]
    out: dict[str, Any] = {"mode": mode.get("requisites", DEFAULT_MODE), "captured": {}, "outcomes": {}, "lacking": []}
    number = [site["id"]]
    out["captured"] = dict(
        db.execute(
            f"select kind, count(*) from requisites where site_id = ? and {_CAPTURED} and "
            "outcome <> 'duplicate' group by 1 order by 2 desc, 1",
            number,
        ).fetchall()
    )
    out["outcomes"] = dict(
        db.execute(
            "select outcome, count(*) from requisites where site_id = ? group by 1 order by 2 desc, 1", number
        ).fetchall()
    )
    out["lacking"] = list(
        db.query(
            "select outcome, reason, count(*) as number, min(url) as example from requisites where site_id = ? and "
            "outcome in ('failed', 'gone', 'refused') group by 1, 2 order by 3 desc, 1, 2 limit ?",
            [site["id"], _REASONS],
        )
    )
    return out
