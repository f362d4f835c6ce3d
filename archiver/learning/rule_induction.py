"""Learns a site's rules from a sample of its posts, and checks them on the same posts.

The values of a post are known from an API or a full-text feed, or else from extraction without site rules. For each
field, a selector is learned that finds these values on the site's posts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property, lru_cache

from lxml.etree import _Element as Element

from archiver.extraction.authors import people_beside_heading, person_beside_date
from archiver.extraction.blocks import text_width
from archiver.extraction.body import render_container
from archiver.extraction.bylines import BylineBlock, byline_beside_heading, has_no_case
from archiver.extraction.date_parser import Moment
from archiver.extraction.geotags import format_place_key, publisher_places
from archiver.extraction.normalization import element_line, fold_text
from archiver.extraction.page import Page
from archiver.extraction.post_locator import ALIKE as ALIKE_TITLES
from archiver.extraction.post_locator import Post, declared_titles, post_with_title, title_similarity
from archiver.extraction.rule_reader import (
    READERS,
    Memory,
    Value,
    body_container,
    element_of_rule,
    read_date_element,
    read_field,
    select_by_index,
)
from archiver.extraction.site_rules import (
    BYLINE,
    JSON_LD,
    NAME_BESIDE_DATE,
    Rule,
    SiteRules,
)
from archiver.model.items import Article, SourceHint
from archiver.model.lazy_regex import lazy_regex
from archiver.platforms.selector_index import Found, split_words

# Making selectors for an element that also match its counterparts on the site's other pages.

# Names that belong to one page only: numbered ones ("post-123", "page-id-7", "comment_9"), hashes that change with each
# build, and a post's terms ("tag-maps"). Names for those parts of a template that show terms ("tag-links") are not
# among them.
_PAGE_SPECIFIC = lazy_regex(
    r"\d{2,}|[_-]\d+$|^\d|^(?:category|tag|author|term|label|status|format|type)-(?!(?:links?|lists?|names?|labels?|"
    r"titles?|box|info|meta|items?|wrap|wrapper|container|content|text|date|time|header|line|block|area|section|group|"
    r"bar|by|avatar|bio|card)\b)"
)
_TAG = lazy_regex(r"^[a-z][a-z0-9]*$")
_PLAIN = lazy_regex(r"^[a-zA-Z][\w-]*$")
_IDENTIFIER = lazy_regex(r"-?[a-zA-Z_][a-zA-Z0-9_-]*")
_ATTRIBUTE = lazy_regex(r"::attr\(([\w-]+)\)$")
_UNQUOTABLE = frozenset("]\"'\\")
_VALUES = (("itemprop", "~="), ("rel", "~="), ("property", "="), ("name", "="), ("role", "="))
_NO_ANCHOR = frozenset(("html", "body"))
_MAX_ANCESTORS = 5
_MAX_CLASSES = 6

# Words that template authors use for the parts of a post. A name that contains one of these words usually survives
# small redesigns.
_PART_WORD = lazy_regex(
    r"title|headline|author|byline|vcard|date|time|publish|posted|categor|tag|label|topic|entry|post|article|story|"
    r"content|body|text",
    re.IGNORECASE,
)


def selector_clarity(selector: str) -> tuple[int, int, int]:
    """Returns a sort key by which selectors that people can read more easily are higher: short ones that use a class,
    id or attribute of the element itself, and contain a word for a part of a post, such as "title".
    """
    selector = _ATTRIBUTE.sub("", selector).replace("'", "")
    own = selector.rpartition(" ")[2]
    named = any(c in own for c in ".#[")
    has_part_word = named and bool(_PART_WORD.search(own.partition(".")[2] or own))
    return 2 * named - selector.count(" "), has_part_word, -len(selector)


def own_selectors(el: Element) -> Sequence[str]:
    """Returns selectors that select an element by its own classes, id or other attributes, never by its tag alone."""
    values = tuple(el.get(attr) or "" for attr, _ in _VALUES)
    return _own_selectors(el.tag if isinstance(el.tag, str) else "", el.get("class") or "", el.get("id") or "", values)


@lru_cache(maxsize=4_096)  # the pages of a site share most of their elements' names
def _own_selectors(tag: str, class_names: str, ident: str, values: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the selectors of an element with this tag, class and id. `values` are the values of the attributes in
    `_VALUES`.
    """
    tag = tag if _TAG.match(tag) else ""
    named = zip(_VALUES, values, strict=True)
    out = [f"{tag}[{attr}{op}{v}]" for (attr, op), value in named for v in _attribute_values(value, op)]
    classes = [c for c in split_words(class_names) if _PLAIN.match(c) and not _PAGE_SPECIFIC.search(c)]
    out += [f"{tag}.{c}" for c in classes[:_MAX_CLASSES]]
    if len(classes) > 1:
        out.append(tag + "".join(f".{c}" for c in classes[:3]))
    if _PLAIN.match(ident) and not _PAGE_SPECIFIC.search(ident):
        out.append(f"{tag}#{ident}")
    return tuple(out)


def _attribute_values(value: str, op: str) -> list[str]:
    if len(value) > 60:
        return []
    parts = split_words(value) if op == "~=" else [value]
    return [_quoted(v) for v in parts if v.strip() and v.isprintable() and _UNQUOTABLE.isdisjoint(v)]


def _quoted(value: str) -> str:
    """Returns a value in CSS notation, in quotation marks unless it is an identifier."""
    return value if _IDENTIFIER.fullmatch(value) else f"'{value}'"


def with_attribute(selector: str, attribute: str) -> str:
    """Returns the selector with `::attr(attribute)` appended, so that it selects the attribute's values. If `attribute`
    is "", returns it unchanged.
    """
    return f"{selector}::attr({attribute})" if attribute else selector


def attribute_of(selector: str) -> str:
    """Returns the attribute that a selector made by `with_attribute` selects; "" if it selects elements."""
    found = _ATTRIBUTE.search(selector)
    return found[1] if found else ""


def selectors_for(el: Element) -> Iterator[str]:
    """Yields selectors that match an element. They use:

    - the element's own attributes;
    - a tag that is rarely used twice (h1, time);
    - its attributes or tag together with an ancestor.
    """
    own = own_selectors(el)
    yield from own
    tag = str(el.tag)
    if not _TAG.match(tag):
        return
    if tag in ("h1", "time", "main", "article"):
        yield tag
    parent, step = el.getparent(), 0
    while parent is not None and step < _MAX_ANCESTORS and parent.tag not in _NO_ANCHOR:
        for anchor in own_selectors(parent)[:4]:
            if step == 0:
                yield f"{anchor} > {tag}"
            yield f"{anchor} {tag}"
            for name in own[:3]:
                yield f"{anchor} {name}"
        parent, step = parent.getparent(), step + 1


# The body: learning which element contains it, and which paragraphs repeat from post to post.

Known = tuple[Page, Article, bool]
"""A page, its known article, and True if the site's API or feed reported the article's values."""
_ALIKE = 0.97
_MIN_BODY_LENGTH = 60  # if a body has fewer characters than this, its container is not certain
_REPEATED = 0.5  # a paragraph that is on at least this share of the posts belongs to the site
_MIN_REPEATS = 5
_MAX_LINE_LENGTH = 600
_MIN_SENTENCE_WIDTH = 14.0  # a line with a full stop is a sentence if it is as long as this many Latin letters
_MIN_LINE_WIDTH = 24.0
_SENTENCE_END = tuple(".!?…。！？؟۔")
_MAX_CONTAINERS_TRIED = 30


def learn_body(samples: Sequence[Known]) -> Rule | None:
    """Learns the rule for the body from sample posts whose texts are known. The rule consists of the selector of the
    container whose text is the known one on nearly all posts, and of the paragraphs in it that repeat from post to
    post. Returns None if there is no such container.
    """
    usable = [s for s in samples if len(s[1].body) >= _MIN_BODY_LENGTH]
    if 2 * len(usable) < len(samples) or not usable:
        return None
    seen: Counter[str] = Counter()
    for page, article, _ in usable:
        for el in _containers(page, article.body):
            seen.update(list(dict.fromkeys(selectors_for(el))))
    often = sorted(
        (s for s, n in seen.items() if 2 * n >= len(usable)),
        key=lambda s: (seen[s], selector_clarity(s), s),
        reverse=True,
    )
    texts: list[_ContainerTexts] = [_ContainerTexts(page, article) for page, article, _ in usable]
    tries = [_SelectedContainers(s, n, texts) for n, s in enumerate(often[:_MAX_CONTAINERS_TRIED])]
    best: _Body | None = None
    for one in sorted(tries, key=lambda one: one.letters):
        best = _try_containers(one, texts, best) or best
    if best is None:
        return None
    reported = [article.body for _, article, is_reported in usable if is_reported]
    repeated = repeated_paragraphs(best.texts, reported)
    headings = {text for page, _, _ in usable for text in _headings(page)} if repeated else set()
    return replace(best.rule, lines=tuple(p for p in repeated if p not in headings))


def _headings(page: Page) -> set[str]:
    """Returns the texts that divide a page: its headings, and paragraphs that are entirely bold."""
    index = page.index
    found = {element_line(el) for tag in ("h1", "h2", "h3", "h4", "h5", "h6", "dt", "caption") for el in index.tag(tag)}
    for tag in ("strong", "b"):
        for el in index.tag(tag):
            parent = el.getparent()
            if parent is not None and el.find(".//a") is None and (text := element_line(el)) == element_line(parent):
                found.add(text)
    return found


@dataclass(frozen=True, slots=True)
class _Container:
    """The text that extraction finds in a container (an element that may hold the body), and its similarity (0 to 1) to
    the known body (see `text_f1`).
    """

    text: str
    likeness: float


class _ContainerTexts:
    """Reads the containers (elements that may hold the body) of one page, each only once."""

    def __init__(self, page: Page, article: Article) -> None:
        self._page, self._article = page, article
        self._read: dict[Element, _Container] = {}

    def select(self, selector: str) -> Element | None:
        return body_container(self._page, Rule((selector,)), select_by_index)

    def letters(self, el: Element | None) -> int:
        """Returns the number of all characters in a container."""
        return self._page.index.text_length(el) if el is not None else 0

    def read(self, el: Element | None) -> _Container:
        if el is None:
            return _Container("", 0.0)
        if el not in self._read:
            page, article = self._page, self._article
            text = render_container(page, Post(page, body=el, holder=el), el, article.title, BylineBlock()).text
            self._read[el] = _Container(text, text_f1(text, article.body))
        return self._read[el]


class _SelectedContainers:
    """The containers (elements that may hold the body) that a selector finds on the sample pages; None for a page on
    which it finds none.

    - `letters`: the mean number of characters in them.
    - `place`: the selector's place in the order in which selectors are preferred.
    """

    def __init__(self, selector: str, place: int, texts: Sequence[_ContainerTexts]) -> None:
        self.selector = selector
        self.elements = [one.select(selector) for one in texts]
        letters = (one.letters(el) for one, el in zip(texts, self.elements, strict=True))
        self.letters = -(-sum(letters) // len(texts))
        self._order = -self.letters, selector_clarity(selector), -place

    def rank(self, right: float, alike: float) -> tuple[object, ...]:
        """Returns a sort key that is higher for better containers. `right` is the share of the pages on which the
        container has the known text, and `alike` is the mean similarity of the two texts on these pages.

        If several containers hold the same text, the one with the fewest characters is best, since a larger one also
        contains things that change. Posts that were read wrongly (such as one with only a picture) do not count in
        `alike`, since they would favour the larger container.
        """
        return right, round(alike, 2), *self._order


@dataclass(frozen=True, slots=True)
class _Body:
    """A rule for the body, its rank (see `_SelectedContainers.rank`), and the texts that it finds on the pages."""

    rule: Rule
    rank: tuple[object, ...]
    texts: list[str]


def _try_containers(
    selected: _SelectedContainers, texts: Sequence[_ContainerTexts], best: _Body | None
) -> _Body | None:
    """Returns the rule with the selector of `selected` if it is better than `best` and right on enough pages; otherwise
    None. Stops reading pages once the rule cannot be better.
    """
    wrong, read = 0, []
    for one, el in zip(texts, selected.elements, strict=True):
        most = (len(texts) - wrong) / len(texts)
        if most < _ACCEPTED or (best is not None and selected.rank(most, 1.0) < best.rank):
            return None
        read.append(one.read(el))
        wrong += read[-1].likeness < _ALIKE
    alike = [one.likeness for one in read if one.likeness >= _ALIKE]
    right = len(alike) / len(read)
    rank = selected.rank(right, sum(alike) / max(len(alike), 1))
    if right < _ACCEPTED or (best is not None and rank < best.rank):
        return None
    coverage, agreement = sum(bool(one.text) for one in read) / len(read), sum(one.likeness for one in read) / len(read)
    rule = Rule((selected.selector,), coverage=coverage, agreement=agreement)
    return _Body(rule, rank, [one.text for one in read])


def _containers(page: Page, body: str) -> list[Element]:
    """Returns the elements that may be the container of a body: the deepest element with nearly all of its paragraphs,
    and the two elements around it. Returns [] if the body is too short.
    """
    marks = [f[:80] for p in body.split("\n\n") if len(f := fold_text(p)) >= 12][:60]
    if not marks:
        return []
    at = next(iter(page.index.tag("body")), None)
    if at is None:
        return []
    folded, found = _FoldedText(at), [at]
    while at is not None:
        at = next((child for child in at if isinstance(child.tag, str) and folded.has_most(child, marks)), None)
        if at is not None:
            found.append(at)
    return found[-3:] if len(found) > 3 else found[1:]


class _FoldedText:
    """The text of an element as `fold_text` returns it, with the range of each inner element in this text."""

    def __init__(self, top: Element) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._spans: dict[Element, tuple[int, int]] = {}
        self._read(top)
        self._text = "".join(self._pieces)

    def _read(self, el: Element) -> None:
        start = self._length
        self._add(el.text)
        for child in el:
            if isinstance(child.tag, str):
                self._read(child)
            self._add(child.tail)
        self._spans[el] = start, self._length

    def _add(self, text: str | None) -> None:
        if text and not text.isspace():
            self._pieces.append(fold_text(text))
            self._length += len(self._pieces[-1])

    def has_most(self, el: Element, marks: Sequence[str]) -> bool:
        """Returns True if an element contains at least 90 % of the texts `marks`."""
        start, end = self._spans[el]
        needed, missing = 0.9 * len(marks), 0
        for mark in marks:
            if self._text.find(mark, start, end) < 0:
                missing += 1
                if len(marks) - missing < needed:
                    return False
        return True


def text_f1(a: str, b: str) -> float:
    """Returns the similarity of two texts, from 0 to 1: the F1 score of their words, or of their characters if they
    have no spaces.
    """
    one, two = (Counter(t.split()) if " " in t else Counter(t) for t in (a, b))
    total = sum(one.values()) + sum(two.values())
    return 2 * sum((one & two).values()) / total if total else 1.0


def repeated_paragraphs(texts: Sequence[str], reported: Sequence[str]) -> tuple[str, ...]:
    """Returns the paragraphs that are in at least half of the `texts`. Paragraphs of the `reported` bodies, which an
    API or feed gave, are left out.

    Paragraphs of one or two words ("References") do not count, because they are section headings.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update({p for p in text.split("\n\n") if _is_statement(p)})
    min_count = max(_MIN_REPEATS, _REPEATED * len(texts))
    known = "\n\n".join(reported)
    return tuple(p for p, n in counts.items() if n >= min_count and len(p) <= _MAX_LINE_LENGTH and p not in known)


def _is_statement(paragraph: str) -> bool:
    """Returns True if a paragraph is long enough to be a sentence and not a heading."""
    wide = text_width(paragraph)
    if paragraph.endswith(_SENTENCE_END):
        return wide >= _MIN_SENTENCE_WIDTH
    return wide >= _MIN_LINE_WIDTH and (" " not in paragraph or paragraph.count(" ") >= 3)


# All fields.

MIN_POSTS = 8
"""At least this many posts are needed to learn a template. Fewer posts may have something in common that the site's
other posts do not have."""
# A rule must find the known value on at least this share of the pages. Known values that were extracted without site
# rules are wrong on some pages on which the rule is right.
_ACCEPTED = 0.9
_ACCEPTED_REPORTED = 0.98  # at least this share if the site's API or feed reported the values
_MAX_LENGTH = {"title": 500, "authors": 160, "published": 80, "modified": 80, "categories": 80, "tags": 80}
_PROPERTIES = {
    "title": ("headline", "name"),
    "authors": ("author",),
    "published": ("datePublished",),
    "modified": ("dateModified",),
    "categories": ("articleSection",),
    "tags": ("keywords",),
}
# Words in the names of the other date. An element with such a name shows the right date only until the post is edited.
_NAMES_OF_OTHER_DATE = {
    "published": lazy_regex(r"modif|updat|revis", re.IGNORECASE),
    "modified": lazy_regex(r"publish|creat", re.IGNORECASE),
}
_MAX_TRIED = 40
_VARIETY = 0.8  # a rule for titles is right only if at least this share of its titles is distinct
_SLOTS = frozenset(("authors", "categories", "published"))
"""Fields that a template shows in the same place on every post, even if extraction without rules misses some of
them."""
_ALWAYS_FILLED = 0.95
_MAX_SELECTORS = 3
_WHOLE_POST = 400  # HTML with at least this many characters in a feed is a whole post and not a summary


@dataclass(frozen=True, slots=True)
class Sample:
    """A post from which rules are learned: its page, and the article that was extracted without site rules from the
    page and its source hint.

    - `taught`: True if an API or a full-text feed gave the values, so that they are certain.
    - `by_api`: True if it was an API.
    """

    page: Page
    article: Article
    taught: bool = False
    by_api: bool = False


@dataclass(frozen=True, slots=True)
class _Trial:
    """The result of trying a rule on the samples. `right` contains, for each sample, whether the rule found the known
    value. `matched` is the number of elements that the rule matched on all samples together.
    """

    rule: Rule
    right: tuple[bool, ...]
    matched: int


def learn_rules(samples: Sequence[Sample], others: Iterable[Page] = ()) -> SiteRules | None:
    """Learns the rules of a site from sample posts. Returns None if no rule for the title or the body is found, as when
    the posts have no common template.

    `others` are pages of the site that are not posts; the selectors that mark a post must not match on them. A field
    gets a rule only if the rule finds the known values.
    """
    if len(samples) < MIN_POSTS:
        return None
    body = learn_body([(s.page, s.article, s.taught) for s in samples])
    if body is None:
        return None
    searched = [_SearchedPage(s.page) for s in samples]
    fields: dict[str, Rule] = {}
    for name in READERS:  # the title is the first
        if (rule := _learn_field(name, samples, searched)) is not None:
            fields[name] = rule
        elif name == "title":
            return None
    fields["body"] = body
    if "authors" not in fields and (rule := _learn_byline(samples, fields)) is not None:
        fields["authors"] = rule
    taught = sum(s.taught for s in samples)
    by_api = 2 * sum(s.by_api for s in samples) >= taught
    places = publisher_places([s.article.geotags for s in samples], len(samples))
    return SiteRules(
        fields,
        Counter(s.article.platform for s in samples).most_common(1)[0][0] or "generic",
        _post_marks(samples, others, fields),
        len(samples),
        ("api" if by_api else "feed") if 2 * taught >= len(samples) else "agreement",
        tuple(sorted(format_place_key(p) for p in places)),
    )


def _known_value(article: Article, name: str) -> Value:
    if name == "published":
        return Moment(article.published, article.published_precision or "day", True) if article.published else None
    if name == "modified":
        return Moment(article.modified, "", True) if article.modified else None
    value: Value = getattr(article, name)
    return value


def agrees_with(name: str, value: Value, known: Value) -> bool:
    """Returns True if the value that a rule finds agrees with the known value. Titles may differ in case and
    punctuation (a platform prints a dash for a hyphen), other texts must be equal, names may be in any order, and times
    must be the same instant.
    """
    if isinstance(value, Moment) and isinstance(known, Moment):
        return value.at == known.at and known.precision in ("", value.precision)
    if isinstance(value, tuple) and isinstance(known, tuple):
        return set(value) == set(known)
    if name == "title" and value and known:
        return fold_text(str(value)) == fold_text(str(known))
    return value == known


def _learn_field(name: str, samples: Sequence[Sample], searched: Sequence[_SearchedPage]) -> Rule | None:
    known = [_known_value(s.article, name) for s in samples]
    filled = sum(bool(k) for k in known)
    if filled < MIN_POSTS // 2:
        return None
    seen: Counter[tuple[str, str]] = Counter()
    for one, value in zip(searched, known, strict=True):
        if value:
            seen.update(list(dict.fromkeys(_selectors_for_value(one, name, value))))
    misnamed = _NAMES_OF_OTHER_DATE.get(name)
    often = sorted(
        (
            p
            for p, n in seen.items()
            if (3 * n >= filled or n >= MIN_POSTS) and not (misnamed and misnamed.search(" ".join(p)))
        ),
        key=lambda p: (seen[p], selector_clarity(p[0]), p),
        reverse=True,
    )
    is_slot = name in _SLOTS and filled < _ACCEPTED * len(samples)
    trials: list[_Trial] = []
    best: _Trial | None = None
    for selector, attribute in often[:_MAX_TRIED]:
        rule = _make_rule(selector, attribute)
        if best is not None and not is_slot and not _may_be_better(rule, best, filled):
            continue
        trials.append(_try_rule(rule, name, searched, known))
        best = trials[-1] if best is None or _trial_rank(trials[-1]) > _trial_rank(best) else best
    if best is None:
        return None
    while not all(best.right) and len(best.rule.select) < _MAX_SELECTORS:
        longer = [
            _try_rule(Rule((*best.rule.select, *t.rule.select), best.rule.attribute), name, searched, known)
            for t in trials
            if _attribute_read(t.rule) == _attribute_read(best.rule) and t.rule.select[0] not in best.rule.select
        ]
        better = max(longer, key=_trial_rank, default=best)
        if sum(better.right) <= sum(best.right):
            break
        best = better
    if name == "published" and (shown := _shown_day_selector(best, searched, known)):
        best = _try_rule(replace(best.rule, shown=shown), name, searched, known)
    if name == "title" and not _is_own_title(best.rule, samples):
        return None
    if is_slot and (slot := _slot_rule(trials, known, samples)):
        return slot
    return best.rule if _is_accepted(best, samples) else None


def _learn_byline(samples: Sequence[Sample], fields: Mapping[str, Rule]) -> Rule | None:
    """Returns a rule that reads the authors' names in the lines near the heading, if these are the authors of nearly
    all sample posts; otherwise None. `fields` are the learned rules, among them those for the title and the body.
    """
    blocks = [_block_beside_heading(s.page, fields["title"], fields["body"]) for s in samples]
    found = [people_beside_heading(s.page, *block) if block else () for s, block in zip(samples, blocks, strict=True)]
    share = 1 / len(samples)
    right = tuple(
        bool(names) and agrees_with("authors", names, s.article.authors)
        for names, s in zip(found, samples, strict=True)
    )
    rule = Rule((BYLINE,), coverage=sum(map(bool, found)) * share, agreement=sum(right) * share)
    if _is_accepted(_Trial(rule, right, sum(map(bool, found))), samples):
        return rule
    known = [
        block is not None and _stand_in_line(s.article.authors, block[1])
        for s, block in zip(samples, blocks, strict=True)
    ]
    unrecognized = [
        person_beside_date(s.page, block[1]) if block else () for s, block in zip(samples, blocks, strict=True)
    ]
    return _name_beside_date_rule(samples, unrecognized, known)


def _stand_in_line(names: Sequence[str], beside: BylineBlock) -> bool:
    """Returns True if all of the names stand in one line of a byline; False without names."""
    folded = [fold_text(name) for name in names]
    return bool(folded) and any(all(name in line for name in folded) for line in map(fold_text, beside.lines))


def _block_beside_heading(page: Page, title: Rule, body: Rule) -> tuple[Post, BylineBlock] | None:
    top = body_container(page, body, select_by_index)
    if top is None:
        return None
    post = post_with_title(page, element_of_rule(page, title), top)
    return post, byline_beside_heading(page, post)


def _name_beside_date_rule(
    samples: Sequence[Sample], found: Sequence[tuple[str, ...]], known: Sequence[bool]
) -> Rule | None:
    """Returns a rule that reads the text beside the date near the heading as the author, if the texts of the sample
    posts (`found`) can only be names; otherwise None. `known` tells on which posts known authors stand there.

    Nearly all posts have such a text or author, it is not the same on all of them, and no post has another author. It
    is neither a category or tag of a post nor determined by the date, as a weekday or the name of a month is. A text
    with letter case may be anything, unless known authors stand in its place on many posts.
    """
    terms = {fold_text(term) for s in samples for term in (*s.article.categories, *s.article.tags)}
    pairs = [(s, fold_text(name)) for s, names in zip(samples, found, strict=True) for name in names]
    names = {name for _, name in pairs}
    share = sum(bool(texts) or is_known for texts, is_known in zip(found, known, strict=True)) / len(samples)
    if share < _ALWAYS_FILLED or not names.isdisjoint(terms) or _follow_from_dates(pairs):
        return None
    if any(s.article.authors and {fold_text(a) for a in s.article.authors} != {name} for s, name in pairs):
        return None
    in_case = not all(map(has_no_case, names))
    if sum(known) < MIN_POSTS // 2 if in_case else len(names) < 2:
        return None
    return Rule((NAME_BESIDE_DATE,), coverage=share, agreement=share)


def _follow_from_dates(pairs: Sequence[tuple[Sample, str]]) -> bool:
    """Returns True if the texts beside the dates of sample posts are parts of the dates: each day of the week, or each
    month of the year, has a text of its own.
    """
    dated = [(s.article.published, name) for s, name in pairs if s.article.published is not None]
    names = {name for _, name in dated}
    return any(
        len(set(numbered)) == len({number for number, _ in numbered}) == len(names)
        for numbered in ([(at.weekday(), name) for at, name in dated], [(at.month, name) for at, name in dated])
    )


def _slot_rule(trials: Sequence[_Trial], known: Sequence[Value], samples: Sequence[Sample]) -> Rule | None:
    """Returns a rule that finds a value on nearly every post, including posts for which no value is known. It is the
    rule of the best such trial; None if there is none. `known` are the known values, some of them empty.

    The rule's agreement is measured on the posts with a known value, its coverage on all posts.
    """
    said = [bool(value) for value in known]
    if sum(said) < MIN_POSTS:
        return None

    def agreement(trial: _Trial) -> float:
        return sum(r for r, s in zip(trial.right, said, strict=True) if s) / sum(said)

    def reported(trial: _Trial) -> bool:
        own = [r for r, s in zip(trial.right, samples, strict=True) if s.taught]
        return sum(own) >= _ACCEPTED_REPORTED * len(own)

    full = [t for t in trials if t.rule.coverage >= _ALWAYS_FILLED and agreement(t) >= _ACCEPTED and reported(t)]
    best = max(full, key=lambda t: (agreement(t), *_trial_rank(t)), default=None)
    return replace(best.rule, agreement=agreement(best)) if best is not None else None


def _is_own_title(rule: Rule, samples: Sequence[Sample]) -> bool:
    """Returns True if a rule for the title finds the titles of single posts: they differ from post to post and, if the
    declared titles also do, most of them are similar to these.

    The known titles are not used for this, since they may have the same mistake as the rule.
    """
    titles = [str(read_field(s.page, "title", rule, select_by_index) or "") for s in samples]
    filled = [fold_text(title) for title in titles if title]
    if len(set(filled)) < _VARIETY * len(filled):
        return False
    declared = [max(declared_titles(s.page), key=len, default="") for s in samples]
    pairs = [(title, other) for title, other in zip(titles, declared, strict=True) if title and other]
    if len({fold_text(other) for _, other in pairs}) < _VARIETY * len(pairs) or len(pairs) < MIN_POSTS // 2:
        return True
    return 2 * sum(title_similarity(title, other) >= ALIKE_TITLES for title, other in pairs) >= len(pairs)


def _make_rule(selector: str, attribute: str) -> Rule:
    """Returns a rule with one selector. The attribute to read becomes part of the selector; only a JSON-LD property is
    stored in the rule's `attribute`.
    """
    return Rule((selector,), attribute) if selector == JSON_LD else Rule((with_attribute(selector, attribute),))


def _attribute_read(rule: Rule) -> str:
    """Returns the attribute or property that a rule reads, which is the same for all its selectors."""
    return rule.attribute or attribute_of(rule.select[0])


def _trial_rank(trial: _Trial) -> tuple[object, ...]:
    """Returns a sort key that is higher for better trials. These decide, in this order: on how many pages the rule is
    right, whether its value is shown and not only declared, how few matches it has, and how readable its selector is.
    """
    selector = trial.rule.select[0]
    declared = selector == JSON_LD or selector.startswith("meta")
    return sum(trial.right), -declared, -trial.matched, selector_clarity(selector)


def _may_be_better(rule: Rule, best: _Trial, filled: int) -> bool:
    """Returns True if a rule may be better than the best one that was tried (see `_trial_rank`). If that one is right
    on all pages, another has to be right on all of them, too, so that it matches at least once on each of the `filled`
    pages with a known value.
    """
    matched = 0 if rule.select[0] == JSON_LD else filled
    return not all(best.right) or _trial_rank(_Trial(rule, best.right, matched)) > _trial_rank(best)


def _is_accepted(trial: _Trial, samples: Sequence[Sample]) -> bool:
    reported = [right for right, s in zip(trial.right, samples, strict=True) if s.taught]
    guessed = [right for right, s in zip(trial.right, samples, strict=True) if not s.taught]
    return (sum(reported) >= _ACCEPTED_REPORTED * len(reported)) and sum(guessed) >= _ACCEPTED * len(guessed)


def _try_rule(rule: Rule, name: str, searched: Sequence[_SearchedPage], known: Sequence[Value]) -> _Trial:
    values = [one.read(name, rule) for one in searched]
    right = tuple(agrees_with(name, v, k) for v, k in zip(values, known, strict=True))
    matched = sum(len(select_by_index(one.page, rule.select[-1])) for one in searched if rule.select[-1] != JSON_LD)
    share = 1 / len(searched)
    return _Trial(
        replace(rule, coverage=sum(bool(v) for v in values) * share, agreement=sum(right) * share),
        right,
        matched,
    )


def _shown_day_selector(best: _Trial, searched: Sequence[_SearchedPage], known: Sequence[Value]) -> tuple[str, ...]:
    """Returns, as a tuple, the selector of the element that shows the day of publication. It is needed if the best rule
    finds times in UTC. Returns () if it does not, or if no selector finds such an element on every page. `searched` are
    the pages, and `known` the known days of their posts.
    """
    times = [one.read("published", best.rule) for one in searched]
    if not all(isinstance(t, Moment) and t.zoned and not t.at.utcoffset() and t.precision != "day" for t in times):
        return ()
    seen: Counter[str] = Counter()
    for one, time in zip(searched, times, strict=True):
        assert isinstance(time, Moment)
        near = {(time.at + timedelta(days=d)).date() for d in (-1, 0, 1)}
        seen.update(
            list(
                dict.fromkeys(
                    name
                    for short in one.may_hold("published", ())
                    if (m := read_date_element(one.page, short.element)) is not None and m.at.date() in near
                    for name in selectors_for(short.element)
                )
            )
        )
    always = sorted((name for name, n in seen.items() if n == len(searched)), key=lambda n: (selector_clarity(n), n))[
        ::-1
    ]
    trials = {n: _try_rule(replace(best.rule, shown=(n,)), "published", searched, known) for n in always[:_MAX_TRIED]}
    name = max(trials, key=lambda n: (sum(trials[n].right), selector_clarity(n)), default="")
    return (name,) if name and sum(trials[name].right) >= sum(best.right) else ()


def _selectors_for_value(searched: _SearchedPage, name: str, value: Value) -> Iterable[tuple[str, str]]:
    """Yields selectors for all places on a page that contain this value of the field `name`, or a part of it. Each is a
    pair (selector, attribute): the attribute or JSON-LD property that contains the value, "" if the element's text
    does.
    """
    exactly = set(value) if isinstance(value, tuple) else {str(value)}
    folded = {fold_text(v) for v in exactly}

    def matches(one: Found) -> bool:
        found = searched.read_one(name, one)
        if isinstance(found, tuple):
            return bool(found) and set(found) <= exactly
        return bool(found) and agrees_with(name, found, value)

    for el in searched.metas:
        if (content := el.get("content")) and len(content) < 600 and matches(content):
            yield from ((selector, "content") for selector in selectors_for(el))
    for short in searched.may_hold(name, folded):
        if matches(short.element):
            yield from ((selector, "") for selector in selectors_for(short.element))
    for attribute in _PROPERTIES[name]:
        declared = read_field(searched.page, name, Rule((JSON_LD,), attribute), select_by_index)
        if declared and agrees_with(name, declared, value):
            yield JSON_LD, attribute


_NEVER = frozenset(("html", "head", "body", "script", "style", "noscript", "svg", "title", "link", "form", "img"))
_MOST_CHILDREN = 12
_LONGEST = max(_MAX_LENGTH.values())
_DATA = ("title", "datetime")
"""Attributes that may contain a field of an element without text, or with a long one."""


class _ShortElement:
    """An element on a sample page, which may contain a field. `text` is its text, "" if no field is that long."""

    __slots__ = ("_folded", "_folded_line", "element", "text")

    def __init__(self, el: Element, text: str) -> None:
        self.element, self.text = el, text
        self._folded: str | None = None
        self._folded_line: str | None = None

    @property
    def folded(self) -> str:
        if self._folded is None:
            self._folded = fold_text(self.text)
        return self._folded

    @property
    def folded_line(self) -> str:
        """Returns the text of the element as `fold_text` returns it, without scripts and other parts that are not
        shown.
        """
        if self._folded_line is None:
            self._folded_line = fold_text(element_line(self.element))
        return self._folded_line


class _SearchedPage:
    """The elements of a page in which values are searched: its meta elements, and elements with few children that have
    a short text or data in attributes. They are collected once for all fields. Values read from them are cached, since
    many selectors find the same elements.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.metas: list[Element] = []
        self.elements: list[_ShortElement] = []
        self._values: Memory = {}
        text_length = page.index.text_length
        for el in page.index.elements:
            if el.tag == "meta":
                self.metas.append(el)
            elif el.tag not in _NEVER and len(el) <= _MOST_CHILDREN:
                text = el.text or ""
                if len(el):
                    text = "".join(el.itertext()) if text_length(el) <= _LONGEST else ""  # type: ignore[arg-type]
                text = text.strip()
                if 0 < len(text) <= _LONGEST or any(map(el.get, _DATA)):
                    self.elements.append(_ShortElement(el, text if len(text) <= _LONGEST else ""))

    def read(self, name: str, rule: Rule) -> Value:
        return read_field(self.page, name, rule, select_by_index, self._values)

    def read_one(self, name: str, one: Found) -> Value:
        """Returns the value of a field that is read from one element or text."""
        read, _ = READERS[name]
        key = read, (one,)
        if key not in self._values:
            self._values[key] = read(self.page, (one,))
        return self._values[key]

    def may_hold(self, name: str, values: Collection[str]) -> list[_ShortElement]:
        """Returns the elements that may contain this field. Others are left out by a cheap check, before any element is
        read. `values` are the known values, as `fold_text` returns them.
        """
        if name in ("published", "modified"):
            return self._may_hold_date
        longest = _MAX_LENGTH[name]
        if name in ("categories", "tags"):
            return [
                one
                for one in self.elements
                if (one.folded_line in values if 0 < len(one.text) <= longest else one.element.get("title"))
            ]
        known = [value for value in values if value]
        return [
            one
            for one in self.elements
            if (any(map(one.folded.__contains__, known)) if 0 < len(one.text) <= longest else one.element.get("title"))
        ]

    @cached_property
    def _may_hold_date(self) -> list[_ShortElement]:
        longest = _MAX_LENGTH["published"]
        return [
            one
            for one in self.elements
            if (0 < len(one.text) <= longest and any(map(str.isdigit, one.text)))
            or one.element.get("datetime")
            or one.element.get("title")
        ]


def _post_marks(samples: Sequence[Sample], others: Iterable[Page], fields: dict[str, Rule]) -> tuple[str, ...]:
    """Returns a selector that matches on every sample post and on none of the pages `others`, as a tuple; () if there
    is none, or if `others` is empty. The selectors of the rules `fields` are among those tried. No more pages are
    taken from `others` than are needed.
    """
    first = samples[0].page.index
    options: list[str] = []
    for tag in ("body", "html", "article", "main"):
        for el in first.tag(tag)[:2]:
            options += [n for n in selectors_for(el) if n.startswith(tag)]
    options += ["meta[property='article:published_time']", "[itemtype*=BlogPosting]", "[itemtype*=NewsArticle]"]
    options += [
        s for name in ("published", "title", "body") if name in fields for s in fields[name].select[:1] if s != JSON_LD
    ]
    everywhere = [o for o in dict.fromkeys(options) if all(select_by_index(s.page, o) for s in samples)]
    apart, is_compared = everywhere, False
    for page in others:
        apart, is_compared = [o for o in apart if not select_by_index(page, o)], True
        if not apart:
            break
    return tuple(apart[:1]) if is_compared else ()


def reports_whole_post(hint: SourceHint | None) -> bool:
    """Returns True if a source hint contains the whole post, because it is from a platform's API or a full-text feed.
    Returns False if there is no hint (None).
    """
    return hint is not None and (hint.from_api or len(hint.body_html) >= _WHOLE_POST)


_MAX_LINKS = 400
