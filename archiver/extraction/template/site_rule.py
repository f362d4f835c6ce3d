"""The rules of one site: where its template has each field. They are written in TOML 1.0, so that people can read and
edit them.

    [site]
    platform = "wordpress"
    post = ["body.single-post"]       # matches on every post and on no other page

    [title]
    select = ["h1.entry-title"]

    [published]
    select = ["time.entry-date::attr(datetime)"]

    [body]
    select = ["div.entry-content"]
    drop = [".sharedaddy"]            # blocks that are not part of the post's text
    lines = ["Follow us on Mastodon."]   # paragraphs that repeat from post to post

    [constants]
    images = ["https://example.org/card.png"]   # values that belong to the site and not to a post

Selectors are parsel's and are tried in order: CSS with `::text` and `::attr(name)`, or XPath. They find the same as
`response.css()` and `response.xpath()` in `scrapy shell`. "ld+json" instead of a selector reads the property named
by `attribute` from the page's JSON-LD.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import tomli_w

from archiver.errors import BadRules
from archiver.extraction.template.site_constants import SiteConstants, constants_from
from archiver.fields import LEARNABLE
from archiver.platforms.platform_table import platform_tables
from archiver.platforms.selector_index import element_selector, is_xpath, selector_error

JSON_LD = "ld+json"
_OF_FIELD = {"body": ("drop", "lines"), "published": ("shown",)}
_FIGURES = ("coverage", "agreement")
_NUMBERS = (*_FIGURES, "learned_from")
BY_HAND = "rule by hand"
"""The source of evidence from a hand-written rule."""
_HEADER = re.compile(r"""\s*\[\s*["']?(\w+)["']?\s*\]""")


@dataclass(frozen=True, slots=True)
class Rule:
    """The location of a field on the pages of a site.

    - `select`: the selectors.
    - `attribute`: the attribute or JSON-LD property to read; "" for the text of the selected elements.
    - `shown`: only for the publication date. If `select` finds an instant in UTC, `shown` selects the element that
      shows the day. If the two days differ, the shown day is used.
    - `drop`, `lines`: only for the body. They are the selectors of blocks that are not part of the text, and the
      paragraphs that repeat from post to post.
    - `coverage`: the share of the sample pages on which the rule finds something.
    - `agreement`: the share of the sample pages on which the rule finds the known value.
    """

    select: tuple[str, ...] = ()
    attribute: str = ""
    shown: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    coverage: float = 1.0
    agreement: float = 1.0
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class SiteRules:
    """The rules of one site.

    - `fields`: the rules by field.
    - `platform`: the site's platform, "" if the rules have none.
    - `post`: selectors that match on every post and on no other page.
    - `pages`: the number of posts from which the rules were learned.
    - `teacher`: where the known values of these posts came from: "api", "feed", or "agreement" of a page's own sources.
    - `places`: the publisher's places, which are the same on every page.
    - `version`: identifies the rules in articles that were read with them.
    - `post_by_hand`: True if `post` is hand-written.
    - `constants`: values that belong to the site and not to its posts.
    """

    fields: Mapping[str, Rule] = field(default_factory=dict)
    platform: str = ""
    post: tuple[str, ...] = ()
    pages: int = 0
    teacher: str = ""
    places: tuple[str, ...] = ()
    version: str = ""
    post_by_hand: bool = False
    constants: SiteConstants = field(default_factory=SiteConstants)

    def rule(self, name: str) -> Rule | None:
        return self.fields.get(name)

    def overruled(self, hand: SiteRules) -> SiteRules:
        """Returns a copy of these rules in which the hand-written rules `hand` replace those for the same fields."""
        own = {name: replace(rule, by_hand=True) for name, rule in hand.fields.items()}
        return replace(
            self,
            fields={**self.fields, **own},
            post=hand.post or self.post,
            platform=hand.platform or self.platform,
            places=hand.places or self.places,
            version=f"{self.version}+{hand.version}".strip("+"),
            post_by_hand=bool(hand.post) or self.post_by_hand,
            constants=self.constants.with_others(hand.constants),
        )

    def by_hand(self) -> SiteRules | None:
        """Returns only the hand-written rules, with the site's constants. Returns None if the site has neither
        hand-written rules nor constants.
        """
        own = {name: rule for name, rule in self.fields.items() if rule.by_hand}
        if not (own or self.post_by_hand or self.constants):
            return None
        return replace(self, fields=own, pages=0)


def to_toml(rules: SiteRules) -> str:
    """Returns the rules as TOML, which `from_toml` can parse."""
    site: dict[str, Any] = {"platform": rules.platform} if rules.platform else {}
    site["post"] = list(rules.post)
    if rules.pages:
        site |= {"learned_from": rules.pages, "teacher": rules.teacher}
    if rules.places:
        site["places"] = list(rules.places)
    out: dict[str, Any] = {"site": site}
    for name in LEARNABLE:
        if (rule := rules.rule(name)) is not None:
            out[name] = _rule_table(rule)
    if rules.constants:
        out["constants"] = {name: list(values) for name, values in rules.constants.items() if values}
    return tomli_w.dumps(out, multiline_strings=False)


def _rule_table(rule: Rule) -> dict[str, Any]:
    row: dict[str, Any] = {"select": list(rule.select)}
    if rule.attribute:
        row["attribute"] = rule.attribute
    for name in ("shown", "drop", "lines"):
        if value := getattr(rule, name):
            row[name] = list(value)
    if not rule.by_hand:
        row |= {name: round(getattr(rule, name), 3) for name in _FIGURES}
    return row


def from_toml(text: str, subject: str, *, by_hand: bool = False, version: str = "") -> SiteRules:
    """Parses rules from TOML. Raises BadRules with a message that says in which file or site (`subject`) and in which
    line or table the mistake is.
    """
    source = _Source(subject, text)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadRules(subject, str(error)) from None
    site = data.pop("site", {})
    _check_keys(subject, "site", site, ("platform", "post", "learned_from", "teacher", "places"))
    constants = data.pop("constants", {})
    _check_keys(subject, "constants", constants, [name for name, _ in SiteConstants().items()])
    platform = site.get("platform", "")
    names = [p.name for p in platform_tables()]
    if "platform" in site and platform not in names:
        raise BadRules(subject, f"[site] platform {platform!r} is not one of {', '.join(names)}")
    fields: dict[str, Rule] = {}
    for name, row in data.items():
        if name not in LEARNABLE:
            raise BadRules(subject, f"unknown field [{name}]; use one of {', '.join(LEARNABLE)}")
        _check_keys(subject, name, row, ("select", "attribute", *_OF_FIELD.get(name, ()), *_FIGURES))
        fields[name] = Rule(
            select=_selectors(source, name, "select", row),
            attribute=str(row.get("attribute", "")),
            shown=_selectors(source, name, "shown", row),
            drop=_selectors(source, name, "drop", row),
            lines=_strings(subject, name, "lines", row),
            coverage=float(row.get("coverage", 1)),
            agreement=float(row.get("agreement", 1)),
            by_hand=by_hand,
        )
    post = _selectors(source, "site", "post", site)
    return SiteRules(
        fields,
        platform,
        post,
        int(site.get("learned_from", 0)),
        str(site.get("teacher", "")),
        _strings(subject, "site", "places", site),
        version,
        post_by_hand=by_hand and bool(post),
        constants=constants_from({name: _strings(subject, "constants", name, constants) for name in constants}),
    )


@dataclass(frozen=True, slots=True)
class _Source:
    """The TOML text of rules and, for error messages, the file or site from which it comes."""

    subject: str
    text: str

    def selector_error(self, table: str, name: str, selector: str, why: str) -> BadRules:
        """Returns the error for an invalid selector of the rule `name`. The message has the table, the reason `why`,
        and the selector's line number if the selector is found in the text.
        """
        line = self._line(table, selector)
        return BadRules(self.subject, f"[{table}] {name}{f' (line {line})' if line else ''}: {why}")

    def _line(self, table: str, selector: str) -> int | None:
        written = (selector, json.dumps(selector, ensure_ascii=False)[1:-1])
        at = ""
        for number, line in enumerate(self.text.splitlines(), 1):
            if header := _HEADER.match(line):
                at = header[1]
            if at == table and selector.strip() and any(form in line for form in written):
                return number
        return None


def _check_keys(subject: str, table: str, row: object, known: Iterable[str]) -> None:
    if not isinstance(row, dict):
        raise BadRules(subject, f"[{table}] is not a table")
    if unknown := sorted(set(row) - set(known)):
        raise BadRules(subject, f"[{table}] has an unknown key {unknown[0]!r}; use one of {', '.join(known)}")
    for name in _NUMBERS:
        if not isinstance(row.get(name, 1.0), (int, float)):
            raise BadRules(subject, f"[{table}] {name} is not a number")


def _strings(subject: str, table: str, name: str, row: dict[str, Any]) -> tuple[str, ...]:
    value = row.get(name, [])
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise BadRules(subject, f"[{table}] {name} is not a list of strings")
    return tuple(value)


def _selectors(source: _Source, table: str, name: str, row: dict[str, Any]) -> tuple[str, ...]:
    found = _strings(source.subject, table, name, row)
    if name == "select" and not found:
        raise BadRules(source.subject, f"[{table}] has no {name}")
    for selector in found:
        if selector == JSON_LD and name == "select":
            if not row.get("attribute"):
                raise BadRules(source.subject, f'[{table}] select "{JSON_LD}" needs an attribute: the property to read')
        elif why := selector_error(selector):
            language = "XPath" if is_xpath(selector) else "CSS"
            raise source.selector_error(
                table, name, selector, f"parsel cannot read the {language} selector {selector!r}: {why}"
            )
        elif table == "body" and element_selector(selector) != selector:
            raise source.selector_error(
                table, name, selector, f"{selector!r} selects text; select the element that contains it"
            )
    return found
