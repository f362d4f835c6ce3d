"""The operator's rules on what may be published: a TOML file of `[[rule]]` tables, and `[dataset]`, which describes it.

A rule says of which records it speaks (`site`, `host`, `path` with `*`, `category`, `author`; all that are given must
hold) and what holds of them (`tier`, `licence`, `geo`, `permission`). All rules that speak of a record are heard.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from archiver.publish.dataset import HOLDS, checked
from archiver.publish.refusals import BadPublishRules
from archiver.publish.rights import TIERS, Said, host_of

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
class Rule:
    """One rule; `number` counts them from 1."""

    number: int
    of: tuple[tuple[str, tuple[str, ...]], ...]
    said: Said

    def speaks_of(self, site: str, url: str, authors: tuple[str, ...], categories: tuple[str, ...]) -> bool:
        return all(any(fnmatchcase(value.casefold(), pattern.casefold())
                       for value in _HELD[name](site, url, authors, categories) for pattern in patterns)
                   for name, patterns in self.of)

    @property
    def is_of_site(self) -> bool:
        """Whether site and address alone decide whether it speaks of a record."""
        return not {name for name, _ in self.of} & {"author", "category"}


@dataclass(frozen=True, slots=True)
class Rules:
    """The file as a whole; `text` is what it was read from."""

    rules: tuple[Rule, ...] = ()
    dataset: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""


def parse(text: str, file: str) -> Rules:
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
    return Rules(rules, checked(file, dataset), text)


def _rule(file: str, number: int, entry: dict[str, Any]) -> Rule:
    _known(file, f"rule {number}", entry, (*_OF, *_SAYS))
    of = tuple((name, tuple(value) if isinstance(value, list) else (value,))
               for name in _OF if (value := entry.get(name)) is not None)
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
    return Rule(number, of, Said(f"rule {number}", TIERS.get(tier or ""), entry.get("licence", ""), entry.get("geo"),
                                 entry.get("permission", "")))


def _known(file: str, where: str, told: Any, names: Any) -> None:
    if not isinstance(told, dict):
        raise BadPublishRules(file, f"{where} is a table")
    unknown = sorted(set(told) - set(names))
    if unknown:
        raise BadPublishRules(file, f"{where} has {unknown[0]!r}; it may have {', '.join(names)}")
