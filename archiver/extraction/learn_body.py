"""Learning where a site's posts have their text, and which of its paragraphs are the site's and not the post's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from lxml.etree import _Element as Element

from archiver.extraction.body import render
from archiver.extraction.byline import Beside
from archiver.extraction.naming import clarity, names_for
from archiver.extraction.page import Page
from archiver.extraction.ruled import container
from archiver.extraction.rules import Rule
from archiver.extraction.scope import Post, text_length
from archiver.extraction.text import folded
from archiver.items import Article

Known = tuple[Page, Article, bool]
_ALIKE = 0.97
_ACCEPTED = 0.9
_SHORTEST = 60  # letters of a body that can tell where bodies stand
_REPEATED = 0.5  # of the posts have a paragraph that is the site's
_FEWEST_REPEATS = 5
_LONGEST_LINE = 600
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
    return Rule(rule.select, lines=repeated(texts, taught), coverage=rule.coverage, agreement=rule.agreement)


def _text(page: Page, article: Article, selector: str, once: dict[Element, tuple[str, int]]) -> tuple[str, int]:
    """What the container reads as, and how many letters stand in it at all."""
    el = container(page, Rule((selector,)))
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
    """Paragraphs that stand in at least half of the texts, but in none of those that the posts' own source told."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update({p for p in text.split("\n\n") if p.count(" ") >= 2 or len(p) >= 12})
    fewest = max(_FEWEST_REPEATS, _REPEATED * len(texts))
    said = "\n\n".join(taught)
    return tuple(p for p, n in counts.items() if n >= fewest and len(p) <= _LONGEST_LINE and p not in said)
