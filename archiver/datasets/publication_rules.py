"""What of a record may leave the archive: the tier that follows from all that is known of it, and why.

What is known are statements: what the operator and the site's definition say, what the page said of itself when it was
captured, and what copies of its text are bound by. Of what permits, and of what limits, the strictest wins. A record
of which nothing is known gives features alone: that a page can be read by anyone permits nobody to pass its text on,
while facts about it, and counts of its words, are no copy of it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote, urlsplit

from archiver.errors import BadPublishRules
from archiver.items import UsageStatement
from archiver.politeness.usage_statements import tdm_of

# Licences by their names and addresses: SPDX identifiers, Creative Commons' addresses, and how people write both.

_CREATIVE_COMMONS = re.compile(
    r"(?:https?:)?(?://)?(?:www\.)?creativecommons\.org/(?:licenses/(by[a-z-]*)/(\d\.\d)|publicdomain/zero/"
    r"(1\.0))(?:[/?#]\S*)?",
    re.IGNORECASE,
)
_CC_NAME = re.compile(r"cc[ -]by((?:[ -]nc)?(?:[ -](?:nd|sa))?)[ -](1\.0|2\.0|2\.5|3\.0|4\.0)", re.IGNORECASE)
_PAGE = re.compile(r"https?://spdx\.org/licenses/([A-Za-z0-9.+-]+?)(?:\.html|\.json|/)?", re.IGNORECASE)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+]*(-[A-Za-z0-9.+]+)+")
_BARE = re.compile(r"(?://)?(?=(?:www\.)?creativecommons\.org/)", re.IGNORECASE)
COMMON = {
    name.lower(): name
    for name in (
        "MIT",
        "Apache-2.0",
        "BSD-3-Clause",
        "GPL-3.0-only",
        "GPL-3.0-or-later",
        "GFDL-1.3-or-later",
        "CC0-1.0",
        "PDDL-1.0",
        "ODC-By-1.0",
        "ODbL-1.0",
        "OGL-UK-3.0",
        "CC-PDDC",
        "CDLA-Permissive-1.0",
        "CDLA-Sharing-1.0",
    )
}
"""Those beside CC-BY and its like that a dataset may be expected to have, as SPDX writes them."""


def spdx(licence: str) -> str:
    """The SPDX identifier of a licence that is given by its address, by that, or as people write it ("CC BY 4.0"); ""
    where it has none that is known."""
    text = licence.strip()
    if found := _PAGE.fullmatch(text):
        text = found[1]
    if found := _CREATIVE_COMMONS.fullmatch(text):
        return "CC0-1.0" if found[3] else f"CC-{found[1].upper()}-{found[2]}"
    if found := _CC_NAME.fullmatch(text):
        return f"CC-BY{found[1].upper().replace(' ', '-')}-{found[2]}"
    return COMMON.get(text.lower()) or (text if _ID.fullmatch(text) else "")


def is_listed(identifier: str) -> bool:
    """Whether an identifier is one that every list of SPDX has."""
    return identifier in COMMON.values() or _CC_NAME.fullmatch(identifier) is not None


def licence_url(licence: str) -> str:
    """A licence as an address: SPDX's own page where it is given by its name; "" where it is words."""
    text = _BARE.sub("https://", licence.strip(), count=1) if _BARE.match(licence.strip()) else licence.strip()
    if re.match(r"https?://[^\s/]", text):
        return quote(text, safe="%/:?#[]@!$&'()*+,;=~")
    return f"https://spdx.org/licenses/{name}.html" if (name := spdx(text)) else ""


# The table `[dataset]` of a rule file: what a dataset is called, by whom it is, and under which licence.

HOLDS = {
    "name": str,
    "title": str,
    "description": str,
    "motivation": str,
    "licence": str,
    "creators": list,
    "publisher": str,
    "url": str,
    "doi": str,
    "contact": str,
    "keywords": list,
}
CREATOR = ("name", "orcid", "affiliation")
_DOI = re.compile(r"(?:doi:\s*|https?://(?:dx\.)?doi\.org/)?(10\.\d{4,9}/\S+)", re.IGNORECASE)
_ORCID = re.compile(r"(?:https?://orcid\.org/)?((?:\d{4}-){3}\d{3}[\dX])/?", re.IGNORECASE)


def check_dataset_table(file: str, told: Mapping[str, Any]) -> dict[str, Any]:
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
    if out.get("licence") and not licence_url(out["licence"]):
        raise BadPublishRules(file, "licence in [dataset] is an SPDX identifier, such as CC-BY-4.0, or an address")
    creators = [_creator(file, one) for one in out.get("creators", [])]
    out["creators"] = [one for at, one in enumerate(creators) if one not in creators[:at]]
    return out


def _creator(file: str, told: Any) -> dict[str, str]:
    if not isinstance(told, dict) or not isinstance(told.get("name"), str):
        raise BadPublishRules(file, 'a creator is written { name = "..." }')
    if unknown := sorted(set(told) - set(CREATOR)):
        raise BadPublishRules(file, f"a creator has {unknown[0]!r}; it may have {', '.join(CREATOR)}")
    if strange := [name for name, value in told.items() if not isinstance(value, str)]:
        raise BadPublishRules(file, f"{strange[0]} of a creator is a text")
    out = {name: value.strip() for name, value in told.items()}
    if not out["name"]:
        raise BadPublishRules(file, "a creator has a name")
    if out.get("orcid"):
        why = (
            f"the orcid of {out['name']} is none: it is written 0000-0002-1825-0097, and its last sign follows from "
            "the others"
        )
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


class Tier(IntEnum):
    """What of a record is published, from the strictest on."""

    REFERENCE = 0
    FEATURES = 1
    EXCERPT = 2
    FULL = 3

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS = {tier: tier.name.lower() for tier in Tier}
DOCS: dict[Tier, str] = {
    Tier.REFERENCE: "address, site, dates and digests; nothing of what it says",
    Tier.FEATURES: "its headline and other facts about it, its places, and counts of its words",
    Tier.EXCERPT: "the same, its description and its first words",
    Tier.FULL: "all of it, and its earlier versions",
}
DEFAULT = Tier.FEATURES
TIERS: dict[str, Tier] = {tier.label: tier for tier in Tier}

# Robots directives that limit what is shown of a page, by their word. max-snippet and unavailable_after have values.
_DIRECTIVES = {
    "noindex": Tier.REFERENCE,
    "none": Tier.REFERENCE,
    "noai": Tier.REFERENCE,
    "noml": Tier.REFERENCE,
    "noarchive": Tier.FEATURES,
    "nocache": Tier.FEATURES,
    "nosnippet": Tier.FEATURES,
}
_OURS = frozenset({"", "*", "archiver"})
# Creative Commons' parts and what they permit of a verbatim copy in a collection. A text without its page's layout may
# be called an adaptation, which ND does not permit.
_CC = re.compile(
    r"(?:https?:)?(?://)?(?:www\.)?creativecommons\.org/(?:licenses/(by[a-z-]*)|publicdomain/(?:zero|mark))"
    r"(?:/[\d.]+)?(?:[/?#]\S*)?",
    re.IGNORECASE,
)
_NAMES = {
    "cc0-1.0": Tier.FULL,
    "pddl-1.0": Tier.FULL,
    "cc-pddc": Tier.FULL,
    "ogl-uk-3.0": Tier.FULL,
    "odc-by-1.0": Tier.FULL,
    "odbl-1.0": Tier.FULL,
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One statement that had a say. `permits`: it gives the tier, where it else only limits it."""

    tier: Tier
    why: str
    permits: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """The tier of a record, the licence it is given under ("" where none is known), whether its places are given, and
    every statement that had a say."""

    tier: Tier
    licence: str = ""
    geo: bool = True
    reasons: tuple[Reason, ...] = ()

    @property
    def deciding(self) -> tuple[Reason, ...]:
        """The reasons that made the tier what it is."""
        return tuple(reason for reason in self.reasons if reason.tier == self.tier)

    @property
    def label(self) -> tuple[str, str]:
        """The tier, and in words what decided, as it is counted."""
        return self.tier.label, "; ".join(sorted({reason.why for reason in self.deciding}))


@dataclass(frozen=True, slots=True)
class UsageFacts:
    """What a person says of records: the operator's rule, or the site's definition. None is nothing said.

    `permission` names what the tier rests on (a contract, a letter): then what pages say to all does not limit it.
    """

    who: str
    tier: Tier | None = None
    licence: str = ""
    geo: bool | None = None
    permission: str = ""


def decide_tier(said: Sequence[UsageFacts], page: Sequence[UsageStatement], at: str) -> Decision:
    """The decision on a record from what people say and from what its page said of itself; `at` is the day of the
    snapshot (ISO 8601), by which `unavailable_after` is judged.
    """
    words = [Reason(one.tier, f"{one.who} says {one.tier.label}", permits=True) for one in said if one.tier is not None]
    licence = next((one.licence for one in said if one.licence), "")
    seen = () if licence else licences(page)
    under = [
        Reason(tier, f"it is under {name}", permits=True)
        for name in (licence, *seen)
        if name and (tier := of_licence(name)) is not None
    ]
    permission = next((one.permission for one in said if one.permission), "")
    bounds = [Reason(Tier.FULL, f"permitted by {permission}")] if permission else limits(page, at)
    given = words if permission else [*words, *under]
    default = [] if given else [Reason(DEFAULT, "nothing permits more", permits=True)]
    # What a person permits comes right behind the licences, and what a page forbids at the end.
    reasons = [*words, *under, *(bounds + default if permission else default + bounds)]
    tier = min(reason.tier for reason in (*given, *default, *bounds))
    found = seen[0] if len(seen) == 1 else ""
    return Decision(tier, licence or found, all(one.geo is not False for one in said), tuple(reasons))


def limits(page: Iterable[UsageStatement], at: str) -> list[Reason]:
    """What a page's own statements leave of it: robots directives for all or for us, reservations, preferences."""
    page = tuple(page)
    out: list[Reason] = []
    for right in page:
        if right.agent not in _OURS:
            continue
        if right.name == "robots" and (tier := _of_directive(right.value, at)) is not None:
            out.append(Reason(tier, f"its {right.source} says {right.value} to robots"))
        elif right.name == "content-usage" and re.search(r"(?:^|[,;\s])(?:train-ai|tdm|ai|bots)\s*=\s*n", right.value):
            out.append(Reason(Tier.REFERENCE, f"its {right.source} says Content-Usage {right.value}"))
    reserved, policy = tdm_of(page)
    if reserved:
        why = "text and data mining is reserved (TDMRep)"
        out.append(Reason(Tier.REFERENCE, f"{why}, {policy}" if policy else why))
    return list(dict.fromkeys(out))


def _of_directive(value: str, at: str) -> Tier | None:
    word, _, rest = value.partition(":")
    if word == "max-snippet":
        number = rest.strip()
        return None if number == "-1" else Tier.FEATURES if number == "0" else Tier.EXCERPT
    if word == "unavailable_after":
        return Tier.REFERENCE if _is_past(rest.strip(), at) else None
    return _DIRECTIVES.get(word)


def _is_past(text: str, at: str) -> bool:
    """Whether a time lies before a day; one that cannot be read is taken to be past, for it was meant to limit."""
    from datetime import datetime
    from email.utils import parsedate_to_datetime

    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return read(text).date().isoformat() <= at[:10]
        except (ValueError, TypeError):
            continue
    return True


def licences(page: Iterable[UsageStatement]) -> tuple[str, ...]:
    """The licences that a page names, each once, in its order."""
    named = (r.value.strip() for r in page if r.name in ("license", "dcterms.license", "dc.rights.license"))
    return tuple(dict.fromkeys(value for value in named if of_licence(value) is not None))


def of_licence(name: str) -> Tier | None:
    """What a licence permits, by its address or name; None where it is not known here."""
    identifier = spdx(name).lower()
    if identifier in _NAMES:
        return _NAMES[identifier]
    if re.fullmatch(r"cc-by(-[a-z]+)*-\d\.\d", identifier):
        return Tier.EXCERPT if "-nd" in identifier else Tier.FULL
    if found := _CC.fullmatch(name.strip()):  # a sentence that mentions one is no licence
        return Tier.EXCERPT if "nd" in (found[1] or "").lower().split("-") else Tier.FULL
    return None


def capped(decision: Decision, tier: Tier, why: str) -> Decision:
    """A decision that is limited by that on another record."""
    if tier >= decision.tier:
        return decision
    return Decision(tier, decision.licence, decision.geo, (*decision.reasons, Reason(tier, why)))


def host_of(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()


# The operator's rules on what may be published: a TOML file of `[[rule]]` tables, and `[dataset]`, which describes
# it.

_OF = ("site", "host", "path", "author", "category")
_SAYS = {"tier": str, "licence": str, "geo": bool, "permission": str}


_HELD: dict[str, Callable[[str, str, tuple[str, ...], tuple[str, ...]], tuple[str, ...]]] = {
    "site": lambda site, url, authors, categories: (site,),
    "host": lambda site, url, authors, categories: (host_of(url),),
    "path": lambda site, url, authors, categories: (urlsplit(url).path,),
    "author": lambda site, url, authors, categories: authors,
    "category": lambda site, url, authors, categories: categories,
}


@dataclass(frozen=True, slots=True)
class PublicationRule:
    """One rule; `number` counts them from 1."""

    number: int
    of: tuple[tuple[str, tuple[str, ...]], ...]
    said: UsageFacts

    def speaks_of(self, site: str, url: str, authors: tuple[str, ...], categories: tuple[str, ...]) -> bool:
        return all(
            any(
                fnmatchcase(value.casefold(), pattern.casefold())
                for value in _HELD[name](site, url, authors, categories)
                for pattern in patterns
            )
            for name, patterns in self.of
        )

    @property
    def is_of_site(self) -> bool:
        """Whether site and address alone decide whether it speaks of a record."""
        return not {name for name, _ in self.of} & {"author", "category"}


@dataclass(frozen=True, slots=True)
class PublicationRules:
    """The file as a whole; `text` is what it was read from."""

    rules: tuple[PublicationRule, ...] = ()
    dataset: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""


def parse_publication_rules(text: str, file: str) -> PublicationRules:
    """Raises BadPublishRules, with what is wrong and where."""
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadPublishRules(file, f"it is no TOML ({error})") from error
    _known(file, "the file", told, ("rule", "dataset"))
    entries = told.get("rule", [])
    if not isinstance(entries, list):
        raise BadPublishRules(file, "a rule begins with [[rule]], in double brackets")
    dataset = told.get("dataset", {})
    _known(file, "[dataset]", dataset, HOLDS)
    rules = tuple(_rule(file, number, entry) for number, entry in enumerate(entries, start=1))
    return PublicationRules(rules, check_dataset_table(file, dataset), text)


def _rule(file: str, number: int, entry: dict[str, Any]) -> PublicationRule:
    _known(file, f"rule {number}", entry, (*_OF, *_SAYS))
    of = tuple(
        (name, tuple(value) if isinstance(value, list) else (value,))
        for name in _OF
        if (value := entry.get(name)) is not None
    )
    if any(not isinstance(one, str) for _, values in of for one in values):
        raise BadPublishRules(file, f"rule {number} names what is no text")
    for name, kind in _SAYS.items():
        if name in entry and not isinstance(entry[name], kind):
            raise BadPublishRules(file, f"{name} of rule {number} is {'yes or no' if kind is bool else 'a text'}")
    tier = entry.get("tier")
    if tier is not None and tier not in TIERS:
        raise BadPublishRules(file, f"rule {number} has the tier {tier!r}; there are {', '.join(TIERS)}")
    if not set(entry) & set(_SAYS):
        raise BadPublishRules(file, f"rule {number} says nothing; it may say {', '.join(_SAYS)}")
    if entry.get("permission") and tier is None:
        raise BadPublishRules(file, f"rule {number} has a permission and no tier that it permits")
    return PublicationRule(
        number,
        of,
        UsageFacts(
            f"rule {number}",
            TIERS.get(tier or ""),
            entry.get("licence", ""),
            entry.get("geo"),
            entry.get("permission", ""),
        ),
    )


def _known(file: str, where: str, told: Any, names: Any) -> None:
    if not isinstance(told, dict):
        raise BadPublishRules(file, f"{where} is a table")
    unknown = sorted(set(told) - set(names))
    if unknown:
        raise BadPublishRules(file, f"{where} has {unknown[0]!r}; it may have {', '.join(names)}")
