"""One item of a feed: one interface for RSS, Atom and JSON, and the lead made from it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from archiver.discovery.markup import plain_text
from archiver.discovery.when import parse_time
from archiver.items import GeoTag, Lead, PageKind, Source, Target
from archiver.urls import normalize

_BLOGGER_ID = re.compile(r"tag:blogger\.com,1999:blog-\d+\.post-(\d+)")
_WORDPRESS_GUID = re.compile(r"[?&](?:p|page_id)=(\d+)(?:&|$|#)")
_COMMENT_LINK = re.compile(r"#(?:comment-?\d+|c\d{6,})$|[?&]showComment=", re.IGNORECASE)
_MAIL_NAME = re.compile(r"\S+@\S+\s*\((.+)\)\s*$")
_MAIL = re.compile(r"\S+@\S+\.\S+")
_CUT_OFF = re.compile(r"(?:\[?(?:…|\.\.\.)\]?|→|»)\s*$")
_APPEARED = re.compile(r"<p>(?:(?!</?p\b).)*</p>\s*$", re.DOTALL | re.IGNORECASE)
_HREF = re.compile(r"<a\b[^>]*?\bhref\s*=\s*[\"']([^\"']+)", re.IGNORECASE)
_FULL_TEXT = 600


class Item(Protocol):
    """What every item provides, whatever the format of its feed. Times as written, addresses absolute."""

    language: str

    def raw_links(self) -> list[str]: ...
    def link(self) -> str | None: ...
    def guid(self) -> str: ...
    def title(self) -> str: ...
    def authors(self) -> list[str]: ...
    def published(self) -> str: ...
    def modified(self) -> str: ...
    def categories(self) -> list[str]: ...
    def tags(self) -> list[str]: ...
    def content(self) -> str: ...
    def summary(self) -> str: ...
    def image(self) -> str | None: ...
    def geotags(self) -> tuple[GeoTag, ...]: ...
    def platform_id(self) -> str: ...
    def is_reply(self) -> bool: ...


def is_comment(item: Item) -> bool:
    """Whether an item replies to a post (RFC 4685) or its address is a fragment among the comments."""
    return item.is_reply() or bool(_COMMENT_LINK.search(item.guid())) or any(
        _COMMENT_LINK.search(address) for address in item.raw_links())


def target_of(item: Item, url: str, language: str) -> Target | None:
    """The post of an item; None if the item has no address."""
    address = item.link()
    if not address:
        return None
    guid = item.guid()
    published, modified = parse_time(item.published()), parse_time(item.modified())
    content, summary = item.content(), item.summary()
    if not content and _is_full(summary):
        content, summary = summary, ""
    protected = "post-password-form" in content
    lead = Lead(
        title=plain_text(item.title(), 1_000),
        authors=_names(item.authors()),
        published=published,
        modified=modified,
        categories=_unique(plain_text(c, 300) for c in item.categories()[:200]),
        tags=_unique(plain_text(t, 300) for t in item.tags()[:200]),
        geotags=item.geotags(),
        guid=guid,
        post_id=item.platform_id() or post_id_of(guid),
        body_html="" if protected else without_credit_line(content, address),
        description=plain_text(without_credit_line(summary, address), 2_000),
        image=item.image() or "",
        language=item.language or language,
        protected=protected,
    )
    kind = PageKind.POST if published else PageKind.UNKNOWN
    return Target(address, Source.FEED, kind, url, _later(published, modified), lead)


def post_id_of(guid: str) -> str:
    """The platform's number in a guid or Atom id: "wordpress:123" for "...?p=123", "blogger:2" for "...post-2"."""
    if match := _BLOGGER_ID.search(guid):
        return f"blogger:{match.group(1)}"
    if guid.startswith("http") and (match := _WORDPRESS_GUID.search(guid)):
        return f"wordpress:{match.group(1)}"
    return ""


def without_credit_line(markup: str, address: str) -> str:
    """Removes the last paragraph that WordPress adds in feeds ("The post ... appeared first on ...")."""
    match = _APPEARED.search(markup, max(0, len(markup) - 2_000))
    if not match:
        return markup
    links = _HREF.findall(match.group(0))
    if len(links) == 2 and normalize(links[0].replace("&amp;", "&"), address) == address:
        return markup[: match.start()].rstrip()
    return markup


def _is_full(summary: str) -> bool:
    """Whether RSS's one element for excerpts and whole posts has a whole post: by length, paragraphs and a cut end."""
    if len(summary) < _FULL_TEXT or not re.search(r"<(?:p|br)\b", summary, re.IGNORECASE):
        return False
    text = plain_text(summary, 1_000_000)
    return len(text) >= _FULL_TEXT and not _CUT_OFF.search(text)


def _names(names: list[str]) -> tuple[str, ...]:
    found = []
    for name in names[:50]:
        text = plain_text(name, 300)
        match = _MAIL_NAME.match(text)
        text = match.group(1).strip() if match else text
        found.append("" if _MAIL.fullmatch(text) else text)
    return _unique(found)


def _unique(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(t for t in texts if t))


def _later(*times: datetime | None) -> datetime | None:
    return max((t for t in times if t), default=None)
