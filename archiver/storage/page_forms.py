"""The tables `forms` and `page_forms`: the forms of a site's pages, and the evidence for whether a form is a form of
posts or of other pages. Pages of one template have one form.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from sys import byteorder
from typing import Any
from urllib.parse import urlsplit

from archiver.articles.post_verdicts import (
    ALIKE,
    DECLARED_TIME,
    WEAK_POSTS,
    FormEvidence,
    FormMember,
    FormVerdict,
    SiteVerdicts,
    patterns_of_posts,
    similarity,
)
from archiver.model.items import UNDONE, Outcome, PageForm, PageKind
from archiver.model.page_rules import BY_HAND, BY_SOURCE, DATED_BY_HAND, GUESSES, OTHER_FORM_RULE, POST_FORM_RULE
from archiver.storage import Database
from archiver.storage.pages import LATEST_HINT, last_rowid, stamp

_BARE = 100
"""A page with fewer characters of text than this may have no content of its own, like a day of a calendar without
events."""
MAX_FORMS = 200
"""A site has at most this many forms. A further page that resembles none of these forms gets no form."""


class SiteForms:
    """The forms of one site, to which the pages of a run are added."""

    def __init__(self, db: Database, site_id: int) -> None:
        self._db = db
        self._site_id = site_id
        self._by_address: dict[str, dict[int, frozenset[int]]] | None = None
        self._exact: dict[tuple[str, frozenset[int]], int] = {}
        self._rows: list[tuple[int, int, str]] = []

    @contextmanager
    def restored_on_error(self) -> Iterator[None]:
        """A context manager around a batch that clears the caches if the batch is rolled back."""
        try:
            yield
        except BaseException:
            self._by_address = None
            self._rows.clear()
            raise

    def write(self) -> None:
        """Stores the forms of the pages that were added."""
        if self._rows:
            self._db.conn.executemany(_WRITE_FORM, self._rows)
            self._rows.clear()

    def record(self, page_id: int, form: PageForm) -> int | None:
        """Stores which form a page has. If the page fits no known form of the site, creates a new form for it. Returns
        the form's ID. If the site already has the maximum number of forms, stores nothing and returns None.
        """
        form_id = self.add(page_id, form)
        self.write()
        return form_id

    def add(self, page_id: int, form: PageForm) -> int | None:
        """Finds the form of a page and returns its ID, or None, as `record` does. Which form the page has is only
        stored by the next call of `write`.
        """
        form_id = self._join(form)
        if form_id is None:
            self.write()
            self._db.execute("delete from page_forms where page_id = ?", [page_id])
            return None
        self._rows.append((page_id, form_id, _signs(form)))
        return form_id

    def _join(self, form: PageForm) -> int | None:
        if self._by_address is None:
            self._load()
        assert self._by_address is not None
        if (known := self._exact.get((form.address, form.tokens))) is not None:
            return known
        forms = self._by_address.get(form.address, {})
        likeness, nearest = max(((similarity(form.tokens, have), -n) for n, have in forms.items()), default=(0.0, 0))
        if likeness >= ALIKE:
            return -nearest
        if sum(map(len, self._by_address.values())) >= MAX_FORMS:
            return None
        self._db.execute(
            "insert into forms (site_id, address, tokens) values (?, ?, ?)",
            [self._site_id, form.address, _pack(form.tokens)],
        )
        number = last_rowid(self._db)
        self._add(number, form.address, form.tokens)
        return number

    def _load(self) -> None:
        self._by_address, self._exact = {}, {}
        for number, address, tokens in self._db.execute(
            "select id, address, tokens from forms where site_id = ? order by id", [self._site_id]
        ):
            self._add(number, address, _unpack(tokens))

    def _add(self, number: int, address: str, tokens: frozenset[int]) -> None:
        assert self._by_address is not None
        self._by_address.setdefault(address, {})[number] = tokens
        self._exact[address, tokens] = number


_WRITE_FORM = (
    "insert into page_forms (page_id, form_id, signs) values (?, ?, ?) on conflict (page_id) do update set "
    "form_id = excluded.form_id, signs = excluded.signs"
)


def _pack(tokens: frozenset[int]) -> bytes:
    numbers = array("I", sorted(tokens))
    if byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _unpack(blob: bytes) -> frozenset[int]:
    numbers = array("I")
    numbers.frombytes(blob)
    if byteorder == "big":
        numbers.byteswap()
    return frozenset(numbers)


_compact_json = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps would create an encoder for each call


def _signs(form: PageForm) -> str:
    return _compact_json([form.hentry, form.length, form.media, *form.titles, form.date_slot, int(form.declares)])


_PROMISES = ("feed", "api")
_TAKEN = "('archived', 'unchanged', 'duplicate')"


def forms_of_site(db: Database, site_id: int) -> list[FormEvidence]:
    """Returns the forms of a site with their pages, as the evidence for `judge_forms`."""
    members: dict[int, list[FormMember]] = {}
    for form_id, url, signs, kind, rule, taken, sources, day, is_bare, in_dated_list in db.execute(
        f"select f.form_id, p.url, f.signs, p.kind, coalesce(p.rule, ''), p.outcome in {_TAKEN}, "
        "(select group_concat(d.source) from page_discoveries d where d.page_id = p.id), "
        "coalesce(substr(a.published, 1, 10), ''), "
        "p.rule = 'dated' and coalesce(a.image, '') = '' and length(a.body) < :bare, "
        f"exists (select 1 from source_hints h where {LATEST_HINT} and instr(h.hint, '\"listed_date\"')) "
        "from forms o join page_forms f on f.form_id = o.id join pages p on p.id = f.page_id "
        "left join articles a on a.id = p.article_id "
        "where o.site_id = :site order by f.page_id",
        {"site": site_id, "bare": _BARE},
    ):
        one = _member(signs, kind, rule, bool(taken), sources or "")
        members.setdefault(form_id, []).append(
            replace(one, day=day, is_bare=bool(is_bare), in_dated_list=bool(in_dated_list), folder=_first_folder(url))
        )
    return [
        FormEvidence(number, address, _unpack(tokens), tuple(members[number]))
        for number, address, tokens in db.execute(
            "select id, address, tokens from forms where site_id = ? order by id", [site_id]
        )
        if number in members
    ]


def _first_folder(url: str) -> str:
    folder = urlsplit(url).path.strip("/").rpartition("/")[0].partition("/")[0]
    return "".join("9" if letter.isdigit() else letter for letter in folder)


def _member(signs: str, kind: str, rule: str, taken: bool, sources: str) -> FormMember:
    hentry, _, _, title, heading, slot, *more = json.loads(signs)  # version 0.3.0 stored six signs
    reported = sources.split(",")
    known = PageKind(kind)
    return FormMember(
        known if taken or known is not PageKind.POST else PageKind.OTHER,
        rule,
        hentry,
        (title, heading),
        slot,
        promised=any(source in reported for source in _PROMISES),
        mapped="sitemap" in reported,
        listed="listing" in reported,
        is_entry="entry" in reported,
        declares=any(more),
    )


def store_verdicts(db: Database, site_id: int, verdicts: SiteVerdicts, at: datetime) -> None:
    """Stores the verdicts on the forms of a site. If the verdict on a form has changed, its pages are marked to be
    judged again. If the form is a form of posts, pages whose address matches its pattern are marked, too.
    """
    before = {
        row[0]: (row[1], tuple(row[2:]))
        for row in db.execute("select id, address, kind, marks, is_dated from forms where site_id = ?", [site_id])
    }
    addresses: set[str] = set()
    for number, (address, was) in before.items():
        one = verdicts.forms.get(number)
        now = (str(one.kind), _pack(one.post_tokens), int(one.is_dated)) if one is not None else (None, None, None)
        if now == was:
            continue
        db.execute(
            "update forms set kind = ?, marks = ?, is_dated = ?, reason = ?, judged_at = ?, applied_to = 0 "
            "where id = ?",
            [*now, one.reason if one is not None else None, stamp(at), number],
        )
        if PageKind.POST in (now[0], was[0]):
            addresses.add(address)
    for number, (address, _) in before.items():
        if not addresses.isdisjoint(patterns_of_posts(address)):
            db.execute("update forms set judged_at = ?, applied_to = 0 where id = ?", [stamp(at), number])


def stored_verdicts(db: Database, site_id: int) -> SiteVerdicts:
    """Returns the verdicts on the forms of a site, as `store_verdicts` stored them last."""
    return SiteVerdicts.of(
        [
            FormVerdict(number, PageKind(kind), reason, address, _unpack(tokens), _unpack(marks or b""), bool(is_dated))
            for number, kind, reason, address, tokens, marks, is_dated in db.execute(
                "select id, kind, reason, address, tokens, marks, is_dated from forms "
                "where site_id = ? and kind is not null order by id",
                [site_id],
            )
        ]
    )


@dataclass(frozen=True, slots=True)
class PageToRejudge:
    """A page whose kind was decided before the verdict on its form, or the site's handwritten rules, were known. Holds
    its row of `pages`. `form_id` is None if the page is judged for another reason than its form.
    """

    row: dict[str, Any]
    form_id: int | None
    is_promised: bool

    @property
    def was_post(self) -> bool:
        return self.row["outcome"] in (Outcome.ARCHIVED, Outcome.UNCHANGED)


_IS_PROMISED = """exists (select 1 from page_discoveries d where d.page_id = p.id
    and d.source in ('feed', 'api')) as is_promised"""
_PAGE = f"select p.*, {_IS_PROMISED} from pages p where p.id = ?"
_PAGES = f"""select p.*, f.form_id, {_IS_PROMISED}
    from page_forms f join pages p on p.id = f.page_id where f.form_id = :form and f.page_id > :after
    and p.capture_id is not null and (:everything or p.fetched_at <= :judged_at)"""
_GUESSED = "(select value from json_each(:guesses))"
_WHICH = {
    PageKind.POST: (
        f"(p.outcome = 'not-article' or p.outcome = 'gone' and p.status = 200) and p.kind <> 'part' "
        f"and (p.rule in {_GUESSED} or p.rule = :other)"
    ),
    PageKind.PAGE: "p.outcome in ('archived', 'unchanged') and p.rule in (select value from json_each(:formed))",
    PageKind.OTHER: (
        "p.outcome in ('archived', 'unchanged') and (p.rule in (select value from json_each(:declared)) "
        "or p.rule in (select value from json_each(:formed)))"
    ),
    PageKind.UNKNOWN: (
        "(p.outcome = 'not-article' and p.rule = :other or p.outcome in ('archived', 'unchanged') and p.rule = :post)"
    ),
}
"""SQL conditions that select the pages of a form to be judged again, by the kind of the form."""


def pages_of_handwritten_rules(db: Database, site_id: int, *, may_make_posts: bool) -> Iterator[PageToRejudge]:
    """Yields the captured pages of a site whose kind depends on its handwritten rules. These are the pages that such
    rules made posts and, if today's rules may make pages posts (`may_make_posts`), all pages that are not posts.
    """
    found = db.execute(
        "select id from pages where site_id = :site and capture_id is not null and ("
        "outcome in ('archived', 'unchanged') and rule in (:marked, :dated) "
        "or :may_make_posts and outcome = 'not-article' and rule is not 'not-html' "
        "and kind in ('post', 'page', 'listing', 'other', 'unknown')) order by id",
        {"site": site_id, "marked": BY_HAND, "dated": DATED_BY_HAND, "may_make_posts": may_make_posts},
    ).fetchall()
    yield from _pages_by_id(db, found)


def pages_confirmed_since(db: Database, site_id: int, since: str) -> Iterator[PageToRejudge]:
    """Yields the captured pages of a site that are not posts and that the server has called unchanged (304) since a
    time, so that they were not read again.
    """
    found = db.execute(
        "select id from pages where site_id = ? and capture_id is not null and status = 304 and fetched_at >= ? "
        "and outcome = 'not-article' and rule is not 'not-html' "
        "and kind in ('post', 'page', 'listing', 'other', 'unknown') order by id",
        [site_id, since],
    ).fetchall()
    yield from _pages_by_id(db, found)


def _pages_by_id(db: Database, found: Iterable[tuple[int]]) -> Iterator[PageToRejudge]:
    for (number,) in found:
        for row in list(db.query(_PAGE, [number])):
            is_promised = bool(row.pop("is_promised"))
            yield PageToRejudge(row, None, is_promised)


def pages_to_rejudge(
    db: Database, site_id: int, verdicts: SiteVerdicts, *, everything: bool = False
) -> Iterator[PageToRejudge]:
    """Yields the pages of a site whose kind was guessed before the verdicts on its forms were known. If `everything` is
    True, also yields pages that were already judged again.
    """
    posts = {one.address for one in verdicts.forms.values() if one.kind is PageKind.POST}
    forms = list(
        db.execute(
            "select id, address, kind, applied_to, judged_at from forms where site_id = ? order by id", [site_id]
        )
    )
    for number, address, kind, applied_to, judged_at in forms:
        if judged_at is None and not everything:
            continue
        values = {
            "form": number,
            "after": -1 if everything else applied_to,
            "everything": everything,
            "judged_at": judged_at,
            "formed": json.dumps(sorted(WEAK_POSTS | {POST_FORM_RULE})),
            "declared": json.dumps(sorted(DECLARED_TIME)),
            "other": OTHER_FORM_RULE,
            "post": POST_FORM_RULE,
            "guesses": json.dumps(sorted(GUESSES - {OTHER_FORM_RULE})),
        }
        own = PageKind(kind) if kind else PageKind.UNKNOWN
        may_be_posts = own is PageKind.UNKNOWN and not posts.isdisjoint(patterns_of_posts(address))
        kinds = {own} | ({PageKind.POST} if may_be_posts else set())
        for one in sorted(kinds):
            for row in list(db.query(f"{_PAGES} and {_WHICH[one]} order by p.id", values)):
                form_id, is_promised = row.pop("form_id"), bool(row.pop("is_promised"))
                yield PageToRejudge(row, form_id, is_promised)


@dataclass(frozen=True, slots=True)
class UntakenPages:
    """Pages that look like the site's posts, but were not stored as posts: their number, the `rule` that decided that
    they are not posts, and the URL of one of them.
    """

    rule: str
    pages: int
    example: str


_BY_ADDRESS = frozenset(("date address", "listing address", "page address"))
_BY_APPEARANCE = GUESSES - _BY_ADDRESS - {"documentation", BY_SOURCE, "search form", OTHER_FORM_RULE}
"""The rules by which only the appearance of a page decides, and neither its address nor the site's other pages."""
_MIN_POSTS, _MIN_ENTRIES, _MOST_ENTRIES = 3, 2, 500
_IS_ENTRY = "exists (select 1 from page_discoveries d where d.page_id = p.id and d.source = 'listing')"


def untaken_pages(db: Database, site_id: int) -> list[UntakenPages]:
    """Returns the pages of a site that look like its posts but were not stored as posts. They are grouped by rule; the
    most frequent rule comes first.

    A page that a listing of posts shows as an entry looks like a post if it has the form of posts, or if most pages
    with addresses of its pattern are posts and only its appearance speaks against it. Any other page looks like a post
    if it has the form of posts, listings do not show most pages of this form as entries, and its address does not speak
    against it. A feed that lists a page proves nothing, since some feeds list all pages of a site.
    """
    rows = db.execute(
        # The tables are joined in this order because a site has few pages that are not articles and many that are
        # posts.
        "select coalesce(p.rule, ''), p.url, o.id, o.kind = 'post', o.address, "
        "(select d.found_on_page_id from page_discoveries d where d.page_id = p.id and d.source = 'listing') "
        "from pages p cross join page_forms f on f.page_id = p.id cross join forms o on o.id = f.form_id "
        f"where p.site_id = ? and p.outcome = 'not-article' and p.rule is not '{UNDONE}' "
        "and (o.kind = 'post' or o.kind is null and p.rule in "
        f"({', '.join('?' * len(_BY_APPEARANCE))}))",
        [site_id, *sorted(_BY_APPEARANCE)],
    ).fetchall()
    lists = {number for number in {row[-1] for row in rows} if number is not None and _lists_posts(db, number)}
    suspects = [
        _Suspect(rule, url, form_id, bool(has_form), address, number in lists)
        for rule, url, form_id, has_form, address, number in rows
    ]
    listed = {one.form_id for one in suspects if one.has_form and not one.is_entry}
    listed = {form_id for form_id in listed if _are_entries(db, form_id)}
    of_posts = {one.address for one in suspects if one.is_entry and not one.has_form}
    of_posts = {address for address in of_posts if _is_address_of_posts(db, site_id, address)}
    found: dict[str, list[str]] = {}
    for one in suspects:
        if one.is_entry:
            looks_like_post = one.has_form or one.address in of_posts
        else:
            looks_like_post = one.has_form and one.form_id not in listed and one.rule not in _BY_ADDRESS
        if looks_like_post:
            found.setdefault(one.rule, []).append(one.url)
    ordered = sorted(found.items(), key=lambda one: (-len(one[1]), one[0]))
    return [UntakenPages(rule, len(urls), min(urls)) for rule, urls in ordered]


@dataclass(frozen=True, slots=True)
class _Suspect:
    """A page that may be a post although it was not stored as one. `has_form`: its form is a form of posts; `is_entry`:
    a listing of posts shows it.
    """

    rule: str
    url: str
    form_id: int
    has_form: bool
    address: str
    is_entry: bool


def _lists_posts(db: Database, listing_id: int) -> bool:
    """Returns True if at least two entries, and most of the first 500, of a listing page were stored as posts."""
    row: Any = db.execute("select listed from pages where id = ?", [listing_id]).fetchone()
    entries = list(map(int, row[0].split(",")))[:_MOST_ENTRIES] if row and row[0] else []
    (posts,) = db.execute(
        f"select count(*) from pages where id in ({', '.join('?' * len(entries))}) and outcome in {_TAKEN}", entries
    ).fetchone()
    return bool(posts >= _MIN_ENTRIES and 2 * posts > len(entries))


def _is_address_of_posts(db: Database, site_id: int, address: str) -> bool:
    """Returns True if at least three posts, and most pages, with addresses of this pattern were stored as posts."""
    pages, posts = db.execute(
        f"select count(*), coalesce(sum(p.outcome in {_TAKEN}), 0) from forms o join page_forms f on f.form_id = o.id "
        "join pages p on p.id = f.page_id where o.site_id = ? and o.address = ?",
        [site_id, address],
    ).fetchone()
    return bool(posts >= _MIN_POSTS and 2 * posts > pages)


def _are_entries(db: Database, form_id: int) -> bool:
    """Returns True if listings show most posts of a form as entries."""
    posts, entries = db.execute(
        f"select count(*), coalesce(sum({_IS_ENTRY}), 0) from page_forms f join pages p on p.id = f.page_id "
        f"where f.form_id = ? and p.outcome in {_TAKEN}",
        [form_id],
    ).fetchone()
    return bool(2 * entries > posts)


def pages_without_form(db: Database, site_id: int) -> Iterator[tuple[int, str, int, bool]]:
    """Yields the captured pages of a site that have no form, each as ID, URL, capture ID, and True if it is a post."""
    rows = db.execute(
        "select id, url, capture_id, outcome in ('archived', 'unchanged') from pages p where site_id = ? "
        "and capture_id is not null and kind in ('post', 'page', 'listing', 'other', 'unknown') "
        "and outcome in ('archived', 'unchanged', 'not-article') and rule is not 'not-html' "
        "and not exists (select 1 from page_forms f where f.page_id = p.id) order by id",
        [site_id],
    ).fetchall()
    yield from ((number, url, capture_id, bool(is_post)) for number, url, capture_id, is_post in rows)


def mark_applied(db: Database, pages: Iterable[PageToRejudge], *, complete: bool, site_id: int) -> None:
    """Records that the verdicts on the forms of these pages were applied to them. If `complete` is True, records this
    for all pages of the site with the ID `site_id`.
    """
    for one in pages:
        db.execute("update forms set applied_to = max(applied_to, ?) where id = ?", [one.row["id"], one.form_id])
    if complete:
        db.execute(
            "update forms set applied_to = coalesce((select max(page_id) from page_forms where form_id = forms.id), 0) "
            "where site_id = ?",
            [site_id],
        )


def is_promised(db: Database, key: str) -> bool:
    """Returns True if a feed, an API or a sitemap reported the page at this urlkey."""
    return (
        db.execute(
            "select 1 from pages p join page_discoveries d on d.page_id = p.id where p.urlkey = ? "
            "and d.source in ('feed', 'api', 'sitemap')",
            [key],
        ).fetchone()
        is not None
    )


def page_id_at(db: Database, key: str) -> int | None:
    """Returns the ID of the page with this urlkey; None if the page is not in the pages table."""
    row: Any = db.execute("select id from pages where urlkey = ?", [key]).fetchone()
    return int(row[0]) if row else None
