"""The rules by which a page is held: decides whether the new content of a known post's page may replace the stored
content, or must be confirmed first.

A server may answer 200 and still send something wrong, such as a maintenance page, an empty page that a script would
fill, or a teaser in place of the text. A page is held in these cases:

- Its text is only a small part of the stored text, or an altogether different one.
- Other posts show the same text.
- Far more posts of the site changed in one run than ever before. Then all changed pages of the run are held.
- It says that the post is gone, which a second fetch on another day must confirm.

A held page is confirmed if it shows the same content for some days. If several held pages gained the same content, such
as a paragraph of advertising, they are never confirmed in this way. All functions are pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from archiver.articles.article_comparison import (
    fold_words,
    is_other_page,
    is_stub,
    letter_sequences,
    no_longer_shows,
    shares_text,
)
from archiver.frontier.edit_estimates import chance_of_at_most
from archiver.items import Article
from archiver.lazy_regex import lazy_regex


class HoldRule(StrEnum):
    """Why a page is held.

    - STUB: it shows the text of a paywall or consent wall, or nothing.
    - SHORTER: it shows less than half of the stored text.
    - OTHER_TEXT: it shows neither the title nor anything of the stored text, and no date or author.
    - SHARED_TEXT: it shows a text that the pages of other posts also show.
    - NOT_A_POST: it no longer looks like a post.
    - GONE: it is gone, by one fetch or by several on one day.
    - STILL_LISTED: it is gone, although a list, feed, sitemap or API of the site shows it.
    - REDIRECTED: it redirects to the same page as more than a handful of the site's other posts.
    - MASS_CHANGE, MASS_GONE: it changed, or is gone, together with an unusual share of the site's posts.
    - CUT_OFF: its text lacks the end of the stored one, and so does the page, or a feed or the API has the rest.
    - NEW_TEXT: it shows nothing of the stored text, but its title, date or author. No source announced that.
    - OLDER_COPY: it shows an earlier revision, although a feed, sitemap or API still gives the time of a later edit.
    - UNSHOWN: only a feed or the API gives its new title or day of publication, and it still shows the stored one.
    - SHARED_CHANGE: as MASS_CHANGE, and the same was added to other held pages (see `gains`).
    - REJECTED: a person has said that what it shows is wrong.
    """

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


GONE_RULES = frozenset({HoldRule.GONE, HoldRule.STILL_LISTED, HoldRule.REDIRECTED, HoldRule.MASS_GONE})
"""Rules for pages that do not show their posts any more, and whose posts are not marked as gone yet."""
MASS_RULES = frozenset({HoldRule.MASS_CHANGE, HoldRule.MASS_GONE, HoldRule.REDIRECTED, HoldRule.SHARED_CHANGE})
"""Rules that concern the whole site. If one page shows its post again, all held pages are fetched again."""
HANDFUL = 5
"""At most this many posts of a site are deleted in the same way without a doubt about the site itself."""
SHARED_BY = 2
"""If at least this many other posts show the same new text or have gained the same, this content belongs to the site
and not to the posts."""
REASONS = {
    HoldRule.STUB: "it shows only a stub of the stored text",
    HoldRule.SHORTER: "it shows less than half of the stored text",
    HoldRule.OTHER_TEXT: "it shows no part of the stored post",
    HoldRule.SHARED_TEXT: "it shows a text that other posts of the site also show",
    HoldRule.NOT_A_POST: "it no longer looks like a post",
    HoldRule.GONE: "it is gone; a fetch on another day must confirm it",
    HoldRule.STILL_LISTED: "it is gone, but a list, feed, sitemap or API of the site shows it",
    HoldRule.REDIRECTED: "it redirects to the same page as other posts of the site",
    HoldRule.MASS_CHANGE: "an unusual share of the site's posts changed at once",
    HoldRule.MASS_GONE: "an unusual share of the site's posts disappeared at once",
    HoldRule.CUT_OFF: "its text ends before that of the stored post",
    HoldRule.NEW_TEXT: "it shows nothing of the stored text",
    HoldRule.OLDER_COPY: "it shows an earlier version than its feed, sitemap or API names",
    HoldRule.UNSHOWN: "a feed or the API gives another title or date than it shows",
    HoldRule.SHARED_CHANGE: "it gained the same text, title words or date as other posts of the site",
    HoldRule.REJECTED: "it shows what 'archiver sites release --reject' refused",
}
"""For each rule, the reason why a page is held, as a phrase."""

_SHARE = 0.5
_SIGNS = lazy_regex(r"\W+")


def count_letters(text: str) -> int:
    """Returns the number of letters and digits of a text."""
    return len(_SIGNS.sub("", text))


def suspicion(old: Article, new: Article) -> HoldRule | None:
    """Returns the rule by which the new state of a post's page must be held; None if the new state may replace the
    stored one (`old`). Only this page is examined, not other pages of the site.
    """
    if is_stub(old.body, new.body):
        return HoldRule.STUB
    before = count_letters(old.body)
    if before and count_letters(new.body) < before * _SHARE:
        return HoldRule.OTHER_TEXT if no_longer_shows(old, new) else HoldRule.SHORTER
    return HoldRule.OTHER_TEXT if is_other_page(old, new) else None


_LEAST_TEXT = 100


def is_replaced(old_body: str, new_body: str) -> bool:
    """Returns True if nothing of a text is left: it had at least a hundred letters, and has no 12 consecutive ones in
    common with the new text. Few authors rewrite a text in this way; a wall shows its own text below the post's title.
    """
    return count_letters(old_body) >= _LEAST_TEXT and not shares_text(old_body, new_body)


_REPORTING = frozenset({"api", "feed"})
"""The sources (`Evidence.source`) of values that are not from the page."""
_ADDRESS = "address"
"""The source of a date in a page's address. Such a date stays the same when the author changes the date of the post."""


def is_unshown(old: Article, new: Article) -> bool:
    """Returns True if only a feed or the API gives the new title of a post, or its new day of publication, and its page
    still shows the stored one. The source may be wrong, or the page an old copy from a cache.
    """
    title = _is_only_reported(new, "title", fold_words, old.title, new.title)
    if title or not (old.published and new.published):
        return title
    return _is_only_reported(new, "published", _day, old.published.isoformat(), new.published.isoformat())


def _day(time: str) -> str:
    return time[:10]


def _is_only_reported(article: Article, field: str, fold: Callable[[str], str], old: str, new: str) -> bool:
    """Returns True if only a feed or the API gives the value `new` of a field, and the page of `article` shows the
    value `old`. Values are compared in the form that `fold` gives them.
    """
    if not old or fold(old) == fold(new):
        return False
    found = [(fold(one.value), one.source) for one in article.evidence if one.field == field]
    given = {source for value, source in found if value == fold(new)}
    shown = {source for value, source in found if value == fold(old)} - _REPORTING - {_ADDRESS}
    return bool(given) and given <= _REPORTING and bool(shown)


_LEAST_HEAD = 40


def is_cut_off(old_body: str, new_body: str) -> bool:
    """Returns True if a text was cut off after its beginning, as teasers are: the new text begins as the old one does,
    and contains less than half of it. What follows may be from the page around the text, such as a list of other posts.
    An edit that keeps the beginning and makes the text longer is not such a case.
    """
    old, new = (fold_words(body).replace(" ", "") for body in (old_body, new_body))
    head = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    if len(new) >= len(old) or not _LEAST_HEAD <= head < _SHARE * len(old):
        return False
    tail = letter_sequences(old[head:])
    kept = len(tail & letter_sequences(new[head:])) / len(tail)
    return head + kept * (len(old) - head) < _SHARE * len(old)


def ends_within_line(old_body: str, new_body: str) -> bool:
    """Returns True if the new text is the beginning of the old one and ends within one of its lines, as where a server
    sends only a part of the page. An edit that removes the last paragraphs, such as a footer, is not such a case.
    """
    rest_of_line = missing_end(old_body, new_body).partition("\n")[0]
    return rest_of_line.strip() != ""


def missing_end(old_body: str, new_body: str) -> str:
    """Returns the part of the old text that follows the new one; "" if the new text is not the beginning of the old
    one, or has only a few letters.
    """
    new = new_body.rstrip().rstrip("\ufffd")  # the last character may have lost some of its bytes
    return old_body[len(new) :] if len(new) >= _LEAST_HEAD and old_body.startswith(new) else ""


# What an edit added to a post. Several posts that gained the same were probably not edited by their authors.

_MOST_LINES = 60
_MIN_GAINED = {"text": 12, "title": 4}
_MOST_GAINS = 8
_GAIN_LENGTH = 160


def gains(old: Article, new: Article) -> tuple[str, ...]:
    """Returns phrases for what the new state of a post contains beyond the old one: an added line, words added to a
    line or to the title, a new date of publication, or the seconds between the new and the old date. If the same was
    added to two posts, they have a phrase in common.

    At most eight phrases are returned. An addition of only a few letters is left out, unless it is in many lines.
    """
    body: Counter[str] = Counter(_added_to_lines(old.body.split("\n"), new.body.split("\n")))
    title = _added_words(fold_words(old.title).split(), fold_words(new.title).split()) or fold_words(new.title)
    found = [f"text: {text}" for text, n in body.most_common() if n * len(text) >= _MIN_GAINED["text"]]
    if fold_words(old.title) != fold_words(new.title) and len(title) >= _MIN_GAINED["title"]:
        found.insert(0, f"title: {title}")
    if old.published and new.published and _instant(old.published) != _instant(new.published):
        shift = _instant(new.published) - _instant(old.published)
        found.insert(0, f"date: {shift.total_seconds():+.0f} s")
        if old.published.date() != new.published.date():
            found.insert(0, f"date: {new.published.date()}")
    return tuple(one[:_GAIN_LENGTH] for one in found[:_MOST_GAINS])


def _added_to_lines(old: list[str], new: list[str]) -> Iterator[str]:
    """Yields each added line as `fold_words` returns it. For a line that extends an old line, yields only the added
    words.
    """
    before, after = ([folded for line in lines if (folded := fold_words(line))] for lines in (old, new))
    kept = set(before) & set(after)
    lost = [line.split() for line in before if line not in kept][:_MOST_LINES]
    for line in [line for line in after if line not in kept][:_MOST_LINES]:
        words = line.split()
        added = next((text for one in lost if (text := _added_words(one, words))), line)
        if added:
            yield added


def _added_words(old: list[str], new: list[str]) -> str:
    """Returns the words that must be added to `old` to get `new`. Returns "" unless at least half of the old words are
    still there, at the beginning, at the end, or all of them in one piece.
    """
    if not old:
        return ""
    if len(new) > len(old):
        for start in range(len(new) - len(old) + 1):
            if new[start] == old[0] and new[start : start + len(old)] == old:
                return " ".join(new[:start] + new[start + len(old) :])
    head = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    rest = min(len(old), len(new)) - head
    tail = next((n for n in range(rest) if old[-1 - n] != new[-1 - n]), rest)
    return " ".join(new[head : len(new) - tail]) if 2 * (head + tail) >= len(old) else ""


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


LOOK_EVERY = timedelta(hours=20)
"""A fetch of a held page is only counted if it is at least this much later than the last counted one."""
CONFIRMED_BY = 3
"""The number of fetches that must show the same text before a held page is accepted."""
_GONE_CONFIRMED_BY = 2
_CONFIRMED_AFTER = timedelta(hours=44)
_NEVER_ACCEPTED = frozenset(
    {
        HoldRule.STUB,
        HoldRule.SHARED_TEXT,
        HoldRule.SHARED_CHANGE,
        HoldRule.NOT_A_POST,
        HoldRule.STILL_LISTED,
        HoldRule.REDIRECTED,
        HoldRule.REJECTED,
    }
)
_LOSES_TEXT = frozenset({HoldRule.SHORTER, HoldRule.OTHER_TEXT})


def is_confirmed(hold: Hold, at: datetime, others: int = 0, *, loses_text: bool = False) -> bool:
    """Returns True if the new state of a held page (with this `hold`) may be stored at the time `at`, because the page
    has shown the same text for two days, or has been gone on two. `others` is the number of the site's other pages that
    are held by the same rule. `loses_text` is True if the new text is cut off, or ends within a line.

    Some changes are probably faults of the site, which may last longer. They are never confirmed by time, but only
    accepted by a person:

    - a stub;
    - a text that other posts also show;
    - an addition that other posts have gained as well;
    - a redirect to the page to which many posts redirect, and the end of a post that the site still lists;
    - a loss of text, if several posts lost text at once.
    """
    if hold.rule in _NEVER_ACCEPTED or ((loses_text or hold.rule in _LOSES_TEXT) and others >= SHARED_BY):
        return False
    if hold.rule is HoldRule.GONE:
        return hold.looks >= _GONE_CONFIRMED_BY
    return hold.looks >= CONFIRMED_BY and at - hold.since >= _CONFIRMED_AFTER


_REDATED_AFTER = timedelta(days=1)


def is_redated(old: Article, new: Article, first_seen: datetime) -> bool:
    """Returns True if the new state of a post has a date of publication that is later than the time at which the
    archive first saw the post. An author may have changed the date; but if many posts of a site have such dates, the
    site is at fault.
    """
    return new.published not in (None, old.published) and _instant(new.published) > first_seen + _REDATED_AFTER


def _instant(at: datetime | None) -> datetime:
    """Returns a time of publication as an aware datetime, in UTC if it has no time zone."""
    assert at is not None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


# Recognizing runs in which an unusual share of the known posts changed.


TOGETHER = timedelta(days=4)
"""Runs that began within this time of each other are examined together, because one run alone may fetch only a few
known posts.
"""
UNUSUAL_SHARE = 0.4
"""If at least this share of the known posts changed at once, a fault of the site may be the cause."""
MIN_CHANGED = 8
"""A change of fewer posts than this at once may be chance."""
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
