"""Source hints, which are what a feed, sitemap or API says about a post: whether they have changed, how those of
several sources are combined, and whether a source's claims that posts changed are trusted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from archiver.model.due_reasons import CLAIMS, DueFor
from archiver.model.items import DiscoverySource, SourceHint
from archiver.model.urls import urlkey

_TEXT_SIZE, _PART_SIZE, _FEED_SIZE = 10, 4, 3
"""The number of bytes in the digests of the text, of the other parts, and of a feed's address."""
_BETWEEN = "."


@dataclass(frozen=True, slots=True)
class HintDigest:
    """A digest of what a source says about a post, in three parts.

    - `text`: the digest of the title and the text; "" if the source gives neither.
    - `date`: the digest of the date of publication; "" if the source gives none.
    - `details`: the digest of everything else.

    The digests leave out the post's IDs, its date of last change (which is in `DiscoveredURL.lastmod`), and values that
    change with every request, such as the signature in an image's address.
    """

    text: str = ""
    details: str = ""
    date: str = ""

    def __str__(self) -> str:
        return _BETWEEN.join((self.text, self.details, self.date))

    @classmethod
    def parse(cls, text: str) -> HintDigest:
        """Parses the text form of a digest, which `str(digest)` returns."""
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


@lru_cache(maxsize=256)  # cached because a feed lists many posts
def source_key(source: DiscoverySource, found_on: str) -> str:
    """Returns the key under which the digest of a source is stored for a page. Each feed has its own key, since the
    feeds of a site may say different things about a post.
    """
    if source is not DiscoverySource.FEED or not found_on:
        return str(source)
    try:
        address = urlkey(found_on)
    except ValueError:  # `found_on` is a file name and not a URL
        address = found_on
    return f"{source}:{_digest(address, _FEED_SIZE)}"


def last_digest(digests: Mapping[str, str], key: str, new: HintDigest) -> HintDigest | None:
    """Returns the digest of the last hint that a source gave for a page; None if it has given none. `digests` are the
    page's stored digests by source, `key` is the key of this source, and `new` is the digest of its present hint.

    A hint that equals the hint of another source is not stored a second time. So if no digest is stored for this
    source, but another source has the digest `new`, returns `new`.
    """
    if key in digests:
        return HintDigest.parse(digests[key])
    return new if str(new) in digests.values() else None


# Combining what several sources say about one post.

_RANKS = (DiscoverySource.SITEMAP, DiscoverySource.FEED, DiscoverySource.API)
"""The kinds of sources whose hints are ranked, in ascending order of how much they say about a post."""
_DEPENDENT = {
    "published": ("published_precision", "published_unzoned"),
    "modified": ("modified_precision", "modified_unzoned"),
}
"""Attributes of a hint that describe the value of another attribute, such as its precision. When hints are combined,
both are taken from the same hint."""
_OWN = frozenset({"from_api", *(name for names in _DEPENDENT.values() for name in names)})
_VALUES = tuple(one.name for one in fields(SourceHint) if one.name not in _OWN)


def rank_of(key: str) -> int:
    """Returns the rank of the source with this key (see `source_key`): the higher, the more this kind of source says
    about a post; -1 for kinds without a rank.
    """
    source = key.partition(":")[0]
    return next((n for n, one in enumerate(_RANKS) if one == source), -1)


def complete_hint(hint: SourceHint, other: SourceHint) -> SourceHint:
    """Returns `hint` with the values that it lacks taken from `other`."""
    names = [name for name in _VALUES if not getattr(hint, name) and getattr(other, name)]
    taken = [one for name in names for one in (name, *_DEPENDENT.get(name, ()))]
    return replace(hint, **{name: getattr(other, name) for name in taken}) if taken else hint


def combine_hints(
    latest: SourceHint | None, digests: Mapping[str, str], hint: SourceHint, key: str, *, is_changed: bool
) -> SourceHint:
    """Returns the hint to store for a page. It combines `hint`, which the source with this `key` gives now, with the
    stored hint `latest`, which came from the sources in `digests`.

    An API's hint replaces all others. For any other source, `hint` is preferred to `latest` if it has changed
    (`is_changed`), or if its source has a higher rank than the other sources; otherwise `latest` is preferred. Values
    that the preferred hint lacks are taken from the other one. The categories and the date that a listing shows are
    always kept.
    """
    others = [other for other in digests if other != key]
    if latest is None:
        return hint
    if not others or key == DiscoverySource.API:
        return replace(hint, listed_categories=latest.listed_categories, listed_date=latest.listed_date)
    if DiscoverySource.API in digests:
        return latest
    is_first = is_changed or rank_of(key) > max(map(rank_of, others))
    return complete_hint(hint, latest) if is_first else complete_hint(latest, hint)


# Claims of change: when a source says that pages changed, the claim is compared with what the server then sends.

VALIDATORS = "validators"
MIN_CLAIMS = 20
"""A source's claims are judged only after the source has said of at least this many pages that they changed."""
_RARELY = 0.05
TRUST_AGAIN_AFTER = timedelta(days=90)
"""A claim that proved false is believed again after this time, since the site's software may have been repaired."""


@dataclass(slots=True)
class ClaimTally:
    """The number of pages that a source said had changed (`called`), and the number of these that really had changed
    (`true`).
    """

    called: int = 0
    true: int = 0

    @property
    def lies(self) -> bool:
        return self.called >= MIN_CLAIMS and self.true < _RARELY * self.called


def is_build_day(posts_of_day: int, dated_posts: int) -> bool:
    """Returns True if a day is only the day on which a generator built the site's pages: most of the posts with a time
    of last change (`dated_posts`) share it. It then does not show that a post was edited. Returns False if the site has
    only a few such posts, which prove nothing.
    """
    return posts_of_day >= MIN_CLAIMS and 2 * posts_of_day > dated_posts


def dates_claim(source: DiscoverySource | str) -> str:
    """Returns the name of the claim that a page changed because the source gives another date: "feed dates"."""
    return f"{source} dates"


def details_claim(source: DiscoverySource | str) -> str:
    """Returns the name of the claim that a page changed because the source gives other details, such as authors or
    categories: "feed details".
    """
    return f"{source} details"


def claim_of(due_for: str, due_by: str) -> str:
    """Returns the name of the claim that made a page due, such as "feed dates"; "" if it is not due by a claim that may
    prove false.
    """
    return f"{due_by} {CLAIMS[DueFor(due_for)]}" if due_for in CLAIMS else ""


def are_claims_believed(since: datetime | None, now: datetime) -> bool:
    """Returns True if a source's claims of change may be believed now. `since` is the time when the claims proved
    false; None if they never did.
    """
    return since is None or now - since > TRUST_AGAIN_AFTER
