"""Detects quotes of a text in pages, feeds and API responses: the same words in a row, whatever the markup."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator

from archiver.articles.article_comparison import fold_words
from archiver.model.lazy_regex import lazy_regex

_QUOTE_WORDS = 8
"""This many consecutive words of a post in another text are a quote, since they can hardly be a coincidence."""
_MIN_WORDS = 4
"""A title, or a text with fewer than _QUOTE_WORDS words, is only searched for as a whole, and only if it has at least
this many words."""
_TAG = lazy_regex(r"<!\[CDATA\[|<[^<>]*>")
_ESCAPE = lazy_regex(r"\\(u[0-9a-fA-F]{4}|.)")
_CHARSET = lazy_regex(r"charset=[\"']?([\w.:-]+)", re.IGNORECASE)
_NO_TEXT = ("image/", "audio/", "video/", "font/")


class QuoteDetector:
    """Finds out whether a page, feed or API response quotes a removed post. `texts` are the (title, text) pairs of the
    posts.
    """

    def __init__(self, texts: Iterable[tuple[str, str]]) -> None:
        self._runs: set[str] = set()
        self._phrases: set[str] = set()
        for title, text in texts:
            words = fold_words(text).split()
            self._runs.update(_runs(words))
            for phrase in (fold_words(title).split(), words if len(words) < _QUOTE_WORDS else []):
                if len(phrase) >= _MIN_WORDS:
                    self._phrases.add(f" {' '.join(phrase)} ")

    def __bool__(self) -> bool:
        return bool(self._runs or self._phrases)

    def is_quoted_in(self, body: bytes, content_type: str) -> bool:
        """Returns True if a response body (content-decoded bytes) contains eight consecutive words of a text, or a
        whole title.
        """
        if content_type.lower().startswith(_NO_TEXT):
            return False
        words = _plain_words(body, content_type).split()
        if any(run in self._runs for run in _runs(words)):
            return True
        whole = f" {' '.join(words)} "
        return any(phrase in whole for phrase in self._phrases)

    def is_mostly(self, body: bytes, content_type: str) -> bool:
        """Returns True if at least half of the words of a response body are quotes of a text."""
        runs = list(_runs(_plain_words(body, content_type).split()))
        return 2 * sum(run in self._runs for run in runs) >= max(len(runs), 1)


def _runs(words: list[str]) -> Iterator[str]:
    return (" ".join(words[at : at + _QUOTE_WORDS]) for at in range(len(words) - _QUOTE_WORDS + 1))


def _plain_words(body: bytes, content_type: str) -> str:
    """Returns the words of a response body in folded form, without markup. HTML that is escaped in a feed is decoded
    first. Of JSON, the words of all strings are returned.
    """
    found = _CHARSET.search(content_type)
    try:
        text = body.decode(found[1] if found else "utf-8", "replace")
    except LookupError:
        text = body.decode("utf-8", "replace")
    if "json" in content_type.lower() or text.lstrip()[:1] in ("{", "["):
        text = _ESCAPE.sub(_unescaped, text)
    for _ in range(2):
        text = _TAG.sub(" ", html.unescape(text))
    return fold_words(text)


def _unescaped(match: re.Match[str]) -> str:
    sign = match[1]
    return chr(int(sign[1:], 16)) if len(sign) > 1 else sign if sign in '"/\\' else " "
