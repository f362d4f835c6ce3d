"""Formats citations of an article as BibTeX, RIS and CSL-JSON, as a reference in the style of APA, Chicago or MLA, and
as the metadata by which reference managers recognize an article in a web page.

A citation identifies the exact text that was read: the URL of the post, the time (UTC) and payload digest of the
capture the text was extracted from, and the revision. RIS copies author names unchanged from the page, because the
position of the family name differs between cultures, and a name such as "Staff" has no family name. The styles for
readers, which sort by family name, CSL-JSON and BibTeX separate it where it is certain. Dates are never more precise
than on the page.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

from slugify import slugify

from archiver.extraction.person_names import KNOWN_AGENCIES, is_full_name, is_organization, word_set
from archiver.model.lazy_regex import lazy_regex
from archiver.search.index_documents import fold_name
from archiver.search.word_splitting import is_run_letter

Record = dict[str, Any]
# BibTeX counts braces, escaped or not, so they are written as named commands.
_TEX = {
    "\\": r"\textbackslash{}",
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
}
# Characters that TeX joins into ligatures: -- is a dash, `` a quotation mark.
_LIGATURES = lazy_regex(r"([-`',<>](?=[-`',<>])|[?!](?=`))")
_IN_NAMES = " .'’·-"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY = lazy_regex(r"(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", re.ASCII)
_DATE_PARTS = {"year": 1, "month": 2}


@dataclass(frozen=True, slots=True)
class CitedArticle:
    """The content of a citation, independent of its format. All texts are single lines. `published` and `read` (the
    time of the capture) contain year, month and day, as far as they are known. `note` is a text that identifies the
    capture and the revision, and `proof` contains its parts as separate values.
    """

    key: str
    title: str
    authors: tuple[str, ...]
    site: str
    published: tuple[str, ...]
    url: str
    read: tuple[str, ...]
    note: str
    version: int
    language: str
    description: str
    categories: tuple[str, ...]
    tags: tuple[str, ...]
    proof: dict[str, Any]


def build_citation(record: Record, *, version: bool = False) -> CitedArticle:
    """Builds the citation of an article record. `version` is True if the user asked for a revision by its number; the
    citation key then contains this number.

    The cited URL is the page's `canonical_url` if that is on the same host. A canonical URL on another host is not
    cited: it may lead to the original of the post, with a different text from the one that was read.
    """
    capture = record["capture"] or {}
    captured = _utc_text(capture.get("captured_at"))
    read = captured or ("" if version else _utc_text(record["last_seen"]))
    url = _cited_url(record)
    proof = {
        "captured_at": captured,
        "digest": capture.get("digest") or "",
        "revision": record["revision"],
        "captured_from": record["url"] if record["url"] != url else "",
    }
    archived = [
        f"Archived {captured}" if captured else "",
        f"from {proof['captured_from']}" if captured and proof["captured_from"] else "",
    ]
    note = ", ".join(
        part for part in (" ".join(filter(None, archived)), f"revision {record['revision']}", proof["digest"]) if part
    )
    return CitedArticle(
        key=_citation_key(record) + (f"-r{record['revision']}" if version else ""),
        title=_single_line(record["title"]),
        authors=_single_lines(record["authors"]),
        site=_single_line(record["site"]),
        published=tuple(_date_parts(record)),
        url=_single_line(url),
        read=tuple(read[:10].split("-")) if read else (),
        note=note,
        version=record["revision"],
        language=_single_line(record["language"]),
        description=_single_line(record["description"]),
        categories=_single_lines(record["categories"]),
        tags=_single_lines(record["tags"]),
        proof={name: value for name, value in proof.items() if value},
    )


def format_bibtex(one: CitedArticle) -> str:
    """Formats a citation as a BibTeX @misc entry, which biblatex also supports."""
    fields: list[tuple[str, str]] = [
        ("author", " and ".join(_bibtex_name(name, one.language) for name in one.authors)),
        ("title", f"{{{_tex(one.title)}}}" if one.title else ""),
        ("howpublished", _tex(one.site)),
        ("year", one.published[0] if one.published else ""),
        ("month", _MONTHS[int(one.published[1]) - 1] if len(one.published) > 1 else ""),
        ("day", one.published[2].lstrip("0") if len(one.published) > 2 else ""),
        ("url", re.sub(r"[{}\\\s]", lambda m: f"%{ord(m[0]):02X}", one.url)),
        ("urldate", "-".join(one.read)),
        ("version", str(one.version)),
        ("language", _tex(one.language)),
        ("keywords", ", ".join(f"{{{_tex(tag)}}}" if "," in tag else _tex(tag) for tag in one.tags)),
        ("note", _tex(one.note)),
    ]
    body = ",\n".join(
        f"  {name} = {value}" if name == "month" else f"  {name} = {{{value}}}" for name, value in fields if value
    )
    return f"@misc{{{one.key},\n{body}\n}}\n"


def format_ris(one: CitedArticle) -> str:
    """Formats a citation as a RIS record of type ELEC (web page). Lines end in CR LF, as RIS requires."""
    parts = one.published
    rows: list[tuple[str, str]] = [
        ("TY", "ELEC"),
        ("ID", one.key),
        ("TI", one.title),
        *(("AU", name) for name in one.authors),
        ("T2", one.site),
        ("PY", parts[0] if parts else ""),
        ("DA", "/".join([*parts, "", ""][:3]) + "/" if parts else ""),
        ("AB", one.description),
        *(("KW", name) for name in dict.fromkeys((*one.categories, *one.tags))),
        ("LA", one.language),
        ("UR", one.url),
        ("Y2", "/".join(one.read) + "/" if one.read else ""),
        ("N1", one.note),
    ]
    return "\r\n".join([*(f"{tag}  - {value}" for tag, value in rows if value), "ER  - "]) + "\r\n"


def csl_item(one: CitedArticle) -> dict[str, Any]:
    """Returns a citation as a CSL-JSON item of type webpage (Citation Style Language 1.0.2). The item's `note` is a
    text that identifies the capture and the revision; `custom` contains the parts of the note as separate values.
    """
    item: dict[str, Any] = {
        "id": one.key,
        "type": "webpage",
        "title": one.title,
        "author": [_csl_name(name, one.language) for name in one.authors],
        "issued": _csl_date(one.published),
        "accessed": _csl_date(one.read),
        "container-title": one.site,
        "URL": one.url,
        "version": str(one.version),
        "language": one.language,
        "abstract": one.description,
        "keyword": ", ".join(one.tags),
        "note": one.note,
        "custom": one.proof,
    }
    return {name: value for name, value in item.items() if value}


def _csl_name(name: str, language: str) -> dict[str, str]:
    """Returns a CSL name: family and given name where they are certain, and the language is known; otherwise the whole
    name as a literal.
    """
    parts = _split_name(name, language) if language else None
    if not parts:
        return {"literal": name}
    named = {"family": parts.family, "given": parts.given, "suffix": parts.suffix}
    return {key: text for key, text in named.items() if text}


def _all_csl(many: Iterable[CitedArticle]) -> str:
    return json.dumps([csl_item(one) for one in many], ensure_ascii=False, indent=2) + "\n"


# References in the styles of APA, Chicago and MLA, as they stand in a list of references.

_ITALIC, _UPRIGHT = "\x02", "\x03"  # around what is set in italics; `_single_line` removes control characters
_ENDS = ".?!…。？！؟"
_FULL_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_MLA_MONTHS = ("Jan.", "Feb.", "Mar.", "Apr.", "May", "June", "July", "Aug.", "Sept.", "Oct.", "Nov.", "Dec.")
_FAMILY_FIRST = frozenset({"hu", "ja", "km", "ko", "mn", "vi", "zh"})
"""Languages in which the family name comes first. Names in texts in these languages are not reordered."""
_SUFFIX = lazy_regex(r"(?:Jr|Sr|II|III|IV)\.?")
_STRAIGHT_QUOTES = lazy_regex(r'"([^"]*)"')
_HONORIFIC = lazy_regex(r"(?:Dra?|Profa?|Mr|Mrs|Ms|Mme|Mlle|Herr|Frau|Sir|Dame|Rev|Sr|Sra)\.?", re.IGNORECASE)
_PARTICLES = word_set(
    "van von vom zu zum zur der den ter ten de del della dello di da das do dos du des la le lo los las san st. "
    "ó o ní nic uí ui mac mc ap al el ul bin bint ibn abu abi ben"
)
"""Particles of family names that may have a capital letter. Any word in small letters before a family name is a
particle."""
_JOINTS = frozenset({"y", "e", "i"})
_PREFIX = lazy_regex(r"(?:al|el|ul|ad|an|ar|as|az)-(?=\w)", re.IGNORECASE)
_ARTICLES = frozenset({"the", "le", "la", "les", "el", "los", "las", "il", "die", "das"})
"""Definite articles. A name that begins with one of them is the name of an outlet, not of a person."""
_MAX_APA_AUTHORS, _MAX_CHICAGO_AUTHORS = 20, 10


def format_apa(one: CitedArticle) -> str:
    """Formats a citation as an entry of a reference list (APA, 7th edition, section 10.16: webpages)."""
    return _plain(_apa(one))


def format_chicago(one: CitedArticle) -> str:
    """Formats a citation as an entry of a bibliography (Chicago Manual of Style, 17th edition, 14.205 to 14.208)."""
    return _plain(_chicago(one))


def format_mla(one: CitedArticle) -> str:
    """Formats a citation as an entry of a list of works cited (MLA Handbook, 9th edition)."""
    return _plain(_mla(one))


def reference_html(style: str, one: CitedArticle) -> str:
    """Returns a reference in the style apa, chicago or mla as HTML: escaped text with <i> elements."""
    text = escape(_REFERENCES[style](one), quote=False)
    return text.replace(_ITALIC, "<i>").replace(_UPRIGHT, "</i>")


def _apa(one: CitedArticle) -> str:
    authors = _apa_authors([_inverted(name, one.language, initials=True) for name in one.authors])
    date = f"({_year_first(one.published) or 'n.d.'})."
    title = f"{_ITALIC}{one.title}{_UPRIGHT}" if one.title else "[Untitled]"
    begin = f"{_ended(authors)} {date} {_ended(title)}" if authors else f"{_ended(title)} {date}"
    # A date of retrieval is only for pages that say no date themselves (section 9.16).
    read = f"Retrieved {_month_first(one.read)}, from {one.url}" if one.read and not one.published else one.url
    return " ".join(filter(None, (begin, _ended(one.site), read, _archived(one))))


def _apa_authors(names: list[str]) -> str:
    if len(names) > _MAX_APA_AUTHORS:
        return f"{', '.join(names[: _MAX_APA_AUTHORS - 1])}, … {names[-1]}"
    return f"{', '.join(names[:-1])}, & {names[-1]}" if names[1:] else "".join(names)


def _chicago(one: CitedArticle) -> str:
    names = _first_inverted(one)
    if len(names) > _MAX_CHICAGO_AUTHORS:
        names = [*names[:7], "et al."]
    title = _quoted(one.title) if one.title else "Untitled."
    where = ", ".join(filter(None, (one.site, _month_first(one.published))))
    read = f"Accessed {_month_first(one.read)}." if one.read else ""
    return " ".join(filter(None, (_ended(_listed(names)), title, _ended(where), read, f"{one.url}.", _archived(one))))


def _mla(one: CitedArticle) -> str:
    names = _first_inverted(one)
    authors = f"{names[0]}, et al." if len(names) > 2 else _listed(names)
    title = _quoted(one.title) if one.title else "Untitled page."
    where = ", ".join(
        filter(None, (f"{_ITALIC}{one.site}{_UPRIGHT}" if one.site else "", _day_first(one.published), one.url))
    )
    read = f"Accessed {_day_first(one.read)}." if one.read else ""
    return " ".join(filter(None, (_ended(authors), title, f"{where}.", read, _archived(one))))


def _archived(one: CitedArticle) -> str:
    """Returns the note on the capture in brackets, which ends a reference, since the styles have no place for it; "" if
    there is no capture.
    """
    return f"[{one.note}]" if "captured_at" in one.proof else ""


def _first_inverted(one: CitedArticle) -> list[str]:
    """Returns the names of the authors. In the first name, the family name comes first."""
    return [_inverted(name, one.language) if n == 0 else name for n, name in enumerate(one.authors)]


@dataclass(frozen=True, slots=True)
class _NameParts:
    given: str
    family: str
    suffix: str


def _split_name(name: str, language: str) -> _NameParts | None:
    """Returns the parts of a person's name; None for any other name, and if its order is uncertain or its script has no
    capitals. Particles such as "van" and "Ó" belong to the family name; a title such as "Dr." belongs to no part.
    """
    has_capitals = name.lower() != name.upper()
    if not has_capitals or language.lower().partition("-")[0] in _FAMILY_FIRST or not _is_person(name):
        return None
    given = name.split()
    while len(given) > 1 and _HONORIFIC.fullmatch(given[0]):
        del given[0]
    suffix = given.pop() if len(given) > 2 and _SUFFIX.fullmatch(given[-1]) else ""
    family = given.pop()
    while len(given) > 1 and (given[-1].islower() or given[-1].casefold() in _PARTICLES):
        joins = given[-1] in _JOINTS and len(given) > 2  # Ortega y Gasset
        cut = -2 if joins else -1
        family = " ".join([*given[cut:], family])
        del given[cut:]
    return _NameParts(" ".join(given), family, suffix) if given else None


def _inverted(name: str, language: str, *, initials: bool = False) -> str:
    """Returns a person's name with the family name first: "Berg, Ada" or, with initials, "Berg, A.". Any other name, or
    one whose order is uncertain, is returned unchanged.
    """
    parts = _split_name(name, language)
    if not parts:
        return name
    first = " ".join(map(_initial, parts.given.split())) if initials else parts.given
    return ", ".join(filter(None, (parts.family, first, parts.suffix)))


def _initial(name: str) -> str:
    return "-".join(f"{part[0]}." for part in name.split("-") if part)


def _listed(names: list[str]) -> str:
    """Joins names as Chicago and MLA do: "Berg, Ada, and Tom Ashdown"."""
    if len(names) < 2:
        return "".join(names)
    last = names[-1] if names[-1] == "et al." else f"and {names[-1]}"
    return f"{', '.join(names[:-1])}, {last}"


def _ended(text: str) -> str:
    """Adds a full stop to a text, unless the text already ends with a mark such as "?"; "" for ""."""
    bare = text.rstrip(_UPRIGHT)
    return text if not bare or bare[-1] in _ENDS else f"{text}."


def _quoted(title: str) -> str:
    """Returns a title between double quotation marks, with its full stop. Double marks within it become single ones."""
    inner = _STRAIGHT_QUOTES.sub(r"‘\1’", title).replace("“", "‘").replace("”", "’")
    if inner[-1:] == "’" != title[-1:]:  # a quotation ends the title: the full stop stands in it
        return f"“{_ended(inner[:-1])}’”"
    return f"“{_ended(inner)}”"


def _year_first(parts: tuple[str, ...]) -> str:
    return ", ".join(filter(None, (parts[0], _day_of(parts, _FULL_MONTHS, month_first=True)))) if parts else ""


def _month_first(parts: tuple[str, ...]) -> str:
    day = _day_of(parts, _FULL_MONTHS, month_first=True)
    return (f"{day}, {parts[0]}" if parts[2:] else f"{day} {parts[0]}".strip()) if parts else ""


def _day_first(parts: tuple[str, ...]) -> str:
    return f"{_day_of(parts, _MLA_MONTHS)} {parts[0]}".strip() if parts else ""


def _day_of(parts: tuple[str, ...], months: tuple[str, ...], *, month_first: bool = False) -> str:
    if len(parts) < 2:
        return ""
    words = [months[int(parts[1]) - 1], *(day.lstrip("0") for day in parts[2:3])]
    return " ".join(words if month_first else words[::-1])


def _plain(text: str) -> str:
    return text.replace(_ITALIC, "").replace(_UPRIGHT, "")


_REFERENCES: dict[str, Callable[[CitedArticle], str]] = {"apa": _apa, "chicago": _chicago, "mla": _mla}


def _list_of(format_one: Callable[[CitedArticle], str]) -> Callable[[Iterable[CitedArticle]], str]:
    return lambda many: "".join(f"{line}\n" for line in sorted(map(format_one, many), key=str.casefold))


CITATION_STYLES: dict[str, Callable[[Iterable[CitedArticle]], str]] = {
    "bibtex": lambda many: "\n".join(format_bibtex(one) for one in many),
    "ris": lambda many: "".join(format_ris(one) for one in many),
    "csl-json": _all_csl,
    "apa": _list_of(format_apa),
    "chicago": _list_of(format_chicago),
    "mla": _list_of(format_mla),
}
"""Maps the name of a citation format to a function that returns the text of a file with these citations."""
CITATION_STYLE_NAMES = {
    "apa": "APA",
    "chicago": "Chicago",
    "mla": "MLA",
    "bibtex": "BibTeX",
    "ris": "RIS",
    "csl-json": "CSL-JSON",
}
"""The name of each citation format as it is shown to readers, in the order of a menu."""


# Metadata by which reference managers recognize an article in a web page.


class Citable(Protocol):
    """What a search result and a cited article have in common."""

    @property
    def title(self) -> str: ...
    @property
    def authors(self) -> tuple[str, ...]: ...
    @property
    def site(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def published(self) -> str | None: ...
    @property
    def published_precision(self) -> str | None: ...
    @property
    def language(self) -> str | None: ...


def format_coins(one: Citable) -> str:
    """Returns a search result as a ContextObject of OpenURL (Z39.88-2004), with the Dublin Core metadata format: the
    `title` of a COinS element.
    """
    date = "-".join(_date_parts({"published": one.published, "published_precision": one.published_precision}))
    pairs = [
        ("ctx_ver", "Z39.88-2004"),
        ("rft_val_fmt", "info:ofi/fmt:kev:mtx:dc"),
        ("rfr_id", "info:sid/archiver"),
        ("rft.type", "webpage"),
        ("rft.title", _single_line(one.title)),
        *(("rft.creator", name) for name in _single_lines(one.authors)),
        ("rft.source", _single_line(one.site)),
        ("rft.date", date),
        ("rft.identifier", _single_line(one.url)),
        ("rft.language", _single_line(one.language)),
    ]
    return urlencode([pair for pair in pairs if pair[1]])


def highwire_tags(one: CitedArticle) -> list[tuple[str, str]]:
    """Returns the metadata of an article as (name, content) of <meta> elements: the tags of Highwire Press, which
    Google Scholar documents, and the type for Zotero, which would otherwise take the page for a journal article.
    """
    tags = [
        ("z:itemType", "webpage"),
        ("citation_title", one.title),
        *(("citation_author", name) for name in one.authors),
        ("citation_publication_date", "/".join(one.published)),
        ("citation_public_url", one.url),
        ("citation_language", one.language),
        ("citation_keywords", "; ".join(dict.fromkeys((*one.categories, *one.tags)))),
        ("citation_abstract", one.description),
    ]
    return [pair for pair in tags if pair[1]]


def schema_org(one: CitedArticle) -> dict[str, Any]:
    """Returns the metadata of an article as JSON-LD (schema.org/Article), which describes the post at its site."""
    values: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "Article",
        "headline": one.title,
        "author": [{"@type": "Organization" if _is_agency(name) else "Person", "name": name} for name in one.authors],
        "datePublished": "-".join(one.published),
        "url": one.url,
        "publisher": {"@type": "Organization", "name": one.site} if one.site else None,
        "inLanguage": one.language,
        "description": one.description,
        "articleSection": list(one.categories),
        "keywords": list(one.tags),
        "version": one.version,
    }
    return {name: value for name, value in values.items() if value}


def _citation_key(record: Record) -> str:
    """Returns a stable, unique citation key made of author, year and article ID, such as "lovelace1843-12"."""
    authors = _single_lines(record["authors"])
    name = authors[0].split()[-1] if authors else record["site"]
    year = "".join(_date_parts(record)[:1])
    return f"{slugify(name, separator='') or 'article'}{year}-{record['id']}"


def _cited_url(record: Record) -> str:
    """Returns the URL to cite: the canonical URL if it is on the same host as the page that was read, otherwise the
    page's URL.
    """
    url, canonical = str(record["url"]), str(record["canonical_url"] or "")
    return canonical if canonical and _host(canonical) == _host(url) else url


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def _utc_text(moment: str | None) -> str:
    """Formats an ISO 8601 time in UTC to the second, such as 2024-05-01T12:00:00Z; "" for None."""
    if not moment:
        return ""
    when = datetime.fromisoformat(moment)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _date_parts(record: Record) -> list[str]:
    """Returns year, month and day of publication as strings, as far as the page gives them."""
    found = _DAY.match(record["published"] or "")  # another program may have written any value there
    return list(found.groups())[: _DATE_PARTS.get(record["published_precision"] or "", 3)] if found else []


def _csl_date(parts: tuple[str, ...]) -> dict[str, Any] | None:
    return {"date-parts": [[int(part) for part in parts]]} if parts else None


def _single_line(text: str | None) -> str:
    """Returns a text as a single line, without control characters or unpaired surrogates."""
    plain = unicodedata.normalize("NFC", (text or "").encode("utf-8", "replace").decode())
    return " ".join("".join(c for c in plain if c.isspace() or unicodedata.category(c) != "Cc").split())


def _single_lines(many: Iterable[str]) -> tuple[str, ...]:
    return tuple(line for line in map(_single_line, many) if line)


def _tex(text: str) -> str:
    return _LIGATURES.sub(r"\1{}", "".join(_TEX.get(c, c) for c in text))


def _bibtex_name(name: str, language: str) -> str:
    """Returns a name that is not a person's in braces. Otherwise BibTeX would split the name into first and last names,
    which is wrong for names such as "Staff" and for East Asian names (family name first). A family name of several
    words is in braces too, unless it begins with a particle in small letters, which BibTeX knows.
    """
    if not _is_person(name):
        return f"{{{_tex(name)}}}"
    parts = _split_name(name, language)
    if not parts or " " not in parts.family or parts.family[0].islower():
        return _tex(name)
    return ", ".join(filter(None, (f"{{{_tex(parts.family)}}}", _tex(parts.suffix), _tex(parts.given))))


def _is_person(name: str) -> bool:
    """Returns True if a name certainly consists of a person's first names and family name, in this order."""
    plain = " " in name and all(c.isalpha() or c in _IN_NAMES or unicodedata.category(c)[0] == "M" for c in name)
    plain = plain and not any(map(is_run_letter, name))
    plain = plain and name.split()[0].casefold() not in _ARTICLES and not _is_agency(name) and not is_organization(name)
    return plain and is_full_name(_without_particles(name)) and not re.search(r"\band\b", name, re.IGNORECASE)


def _without_particles(name: str) -> str:
    """Returns a name without the particles after its first word: "Ana Cruz" for "Ana de la Cruz"."""
    first, *words = name.split()
    return " ".join([first, *(_PREFIX.sub("", word) for word in words if word.casefold() not in _PARTICLES)])


def _is_agency(name: str) -> bool:
    return any(fold_name(word) in KNOWN_AGENCIES for word in (name, *name.split()))
