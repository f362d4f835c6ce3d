"""Releases the held pages of a site: either makes them due, or accepts them, that is, stores the new state that their
captures show.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from archiver.articles.article_guards import HoldRule, drop_impossible_values
from archiver.extraction.article import extract_page
from archiver.extraction.page import parse_page
from archiver.items import Article, Outcome, PageKind, PageResult
from archiver.maintenance.reextraction import RulesByTime, read_response
from archiver.sites.page_objects import load_page_objects
from archiver.storage.article_tables.multipage_articles import parts_of
from archiver.storage.connection import writing
from archiver.storage.held_pages import make_held_due, release_page, remember_accepted_gains
from archiver.storage.page_result_writer import Storing, StoringRun, store_again
from archiver.storage.pages import hint_of_capture, moment
from archiver.storage.runs import Counts, forget_run_health

_GONE = frozenset({HoldRule.STILL_LISTED, HoldRule.MASS_GONE})
_RELEASED = "released by 'archiver sites release'"


@dataclass(slots=True)
class ReleasedPages:
    """The result of releasing the held pages of a site.

    - `revised`: the number of articles that were revised.
    - `gone`: the number of posts that are gone.
    - `not_posts`: the number of pages that show no post; their articles are kept.
    - `unchanged`: the number of pages that show the stored state.
    - `due`: the number of pages that are only fetched again.
    - `left`: for each page that stays held, a message with the reason.
    - `runs`: the IDs of the runs that held the accepted pages. Undoing these runs also undoes the changes made now.
    """

    site: str
    revised: int = 0
    gone: int = 0
    due: int = 0
    not_posts: int = 0
    unchanged: int = 0
    left: list[str] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def release_held(db: Database, site: dict[str, Any]) -> ReleasedPages:
    """Makes the held pages of a site due. The next crawl fetches them and decides again whether to hold them, as if no
    page had been held before.
    """
    with writing(db):
        due = make_held_due(db, site["id"], _RELEASED)
        db.execute("delete from held_pages where page_id in (select id from pages where site_id = ?)", [site["id"]])
        forget_run_health(db, site["id"])
    return ReleasedPages(site["name"], due=due)


def accept_held(db: Database, folder: Path, site: dict[str, Any], version: str, at: datetime) -> ReleasedPages:
    """Accepts the held pages of a site: stores what their last captures (below `folder`) show. A page whose capture
    cannot be read stays held. If several of the pages gained the same, later pages with the same gain are not held
    because of it.
    """
    done, rules = ReleasedPages(site["name"]), RulesByTime(db)
    with writing(db):
        remember_accepted_gains(db, site["id"])
    for row in _held_rows(db, site["id"]):
        with writing(db):
            result = _accepted_result(db, folder, site, row, rules, done)
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


def _held_rows(db: Database, site_id: int) -> list[dict[str, Any]]:
    return list(
        db.query(
            "select p.url, p.urlkey, p.status, p.capture_id, p.fetched_at, h.rule, h.run_id "
            "from held_pages h join pages p on p.id = h.page_id where p.site_id = ? order by p.id",
            [site_id],
        )
    )


def _accepted_result(
    db: Database, folder: Path, site: dict[str, Any], row: dict[str, Any], rules: RulesByTime, done: ReleasedPages
) -> PageResult | None:
    """Returns the page result to store for a held page, extracted from its last capture. If the page must stay held,
    adds the reason to `done` and returns None.
    """
    fetched_at = moment(row["fetched_at"])
    assert fetched_at is not None
    common = {"url": row["url"], "final_url": row["url"], "status": row["status"]}
    if row["rule"] in _GONE:
        return PageResult(**common, at=fetched_at, outcome=Outcome.GONE, kind=PageKind.POST, reason=_RELEASED)
    found = read_response(db, folder, row["capture_id"])
    if found is None:
        done.left.append(f"{row['url']}: capture {row['capture_id']} cannot be read")
        return None
    if parts_of(db, row["urlkey"]):
        done.left.append(f"{row['url']}: it has several pages; the next crawl fetches them again")
        return None
    response, capture = found
    at = moment(capture["captured_at"]) or fetched_at
    parsed = parse_page(response.body, row["url"], response.content_type, at)
    hint = hint_of_capture(db, row["capture_id"])
    article: Article = extract_page(parsed, hint, posts_only=True, rules=rules.at(site["id"], at))
    article = load_page_objects().apply(article, parsed)
    if article.kind is not PageKind.POST:
        reason = f"it is not a post: {article.kind_rule}"
        return PageResult(
            **common, at=at, outcome=Outcome.NOT_ARTICLE, kind=article.kind, rule=article.kind_rule, reason=reason
        )
    clean, _ = drop_impossible_values(article, at)
    return PageResult(
        **common, at=at, outcome=Outcome.ARCHIVED, kind=PageKind.POST, rule=article.kind_rule, article=clean
    )
