"""Licences by their names and addresses: SPDX identifiers, Creative Commons' addresses, and how people write both."""

from __future__ import annotations

import re
from urllib.parse import quote

_CC = re.compile(r"(?:https?:)?(?://)?(?:www\.)?creativecommons\.org/(?:licenses/(by[a-z-]*)/(\d\.\d)|publicdomain/zero/"
                 r"(1\.0))(?:[/?#]\S*)?", re.IGNORECASE)
_CC_NAME = re.compile(r"cc[ -]by((?:[ -]nc)?(?:[ -](?:nd|sa))?)[ -](1\.0|2\.0|2\.5|3\.0|4\.0)", re.IGNORECASE)
_PAGE = re.compile(r"https?://spdx\.org/licenses/([A-Za-z0-9.+-]+?)(?:\.html|\.json|/)?", re.IGNORECASE)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+]*(-[A-Za-z0-9.+]+)+")
_BARE = re.compile(r"(?://)?(?=(?:www\.)?creativecommons\.org/)", re.IGNORECASE)
COMMON = {name.lower(): name for name in (
    "MIT", "Apache-2.0", "BSD-3-Clause", "GPL-3.0-only", "GPL-3.0-or-later", "GFDL-1.3-or-later", "CC0-1.0", "PDDL-1.0",
    "ODC-By-1.0", "ODbL-1.0", "OGL-UK-3.0", "CC-PDDC", "CDLA-Permissive-1.0", "CDLA-Sharing-1.0")}
"""Those beside CC-BY and its like that a dataset may be expected to have, as SPDX writes them."""


def spdx(licence: str) -> str:
    """The SPDX identifier of a licence that is given by its address, by that, or as people write it ("CC BY 4.0"); ""
    where it has none that is known."""
    text = licence.strip()
    if found := _PAGE.fullmatch(text):
        text = found[1]
    if found := _CC.fullmatch(text):
        return "CC0-1.0" if found[3] else f"CC-{found[1].upper()}-{found[2]}"
    if found := _CC_NAME.fullmatch(text):
        return f"CC-BY{found[1].upper().replace(' ', '-')}-{found[2]}"
    return COMMON.get(text.lower()) or (text if _ID.fullmatch(text) else "")


def is_listed(identifier: str) -> bool:
    """Whether an identifier is one that every list of SPDX has."""
    return identifier in COMMON.values() or _CC_NAME.fullmatch(identifier) is not None


def address(licence: str) -> str:
    """A licence as an address: SPDX's own page where it is given by its name; "" where it is words."""
    text = _BARE.sub("https://", licence.strip(), count=1) if _BARE.match(licence.strip()) else licence.strip()
    if re.match(r"https?://[^\s/]", text):
        return quote(text, safe="%/:?#[]@!$&'()*+,;=~")
    return f"https://spdx.org/licenses/{name}.html" if (name := spdx(text)) else ""
