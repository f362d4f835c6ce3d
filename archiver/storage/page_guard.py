"""Holds the page of a known post if its new state must not replace what is stored. It is released once it shows the
post again, or once the new state is confirmed (`articles.hold_rules`). All functions expect to
run inside the caller's transaction.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from archiver.articles.article_comparison import changed_fields, fold_words, is_other_page
from archiver.articles.hold_rules import (
    GONE_RULES,
    HANDFUL,
    LOOK_EVERY,
    MASS_RULES,
    MIN_CHANGED,
    REASONS,
    SHARED_BY,
    TOGETHER,
    Hold,
    HoldRule,
    count_letters,
    ends_within_line,
    gains,
    is_confirmed,
    is_cut_off,
    is_replaced,
    is_unshown,
    missing_end,
    suspicion,
)
from archiver.articles.post_verdicts_by_page_form import OTHER_FORM_RULE
from archiver.frontier.fetch_order_and_revisits import next_day_end
from archiver.items import Article, Outcome, PageKind, PageResult, SourceHint
from archiver.storage import Database
from archiver.storage.article_tables.article_and_revision_rows import article_from_row
from archiver.storage.article_tables.article_storing_and_withdrawal import (
    answering_address,
    is_move,
    repeated_revision,
    withdrawal_of,
)
from archiver.storage.delisted_posts import is_listed_since
from archiver.storage.held_pages import (
    count_held_by,
    count_held_with,
    has_accepted_gain,
    hold_of,
    hold_page,
    is_left_from_fault,
    is_run_held,
    make_held_due,
    mark_shared,
    mark_shared_changes,
    release_page,
    shows_shared_text,
    text_digest,
)
from archiver.storage.pages_and_source_hints import PageState, latest_hint, moment, stamp
from archiver.storage.recent_changes import count_online
from archiver.urls import urlkey

_SHOWS_POST_AGAIN = "other held pages show their posts again"


@dataclass(frozen=True, slots=True)
class FetchedPost:
    """What the guard knows about a fetched page in addition to its result.

    - `key`: its urlkey.
    - `row`: the row of its article; None if no article is stored.
    - `run_id`, `run_started`: the run, and when it began.
    - `announced`: True if a source had said that the page changed or is gone.
    - `known`: what was stored of the page before.
    """

    key: str
    row: dict[str, Any] | None
    run_id: int
    run_started: datetime
    announced: bool
    known: PageState


@dataclass(frozen=True, slots=True)
class GuardedResult:
    """The result to store. Its outcome is HELD if the page is held, and GONE if its post is now known to be gone.
    `is_confirmed` is True if the page was held and its new state is now stored. `taken_back` is how many posts the run
    had marked as gone that are online again.
    """

    result: PageResult
    is_confirmed: bool = False
    taken_back: int = 0


def guard_page(db: Database, site: dict[str, Any], post: FetchedPost, result: PageResult) -> GuardedResult:
    """Holds or releases a fetched page, and returns the result to store for it. `result` is what the fetch found, and
    `post` what was known of the page before.
    """
    if result.outcome not in _JUDGED:
        return GuardedResult(result)
    if post.known.has_article and _shows_still_gone(db, post, result):
        release_page(db, post.key)
        return GuardedResult(_as_gone(result))
    hold = hold_of(db, post.key) if post.known.is_any_held else None
    unchanged = result.outcome is Outcome.UNCHANGED
    rule = (hold.rule if hold else None) if unchanged else _rule_for(db, site, post, result)
    if rule is None:
        if hold is not None:
            _release(db, site["id"], post.key, hold)
        return GuardedResult(result)
    digest, gained = _digest(result, hold), _gains(post, result)
    if result.article and result.article.body and shows_shared_text(db, site["id"], post.key, digest):
        rule = HoldRule.SHARED_TEXT
    alike = count_held_with(db, site["id"], post.key, gained) if rule is HoldRule.MASS_CHANGE else 0
    if alike >= SHARED_BY:
        rule = HoldRule.SHARED_CHANGE
    now = hold.seen_again(rule, digest, result.at) if hold else Hold(rule, result.at, result.at, 1, digest)
    rule = now.rule
    others = count_held_by(db, site["id"], (rule,), but=post.key)
    is_ever_new = rule is HoldRule.NEW_TEXT and hold is not None and hold.rule is rule and now.looks == 1
    if is_confirmed(replace(now, rule=HoldRule.MASS_GONE), result.at) and _is_post_removed(db, site, post, result, now):
        release_page(db, post.key)
        return GuardedResult(_as_gone(result), is_confirmed=True)
    is_listed_notice = rule in _REPLACED and _is_listed(db, post)
    if is_ever_new or (
        not is_listed_notice and is_confirmed(now, result.at, others, loses_text=_loses_text(post, result))
    ):
        release_page(db, post.key)
        gone = result.outcome is Outcome.DUPLICATE  # the page to which it redirects shows no post
        return GuardedResult(_as_gone(result) if gone else result, is_confirmed=True)
    hold_page(db, post.key, now, post.run_id, gained)
    redirected = rule is HoldRule.REDIRECTED
    taken_back = _hold_redirected(db, site["id"], urlkey(result.final_url), now, post) if redirected else 0
    if rule is HoldRule.SHARED_TEXT:
        mark_shared(db, site["id"], digest)
    if alike == SHARED_BY:
        mark_shared_changes(db, site["id"])
    # The validators are left out, so that the server cannot answer that the held state is unchanged.
    held = replace(result, outcome=Outcome.HELD, kind=PageKind.POST, rule=rule, reason=REASONS[rule])
    return GuardedResult(replace(held, form=None, etag="", last_modified=""), taken_back=taken_back)


def _as_gone(result: PageResult) -> PageResult:
    """Returns the result of a page that shows nothing of its post, as that of a post that is gone. Without validators,
    the server cannot answer that this state is unchanged, which would say that the post is online.
    """
    return replace(result, outcome=Outcome.GONE, article=None, reason=REMOVED, form=None, etag="", last_modified="")


def _shows_still_gone(db: Database, post: FetchedPost, result: PageResult) -> bool:
    """Returns True if the post of a page is marked as gone, and the page is unchanged or shows nothing of it again."""
    row = next(iter(db.query("select * from articles where urlkey = ? and gone_at is not null", [post.key])), None)
    if row is None or result.outcome is Outcome.UNCHANGED:
        return row is not None
    new = result.article or result.other
    return new is not None and is_other_page(article_from_row(row), new)


_JUDGED = frozenset({Outcome.ARCHIVED, Outcome.UNCHANGED, Outcome.NOT_ARTICLE, Outcome.GONE, Outcome.DUPLICATE})


REMOVED = "it shows nothing of the post any more"


def _digest(result: PageResult, hold: Hold | None) -> str:
    if result.outcome is Outcome.UNCHANGED and hold is not None:
        return hold.text_digest
    if result.article is not None:
        return text_digest(result.article.body)
    return f"{result.outcome} {result.rule}"[:64]


def _gains(post: FetchedPost, result: PageResult) -> tuple[str, ...]:
    return gains(article_from_row(post.row), result.article) if post.row and result.article else ()


def _loses_text(post: FetchedPost, result: PageResult) -> bool:
    if post.row is None or result.article is None:
        return False
    old, new = post.row["body"] or "", result.article.body
    return is_cut_off(old, new) or ends_within_line(old, new)


def _release(db: Database, site_id: int, key: str, hold: Hold) -> None:
    """Ends the hold on a page that shows its post again, and makes other held pages due at once, since they may show
    theirs, too. These are all held pages of the site if the rule concerns the whole site; otherwise those held by the
    same rule since about the same time.
    """
    release_page(db, key)
    is_of_site = hold.rule in MASS_RULES or hold.rule in (HoldRule.SHARED_TEXT, HoldRule.NOT_A_POST)
    make_held_due(db, site_id, _SHOWS_POST_AGAIN, None if is_of_site else hold)


def _rule_for(db: Database, site: dict[str, Any], post: FetchedPost, result: PageResult) -> HoldRule | None:
    if result.outcome is Outcome.ARCHIVED:
        return _rule_for_text(db, site["id"], post, result)
    row = _live_article(db, post.key) if post.known.has_article else None
    if row is None or (result.outcome is Outcome.NOT_ARTICLE and result.rule == OTHER_FORM_RULE):
        return None
    if result.outcome is Outcome.NOT_ARTICLE:
        return HoldRule.NOT_A_POST
    if answering_address(db, row["id"], post.key):
        return None
    target = urlkey(result.final_url)
    if target != post.key and len(_redirected_to(db, site["id"], target, result.at) - {post.key}) >= HANDFUL:
        return HoldRule.REDIRECTED
    if result.outcome is Outcome.DUPLICATE and not _shows_no_post(db, target, *_NO_POST):
        return None
    if _is_listed(db, post):
        return HoldRule.STILL_LISTED
    if _is_taken_off_sitemap(db, post):
        return HoldRule.GONE
    many = max(MIN_CHANGED, _MANY * count_online(db, site["name"]))
    return HoldRule.MASS_GONE if count_held_by(db, site["id"], GONE_RULES) >= many else HoldRule.GONE


_MANY = 0.1
"""If this share of a site's posts, and more than a handful, do not show their texts, the site is not well."""


_NO_POST = (Outcome.GONE, Outcome.NOT_ARTICLE)


def _shows_no_post(db: Database, key: str, *outcomes: Outcome) -> bool:
    """Returns True if the page at this urlkey, to which a post redirects, has one of these outcomes."""
    found = db.execute("select outcome from pages where urlkey = ?", [key]).fetchone()
    return found is not None and found[0] in outcomes


def _redirected_to(db: Database, site_id: int, target: str, at: datetime) -> set[str]:
    """Returns the urlkeys of the site's posts whose own addresses redirect to the urlkey `target` or, if that is a list
    or another page that is no post, to any such page, as far as they are online or were marked as gone within the last
    days.
    """
    targets = "(?2)"
    if _shows_no_post(db, target, Outcome.NOT_ARTICLE):
        targets = "(select urlkey from pages where site_id = ?1 and outcome = 'not-article' union select ?2)"
    rows = db.execute(
        "select p.urlkey from pages p join articles a on a.urlkey = p.urlkey where p.site_id = ?1 "
        f"and p.redirect_urlkey in {targets} and (a.gone_at is null or a.gone_at >= ?3) "
        "and a.id not in (select article_id from withdrawn_articles)",
        [site_id, target, stamp(at - TOGETHER)],
    )
    return {row[0] for row in rows}


def _hold_redirected(db: Database, site_id: int, target: str, hold: Hold, post: FetchedPost) -> int:
    """Holds the pages of all posts that redirect to the urlkey `target`, too: those that were taken for moved or
    deleted posts before it was clear that the site redirects many. Returns how many posts are online again that this
    run had marked as gone; those marked before stay so, since a person may have said it.
    """
    taken_back = 0
    for key in sorted(_redirected_to(db, site_id, target, hold.looked_at)):
        (outcome,) = db.execute("select outcome from pages where urlkey = ?", [key]).fetchone()
        undone = db.execute(
            "update articles set gone_at = null where urlkey = ? and gone_at >= ?", [key, stamp(post.run_started)]
        ).rowcount
        taken_back += undone
        if outcome == Outcome.HELD or (outcome == Outcome.GONE and not undone):
            continue
        db.execute(
            "update pages set outcome = ?, rule = ?, reason = ?, due_at = ?, "
            "article_id = (select id from articles where urlkey = pages.urlkey) where urlkey = ?",
            [Outcome.HELD, hold.rule, REASONS[hold.rule], stamp(hold.looked_at + LOOK_EVERY), key],
        )
        hold_page(db, key, replace(hold, since=hold.looked_at, looks=1), post.run_id)
    return taken_back


def _is_post_removed(db: Database, site: dict[str, Any], post: FetchedPost, result: PageResult, hold: Hold) -> bool:
    """Returns True if a held page shows nothing of its post, no list of this run shows the post, and most of the site's
    posts are well. The page is then a notice that the post was removed, in whatever words and however often.
    """
    new = result.article or result.other
    row = post.row or (_live_article(db, post.key) if post.known.has_article else None)
    if hold.rule not in _REPLACED or new is None or row is None or not is_other_page(article_from_row(row), new):
        return False
    posts, held = count_online(db, site["name"]), count_held_by(db, site["id"], _REPLACED | GONE_RULES)
    return held <= max(HANDFUL, _MANY * posts) and 2 * held < posts and not _is_listed(db, post)


_REPLACED = frozenset({HoldRule.OTHER_TEXT, HoldRule.SHARED_TEXT, HoldRule.NOT_A_POST})


def _rule_for_text(db: Database, site_id: int, post: FetchedPost, result: PageResult) -> HoldRule | None:
    new = result.article
    assert new is not None
    if post.row is None:
        return HoldRule.SHARED_TEXT if _shows_text_of_site(db, site_id, post, new) else None
    if urlkey(new.url) != post.row["urlkey"] and not is_move(db, post.row, new, post.run_started):
        return None  # a copy at another address does not replace the stored post
    old = article_from_row(post.row)
    changed = changed_fields(old, new)
    if changed and (earlier := repeated_revision(db, post.row, new)):
        if not post.announced and _is_older_copy(db, post, earlier):
            return HoldRule.OLDER_COPY
        return None  # a fault of the site is over, or its owner took an edit back
    if (
        old.body != new.body
        and (rule := suspicion(old, new))
        and not (
            rule is HoldRule.SHORTER and post.announced and _is_shortened(old.body, new.body, latest_hint(db, post.key))
        )
    ):
        return rule
    if old.body != new.body and _shows_text_of_site(db, site_id, post, new):
        return HoldRule.SHARED_TEXT
    if not post.announced and (rule := _rule_for_unannounced_text(db, post, old, result)):
        return rule
    if changed and is_unshown(old, new):
        return HoldRule.UNSHOWN
    if not changed or not is_run_held(db, site_id) or has_accepted_gain(db, site_id, old, new):
        return None
    if post.announced:  # the feed of a hacked site announces the same advertising
        is_shared = count_held_with(db, site_id, post.key, gains(old, new)) >= SHARED_BY
        return HoldRule.MASS_CHANGE if is_shared else None
    if post.row["revision"] == 1 and is_left_from_fault(db, site_id, post.key, post.row["id"]):
        return None  # the stored article may be from the fault, which is over
    # If the post has lost what the held pages gained, it was stored during the fault, and the site has repaired it.
    is_repair = count_held_with(db, site_id, post.key, gains(new, old)) > SHARED_BY
    return None if is_repair else HoldRule.MASS_CHANGE


def _shows_text_of_site(db: Database, site_id: int, post: FetchedPost, new: Article) -> bool:
    """Returns True if the new text of a post's page is a text that held pages of the site also show."""
    is_any = post.known.is_any_held and bool(new.body)
    return is_any and shows_shared_text(db, site_id, post.key, text_digest(new.body))


def _rule_for_unannounced_text(db: Database, post: FetchedPost, old: Article, result: PageResult) -> HoldRule | None:
    """Returns the rule by which the new text of a page is held because no source announced that it changed."""
    assert result.article is not None
    if post.known.id is None:
        return None  # it is not in the table of pages, so nothing would fetch it again to confirm its text
    if _is_sent_in_part(db, post, result):
        return HoldRule.CUT_OFF
    is_new = is_replaced(old.body, result.article.body) and _is_trusted(db, post, result.at)
    return HoldRule.NEW_TEXT if is_new and not _may_be_edit_of_that_day(db, post) else None


def _may_be_edit_of_that_day(db: Database, post: FetchedPost) -> bool:
    """Returns True if the source gives only the day of a post's last change, and the post was last fetched before this
    day had ended. An edit later that day is announced by this very day.
    """
    row = db.execute("select lastmod, fetched_at from pages where urlkey = ?", [post.key]).fetchone()
    lastmod, fetched = map(moment, row)
    return lastmod is not None and fetched is not None and next_day_end(lastmod, fetched) is not None


def _is_older_copy(db: Database, post: FetchedPost, earlier: dict[str, Any]) -> bool:
    """Returns True if a page that shows this earlier revision is an old copy, such as a cache sends: since the revision
    was last seen, a source has named a time of change, which is not later than the current revision, and it still lists
    the post.
    """
    assert post.row is not None
    (lastmod,) = db.execute("select lastmod from pages where urlkey = ?", [post.key]).fetchone()
    observed = db.execute(
        "select observed_at from revisions where article_id = ? and revision = ?",
        [post.row["id"], post.row["revision"]],
    ).fetchone()
    changed, current = moment(lastmod), moment(observed[0] if observed else None)
    last_seen = moment(earlier["seen_again_at"] or earlier["observed_at"])
    if changed is None or current is None or last_seen is None:
        return False
    return last_seen < changed <= current and _is_listed(db, post)


def _is_trusted(db: Database, post: FetchedPost, at: datetime) -> bool:
    """Returns True if a post was not first stored just now, nor by a run that held pages. Such a post may get another
    text for a good reason: its author replaces a placeholder, or the fault during which it was stored is over.
    """
    assert post.row is not None
    first_seen = moment(post.row["first_seen"])
    if first_seen is None or at - first_seen < LOOK_EVERY:
        return False
    first = db.execute(
        "select r.held from revisions v join runs r on r.id = v.run_id where v.article_id = ? and v.revision = 1",
        [post.row["id"]],
    ).fetchone()
    return first is None or not first[0]


_MISSING_LETTERS = 20


def _is_sent_in_part(db: Database, post: FetchedPost, result: PageResult) -> bool:
    """Returns True if the end of a text is missing because its server sent only the first part of the page: the
    document has no end either, or a feed or the API has the missing text.
    """
    assert post.row is not None
    assert result.article is not None
    missing = missing_end(post.row["body"] or "", result.article.body)
    if count_letters(missing) < _MISSING_LETTERS:
        return False
    if result.lacks_end:
        return True
    hint = latest_hint(db, post.key)
    return hint is not None and fold_words(missing) in fold_words(html.unescape(_TAG.sub(" ", hint.body_html)))


_TAG = re.compile(r"<[^>]*>")


_ABOUT = 1.25


# This many characters at the end are not compared, since a teaser often ends in "Read more" or within a word.
_CUT_END = 20


def _is_shortened(old_body: str, new_body: str, hint: SourceHint | None) -> bool:
    """Returns True if the author has shortened a text from `old_body` to `new_body`: the post's feed or API (`hint`)
    announced an edit and contains about as much text as the page, and the new text is not just the beginning of the old
    one.
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
    """Returns True if a list, feed, sitemap or API that was read in this run, or since the page is held, shows the
    post.
    """
    hold = hold_of(db, post.key)
    return is_listed_since(db, post.key, post.run_started, hold.since if hold else post.run_started)


def _is_taken_off_sitemap(db: Database, post: FetchedPost) -> bool:
    """Returns True if a sitemap that this run has read listed the post before, and no longer does. The site then says
    in two ways that the post is gone.
    """
    query = (
        "select 1 from pages p join page_discoveries d on d.page_id = p.id join pages f on f.id = d.found_on_page_id "
        "where p.urlkey = ? and d.source = 'sitemap' and coalesce(d.last_seen, d.first_seen) < ? "
        "and f.fetched_at >= ? and f.outcome = 'not-article'"
    )
    started = stamp(post.run_started)
    return db.execute(query, [post.key, started, started]).fetchone() is not None
