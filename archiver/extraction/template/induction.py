"""A site teaches its own template: from some of its posts to a small table of rules, checked before it is believed.

What a post says is known from its source (the REST API, a full-text feed), else from the agreement of the page's own
declarations and lines. For each field the selector is looked for that says the same on the site's posts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from lxml.etree import _Element as Element

from archiver.extraction.authors.byline import BylineBlock
from archiver.extraction.body import render_container
from archiver.extraction.body_blocks import width
from archiver.extraction.date_text import Moment
from archiver.extraction.geotags import place_name, publisher_places
from archiver.extraction.page import Page
from archiver.extraction.post_locator import Post, text_length
from archiver.extraction.template.field_reader import (
    READERS,
    Value,
    body_container,
    by_index,
    read_date_element,
    read_field,
)
from archiver.extraction.template.site_rule import JSON_LD, Rule, SiteRules
from archiver.extraction.text import element_line, fold_text
from archiver.items import Article, SourceHint
from archiver.platforms.selectors import words

# Names for an element that fit its like on the site's other pages: the selectors a rule may be made of.

# What numbers one page among others ("post-123", "page-id-7", "comment_9"), or is made anew by each build.
# A post's terms as well ("tag-maps"), but not the parts of a template that hold them ("tag-links", "author-name").
_OF_ONE_PAGE = re.compile(
    r"\d{2,}|[_-]\d+$|^\d|^(?:category|tag|author|term|label|status|format|type)-(?!(?:links?|lists?|names?|labels?|"
    r"titles?|box|info|meta|items?|wrap|wrapper|container|content|text|date|time|header|line|block|area|section|group|"
    r"bar|by|avatar|bio|card)\b)"
)
_TAG = re.compile(r"^[a-z][a-z0-9]*$")
_PLAIN = re.compile(r"^[a-zA-Z][\w-]*$")
_IDENTIFIER = re.compile(r"-?[a-zA-Z_][a-zA-Z0-9_-]*")
_ATTRIBUTE = re.compile(r"::attr\(([\w-]+)\)$")
_UNQUOTABLE = frozenset("]\"'\\")
_VALUES = (("itemprop", "~="), ("rel", "~="), ("property", "="), ("name", "="), ("role", "="))
_NO_ANCHOR = frozenset(("html", "body"))
_UP = 5
_MOST_CLASSES = 6


# Words by which template authors name the parts of a post: a name that has one outlives the next change of layout.
_TELLING = re.compile(
    r"title|headline|author|byline|vcard|date|time|publish|posted|categor|tag|label|topic|entry|post|article|story|"
    r"content|body|text",
    re.IGNORECASE,
)


def selector_clarity(selector: str) -> tuple[int, int, int]:
    """How well a selector would be remembered by a person, more is better: said by the element itself, in a word
    that means a part of a post, briefly."""
    selector = _ATTRIBUTE.sub("", selector).replace("'", "")
    own = selector.rpartition(" ")[2]
    named = any(c in own for c in ".#[")
    telling = named and bool(_TELLING.search(own.partition(".")[2] or own))
    return 2 * named - selector.count(" "), telling, -len(selector)


def own_selectors(el: Element) -> list[str]:
    """Selectors of one element by what it says of itself, most telling first; its bare tag is none of them."""
    tag = el.tag if isinstance(el.tag, str) and _TAG.match(el.tag) else ""
    out = [f"{tag}[{attr}{op}{v}]" for attr, op in _VALUES for v in _values(el, attr, op)]
    classes = [c for c in words(el.get("class") or "") if _PLAIN.match(c) and not _OF_ONE_PAGE.search(c)]
    out += [f"{tag}.{c}" for c in classes[:_MOST_CLASSES]]
    if len(classes) > 1:
        out.append(tag + "".join(f".{c}" for c in classes[:3]))
    ident = el.get("id") or ""
    if _PLAIN.match(ident) and not _OF_ONE_PAGE.search(ident):
        out.append(f"{tag}#{ident}")
    return out


def _values(el: Element, attr: str, op: str) -> list[str]:
    value = el.get(attr) or ""
    if len(value) > 60:
        return []
    parts = words(value) if op == "~=" else [value]
    return [_quoted(v) for v in parts if v.strip() and v.isprintable() and _UNQUOTABLE.isdisjoint(v)]


def _quoted(value: str) -> str:
    """A value as CSS takes it: what is no identifier stands in quotation marks."""
    return value if _IDENTIFIER.fullmatch(value) else f"'{value}'"


def with_attribute(selector: str, attribute: str) -> str:
    """A selector of elements as one of the values of an attribute; of the elements themselves where that is ""."""
    return f"{selector}::attr({attribute})" if attribute else selector


def attribute_of(selector: str) -> str:
    """The attribute that a selector made here asks for, "" where it asks for elements."""
    found = _ATTRIBUTE.search(selector)
    return found[1] if found else ""


def selectors_for(el: Element) -> Iterator[str]:
    """Selectors that mean this element: its own names, these or its tag below a named ancestor, a tag that is
    hardly used twice (h1, time)."""
    own = own_selectors(el)
    yield from own
    tag = str(el.tag)
    if not _TAG.match(tag):
        return
    if tag in ("h1", "time", "main", "article"):
        yield tag
    parent, step = el.getparent(), 0
    while parent is not None and step < _UP and parent.tag not in _NO_ANCHOR:
        for anchor in own_selectors(parent)[:4]:
            if step == 0:
                yield f"{anchor} > {tag}"
            yield f"{anchor} {tag}"
            for name in own[:3]:
                yield f"{anchor} {name}"
        parent, step = parent.getparent(), step + 1


# Learning where a site's posts have their text, and which of its paragraphs are the site's and not the post's.

Known = tuple[Page, Article, bool]
_ALIKE = 0.97
_SHORTEST = 60  # letters of a body that can tell where bodies stand
_REPEATED = 0.5  # of the posts have a paragraph that is the site's
_FEWEST_REPEATS = 5
_LONGEST_LINE = 600
_SHORTEST_SENTENCE = 14.0  # letters as wide as Latin ones, of a line that ends as a sentence does
_SHORTEST_LINE = 24.0
_SENTENCE_END = tuple(".!?…。！？؟۔")
_MOST_CONTAINERS_TRIED = 30


def learn_body(samples: Sequence[Known]) -> Rule | None:
    """The rule of the body: the container whose text is the known one on nearly all posts, and repeated paragraphs."""
    usable = [s for s in samples if len(s[1].body) >= _SHORTEST]
    if 2 * len(usable) < len(samples) or not usable:
        return None
    seen: Counter[str] = Counter()
    for page, article, _ in usable:
        for el in _containers(page, article.body):
            seen.update(list(dict.fromkeys(selectors_for(el))))
    headings = {text for page, _, _ in usable for text in _headings(page)}
    best: tuple[tuple[object, ...], Rule, list[str]] | None = None
    often = sorted(
        (s for s, n in seen.items() if 2 * n >= len(usable)),
        key=lambda s: (seen[s], selector_clarity(s), s),
        reverse=True,
    )
    memory: list[dict[Element, tuple[str, int]]] = [{} for _ in usable]
    for selector in often[:_MOST_CONTAINERS_TRIED]:
        read = [_text(page, article, selector, once) for (page, article, _), once in zip(usable, memory, strict=True)]
        texts = [text for text, _ in read]
        likeness = [text_f1(t, a.body) for t, (_, a, _) in zip(texts, usable, strict=True)]
        right = sum(one >= _ALIKE for one in likeness) / len(usable)
        mean = sum(likeness) / len(usable)
        # The deepest of those that hold the same: what stands beside the text in a larger one changes.
        worth = right, round(mean, 2), -sum(letters for _, letters in read) // len(read), selector_clarity(selector)
        if right >= _ACCEPTED and (best is None or worth > best[0]):
            coverage = sum(bool(t) for t in texts) / len(usable)
            best = worth, Rule((selector,), coverage=coverage, agreement=mean), texts
    if best is None:
        return None
    _, rule, texts = best
    taught = [a.body for _, a, told in usable if told]
    lines = tuple(p for p in repeated_paragraphs(texts, taught) if p not in headings)
    return Rule(rule.select, lines=lines, coverage=rule.coverage, agreement=rule.agreement)


def _headings(page: Page) -> set[str]:
    """The lines by which a page divides its text: headings, and paragraphs that are bold from end to end."""
    index = page.index
    found = {element_line(el) for tag in ("h1", "h2", "h3", "h4", "h5", "h6", "dt", "caption") for el in index.tag(tag)}
    for tag in ("strong", "b"):
        for el in index.tag(tag):
            parent = el.getparent()
            if parent is not None and el.find(".//a") is None and (text := element_line(el)) == element_line(parent):
                found.add(text)
    return found


def _text(page: Page, article: Article, selector: str, once: dict[Element, tuple[str, int]]) -> tuple[str, int]:
    """What the container reads as, and how many letters stand in it at all."""
    el = body_container(page, Rule((selector,)), by_index)
    if el is None:
        return "", 0
    if el not in once:
        once[el] = (
            render_container(page, Post(page, body=el, holder=el), el, article.title, BylineBlock()),
            text_length(el),
        )
    return once[el]


def _containers(page: Page, body: str) -> list[Element]:
    """The deepest element that holds nearly all paragraphs of a text, and two above it."""
    marks = [f[:80] for p in body.split("\n\n") if len(f := fold_text(p)) >= 12][:60]
    if not marks:
        return []
    at = next(iter(page.index.tag("body")), None)
    found: list[Element] = []
    while at is not None:
        found.append(at)
        at = next((child for child in at if isinstance(child.tag, str) and _holds(child, marks)), None)
    return found[-3:] if len(found) > 3 else found[1:]


def _holds(el: Element, marks: Sequence[str]) -> bool:
    text = fold_text("".join(str(t) for t in el.itertext()))
    return sum(m in text for m in marks) >= 0.9 * len(marks)


def text_f1(a: str, b: str) -> float:
    """How much two texts share: F1 of their words as multisets; letters where a script has no spaces."""
    one, two = (Counter(t.split()) if " " in t else Counter(t) for t in (a, b))
    total = sum(one.values()) + sum(two.values())
    return 2 * sum((one & two).values()) / total if total else 1.0


def repeated_paragraphs(texts: Sequence[str], taught: Sequence[str]) -> tuple[str, ...]:
    """Paragraphs that stand in at least half of the texts, but in none of those that the posts' own source told.

    A word or two ("References") head a section and are none.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update({p for p in text.split("\n\n") if _is_said(p)})
    fewest = max(_FEWEST_REPEATS, _REPEATED * len(texts))
    said = "\n\n".join(taught)
    return tuple(p for p, n in counts.items() if n >= fewest and len(p) <= _LONGEST_LINE and p not in said)


def _is_said(paragraph: str) -> bool:
    """Whether a paragraph says something, and does not only name what follows it."""
    wide = width(paragraph)
    if paragraph.endswith(_SENTENCE_END):
        return wide >= _SHORTEST_SENTENCE
    return wide >= _SHORTEST_LINE and (" " not in paragraph or paragraph.count(" ") >= 3)


FEWEST = 8
"""Posts that make a template: fewer tell what these posts have in common, not what the site's posts have."""
# Of the pages whose own sources were held against each other: some of those are wrong where a rule is not.
_ACCEPTED = 0.9
_ACCEPTED_TAUGHT = 0.98  # of the pages whose API or feed told the value
_LONGEST = {"title": 500, "authors": 160, "published": 80, "modified": 80, "categories": 80, "tags": 80}
_PROPERTIES = {
    "title": ("headline", "name"),
    "authors": ("author",),
    "published": ("datePublished",),
    "modified": ("dateModified",),
    "categories": ("articleSection",),
    "tags": ("keywords",),
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


def learn_rules(samples: Sequence[Sample], others: Iterable[Page] = ()) -> SiteRules | None:
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
        fields,
        Counter(s.article.platform for s in samples).most_common(1)[0][0] or "generic",
        _post_marks(samples, list(others), fields),
        len(samples),
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


def agrees_with(name: str, said: Value, known: Value) -> bool:
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
    often = sorted(
        (
            p
            for p, n in seen.items()
            if (3 * n >= filled or n >= FEWEST) and not (misnamed and misnamed.search(" ".join(p)))
        ),
        key=lambda p: (seen[p], selector_clarity(p[0]), p),
        reverse=True,
    )
    tried = [_try(_rule(selector, attribute), name, samples, known) for selector, attribute in often[:_MOST_TRIED]]
    if not tried:
        return None
    best = max(tried, key=_worth)
    while not all(best.right) and len(best.rule.select) < _MOST_SELECTORS:
        longer = [
            _try(Rule((*best.rule.select, *t.rule.select), best.rule.attribute), name, samples, known)
            for t in tried
            if _asks(t.rule) == _asks(best.rule) and t.rule.select[0] not in best.rule.select
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
    return sum(tried.right), -declared, -tried.said, selector_clarity(selector)


def _believed(tried: _Tried, samples: Sequence[Sample]) -> bool:
    taught = [right for right, s in zip(tried.right, samples, strict=True) if s.taught]
    guessed = [right for right, s in zip(tried.right, samples, strict=True) if not s.taught]
    return (sum(taught) >= _ACCEPTED_TAUGHT * len(taught)) and sum(guessed) >= _ACCEPTED * len(guessed)


def _try(rule: Rule, name: str, samples: Sequence[Sample], known: Sequence[Value]) -> _Tried:
    said = [read_field(s.page, name, rule, by_index) for s in samples]
    right = tuple(agrees_with(name, s, k) for s, k in zip(said, known, strict=True))
    matched = sum(len(by_index(s.page, rule.select[-1])) for s in samples if rule.select[-1] != JSON_LD)
    share = 1 / len(samples)
    return _Tried(
        replace(rule, coverage=sum(bool(s) for s in said) * share, agreement=sum(right) * share),
        right,
        matched,
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
        seen.update(
            list(
                dict.fromkeys(
                    name
                    for el in sample.page.root.iter("*")
                    if isinstance(el.tag, str)
                    and el.tag not in _NEVER
                    and _may_say(el, "published", set())
                    and (m := read_date_element(sample.page, el)) is not None
                    and m.at.date() in near
                    for name in selectors_for(el)
                )
            )
        )
    always = sorted((name for name, n in seen.items() if n == len(samples)), key=lambda n: (selector_clarity(n), n))[
        ::-1
    ]
    rights = {n: _try(replace(best.rule, shown=(n,)), "published", samples, known) for n in always[:_MOST_TRIED]}
    name = max(rights, key=lambda n: (sum(rights[n].right), selector_clarity(n)), default="")
    return (name,) if name and sum(rights[name].right) >= sum(best.right) else ()


def _places(page: Page, name: str, value: Value) -> Iterable[tuple[str, str]]:
    """Selectors, with the attribute where one holds it, of every place on the page that says this value or a part."""
    read, _ = READERS[name]
    exactly = set(value) if isinstance(value, tuple) else {str(value)}
    wanted = {fold_text(v) for v in exactly}

    def says(one: object) -> bool:
        found = read(page, [one])  # type: ignore[list-item]
        if isinstance(found, tuple):
            return bool(found) and set(found) <= exactly
        return bool(found) and agrees_with(name, found, value)

    for el in page.root.iter("*"):
        if el.tag == "meta":
            if (content := el.get("content")) and len(content) < 600 and says(content):
                yield from ((selector, "content") for selector in selectors_for(el))
            continue
        if not isinstance(el.tag, str) or el.tag in _NEVER or not _may_say(el, name, wanted):
            continue
        if says(el):
            yield from ((selector, "") for selector in selectors_for(el))
    for attribute in _PROPERTIES[name]:
        said = read_field(page, name, Rule((JSON_LD,), attribute), by_index)
        if said and agrees_with(name, said, value):
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
        return (el.tag in ("a", "span", "li", "div", "strong") and fold_text(element_line(el)) in wanted) or bool(
            wanted & {fold_text(element_line(el).lstrip("#"))}
        )
    short = fold_text(text)
    return any(w and (w in short) for w in wanted)


def _post_marks(samples: Sequence[Sample], others: Sequence[Page], fields: dict[str, Rule]) -> tuple[str, ...]:
    """Selectors that are on every post and on no other page seen, as few as will do; () where nothing tells them apart."""
    first = samples[0].page.index
    options: list[str] = []
    for tag in ("body", "html", "article", "main"):
        for el in first.tag(tag)[:2]:
            options += [n for n in selectors_for(el) if n.startswith(tag)]
    options += ["meta[property='article:published_time']", "[itemtype*=BlogPosting]", "[itemtype*=NewsArticle]"]
    options += [
        s for name in ("published", "title", "body") if name in fields for s in fields[name].select[:1] if s != JSON_LD
    ]
    everywhere = [o for o in dict.fromkeys(options) if all(by_index(s.page, o) for s in samples)]
    apart = [o for o in everywhere if not any(by_index(p, o) for p in others)]
    return tuple(apart[:1]) if others else ()


def is_taught(lead: SourceHint | None) -> bool:
    """True where the source reported the post itself: a platform's API, or a feed with whole texts."""
    return lead is not None and (lead.from_api or len(lead.body_html) >= _TAUGHT)
