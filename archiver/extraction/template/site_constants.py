"""Finds the constants of a site: values that belong to the site and not to a post, because many of its posts share
them. They may be a title, an image, a description, a tiny text, or a part of <title>.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

from archiver.extraction.text import fold_text
from archiver.items import OTHER_HEADING, Article, Evidence

MIN_POSTS = 5
"""A value can be a constant of the site only if at least this many posts have it."""
SHARE = 0.2
"""A value can be a constant of the site only if at least this share of the posts has it."""
SHARE_OF_BODY = 0.05
MAX_BODY_LENGTH = 40
"""A text with fewer letters than this may be the text of a button. A longer text is the text of a post."""
_VARIETY = 0.8
_EVERYWHERE, _TITLED = 0.9, 0.5
"""A text in the place of a title belongs to the site if at least `_EVERYWHERE` of the posts have it. This is decided
only if at least `_TITLED` of the posts also have another title."""
_MAX_NAME_LENGTH = 80
_DIGITS = re.compile(r"\d+")
_PARTS = re.compile(r"\s+[|·•»«›‹–—:/~-]+\s+|\s*[｜|]\s*")
_SHOWN = ("platform", "heading", "api", "feed")


@dataclass(frozen=True, slots=True)
class SiteConstants:
    """The values that belong to a site and not to its posts. `names` are parts of <title>. `bodies` are tiny texts,
    such as the text of a button, without their numbers.
    """

    titles: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    descriptions: tuple[str, ...] = ()
    bodies: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any(values for _, values in self.items())

    def items(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yields each kind of constant with its values."""
        for one in fields(self):
            yield one.name, getattr(self, one.name)

    def with_others(self, other: SiteConstants) -> SiteConstants:
        """Returns the union of these constants and of `other`."""
        return SiteConstants(
            **{name: tuple(dict.fromkeys((*values, *getattr(other, name)))) for name, values in self.items()}
        )

    def refuses_title(self, text: str) -> bool:
        """Returns True if a title is a constant of the site, and therefore not the title of a post."""
        return bool(self.titles) and fold_text(text) in {fold_text(one) for one in self.titles}

    def refuses_description(self, text: str) -> bool:
        """Returns True if a description is a constant of the site, and therefore does not describe a post."""
        return bool(self.descriptions) and fold_text(text) in {fold_text(one) for one in self.descriptions}

    def refuses_body(self, text: str) -> bool:
        """Returns True if a text is a constant of the site, and therefore not the text of a post."""
        return bool(self.bodies) and len(text) < MAX_BODY_LENGTH and body_key(text) in self.bodies


def constants_from(data: Mapping[str, Iterable[str]]) -> SiteConstants:
    """Returns the constants with these values, given by kind. This is the inverse of `SiteConstants.items`."""
    return SiteConstants(**{one.name: tuple(data.get(one.name, ())) for one in fields(SiteConstants)})


@dataclass(frozen=True, slots=True)
class ReadPost:
    """An article that was extracted without site rules, and the <title> of its page ("" if unknown)."""

    article: Article
    head_title: str = ""


def find_constants(posts: Sequence[ReadPost]) -> SiteConstants:
    """Returns the values that belong to the site, because at least a fifth of its posts and at least `MIN_POSTS` posts
    have them.

    A title belongs to the site only if the posts with this title also declare or show other titles, which differ from
    post to post. Thus a series with the same title for all of its parts keeps the title. A part of <title> belongs to
    the site only if the posts' own headings lack it. A text of fewer than 40 letters belongs to the site if a twentieth
    of the posts have it.
    """
    if len(posts) < MIN_POSTS:
        return SiteConstants()
    articles = [one.article for one in posts]
    frequent = (t for t in _frequent((a.title for a in articles), len(posts)) if hides_others(t, articles))
    titles = tuple(dict.fromkeys((*frequent, *titles_everywhere(articles))))
    refused = {fold_text(t) for t in titles}
    names = _frequent((name for one in posts for name in _outer_parts(one, refused)), len(posts))
    bodies = (body_key(a.body) for a in articles if 0 < len(a.body) < MAX_BODY_LENGTH)
    return SiteConstants(
        titles,
        names,
        _frequent((a.image or "" for a in articles), len(posts)),
        _frequent((a.description for a in articles), len(posts)),
        _frequent(bodies, len(posts), SHARE_OF_BODY),
    )


def _frequent(values: Iterable[str], posts: int, share: float = SHARE) -> tuple[str, ...]:
    counts = Counter(value for value in values if value)
    return tuple(sorted(value for value, n in counts.items() if n >= max(MIN_POSTS, share * posts)))


def hides_others(title: str, articles: Sequence[Article]) -> bool:
    """Returns True if nearly all posts with this title have another candidate for the title, and nearly all of these
    candidates are different.
    """
    folded = fold_text(title)
    posts = [a for a in articles if a.title == title]
    others = [
        next(
            (
                text
                for e in a.evidence
                if e.field == "title" and e.source != OTHER_HEADING and (text := fold_text(e.value)) not in ("", folded)
            ),
            "",
        )
        for a in posts
    ]
    filled = [text for text in others if text]
    return len(filled) >= _VARIETY * len(posts) and len(set(filled)) >= _VARIETY * len(filled)


def titles_everywhere(articles: Sequence[Article]) -> tuple[str, ...]:
    """Returns the texts that nearly all posts have in the place of a title: the banner, the same <title> on all pages,
    "Leave a reply". Other headings of the pages ("Recent posts") need only be frequent.

    Returns () unless most of the posts also have a title that differs from post to post.
    """
    read = [found for a in articles if (found := _title_texts(a))]
    if len(read) < MIN_POSTS:
        return ()
    everywhere = {key for key, n in Counter(k for found in read for k in found).items() if n >= _EVERYWHERE * len(read)}
    others = Counter(key for found in read for key, one in found.items() if one.source == OTHER_HEADING)
    frequent = {key for key, n in others.items() if n >= max(MIN_POSTS, SHARE * len(read))}
    refused = everywhere | {k for k in frequent if all(k not in f or f[k].source == OTHER_HEADING for f in read)}
    own = [rest[0] for found in read if (rest := [key for key in found if key not in refused])]
    if not everywhere or len(own) < max(MIN_POSTS, _TITLED * len(read)) or len(set(own)) < _VARIETY * len(own):
        return ()
    return tuple(sorted({found[key].value for found in read for key in refused & found.keys()}))


def _title_texts(article: Article) -> dict[str, Evidence]:
    """Returns the candidates for an article's title by their folded text. If several candidates have equal texts, only
    the first one is returned.
    """
    found: dict[str, Evidence] = {}
    for one in article.evidence:
        if one.field == "title" and (key := fold_text(one.value)):
            found.setdefault(key, one)
    return found


def _outer_parts(post: ReadPost, refused: set[str]) -> Iterator[str]:
    """Yields the first and the last part of a <title> with several parts. A part that is also in a heading of the post
    is left out.
    """
    parts = [part.strip() for part in _PARTS.split(post.head_title) if part.strip()]
    if len(parts) < 2:
        return
    shown = [
        fold_text(e.value)
        for e in post.article.evidence
        if e.field == "title" and e.source in _SHOWN and fold_text(e.value) not in refused
    ]
    for part in dict.fromkeys((parts[0], parts[-1])):
        folded = fold_text(part)
        if folded and len(part) <= _MAX_NAME_LENGTH and not any(folded in text for text in shown):
            yield part


def body_key(text: str) -> str:
    """Returns a tiny text in the form in which it is compared: folded and without numbers."""
    return fold_text(_DIGITS.sub("", text))
