"""Compares and combines source hints: whether a source says something else about a post than before, and what several
sources say together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC
from functools import lru_cache

from archiver.items import DiscoverySource, SourceHint
from archiver.urls import urlkey

_TEXT_SIZE, _PART_SIZE, _FEED_SIZE = 10, 4, 3
"""Bytes of a digest: of the text, of the other parts, of the address of a feed."""
_BETWEEN = "."


@dataclass(frozen=True, slots=True)
class HintDigest:
    """The digests of what a source says about a post, in three parts: title and `text` ("" if the source gives
    neither), the other `details`, and the date of publication (`date`, "" if the source gives none).

    Left out are values that change with every request, such as the signature of an image's address, the IDs of the
    post, and the date of its last change, which `DiscoveredURL.lastmod` has.
    """

    text: str = ""
    details: str = ""
    date: str = ""

    def __str__(self) -> str:
        return _BETWEEN.join((self.text, self.details, self.date))

    @classmethod
    def parse(cls, text: str) -> HintDigest:
        """Returns the digest that `str` wrote."""
        return cls(*text.split(_BETWEEN)) if text.count(_BETWEEN) == 2 else cls(text)


def digest_of(hint: SourceHint) -> HintDigest:
    text = hint.title or hint.body_html or hint.description
    details = (
        hint.description if hint.body_html else "",
        sorted(hint.authors),
        sorted(hint.categories),
        sorted(hint.tags),
        sorted(map(repr, hint.geotags)),
        hint.image.partition("?")[0],
        hint.language,
        hint.protected,
    )
    when = (hint.published.astimezone(UTC).isoformat(), hint.published_precision) if hint.published else ""
    return HintDigest(
        _digest(f"{hint.title}\0{hint.body_html or hint.description}", _TEXT_SIZE) if text else "",
        _digest(repr(details), _PART_SIZE),
        _digest(repr(when), _PART_SIZE) if when else "",
    )


def _digest(text: str, size: int) -> str:
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=size).hexdigest()


@lru_cache(maxsize=256)  # a feed lists many posts
def source_key(source: DiscoverySource, found_on: str) -> str:
    """Returns the key by which the digests of a page distinguish its sources. Each feed has a key, since feeds of one
    site may differ in what they say of a post.
    """
    if source is not DiscoverySource.FEED or not found_on:
        return str(source)
    try:
        address = urlkey(found_on)
    except ValueError:  # a file name
        address = found_on
    return f"{source}:{_digest(address, _FEED_SIZE)}"


def last_digest(digests: Mapping[str, str], key: str, new: HintDigest) -> HintDigest | None:
    """Returns the digest of what a source said last about a page; None if it has said nothing yet. If a source says the
    same as another one, its digest is not stored.
    """
    if key in digests:
        return HintDigest.parse(digests[key])
    return new if str(new) in digests.values() else None


# What several sources say of one post.

_RANKS = (DiscoverySource.SITEMAP, DiscoverySource.FEED, DiscoverySource.API)
"""Sources by how much they know about a post, the best one last; other sources know less."""
_DEPENDENT = {
    "published": ("published_precision", "published_unzoned"),
    "modified": ("modified_precision", "modified_unzoned"),
}
"""Attributes of a hint that belong to the value of another one."""
_OWN = frozenset({"from_api", *(name for names in _DEPENDENT.values() for name in names)})
_VALUES = tuple(one.name for one in fields(SourceHint) if one.name not in _OWN)


def rank_of(key: str) -> int:
    """Returns the rank of a source by its key among digests. The more a kind of source knows about a post, the higher
    its rank.
    """
    source = key.partition(":")[0]
    return next((n for n, one in enumerate(_RANKS) if one == source), -1)


def complete_hint(hint: SourceHint, other: SourceHint) -> SourceHint:
    """Returns a hint, with the values that it lacks taken from another hint."""
    names = [name for name in _VALUES if not getattr(hint, name) and getattr(other, name)]
    taken = [one for name in names for one in (name, *_DEPENDENT.get(name, ()))]
    return replace(hint, **{name: getattr(other, name) for name in taken}) if taken else hint


def combine_hints(
    latest: SourceHint | None, digests: Mapping[str, str], hint: SourceHint, key: str, *, is_changed: bool
) -> SourceHint:
    """Returns the hint to store for a page: what the source with this `key` says now, combined with the `latest` stored
    hint, which came from the sources in `digests`.

    An API's hint replaces all others. Of other hints, the one that changed is preferred (`is_changed`: this one),
    then the one from the kind of source that gives more. Values that it lacks are added from the other hint.
    """
    others = [other for other in digests if other != key]
    if latest is None or not others or key == DiscoverySource.API:
        return hint
    if DiscoverySource.API in digests:
        return latest
    is_first = is_changed or rank_of(key) > max(map(rank_of, others))
    return complete_hint(hint, latest) if is_first else complete_hint(latest, hint)
