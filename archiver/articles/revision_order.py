"""Rules for the revisions of an article: recognizes reverts, inserts articles extracted from old captures among the
revisions, and decides which stored values a new extraction keeps.

In this module, a revision is a run, that is, a series of consecutive captures with equal meaning. It begins with its
first capture and lasts until the next revision begins. The revisions of a post depend only on its captures, not on the
order in which the captures are entered. All functions are pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from typing import Any

from archiver.articles.article_comparison import changed_fields, fold_words, is_stub
from archiver.model.fields import EVIDENCE, HINTED, MEANING, leading_field, with_following
from archiver.model.items import (
    CONSTANT,
    NO_LONGER_READS,
    PAGE_OBJECT,
    PAGE_OBJECT_FAILED,
    PAGE_OBJECT_KEPT,
    UNCONFIRMED,
    Article,
    Evidence,
)

# Reverts: a post repeats an earlier revision, either because an editor restored it or because the server alternates.

MOST_REVERTS = 40
"""At most this many revisions of an article may repeat an earlier one; further reverts are only counted. An article
whose site alternates between two headlines would otherwise get a revision for each of its thousand captures."""


@dataclass(frozen=True, slots=True)
class Revert:
    """A post's return to the content of an earlier revision, whose number is `of`. If `counted` is True, the revert is
    only counted at that revision; otherwise it is stored as a new revision.
    """

    of: int
    counted: bool


# Runs: inserting an article extracted from an old capture among the known revisions of a post.


@dataclass(frozen=True, slots=True)
class RevisionRun:
    """A revision as a series of consecutive captures with equal meaning.

    - `at`, `capture`, `digest`: the time, the ID and the payload digest of its first capture.
    - `number`: the number of the stored revision; 0 if it is not stored.
    - `changed`: the fields that differ from the previous revision; () for the first revision.
    - `extractor`: the version of the program that extracted `article`; None if unknown.
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
        """The sort key of revisions. Revisions whose first captures are of the same second are ordered by digest, so
        that the order is unambiguous.
        """
        return self.at, self.digest


@dataclass(frozen=True, slots=True)
class Sighting:
    """A later capture of a revision, which proves that the revision was still online at that time. `article` is the
    article extracted from this capture; None if it equals the revision's article.
    """

    at: datetime
    capture: int | None = None
    digest: str = ""
    article: Article | None = None


class Placement(Enum):
    """The effect of inserting an extracted article on the stored revisions.

    - INSERTED: the article became a revision.
    - EXTENDED: an existing revision now begins earlier.
    - WITHIN: the article lies within an existing revision.
    - STUB: the article is only a stub.
    - COUNTED: the article is one of more than MOST_REVERTS reverts of its post, and was only counted.
    """

    INSERTED = auto()
    EXTENDED = auto()
    WITHIN = auto()
    STUB = auto()
    COUNTED = auto()


Changed = Callable[[RevisionRun, RevisionRun], tuple[str, ...]]
"""A function that returns the names of the fields that the site edited between two revisions; () if it edited none."""


def changed_between(before: RevisionRun, after: RevisionRun) -> tuple[str, ...]:
    return changed_fields(before.article, after.article)


def index_of_run_at(runs: Sequence[RevisionRun], extracted: RevisionRun) -> int | None:
    """Returns the index of the revision (in `runs`) during which the article `extracted` was captured; None if it was
    captured before all revisions.
    """
    return next((n for n in range(len(runs) - 1, -1, -1) if runs[n].order <= extracted.order), None)


def insert_into_runs(
    runs: Sequence[RevisionRun], extracted: RevisionRun, again: Sighting | None, changed: Changed = changed_between
) -> tuple[tuple[RevisionRun, ...], Placement]:
    """Inserts an article extracted from an old capture among the revisions of a post (`runs`), at the time of the
    capture. Returns the new revisions and the effect on them.

    `runs` are in order and not empty. `again` is the next capture after the inserted one, if it belongs to the same
    revision; otherwise None. A stub after a full text does not become a revision.

    If the inserted article equals the revision after it, that revision now begins with the inserted capture and has the
    inserted article. But if `changed` finds no edit between the two although their words differ, only the extractor has
    changed, and the revision keeps its stored article.
    """
    n = index_of_run_at(runs, extracted)
    if n is not None:
        if is_stub(runs[n].article.body, extracted.article.body):
            return tuple(runs), Placement.STUB
        if not changed(runs[n], extracted):
            return tuple(runs), Placement.WITHIN
    out = [*runs[: n + 1], extracted] if n is not None else [extracted]
    rest = runs[len(out) - 1 :]
    if n is not None and again is not None:
        out.append(
            replace(
                runs[n],
                at=again.at,
                capture=again.capture,
                digest=again.digest,
                number=0,
                article=again.article or runs[n].article,
            )
        )
    joined = _merge_runs([*out, *rest], changed)
    began = not (n is not None and again is not None) and bool(rest) and not changed(extracted, rest[0])
    return joined, Placement.EXTENDED if began else Placement.INSERTED


def _merge_runs(runs: Sequence[RevisionRun], changed: Changed) -> tuple[RevisionRun, ...]:
    """Returns the revisions after three corrections: adjacent revisions of equal content are merged, stubs that follow
    a full text are removed, and `changed` is computed again. Two revisions that are both stored are never merged.
    """
    out: list[RevisionRun] = []
    for run in runs:
        before = out[-1] if out else None
        if before is None:
            out.append(replace(run, changed=()))
        elif before.number and run.number:
            out.append(run)
        elif is_stub(before.article.body, run.article.body):
            continue
        elif edited := changed(before, run):
            out.append(replace(run, changed=edited))
        elif not run.number or before.number:
            continue
        elif changed_between(before, run):
            out[-1] = replace(run, at=before.at, changed=before.changed)
        else:
            out[-1] = replace(before, number=run.number)
    return tuple(out)


# Re-extraction: decides which stored values to keep when a capture is extracted again.

_REPORTING = frozenset({"api", "feed", "sitemap", "listing"})
_PLACES_OF_SOURCES = frozenset(
    {"georss", "w3c-geo", "dcterms:spatial", "dc:coverage", "json", "news-sitemap", "wordpress"}
)
"""Notations of geo-tags in feeds, sitemaps and APIs. The evidence for a geo-tag has its notation as `source`; one of
these notations means that the geo-tag did not come from the page."""
_BEGINNING = 120  # this many characters at the beginning of a text are compared to recognize it

Entries = Sequence[dict[str, Any]]
"""The stored evidence of an article, as one dict per candidate with the field, the value, the source and more. `won` is
true if the candidate was chosen."""


def source_only_fields(entries: Entries) -> frozenset[str]:
    """Returns the fields whose chosen value came from the site's API, feed or sitemap and not from the page."""
    return frozenset(one["field"] for one in entries if one.get("won") and _is_from_source(one))


def _is_from_source(one: dict[str, Any]) -> bool:
    return one["source"] in _REPORTING or (one["field"] == "geotags" and one["source"] in _PLACES_OF_SOURCES)


def with_source_values(article: Article, stored: Article, then: Entries, but: Collection[str] = ()) -> Article:
    """Returns an article that was extracted without source hints, completed with values that only a source (a feed,
    sitemap or API) could give.

    `stored` is the stored article of the same post, and `then` is its evidence. An empty field takes its value from
    `stored` if this value came from a source. Fields in `but` stay empty.
    """
    given = source_only_fields(then) - set(but) - _decided_by_person(article)
    names = [name for name in HINTED if name in given and not getattr(article, name) and getattr(stored, name)]
    if not names:
        return article
    found = [
        Evidence(name, one["value"], one["source"], one["locator"], one["confidence"])
        for name in names
        for one in then
        if one["field"] == name and one.get("won")
    ]
    return replace(merge_extracted_fields(article, stored, names), evidence=(*article.evidence, *found))


def kept_fields(stored: Article, then: Entries, extracted: Article, *, with_hint: bool) -> frozenset[str]:
    """Returns the fields that keep their stored value when a capture is extracted again, because the capture alone does
    not contain it.

    `stored` and `then` are the stored article and its evidence; `extracted` is the result of the new extraction.
    `with_hint` is True if the new extraction used the source hint that was known when the page was captured. These
    values are kept:

    - values that came only from a source, unless `with_hint` is True;
    - values that the page no longer showed when it was captured (unconfirmed ones);
    - a full body from an API or feed, if the new text is only its beginning;
    - a body or title, if the new extraction finds none or only a stub, unless it proved to belong to the site and not
      to the post.

    A field for which a page object now returns a value is never kept.
    """
    kept = set() if with_hint else set(source_only_fields(then))
    kept |= {one["field"] for one in then if one["source"] == UNCONFIRMED and not getattr(extracted, one["field"])}
    if "body" in source_only_fields(then) and _is_beginning(extracted.body, stored.body):
        kept |= {"body", "credits"}
    refused = {one.field for one in extracted.evidence if one.source == CONSTANT or _is_picture_only(one)}
    if stored.body and "body" not in refused and (not extracted.body or is_stub(stored.body, extracted.body)):
        kept |= {"body", "credits"}
    if stored.title and not extracted.title and "title" not in refused:
        kept.add("title")
    if "body" in kept and stored.authors and not extracted.authors:
        kept.add("authors")  # the authors' names may have been below the lost part of the text
    return frozenset(kept - _decided_by_person(extracted))


def _decided_by_person(article: Article) -> set[str]:
    """Returns the names of the fields whose value, which may be empty, was returned by a page object."""
    return {one.field for one in article.evidence if one.source == PAGE_OBJECT}


def lost_page_object_values(then: Entries, extracted: Article, *, only_failed: bool = False) -> tuple[Evidence, ...]:
    """Returns evidence (`PAGE_OBJECT_KEPT`) for each field whose stored value came from a page object and is missing
    from the new extraction. The page object failed for this field, or it no longer reads the page and no other returned
    a value. Such values are kept, because the site has not changed them.

    `then` is the stored evidence. If `only_failed` is True, only fields for which the page object failed are returned.
    """
    owners = {
        one["field"]: one["locator"].partition(":")[0]
        for one in then
        if one["source"] == PAGE_OBJECT and (one.get("won") or not one["value"])
    }
    if not owners:
        return ()
    failed = {one.field: one.locator for one in extracted.evidence if one.source == PAGE_OBJECT_FAILED}
    decided, readers = _decided_by_person(extracted), page_objects_named(extracted.read_by)
    out = []
    for name, owner in owners.items():
        if name in failed:
            out.append(Evidence(name, "", PAGE_OBJECT_KEPT, failed[name], 0.0))
        elif not only_failed and name not in decided and owner.partition(",")[0] not in readers:
            out.append(Evidence(name, "", PAGE_OBJECT_KEPT, f"{owner}: {NO_LONGER_READS}", 0.0))
    return tuple(out)


def with_page_object_values(
    stored: Article, then: Entries, extracted: Article, read_by: str, marks: Sequence[Evidence]
) -> Article:
    """Returns an extracted article in which some fields have their stored values: those for which
    `lost_page_object_values` returned evidence (`marks`). This evidence replaces the evidence of these fields. `stored`
    has the stored values, and `then` their evidence.

    `read_by` is the name of the extractor of the stored values. If a page object in this name did not read the page
    now, but its values are kept, the result's `read_by` names it, too.
    """
    if not marks:
        return extracted
    names = {one.field for one in marks}
    owners = {one.locator.partition(",")[0] for one in marks} - page_objects_named(extracted.read_by)
    again = [one for one in read_by.split() if one.partition("@")[0] in owners and "@" in one]
    evidence = tuple(one for one in extracted.evidence if one.field not in names)
    return replace(
        merge_extracted_fields(extracted, stored, names),
        evidence=(*evidence, *marks),
        read_by=" + ".join(filter(None, (extracted.read_by, *again))),
    )


def page_objects_named(extractor: str) -> frozenset[str]:
    """Returns the names of the page objects in the name of an extractor: {"HarbourPost"} for "rules-2 +
    HarbourPost@1a2b3c4d".
    """
    return frozenset(one.partition("@")[0] for one in extractor.split() if "@" in one)


def _is_picture_only(one: Evidence) -> bool:
    """Returns True if evidence about the body says that the element for the post's text was found, but contains no
    text, as in a post that consists of a picture.
    """
    return one.field == "body" and one.source == "position" and one.value == "0 characters"


def _is_beginning(part: str, full: str) -> bool:
    if len(part) * 1.15 + 20 >= len(full):
        return False
    return not part or fold_words(part[: 4 * _BEGINNING])[:_BEGINNING] in fold_words(
        full[: 4 * len(part[:400]) + 2_000]
    )


def merge_extracted_fields(stored: Article, extracted: Article, fields: Collection[str]) -> Article:
    """Returns the stored article with the values of these fields taken from a new extraction. The stored URL and IDs
    are kept.
    """
    values: dict[str, Any] = {name: getattr(extracted, name) for name in with_following(fields)}
    return replace(stored, **values)


def differing_fields(before: Article, after: Article) -> tuple[str, ...]:
    """Returns the names of the fields whose values are not exactly equal in two articles."""
    return tuple(
        name for name in EVIDENCE if any(getattr(before, one) != getattr(after, one) for one in with_following((name,)))
    )


def edits_after_reextraction(
    before: Article, after: Article, recorded: Collection[str], fields: Collection[str]
) -> tuple[str, ...]:
    """Returns the names of the fields that differ between two successive revisions after both were extracted again.

    Only the `fields` were extracted again and are compared; for other fields, `recorded`, the stored list of changed
    fields, stays valid.
    """
    found = changed_fields(before, after)
    return tuple(name for name in MEANING if name in (found if leading_field(name) in fields else recorded))
