"""What a dataset is called, by whom it is and under what licence: of the operator's `[dataset]`, else of its facts."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slugify import slugify

from archiver.publish.licences import address, spdx
from archiver.publish.snapshot.facts import Facts
from archiver.publish.snapshot.tables import TABLES, Table

UNKNOWN_LICENCE = "http://rightsstatements.org/vocab/CNE/1.0/"
"""RightsStatements.org's "Copyright Not Evaluated": of a dataset whose records have each a licence, or none."""
_NOBODY = "The operator of the archive"
MEDIA = {".parquet": "application/vnd.apache.parquet", ".gz": "application/gzip", ".geojson": "application/geo+json",
         ".json": "application/json", ".md": "text/markdown", ".cff": "application/yaml", ".svg": "image/svg+xml",
         ".py": "text/x-python", ".wacz": "application/wacz"}


@dataclass(frozen=True, slots=True)
class File:
    """A file of the dataset: its path in it, size in bytes, SHA-256 and media type."""

    path: str
    bytes: int
    sha256: str
    media: str


@dataclass(frozen=True, slots=True)
class About:
    """`licences` are addresses, of the dataset where that has one, else of all its records; `spdx` is the identifier of
    a single one. `identifier` is the DOI's address, the dataset's own, or a URN made of its content.
    """

    name: str
    title: str
    description: str
    creators: tuple[dict[str, str], ...]
    licences: tuple[str, ...]
    spdx: str
    identifier: str
    doi: str
    publisher: str
    keywords: tuple[str, ...]
    motivation: str
    contact: str
    asked: str


def about(facts: Facts) -> About:
    """What the rules say of the dataset, and what follows from its articles where they say nothing."""
    said = facts.dataset
    sites = sorted(facts.sites)
    asked = facts.request.words
    name = slugify(said.get("name") or said.get("title") or "-".join(sites[:3]))[:60] or "archive"
    own = [said["licence"]] if said.get("licence") else sorted({one for one in facts.licences if one})
    publisher = said.get("publisher") or _NOBODY
    creators = tuple(said.get("creators") or ({"name": publisher},))
    return About(
        name, said.get("title") or _title(sites), said.get("description") or _description(facts, sites, asked),
        creators, tuple(dict.fromkeys(address(one) or UNKNOWN_LICENCE for one in own)) or (UNKNOWN_LICENCE,),
        _spdx(facts, own), _identifier(facts, name), said.get("doi", ""), said.get("publisher") or creators[0]["name"],
        tuple(said.get("keywords") or ("news", "blogs", "web archive")), said.get("motivation", ""),
        said.get("contact", ""), asked)


def _title(sites: list[str]) -> str:
    return f"Articles of {sites[0]}" if len(sites) == 1 else f"Articles of {len(sites)} sites"


def _spdx(facts: Facts, licences: list[str]) -> str:
    """The SPDX identifier of the licence that the whole dataset has, "" where there is no such one."""
    whole = bool(facts.dataset.get("licence")) or (len(licences) == 1 and not facts.licences[""])
    return spdx(licences[0]) if whole else ""


def _identifier(facts: Facts, name: str) -> str:
    """The dataset's DOI or URL; else a URN that follows from its content."""
    if doi := facts.dataset.get("doi"):
        return f"https://doi.org/{doi}"
    urn = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{name} {facts.request.version} {facts.digest}')}"
    return facts.dataset.get("url") or urn


def _description(facts: Facts, sites: list[str], asked: str) -> str:
    of = ", ".join(sites[:5]) + (f" and {len(sites) - 5} other sites" if len(sites) > 5 else "")
    found = f" that match {asked}" if asked else ""
    return (f"{facts.rows['articles']:,} articles of {of}{found}, as a web archive had them at {facts.cutoff} UTC: "
            "their facts, versions, captures and places, and what is known to be missing. Of each article there is "
            "what may be published of it.")


def listed(folder: Path, before: Iterable[File] = ()) -> list[File]:
    """The files that there are so far, by path; those that were listed before are not read again."""
    known = {file.path: file for file in before}
    return [known.get(path.relative_to(folder).as_posix()) or _file(folder, path)
            for path in sorted(folder.rglob("*")) if path.is_file()]


def _file(folder: Path, path: Path) -> File:
    with path.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    return File(path.relative_to(folder).as_posix(), path.stat().st_size, digest, MEDIA.get(path.suffix, "text/plain"))


def tables(facts: Facts) -> list[Table]:
    """The tables that the dataset has."""
    return [table for table in TABLES if table.name in facts.files]


def creator(one: dict[str, str]) -> dict[str, Any]:
    """A creator as schema.org has it: with an ORCID a person, else an organisation."""
    out: dict[str, Any] = {"@type": "Person" if one.get("orcid") else "Organization", "name": one["name"]}
    if one.get("orcid"):
        out["@id"] = orcid(one["orcid"])
    if one.get("affiliation"):
        out["affiliation"] = {"@type": "Organization", "name": one["affiliation"]}
    return out


def orcid(text: str) -> str:
    return f"https://orcid.org/{text}"
