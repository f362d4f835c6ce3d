"""The tables `forms` and `page_forms`: the forms of a site's pages, and the evidence by which they are judged.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from sys import byteorder
from typing import Any

from sqlite_utils import Database

from archiver.articles.form_verdicts import ALIKE, FormEvidence, FormMember, SiteVerdicts, similarity
from archiver.items import PageForm, PageKind
from archiver.storage.pages import last_rowid, stamp

MAX_FORMS = 200
"""Forms of one site; a further page that is like none of them gets no form."""


class SiteForms:
    """The forms of one site, to which the pages of a run are added."""

    def __init__(self, db: Database, site_id: int) -> None:
        self._db = db
        self._site_id = site_id
        self._by_address: dict[str, dict[int, frozenset[int]]] | None = None
        self._exact: dict[tuple[str, frozenset[int]], int] = {}

    @contextmanager
    def restored_on_error(self) -> Iterator[None]:
        """Context manager around a batch: forgets what is cached if the batch is rolled back."""
        try:
            yield
        except BaseException:
            self._by_address = None
            raise

    def record(self, page_id: int, form: PageForm) -> int | None:
        """Stores the form of a page; a page that is like no other founds a new form. Returns the form's ID, None if the
        site has too many.
        """
        form_id = self._join(form)
        if form_id is None:
            self._db.execute("delete from page_forms where page_id = ?", [page_id])
            return None
        self._db.execute(
            "insert into page_forms (page_id, form_id, signs) values (?, ?, ?) on conflict (page_id) do update set "
            "form_id = excluded.form_id, signs = excluded.signs",
            [page_id, form_id, _signs(form)],
        )
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


def _signs(form: PageForm) -> str:
    return json.dumps([form.hentry, form.length, form.media, *form.titles, form.date_slot], separators=(",", ":"))


_PROMISES = ("feed", "api")
_TAKEN = "('archived', 'unchanged', 'duplicate')"


def forms_of_site(db: Database, site_id: int) -> list[FormEvidence]:
    """Returns the forms of a site with their pages, as the evidence for `judge_forms`."""
    members: dict[int, list[FormMember]] = {}
    for form_id, signs, kind, rule, taken, sources in db.execute(
        f"select f.form_id, f.signs, p.kind, coalesce(p.rule, ''), p.outcome in {_TAKEN}, "
        "(select group_concat(d.source) from page_discoveries d where d.page_id = p.id) "
        "from forms o join page_forms f on f.form_id = o.id join pages p on p.id = f.page_id "
        "where o.site_id = ? order by f.page_id",
        [site_id],
    ):
        members.setdefault(form_id, []).append(_member(signs, kind, rule, bool(taken), sources or ""))
    return [
        FormEvidence(number, address, _unpack(tokens), tuple(members[number]))
        for number, address, tokens in db.execute(
            "select id, address, tokens from forms where site_id = ? order by id", [site_id]
        )
        if number in members
    ]


def _member(signs: str, kind: str, rule: str, taken: bool, sources: str) -> FormMember:
    hentry, _, _, title, heading, slot = json.loads(signs)
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
    )


def store_verdicts(db: Database, site_id: int, verdicts: SiteVerdicts, at: datetime) -> None:
    """Stores what the forms of a site were judged to be."""
    db.execute("update forms set kind = null, reason = null, judged_at = ? where site_id = ?", [stamp(at), site_id])
    for one in verdicts.forms.values():
        db.execute("update forms set kind = ?, reason = ? where id = ?", [one.kind, one.reason, one.form_id])


def page_id_at(db: Database, key: str) -> int | None:
    """Returns the ID of the page with this urlkey; None if the archive does not have it."""
    row: Any = db.execute("select id from pages where urlkey = ?", [key]).fetchone()
    return int(row[0]) if row else None
