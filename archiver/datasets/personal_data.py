"""Removes personal data from records: replaces authors by pseudonyms, and removes e-mail addresses and telephone
numbers from texts.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from archiver.articles.identity import fold_words
from archiver.datasets.passage_hashes import UNSPACED
from archiver.errors import ExtraMissing
from archiver.fields import PERSONS, WRITTEN

SHORTEST_KEY = 16
"""A key has at least this many bytes, since a shorter key could be found by brute force."""
EMAIL, TELEPHONE = "[e-mail]", "[telephone]"
# E-mail addresses, including the forms in which pages hide them from robots: "name (at) example.org", "name [at]
# example [dot] org".
_AT = r"(?:@|\s?[\[({]\s?(?:at|@)\s?[\])}]\s?)"
_DOT = r"(?:\.|\s?[\[({]\s?(?:dot|\.)\s?[\])}]\s?)"
_EMAIL = re.compile(
    rf"(?<![\w.+-])[\w.+%-]{{1,64}}{_AT}(?:[\w-]{{1,63}}{_DOT}){{1,8}}[^\W\d_]{{2,24}}(?![\w-])", re.IGNORECASE
)
_SEPARATORS = re.compile(r"[\W_]+")
_UNSPACED, _HANGUL = re.compile(f"[{UNSPACED}]"), re.compile("[\uac00-\ud7a3]{2}")
# A possible telephone number: seven digits or more, separated only by characters that are used in numbers.
_MAYBE_NUMBER = re.compile(r"[+(\d](?:[\s().\-/\u2010-\u2015]{0,3}\d){6}")


def pseudonym(key: bytes, name: str) -> str:
    """Returns the pseudonym of an author: "author-" and 64 bits of the HMAC-SHA-256 (RFC 2104) of the name. Case and
    spacing of the name do not matter.
    """
    return f"author-{hmac.new(key, fold_words(name).encode(), hashlib.sha256).hexdigest()[:16]}"


def key_fingerprint(key: bytes) -> str:
    """Returns a value that identifies a pseudonym key without revealing it."""
    return hmac.new(key, b"archiver publish: fingerprint of a key", hashlib.sha256).hexdigest()[:16]


class Pseudonymizer:
    """Removes personal data from records of `articles` and `revisions`, before anything else is withheld or counted."""

    def __init__(self, key: bytes | None, *, contacts: bool) -> None:
        """Stores which data are replaced. If `key` is given, authors are replaced by pseudonyms made with this key. If
        `contacts` is True, e-mail addresses and telephone numbers are removed. Raises ExtraMissing.
        """
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
            _change_fields(out, WRITTEN, lambda text: self._replace_names(text, longest))
            out["authors"] = list(dict.fromkeys(map(self._pseudonym, record["authors"] or ())))
        if self._contacts:
            where = phone_regions(record)
            _change_fields(out, (*WRITTEN, *PERSONS), lambda text: remove_contacts(text, where))
        return out

    @property
    def hides_names(self) -> bool:
        return self._key is not None

    def add_names(self, written: Iterable[tuple[str, Iterable[str]]]) -> None:
        """Adds author names to hide in all revisions of a record, given by its identifier. The author of one revision
        may be mentioned in the text of another.
        """
        for identifier, names in written:
            self._others.setdefault(identifier, []).extend(names)

    def _replace_names(self, text: str, names: tuple[str, ...]) -> str:
        """Replaces the names in a text by their pseudonyms. If several names match at the same position, replaces the
        first of them.
        """
        if not names:
            return text
        return _names_pattern(names).sub(lambda found: self._pseudonym(names[(found.lastindex or 1) - 1]), text)

    def _pseudonym(self, name: str) -> str:
        assert self._key is not None
        if name not in self._names:
            self._names[name] = pseudonym(self._key, name)
        return self._names[name]


def _change_fields(record: dict[str, Any], names: Iterable[str], change: Callable[[str], str]) -> None:
    """Applies the function `change` to the fields `names` of a record in place; in lists, to each item."""
    for name in names:
        value = record.get(name)
        if value:
            record[name] = list(map(change, value)) if isinstance(value, list) else change(value)


@lru_cache(maxsize=256)  # the cache may be small because most sites have few authors
def _names_pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    """Returns a regular expression that matches any of the names, with one group for each name."""
    return re.compile("|".join(f"({_name_pattern(name)})" for name in names), re.IGNORECASE)


def _name_pattern(name: str) -> str:
    """Returns a regular expression for a name as it may be written in texts.

    Any punctuation and spaces may separate its words (O'Neil, Jean-Luc), and it may be inflected (Ada Bergs). In
    scripts without spaces, other words directly precede and follow it. In Korean, particles directly follow it.
    """
    words = [word for word in _SEPARATORS.split(name) if word]
    if len("".join(words)) < 2:  # the name is too short, so return a pattern that matches nothing
        return "(?!)"
    written = r"[\W_]{1,3}".join(map(re.escape, words))
    if _UNSPACED.search(name):
        return written
    inflected = r"\w{0,3}" if len(words) > 1 or _HANGUL.search(name) else "s?" if len(name) > 2 else ""
    return rf"(?<!\w){written}{inflected}(?!\w)"


def remove_contacts(text: str, where: Iterable[str | None] = (None,)) -> str:
    """Removes e-mail addresses and valid telephone numbers from a text. Numbers are recognized in international form,
    and in the national form of the regions `where` (ISO 3166 codes).
    """
    if "@" in text or "at" in text.lower():
        text = _EMAIL.sub(EMAIL, text)
    if not _MAYBE_NUMBER.search(text):
        return text
    library = _library()
    for region in where:
        found = [(match.start, match.end) for match in library.PhoneNumberMatcher(text, region)]
        for start, end in reversed(found):
            text = text[:start] + TELEPHONE + text[end:]
    return text


def phone_regions(record: Mapping[str, Any]) -> tuple[str | None, ...]:
    """Returns the regions whose national telephone numbers a record may contain, guessed from its language and its
    site's domain.
    """
    supported = _library().SUPPORTED_REGIONS
    return (None, *dict.fromkeys(name for name in _region_hints(record) if name in supported))


def _region_hints(record: Mapping[str, Any]) -> Iterator[str]:
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
        raise ExtraMissing("Removing telephone numbers", "publish") from error
    return phonenumbers
