"""From the records of a batch to what each came to: the work that is done on all cores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from sqlite_utils import Database

from archiver.capture.answer import HttpAnswer
from archiver.capture.damage import Damage, Problem
from archiver.capture.exchange import Exchange
from archiver.capture.found import Found, capture_in
from archiver.capture.pairing import Pair
from archiver.capture.rights import of_headers, of_page
from archiver.extraction.article import extract_page
from archiver.extraction.page import parse
from archiver.extraction.rules import SiteRules
from archiver.items import Article, PageKind, Right
from archiver.record.validate import validated
from archiver.store.connect import open_archive
from archiver.store.past_captures import is_done, kind_read, known
from archiver.store.rules import rules_at
from archiver.store.scopes import Sites
from archiver.store.versions import extractor_of
from archiver.urls import normalize, urlkey

_NOT_FOUND = "not-found"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Revisit records seldom say of which type their payload was; of these names none is a page.
_NO_PAGE = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".svg", ".ico", ".css", ".js", ".pdf", ".woff", ".woff2", ".ttf",
            ".mp3", ".mp4", ".webm", ".zip", ".json", ".xml", ".rss", ".txt", ".swf", ".avif")


class Kind(StrEnum):
    """What a record came to."""

    POST = "post"
    PAGE = "page"
    NOT_HTML = "not-html"
    GONE = "gone"
    REDIRECT = "redirect"
    STATUS = "status"
    REVISIT = "revisit"
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class Read:
    """One record read. `rule` says by what it is (or is no) post, `target` where a redirect leads, `digest` is that of
    the payload as the archive writes it. `exchange` is there where it may be copied."""

    kind: Kind
    found: Found
    digest: str = ""
    rule: str = ""
    article: Article | None = None
    extractor: str = ""
    rights: tuple[Right, ...] = ()
    target: str = ""
    exchange: Exchange | None = None


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads records against an archive that it never writes. `version` is the program's, `now` bounds their dates."""

    db: Database
    version: str
    now: datetime
    all_captures: bool = False

    def read(self, pairs: Iterable[Pair]) -> Iterator[Read | Problem]:
        sites = Sites(self.db)
        ruled = {row[0] for row in self.db.execute("select distinct site_id from site_rules")}

        def rules(url: str, at: datetime) -> SiteRules | None:
            site = sites.of(url) if ruled else None
            return rules_at(self.db, site.id, at) if site and site.id in ruled else None

        for pair in pairs:
            try:
                found = capture_in(pair.record, pair.request, self.now)
                one = found if isinstance(found, Problem) else self._one(found, sites, rules)
            except Exception as error:
                # One record that nobody foresaw must not keep the others out.
                yield Problem(Damage.READER, str(pair.record.place), pair.record.url[:2000],
                              f"{type(error).__name__}: {str(error)[:200]}")
                continue
            yield one
            if isinstance(found, Found):
                yield from (Problem(kind, found.place, found.url, detail) for kind, detail in found.odd)

    def _one(self, found: Found, sites: Sites, rules: Callable[[str, datetime], SiteRules | None]) -> Read:
        answer = found.answer
        if found.is_revisit:
            kind = Kind.NOT_HTML if _is_no_page(found, answer) else Kind.REVISIT
            return Read(kind, _slim(found), found.digest)
        assert answer is not None
        assert found.exchange is not None
        digest = found.exchange.digest
        copied = found.exchange if self.all_captures else None
        before = known(self.db, found.url, found.at, digest)
        if before is not None and is_done(self.db, before):
            return Read(Kind.KNOWN, _slim(found), digest)
        base = Read(Kind.STATUS, _slim(found), digest, f"http-{found.status}", exchange=copied)
        if found.status != 200:
            return _no_page(base, found, answer)
        if not answer.is_html:
            return replace(base, kind=Kind.NOT_HTML, rule="not-html")
        if (rule := kind_read(self.db, found.url, digest)) is not None:
            return replace(base, kind=Kind.GONE if rule == _NOT_FOUND else Kind.PAGE, rule=rule)
        site = sites.of(found.url)
        home = urlkey(site.start_url) if site else urlkey(urljoin(found.url, "/"))
        return _page(replace(base, exchange=found.exchange), answer, rules(found.url, found.at), self.version,
                     is_home=urlkey(found.url) == home, copied=copied)


def _no_page(base: Read, found: Found, answer: HttpAnswer) -> Read:
    """What an answer is that is no page: that there is none any more, a redirect, or another status."""
    if found.status in (404, 410):
        return replace(base, kind=Kind.GONE)
    location = answer.header("location") if found.status in _REDIRECTS else ""
    target = normalize(urljoin(found.url, location)) if location else None
    if target and urlkey(target) != urlkey(found.url):
        return replace(base, kind=Kind.REDIRECT, target=target)
    return base


def _page(base: Read, answer: HttpAnswer, rules: SiteRules | None, version: str, *, is_home: bool,
          copied: Exchange | None) -> Read:
    """What a page of HTML is: a post with its article, or another page with the rule that says so."""
    found = base.found
    page = parse(answer.body, found.url, answer.content_type, found.at)
    article = extract_page(page, None, PageKind.UNKNOWN, posts_only=True, rules=rules)
    if is_home or article.kind is not PageKind.POST or article.part_of:
        rule = "the home page" if is_home else "a part" if article.part_of else article.kind_rule
        kind = Kind.GONE if rule == _NOT_FOUND else Kind.PAGE
        return replace(base, kind=kind, rule=rule, exchange=copied)
    headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in answer.headers]
    rights = (*of_headers(headers, found.url), *(of_page(page.root, found.url) if page.root is not None else ()))
    article, _ = validated(article, found.at)
    return replace(base, kind=Kind.POST, rule=article.kind_rule, article=article, rights=rights,
                   extractor=extractor_of(version, article))


def _slim(found: Found) -> Found:
    """Without the bodies, which need not travel once they are read."""
    answer = found.answer
    if found.is_revisit and answer is not None:
        return replace(found, answer=replace(answer, payload=b"", body=b""))
    return replace(found, answer=None, exchange=None)


def _is_no_page(found: Found, answer: HttpAnswer | None) -> bool:
    media = answer.media_type if answer else ""
    if media:
        return media not in ("text/html", "application/xhtml+xml")
    return urlsplit(found.url).path.lower().endswith(_NO_PAGE)


def open_reader(archive: Path, version: str, now: datetime, *, all_captures: bool) -> Reader:
    return Reader(open_archive(archive, read_only=True), version, now, all_captures)
