"""What an edit took from a post's text, and what it added: by this a fault of a site is told from an author's edit. All
functions are pure.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from archiver.articles.article_comparison import fold_words, letter_sequences, shares_text
from archiver.model.items import Article
from archiver.model.lazy_regex import lazy_regex

SHORT_SHARE = 0.5
"""A text that keeps less than this share of its letters has lost most of them."""


_SIGNS = lazy_regex(r"\W+")


def text_digest(body: str) -> str:
    """Returns the digest of a text of any length, by which pages that show the same text are recognized."""
    return hashlib.blake2b(fold_words(body).encode(), digest_size=12).hexdigest()


def count_letters(text: str) -> int:
    """Returns the number of letters and digits of a text."""
    return len(_SIGNS.sub("", text))


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
    if len(new) >= len(old) or not _LEAST_HEAD <= head < SHORT_SHARE * len(old):
        return False
    tail = letter_sequences(old[head:])
    kept = len(tail & letter_sequences(new[head:])) / len(tail)
    return head + kept * (len(old) - head) < SHORT_SHARE * len(old)


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
