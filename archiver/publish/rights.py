"""What of a record may leave the archive: the tier that follows from all that is known of it, and why.

What is known are statements: what the operator and the site's definition say, what the page said of itself when it was
captured, and what copies of its text are bound by. Of what permits, and of what limits, the strictest wins. A record
of which nothing is known gives features alone: that a page can be read by anyone permits nobody to pass its text on,
while facts about it, and counts of its words, are no copy of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from urllib.parse import urlsplit

from archiver.capture.rights import tdm_of
from archiver.items import Right
from archiver.publish.licences import spdx


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
    "noindex": Tier.REFERENCE, "none": Tier.REFERENCE, "noai": Tier.REFERENCE, "noml": Tier.REFERENCE,
    "noarchive": Tier.FEATURES, "nocache": Tier.FEATURES, "nosnippet": Tier.FEATURES,
}
_OURS = frozenset({"", "*", "archiver"})
# Creative Commons' parts and what they permit of a verbatim copy in a collection. A text without its page's layout may
# be called an adaptation, which ND does not permit.
_CC = re.compile(r"(?:https?:)?(?://)?(?:www\.)?creativecommons\.org/(?:licenses/(by[a-z-]*)|publicdomain/(?:zero|mark))"
                 r"(?:/[\d.]+)?(?:[/?#]\S*)?", re.IGNORECASE)
_NAMES = {"cc0-1.0": Tier.FULL, "pddl-1.0": Tier.FULL, "cc-pddc": Tier.FULL, "ogl-uk-3.0": Tier.FULL,
          "odc-by-1.0": Tier.FULL, "odbl-1.0": Tier.FULL}


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
class Said:
    """What a person says of records: the operator's rule, or the site's definition. None is nothing said.

    `permission` names what the tier rests on (a contract, a letter): then what pages say to all does not limit it.
    """

    who: str
    tier: Tier | None = None
    licence: str = ""
    geo: bool | None = None
    permission: str = ""


def decide(said: Sequence[Said], page: Sequence[Right], at: str) -> Decision:
    """The decision on a record from what people say and from what its page said of itself; `at` is the day of the
    snapshot (ISO 8601), by which `unavailable_after` is judged.
    """
    words = [Reason(one.tier, f"{one.who} says {one.tier.label}", permits=True)
             for one in said if one.tier is not None]
    licence = next((one.licence for one in said if one.licence), "")
    seen = () if licence else licences(page)
    under = [Reason(tier, f"it is under {name}", permits=True) for name in (licence, *seen)
             if name and (tier := of_licence(name)) is not None]
    permission = next((one.permission for one in said if one.permission), "")
    bounds = [Reason(Tier.FULL, f"permitted by {permission}")] if permission else limits(page, at)
    given = words if permission else [*words, *under]
    default = [] if given else [Reason(DEFAULT, "nothing permits more", permits=True)]
    # What a person permits comes right behind the licences, and what a page forbids at the end.
    reasons = [*words, *under, *(bounds + default if permission else default + bounds)]
    tier = min(reason.tier for reason in (*given, *default, *bounds))
    found = seen[0] if len(seen) == 1 else ""
    return Decision(tier, licence or found, all(one.geo is not False for one in said), tuple(reasons))


def limits(page: Iterable[Right], at: str) -> list[Reason]:
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


def licences(page: Iterable[Right]) -> tuple[str, ...]:
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
