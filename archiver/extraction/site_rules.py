"""The rules of one site, which say where its template has each field, and its constants, which are values that belong
to the site and not to its posts. Rules are written in TOML 1.0, so that people can read and edit them.

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
`response.css()` and `response.xpath()` in `scrapy shell`. "ld+json" instead of a selector reads the property named by
`attribute` from the page's JSON-LD. "byline beside the heading" reads the authors' names in the lines near the heading,
"name beside the date" the text beside the date there if its script has no letter case.

Constants are found because many posts of the site share them. They may be a title, an image, a description, a tiny
text, a section, a set of tags, a day, a part of titles, or words before the name of whom a post is about.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from typing import Any

import tomli_w

from archiver.extraction.normalization import fold_text
from archiver.model.errors import BadRules
from archiver.model.fields import LEARNABLE
from archiver.model.items import OTHER_HEADING, Article, Evidence
from archiver.model.lazy_regex import lazy_regex
from archiver.platforms import platform_tables
from archiver.platforms.selector_index import element_selector, is_xpath, selector_error

MIN_POSTS = 5
"""A value can be a constant of the site only if at least this many posts share it."""
SHARE = 0.2
"""A value can be a constant of the site only if at least this share of the posts has this value."""
SHARE_OF_BODY = 0.05
MIN_TAGS = 5
"""A set of tags that all posts share is a constant only if it has at least this many tags. A smaller set may be given
to each post by its author."""
MAX_BODY_LENGTH = 40
"""Only a text with fewer characters than this can be a constant, such as the text of a button. A longer text is the
text of a post."""
_VARIETY = 0.8
_EVERYWHERE, _TITLED = 0.9, 0.5
"""A text in the place of a title belongs to the site if at least the share `_EVERYWHERE` of the posts have it, provided
that at least the share `_TITLED` of the posts also have another title."""
_MAX_NAME_LENGTH = 80
_MIN_SUBJECTS, _MAX_LABEL = 20, 30
_READ_BYLINES = ("signed", "byline")
_DIGITS = lazy_regex(r"\d+")
_PARTS = lazy_regex(r"\s+[|·•»«›‹–—:/~-]+\s+|\s*[｜|]\s*")
_SIGNS = "|·•»«›‹–—:/~_-｜ "
_DECLARED = ("json-ld", "meta", "microdata", "rdfa")
DECLARED_IN_HEAD = ("json-ld", "meta", "rdfa", "head", "script")
"""The sources of evidence that readers of the page do not see, such as JSON-LD and meta elements."""
_SHOWN = ("platform", "heading", "api", "feed")
_HEADINGS, _SEEN_DATES = ("platform", "heading", OTHER_HEADING), ("byline", "shown", "text")


@dataclass(frozen=True, slots=True)
class SiteConstants:
    """The values that belong to a site and not to its posts, by kind. Not every kind is a field:

    - `names`: parts of <title>.
    - `bodies`: tiny texts, such as the text of a button, without their numbers.
    - `sections`: values of article:section and the like.
    - `tags`: the set of tags that all posts have.
    - `days`: days (ISO 8601) that pages show, such as the day of an event in the footer.
    - `bylines`: labels, as `byline_key` returns them, of whom each post is about, such as "Author:" on a site about
      books.
    """

    titles: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    descriptions: tuple[str, ...] = ()
    bodies: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    days: tuple[str, ...] = ()
    bylines: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any(values for _, values in self.items())

    def items(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yields each kind of constant ("titles", "images" and so on) with its values."""
        for one in fields(self):
            yield one.name, getattr(self, one.name)

    def with_others(self, other: SiteConstants) -> SiteConstants:
        """Returns the union of these constants and of `other`."""
        return SiteConstants(
            **{name: tuple(dict.fromkeys((*values, *getattr(other, name)))) for name, values in self.items()}
        )

    def refuses_title(self, text: str) -> bool:
        """Returns True if a title is a constant of the site, and therefore not the title of a post."""
        return bool(self.titles) and fold_text(text) in {fold_text(one) for one in self.titles}

    def refuses_description(self, text: str) -> bool:
        """Returns True if a description is a constant of the site, and therefore does not describe a post."""
        return bool(self.descriptions) and fold_text(text) in {fold_text(one) for one in self.descriptions}

    def refuses_section(self, text: str) -> bool:
        """Returns True if a declared section is a constant of the site, and therefore not a category of a post."""
        return bool(self.sections) and fold_text(text) in {fold_text(one) for one in self.sections}

    def refuses_tags(self, tags: Iterable[str]) -> bool:
        """Returns True if these are the tags that all posts of the site have, such as those in the site's tag cloud."""
        return bool(self.tags) and {fold_text(one) for one in tags} == {fold_text(one) for one in self.tags}

    def refuses_day(self, day: date) -> bool:
        """Returns True if a shown day is a constant of the site, and therefore not the date of a post."""
        return day.isoformat() in self.days

    def refuses_byline(self, line: str, names: Iterable[str]) -> bool:
        """Returns True if a line with these names says whom the post is about, and not who wrote it."""
        return bool(self.bylines) and byline_key(line, names) in self.bylines

    def refuses_body(self, text: str) -> bool:
        """Returns True if a text is a constant of the site, and therefore not the text of a post."""
        return bool(self.bodies) and len(text) < MAX_BODY_LENGTH and body_key(text) in self.bodies


def constants_from(data: Mapping[str, Iterable[str]]) -> SiteConstants:
    """Returns the constants with the given values, by kind. This is the inverse of `SiteConstants.items`."""
    return SiteConstants(**{one.name: tuple(data.get(one.name, ())) for one in fields(SiteConstants)})


@dataclass(frozen=True, slots=True)
class ReadPost:
    """An article that was extracted without site rules, and the <title> of its page ("" if unknown)."""

    article: Article
    head_title: str = ""


def find_constants(posts: Sequence[ReadPost]) -> SiteConstants:
    """Returns the constants of a site: the values that at least a fifth of its posts, and at least `MIN_POSTS` of them,
    have in common. Some values must meet other conditions:

    - A title: the posts with this title also declare or show other titles, which differ from post to post. So a series
      whose parts all have the same title keeps it.
    - A part of <title>: the posts' own headings do not contain it.
    - A text of fewer than 40 characters: a twentieth of the posts have it.
    - A declared section: nearly all posts have it.
    - Tags: there are at least `MIN_TAGS` of them, and nearly all posts have exactly these.
    - A day: nearly all posts show it, but do not declare it.
    - A label of a byline: it names somebody else in nearly every post, and the site does not declare authors.
    """
    if len(posts) < MIN_POSTS:
        return SiteConstants()
    articles = [one.article for one in posts]
    frequent = (t for t in _frequent((a.title for a in articles), len(posts)) if hides_others(t, articles))
    titles = tuple(dict.fromkeys((*frequent, *titles_everywhere(articles))))
    refused = {fold_text(t) for t in titles}
    parts = _frequent((name for one in posts for name in _outer_parts(one, refused)), len(posts))
    names = tuple(dict.fromkeys((*parts, *constant_tails(articles))))
    bodies = (body_key(a.body) for a in articles if 0 < len(a.body) < MAX_BODY_LENGTH)
    return SiteConstants(
        titles,
        names,
        _frequent((a.image or "" for a in articles), len(posts)),
        _frequent((a.description for a in articles), len(posts)),
        _frequent(bodies, len(posts), SHARE_OF_BODY),
        constant_sections(articles),
        constant_tags(articles),
        constant_days(articles),
        constant_bylines(articles),
    )


def constant_sections(articles: Sequence[Article]) -> tuple[str, ...]:
    """Returns the categories that the pages of nearly all posts declare, such as the name of the site or "Articles"."""
    declared = (
        {e.value for e in a.evidence if e.field == "categories" and e.source in _DECLARED and e.value} for a in articles
    )
    return _everywhere(declared, len(articles))


def _everywhere(values: Iterable[set[str]], posts: int) -> tuple[str, ...]:
    """Returns the values that nearly all of `posts` posts have. `values` are those of each post."""
    counts = Counter(value for of_post in values for value in of_post)
    return tuple(sorted(value for value, n in counts.items() if n >= max(MIN_POSTS, _EVERYWHERE * posts)))


def constant_tails(articles: Sequence[Article]) -> tuple[str, ...]:
    """Returns the text after the title in the headings of nearly all posts, such as "- The Site", which none of the
    titles that they declare has.
    """
    return _everywhere(map(_tails, articles), len(articles))


def _tails(article: Article) -> set[str]:
    titles = [e for e in article.evidence if e.field == "title"]
    declared = [e.value for e in titles if e.source in (*DECLARED_IN_HEAD, "feed")]
    tails = {
        e.value[len(title) :]
        for e in titles
        for title in declared
        if e.source in _HEADINGS and e.value.startswith(title)
    }
    return {tail.strip(_SIGNS) for tail in tails if tail[:1].isspace() or tail[:1] in _SIGNS} - {""}


def constant_days(articles: Sequence[Article]) -> tuple[str, ...]:
    """Returns the days that the pages of nearly all posts show, but do not declare."""
    found: list[set[str]] = []
    for article in articles:
        dates = [e for e in article.evidence if e.field == "published"]
        declared = {e.value[:10] for e in dates if e.source not in _SEEN_DATES}
        found.append({e.value[:10] for e in dates if e.source in _SEEN_DATES} - declared)
    return _everywhere(found, len(articles))


def constant_bylines(articles: Sequence[Article]) -> tuple[str, ...]:
    """Returns the labels of bylines in at least `_MIN_SUBJECTS` posts, nearly each of which names somebody else: not
    the author, but whom the post is about. Returns () if the site declares authors.
    """
    found = [e for a in articles for e in a.evidence if e.field == "authors" and e.value]
    if any(e.source not in _READ_BYLINES for e in found):
        return ()
    named: dict[str, set[str]] = {}
    for e in found:
        if key := byline_key(e.locator.partition(" the text: ")[2], (e.value,)):
            named.setdefault(key, set()).add(e.value)
    least = max(_MIN_SUBJECTS, _EVERYWHERE * len(articles))
    return tuple(sorted(key for key, names in named.items() if len(names) >= least))


def byline_key(line: str, names: Iterable[str]) -> str:
    """Returns the label before the names in a line, as `fold_text` returns it; "" if the line does not consist of them
    and a label with a colon. "By" without one is the byline of a post.
    """
    for name in names:
        line = line.replace(name, "")
    return fold_text(line) if len(line) <= _MAX_LABEL and line.strip()[-1:] in (":", "：") else ""


def constant_tags(articles: Sequence[Article]) -> tuple[str, ...]:
    """Returns the tags that nearly all posts have, if these posts have no others."""
    counts = Counter(tuple(sorted(set(a.tags))) for a in articles)
    tags, n = max(counts.items(), key=lambda one: one[1], default=((), 0))
    return tags if len(tags) >= MIN_TAGS and n >= max(MIN_POSTS, _EVERYWHERE * len(articles)) else ()


def _frequent(values: Iterable[str], posts: int, share: float = SHARE) -> tuple[str, ...]:
    counts = Counter(value for value in values if value)
    return tuple(sorted(value for value, n in counts.items() if n >= max(MIN_POSTS, share * posts)))


def hides_others(title: str, articles: Sequence[Article]) -> bool:
    """Returns True if nearly all posts with the title `title` also have another candidate for the title, which differs
    from post to post. The common title then belongs to the site.
    """
    folded = fold_text(title)
    posts = [a for a in articles if a.title == title]
    others = [
        next(
            (
                text
                for e in a.evidence
                if e.field == "title" and e.source != OTHER_HEADING and (text := fold_text(e.value)) not in ("", folded)
            ),
            "",
        )
        for a in posts
    ]
    filled = [text for text in others if text]
    return len(filled) >= _VARIETY * len(posts) and len(set(filled)) >= _VARIETY * len(filled)


def titles_everywhere(articles: Sequence[Article]) -> tuple[str, ...]:
    """Returns the texts that are in the place of a title on nearly all posts, such as a banner, the same <title> on all
    pages, or "Leave a reply". Headings elsewhere on the pages, such as "Recent posts", are also returned if they are
    frequent.

    Returns () unless most of the posts also have a title that differs from post to post.
    """
    read = [found for a in articles if (found := _title_texts(a))]
    if len(read) < MIN_POSTS:
        return ()
    everywhere = {key for key, n in Counter(k for found in read for k in found).items() if n >= _EVERYWHERE * len(read)}
    others = Counter(key for found in read for key, one in found.items() if one.source == OTHER_HEADING)
    frequent = {key for key, n in others.items() if n >= max(MIN_POSTS, SHARE * len(read))}
    refused = everywhere | {k for k in frequent if all(k not in f or f[k].source == OTHER_HEADING for f in read)}
    own = [rest[0] for found in read if (rest := [key for key in found if key not in refused])]
    if not everywhere or len(own) < max(MIN_POSTS, _TITLED * len(read)) or len(set(own)) < _VARIETY * len(own):
        return ()
    return tuple(sorted({found[key].value for found in read for key in refused & found.keys()}))


def _title_texts(article: Article) -> dict[str, Evidence]:
    """Returns the evidence for an article's title, by the text of each candidate as `fold_text` returns it. Of
    candidates with equal texts, only the first one is returned.
    """
    found: dict[str, Evidence] = {}
    for one in article.evidence:
        if one.field == "title" and (key := fold_text(one.value)):
            found.setdefault(key, one)
    return found


def _outer_parts(post: ReadPost, refused: set[str]) -> Iterator[str]:
    """Yields the first and the last part of the <title> of a page, if it has several parts. Either may be the site's
    name. A part that is also in a heading of the post is left out. `refused` are titles that are constants.
    """
    parts = [part.strip() for part in _PARTS.split(post.head_title) if part.strip()]
    if len(parts) < 2:
        return
    shown = [
        fold_text(e.value)
        for e in post.article.evidence
        if e.field == "title" and e.source in _SHOWN and fold_text(e.value) not in refused
    ]
    for part in dict.fromkeys((parts[0], parts[-1])):
        folded = fold_text(part)
        if folded and len(part) <= _MAX_NAME_LENGTH and not any(folded in text for text in shown):
            yield part


def body_key(text: str) -> str:
    """Returns a tiny text in the form in which it is compared with others: as `fold_text` returns it, without
    numbers.
    """
    return fold_text(_DIGITS.sub("", text))


JSON_LD = "ld+json"
BYLINE = "byline beside the heading"
NAME_BESIDE_DATE = "name beside the date"
_OF_FIELD = {"body": ("drop", "lines"), "published": ("shown",)}
_FIGURES = ("coverage", "agreement")
_NUMBERS = (*_FIGURES, "learned_from")
_HEADER = lazy_regex(r"""\s*\[\s*["']?(\w+)["']?\s*\]""")


@dataclass(frozen=True, slots=True)
class Rule:
    """Where a field is on the pages of a site.

    - `select`: the selectors.
    - `attribute`: the attribute or JSON-LD property to read; "" for the text of the selected elements.
    - `shown`: only for the publication date. If `select` finds an instant in UTC, `shown` selects the element that
      shows the day. If the two days differ, the shown day is used.
    - `drop`, `lines`: only for the body. They are the selectors of blocks that are not part of the text, and the
      paragraphs that repeat from post to post.
    - `coverage`: the share (0 to 1) of the sample pages on which the rule finds something.
    - `agreement`: the share (0 to 1) of the sample pages on which the rule finds the known value.
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
    - `platform`: the site's platform, "" if the rules name none.
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
    """Parses rules from TOML. `by_hand` is True if a person wrote them, and `version` identifies them. Raises BadRules
    whose message names the file or site (`subject`) and the line or table with the mistake.
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
    """The TOML text of a site's rules, and the name of its file or site for error messages."""

    subject: str
    text: str

    def selector_error(self, table: str, name: str, selector: str, why: str) -> BadRules:
        """Returns the error for an invalid selector of the rule `name`. The message contains the table, the reason
        `why` and, if the selector is found in the text, its line number.
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
