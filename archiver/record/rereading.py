"""Compares a stored reading with another one of the same capture: which stored values to keep."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from archiver.fields import EVIDENCE, MEANING
from archiver.items import Article
from archiver.record.identity import changed_fields, folded, is_stub

_TOLD = ("api", "feed")
_BEGINNING = 120  # letters by which a text is recognised

Entries = Sequence[dict[str, Any]]
"""Evidence as stored: field, value, source ...; `won` on those that a value was taken from."""


def told(entries: Entries) -> frozenset[str]:
    """The fields with a value from the site's API or feed, not from its page."""
    return frozenset(one["field"] for one in entries if one.get("won") and one["source"] in _TOLD)


def told_otherwise(name: str, then: Entries, now: Entries) -> bool:
    """Whether a source of the site gives a field another value than when the page was read."""
    for source in _TOLD:
        new = {one["value"] for one in now if one["field"] == name and one["source"] == source}
        old = {one["value"] for one in then if one["field"] == name and one["source"] == source}
        if new and new != old and (old or source == "api"):
            return True
    return False


def lasting_fields(stored: Article, then: Entries, reading: Article, now: Entries, *, is_past: bool) -> frozenset[str]:
    """The fields that keep their stored value, since the capture alone cannot give it.

    A body that a source gave whole stays if the source's text is no longer stored. What a source has said differently
    since then belongs to a later state of the page, which the next crawl will find. For a superseded version
    (`is_past`) it is no longer known what the sources said.
    """
    kept = {name for name in told(now) if (is_past and not _same_words(name, then, now))
            or told_otherwise(name, then, now)}
    if "body" in told(then) and _is_beginning(reading.body, stored.body):
        kept |= {"body", "credits"}
    if stored.body and (not reading.body or is_stub(stored.body, reading.body)):
        kept |= {"body", "credits"}
    if stored.title and not reading.title:
        kept.add("title")
    if "body" in kept and stored.authors and not reading.authors:
        kept.add("authors")  # signed below the text
    return frozenset(kept)


def _same_words(name: str, then: Entries, now: Entries) -> bool:
    return any(one["field"] == name and one["source"] in _TOLD for one in then) and not told_otherwise(name, then, now)


def _is_beginning(part: str, whole: str) -> bool:
    if len(part) * 1.15 + 20 >= len(whole):
        return False
    return not part or folded(part[:4 * _BEGINNING])[:_BEGINNING] in folded(whole[:4 * len(part[:400]) + 2_000])


def merged(stored: Article, reading: Article, fields: Collection[str]) -> Article:
    """The stored article with these fields from the reading; its address and its numbers stay."""
    values: dict[str, Any] = {name: getattr(reading, name) for name in fields}
    if "published" in fields:
        values["published_precision"] = reading.published_precision
    return replace(stored, **values)


def differing(before: Article, after: Article) -> tuple[str, ...]:
    """The fields whose values are not the same to the letter."""
    return tuple(name for name in EVIDENCE if getattr(before, name) != getattr(after, name) or (
        name == "published" and before.published_precision != after.published_precision))


def edits(before: Article, after: Article, said: Collection[str], fields: Collection[str]) -> tuple[str, ...]:
    """What the edit between two versions changed, after these fields of both were extracted again; `said` is what it
    was recorded to have changed."""
    found = changed_fields(before, after)
    return tuple(name for name in MEANING if name in (found if name in fields else said))
