"""Decides how much of a record may be published (its tier), parses the operator's publication rules, and knows the
licences.

The decision is based on statements that permit a tier and statements that limit the record to a tier. They come from
the operator, from the site's definition, from the page as it was captured, and from the decisions on copies of its
text. The lowest tier among all statements is used. If no statement permits a tier, only the tier `features` is
published: that a page is public gives nobody the right to redistribute its text, but metadata and word counts are not a
copy of the text.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote, urlsplit

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from archiver.api.politeness import PLACES_OF_OTHERS
from archiver.model.errors import BadPublishRules
from archiver.model.items import UsageStatement

# Licences: SPDX identifiers, URLs of Creative Commons, and how people write both.

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
"""SPDX identifiers of common dataset licences, by their form in lower case. Those of the CC BY family are not
included.
"""


def spdx_identifier(licence: str) -> str:
    """Returns the SPDX identifier of a licence given as a URL, an SPDX identifier, or a common name ("CC BY 4.0"); ""
    if the licence is unknown.
    """
    text = licence.strip()
    if found := _PAGE.fullmatch(text):
        text = found[1]
    if found := _CREATIVE_COMMONS.fullmatch(text):
        return "CC0-1.0" if found[3] else f"CC-{found[1].upper()}-{found[2]}"
    if found := _CC_NAME.fullmatch(text):
        return f"CC-BY{found[1].upper().replace(' ', '-')}-{found[2]}"
    return COMMON.get(text.lower()) or (text if _ID.fullmatch(text) else "")


def normal_licence(licence: str) -> str:
    """Returns a licence in one spelling: its SPDX identifier; for an unknown licence its URL, or the text itself."""
    return spdx_identifier(licence) or licence_url(licence) or licence.strip()


def is_mistyped(licence: str) -> bool:
    """Returns True if a licence has the form of an SPDX identifier, but is not one: "CC-BY-40"."""
    text = licence.strip()
    if not _ID.fullmatch(text) or _CC_NAME.fullmatch(text) or text.lower() in COMMON:
        return False
    try:
        canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return True
    return False


def is_listed(identifier: str) -> bool:
    """Returns True if an SPDX identifier is in every edition of the SPDX licence list."""
    return identifier in COMMON.values() or _CC_NAME.fullmatch(identifier) is not None


def licence_url(licence: str) -> str:
    """Returns the URL of a licence: for a licence given by name, the URL of its SPDX page. Returns "" if `licence` is
    neither a URL nor a known name.
    """
    text = _BARE.sub("https://", licence.strip(), count=1) if _BARE.match(licence.strip()) else licence.strip()
    if re.match(r"https?://[^\s/]", text):
        return quote(text, safe="%/:?#[]@!$&'()*+,;=~")
    return f"https://spdx.org/licenses/{name}.html" if (name := spdx_identifier(text)) else ""


# The table `[dataset]` of a rule file: name, creators and licence of a dataset.

DATASET_KEYS = {
    "name": str,
    "title": str,
    "description": str,
    "motivation": str,
    "licence": str,
    "creators": list,
    "publisher": str,
    "url": str,
    "doi": str,
    "concept_doi": str,
    "contact": str,
    "keywords": list,
    "keep_quotations": bool,
    "sampling": str,
    "sites": list,
    "intended_uses": str,
    "unsuitable_uses": str,
    "biases": str,
    "ethics": str,
    "funding": str,
    "maintenance": str,
}
SITE_KEYS = ("site", "why", "how", "country", "kind")
_KEY_TYPES = {str: "a string", list: "a list", bool: "true or false"}
CREATOR_KEYS = ("name", "orcid", "affiliation")
_DOI = re.compile(r"(?:doi:\s*|https?://(?:dx\.)?doi\.org/)?(10\.\d{4,9}/\S+)", re.IGNORECASE)
_ORCID = re.compile(r"(?:https?://orcid\.org/)?((?:\d{4}-){3}\d{3}[\dX])/?", re.IGNORECASE)


def check_dataset_table(file: str, table: Mapping[str, Any]) -> dict[str, Any]:
    """Validates the `[dataset]` table of the rule file `file` and returns it normalized: DOI and ORCID without a URL
    prefix, keywords and creators without repetition. Raises BadPublishRules.
    """
    for name, value in table.items():
        if not isinstance(value, DATASET_KEYS[name]):
            raise BadPublishRules(file, f"{name} in [dataset] must be {_KEY_TYPES[DATASET_KEYS[name]]}")
    if any(not isinstance(one, str) for one in table.get("keywords", [])):
        raise BadPublishRules(file, "keywords in [dataset] must be strings")
    out = {name: value.strip() if isinstance(value, str) else value for name, value in table.items()}
    if "keywords" in out:
        out["keywords"] = list(dict.fromkeys(filter(None, map(str.strip, out["keywords"]))))
    for name in ("doi", "concept_doi"):
        if out.get(name):
            out[name] = _part(_DOI, out[name], file, f"{name} in [dataset] must have the form 10.1234/name")
    if out.get("url") and not re.match(r"https?://[^\s/]\S*$", out["url"]):
        raise BadPublishRules(file, "url in [dataset] must be a complete URL that begins with https://")
    if out.get("licence") and (not licence_url(out["licence"]) or is_mistyped(out["licence"])):
        raise BadPublishRules(file, "licence in [dataset] must be an SPDX identifier such as CC-BY-4.0, or a URL")
    for one in out.get("sites", []):
        _check_site(file, one)
    creators = [_creator(file, one) for one in out.get("creators", [])]
    out["creators"] = [one for at, one in enumerate(creators) if one not in creators[:at]]
    return out


def _check_site(file: str, entry: Any) -> None:
    """Raises BadPublishRules if an entry of `sites` in the rule file `file` does not describe a site."""
    if not isinstance(entry, dict) or not isinstance(entry.get("site"), str):
        raise BadPublishRules(file, 'an entry of sites in [dataset] must have the form { site = "...", why = "..." }')
    _check_keys(file, f"the entry of {entry['site']}", entry, SITE_KEYS)
    if invalid := [name for name, value in entry.items() if not isinstance(value, str)]:
        raise BadPublishRules(file, f"{invalid[0]} of {entry['site']} must be a string")


def _creator(file: str, entry: Any) -> dict[str, str]:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise BadPublishRules(file, 'a creator must have the form { name = "..." }')
    if unknown := sorted(set(entry) - set(CREATOR_KEYS)):
        raise BadPublishRules(
            file, f"a creator has the unknown key {unknown[0]!r}; the keys are {', '.join(CREATOR_KEYS)}"
        )
    if invalid := [name for name, value in entry.items() if not isinstance(value, str)]:
        raise BadPublishRules(file, f"{invalid[0]} of a creator must be a string")
    out = {name: value.strip() for name, value in entry.items()}
    if not out["name"]:
        raise BadPublishRules(file, "a creator must have a name")
    if out.get("orcid"):
        why = (
            f"the orcid of {out['name']} is invalid: it must have the form 0000-0002-1825-0097, and its last character "
            "is a check digit"
        )
        out["orcid"] = _part(_ORCID, out["orcid"], file, why).upper()
        if not _has_valid_check_digit(out["orcid"]):
            raise BadPublishRules(file, why)
    return out


def _part(pattern: re.Pattern[str], text: str, file: str, why: str) -> str:
    found = pattern.fullmatch(text)
    if not found:
        raise BadPublishRules(file, why)
    return found[1]


def _has_valid_check_digit(orcid: str) -> bool:
    """Returns True if the last character of an ORCID is the correct check digit (ISO/IEC 7064, MOD 11-2)."""
    total = 0
    for digit in orcid.replace("-", "")[:-1]:
        total = (total + int(digit)) * 2
    return "0123456789X"[(12 - total % 11) % 11] == orcid[-1]


# Tiers and decisions.


class Tier(IntEnum):
    """How much of a record is published. The tiers are in ascending order, from the least (reference) to everything
    (full).
    """

    REFERENCE = 0
    FEATURES = 1
    EXCERPT = 2
    FULL = 3

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS = {tier: tier.name.lower() for tier in Tier}
DOCS: dict[Tier, str] = {
    Tier.REFERENCE: "URL, site, dates, language, length and digests; no words of it",
    Tier.FEATURES: "headline and other metadata, and places",
    Tier.EXCERPT: "like features, with description and first words",
    Tier.FULL: "everything, including earlier revisions",
}
DEFAULT = Tier.FEATURES
LONGEST_EXCERPT = 250
"""An excerpt has at most this many characters."""
TIERS: dict[str, Tier] = {tier.label: tier for tier in Tier}

# Robots directives that limit what is shown of a page. max-snippet and unavailable_after have values; see
# _tier_of_directive.
_DIRECTIVES = {
    "noindex": Tier.REFERENCE,
    "none": Tier.REFERENCE,
    "noai": Tier.REFERENCE,
    "noml": Tier.REFERENCE,
    "noarchive": Tier.FEATURES,
    "nocache": Tier.FEATURES,
    "nosnippet": Tier.FEATURES,
}
# Words of Content-Usage (IETF draft-ietf-aipref-vocab, all versions) and of Content-Signal (Cloudflare) for uses that a
# dataset allows: training and other use by AI, text and data mining, indexing.
_FORBIDDEN_USE = re.compile(
    r"(?:^|[,;\s])(?:bots|tdm|(?:gen)?ai|train-(?:gen)?ai|ai-(?:train|input|output|use)|search)\s*=\s*\"?no?(?![\w-])",
    re.IGNORECASE,
)
_RESERVED = re.compile(r"\b(?:rights?|rechten?|droits|derechos|direitos|diritti)\b.*(?:serv|vorbehalt|voorbehoud)")
_PREFERENCES = {"content-usage": "Content-Usage", "content-signal": "Content-Signal"}
_OUR_AGENTS = frozenset({"", "*", "archiver"})
# Creative Commons licences by their URL. A text without the layout of its page may count as an adaptation, which ND
# does not permit.
_CC_URL = re.compile(
    r"(?:https?:)?(?://)?(?:www\.)?creativecommons\.org/(?:licenses/(by[a-z-]*)|publicdomain/(?:zero|mark))"
    r"(?:/[\d.]+)?(?:[/?#]\S*)?",
    re.IGNORECASE,
)
_OTHER_LICENCES = {
    "cc0-1.0": Tier.FULL,
    "pddl-1.0": Tier.FULL,
    "cc-pddc": Tier.FULL,
    "ogl-uk-3.0": Tier.FULL,
    "odc-by-1.0": Tier.FULL,
    "odbl-1.0": Tier.FULL,
}


@dataclass(frozen=True, slots=True)
class Reason:
    """A statement that affected a publication decision. If `permits` is True, the statement permits the tier; otherwise
    it limits the record to the tier.
    """

    tier: Tier
    why: str
    permits: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision on which parts of a record are published.

    - `tier`: the tier of the record.
    - `licence`: the licence of the record, as `normal_licence` writes it; "" if unknown.
    - `licence_source`: where the licence is stated: rule, site (its definition), or header, meta or link (of the page);
      "disagreement" if the page states several different ones.
    - `geo`: True if the places of the record are published.
    - `reasons`: all statements that affected the decision.
    - `characters`: the greatest length of an excerpt and of a description (`max-snippet`).
    - `ignored`: licences that do not count, and why.
    """

    tier: Tier
    licence: str = ""
    geo: bool = True
    reasons: tuple[Reason, ...] = ()
    licence_source: str = ""
    characters: int = LONGEST_EXCERPT
    ignored: tuple[str, ...] = ()

    @property
    def deciding(self) -> tuple[Reason, ...]:
        """Returns the reasons that determined the tier: those that permit exactly this tier or limit the record to it.
        All other reasons concern higher tiers.
        """
        return tuple(reason for reason in self.reasons if reason.tier == self.tier)

    @property
    def label(self) -> tuple[str, str]:
        """Returns the name of the tier, and the deciding reasons as text. Statistics count decisions by this pair."""
        return self.tier.label, "; ".join(sorted({reason.why for reason in self.deciding}))


@dataclass(frozen=True, slots=True)
class OperatorStatement:
    """A statement of the operator about publishing records, in a rule or in the definition of a site. A field is None
    or "" if the operator states nothing about it.

    `permission` names the basis of the tier (a contract, a letter). If there is a permission, the statements that pages
    address to everybody do not limit the tier. `kind` is rule or site.
    """

    who: str
    tier: Tier | None = None
    licence: str = ""
    geo: bool | None = None
    permission: str = ""
    kind: str = "rule"


def decide_tier(statements: Sequence[OperatorStatement], page: Sequence[UsageStatement], at: str) -> Decision:
    """Decides how much of a record is published, from the operator's statements (`statements`) and those of the
    record's page (`page`). `at` is the day of the snapshot (ISO 8601), with which `unavailable_after` is compared.
    """
    stated = [
        Reason(one.tier, f"{one.who} sets {one.tier.label}", permits=True) for one in statements if one.tier is not None
    ]
    operator = next((one for one in statements if one.licence), OperatorStatement(""))
    permission = next((one.permission for one in statements if one.permission), "")
    named = {} if permission else known_licences(page)
    ignored = [
        f"{normal_licence(one.value)} ({one.source}): it need not be about the text"
        for one in page
        if one.name in _LICENCES and one.source in PLACES_OF_OTHERS
    ]
    licensed = [
        Reason(tier, f"licensed under {normal_licence(name)} ({where})", permits=True)
        for name, where in ((operator.licence, operator.who), *named.items())
        if name and (tier := tier_of_licence(name)) is not None
    ]
    bounds = [Reason(Tier.FULL, f"permitted by {permission}")] if permission else page_limits(page, at)
    licence, source = operator.licence, operator.kind if operator.licence else ""
    if named and not (licence and all(_is_as_strict(licence, name) for name in named)):
        if licence:
            ignored.append(f"{normal_licence(licence)} ({operator.who}, without a permission): the page states another")
        licence, source = ("", DISAGREEMENT)
        if len(named) == 1:
            [(licence, where)] = named.items()
            source = where.partition(" ")[0]
    grants = stated if permission else [*stated, *licensed]
    default = [] if grants else [Reason(DEFAULT, "no statement permits more", permits=True)]
    # A permission is listed right after the licences, but the limits that a page states are listed last.
    reasons = [*stated, *licensed, *(bounds + default if permission else default + bounds)]
    tier = min(reason.tier for reason in (*grants, *default, *bounds))
    geo = all(one.geo is not False for one in statements)
    snippets = () if permission else (_snippet(one.value) for one in page if _is_for_us(one, "robots"))
    characters = min((one for one in snippets if one), default=LONGEST_EXCERPT)
    characters = min(characters, LONGEST_EXCERPT)
    return Decision(tier, normal_licence(licence), geo, tuple(reasons), source, characters, tuple(ignored))


def _is_as_strict(licence: str, other: str) -> bool:
    """Returns True if a licence is the same as another one, if it reserves all rights, or if both are of Creative
    Commons and the first has all conditions (NC, ND, SA) of the other.
    """
    one, two = (spdx_identifier(name).lower() or name.strip().lower() for name in (licence, other))
    if one == two or _RESERVED.search(one):
        return True
    conditions = [set(re.findall(r"nc|nd|sa", name)) for name in (one, two)]
    return one.startswith("cc-by") and two.startswith(("cc-by", "cc0-")) and conditions[0] >= conditions[1]


DISAGREEMENT = "disagreement"
"""The source of the licence of a record whose page states several different licences."""


def page_limits(page: Iterable[UsageStatement], at: str) -> list[Reason]:
    """Returns the limits that a page states: robots directives for all agents or for this archiver, reservations of
    text and data mining, and usage preferences. `at` is the day of the snapshot (ISO 8601).
    """
    page = tuple(page)
    out: list[Reason] = []
    for one in page:
        if _is_for_us(one, "robots") and (tier := _tier_of_directive(one.value, at)) is not None:
            out.append(Reason(tier, f"robots directive {one.value} in its {one.source}"))
        elif _is_for_us(one, *_PREFERENCES) and _FORBIDDEN_USE.search(one.value):
            out.append(Reason(Tier.REFERENCE, f"{_PREFERENCES[one.name]} {one.value} in its {one.source}"))
    reserved, policy = tdm_reservation(page)
    if reserved:
        why = "text and data mining is reserved (TDMRep)"
        out.append(Reason(Tier.REFERENCE, f"{why}, {policy}" if policy else why))
    return list(dict.fromkeys(out))


def _is_for_us(one: UsageStatement, *names: str) -> bool:
    return one.name in names and one.agent in _OUR_AGENTS


def _snippet(value: str) -> int | None:
    """Returns the number of characters that a robots directive allows a snippet to have; None if it allows any number.
    A number that cannot be read counts as 0.
    """
    word, _, number = value.partition(":")
    if word != "max-snippet" or number.strip() == "-1":
        return None
    return int(number) if re.fullmatch(r"\s*\d{1,9}\s*", number) else 0


def _tier_of_directive(value: str, at: str) -> Tier | None:
    """Returns the tier to which a robots directive limits a page; None if it does not limit the page."""
    if (characters := _snippet(value)) is not None:
        return Tier.EXCERPT if characters else Tier.FEATURES
    word, _, rest = value.partition(":")
    if word == "unavailable_after":
        return Tier.REFERENCE if _is_past(rest.strip(), at) else None
    return _DIRECTIVES.get(word)


def _is_past(text: str, at: str) -> bool:
    """Returns True if the time `text` is on or before the day `at`. A time that cannot be parsed counts as past,
    because its author meant to limit the use of the page.
    """
    from datetime import datetime
    from email.utils import parsedate_to_datetime

    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return read(text).date().isoformat() <= at[:10]
        except (ValueError, TypeError):
            continue
    return True


_LICENCES = ("license", "dcterms.license", "dc.rights.license")


def known_licences(page: Iterable[UsageStatement]) -> dict[str, str]:
    """Returns the known licences in the statements of a page about itself or its text, each with its source, in the
    order of the page.
    """
    out: dict[str, str] = {}
    for one in page:
        is_of_text = one.name in _LICENCES and one.source not in PLACES_OF_OTHERS
        if is_of_text and tier_of_licence(one.value) is not None:
            out.setdefault(normal_licence(one.value), one.source)
    return out


def tier_of_licence(name: str) -> Tier | None:
    """Returns the highest tier that a licence, given by URL or name, permits; None if the licence is unknown."""
    identifier = spdx_identifier(name).lower()
    if identifier in _OTHER_LICENCES:
        return _OTHER_LICENCES[identifier]
    if re.fullmatch(r"cc-by(-[a-z]+)*-\d\.\d", identifier):
        return Tier.EXCERPT if "-nd" in identifier else Tier.FULL
    # the whole value must be a licence's URL, not a sentence that mentions a licence
    if found := _CC_URL.fullmatch(name.strip()):
        return Tier.EXCERPT if "nd" in (found[1] or "").lower().split("-") else Tier.FULL
    return None


def limit_decision(decision: Decision, tier: Tier, why: str, characters: int = LONGEST_EXCERPT) -> Decision:
    """Returns the decision with its tier lowered to `tier` and the length of its excerpt to `characters`, and with the
    reason `why` if the tier is lower. Returns the decision unchanged if nothing of it is lowered.
    """
    if tier >= decision.tier and characters >= decision.characters:
        return decision
    reasons = (*decision.reasons, *([Reason(tier, why)] if tier < decision.tier else []))
    characters = min(characters, decision.characters)
    return replace(decision, tier=min(tier, decision.tier), reasons=reasons, characters=characters)


def host_of(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()


# The operator's rule file: TOML with `[[rule]]` tables, and a `[dataset]` table that describes the dataset.

_CONDITIONS = ("site", "host", "path", "author", "category")
_STATEMENTS = {"tier": str, "licence": str, "geo": bool, "permission": str}
_VALUES: dict[str, Callable[[str, str, tuple[str, ...], tuple[str, ...]], tuple[str, ...]]] = {
    "site": lambda site, url, authors, categories: (site,),
    "host": lambda site, url, authors, categories: (host_of(url),),
    "path": lambda site, url, authors, categories: (urlsplit(url).path,),
    "author": lambda site, url, authors, categories: authors,
    "category": lambda site, url, authors, categories: categories,
}


@dataclass(frozen=True, slots=True)
class PublicationRule:
    """One rule of the operator's rule file.

    - `number`: its position in the file, from 1.
    - `of`: its conditions, each a pair of a name, such as "site", and patterns. The rule applies if each condition has
      at least one pattern that matches.
    - `statement`: what the operator states about the records to which the rule applies.
    """

    number: int
    of: tuple[tuple[str, tuple[str, ...]], ...]
    statement: OperatorStatement

    def applies_to(self, site: str, url: str, authors: tuple[str, ...], categories: tuple[str, ...]) -> bool:
        return all(
            any(
                fnmatchcase(value.casefold(), pattern.casefold())
                for value in _VALUES[name](site, url, authors, categories)
                for pattern in patterns
            )
            for name, patterns in self.of
        )

    @property
    def depends_on_site_only(self) -> bool:
        """True if the rule has no conditions on authors or categories, but only on the site or URL."""
        return not {name for name, _ in self.of} & {"author", "category"}


@dataclass(frozen=True, slots=True)
class PublicationRules:
    """A parsed rule file: its rules, its `[dataset]` table and its source `text`."""

    rules: tuple[PublicationRule, ...] = ()
    dataset: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""


def parse_publication_rules(text: str, file: str) -> PublicationRules:
    """Parses the text of the rule file `file` (TOML). Raises BadPublishRules, whose message states the error and its
    place in the file.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadPublishRules(file, f"it is not valid TOML ({error})") from error
    _check_keys(file, "the file", document, ("rule", "dataset"))
    entries = document.get("rule", [])
    if not isinstance(entries, list):
        raise BadPublishRules(file, "a rule must begin with [[rule]] in double brackets")
    dataset = document.get("dataset", {})
    _check_keys(file, "[dataset]", dataset, DATASET_KEYS)
    rules = tuple(_rule(file, number, entry) for number, entry in enumerate(entries, start=1))
    return PublicationRules(rules, check_dataset_table(file, dataset), text)


def _rule(file: str, number: int, entry: dict[str, Any]) -> PublicationRule:
    _check_keys(file, f"rule {number}", entry, (*_CONDITIONS, *_STATEMENTS))
    of = tuple(
        (name, tuple(value) if isinstance(value, list) else (value,))
        for name in _CONDITIONS
        if (value := entry.get(name)) is not None
    )
    if any(not isinstance(one, str) for _, values in of for one in values):
        raise BadPublishRules(file, f"the conditions of rule {number} must be strings")
    for name, kind in _STATEMENTS.items():
        if name in entry and not isinstance(entry[name], kind):
            raise BadPublishRules(
                file, f"{name} of rule {number} must be {'true or false' if kind is bool else 'a string'}"
            )
    if is_mistyped(entry.get("licence", "")):
        raise BadPublishRules(
            file, f"licence of rule {number} is {entry['licence']!r}, which SPDX does not list; give its URL instead"
        )
    tier = entry.get("tier")
    if tier is not None and tier not in TIERS:
        raise BadPublishRules(file, f"rule {number} has the unknown tier {tier!r}; the tiers are {', '.join(TIERS)}")
    if not set(entry) & set(_STATEMENTS):
        raise BadPublishRules(file, f"rule {number} has no effect; give one of {', '.join(_STATEMENTS)}")
    if entry.get("permission") and tier is None:
        raise BadPublishRules(file, f"rule {number} has a permission but no tier; add the tier that it permits")
    return PublicationRule(
        number,
        of,
        OperatorStatement(
            f"rule {number}",
            TIERS.get(tier or ""),
            entry.get("licence", ""),
            entry.get("geo"),
            entry.get("permission", ""),
        ),
    )


def _check_keys(file: str, where: str, table: Any, names: Any) -> None:
    if not isinstance(table, dict):
        raise BadPublishRules(file, f"{where} must be a table")
    unknown = sorted(set(table) - set(names))
    if unknown:
        raise BadPublishRules(file, f"{where} has the unknown key {unknown[0]!r}; the keys are {', '.join(names)}")


_PRIORITY = ("file", "header", "meta")


def tdm_reservation(rights: Sequence[UsageStatement]) -> tuple[bool | None, str]:
    """Returns whether text and data mining is reserved (None if there is no statement about it), and the address of the
    policy ("" if there is none). The response's header field overrides the host's file, and the page's metadata
    override both (TDMRep, "Processing priority").
    """
    reserved: bool | None = None
    policy = ""
    for source in _PRIORITY:
        stated = {right.name: right.value for right in rights if right.source == source and not right.agent}
        if "tdm-reservation" in stated:
            reserved, policy = stated["tdm-reservation"] == "1", ""
        policy = stated.get("tdm-policy", policy)
    return reserved, policy if reserved else ""
