"""The guard: decides whether what a fetched page shows may replace the stored post, or must be confirmed first.

A server may answer 200 and still send something wrong: a maintenance page, an empty page that a script would fill, a
teaser in place of the text, advertising in every post. Then the page is held: its post stays as it is stored until the
page shows the post again, or has shown the same for days. `RULES` says what each rule protects from, and what ends it.

All functions are pure. What is stored of the page, its post and its site, they ask of a `StoredPost`.
"""

from __future__ import annotations

import html
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol

from archiver.articles.article_comparison import (
    changed_fields,
    fold_words,
    is_other_page,
    is_stub,
    no_longer_shows,
)
from archiver.articles.edits import (
    SHORT_SHARE,
    count_letters,
    ends_within_line,
    gains,
    is_cut_off,
    is_replaced,
    is_unshown,
    missing_end,
    text_digest,
)
from archiver.frontier.edit_estimates import chance_of_at_most
from archiver.model.items import Article, Outcome, PageResult, SourceHint
from archiver.model.lazy_regex import lazy_regex
from archiver.model.page_rules import OTHER_FORM_RULE
from archiver.model.urls import urlkey

LOOK_EVERY = timedelta(hours=20)
"""A fetch of a held page is only counted if it is at least this much later than the last counted one."""
CONFIRMED_BY = 3
"""The number of fetches that must show the same new state before it is stored. `_CONFIRMED_AFTER` must lie between
them."""
_GONE_CONFIRMED_BY = 2
_CONFIRMED_AFTER = timedelta(hours=44)
HANDFUL = 5
"""At most this many posts of a site are deleted in the same way without a doubt about the site itself."""
SHARED_BY = 2
"""If at least this many other posts show the same new text or have gained the same, this content belongs to the site
and not to the posts."""
TOGETHER = timedelta(days=4)
"""Runs that began within this time of each other are examined together, because one run alone may fetch only a few
known posts."""
MANY = 0.1
"""If this share of a site's posts, and at least `MIN_CHANGED`, do not show their texts, the site is not well."""
MIN_CHANGED = 8
"""A change of fewer posts than this at once may be chance."""


class HoldRule(StrEnum):
    """Why a page is held; `RULES` explains each."""

    STUB = "stub"
    SHORTER = "shorter"
    OTHER_TEXT = "other-text"
    SHARED_TEXT = "shared-text"
    NOT_A_POST = "not-a-post"
    GONE = "gone"
    STILL_LISTED = "still-listed"
    REDIRECTED = "redirected"
    MASS_CHANGE = "mass-change"
    MASS_GONE = "mass-gone"
    SHARED_CHANGE = "shared-change"
    CUT_OFF = "cut-off"
    NEW_TEXT = "new-text"
    OLDER_COPY = "older-copy"
    UNSHOWN = "unshown"
    REJECTED = "rejected"


class Rule(NamedTuple):
    """One way in which a page's new state is doubtful.

    - `reason`: why the page is held, as a phrase.
    - `protects_from`: the fault of the site that it is taken for.
    - `looks`: as many fetches, each on another day, must show the same before it is stored; 0 if only a person accepts
      it, because such a fault may last longer.
    - `of_site`: it concerns the whole site. If one page shows its post again, all held pages are fetched again.
    - `loses_post`: the page does not show its post any more; if confirmed, the post is gone.
    - `loses_text`: the text is lost. Several such losses at once are never confirmed by time.
    """

    reason: str
    protects_from: str
    looks: int = 0
    of_site: bool = False
    loses_post: bool = False
    loses_text: bool = False


RULES: dict[HoldRule, Rule] = {
    HoldRule.STUB: Rule(
        "it shows only a stub of the stored text",
        "a paywall, a consent wall, an empty page",
    ),
    HoldRule.SHORTER: Rule(
        "it shows less than half of the stored text",
        "a teaser, a page that broke off",
        looks=CONFIRMED_BY,
        loses_text=True,
    ),
    HoldRule.OTHER_TEXT: Rule(
        "it shows no part of the stored post",
        "a maintenance page, a page of another site",
        looks=CONFIRMED_BY,
        loses_text=True,
    ),
    HoldRule.SHARED_TEXT: Rule(
        "it shows a text that other posts of the site also show",
        "one notice in place of many posts",
        of_site=True,
    ),
    HoldRule.NOT_A_POST: Rule(
        "it no longer looks like a post",
        "a redesign or an error that leaves no article",
        of_site=True,
    ),
    HoldRule.GONE: Rule(
        "it is gone; a fetch on another day must confirm it",
        "an error of an hour",
        looks=_GONE_CONFIRMED_BY,
        loses_post=True,
    ),
    HoldRule.STILL_LISTED: Rule(
        "it is gone, but a list, feed, sitemap or API of the site shows it",
        "an error of one address",
        loses_post=True,
    ),
    HoldRule.REDIRECTED: Rule(
        "it redirects to the same page as other posts of the site",
        "a site that sends its posts to one page",
        of_site=True,
        loses_post=True,
    ),
    HoldRule.MASS_CHANGE: Rule(
        "an unusual share of the site's posts changed at once",
        "a theme or a plugin that alters texts",
        looks=CONFIRMED_BY,
        of_site=True,
    ),
    HoldRule.MASS_GONE: Rule(
        "an unusual share of the site's posts disappeared at once",
        "a database that is down, a restored backup",
        looks=CONFIRMED_BY,
        of_site=True,
        loses_post=True,
    ),
    HoldRule.SHARED_CHANGE: Rule(
        "it gained the same text, title words or date as other posts of the site",
        "advertising that was put into the posts, an import that gave them one date",
        of_site=True,
    ),
    HoldRule.CUT_OFF: Rule(
        "its text ends before that of the stored post",
        "a connection that broke off",
        looks=CONFIRMED_BY,
    ),
    HoldRule.NEW_TEXT: Rule(
        "it shows nothing of the stored text",
        "a wall with the post's own title",
        looks=CONFIRMED_BY,
    ),
    HoldRule.OLDER_COPY: Rule(
        "it shows an earlier version than its feed, sitemap or API names",
        "a cache with an old copy",
        looks=CONFIRMED_BY,
    ),
    HoldRule.UNSHOWN: Rule(
        "a feed or the API gives another title or date than it shows",
        "a feed that is wrong",
        looks=CONFIRMED_BY,
    ),
    HoldRule.REJECTED: Rule(
        "it shows what 'archiver sites release --reject' refused",
        "what a person found wrong",
    ),
}
REASONS = {rule: about.reason for rule, about in RULES.items()}
MASS_RULES = frozenset({HoldRule.MASS_CHANGE, HoldRule.MASS_GONE, HoldRule.REDIRECTED, HoldRule.SHARED_CHANGE})
"""The rules for many posts at once. A finding names them in one sentence."""
GONE_RULES = frozenset(rule for rule, about in RULES.items() if about.loses_post)
"""Rules for pages that do not show their posts any more, and whose posts are not marked as gone yet."""
CHANGED_TOGETHER = frozenset({HoldRule.MASS_CHANGE, HoldRule.SHARED_CHANGE})
"""Rules for pages that are held because an unusual share of the site's posts changed. Others that change are held,
too."""
_REPLACED = frozenset({HoldRule.OTHER_TEXT, HoldRule.SHARED_TEXT, HoldRule.NOT_A_POST})
"""Rules for pages that show something else in place of their posts, perhaps a notice that these were removed."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The state of a held page: the rule by which the page is held, and since when.

    `looks` is the number of fetches that found the same text; a fetch is only counted if it is at least `LOOK_EVERY`
    later than the last counted one. `looked_at` is the time of the last counted fetch, and `text_digest` is the digest
    of the text.
    """

    rule: HoldRule
    since: datetime
    looked_at: datetime
    looks: int
    text_digest: str

    def seen_again(self, rule: HoldRule, text_digest: str, at: datetime) -> Hold:
        """Returns the hold after another fetch at `at`. If the text differs from that of the previous fetch, the count
        starts again. What a person has rejected stays rejected while the page shows it.
        """
        if text_digest != self.text_digest:
            return Hold(rule, self.since, at, 1, text_digest)
        rule = HoldRule.REJECTED if self.rule is HoldRule.REJECTED else rule
        if at - self.looked_at < LOOK_EVERY:
            return Hold(rule, self.since, self.looked_at, self.looks, text_digest)
        return Hold(rule, self.since, at, self.looks + 1, text_digest)

    def is_confirmed(self, at: datetime, looks: int) -> bool:
        """Returns True if at least `looks` fetches have shown the same; never if `looks` is 0."""
        is_old = looks < CONFIRMED_BY or at - self.since >= _CONFIRMED_AFTER
        return 0 < looks <= self.looks and is_old


class Earlier(NamedTuple):
    """When a page that shows an earlier revision was last known to change: by a source's claim, by the current
    revision, and by the last sight of the earlier one. None where unknown.
    """

    claimed: datetime | None
    current: datetime | None
    last_seen: datetime | None


class StoredPost(Protocol):
    """What is stored of a fetched page, its post and its site, looked up when the guard asks for it."""

    @property
    def key(self) -> str:
        """The urlkey of the page."""

    @property
    def removal(self) -> str:
        """Why and when the post was removed from the archive, as a phrase; "" if it was not."""

    @property
    def closes_redirect_loop(self) -> bool:
        """True if the page redirects to one from which redirects lead back to it."""

    @property
    def is_redirect_target(self) -> bool:
        """True if stored posts redirect to the page."""

    @property
    def is_page_known(self) -> bool:
        """False if the page has no row, so that nothing would fetch it again."""

    @property
    def is_announced(self) -> bool:
        """True if a source had said that the page changed or is gone."""

    @property
    def has_article(self) -> bool:
        """True if an article has the page's address as its own."""

    @property
    def article(self) -> Article | None:
        """The stored post that the page shows, at whatever address; None if it is new."""

    @property
    def article_key(self) -> str:
        """The urlkey of that post's own address; "" if it is new."""

    @property
    def own_article(self) -> Article | None:
        """The post whose own address the page has; None if it is gone or withdrawn."""

    @property
    def gone_article(self) -> Article | None:
        """The post whose own address the page has, if it is marked as gone."""

    @property
    def hold(self) -> Hold | None:
        """The hold on the page before this fetch."""

    @property
    def hint(self) -> SourceHint | None:
        """What a feed, sitemap or API last said of the post."""

    @property
    def is_listed(self) -> bool:
        """True if a list, feed, sitemap or API read in this run, or since the page is held, shows the post."""

    @property
    def is_taken_off_sitemap(self) -> bool:
        """True if a sitemap that this run has read listed the post before, and no longer does."""

    @property
    def answers_elsewhere(self) -> bool:
        """True if another address of the post shows it."""

    def is_trusted(self, at: datetime) -> bool:
        """Returns True if at this time the post was not just stored, and the run that stored it held no pages. Other
        posts may get another text for a good reason: an author replaces a placeholder, or the fault during which the
        post was stored is over.
        """

    @property
    def is_left_from_fault(self) -> bool:
        """True if the post was first stored by a run that held many pages, most of which are released since."""

    @property
    def may_be_edited_today(self) -> bool:
        """True if a source gives only the day of the post's change, and the last fetch was before that day's end."""

    @property
    def posts(self) -> int:
        """The number of the site's posts."""

    @property
    def is_site_changed(self) -> bool:
        """True if pages of the site are held because an unusual share of its posts changed."""

    def is_moved(self, new: Article) -> bool:
        """Returns True if the address at which `new` was read becomes the post's own."""

    def earlier_revision(self, new: Article) -> Earlier | None:
        """Returns the times of the earlier revision that `new` repeats; None if it repeats none."""

    def count_held(self, rules: Collection[HoldRule]) -> int:
        """Returns how many pages of the site are held by these rules, this one included."""

    def count_others_held(self, rule: HoldRule) -> int:
        """Returns how many other pages of the site are held by this rule."""

    def count_with_text(self, digest: str) -> int:
        """Returns how many other held pages of the site show the text with this digest."""

    def count_with_gains(self, gained: Sequence[str]) -> int:
        """Returns how many other held pages of the site gained the same, up to `SHARED_BY` + 1."""

    def has_accepted_gain(self, new: Article) -> bool:
        """Returns True if the post gained something that a person accepted for other posts of the site."""

    def count_redirected_to(self, target: str, at: datetime) -> int:
        """Returns how many other posts of the site redirect to the urlkey `target` or, if that is a page that is no
        post, to any such page: posts that are online, or were marked as gone shortly before `at`.
        """

    def shows_no_post(self, target: str) -> bool:
        """Returns True if the page at the urlkey `target` is gone or no post."""


# Why a page is held.


def doubt(result: PageResult, post: StoredPost) -> HoldRule | None:
    """Returns the rule by which the result of a fetch must not be stored yet; None if it may be stored."""
    if result.outcome is Outcome.UNCHANGED:
        return post.hold.rule if post.hold else None
    return _doubt_text(result.article, result, post) if result.article else _doubt_absence(result, post)


def _doubt_absence(result: PageResult, post: StoredPost) -> HoldRule | None:
    """Returns the rule by which a page is held that no longer shows its post; None if it never did."""
    if not post.has_article or post.own_article is None:
        return None
    if result.outcome is Outcome.NOT_ARTICLE:
        return None if result.rule == OTHER_FORM_RULE else HoldRule.NOT_A_POST
    if post.answers_elsewhere:
        return None
    target = urlkey(result.final_url)
    if target != post.key and post.count_redirected_to(target, result.at) >= HANDFUL:
        return HoldRule.REDIRECTED
    if result.outcome is Outcome.DUPLICATE and not post.shows_no_post(target):
        return None
    if post.is_listed:
        return HoldRule.STILL_LISTED
    if post.is_taken_off_sitemap:  # the site says in two ways that the post is gone
        return HoldRule.GONE
    is_mass = post.count_held(GONE_RULES) >= max(MIN_CHANGED, MANY * post.posts)
    return HoldRule.MASS_GONE if is_mass else HoldRule.GONE


def _doubt_text(new: Article, result: PageResult, post: StoredPost) -> HoldRule | None:
    """Returns the rule by which a page is held that shows an article; None if it may be stored."""
    old = post.article
    if old is None:
        return HoldRule.SHARED_TEXT if _shows_text_of_site(new, post) else None
    if urlkey(new.url) != post.article_key and not post.is_moved(new):
        return None  # a copy at another address does not replace the stored post
    changed = changed_fields(old, new)
    if changed and (earlier := post.earlier_revision(new)):
        # A fault of the site is over, or its owner took an edit back; or a cache has sent an old copy.
        return HoldRule.OLDER_COPY if not post.is_announced and _is_older_copy(earlier, post) else None
    if old.body != new.body:
        rule = _doubt_loss(old, new)
        if rule and not (rule is HoldRule.SHORTER and post.is_announced and _is_shortened(old, new, post.hint)):
            return rule
        if _shows_text_of_site(new, post):
            return HoldRule.SHARED_TEXT
    if not post.is_announced and post.is_page_known:
        if _is_sent_in_part(old, new, result, post):
            return HoldRule.CUT_OFF
        if is_replaced(old.body, new.body) and post.is_trusted(result.at) and not post.may_be_edited_today:
            return HoldRule.NEW_TEXT
    if changed and is_unshown(old, new):
        return HoldRule.UNSHOWN
    if not changed or not post.is_site_changed or post.has_accepted_gain(new):
        return None
    if post.is_announced:  # the feed of a hacked site announces the same advertising
        return HoldRule.MASS_CHANGE if post.count_with_gains(gains(old, new)) >= SHARED_BY else None
    if post.is_left_from_fault:
        return None  # the stored article may be from the fault, which is over
    # If the post has lost what the held pages gained, it was stored during the fault, and the site has repaired it.
    is_repair = post.count_with_gains(gains(new, old)) > SHARED_BY
    return None if is_repair else HoldRule.MASS_CHANGE


def _doubt_loss(old: Article, new: Article) -> HoldRule | None:
    if is_stub(old.body, new.body):
        return HoldRule.STUB
    before = count_letters(old.body)
    if before and count_letters(new.body) < before * SHORT_SHARE:
        return HoldRule.OTHER_TEXT if no_longer_shows(old, new) else HoldRule.SHORTER
    return HoldRule.OTHER_TEXT if is_other_page(old, new) else None


def _shows_text_of_site(new: Article, post: StoredPost) -> bool:
    """Returns True if held pages of the site show the same text, so that it is not the post's."""
    return bool(new.body) and post.count_with_text(text_digest(new.body)) >= SHARED_BY


def _is_older_copy(earlier: Earlier, post: StoredPost) -> bool:
    """Returns True if a page that shows an earlier revision is an old copy, such as a cache sends: since the revision
    was last seen, a source has named a time of change, which is not later than the current revision, and it still lists
    the post.
    """
    claimed, current, last_seen = earlier
    if claimed is None or current is None or last_seen is None:
        return False
    return last_seen < claimed <= current and post.is_listed


_MISSING_LETTERS = 20
_TAG = lazy_regex(r"<[^>]*>")


def _text_of(hint: SourceHint) -> str:
    return html.unescape(_TAG.sub(" ", hint.body_html))


def _is_sent_in_part(old: Article, new: Article, result: PageResult, post: StoredPost) -> bool:
    """Returns True if the end of a text is missing because its server sent only the first part of the page: the
    document has no end either, or a feed or the API has the missing text.
    """
    missing = missing_end(old.body, new.body)
    if count_letters(missing) < _MISSING_LETTERS:
        return False
    return result.lacks_end or (post.hint is not None and fold_words(missing) in fold_words(_text_of(post.hint)))


_ABOUT = 1.25
_CUT_END = 20
"""This many characters at the end are not compared, since a teaser often ends in "Read more" or within a word."""


def _is_shortened(old: Article, new: Article, hint: SourceHint | None) -> bool:
    """Returns True if the author has shortened a text: the post's feed or API (`hint`) announced an edit and contains
    about as much text as the page, and the new text is not just the beginning of the old one.
    """
    given, shown = count_letters(_text_of(hint)) if hint is not None else 0, count_letters(new.body)
    if not shown or not 1 / _ABOUT <= given / shown <= _ABOUT:
        return False
    return fold_words(new.body)[:-_CUT_END] not in fold_words(old.body)


# When a held page is accepted.


def is_confirmed(result: PageResult, post: StoredPost, hold: Hold) -> bool:
    """Returns True if the new state of a held page may be stored, because the page has shown it for long enough."""
    about = RULES[hold.rule]
    if not hold.is_confirmed(result.at, about.looks) or (hold.rule in _REPLACED and post.is_listed):
        return False
    is_loss = about.loses_text or _loses_text(result, post)
    return not (is_loss and post.count_others_held(hold.rule) >= SHARED_BY)


def _loses_text(result: PageResult, post: StoredPost) -> bool:
    if post.article is None or result.article is None:
        return False
    old, new = post.article.body, result.article.body
    return is_cut_off(old, new) or ends_within_line(old, new)


def is_removal_notice(result: PageResult, post: StoredPost, hold: Hold) -> bool:
    """Returns True if a page has shown nothing of its post for days, no list of this run shows the post, and most of
    the site's posts are well. The page is then a notice that the post was removed, in whatever words and however often.
    """
    if hold.rule not in _REPLACED or not hold.is_confirmed(result.at, CONFIRMED_BY):
        return False
    new, old = result.article or result.other, post.article or post.own_article
    if new is None or old is None or not is_other_page(old, new):
        return False
    held = post.count_held(_REPLACED | GONE_RULES)
    return held <= max(HANDFUL, MANY * post.posts) and 2 * held < post.posts and not post.is_listed


# When an unusual share of a site's posts changed.

UNUSUAL_SHARE = 0.4
"""If at least this share of the known posts changed at once, a fault of the site may be the cause."""
_USUAL_RATE = 0.05
_CHANCE = 1e-5


def is_unusual(changed: int, fetched: int, past_changed: int, past_fetched: int) -> bool:
    """Returns True if unusually many known posts changed in comparison with the site's past. `fetched` is
    how many were fetched, and the `past_` numbers are those of earlier runs.

    At least eight posts, and at least two in five of the fetched ones, must have changed. In addition, the probability
    of so many changes must be below one in 100,000, even if posts changed twice as often as in the site's past.
    """
    if changed < MIN_CHANGED or changed < UNUSUAL_SHARE * fetched:
        return False
    rate = max(_USUAL_RATE, 2 * (past_changed + 1) / (past_fetched + 20))
    return rate < 1 and chance_of_at_most(fetched - changed, fetched, 1 - rate) < _CHANCE


def are_unusual_losses(cut_off: int, fetched: int) -> bool:
    """Returns True if so many of the known posts that were fetched (`fetched`) have had their texts cut off that their
    site must have done it, and not their authors. Three are enough if they are at least half of the fetched posts.
    """
    return cut_off > SHARED_BY and 2 * cut_off >= fetched
