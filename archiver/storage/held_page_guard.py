"""Holds the page of a known post if its new state must not replace what is stored. Releases the page once it shows the
post again, or once the new state is confirmed (`articles.change_guard`).

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from archiver.articles.change_guard import (
    MASS_RULES,
    REASONS,
    Hold,
    HoldRule,
    count_letters,
    is_confirmed,
    suspicion,
)
from archiver.articles.form_verdicts import OTHER_FORM_RULE
from archiver.articles.identity import changed_fields, fold_words
from archiver.frontier.revisit import VOUCHING_SOURCES
from archiver.items import Outcome, PageKind, PageResult, SourceHint
from archiver.storage import held_pages
from archiver.storage.article_tables.articles import is_move
from archiver.storage.article_tables.revisions import article_from_row
from archiver.storage.article_tables.withdrawals import withdrawal_of
from archiver.storage.pages import latest_hint, stamp
from archiver.urls import urlkey

_GONE_FOR_GOOD = 410  # the status that says that a page is gone for good (RFC 9110, section 15.5.11)
_SHOWS_POST_AGAIN = "other held pages show their posts again"


@dataclass(frozen=True, slots=True)
class FetchedPost:
    """What the guard knows about a fetched page besides its result: its urlkey, the row of its article (None if none is
    stored), the run, and when the run began. `announced` is True if a source had said that the page changed or is gone.
    """

    key: str
    row: dict[str, Any] | None
    run_id: int
    run_started: datetime
    announced: bool


@dataclass(frozen=True, slots=True)
class GuardedResult:
    """The result to store. Its outcome is HELD if the page is held. `is_confirmed` is True if the page was held and is
    now accepted.
    """

    result: PageResult
    is_confirmed: bool = False


def guard_page(db: Database, site: dict[str, Any], post: FetchedPost, result: PageResult) -> GuardedResult:
    """Returns the result to store, and holds or releases the page."""
    if result.outcome not in _JUDGED:
        return GuardedResult(result)
    hold = held_pages.hold_of(db, post.key)
    if result.outcome is Outcome.UNCHANGED:
        rule = hold.rule if hold else None
    else:
        rule = _rule_for(db, site["id"], post, result)
    if rule is None:
        if hold is not None:
            _release(db, site["id"], post.key, hold)
        return GuardedResult(result)
    digest = _digest(result, hold)
    if result.article and result.article.body and held_pages.shows_shared_text(db, site["id"], post.key, digest):
        rule = HoldRule.SHARED_TEXT
    now = hold.seen_again(rule, digest, result.at) if hold else Hold(rule, result.at, result.at, 1, digest)
    if is_confirmed(now, result.at, held_pages.count_held_alike(db, site["id"], post.key, rule)):
        held_pages.release_page(db, post.key)
        return GuardedResult(result, is_confirmed=True)
    held_pages.hold_page(db, post.key, now, post.run_id)
    if rule is HoldRule.SHARED_TEXT:
        held_pages.mark_shared(db, site["id"], digest)
    # The validators are left out, so that the server cannot answer that the held state is unchanged.
    held = replace(result, outcome=Outcome.HELD, kind=PageKind.POST, rule=rule, reason=REASONS[rule])
    return GuardedResult(replace(held, form=None, etag="", last_modified=""))


_JUDGED = frozenset({Outcome.ARCHIVED, Outcome.UNCHANGED, Outcome.NOT_ARTICLE, Outcome.GONE})


def _digest(result: PageResult, hold: Hold | None) -> str:
    if result.outcome is Outcome.UNCHANGED and hold is not None:
        return hold.text_digest
    if result.article is not None:
        return held_pages.text_digest(result.article.body)
    return f"{result.outcome} {result.rule}"[:64]


def _release(db: Database, site_id: int, key: str, hold: Hold) -> None:
    """Ends the hold on a page that shows its post again, and makes other held pages due at once. These are all held
    pages of the site if the whole site was at fault, otherwise only those with the same fault.
    """
    held_pages.release_page(db, key)
    is_of_site = hold.rule in MASS_RULES or hold.rule in (HoldRule.SHARED_TEXT, HoldRule.NOT_A_POST)
    held_pages.make_held_due(db, site_id, _SHOWS_POST_AGAIN, None if is_of_site else hold)


def _rule_for(db: Database, site_id: int, post: FetchedPost, result: PageResult) -> HoldRule | None:
    if result.outcome is Outcome.ARCHIVED:
        return _rule_for_text(db, site_id, post, result)
    row = _live_article(db, post.key)
    if row is None:
        return None
    if result.outcome is Outcome.NOT_ARTICLE:
        return HoldRule.NOT_A_POST if result.rule != OTHER_FORM_RULE else None
    if result.status == _GONE_FOR_GOOD or post.announced:
        return None
    if _is_listed(db, post):
        return HoldRule.STILL_LISTED
    return HoldRule.MASS_GONE if held_pages.is_run_held(db, site_id, HoldRule.MASS_GONE) else None


def _rule_for_text(db: Database, site_id: int, post: FetchedPost, result: PageResult) -> HoldRule | None:
    new = result.article
    assert new is not None
    if post.row is None:
        shown = bool(new.body) and held_pages.shows_shared_text(db, site_id, post.key, held_pages.text_digest(new.body))
        return HoldRule.SHARED_TEXT if shown else None
    if urlkey(new.url) != post.row["urlkey"] and not is_move(db, post.row, new, post.run_started):
        return None  # a copy at another address does not replace the stored post
    old = article_from_row(post.row)
    if (
        old.body != new.body
        and (rule := suspicion(old, new))
        and not (
            rule is HoldRule.SHORTER and post.announced and _is_shortened(old.body, new.body, latest_hint(db, post.key))
        )
    ):
        return rule
    if post.announced or not held_pages.is_run_held(db, site_id, HoldRule.MASS_CHANGE):
        return None
    return HoldRule.MASS_CHANGE if changed_fields(old, new) else None


_TAG = re.compile(r"<[^>]*>")
_ABOUT = 1.25
# This many letters at the end are not compared, since a teaser often ends in "Read more" or within a word.
_CUT_END = 20


def _is_shortened(old_body: str, new_body: str, hint: SourceHint | None) -> bool:
    """Returns True if the author has shortened a text: the post's feed or API announced an edit and contains about as
    much text as the page, and this text is not just the beginning of the old one.
    """
    given = count_letters(html.unescape(_TAG.sub(" ", hint.body_html))) if hint is not None else 0
    shown = count_letters(new_body)
    if not shown or not 1 / _ABOUT <= given / shown <= _ABOUT:
        return False
    return fold_words(new_body)[:-_CUT_END] not in fold_words(old_body)


def _live_article(db: Database, key: str) -> dict[str, Any] | None:
    """Returns the row of the article whose own address is this urlkey; None if there is no such article, or it is gone
    or withdrawn.
    """
    row = next(iter(db.query("select * from articles where urlkey = ? and gone_at is null", [key])), None)
    return row if row and withdrawal_of(db, row["id"]) is None else None


def _is_listed(db: Database, post: FetchedPost) -> bool:
    """Returns True if a feed, sitemap or API has listed the post since the run began."""
    sources = sorted(VOUCHING_SOURCES)
    return (
        db.execute(
            "select 1 from pages p join page_sources s on s.page_id = p.id where p.urlkey = ? and s.last_seen >= ? "
            f"and s.source in ({', '.join('?' * len(sources))}) limit 1",
            [post.key, stamp(post.run_started), *sources],
        ).fetchone()
        is not None
    )
