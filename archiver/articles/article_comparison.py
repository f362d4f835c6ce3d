"""Decides whether two extracted articles are the same post, and whether a change is an edit.

The content digest depends only on a post's text, not on its title. The meaning digest changes if a reader would call
the change an edit: it is made from the fields marked `meaning` in the field table, without white space, advertising or
machine-generated dates.

All functions are pure.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from archiver.markup.text_marks import meaning_of_marks
from archiver.model.fields import ADDED, MEANING, with_following
from archiver.model.items import REFUSED, Article, GeoTag
from archiver.model.lazy_regex import lazy_regex

# Texts in comparable form: with plain typography, and without lines that programs insert.

# Programs such as WordPress (wptexturize) change quotation marks, dashes and dots, even in old posts.
_QUOTES = (
    '"`´\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2032\u2033\u00ab\u00bb\u2039\u203a\u300c\u300d\u300e\u300f'
)
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_INVISIBLE = "\u00ad\u061c\u200b\u200c\u200d\u200e\u200f\u2060\ufe0e\ufe0f\ufeff"
_PLAIN_SIGNS = {
    **dict.fromkeys(_QUOTES, "'"),
    **dict.fromkeys(_DASHES, "-"),
    **dict.fromkeys(_INVISIBLE, ""),
    "\u2026": "...",
    "\ufb00": "ff",
    "\ufb01": "fi",
    "\ufb02": "fl",
    "\ufb03": "ffi",
    "\ufb04": "ffl",
}
_SPECIAL = lazy_regex(f"[{re.escape(_QUOTES + _DASHES + _INVISIBLE)}\u2026\ufb00-\ufb04]")
# French has a no-break space inside its quotation marks.
_INSIDE = lazy_regex("(?<=[\u00ab\u2039])[\u00a0\u202f]|[\u00a0\u202f](?=[\u00bb\u203a])")
_RUN = lazy_regex("--+|''+")

_MAX_LINE_LENGTH = 60
_NUMBER = r"\d[\d.,\u00a0\u202f ]*\s?[kKmM]?"
_COUNTED = (
    r"views?|reads?|readers?|comments?|responses?|replies|shares?|likes?|claps?|followers?|reactions?|"
    r"aufrufe|kommentare?|antworten|vues|commentaires?|partages|visitas|vistas|lecturas|comentarios?|visualizzazioni|"
    r"commenti|visualiza\S+|coment\S+|weergaven|reacties|visningar|kommentarer|просмотр\S*|комментари\S*"
)
_UNIT = r"(?:seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?|[smhdw])"
_LINES = (
    rf"{_NUMBER}\s*(?:{_COUNTED})",
    rf"(?:{_COUNTED})\s*[:(]?\s*{_NUMBER}\)?",
    rf"{_NUMBER}[\s-]*(?:min(?:ute)?s?\.?|minuten|minutos|minuti)\s*(?:read|reading|lesezeit|de lecture|de lectura|"
    r"di lettura|de leitura|leestijd|läsning)",
    rf"(?:read(?:ing)? time|lesezeit|temps de lecture|tiempo de lectura|tempo di lettura|leestijd)\s*:?\s*{_NUMBER}"
    r"\s*\w*\.?",
    rf"(?:(?:last )?(?:updated|modified|edited)|posted|published)?\s*:?\s*(?:about |over |an? )?(?:\d+)?\s*{_UNIT}"
    r"\s+ago",
    r"(?:updated|posted|published)?\s*(?:just now|yesterday|today)",
    r"(?:advertisement|advertising|sponsored(?: content)?|anzeige|werbung|publicité|publicidad|pubblicità|advertentie|"
    r"annonce|annons|реклама|広告)(?:\s*[-–—:].{0,30})?",
)
_PASSING = lazy_regex(rf"[\W_]*(?:{'|'.join(_LINES)})[\W_]*", re.IGNORECASE)
# A line that matches _PASSING has a digit or one of these words. Searching for them takes a fraction of the time.
_IN_PASSING = lazy_regex(
    r"\d|ago|just now|yesterday|today|advert|sponsored|anzeige|werbung|publicit|publicidad|pubblicit|annon|реклама|広告"
)


def plain_typography(text: str) -> str:
    """Returns a text in plain typography: NFC, single spaces, one form of quotation mark, dash and ellipsis each, and
    without invisible characters.

    Letters, digits, case, accents and meaningful signs are kept: 10² and 102 are two numbers.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
        # This is ten times as fast as str.translate.
        text = _SPECIAL.sub(lambda sign: _PLAIN_SIGNS[sign[0]], _INSIDE.sub("", text))
    text = text.replace('"', "'").replace("`", "'")
    if "--" in text or "''" in text:
        text = _RUN.sub(lambda run: run[0][0], text)
    return " ".join(text.split())


@lru_cache(maxsize=8)  # cached because it is called several times for each stored article
def lasting_text(body: str) -> str:
    """Returns the part of a post's text that stays the same from visit to visit, in plain typography. Left out are
    lines such as view counts, "3 hours ago" and the label of an advertisement.
    """
    lines = [line for line in body.split("\n") if len(line) > _MAX_LINE_LENGTH or not _is_passing(line)]
    return plain_typography("\n".join(lines))


def _is_passing(line: str) -> bool:
    if not _IN_PASSING.search(line.casefold()):
        return False
    return (
        _PASSING.fullmatch(line.strip()) is not None
    )  # stripped, because the search would start again at each space of an indentation


# Digests and comparisons of articles.

# If equal texts have fewer characters than this, they do not prove that two posts are the same: both may say only
# "Hello!".
_MIN_SHARED_LETTERS = 80
# If a new text has the words of a paywall or consent wall and is shorter than this share of the old text, it is a stub
# and not an edit.
_STUB_SHARE = 0.5
_NEARLY_ALL = 0.9
# Sources of a value other than the page itself.
_OTHER_SOURCES = frozenset({"feed", "api", "address", REFUSED})
_PRECISIONS = ("second", "minute", "hour", "day", "month", "year")
_WALL = lazy_regex(
    r"(subscribe to (read|continue)|subscribers? only|sign in to (read|continue)|log ?in to (read|continue)|"
    r"continue reading with|this (article|content|post) is (for|reserved for|available to) |already a subscriber|"
    r"jetzt (weiter)?lesen|nur für abonnenten|réservé aux abonnés|suscr[ií]bete para|solo para suscriptores|"
    r"riservato agli abbonati|accept (all )?cookies to)",
    re.IGNORECASE,
)


# One encoder for all calls: json.dumps would create a new one at each call.
_sorted_json = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode
_SIGNS = lazy_regex(r"[\W_]+")
_ASCII_SIGNS = bytes(n if chr(n).isalnum() else 32 for n in range(256))


def fold_words(text: str) -> str:
    """Returns the words of a text in the form used for comparison: NFKC, lower case, only letters and digits, one space
    between words.
    """
    if text.isascii():  # faster way with the same result
        return " ".join(split_ascii_words(text))
    return _SIGNS.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def split_ascii_words(text: str) -> list[str]:
    """Returns the words of an ASCII text in lower case; only letters and digits belong to words."""
    return text.lower().encode("ascii").translate(_ASCII_SIGNS).decode("ascii").split()


def _hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


@lru_cache(maxsize=64)  # cached because it is called when a page is read, and twice when its article is stored
def content_digest(body: str) -> str:
    """Returns the digest of a post's text, which is equal for equal texts; "" if the text is too short to tell posts
    apart.
    """
    text = fold_words(body)
    return _hash(text.encode()) if len(text) - text.count(" ") >= _MIN_SHARED_LETTERS else ""


def _comparable(name: str, value: object) -> object:
    if isinstance(value, str):
        return lasting_text(value) if name == "body" else plain_typography(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple) and name == "geotags":
        return sorted({_comparable_geotag(g) for g in value})
    if isinstance(value, tuple) and name == "markup":
        return meaning_of_marks(value)
    # A name that a template writes in capitals is still the same name.
    return sorted({plain_typography(v).casefold() for v in value}) if isinstance(value, tuple) else value


def _comparable_geotag(tag: GeoTag) -> str:
    degrees = [None if d is None else round(d, 5) for d in (tag.latitude, tag.longitude)]
    return json.dumps([*degrees, tag.placename, tag.role], ensure_ascii=False)


def meaning_of(article: Article) -> dict[str, object]:
    """Returns the values of an article's `meaning` fields (see the field table) in a comparable form, by name. Two
    articles that differ only in order, spacing, quotation marks, the case of names, or lines that change with every
    visit ("1,203 views") have the same result.
    """
    return {name: _comparable(name, getattr(article, name)) for name in MEANING}


def digest_input(article: Article) -> dict[str, object]:
    """Returns the values from which an article's meaning digest is computed: its meaning, without empty fields that
    were added to the field table after version 0.2. Since these are left out, digests of earlier versions stay valid.
    """
    return {name: value for name, value in meaning_of(article).items() if value or name not in ADDED}


def meaning_digest(article: Article) -> str:
    return _hash(_sorted_json(digest_input(article)).encode())


def changed_fields(old: Article, new: Article) -> tuple[str, ...]:
    """Returns the names of the fields whose meaning differs between two states of an article (`old` and `new`), in the
    field table's order.
    """
    before, after = meaning_of(old), meaning_of(new)
    if old.published and new.published and _have_same_time(old, new):
        # If one state gives the time to the second and the other gives the same time only to the day, this is not an
        # edit.
        before["published"] = after["published"]
    if old.title.isupper() != new.title.isupper() and old.title.casefold() == new.title.casefold():
        before["title"] = after["title"]  # the site's template has started or stopped writing headings in capitals
    return tuple(name for name in MEANING if before[name] != after[name])


def unconfirmed_fields(old: Article, new: Article) -> tuple[str, ...]:
    """Returns the names of the `meaning` fields that have a value in the old state of an article but none in the new
    one, except the body and its markup. Such a loss is not an edit: the site's template may have stopped showing the
    field.
    """
    return tuple(
        name for name in MEANING if name not in ("body", "markup") and getattr(old, name) and not getattr(new, name)
    )


def with_finer_time(old: Article, new: Article) -> Article:
    """Returns the new state of an article, with the old time of publication in two cases, since neither is an edit:

    - The new time is the old one given less precisely, because the template now shows only the day.
    - Both times are only a month, or only a year, and one follows the other: "2 years ago" means another year when it
      is read some days later.
    """
    if _are_neighbours(old, new):
        return replace(new, published=old.published)
    is_coarser = _PRECISIONS.index(new.published_precision or "second") > _PRECISIONS.index(
        old.published_precision or "second"
    )
    if not is_coarser or not _have_same_time(old, new):
        return new
    return replace(new, published=old.published, published_precision=old.published_precision)


def without_known_tags(old: Article, new: Article) -> Article:
    """Returns the new state of an article. If only a feed gives its categories, those that were tags in the old state
    are left out: a feed does not distinguish categories from tags, but the page did, as long as it showed them.
    """
    if new.tags or not old.tags or {one.source for one in new.evidence if one.field == "categories"} != {"feed"}:
        return new
    tags = set(old.tags).difference(old.categories)
    return replace(new, categories=tuple(name for name in new.categories if name not in tags))


def _are_neighbours(old: Article, new: Article) -> bool:
    """Returns True if both times of publication are precise only to the month, or only to the year, and one of these
    months or years follows the other.
    """
    precision = new.published_precision
    if old.published is None or new.published is None or old.published_precision != precision:
        return False
    months = (new.published.year - old.published.year) * 12 + new.published.month - old.published.month
    return abs(months) == {"month": 1, "year": 12}.get(precision or "")


def with_unconfirmed(old: Article, new: Article, names: Sequence[str]) -> Article:
    """Returns the new state of an article, in which the fields `names` have their old values."""
    values: dict[str, Any] = {name: getattr(old, name) for name in with_following(names)}
    return replace(new, **values)


def is_stub(old_body: str, new_body: str) -> bool:
    """Returns True if the new text of a page is a stub: the text of a paywall or consent wall in place of the old,
    longer text.
    """
    if not old_body or len(new_body) >= len(old_body) * _STUB_SHARE:
        return False
    return not new_body.strip() or is_wall_text(new_body)


def is_wall_text(body: str) -> bool:
    """Returns True if a text has the words of a paywall or consent wall."""
    return bool(_WALL.search(body))


def no_longer_shows(old: Article, new: Article) -> bool:
    """Returns True if a page that showed a post (`old`) now shows something else and shorter (`new`), such as "This
    story is no longer online" in any language. Returns False for a retraction that keeps the title, the date or the
    author's name, because that is an edit.
    """
    return bool(old.body) and len(new.body) < len(old.body) * _STUB_SHARE and is_other_page(old, new)


def is_other_page(old: Article, new: Article) -> bool:
    """Returns True if a page that showed a post (`old`) no longer shows any part of it: the page (`new`) has a
    different title, no date, author or post ID, and shares no 12 consecutive letters or digits with the post's text.
    A post without text, such as a picture, is compared by the other signs alone.
    """
    if new.post_id or fold_words(old.title) == fold_words(new.title):
        return False
    if any(e.field in ("published", "authors") and e.source not in _OTHER_SOURCES for e in new.evidence):
        return False
    if not new.evidence and (new.published or new.authors):
        return False
    return not shares_text(old.body, new.body)


def shares_text(old_body: str, new_body: str) -> bool:
    """Returns True if two texts have 12 consecutive letters or digits in common."""
    return bool(letter_sequences(old_body) & letter_sequences(new_body))


def letter_sequences(text: str) -> set[str]:
    """Returns all sequences of 12 consecutive letters or digits of a text."""
    letters = fold_words(text).replace(" ", "")
    return {letters[n : n + 12] for n in range(len(letters) - 11)}


def repeats_text(one: str, other: str) -> bool:
    """Returns True if nearly all of the shorter one of two texts is in the other one, or if both are empty."""
    short, long = sorted((letter_sequences(one), letter_sequences(other)), key=len)
    return len(short & long) >= _NEARLY_ALL * len(short) if short else fold_words(one) == fold_words(other)


def is_part_url(key: str, of: str) -> bool:
    """Returns True if the urlkey `key` looks like a further page of the post with the urlkey `of`: it continues `of`
    with a page number, as in /2, /page/2 or ?page=2.
    """
    if not key.startswith(of):
        return False
    return bool(re.fullmatch(r"(/page)?/[1-9]\d{0,2}|[?&](page|paged|pg|seite)=\d{1,3}", key[len(of) :]))


def are_same_post(a: Article, b: Article) -> bool:
    """Returns True if two articles extracted at different URLs of one site are the same post.

    If both have a platform's post ID, the IDs decide. Otherwise they are the same post if their guids are equal, or if
    their titles, dates and texts are.
    """
    if a.post_id and b.post_id:
        return a.post_id == b.post_id
    if a.guid and a.guid == b.guid:
        return True
    digest = content_digest(a.body)
    return bool(
        digest
        and digest == content_digest(b.body)
        and fold_words(a.title) == fold_words(b.title)
        and _have_same_time(a, b)
    )


def _have_same_time(a: Article, b: Article) -> bool:
    if a.published is None or b.published is None:
        return False
    coarsest = max((a.published_precision or "second", b.published_precision or "second"), key=_PRECISIONS.index)
    if coarsest in ("day", "month", "year"):
        length = {"day": 10, "month": 7, "year": 4}[coarsest]
        return a.published.isoformat()[:length] == b.published.isoformat()[:length]
    seconds = {"second": 1, "minute": 60, "hour": 3600}[coarsest]
    return abs((a.published - b.published).total_seconds()) < seconds


def is_other_post(first: Article, other: Article) -> bool:
    """Returns True if two pages certainly belong to different posts: their post IDs differ, or their dates are more
    than one day apart.
    """
    if first.post_id and other.post_id and first.post_id != other.post_id:
        return True
    days = (first.published.date() - other.published.date()).days if first.published and other.published else 0
    return abs(days) > 1
