"""Personal data in records: authors named by keyed hashes, texts without e-mail addresses and telephone numbers."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from archiver.articles.identity import folded
from archiver.datasets.ngrams import SIGNS
from archiver.errors import ExtraMissing
from archiver.fields import PERSONS, WRITTEN

SHORTEST_KEY = 16
"""Bytes: a shorter key could be found by trying."""
EMAIL, TELEPHONE = "[e-mail]", "[telephone]"
# The usual form, and those in which pages hide it from robots: "name (at) example.org", "name [at] example [dot] org".
_AT = r"(?:@|\s?[\[({]\s?(?:at|@)\s?[\])}]\s?)"
_DOT = r"(?:\.|\s?[\[({]\s?(?:dot|\.)\s?[\])}]\s?)"
_EMAIL = re.compile(
    rf"(?<![\w.+-])[\w.+%-]{{1,64}}{_AT}(?:[\w-]{{1,63}}{_DOT}){{1,8}}[^\W\d_]{{2,24}}(?![\w-])", re.IGNORECASE
)
_PARTING = re.compile(r"[\W_]+")
_UNSPACED, _HANGUL = re.compile(f"[{SIGNS}]"), re.compile("[\uac00-\ud7a3]{2}")
# What may be a number: seven digits and more, among them only what is written in numbers.
_MAYBE = re.compile(r"[+(\d](?:[\s().\-/\u2010-\u2015]{0,3}\d){6}")


def pseudonym(key: bytes, name: str) -> str:
    """A name as "author-" and 64 bits of its HMAC-SHA-256 (RFC 2104): the same whatever its capitals and spacing."""
    return f"author-{hmac.new(key, folded(name).encode(), hashlib.sha256).hexdigest()[:16]}"


def fingerprint(key: bytes) -> str:
    """By which a key is known again, and not found."""
    return hmac.new(key, b"archiver publish: fingerprint of a key", hashlib.sha256).hexdigest()[:16]


class Pseudonymizer:
    """Applied to records (of `articles` and `revisions`) before anything of them is withheld or counted."""

    def __init__(self, key: bytes | None, *, contacts: bool) -> None:
        """`key`: authors are named by it; `contacts`: these are taken out. Raises ExtraMissing."""
        self._key, self._contacts = key, contacts
        self._names: dict[str, str] = {}
        self._others: dict[str, list[str]] = {}
        if contacts:
            _library()

    def __call__(self, record: dict[str, Any]) -> dict[str, Any]:
        if self._key is None and not self._contacts:
            return record
        out = dict(record)
        if self._key is not None:
            names = {*(record["authors"] or ()), *self._others.get(record["id"], ())}
            longest = tuple(sorted(names, key=lambda name: (-len(name), name)))
            _change(out, WRITTEN, lambda text: self._renamed(text, longest))
            out["authors"] = list(dict.fromkeys(map(self._named, record["authors"] or ())))
        if self._contacts:
            where = regions(record)
            _change(out, (*WRITTEN, *PERSONS), lambda text: without_contacts(text, where))
        return out

    @property
    def hides_names(self) -> bool:
        return self._key is not None

    def also_by(self, written: Iterable[tuple[str, Iterable[str]]]) -> None:
        """Further names to hide in all versions of some records, by their identifiers: the authors of one version may
        stand in the text of the next."""
        for identifier, names in written:
            self._others.setdefault(identifier, []).extend(names)

    def _renamed(self, text: str, names: tuple[str, ...]) -> str:
        """A text without these names, of which the first that stands somewhere is replaced."""
        if not names:
            return text
        return _pattern(names).sub(lambda found: self._named(names[(found.lastindex or 1) - 1]), text)

    def _named(self, name: str) -> str:
        assert self._key is not None
        if name not in self._names:
            self._names[name] = pseudonym(self._key, name)
        return self._names[name]


def _change(record: dict[str, Any], names: Iterable[str], change: Callable[[str], str]) -> None:
    """Change the texts of some fields, and those of lists each by itself."""
    for name in names:
        value = record.get(name)
        if value:
            record[name] = list(map(change, value)) if isinstance(value, list) else change(value)


@lru_cache(maxsize=256)  # most sites have few authors
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    """What finds any of some names, a group each, in their order."""
    return re.compile("|".join(f"({_form(name)})" for name in names), re.IGNORECASE)


def _form(name: str) -> str:
    """A name as texts write it: whatever signs and spaces part its words (O'Neil, Jean-Luc), and inflected (Ada Bergs).

    In scripts without spaces it stands amid other words; in Korean these follow it without one.
    """
    words = [word for word in _PARTING.split(name) if word]
    if len("".join(words)) < 2:  # it names nobody
        return "(?!)"
    written = r"[\W_]{1,3}".join(map(re.escape, words))
    if _UNSPACED.search(name):
        return written
    inflected = r"\w{0,3}" if len(words) > 1 or _HANGUL.search(name) else "s?" if len(name) > 2 else ""
    return rf"(?<!\w){written}{inflected}(?!\w)"


def without_contacts(text: str, where: Iterable[str | None] = (None,)) -> str:
    """A text without e-mail addresses and telephone numbers: those that are valid, as written internationally or in one
    of the regions (ISO 3166)."""
    if "@" in text or "at" in text.lower():
        text = _EMAIL.sub(EMAIL, text)
    if not _MAYBE.search(text):
        return text
    library = _library()
    for region in where:
        found = [(match.start, match.end) for match in library.PhoneNumberMatcher(text, region)]
        for start, end in reversed(found):
            text = text[:start] + TELEPHONE + text[end:]
    return text


def regions(record: Mapping[str, Any]) -> tuple[str | None, ...]:
    """Where a text's national numbers may be of: its language's region, and that of its site's domain."""
    supported = _library().SUPPORTED_REGIONS
    return (None, *dict.fromkeys(name for name in _told(record) if name in supported))


def _told(record: Mapping[str, Any]) -> Iterator[str]:
    for part in (record.get("language") or "").split("-")[1:]:
        yield part.upper()
    host = urlsplit(record["url"]).hostname if record.get("url") else record.get("site", "").partition("/")[0]
    ending = (host or "").rpartition(".")[2].upper()
    yield {"UK": "GB"}.get(ending, ending)
    language = (record.get("language") or "").split("-")[0].upper()
    yield {"EN": "US", "JA": "JP", "ZH": "CN", "KO": "KR", "CS": "CZ", "DA": "DK", "SV": "SE", "EL": "GR"}.get(
        language, language
    )


def _library() -> Any:
    try:
        import phonenumbers
    except ImportError as error:
        raise ExtraMissing("To take telephone numbers out", "publish") from error
    return phonenumbers
