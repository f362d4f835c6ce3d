"""Learning where a site's posts have their text, and which of its paragraphs are the site's and not the post's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from lxml.etree import _Element as Element

from archiver.extraction.body import render
from archiver.extraction.page import Page
from archiver.extraction.people.byline import Beside
from archiver.extraction.prose.layout import width
from archiver.extraction.rules import Rule
from archiver.extraction.scope import Post, text_length
from archiver.extraction.template.naming import clarity, names_for
from archiver.extraction.template.ruled import by_index, container
from archiver.extraction.text import folded, line
from archiver.items import Article

Known = tuple[Page, Article, bool]
_ALIKE = 0.97
_ACCEPTED = 0.9
_SHORTEST = 60  # letters of a body that can tell where bodies stand
_REPEATED = 0.5  # of the posts have a paragraph that is the site's
_FEWEST_REPEATS = 5
_LONGEST_LINE = 600
_SHORTEST_SENTENCE = 14.0  # letters as wide as Latin ones, of a line that ends as a sentence does
_SHORTEST_LINE = 24.0
_SENTENCE_END = tuple(".!?…。！？؟۔")
_MOST_TRIED = 30


def learn_body(samples: Sequence[Known]) -> Rule | None:
    """The rule of the body: the container whose text is the known one on nearly all posts, and repeated paragraphs."""
    usable = [s for s in samples if len(s[1].body) >= _SHORTEST]
    if 2 * len(usable) < len(samples) or not usable:
        return None
    seen: Counter[str] = Counter()
    for page, article, _ in usable:
        for el in _containers(page, article.body):
            seen.update(list(dict.fromkeys(names_for(el))))
    headings = {text for page, _, _ in usable for text in _headings(page)}
    best: tuple[tuple[object, ...], Rule, list[str]] | None = None
    often = sorted((s for s, n in seen.items() if 2 * n >= len(usable)),
                   key=lambda s: (seen[s], clarity(s), s), reverse=True)
    memory: list[dict[Element, tuple[str, int]]] = [{} for _ in usable]
    for selector in often[:_MOST_TRIED]:
        read = [_text(page, article, selector, once) for (page, article, _), once in zip(usable, memory, strict=True)]
        texts = [text for text, _ in read]
        likeness = [alike(t, a.body) for t, (_, a, _) in zip(texts, usable, strict=True)]
        right = sum(one >= _ALIKE for one in likeness) / len(usable)
        mean = sum(likeness) / len(usable)
        # The deepest of those that hold the same: what stands beside the text in a larger one changes.
        worth = right, round(mean, 2), -sum(letters for _, letters in read) // len(read), clarity(selector)
        if right >= _ACCEPTED and (best is None or worth > best[0]):
            coverage = sum(bool(t) for t in texts) / len(usable)
            best = worth, Rule((selector,), coverage=coverage, agreement=mean), texts
    if best is None:
        return None
    _, rule, texts = best
    taught = [a.body for _, a, told in usable if told]
    lines = tuple(p for p in repeated(texts, taught) if p not in headings)
    return Rule(rule.select, lines=lines, coverage=rule.coverage, agreement=rule.agreement)


def _headings(page: Page) -> set[str]:
    """The lines by which a page divides its text: headings, and paragraphs that are bold from end to end."""
    index = page.index
    found = {line(el) for tag in ("h1", "h2", "h3", "h4", "h5", "h6", "dt", "caption") for el in index.tag(tag)}
    for tag in ("strong", "b"):
        for el in index.tag(tag):
            parent = el.getparent()
            if parent is not None and el.find(".//a") is None and (text := line(el)) == line(parent):
                found.add(text)
    return found


def _text(page: Page, article: Article, selector: str, once: dict[Element, tuple[str, int]]) -> tuple[str, int]:
    """What the container reads as, and how many letters stand in it at all."""
    el = container(page, Rule((selector,)), by_index)
    if el is None:
        return "", 0
    if el not in once:
        once[el] = render(page, Post(page, body=el, holder=el), el, article.title, Beside()), text_length(el)
    return once[el]


def _containers(page: Page, body: str) -> list[Element]:
    """The deepest element that holds nearly all paragraphs of a text, and two above it."""
    marks = [f[:80] for p in body.split("\n\n") if len(f := folded(p)) >= 12][:60]
    if not marks:
        return []
    at = next(iter(page.index.tag("body")), None)
    found: list[Element] = []
    while at is not None:
        found.append(at)
        at = next((child for child in at if isinstance(child.tag, str) and _holds(child, marks)), None)
    return found[-3:] if len(found) > 3 else found[1:]


def _holds(el: Element, marks: Sequence[str]) -> bool:
    text = folded("".join(str(t) for t in el.itertext()))
    return sum(m in text for m in marks) >= 0.9 * len(marks)


def alike(a: str, b: str) -> float:
    """How much two texts share: F1 of their words as multisets; letters where a script has no spaces."""
    one, two = (Counter(t.split()) if " " in t else Counter(t) for t in (a, b))
    total = sum(one.values()) + sum(two.values())
    return 2 * sum((one & two).values()) / total if total else 1.0


def repeated(texts: Sequence[str], taught: Sequence[str]) -> tuple[str, ...]:
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
