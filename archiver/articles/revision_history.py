"""Rules of an article's history: reverts, readings of old captures, and what re-extraction keeps.

All functions are pure. The revisions of a post are the runs of captures with equal meaning: each begins with its first
capture and lasts until the next one begins. The runs are the same in any order in which captures arrive.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

from archiver.articles.identity import changed_fields, fold_words, is_stub
from archiver.fields import EVIDENCE, MEANING
from archiver.items import Article

# Reverts: a post repeats an earlier revision, either because an editor restored it or because the server alternates.

ALTERNATION_PERIOD = timedelta(days=90)
"""A second revert within this time of the last is not an editor's decision: the server alternates between texts."""
MAX_REVERTS = 3
"""Revisions of an article that may repeat an earlier one, in all."""


@dataclass(frozen=True, slots=True)
class PastRevision:
    """A revision in the history of an article. `same_as`: the number of the earlier revision that it repeats.

    `sighted_again`: how often a reading reverted to it without becoming a revision; `seen_again_at`: the last time.
    """

    revision: int
    observed_at: datetime
    same_as: int | None = None
    seen_again: int = 0
    seen_again_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Revert:
    """A reading that equals the earlier revision `of`. It becomes a revision itself, unless it is only `counted`."""

    of: int
    counted: bool


def find_revert(history: Sequence[PastRevision], equal: Sequence[int], at: datetime) -> Revert | None:
    """Decides about a reading, given the article's revisions in order and the numbers of those `equal` to it (the
    current one is not). None if no revision is equal.

    Readings with n different meanings make at most n + MAX_REVERTS revisions. The first revert is always a revision.
    """
    if not equal:
        return None
    reverts = [v for v in history if v.same_as is not None]
    last = max((t for v in history for t in (v.seen_again_at, v.observed_at if v.same_as else None) if t), default=None)
    alternates = last is not None and at - last <= ALTERNATION_PERIOD
    return Revert(max(equal), counted=alternates or len(reverts) >= MAX_REVERTS)


# Runs: a reading of an old capture among the known revisions of a post.


@dataclass(frozen=True, slots=True)
class RevisionRun:
    """One run: `at` is the time of its first capture, `capture` that capture's number, `digest` its payload digest.

    `number` is that of the stored revision, 0 if it is not stored. `changed`: the fields that differ from the revision
    before, () for the first. `extractor` is the version of the program that read it, None if unknown.
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
        """A sort key. Captures of the same second are ordered by their digest, so that the order is unique."""
        return self.at, self.digest


@dataclass(frozen=True, slots=True)
class Sighting:
    """A later capture of a run with the same meaning, which proves that the run lasted until then. `article`: its
    reading, None if it is the same as that of the run."""

    at: datetime
    capture: int | None = None
    digest: str = ""
    article: Article | None = None


class Placement(Enum):
    """The effect of a reading on the revisions: it made a run, moved the beginning of one back, or added nothing.

    COUNTED: it would add a further run to a post that alternates between texts.
    """

    INSERTED = auto()
    EXTENDED = auto()
    WITHIN = auto()
    STUB = auto()
    COUNTED = auto()


Changed = Callable[[RevisionRun, RevisionRun], tuple[str, ...]]
"""A function that gives the fields edited between two revisions; () if they are the same."""


def changed_between(before: RevisionRun, after: RevisionRun) -> tuple[str, ...]:
    return changed_fields(before.article, after.article)


def run_at(versions: Sequence[RevisionRun], reading: RevisionRun) -> int | None:
    """The index of the run during which a reading was captured; None if it is earlier than all runs."""
    return next((n for n in range(len(versions) - 1, -1, -1) if versions[n].order <= reading.order), None)


def insert_reading(
    versions: Sequence[RevisionRun], reading: RevisionRun, again: Sighting | None, changed: Changed = changed_between
) -> tuple[tuple[RevisionRun, ...], Placement]:
    """The revisions with a reading inserted at its time, and the effect.

    `versions` are in order and not empty. `again`: the first capture of the surrounding run that is later than the
    reading; None if that run was not seen again. A stub (the text of a paywall or consent wall) after a whole text is
    not a revision. If a run now begins earlier, the earlier reading replaces the stored one, unless they differ only
    because of the extractor (`changed` finds nothing although the words differ).
    """
    n = run_at(versions, reading)
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
    """Merges adjacent revisions that are equal, drops stubs after a whole text, and sets `changed` in each. Two
    revisions that are both stored are left as they are."""
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
        elif changed_between(before, version):
            out[-1] = replace(version, at=before.at, changed=before.changed)
        else:
            out[-1] = replace(before, number=version.number)
    return tuple(out)


# Re-extraction: which stored values to keep when a capture is read again.

_REPORTING = ("api", "feed")
_BEGINNING = 120  # letters by which a text is recognised

Entries = Sequence[dict[str, Any]]
"""Evidence as stored: field, value, source ...; `won` is set on those whose value was chosen."""


def source_only_fields(entries: Entries) -> frozenset[str]:
    """The fields with a value from the site's API or feed, not from its page."""
    return frozenset(one["field"] for one in entries if one.get("won") and one["source"] in _REPORTING)


def source_changed(name: str, then: Entries, now: Entries) -> bool:
    """True if the site's API or feed gives a field another value than at the time of the capture."""
    for source in _REPORTING:
        new = {one["value"] for one in now if one["field"] == name and one["source"] == source}
        old = {one["value"] for one in then if one["field"] == name and one["source"] == source}
        if new and new != old and (old or source == "api"):
            return True
    return False


def kept_fields(stored: Article, then: Entries, reading: Article, now: Entries, *, is_past: bool) -> frozenset[str]:
    """The fields that keep their stored value, since the capture alone cannot give it.

    A whole body from a source is kept if the source's text is no longer stored. If a source gives another value now,
    that belongs to a later state of the page, which the next crawl will find. For a superseded revision (`is_past`) it
    is no longer known what the sources gave.
    """
    kept = {
        name
        for name in source_only_fields(now)
        if (is_past and not _source_is_same(name, then, now)) or source_changed(name, then, now)
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


def _source_is_same(name: str, then: Entries, now: Entries) -> bool:
    known = any(one["field"] == name and one["source"] in _REPORTING for one in then)
    return known and not source_changed(name, then, now)


def _is_beginning(part: str, whole: str) -> bool:
    if len(part) * 1.15 + 20 >= len(whole):
        return False
    return not part or fold_words(part[: 4 * _BEGINNING])[:_BEGINNING] in fold_words(
        whole[: 4 * len(part[:400]) + 2_000]
    )


def merge_reading(stored: Article, reading: Article, fields: Collection[str]) -> Article:
    """The stored article with these fields from the reading; its address and numbers are kept."""
    values: dict[str, Any] = {name: getattr(reading, name) for name in fields}
    if "published" in fields:
        values["published_precision"] = reading.published_precision
    return replace(stored, **values)


def differing_fields(before: Article, after: Article) -> tuple[str, ...]:
    """The fields whose values are not exactly the same."""
    return tuple(
        name
        for name in EVIDENCE
        if getattr(before, name) != getattr(after, name)
        or (name == "published" and before.published_precision != after.published_precision)
    )


def reread_edits(
    before: Article, after: Article, recorded: Collection[str], fields: Collection[str]
) -> tuple[str, ...]:
    """The fields that the edit between two revisions changed, after `fields` of both were extracted again. `recorded`:
    the fields that it was recorded to have changed."""
    found = changed_fields(before, after)
    return tuple(name for name in MEANING if name in (found if name in fields else recorded))
