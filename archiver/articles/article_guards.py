"""Keeps false changes and false values out of the stored articles: decides whether the new content of a known post's
page may replace the stored content or is held until it is confirmed, and removes values that cannot be true.

A server that answers 200 may still send something bad, such as a maintenance page at every address, an empty page that
a script would fill, a teaser in place of the text, or a template that lost half of its fields. A page is held if its
text is only a small part of the stored text, if it shows an altogether different text, or if other posts show the same
text. All edits found by a run are held if far more posts of the site have changed at once than ever before. All
functions are pure.

Values that cannot be true are dates in the future, coordinates off the globe, and names without a letter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from archiver.articles.article_comparison import is_other_page, is_stub, no_longer_shows
from archiver.fields import LINES, PAGE_LISTS, PAGE_TIMES, PROSE
from archiver.frontier.random_samples import chance_of_at_most
from archiver.items import Article, GeoTag, Mark
from archiver.markup.marks import carry_marks


class HoldRule(StrEnum):
    """Why a page is held.

    - STUB: it shows the text of a paywall or consent wall, or nothing.
    - SHORTER: it shows less than half of the stored text.
    - OTHER_TEXT: it shows neither the title nor anything of the stored text, and no date or author.
    - SHARED_TEXT: it shows a text that the pages of other posts also show.
    - NOT_A_POST: it no longer looks like a post.
    - STILL_LISTED: it is gone, but a feed, sitemap or API still lists it.
    - MASS_CHANGE, MASS_GONE: it changed, or is gone, together with an unusual share of the site's posts.
    """

    STUB = "stub"
    SHORTER = "shorter"
    OTHER_TEXT = "other-text"
    SHARED_TEXT = "shared-text"
    NOT_A_POST = "not-a-post"
    STILL_LISTED = "still-listed"
    MASS_CHANGE = "mass-change"
    MASS_GONE = "mass-gone"


MASS_RULES = frozenset({HoldRule.MASS_CHANGE, HoldRule.MASS_GONE})
"""The rules by which all changed or gone pages of a run are held together."""
SHARED_BY = 2
"""If at least this many other posts show the same new text, the text belongs to the site and not to the post."""
REASONS = {
    HoldRule.STUB: "it shows only a stub of the stored text",
    HoldRule.SHORTER: "it shows less than half of the stored text",
    HoldRule.OTHER_TEXT: "it shows no part of the stored post",
    HoldRule.SHARED_TEXT: "it shows a text that other posts of the site also show",
    HoldRule.NOT_A_POST: "it no longer looks like a post",
    HoldRule.STILL_LISTED: "it is gone, but a feed, sitemap or API lists it",
    HoldRule.MASS_CHANGE: "an unusual share of the site's posts changed at once",
    HoldRule.MASS_GONE: "an unusual share of the site's posts disappeared at once",
}
"""For each rule, the reason why a page is held, as a phrase."""

_SHARE = 0.5
_SIGNS = re.compile(r"\W+")


def count_letters(text: str) -> int:
    """Returns the number of letters and digits of a text."""
    return len(_SIGNS.sub("", text))


def suspicion(old: Article, new: Article) -> HoldRule | None:
    """Returns the rule by which the new state of a post's page is held; None if it may replace the stored state
    (`old`). Examines only this page, not other pages of the site.
    """
    if is_stub(old.body, new.body):
        return HoldRule.STUB
    before = count_letters(old.body)
    if not before:
        return None
    if count_letters(new.body) < before * _SHARE:
        return HoldRule.OTHER_TEXT if no_longer_shows(old, new) else HoldRule.SHORTER
    return HoldRule.OTHER_TEXT if is_other_page(old, new) else None


@dataclass(frozen=True, slots=True)
class Hold:
    """A held page: the rule by which it is held and the time since which it has been held.

    `looks` is the number of fetches that found the same text, counting only fetches at least `LOOK_EVERY` after the
    last counted one. `looked_at` is the time of the last counted fetch, and `text_digest` is the digest of the text.
    """

    rule: HoldRule
    since: datetime
    looked_at: datetime
    looks: int
    text_digest: str

    def seen_again(self, rule: HoldRule, text_digest: str, at: datetime) -> Hold:
        """Returns the hold after another fetch at `at`. If the text differs from that of the previous fetch, the count
        starts again.
        """
        if text_digest != self.text_digest:
            return Hold(rule, self.since, at, 1, text_digest)
        if at - self.looked_at < LOOK_EVERY:
            return Hold(rule, self.since, self.looked_at, self.looks, text_digest)
        return Hold(rule, self.since, at, self.looks + 1, text_digest)


LOOK_EVERY = timedelta(hours=20)
"""Two fetches of a held page are counted separately only if at least this time is between them."""
CONFIRMED_BY = 3
"""The number of fetches that must show the same text before a held page is accepted."""
_CONFIRMED_AFTER = timedelta(hours=44)
_NEVER_ACCEPTED = frozenset({HoldRule.STUB, HoldRule.SHARED_TEXT})
_LOSES_TEXT = frozenset({HoldRule.SHORTER, HoldRule.OTHER_TEXT})


def is_confirmed(hold: Hold, at: datetime, others: int = 0) -> bool:
    """Returns True if the new state of a held page may be stored, because the page has shown the same text for two
    days. `others` is the number of the site's other pages that are held by the same rule.

    Only an operator can confirm a stub, or a text that other posts also show. The same is true of a shorter text if
    several posts lost text, since that is a fault of the site's template and may last.
    """
    if hold.rule in _NEVER_ACCEPTED or (hold.rule in _LOSES_TEXT and others >= SHARED_BY):
        return False
    return hold.looks >= CONFIRMED_BY and at - hold.since >= _CONFIRMED_AFTER


_REDATED_AFTER = timedelta(days=1)


def is_redated(old: Article, new: Article, first_seen: datetime) -> bool:
    """Returns True if the new state of a post claims that the post was published after the archive had already stored
    it. Authors redate a post now and then; if many posts of a site claim it, the site is at fault.
    """
    return new.published not in (None, old.published) and _instant(new.published) > first_seen + _REDATED_AFTER


def _instant(at: datetime | None) -> datetime:
    """Returns a publication time with a time zone, UTC if it has none."""
    assert at is not None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


# Recognizing runs in which an unusual share of the known posts changed.


@dataclass(frozen=True, slots=True)
class KnownPosts:
    """The number of known posts that were fetched again (`fetched`), how many of them had changed, and how many were
    gone. Changes and deletions that a source had announced are not counted.
    """

    fetched: int = 0
    changed: int = 0
    gone: int = 0

    def __add__(self, other: KnownPosts) -> KnownPosts:
        return KnownPosts(self.fetched + other.fetched, self.changed + other.changed, self.gone + other.gone)


TOGETHER = timedelta(days=4)
"""Runs that began within this time of each other are examined together, because one run alone may fetch only a few
known posts.
"""
UNUSUAL_SHARE = 0.4
"""If at least this share of the known posts changed at once, a fault of the site may be the cause."""
MIN_CHANGED = 8
"""If fewer posts than this changed at once, it may be chance."""
_USUAL_RATE = 0.05
_CHANCE = 1e-5


def is_unusual(changed: int, fetched: int, past_changed: int, past_fetched: int) -> bool:
    """Returns True if so many known posts changed (or are gone) that the site's past does not explain it.

    That is the case if at least eight posts and at least two in five changed, and if the probability of so many
    changes is below one in 100,000 at twice the site's past rate.
    """
    if changed < MIN_CHANGED or changed < UNUSUAL_SHARE * fetched:
        return False
    rate = max(_USUAL_RATE, 2 * (past_changed + 1) / (past_fetched + 20))
    return rate < 1 and chance_of_at_most(fetched - changed, fetched, 1 - rate) < _CHANCE


_TOMORROW = timedelta(days=1)
_EARLIEST = datetime(1600, 1, 1, tzinfo=UTC)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff]|[\ud800-\udfff]")


def drop_impossible_values(article: Article, at: datetime) -> tuple[Article, tuple[str, ...]]:
    """Returns the article without values that cannot be true at the time `at` of its capture, and a phrase for each
    dropped date and for dropped coordinates.

    A date is dropped if it is before the year 1600, or more than a day after the capture (time zones explain up to a
    day). A geo-tag is dropped if it is off the globe, or has neither coordinates nor a name. Names without a letter or
    digit are dropped without a phrase. Control characters and unpaired surrogates, which neither a database nor JSON
    can store, are removed from texts.
    """
    problems: list[str] = []
    values: dict[str, object] = {name: _clean_text(getattr(article, name)) for name in PROSE}
    for name in LINES:
        values[name] = re.sub(r"\s+", " ", str(values[name])).strip()
    for name in PAGE_LISTS:
        values[name] = _clean_names(getattr(article, name))
    for name in PAGE_TIMES:
        time: datetime | None = getattr(article, name)
        if time is not None and not _EARLIEST <= _with_zone(time) <= at + _TOMORROW:
            problems.append(f"dropped {name} {time.date()}, which is after the capture or before {_EARLIEST.year}")
            time = None
        values[name] = _with_zone(time) if time else None
    if values["published"] is None:
        values["published_precision"] = None
    kept = tuple(g for g in article.geotags if _is_on_globe(g))
    if len(kept) < len(article.geotags):
        problems.append("dropped a position that is off the globe")
    marks = tuple(_clean_mark(m) for m in carry_marks(article.body, article.markup, str(values["body"])))
    return replace(article, geotags=kept, markup=marks, **values), tuple(problems)  # type: ignore[arg-type]


def _clean_text(value: str) -> str:
    return _CONTROL.sub("", value.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _clean_mark(mark: Mark) -> Mark:
    texts = (mark.value, mark.alt, mark.caption)
    if all(text.isprintable() for text in texts):
        return mark
    value, alt, caption = map(_clean_text, texts)
    return replace(mark, value=value, alt=alt, caption=caption)


def _clean_names(values: tuple[str, ...]) -> tuple[str, ...]:
    names = (re.sub(r"\s+", " ", _clean_text(v)).strip() for v in values)
    return tuple(dict.fromkeys(n for n in names if re.search(r"\w", n)))


def _with_zone(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _is_on_globe(tag: GeoTag) -> bool:
    if tag.latitude is None or tag.longitude is None:
        return bool(tag.placename or tag.region)
    return -90 <= tag.latitude <= 90 and -180 <= tag.longitude <= 180
