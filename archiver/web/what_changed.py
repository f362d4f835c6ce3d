"""The web page of what changed on the archived sites, by day over all sites, and its Atom feed.

Changes are edits of headlines, texts and other details, removed pictures and links, deletions, and moves to other URLs.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property
from itertools import groupby
from typing import Any

from markupsafe import Markup, escape

from archiver.api import records
from archiver.api.captures import captured_lead_image
from archiver.api.database import Database
from archiver.api.feeds import Feed, FeedEntry, write_atom
from archiver.api.revisions import DiffOp, Piece, edited_fields_html, pieces_as_html, previous_revision, word_diff
from archiver.api.sites import find_site
from archiver.api.texts import IMAGE_KINDS, meaning_of_marks, text_direction, unpack_marks
from archiver.model.errors import ArticleNotFound, RevisionNotFound
from archiver.model.lazy_regex import lazy_regex
from archiver.web.archive_connections import get_cached
from archiver.web.collection_pages import answer_feed
from archiver.web.mementos import captured_urls
from archiver.web.safe_replay import build_memento_url
from archiver.web.site_names import identify_sites
from archiver.web.web_requests import ArchiveRequest, CannotAnswer, PageResponse, RawResponse

# Which changes there are.

EDITED, DELETED, MOVED = "edited", "deleted", "moved"


@dataclass(frozen=True, slots=True)
class ChangeKind:
    """A kind of changes that can be selected.

    - `name`: its name in URLs and JSON.
    - `label`: its name on pages.
    - `condition`: SQL that selects its edits among the revisions `r`; "" if it does not consist of edits.
    - `fields`: the fields that its edits change; empty for all that no other kind has.
    """

    name: str
    label: str
    condition: str = ""
    fields: frozenset[str] = frozenset()


_TIME = lazy_regex(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d+)?)?")
_OTHER_FIELDS = "exists (select 1 from json_each(r.changed) c where c.value not in ('title', 'body', 'markup'))"
KINDS: dict[str, ChangeKind] = {
    kind.name: kind
    for kind in (
        ChangeKind("headline", "Headlines", "instr(r.changed, '\"title\"')", frozenset({"title"})),
        ChangeKind("text", "Texts", "instr(r.changed, '\"body\"')", frozenset({"body"})),
        ChangeKind("markup", "Pictures and links", "instr(r.changed, '\"markup\"')", frozenset({"markup"})),
        ChangeKind("detail", "Other details", _OTHER_FIELDS),
        ChangeKind(DELETED, "Deletions"),
        ChangeKind(MOVED, "Moved"),
    )
}
SHOWN = (
    "a.id not in (select article_id from withdrawn_articles) and a.id not in "
    "(select article_id from tombstones where allowed_at is null and article_id is not null)"
)
"""An SQL condition for the articles `a` that lists may show: neither withdrawn nor removed at somebody's request."""
# The index of revised articles (idx_articles_site_revised) keeps this fast, since most articles have one revision.
EDITS = (
    "from articles a join revisions r on r.article_id = a.id and r.revision > 1 "
    f"where a.revision > 1 and r.undone_at is null and r.observed_at is not null and {SHOWN}"
)
DELETIONS = f"from articles a where a.gone_at is not null and {SHOWN}"
# The URL to which an article moved has a row of kind url, unless the archive knew the article by it from the beginning.
_MOVES = (
    "from articles a join (select distinct article_id as id from aliases where kind = 'moved') m using (id) "
    f"left join aliases u on u.urlkey = a.urlkey and u.kind = 'url' where {SHOWN}"
)
_MOVED_AT = "coalesce(u.first_seen, a.first_seen)"


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """Which changes are requested. An empty value selects all: `kinds` are keys of KINDS, `site` is the name of a site,
    `until` a day, month or year such as 2024-05.
    """

    kinds: tuple[str, ...] = ()
    site: str = ""
    until: str = ""

    @property
    def arguments(self) -> tuple[tuple[str, str], ...]:
        """The filter as arguments of a URL."""
        return *(("kind", kind) for kind in self.kinds), ("site", self.site), ("until", self.until)


@dataclass(frozen=True, slots=True)
class ChangeKey:
    """Identifies a change, and places it in the order of changes, the newest first.

    `what` is EDITED, DELETED or MOVED; `revision` is the number of the revision that an edit made, otherwise 0.
    """

    at: str
    what: str
    article: int
    revision: int

    def __str__(self) -> str:
        return f"{self.at}~{self.what}~{self.article}~{self.revision}"


_DATE = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")
_KEY = re.compile(r"([\d:.TZ+-]{10,40})~(edited|deleted|moved)~(\d{1,18})~(\d{1,9})")


def parse_filter(request: ArchiveRequest) -> ChangeFilter:
    """Returns the filter in the arguments of a request. Raises CannotAnswer and SiteNotFound."""
    kinds, until = request.many("kind"), request.one("until")
    if unknown := [name for name in kinds if name not in KINDS]:
        raise CannotAnswer(f"kind {unknown[0]}", f"the kinds of changes are {', '.join(KINDS)}")
    if until and not _DATE.fullmatch(until):
        raise CannotAnswer(f"until {until}", "use 2024, 2024-05 or 2024-05-07")
    site = request.one("site")
    return ChangeFilter(kinds, find_site(request.db, site)["name"] if site else "", until)


def _parse_key(request: ArchiveRequest) -> ChangeKey | None:
    text = request.one("before")
    found = _KEY.fullmatch(text)
    if text and not found:
        raise CannotAnswer(f"before {text}", "it must be the end of a page, as the link to older changes gives it")
    return ChangeKey(found[1], found[2], int(found[3]), int(found[4])) if found else None


def _select_changes(wanted: ChangeFilter) -> tuple[str, list[Any]]:
    """Returns SQL that selects the keys of all changes of a filter, and its parameters."""
    of_site = " and a.site = ?" if wanted.site else ""
    edits = [KINDS[name].condition for name in wanted.kinds if KINDS[name].condition]
    parts = []
    if edits or not wanted.kinds:
        among = f" and ({' or '.join(edits)})" if edits else ""
        parts.append(
            f"select r.observed_at as at, '{EDITED}' as what, a.id as article, r.revision as revision "
            f"{EDITS}{of_site}{among}"
        )
    for name, moment, rows in ((DELETED, "a.gone_at", DELETIONS), (MOVED, _MOVED_AT, _MOVES)):
        if not wanted.kinds or name in wanted.kinds:
            parts.append(f"select {moment} as at, '{name}' as what, a.id as article, 0 as revision {rows}{of_site}")
    sql = f"select at, what, article, revision from ({' union all '.join(parts)})"
    values: list[Any] = [wanted.site] * len(parts) if wanted.site else []
    # No character of a time is greater than "~", so it stands for the end of the day, month or year.
    return (f"{sql} where at < ?", [*values, f"{wanted.until}~"]) if wanted.until else (sql, values)


def _list_keys(db: Database, wanted: ChangeFilter, before: ChangeKey | None, limit: int) -> list[ChangeKey]:
    """Returns the keys of up to `limit` changes, newest first: those after `before`, which ended the previous page."""
    sql, values = _select_changes(wanted)
    if before:
        sql += " and" if wanted.until else " where"
        sql += " (at < ? or (at = ? and (what, article, revision) > (?, ?, ?)))"
        values += [before.at, before.at, before.what, before.article, before.revision]
    rows = db.execute(f"{sql} order by at desc, what, article, revision limit ?", [*values, limit]).fetchall()
    return [ChangeKey(*row) for row in rows]


def count_changes(db: Database, site: str = "") -> dict[str, int]:
    """Returns the number of changes of each kind on a site, "" for all sites."""
    of_site, values = (" and a.site = ?", [site]) if site else ("", [])
    edits = {name: kind for name, kind in KINDS.items() if kind.condition}
    sums = ", ".join(f"coalesce(sum({kind.condition} > 0), 0)" for kind in edits.values())
    found = dict(zip(edits, db.execute(f"select {sums} {EDITS}{of_site}", values).fetchone(), strict=True))
    for name, rows in ((DELETED, DELETIONS), (MOVED, _MOVES)):
        found[name] = db.execute(f"select count(*) {rows}{of_site}", values).fetchone()[0]
    return found


# What a change consists of.


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a compared text with changes in it. It may begin or end with an ellipsis."""

    pieces: tuple[Piece, ...]

    @property
    def html(self) -> Markup:
        return Markup(pieces_as_html(self.pieces))  # it escapes the text

    def as_data(self) -> list[dict[str, str]]:
        return [{"op": str(piece.op), "text": piece.text} for piece in self.pieces]


@dataclass(frozen=True, slots=True)
class Part:
    """A picture or link that an edit removed or added: its URL, and the words that stand for it. `source` is the URL on
    this server from which a captured picture is loaded; "" if there is none.
    """

    kind: str
    url: str
    text: str
    is_removed: bool
    source: str = ""

    def as_data(self) -> dict[str, Any]:
        return {"kind": self.kind, "url": self.url, "text": self.text, "removed": self.is_removed}


@dataclass(frozen=True, slots=True)
class Change:
    """A change with everything that the pages show of it.

    - `record`: the record of the article as it is now, or as the edit left it.
    - `before`: its record before the edit; None for a deletion or a move.
    - `changed`: the fields that an edit changed.
    - `passages`: what an edit changed in the text; `more` is the number of further passages.
    - `is_too_long`: the text is too long to be compared on a page with many changes.
    - `parts`: the pictures and links that an edit removed or added.
    - `former_url`: the URL from which the article moved.
    - `view`: the URL on this server that shows the capture before the change; "" if there is none.
    - `has_picture`: the lead image of a deleted article is captured.
    """

    key: ChangeKey
    record: dict[str, Any]
    before: dict[str, Any] | None = None
    changed: frozenset[str] = frozenset()
    title: Passage | None = None
    passages: tuple[Passage, ...] = ()
    more: int = 0
    is_too_long: bool = False
    parts: tuple[Part, ...] = ()
    details: tuple[tuple[str, Markup], ...] = ()
    is_reverted: bool = False
    former_url: str = ""
    view: str = ""
    has_picture: bool = False

    @property
    def direction(self) -> str:
        return text_direction(self.record["language"], f"{self.record['title']}{self.record['body'][:400]}")

    @property
    def day(self) -> str:
        return self.key.at[:10]

    @property
    def phrases(self) -> tuple[str, ...]:
        """What changed, as short phrases, the most important first."""
        if self.key.what != EDITED:
            return ("deleted by the site, kept here" if self.key.what == DELETED else "moved to another address",)
        found = ["headline edited"] if self.title else []
        found += ["text edited"] if self.passages or self.is_too_long else []
        for is_removed, verb in ((True, "removed"), (False, "added")):
            for kind, nouns in (("picture", ("picture", "pictures")), ("link", ("link", "links"))):
                number = sum(part.kind == kind and part.is_removed == is_removed for part in self.parts)
                found += [f"{number} {nouns[number != 1]} {verb}"] if number else []
        found += [f"{name[0].lower()}{name[1:]} edited" for name, _ in self.details]
        return (*(found or ["edited"]), *(["an earlier version restored"] if self.is_reverted else []))

    @property
    def summary(self) -> str:
        """What changed, as a line of text."""
        line = ", ".join(self.phrases)
        return line[0].upper() + line[1:]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of changes to which this one belongs (keys of KINDS)."""
        if self.key.what != EDITED:
            return (self.key.what,)
        named = [name for name, kind in KINDS.items() if kind.fields & self.changed]
        others = self.changed.difference(*(kind.fields for kind in KINDS.values()))
        return (*named, "detail") if others else tuple(named)

    def as_data(self) -> dict[str, Any]:
        """Returns the change as JSON-ready data."""
        record, before = self.record, self.before
        return {
            "at": self.key.at,
            "kinds": list(self.kinds),
            "article": {name: record[name] for name in ("id", "url", "site", "title", "published", "gone_at")},
            "revision": self.key.revision or None,
            "previous": before["revision"] if before else None,
            "title": self.title.as_data() if self.title else None,
            "text": [passage.as_data() for passage in self.passages],
            "more_passages": self.more,
            "parts": [part.as_data() for part in self.parts],
            "former_url": self.former_url or None,
        }


_TOO_LONG = 60_000
"""A text is compared if the parts in which its versions differ have at most this many characters: comparing all edits
of a page in full could take seconds."""
_CONTEXT, _KEPT, _MOST_PASSAGES, _LONGEST = 90, 270, 3, 420
"""A passage has about `_CONTEXT` characters before and after its changes; of the equal text before the first and after
the last change, only the nearest `_KEPT` characters are compared. An edit shows at most `_MOST_PASSAGES` passages. A
removed or added text of more than `_LONGEST` characters is shortened."""
_DETAILS = {"published": "Date", "geotags": "Places"}


def _parse_time(text: str) -> datetime | None:
    """Returns a stored time; None if it has no zone, or if another program has written it wrongly."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def _load_change(request: ArchiveRequest, key: ChangeKey) -> Change | None:
    """Returns a change with its details; None if its article or revision has just been removed."""
    try:
        return _read_edit(request, key) if key.what == EDITED else _read_deletion_or_move(request, key)
    except (ArticleNotFound, RevisionNotFound):
        return None


def _read_deletion_or_move(request: ArchiveRequest, key: ChangeKey) -> Change:
    record = _with_texts(records.record(request.db, key.article))
    lead = captured_lead_image(request.db, key.article) if key.what == DELETED else None
    return Change(
        key,
        record,
        former_url=_former_url(request.db, key.article) if key.what == MOVED else "",
        view=_view_of(request, record),
        has_picture=lead is not None and lead["capture"] is not None,
    )


def _read_edit(request: ArchiveRequest, key: ChangeKey) -> Change | None:
    history = records.revisions(request.db, key.article)
    own = next((one for one in history if one["revision"] == key.revision), None)
    if own is None:
        return None
    before, after = (
        _with_texts(records.revision_record(request.db, key.article, number))
        for number in (previous_revision(history, key.revision), key.revision)
    )
    passages: tuple[Passage, ...] = ()
    more = 0
    old, new = _without_equal_ends(before["body"], after["body"])
    is_too_long = len(old) + len(new) > _TOO_LONG
    if before["body"] != after["body"] and not is_too_long:
        passages, more = cut_passages(word_diff(old, new))
    title = Passage(word_diff(before["title"], after["title"])) if before["title"] != after["title"] else None
    return Change(
        key,
        after,
        before,
        frozenset(own["changed"]),
        title,
        passages,
        more,
        is_too_long,
        tuple(_compare_parts(request, before, after)),
        tuple(_edited_details(before, after, own["changed"])),
        own["same_as"] is not None,
        view=_view_of(request, before),
    )


def _with_texts(record: dict[str, Any]) -> dict[str, Any]:
    """Returns a record whose title and body are texts, whatever another program has stored."""
    return {**record, "title": record["title"] or "", "body": record["body"] or ""}


def _view_of(request: ArchiveRequest, record: dict[str, Any]) -> str:
    capture = record["capture"]
    return build_memento_url(request, f"view/{_stamp(capture['captured_at'])}/", record["url"]) if capture else ""


def _stamp(moment: str) -> str:
    return "".join(c for c in moment[:19] if c.isdigit())


def _former_url(db: Database, article: int) -> str:
    row = db.execute(
        "select url from aliases where article_id = ? and kind = 'moved' order by first_seen desc, urlkey limit 1",
        [article],
    ).fetchone()
    return row[0] if row else ""


def _edited_details(
    before: dict[str, Any], after: dict[str, Any], changed: Sequence[str]
) -> Iterator[tuple[str, Markup]]:
    """Yields the fields other than title, text, pictures and links that an edit changed, each with its name for readers
    and the comparison of its values.
    """
    if not set(changed) - {"title", "body", "markup"}:
        return
    same = {name: after[name] for name in ("title", "body", "markup")}  # these are compared elsewhere
    times: list[dict[str, str]] = [{}, {}]
    for name in ("published", "modified"):
        old, new = (_TIME.sub(r"\1 \2", one[name] or "").replace("+00:00", " UTC") for one in (before, after))
        if old != new:
            times[0][name], times[1][name] = old, new
    for name, cell in edited_fields_html({**before, **same, **times[0]}, {**after, **times[1]}):
        if name in changed:
            yield _DETAILS.get(name, name.replace("_", " ").capitalize()), Markup(cell)  # it escapes the values


def _compare_parts(request: ArchiveRequest, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Part]:
    """Yields the pictures and links that only one of two records of an article has. They are compared as the crawl
    compares them: the same picture at another host is not another picture.
    """
    old, new = _parts_of(before), _parts_of(after)
    captured = captured_urls(request.db, [part.url for part in (old | new).values() if part.kind == "picture"])
    for ours, others, record in ((old, new, before), (new, old, after)):
        stamp = _stamp(record["capture"]["captured_at"]) if record["capture"] else ""
        for phrase, part in ours.items():
            if phrase not in others:
                is_shown = stamp and part.url in captured and part.kind == "picture"
                source = build_memento_url(request, f"web/{stamp}im_/", part.url) if is_shown else ""
                yield replace(part, is_removed=ours is old, source=source)


def _parts_of(record: dict[str, Any]) -> dict[str, Part]:
    """Returns the pictures and links of a record, by the phrase that stands for them in a comparison."""
    found: dict[str, Part] = {}
    for mark in unpack_marks(record["markup"], len(record["body"])):
        for phrase in meaning_of_marks([mark]):
            if phrase.startswith("image "):
                found.setdefault(phrase, Part("picture", mark.value, mark.caption or mark.alt, True))
            else:
                text = (
                    mark.alt if mark.kind in IMAGE_KINDS else " ".join(record["body"][mark.offset : mark.end].split())
                )
                found.setdefault(phrase, Part("link", mark.link or mark.value, text, True))
    return found


def _without_equal_ends(old: str, new: str) -> tuple[str, str]:
    """Returns two texts without what they have in common at both ends, except the part nearest to the changes. What is
    far from all changes is not shown, and comparing it would take most of the time.
    """
    start = max(_common_length(old, new) - _KEPT, 0)
    old, new = old[start:], new[start:]
    end = max(_common_length(old[::-1], new[::-1]) - _KEPT, 0)
    return old[: len(old) - end], new[: len(new) - end]


def _common_length(old: str, new: str) -> int:
    """Returns how many characters at the beginning two texts have in common, by bisection."""
    least, most = 0, min(len(old), len(new))
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if old[:middle] == new[:middle] else (least, middle - 1)
    return least


def cut_passages(pieces: Sequence[Piece]) -> tuple[tuple[Passage, ...], int]:
    """Returns the first passages of a compared text that contain changes, with some words around them, and the number
    of further passages.
    """
    passages: list[list[Piece]] = [[]]
    for n, piece in enumerate(pieces):
        if piece.op is not DiffOp.EQUAL:
            passages[-1].append(_shorten(piece))
            continue
        is_first, is_last = n == 0, n == len(pieces) - 1
        if not is_first and not is_last and len(piece.text) <= 2 * _CONTEXT:
            passages[-1].append(piece)
            continue
        if not is_first:
            passages[-1].append(Piece(DiffOp.EQUAL, _head(piece.text)))
            passages.append([])
        if not is_last:
            passages[-1].append(Piece(DiffOp.EQUAL, _tail(piece.text)))
    found = [Passage(tuple(one)) for one in passages if any(piece.op is not DiffOp.EQUAL for piece in one)]
    return tuple(found[:_MOST_PASSAGES]), max(len(found) - _MOST_PASSAGES, 0)


def _shorten(piece: Piece) -> Piece:
    if len(piece.text) <= _LONGEST:
        return piece
    start, end = _head(piece.text, _LONGEST * 2 // 3), _tail(piece.text, _LONGEST // 3)
    return replace(piece, text=f"{start} {end.lstrip('… ')}")


def _head(text: str, length: int = _CONTEXT) -> str:
    """Returns the first words of a text, and an ellipsis if there are more."""
    if len(text) <= length:
        return text
    cut = text[:length]
    return f"{cut[: cut.rfind(' ')] if ' ' in cut[length // 2 :] else cut} …"


def _tail(text: str, length: int = _CONTEXT) -> str:
    """Returns the last words of a text, after an ellipsis if there are more."""
    if len(text) <= length:
        return text
    cut = text[-length:]
    return f"… {cut[cut.find(' ') + 1 :] if ' ' in cut[: length // 2] else cut}"


# The page.

PAGE_SIZE = 20
_MOST_TITLED = 100
"""Up to this many sites are listed by their titles."""


@dataclass(frozen=True)
class ChangePage:
    """A page of changes, newest first; `after` is where older ones begin, None if there are none."""

    changes: tuple[Change, ...]
    after: ChangeKey | None

    @cached_property
    def days(self) -> list[tuple[str, list[Change]]]:
        return [(day, list(changes)) for day, changes in groupby(self.changes, lambda one: one.day)]


def load_changes(
    request: ArchiveRequest, wanted: ChangeFilter, before: ChangeKey | None = None, limit: int = PAGE_SIZE
) -> ChangePage:
    """Returns a page of the changes that a filter selects, newest first. It begins after the change `before`, or with
    the newest change if that is None.
    """
    keys = _list_keys(request.db, wanted, before, limit + 1)
    found = (_load_change(request, key) for key in keys[:limit])
    return ChangePage(tuple(change for change in found if change), keys[limit - 1] if len(keys) > limit else None)


def changes_page(request: ArchiveRequest) -> PageResponse:
    """Returns the page of what changed, newest first, by day."""
    wanted, before = parse_filter(request), _parse_key(request)
    page = load_changes(request, wanted, before)
    older = request.link("/changes", [*wanted.arguments, ("before", str(page.after) if page.after else "")])
    counts = get_cached(request.db, "changes", wanted.site, lambda: count_changes(request.db, wanted.site))
    data = {
        "counts": counts,
        "changes": [change.as_data() for change in page.changes],
        "older": older.replace("/changes?", "/changes.json?", 1) if page.after else None,
    }
    sites = [row[0] for row in request.db.execute("select name from sites order by name").fetchall()]
    shown = [wanted.site, *(change.record["site"] for change in page.changes)]
    identities = identify_sites(request, [*shown, *(sites if len(sites) <= _MOST_TITLED else ())])
    titles = {name: identities[name].title if name in identities else name for name in sites}
    return PageResponse(
        "changes.html",
        {
            "wanted": wanted,
            "page": page,
            "kinds": KINDS,
            "kind_links": list(_link_kinds(request, wanted, counts)),
            "sites": titles if len(sites) > 1 else {},
            "heading": _describe_filter(wanted, titles),
            "identities": identities,
            "link_of": link_of,
            "day_in_words": describe_day,
            "today": datetime.now(UTC).date(),
            "older": older if page.after else "",
            "newest": request.link("/changes", wanted.arguments) if before else "",
            "everything": request.link("/changes"),
            "feed": request.link("/changes/feed", [pair for pair in wanted.arguments if pair[0] != "until"]),
            "twin": request.link("/changes.json", [*wanted.arguments, ("before", request.one("before"))]),
        },
        data,
    )


def _link_kinds(
    request: ArchiveRequest, wanted: ChangeFilter, counts: dict[str, int]
) -> Iterator[tuple[str, int | None, str, bool]]:
    """Yields the label of each kind that has changes, their number (None for all), the link to them, and whether
    they are shown now.
    """
    yield "All", None, request.link("/changes", replace(wanted, kinds=()).arguments), not wanted.kinds
    for name, kind in KINDS.items():
        if counts[name] or name in wanted.kinds:
            link = request.link("/changes", replace(wanted, kinds=(name,)).arguments)
            yield kind.label, counts[name], link, name in wanted.kinds


def _describe_filter(wanted: ChangeFilter, titles: Mapping[str, str]) -> str:
    """Returns what a filter selects, as the heading of its page: "Deletions of a.example until 2024"."""
    what = " and ".join(KINDS[name].label for name in wanted.kinds) or "What changed"
    of_site = f" {'on' if not wanted.kinds else 'of'} {titles.get(wanted.site, wanted.site)}" if wanted.site else ""
    return f"{what}{of_site}{f' until {wanted.until}' if wanted.until else ''}"


def describe_day(day: str, today: date) -> str:
    """Returns a day (2024-06-08) in words: "Today", "Yesterday", "Saturday, 8 June 2024"."""
    try:
        then = date.fromisoformat(day)
    except ValueError:  # another program has written it
        return day
    if (name := {0: "Today", 1: "Yesterday"}.get((today - then).days)) is not None:
        return name
    return f"{then:%A}, {then.day} {then:%B %Y}"


# The feed.

_ENTRIES = 50
_NEVER = "1970-01-01T00:00:00+00:00"


def changes_feed(request: ArchiveRequest) -> RawResponse:
    """Returns the newest changes of a filter as an Atom feed (RFC 4287)."""
    wanted = parse_filter(request)
    titles = {wanted.site: identify_sites(request, [wanted.site])[wanted.site].title}
    page = load_changes(request, wanted, limit=_ENTRIES)
    here = request.origin + request.link("/changes/feed", wanted.arguments)
    feed = Feed(
        uuid.uuid5(uuid.NAMESPACE_URL, here).urn,
        f"{_describe_filter(wanted, titles)} · {request.title}",
        _moment(page.changes[0].key.at if page.changes else _NEVER),
        tuple(_entry_of(request, change) for change in page.changes),
        here,
        request.origin + request.link("/changes", wanted.arguments),
    )
    return answer_feed(request, write_atom(feed, request.title))


def _entry_of(request: ArchiveRequest, change: Change) -> FeedEntry:
    key, record = change.key, change.record
    # The same change has the same ID in every archive that saw the article first at the same URL.
    name = f"{records.record_id_of(request.db, key.article)} {key.what} {key.revision or key.at}"
    (reason, label), *also = [(kind, KINDS[kind].label) for kind in change.kinds] or [(key.what, change.summary)]
    return FeedEntry(
        uuid.uuid5(uuid.NAMESPACE_URL, name).urn,
        record["url"],
        f"{change.summary}: {record['title'] or record['url']}",
        _moment(key.at),
        tuple(record["authors"] or (record["site"],)),
        reason,
        label,
        page=request.origin + link_of(request, change),
        also=tuple(also),
        html=_entry_html(change),
    )


def _entry_html(change: Change) -> str:
    blocks = [escape(f"{change.summary}.")]
    blocks += [_plain_html(one) for one in ((change.title,) if change.title else ()) + change.passages]
    for part in change.parts:
        words = f"{'Removed' if part.is_removed else 'Added'} {part.kind}: {part.text} {part.url}"
        blocks.append(escape(" ".join(words.split())))
    blocks += [Markup("{}: {}").format(name, cell) for name, cell in change.details]
    if change.former_url:
        blocks.append(escape(f"From {change.former_url} to {change.record['url']}"))
    return str(Markup("").join(Markup("<p>{}</p>").format(block) for block in blocks))


_TAGS = {DiffOp.EQUAL: "{}", DiffOp.DELETE: "<del>{}</del> ", DiffOp.INSERT: "<ins>{}</ins>"}


def _plain_html(passage: Passage) -> Markup:
    """Returns a passage without the labels that our stylesheet hides, which a feed reader would show."""
    return Markup("").join(Markup(_TAGS[piece.op]).format(piece.text) for piece in passage.pieces)


def link_of(request: ArchiveRequest, change: Change) -> str:
    """Returns the link to the comparison of versions for an edit, or to the article for another change."""
    path = f"/article/{change.key.article}"
    if change.before is None:
        return request.link(path)
    return request.link(f"{path}/diff", [("from", change.before["revision"]), ("to", change.key.revision)])


def _moment(moment: str) -> str:
    return moment if _parse_time(moment) else _NEVER
