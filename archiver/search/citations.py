"""Formats citations of an article as BibTeX, RIS and CSL-JSON.

A citation identifies the exact text that was read: the URL of the post, the time (UTC) and payload digest of the
capture the text was extracted from, and the revision. Author names are copied unchanged from the page and not split,
because the position of the family name differs between cultures, and a name such as "Staff" has no family name. Dates
are never more precise than on the page.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from slugify import slugify

from archiver.extraction.authors.person_names import KNOWN_AGENCIES, is_full_name
from archiver.markup import lazy_regex
from archiver.search.index_schema_and_documents import fold_name
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
    capture) are dates: year, month and day, as far as they are known. `note` is a text that identifies the capture and
    the revision, and `proof` contains its parts as separate values.
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
        ("author", " and ".join(_bibtex_name(name) for name in one.authors)),
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
        "author": [{"literal": name} for name in one.authors],
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


def _all_csl(many: Iterable[CitedArticle]) -> str:
    return json.dumps([csl_item(one) for one in many], ensure_ascii=False, indent=2) + "\n"


STYLES: dict[str, Callable[[Iterable[CitedArticle]], str]] = {
    "bibtex": lambda many: "\n".join(format_bibtex(one) for one in many),
    "ris": lambda many: "".join(format_ris(one) for one in many),
    "csl-json": _all_csl,
}
"""Maps the name of a citation format to a function that returns the text of a file with these citations."""


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


def _bibtex_name(name: str) -> str:
    """Returns a name in braces. Otherwise BibTeX would split the name into first and last names, which is wrong for
    names such as "Staff" and for East Asian names (family name first).
    """
    plain = " " in name and all(c.isalpha() or c in _IN_NAMES or unicodedata.category(c)[0] == "M" for c in name)
    plain = plain and not any(map(is_run_letter, name))
    known = any(fold_name(word) in KNOWN_AGENCIES for word in (name, *name.split()))
    person = plain and not known and is_full_name(name) and not re.search(r"\band\b", name, re.IGNORECASE)
    return _tex(name) if person else f"{{{_tex(name)}}}"
