"""Decides what becomes of a fetched page: its article is stored, its post is unchanged, gone, at another address, or
removed from the archive, or the page is held until its new state is confirmed (`articles.guard`).

`decide` is pure: it takes what was read from the page, asks a `StoredPost` for what is stored, and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from archiver.articles.article_comparison import is_other_page
from archiver.articles.edits import gains, text_digest
from archiver.articles.guard import (
    REASONS,
    SHARED_BY,
    Hold,
    HoldRule,
    StoredPost,
    doubt,
    is_confirmed,
    is_removal_notice,
)
from archiver.model.items import Outcome, PageKind, PageResult
from archiver.model.page_rules import BY_SOURCE

REMOVED_RULE = "removed"
"""The rule of pages whose URLs belong to posts that were removed from the archive."""
LOOP_RULE = "redirect-loop"
LOOP = "it redirects in a loop"
ONLY_REDIRECTED_TO = "a post redirects to it, and it shows neither this post nor signs of another"
REMOVED = "it shows nothing of the post any more"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a fetched page.

    - `result`: the result to store. Its outcome is HELD if the page is held, GONE if its post is now known to be gone,
      and REFUSED if the post was removed from the archive.
    - `hold`: the hold to store, with what the page `gained`; None if the page is not held, or no longer.
    - `is_released`: the page is not held any longer, if it was.
    - `is_confirmed`: it was held, and its new state is now stored.
    - `ended`: the hold that ended because the page shows its post again, which other held pages may do, too.
    - `is_text_shared`, `is_gain_shared`: other held pages show the same text or gained the same, so that the text or
      the gain belongs to the site, and they are held for that, too.
    """

    result: PageResult
    hold: Hold | None = None
    gained: tuple[str, ...] = ()
    is_released: bool = False
    is_confirmed: bool = False
    ended: Hold | None = None
    is_text_shared: bool = False
    is_gain_shared: bool = False


_JUDGED = frozenset({Outcome.ARCHIVED, Outcome.UNCHANGED, Outcome.NOT_ARTICLE, Outcome.GONE, Outcome.DUPLICATE})


def decide(result: PageResult, post: StoredPost, *, is_reread: bool = False) -> Verdict:
    """Decides what becomes of a fetched page. What was read again from a stored capture is never held (`is_reread`)."""
    if post.removal:
        return Verdict(replace(result, outcome=Outcome.REFUSED, rule=REMOVED_RULE, reason=post.removal))
    if result.outcome is Outcome.DUPLICATE and post.closes_redirect_loop:
        return Verdict(replace(result, outcome=Outcome.FAILED, rule=LOOP_RULE, reason=LOOP))
    is_told = result.outcome is Outcome.ARCHIVED and result.rule == BY_SOURCE
    if is_told and post.article is None and post.is_redirect_target:
        result = replace(
            result, outcome=Outcome.NOT_ARTICLE, kind=PageKind.OTHER, article=None, reason=ONLY_REDIRECTED_TO
        )
    return Verdict(result) if is_reread or result.outcome not in _JUDGED else _guard(result, post)


def _guard(result: PageResult, post: StoredPost) -> Verdict:
    """Decides whether the new state of a page may replace what is stored of its post."""
    if post.has_article and _shows_still_gone(result, post):
        return Verdict(_as_gone(result), is_released=True)
    hold = post.hold
    rule = doubt(result, post)
    if rule is None:
        return Verdict(result, is_released=True, ended=hold)

    digest = _digest(result, hold)
    gained = gains(post.article, result.article) if post.article and result.article else ()
    if result.article and result.article.body and post.count_with_text(digest) >= SHARED_BY:
        rule = HoldRule.SHARED_TEXT
    alike = post.count_with_gains(gained) if rule is HoldRule.MASS_CHANGE else 0
    if alike >= SHARED_BY:
        rule = HoldRule.SHARED_CHANGE
    now = hold.seen_again(rule, digest, result.at) if hold else Hold(rule, result.at, result.at, 1, digest)

    if is_removal_notice(result, post, now):
        return Verdict(_as_gone(result), is_released=True, is_confirmed=True)
    # A page that shows another text at each fetch, but its own title, date or author, is edited all the time.
    is_ever_new = now.rule is HoldRule.NEW_TEXT and hold is not None and hold.rule is now.rule and now.looks == 1
    if is_ever_new or is_confirmed(result, post, now):
        gone = result.outcome is Outcome.DUPLICATE  # the page to which it redirects shows no post
        return Verdict(_as_gone(result) if gone else result, is_released=True, is_confirmed=True)
    # The validators are left out, so that the server cannot answer that the held state is unchanged.
    held = replace(
        result,
        outcome=Outcome.HELD,
        kind=PageKind.POST,
        rule=now.rule,
        reason=REASONS[now.rule],
        form=None,
        etag="",
        last_modified="",
    )
    return Verdict(
        held,
        now,
        gained,
        is_text_shared=now.rule is HoldRule.SHARED_TEXT,
        is_gain_shared=alike == SHARED_BY,
    )


def _digest(result: PageResult, hold: Hold | None) -> str:
    """Returns the digest of the text that a page shows. For a page without an article, what the fetch found stands in
    its place.
    """
    if result.outcome is Outcome.UNCHANGED and hold is not None:
        return hold.text_digest
    if result.article is not None:
        return text_digest(result.article.body)
    return f"{result.outcome} {result.rule}"[:64]


def _as_gone(result: PageResult) -> PageResult:
    """Returns the result of a page that shows nothing of its post, as that of a post that is gone. Without validators,
    the server cannot answer that this state is unchanged, which would say that the post is online.
    """
    return replace(result, outcome=Outcome.GONE, article=None, reason=REMOVED, form=None, etag="", last_modified="")


def _shows_still_gone(result: PageResult, post: StoredPost) -> bool:
    """Returns True if the post of a page is marked as gone, and the page is unchanged or shows nothing of it again."""
    if post.gone_article is None or result.outcome is Outcome.UNCHANGED:
        return post.gone_article is not None
    new = result.article or result.other
    return new is not None and is_other_page(post.gone_article, new)
