"""Releases held pages of a site as a person decides: makes them due, keeps their articles, or accepts them, that is,
stores the new state that their captures show.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from archiver.articles.article_comparison import is_other_page, no_longer_shows
from archiver.articles.decision import REMOVED
from archiver.articles.guard import GONE_RULES, REASONS, HoldRule
from archiver.maintenance.capture_reader import CaptureReader
from archiver.model.due_reasons import DueFor
from archiver.model.errors import PageNotHeld
from archiver.model.items import Outcome, PageKind, PageResult
from archiver.model.urls import urlkey
from archiver.storage import Database
from archiver.storage.articles import article_from_row, parts_of
from archiver.storage.held_pages import release_page, remember_accepted_gains
from archiver.storage.page_writer import Storing, StoringRun, store_again
from archiver.storage.pages import make_due_again, moment
from archiver.storage.runs import Counts, forget_run_health
from archiver.storage.transactions import writing

_RELEASED = "released by 'archiver sites release'"


@dataclass(slots=True)
class ReleasedPages:
    """The result of a decision about held pages of a site.

    - `revised`: the number of articles that were revised.
    - `gone`: the number of posts that are gone.
    - `not_posts`: the number of pages that show no post; their articles are kept.
    - `unchanged`: the number of pages that show the stored state.
    - `due`: the number of pages that are only fetched again.
    - `rejected`: the number of pages whose new state is wrong; their articles are kept.
    - `left`: for each page that stays held, a message with the reason.
    - `runs`: the IDs of the runs that held the accepted pages. Undoing these runs also undoes the changes made now.
    """

    site: str
    revised: int = 0
    gone: int = 0
    due: int = 0
    not_posts: int = 0
    unchanged: int = 0
    rejected: int = 0
    left: list[str] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def release_held(db: Database, site: dict[str, Any], url: str = "") -> ReleasedPages:
    """Makes the held pages of a site due, or the one at `url`. The next crawl fetches them and decides again whether to
    hold them, as if no page had been held before. Raises PageNotHeld.
    """
    held = _held_rows(db, site["id"], url)
    with writing(db):
        for row in held:
            make_due_again(db, row["urlkey"], DueFor.RELEASED)
            release_page(db, row["urlkey"])
        forget_run_health(db, site["id"])
    return ReleasedPages(site["name"], due=len(held))


def reject_held(db: Database, site: dict[str, Any], url: str = "") -> ReleasedPages:
    """Keeps the stored articles of the held pages of a site, or of the one at `url`, for as long as the pages show what
    they show now. The pages stay held without a finding. Raises PageNotHeld.
    """
    held = _held_rows(db, site["id"], url)
    with writing(db):
        for row in held:
            db.execute("update held_pages set rule = ? where page_id = ?", [HoldRule.REJECTED, row["page_id"]])
            db.execute(
                "update pages set rule = ?, reason = ? where id = ?",
                [HoldRule.REJECTED, REASONS[HoldRule.REJECTED], row["page_id"]],
            )
        forget_run_health(db, site["id"])
    return ReleasedPages(site["name"], rejected=len(held))


def accept_held(
    db: Database, folder: Path, site: dict[str, Any], version: str, at: datetime, url: str = ""
) -> ReleasedPages:
    """Accepts the held pages of a site, or the one at `url`: stores what their last captures (below `folder`) show. A
    page whose capture cannot be read stays held. If several of the pages gained the same, later pages with the same
    gain are not held because of it. Raises PageNotHeld.
    """
    done, captures = ReleasedPages(site["name"]), CaptureReader(db, folder)
    held = _held_rows(db, site["id"], url)
    shared = {one for one, number in Counter(row["text_digest"] for row in held).items() if number > 1}
    with writing(db):
        remember_accepted_gains(db, site["id"])
    for row in held:
        with writing(db):
            result = _accepted_result(db, site["name"], row, captures, done)
            if result is not None and _is_removed(db, row, result, is_shared=row["text_digest"] in shared):
                result = replace(result, outcome=Outcome.GONE, article=None, reason=REMOVED)
            if result is None:
                continue
            release_page(db, row["urlkey"])
            run, counts = StoringRun(db, site, row["run_id"], at, version=version), Counts()
            storing = Storing(result, counts, capture_id=row["capture_id"], is_confirmed=True)
            store_again(run, storing)
            forget_run_health(db, site["id"])
            done.revised += counts.revised + counts.new
            done.gone += counts.gone
            done.not_posts += result.outcome is Outcome.NOT_ARTICLE
            done.unchanged += counts.unchanged
            if counts.revised + counts.new + counts.gone and row["run_id"] and row["run_id"] not in done.runs:
                done.runs.append(row["run_id"])
    return done


def _held_rows(db: Database, site_id: int, url: str) -> list[dict[str, Any]]:
    """Returns the held pages of a site, or the one at `url` if it is given. Raises PageNotHeld."""
    key = urlkey(url) if url else ""
    rows = list(
        db.query(
            "select p.id as page_id, p.url, p.urlkey, p.status, p.capture_id, p.fetched_at, h.rule, h.run_id, "
            "h.text_digest from held_pages h join pages p on p.id = h.page_id where p.site_id = :site "
            "and :key in ('', p.urlkey) order by p.id",
            {"site": site_id, "key": key},
        )
    )
    if url and not rows:
        raise PageNotHeld(url)
    return rows


def _is_removed(db: Database, row: dict[str, Any], result: PageResult, *, is_shared: bool) -> bool:
    """Returns True if an accepted page shows nothing of its stored post: it is no post, has hardly any text, or shows
    the same as other accepted pages (`is_shared`).
    """
    new = result.article or result.other
    stored = next(iter(db.query("select * from articles where urlkey = ?", [row["urlkey"]])), None)
    if new is None or stored is None:
        return False
    old = article_from_row(stored)
    is_notice = is_shared or result.outcome is Outcome.NOT_ARTICLE
    return is_other_page(old, new) if is_notice else no_longer_shows(old, new)


def _accepted_result(
    db: Database, site: str, row: dict[str, Any], captures: CaptureReader, done: ReleasedPages
) -> PageResult | None:
    """Returns the page result to store for a held page, extracted from its last capture. If the page must stay held,
    adds the reason to `done` and returns None.
    """
    common = {"url": row["url"], "final_url": row["url"], "status": row["status"]}
    if row["rule"] in GONE_RULES:
        fetched_at = moment(row["fetched_at"])
        assert fetched_at is not None
        return PageResult(**common, at=fetched_at, outcome=Outcome.GONE, kind=PageKind.POST, reason=_RELEASED)
    found = captures.judge(site, row["capture_id"], row["url"])
    if found is None:
        done.left.append(f"{row['url']}: capture {row['capture_id']} cannot be read")
        return None
    if parts_of(db, row["urlkey"]):
        done.left.append(f"{row['url']}: it has several pages; the next crawl fetches them again")
        return None
    article, at = found
    is_post = article.kind is PageKind.POST
    return PageResult(
        **common,
        at=at,
        outcome=Outcome.ARCHIVED if is_post else Outcome.NOT_ARTICLE,
        kind=article.kind,
        rule=article.kind_rule,
        reason="" if is_post else f"it is not a post: {article.kind_rule}",
        article=article if is_post else None,
        other=None if is_post else article,
    )
