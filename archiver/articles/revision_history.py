"""Places a reading of an old capture among the known versions of a post.

Pure. A post's versions are the runs of equal meaning in the order of its captures: each begins with its first capture
and lasts until the next one begins. The runs are the same in whatever order captures arrive.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

from archiver.articles.identity import changed_fields, folded, is_stub
from archiver.fields import EVIDENCE, MEANING
from archiver.items import Article

# Reverts: a post that says again what an earlier version said, once by an editor or in turns forever.

ALTERNATES = timedelta(days=90)
"""A second revert within this time of the last is not an editor's decision: the post is served in turns."""
MOST_RETURNS = 3
"""Versions of an article that may repeat an earlier one, whatever the time between them."""


@dataclass(frozen=True, slots=True)
class PastRevision:
    """A version in the history of an article. `same_as`: the number of the earlier version that it repeats.

    `seen_again`: how often a reading returned to it without becoming a version; `seen_again_at`: the last time.
    """

    revision: int
    observed_at: datetime
    same_as: int | None = None
    seen_again: int = 0
    seen_again_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Revert:
    """What to do with a reading that equals version `of`: make a version of its own, or count it."""

    of: int
    counted: bool


def find_revert(history: Sequence[PastRevision], said: Sequence[int], at: datetime) -> Revert | None:
    """What to do with a reading, given the article's versions in order and the numbers of those equal to the reading
    (`said`; the current one differs). None if no version equals it.

    Laws: a history of readings with no more than n different meanings has at most n + MOST_RETURNS versions. What
    was read last is current. A first revert is a version.
    """
    if not said:
        return None
    returns = [v for v in history if v.same_as is not None]
    last = max((t for v in history for t in (v.seen_again_at, v.observed_at if v.same_as else None) if t), default=None)
    alternates = last is not None and at - last <= ALTERNATES
    return Revert(max(said), counted=alternates or len(returns) >= MOST_RETURNS)


@dataclass(frozen=True, slots=True)
class RevisionRun:
    """One run: `at` is the time of its first capture, `capture` that capture's number, `digest` that of its payload.

    `number` is the revision it is stored as, 0 if it is not stored. `changed`: the fields that differ from the version
    before, () for the first. `extractor` is what read it, None if unknown.
    """

    at: datetime
    article: Article
    capture: int | None = None
    digest: str = ""
    number: int = 0
    changed: tuple[str, ...] = ()
    extractor: str | None = None

    @property
    def order(self) -> tuple[datetime, str]:
        """Captures of the same second are ordered by their payload, so that the order is unique."""
        return self.at, self.digest


@dataclass(frozen=True, slots=True)
class Sighting:
    """A later capture of a run with the same meaning, which proves that the run lasted until then. `article`: its own
    reading, None if it is that of the run."""

    at: datetime
    capture: int | None = None
    digest: str = ""
    article: Article | None = None


class Placement(Enum):
    """The effect of a reading on the versions: it made a run, began one earlier, or added nothing. COUNTED: it would
    add one more run of a post that is served in turns."""

    INSERTED = auto()
    EXTENDED = auto()
    WITHIN = auto()
    STUB = auto()
    COUNTED = auto()


Changed = Callable[[RevisionRun, RevisionRun], tuple[str, ...]]
"""The fields that were edited between two versions; () if they are the same."""


def differs_plainly(before: RevisionRun, after: RevisionRun) -> tuple[str, ...]:
    return changed_fields(before.article, after.article)


def run_of(versions: Sequence[RevisionRun], reading: RevisionRun) -> int | None:
    """The run during which a reading was taken; None if it is earlier than all."""
    return next((n for n in range(len(versions) - 1, -1, -1) if versions[n].order <= reading.order), None)


def insert_reading(
    versions: Sequence[RevisionRun], reading: RevisionRun, again: Sighting | None, changed: Changed = differs_plainly
) -> tuple[tuple[RevisionRun, ...], Placement]:
    """The versions with a reading inserted at its time, and the effect.

    `versions` are in order and not empty. `again`: the first later capture of the run that the reading is in, None
    if that run was not seen again. A stub (the text of a paywall or consent wall) after a whole text is no version.
    If a run now begins earlier, the earlier reading replaces the stored one, unless only another extractor makes
    them differ (`changed` finds nothing, though their words differ): then the stored one stays.
    """
    n = run_of(versions, reading)
    if n is not None:
        if is_stub(versions[n].article.body, reading.article.body):
            return tuple(versions), Placement.STUB
        if not changed(versions[n], reading):
            return tuple(versions), Placement.WITHIN
    out = [*versions[: n + 1], reading] if n is not None else [reading]
    rest = versions[len(out) - 1 :]
    if n is not None and again is not None:
        out.append(
            replace(
                versions[n],
                at=again.at,
                capture=again.capture,
                digest=again.digest,
                number=0,
                article=again.article or versions[n].article,
            )
        )
    joined = _joined([*out, *rest], changed)
    began = not (n is not None and again is not None) and bool(rest) and not changed(reading, rest[0])
    return joined, Placement.EXTENDED if began else Placement.INSERTED


def _joined(versions: Sequence[RevisionRun], changed: Changed) -> tuple[RevisionRun, ...]:
    """Merges adjacent versions that are equal, drops stubs after a whole text, and sets what changed in each. Two
    versions that are both stored stay as they are."""
    out: list[RevisionRun] = []
    for version in versions:
        before = out[-1] if out else None
        if before is None:
            out.append(replace(version, changed=()))
        elif before.number and version.number:
            out.append(version)
        elif is_stub(before.article.body, version.article.body):
            continue
        elif edited := changed(before, version):
            out.append(replace(version, changed=edited))
        elif not version.number or before.number:
            continue
        elif differs_plainly(before, version):
            out[-1] = replace(version, at=before.at, changed=before.changed)
        else:
            out[-1] = replace(before, number=version.number)
    return tuple(out)


# Compares a stored reading with another one of the same capture: which stored values to keep.

_TOLD = ("api", "feed")
_BEGINNING = 120  # letters by which a text is recognised

Entries = Sequence[dict[str, Any]]
"""Evidence as stored: field, value, source ...; `won` on those that a value was taken from."""


def source_only_fields(entries: Entries) -> frozenset[str]:
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
    kept = {
        name
        for name in source_only_fields(now)
        if (is_past and not _same_words(name, then, now)) or told_otherwise(name, then, now)
    }
    if "body" in source_only_fields(then) and _is_beginning(reading.body, stored.body):
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
    return not part or folded(part[: 4 * _BEGINNING])[:_BEGINNING] in folded(whole[: 4 * len(part[:400]) + 2_000])


def merge_reading(stored: Article, reading: Article, fields: Collection[str]) -> Article:
    """The stored article with these fields from the reading; its address and its numbers stay."""
    values: dict[str, Any] = {name: getattr(reading, name) for name in fields}
    if "published" in fields:
        values["published_precision"] = reading.published_precision
    return replace(stored, **values)


def differing_fields(before: Article, after: Article) -> tuple[str, ...]:
    """The fields whose values are not the same to the letter."""
    return tuple(
        name
        for name in EVIDENCE
        if getattr(before, name) != getattr(after, name)
        or (name == "published" and before.published_precision != after.published_precision)
    )


def reread_edits(before: Article, after: Article, said: Collection[str], fields: Collection[str]) -> tuple[str, ...]:
    """What the edit between two versions changed, after these fields of both were extracted again; `said` is what it
    was recorded to have changed."""
    found = changed_fields(before, after)
    return tuple(name for name in MEANING if name in (found if name in fields else said))
