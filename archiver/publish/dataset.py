"""The table `[dataset]` of a rule file: what a dataset is called, by whom it is, and under which licence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from archiver.publish.licences import address
from archiver.publish.refusals import BadPublishRules

HOLDS = {"name": str, "title": str, "description": str, "motivation": str, "licence": str, "creators": list,
         "publisher": str, "url": str, "doi": str, "contact": str, "keywords": list}
CREATOR = ("name", "orcid", "affiliation")
_DOI = re.compile(r"(?:doi:\s*|https?://(?:dx\.)?doi\.org/)?(10\.\d{4,9}/\S+)", re.IGNORECASE)
_ORCID = re.compile(r"(?:https?://orcid\.org/)?((?:\d{4}-){3}\d{3}[\dX])/?", re.IGNORECASE)


def checked(file: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """The table as catalogues take it: DOI and ORCID without what is before them, each keyword and creator once.
    Raises BadPublishRules with what is wrong."""
    for name, value in told.items():
        if not isinstance(value, HOLDS[name]):
            raise BadPublishRules(file, f"{name} in [dataset] is a {'list' if HOLDS[name] is list else 'text'}")
    if any(not isinstance(one, str) for one in told.get("keywords", [])):
        raise BadPublishRules(file, "keywords in [dataset] are texts")
    out = {name: value.strip() if isinstance(value, str) else value for name, value in told.items()}
    if "keywords" in out:
        out["keywords"] = list(dict.fromkeys(filter(None, map(str.strip, out["keywords"]))))
    if out.get("doi"):
        out["doi"] = _part(_DOI, out["doi"], file, "doi in [dataset] is written 10.1234/name")
    if out.get("url") and not re.match(r"https?://[^\s/]\S*$", out["url"]):
        raise BadPublishRules(file, "url in [dataset] is a whole address, with https:// before it")
    if out.get("licence") and not address(out["licence"]):
        raise BadPublishRules(file, "licence in [dataset] is an SPDX identifier, such as CC-BY-4.0, or an address")
    creators = [_creator(file, one) for one in out.get("creators", [])]
    out["creators"] = [one for at, one in enumerate(creators) if one not in creators[:at]]
    return out


def _creator(file: str, told: Any) -> dict[str, str]:
    if not isinstance(told, dict) or not isinstance(told.get("name"), str):
        raise BadPublishRules(file, "a creator is written { name = \"...\" }")
    if unknown := sorted(set(told) - set(CREATOR)):
        raise BadPublishRules(file, f"a creator has {unknown[0]!r}; it may have {', '.join(CREATOR)}")
    if strange := [name for name, value in told.items() if not isinstance(value, str)]:
        raise BadPublishRules(file, f"{strange[0]} of a creator is a text")
    out = {name: value.strip() for name, value in told.items()}
    if not out["name"]:
        raise BadPublishRules(file, "a creator has a name")
    if out.get("orcid"):
        why = (f"the orcid of {out['name']} is none: it is written 0000-0002-1825-0097, and its last sign follows from "
               "the others")
        out["orcid"] = _part(_ORCID, out["orcid"], file, why).upper()
        if not _proves(out["orcid"]):
            raise BadPublishRules(file, why)
    return out


def _part(pattern: re.Pattern[str], text: str, file: str, why: str) -> str:
    found = pattern.fullmatch(text)
    if not found:
        raise BadPublishRules(file, why)
    return found[1]


def _proves(orcid: str) -> bool:
    """Whether an ORCID's last sign is the check of the others (ISO/IEC 7064, MOD 11-2)."""
    total = 0
    for sign in orcid.replace("-", "")[:-1]:
        total = (total + int(sign)) * 2
    return "0123456789X"[(12 - total % 11) % 11] == orcid[-1]
