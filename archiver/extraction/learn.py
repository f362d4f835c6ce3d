"""A site teaches its own template: from some of its posts to a small table of rules, checked before it is believed.

What a post says is known from its source (the REST API, a full-text feed), else from the agreement of the page's own
declarations and lines. For each field the selector is looked for that says the same on the site's posts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from lxml.etree import _Element as Element

from archiver.extraction.days.moment import Moment
from archiver.extraction.page import Page
from archiver.extraction.places.geosite import place_name, publisher_places
from archiver.extraction.rules import JSON_LD, Rule, SiteRules
from archiver.extraction.template.learn_body import learn_body
from archiver.extraction.template.naming import attribute_of, clarity, names_for, with_attribute
from archiver.extraction.template.ruled import READERS, Value, by_index, read_element, read_field
from archiver.extraction.text import folded, line
from archiver.items import Article, Lead

FEWEST = 8
"""Posts that make a template: fewer tell what these posts have in common, not what the site's posts have."""
# Of the pages whose own sources were held against each other: some of those are wrong where a rule is not.
_ACCEPTED = 0.9
_ACCEPTED_TAUGHT = 0.98  # of the pages whose API or feed told the value
_LONGEST = {"title": 500, "authors": 160, "published": 80, "modified": 80, "categories": 80, "tags": 80}
_PROPERTIES = {
    "title": ("headline", "name"), "authors": ("author",), "published": ("datePublished",),
    "modified": ("dateModified",), "categories": ("articleSection",), "tags": ("keywords",),
}
# A place that is called the other date's says the same only until a post is edited.
_MISNAMED = {
    "published": re.compile(r"modif|updat|revis", re.IGNORECASE),
    "modified": re.compile(r"publish|creat", re.IGNORECASE),
}
_MOST_TRIED = 40
_MOST_SELECTORS = 3
_TAUGHT = 400  # characters of HTML in a feed that are a whole post and no summary


@dataclass(frozen=True, slots=True)
class Sample:
    """A post of the site: its page and what general extraction, with its source's help, made of it.

    `taught`: an API (`by_api`) or a full-text feed told the values, so that they are known and not guessed.
    """

    page: Page
    article: Article
    taught: bool = False
    by_api: bool = False


@dataclass(frozen=True, slots=True)
class _Tried:
    rule: Rule
    right: tuple[bool, ...]
    said: int


def learn(samples: Sequence[Sample], others: Iterable[Page] = ()) -> SiteRules | None:
    """The rules of the site that these posts are from, None where they show no common template.

    `others` are pages of the site that are no posts: what marks a post must not be on them. A field whose rule
    does not say the same as is known of the posts gets none; without title and body there are no rules.
    """
    if len(samples) < FEWEST:
        return None
    fields = {name: rule for name in READERS if (rule := _learn_field(name, samples)) is not None}
    body = learn_body([(s.page, s.article, s.taught) for s in samples])
    if body is None or "title" not in fields:
        return None
    fields["body"] = body
    taught = sum(s.taught for s in samples)
    by_api = 2 * sum(s.by_api for s in samples) >= taught
    places = publisher_places((s.article.geotags for s in samples), len(samples))
    return SiteRules(
        fields, Counter(s.article.platform for s in samples).most_common(1)[0][0] or "generic",
        _post_marks(samples, list(others), fields), len(samples),
        ("api" if by_api else "feed") if 2 * taught >= len(samples) else "agreement",
        tuple(sorted(place_name(p) for p in places)),
    )


def _target(article: Article, name: str) -> Value:
    if name == "published":
        return Moment(article.published, article.published_precision or "day", True) if article.published else None
    if name == "modified":
        return Moment(article.modified, "", True) if article.modified else None
    value: Value = getattr(article, name)
    return value


def agrees(name: str, said: Value, known: Value) -> bool:
    """Whether a rule's value is the known one: texts to the letter, sets of names without order, the same instant."""
    if isinstance(said, Moment) and isinstance(known, Moment):
        return said.at == known.at and known.precision in ("", said.precision)
    if isinstance(said, tuple) and isinstance(known, tuple):
        return set(said) == set(known)
    return said == known


def _learn_field(name: str, samples: Sequence[Sample]) -> Rule | None:
    known = [_target(s.article, name) for s in samples]
    filled = sum(bool(k) for k in known)
    if filled < FEWEST // 2:
        return None
    seen: Counter[tuple[str, str]] = Counter()
    for sample, value in zip(samples, known, strict=True):
        if value:
            seen.update(list(dict.fromkeys(_places(sample.page, name, value))))
    misnamed = _MISNAMED.get(name)
    often = sorted((p for p, n in seen.items() if (3 * n >= filled or n >= FEWEST)
                    and not (misnamed and misnamed.search(" ".join(p)))),
                   key=lambda p: (seen[p], clarity(p[0]), p), reverse=True)
    tried = [_try(_rule(selector, attribute), name, samples, known) for selector, attribute in often[:_MOST_TRIED]]
    if not tried:
        return None
    best = max(tried, key=_worth)
    while not all(best.right) and len(best.rule.select) < _MOST_SELECTORS:
        longer = [
            _try(Rule((*best.rule.select, *t.rule.select), best.rule.attribute), name, samples, known)
            for t in tried if _asks(t.rule) == _asks(best.rule) and t.rule.select[0] not in best.rule.select
        ]
        better = max(longer, key=_worth, default=best)
        if sum(better.right) <= sum(best.right):
            break
        best = better
    if name == "published" and (shown := _shown_day(best, samples, known)):
        best = _try(replace(best.rule, shown=shown), name, samples, known)
    return best.rule if _believed(best, samples) else None


def _rule(selector: str, attribute: str) -> Rule:
    """The attribute of elements is written in the selector, the property of JSON-LD beside it."""
    return Rule((selector,), attribute) if selector == JSON_LD else Rule((with_attribute(selector, attribute),))


def _asks(rule: Rule) -> str:
    """The attribute or property that a rule reads: selectors of one rule read the same."""
    return rule.attribute or attribute_of(rule.select[0])


def _worth(tried: _Tried) -> tuple[object, ...]:
    """Right on most pages; what the page shows before what it declares in its head; few matches; a clear name."""
    selector = tried.rule.select[0]
    declared = selector == JSON_LD or selector.startswith("meta")
    return sum(tried.right), -declared, -tried.said, clarity(selector)


def _believed(tried: _Tried, samples: Sequence[Sample]) -> bool:
    taught = [right for right, s in zip(tried.right, samples, strict=True) if s.taught]
    guessed = [right for right, s in zip(tried.right, samples, strict=True) if not s.taught]
    return (sum(taught) >= _ACCEPTED_TAUGHT * len(taught)) and sum(guessed) >= _ACCEPTED * len(guessed)


def _try(rule: Rule, name: str, samples: Sequence[Sample], known: Sequence[Value]) -> _Tried:
    said = [read_field(s.page, name, rule, by_index) for s in samples]
    right = tuple(agrees(name, s, k) for s, k in zip(said, known, strict=True))
    matched = sum(len(by_index(s.page, rule.select[-1])) for s in samples if rule.select[-1] != JSON_LD)
    share = 1 / len(samples)
    return _Tried(
        replace(rule, coverage=sum(bool(s) for s in said) * share, agreement=sum(right) * share),
        right, matched,
    )


def _shown_day(best: _Tried, samples: Sequence[Sample], known: Sequence[Value]) -> tuple[str, ...]:
    """Where the pages show the day of the instant that they declare in UTC; () where they declare no such thing."""
    times = [read_field(s.page, "published", best.rule, by_index) for s in samples]
    if not all(isinstance(t, Moment) and t.zoned and not t.at.utcoffset() and t.precision != "day" for t in times):
        return ()
    seen: Counter[str] = Counter()
    for sample, time in zip(samples, times, strict=True):
        assert isinstance(time, Moment)
        near = {(time.at + timedelta(days=d)).date() for d in (-1, 0, 1)}
        seen.update(list(dict.fromkeys(
            name for el in sample.page.root.iter("*")
            if isinstance(el.tag, str) and el.tag not in _NEVER and _may_say(el, "published", set())
            and (m := read_element(sample.page, el)) is not None and m.at.date() in near
            for name in names_for(el)
        )))
    always = sorted((name for name, n in seen.items() if n == len(samples)), key=lambda n: (clarity(n), n))[::-1]
    rights = {n: _try(replace(best.rule, shown=(n,)), "published", samples, known) for n in always[:_MOST_TRIED]}
    name = max(rights, key=lambda n: (sum(rights[n].right), clarity(n)), default="")
    return (name,) if name and sum(rights[name].right) >= sum(best.right) else ()


def _places(page: Page, name: str, value: Value) -> Iterable[tuple[str, str]]:
    """Selectors, with the attribute where one holds it, of every place on the page that says this value or a part."""
    read, _ = READERS[name]
    exactly = set(value) if isinstance(value, tuple) else {str(value)}
    wanted = {folded(v) for v in exactly}

    def says(one: object) -> bool:
        found = read(page, [one])  # type: ignore[list-item]
        if isinstance(found, tuple):
            return bool(found) and set(found) <= exactly
        return bool(found) and agrees(name, found, value)

    for el in page.root.iter("*"):
        if el.tag == "meta":
            if (content := el.get("content")) and len(content) < 600 and says(content):
                yield from ((selector, "content") for selector in names_for(el))
            continue
        if not isinstance(el.tag, str) or el.tag in _NEVER or not _may_say(el, name, wanted):
            continue
        if says(el):
            yield from ((selector, "") for selector in names_for(el))
    for attribute in _PROPERTIES[name]:
        said = read_field(page, name, Rule((JSON_LD,), attribute), by_index)
        if said and agrees(name, said, value):
            yield JSON_LD, attribute


_NEVER = frozenset(("html", "head", "body", "script", "style", "noscript", "svg", "title", "link", "form", "img"))


def _may_say(el: Element, name: str, wanted: set[str]) -> bool:
    """Whether an element is worth reading as this field, by a glance at its text."""
    if len(el) > 12:
        return False
    text = "".join(str(t) for t in el.itertext())[:600].strip()
    if not 0 < len(text) <= _LONGEST[name]:
        return bool((name in ("published", "modified") and el.get("datetime")) or el.get("title"))
    if name in ("published", "modified"):
        return any(c.isdigit() for c in text) or bool(el.get("datetime") or el.get("title"))
    if name in ("categories", "tags"):
        return (el.tag in ("a", "span", "li", "div", "strong") and folded(line(el)) in wanted) or bool(
            wanted & {folded(line(el).lstrip("#"))})
    short = folded(text)
    return any(w and (w in short) for w in wanted)


def _post_marks(samples: Sequence[Sample], others: Sequence[Page], fields: dict[str, Rule]) -> tuple[str, ...]:
    """Selectors that are on every post and on no other page seen, as few as will do; () where nothing tells them apart.
    """
    first = samples[0].page.index
    options: list[str] = []
    for tag in ("body", "html", "article", "main"):
        for el in first.tag(tag)[:2]:
            options += [n for n in names_for(el) if n.startswith(tag)]
    options += ["meta[property='article:published_time']", "[itemtype*=BlogPosting]", "[itemtype*=NewsArticle]"]
    options += [s for name in ("published", "title", "body") if name in fields for s in fields[name].select[:1]
                if s != JSON_LD]
    everywhere = [o for o in dict.fromkeys(options) if all(by_index(s.page, o) for s in samples)]
    apart = [o for o in everywhere if not any(by_index(p, o) for p in others)]
    return tuple(apart[:1]) if others else ()


def is_taught(lead: Lead | None) -> bool:
    """True where the source reported the post itself: a platform's API, or a feed with whole texts."""
    return lead is not None and (lead.from_api or len(lead.body_html) >= _TAUGHT)
