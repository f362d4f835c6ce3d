"""An article as a reference: BibTeX, RIS and CSL-JSON.

Names are given as the page has them: which part of a name is the family's differs from culture to
culture, and a desk ("Staff") has none. Dates are never more exact than the page was.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from slugify import slugify

_TEX = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
        "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE_PARTS = {"year": 1, "month": 2}


def bibtex(record: dict[str, Any]) -> str:
    """A @misc entry, which both BibTeX and biblatex print."""
    parts = _date_parts(record)
    capture = record["capture"]
    fields: list[tuple[str, str]] = [
        ("author", " and ".join(_bibtex_name(name) for name in record["authors"])),
        ("title", f"{{{_tex(record['title'])}}}" if record["title"] else ""),
        ("howpublished", _tex(record["site"])),
        ("year", parts[0] if parts else ""),
        ("month", _MONTHS[int(parts[1]) - 1] if len(parts) > 1 else ""),
        ("day", parts[2].lstrip("0") if len(parts) > 2 else ""),
        ("url", re.sub(r"[{}\\\s]", lambda m: f"%{ord(m[0]):02X}", record["url"])),
        ("urldate", record["last_seen"][:10]),
        ("language", record["language"] or ""),
        ("keywords", ", ".join(_tex(tag) for tag in record["tags"])),
        ("note", f"Archived {capture['captured_at'][:10]}, {_tex(capture['digest'])}" if capture else ""),
    ]
    body = ",\n".join(f"  {name} = {value}" if name == "month" else f"  {name} = {{{value}}}"
                      for name, value in fields if value)
    return f"@misc{{{cite_key(record)},\n{body}\n}}\n"


def ris(record: dict[str, Any]) -> str:
    """A RIS record of type ELEC (web page); lines end in CR LF, as the format has it."""
    parts = _date_parts(record)
    rows: list[tuple[str, str]] = [
        ("TY", "ELEC"), ("ID", cite_key(record)), ("TI", record["title"]),
        *(("AU", name) for name in record["authors"]), ("T2", record["site"]), ("PY", parts[0] if parts else ""),
        ("DA", "/".join([*parts, "", ""][:3]) + "/" if parts else ""), ("AB", record["description"] or ""),
        *(("KW", name) for name in (*record["categories"], *record["tags"])), ("LA", record["language"] or ""),
        ("UR", record["url"]), ("Y2", record["last_seen"][:10].replace("-", "/") + "/"),
    ]
    lines = [f"{tag}  - {' '.join(value.split())}" for tag, value in rows if value]
    return "\r\n".join([*lines, "ER  - "]) + "\r\n"


def csl_json(record: dict[str, Any]) -> str:
    """A CSL-JSON array of one item of type webpage (Citation Style Language 1.0.2)."""
    seen = [int(part) for part in record["last_seen"][:10].split("-")]
    issued = [int(part) for part in _date_parts(record)]
    item: dict[str, Any] = {
        "id": cite_key(record), "type": "webpage", "title": record["title"],
        "author": [{"literal": name} for name in record["authors"]],
        "issued": {"date-parts": [issued]} if issued else None, "accessed": {"date-parts": [seen]},
        "container-title": record["site"], "URL": record["url"], "language": record["language"],
        "abstract": record["description"], "keyword": ", ".join(record["tags"]),
    }
    return json.dumps([{k: v for k, v in item.items() if v}], ensure_ascii=False, indent=2) + "\n"


STYLES: dict[str, Callable[[dict[str, Any]], str]] = {"bibtex": bibtex, "ris": ris, "csl-json": csl_json}


def cite_key(record: dict[str, Any]) -> str:
    """A key that stays and is the article's own: author, year and number, "lovelace1843-12"."""
    name = record["authors"][0].split()[-1] if record["authors"] and record["authors"][0].split() else record["site"]
    year = (record["published"] or "")[:4]
    return f"{slugify(name, separator='') or 'article'}{year}-{record['id']}"


def _date_parts(record: dict[str, Any]) -> list[str]:
    """Year, month and day of publication, as many as the page gave."""
    if not record["published"]:
        return []
    return list(record["published"][:10].split("-"))[:_DATE_PARTS.get(record["published_precision"] or "", 3)]


def _tex(text: str) -> str:
    plain = " ".join(unicodedata.normalize("NFC", text).split())
    return "".join(_TEX.get(c, c) for c in plain)


def _bibtex_name(name: str) -> str:
    """Braces keep what BibTeX would take apart: " and ", a comma, a single word."""
    safe = _tex(name)
    return f"{{{safe}}}" if re.search(r"\band\b|,", safe, re.IGNORECASE) or " " not in safe else safe
