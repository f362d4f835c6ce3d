"""Decides whether two readings are the same text, and whether two versions differ in meaning.

The content digest answers "is this the same post text?" (regardless of the title); the meaning digest answers "did
anything change that a reader would call an edit?": the fields marked `meaning` in the field table, without white
space, advertising or machine-generated dates.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from datetime import datetime
from functools import lru_cache

from archiver.fields import ADDED, MEANING
from archiver.items import Article, GeoTag
from archiver.record.typography import lasting, plain

# Fewer letters than this do not prove that two posts are the same: "Hello!", or a picture without text.
_MIN_SHARED_LETTERS = 80
# Below this share of the old text, a text with a wall's words is a stub and not an edit.
_STUB_SHARE = 0.5
# Sources of a value other than the page itself: such values are kept, whatever the page shows today.
_TOLD = frozenset({"feed", "api", "address"})
_PRECISIONS = ("second", "minute", "hour", "day", "month", "year")
_WALL = re.compile(
    r"(subscribe to (read|continue)|subscribers? only|sign in to (read|continue)|log ?in to (read|continue)|"
    r"continue reading with|this (article|content|post) is (for|reserved for|available to) |already a subscriber|"
    r"jetzt (weiter)?lesen|nur für abonnenten|réservé aux abonnés|suscr[ií]bete para|solo para suscriptores|"
    r"riservato agli abbonati|accept (all )?cookies to)",
    re.IGNORECASE,
)


_sorted_json = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode  # json.dumps makes an encoder each time
_SIGNS = re.compile(r"[\W_]+")
_ASCII_SIGNS = bytes(n if chr(n).isalnum() else 32 for n in range(256))


def folded(text: str) -> str:
    """Text for comparison: NFKC, one case, only letters and digits, single spaces."""
    if text.isascii():  # the same, ten times as fast
        return " ".join(text.lower().encode("ascii").translate(_ASCII_SIGNS).decode("ascii").split())
    return _SIGNS.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def _short(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


@lru_cache(maxsize=8)  # storing one reading needs it three times
def content_digest(body: str) -> str:
    """Digest of a post's text, "" if it is too short to distinguish posts."""
    text = folded(body)
    return _short(text.encode()) if len(text) - text.count(" ") >= _MIN_SHARED_LETTERS else ""


def _meaning(name: str, value: object) -> object:
    if isinstance(value, str):
        return lasting(value) if name == "body" else plain(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple) and name == "geotags":
        return sorted({_place(g) for g in value})
    # Some templates set names in capitals, but they are the same names.
    return sorted({plain(v).casefold() for v in value}) if isinstance(value, tuple) else value


def _place(tag: GeoTag) -> str:
    degrees = [None if d is None else round(d, 5) for d in (tag.latitude, tag.longitude)]
    return json.dumps([*degrees, tag.placename, tag.role], ensure_ascii=False)


def meaning(article: Article) -> dict[str, object]:
    """The meaning of an article: its `meaning` fields in comparable form. Order, spacing, quotation marks, the case of
    names, and lines that tell of the moment alone ("1,203 views") are no part of it."""
    return {name: _meaning(name, getattr(article, name)) for name in MEANING}


def digested(article: Article) -> dict[str, object]:
    """The meaning of which the digest is made: without fields that were added to the table later and are empty."""
    return {name: value for name, value in meaning(article).items() if value or name not in ADDED}


def meaning_digest(article: Article) -> str:
    return _short(_sorted_json(digested(article)).encode())


def changed_fields(old: Article, new: Article) -> tuple[str, ...]:
    """The fields whose meaning differs, in the table's order."""
    before, after = meaning(old), meaning(new)
    if old.published and new.published and _same_time(old, new):
        # Said once to the second and once to the day (by another source) is no edit.
        before["published"] = after["published"]
    if old.title.isupper() != new.title.isupper() and old.title.casefold() == new.title.casefold():
        before["title"] = after["title"]  # a template that sets its headings in capitals
    return tuple(name for name in MEANING if before[name] != after[name])


def is_stub(old_body: str, new_body: str) -> bool:
    """Whether the new text is that of a paywall or a consent wall in place of the old, longer text."""
    if not old_body or len(new_body) >= len(old_body) * _STUB_SHARE:
        return False
    return not new_body.strip() or bool(_WALL.search(new_body))


def shows_nothing_of(old: Article, new: Article) -> bool:
    """Whether a page that had a post now has something else: "This story is no longer online", in any language.

    It has another title, no date and no author of its own, no post's number, and less text, with no dozen consecutive
    letters from the post. A retraction that keeps the title, the date or the author's name is an edit.
    """
    if not old.body or new.post_id or len(new.body) >= len(old.body) * _STUB_SHARE or folded(old.title) == folded(
            new.title):
        return False
    if any(e.field in ("published", "authors") and e.source not in _TOLD for e in new.evidence):
        return False
    return not _runs(old.body) & _runs(new.body)


def _runs(text: str) -> set[str]:
    letters = folded(text).replace(" ", "")
    return {letters[n:n + 12] for n in range(len(letters) - 11)}


def is_part(key: str, of: str) -> bool:
    """Whether an address (urlkey) is a further page of the post at `of`: followed by /2, /page/2 or ?page=2."""
    if not key.startswith(of):
        return False
    return bool(re.fullmatch(r"(/page)?/[1-9]\d{0,2}|[?&](page|paged|pg|seite)=\d{1,3}", key[len(of):]))


def same_post(a: Article, b: Article) -> bool:
    """Whether two readings from different addresses of one site are one post.

    The platform's own number or guid decides; without it, the same title, day and text do.
    """
    if a.post_id and b.post_id:
        return a.post_id == b.post_id
    if a.guid and a.guid == b.guid:
        return True
    digest = content_digest(a.body)
    return bool(
        digest and digest == content_digest(b.body) and folded(a.title) == folded(b.title) and _same_time(a, b)
    )


def _same_time(a: Article, b: Article) -> bool:
    if a.published is None or b.published is None:
        return False
    coarsest = max((a.published_precision or "second", b.published_precision or "second"), key=_PRECISIONS.index)
    if coarsest in ("day", "month", "year"):
        length = {"day": 10, "month": 7, "year": 4}[coarsest]
        return a.published.isoformat()[:length] == b.published.isoformat()[:length]
    seconds = {"second": 1, "minute": 60, "hour": 3600}[coarsest]
    return abs((a.published - b.published).total_seconds()) < seconds
