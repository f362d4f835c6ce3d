"""Watches whether the rules that were learned of a site still fit its posts. Reads and writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from archiver.learning.rule_induction import text_f1
from archiver.model.items import Article

_WATCHED = 20
"""This many of the last posts decide whether the rules still fit."""
_MAX_STRANGE = 0.5
"""The rules are retired if they do not fit at least this share of these posts."""
_MIN_VARIETY = 0.5
"""If a lower share of the last titles is distinct, the rule for the title is wrong."""
_AUDIT_EACH = 25
"""One in this many posts that are read with rules is also read without them."""
_AUDITS, _MAX_WRONG = 4, 3
_ALIKE = 0.9


@dataclass(frozen=True, slots=True)
class ReadPost:
    """A post that a run has read. `fits` is True if the learned rules fit its page."""

    key: str
    at: datetime
    title: str
    fits: bool


class RuleWatch:
    """The posts that were read since rules were learned, and what they say of the rules. Nothing is read here.

    - `audits`: posts that were read by the rules, to be read without them and compared (`note_audit`).
    """

    def __init__(self) -> None:
        self._posts: list[ReadPost] = []
        self._fitting = 0
        self._agrees: list[bool] = []
        self.audits: list[tuple[str, Article]] = []

    def observe(self, post: ReadPost, article: Article) -> None:
        self._posts.append(post)
        if post.fits:
            self._fitting += 1
            if self._fitting % _AUDIT_EACH == 1:
                self.audits.append((post.key, article))

    def note_audit(self, by_rules: Article, without_rules: Article) -> None:
        """Notes whether the two articles of an audited post, read by the rules and without them, are alike: the same
        title or day, and nearly the same text.
        """
        days = [one.published.date() if one.published else None for one in (by_rules, without_rules)]
        is_same = by_rules.title == without_rules.title or days[0] == days[1]
        self._agrees.append(is_same and text_f1(by_rules.body, without_rules.body) >= _ALIKE)

    @property
    def is_doubtful(self) -> bool:
        """True if the rules may have to be retired, so that a checkpoint is worth its time."""
        return self.contradicts or len(self.audits) >= _MAX_WRONG or bool(self.strange())

    @property
    def contradicts(self) -> bool:
        """True if the rules find the same title on many posts, or often other values than reading without rules."""
        titles = [post.title for post in self._posts if post.fits][-_WATCHED:]
        is_constant = len(titles) == _WATCHED and len(set(titles)) < _MIN_VARIETY * _WATCHED
        return is_constant or self._agrees[-_AUDITS:].count(False) >= _MAX_WRONG

    def strange(self) -> list[ReadPost]:
        """Returns the posts that the rules do not fit, from the first of the new template on, if they are so many that
        the template of the site must have changed; otherwise [].
        """
        strange, begin = 0, 0
        for back, post in enumerate(reversed(self._posts), 1):
            strange += not post.fits
            if back == _WATCHED and strange < _MAX_STRANGE * _WATCHED:
                return []
            if strange < _MAX_STRANGE * back and back >= _WATCHED:
                break
            if not post.fits:
                begin = back
        return [post for post in self._posts[-begin:] if not post.fits] if len(self._posts) >= _WATCHED else []

    def unfitted(self) -> list[ReadPost]:
        """Returns the posts among the last ones that the rules do not fit."""
        return [post for post in self._posts[-_WATCHED:] if not post.fits]

    def drop(self, keys: frozenset[str]) -> None:
        """Forgets posts that say nothing of the rules, because their pages are held."""
        self._posts = [post for post in self._posts if post.key not in keys]
