"""Generates posts whose copies are known: stories with edited copies on other sites, and posts that only look alike.

Everything is derived from a seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import accumulate

START = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Post:
    """A generated post. `story` is the number of its story, None if it has no copies. `edited` is the share of its
    words that were changed. `how` is the kind of edit, or the kind of post."""

    site: str
    title: str
    body: str
    published: datetime
    story: int | None = None
    edited: float = 0.0
    how: str = ""


@dataclass(frozen=True)
class Language:
    """A vocabulary: words with their cumulative weights, and the separator between words."""

    name: str
    words: tuple[str, ...]
    weights: tuple[float, ...]
    space: str = " "

    def some(self, rng: random.Random, count: int) -> list[str]:
        return rng.choices(self.words, cum_weights=self.weights, k=count)

    def text(self, paragraphs: list[list[str]]) -> str:
        return "\n\n".join(self.space.join(words) + "." for words in paragraphs if words)


def _syllables(rng: random.Random, count: int) -> tuple[str, ...]:
    out: dict[str, None] = {}
    while len(out) < count:
        out["".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(rng.randint(1, 4)))] = None
    return tuple(out)


def _zipf(count: int) -> tuple[float, ...]:
    return tuple(accumulate(1 / (n + 2.7) for n in range(count)))


LANGUAGES = ("60 words", "50,000 words", "Chinese", "Thai")


@cache
def languages(seed: int = 0) -> dict[str, Language]:
    """Return the vocabularies of `LANGUAGES`: 60 words, 50,000 words with Zipf's distribution, Chinese characters, and
    Thai words without spaces."""
    rng = random.Random(seed)
    thai = tuple(
        dict.fromkeys(
            "".join(rng.choice("กขคงจชซดตถทนบปผพมยรลวสหอ") + rng.choice("ะาิีุูเแโ") for _ in range(rng.randint(1, 3)))
            for _ in range(9_000)
        )
    )
    return {
        "60 words": Language("60 words", _syllables(rng, 60), tuple(accumulate([1.0] * 60))),
        "50,000 words": Language("50,000 words", _syllables(rng, 50_000), _zipf(50_000)),
        "Chinese": Language("Chinese", tuple(map(chr, range(0x4E00, 0x4E00 + 3_500))), _zipf(3_500), ""),
        "Thai": Language("Thai", thai, _zipf(len(thai)), ""),
    }


def paragraphs(language: Language, rng: random.Random, least: int = 120, most: int = 600) -> list[list[str]]:
    left, out = rng.randint(least, most), []
    while left > 0:
        count = min(left, rng.randint(25, 80))
        out.append(language.some(rng, count))
        left -= count
    return out


Edit = Callable[[Language, random.Random, list[list[str]], float], list[list[str]]]


def replaced(language: Language, rng: random.Random, story: list[list[str]], share: float) -> list[list[str]]:
    return [[language.some(rng, 1)[0] if rng.random() < share else word for word in words] for words in story]


def deleted(language: Language, rng: random.Random, story: list[list[str]], share: float) -> list[list[str]]:
    return [[word for word in words if rng.random() >= share] for words in story]


def inserted(language: Language, rng: random.Random, story: list[list[str]], share: float) -> list[list[str]]:
    return [
        [w for word in words for w in ((word, *language.some(rng, 1)) if rng.random() < share else (word,))]
        for words in story
    ]


def mixed(language: Language, rng: random.Random, story: list[list[str]], share: float) -> list[list[str]]:
    for edit in (replaced, deleted, inserted):
        story = edit(language, rng, story, share / 3)
    return story


def other_intro(language: Language, rng: random.Random, story: list[list[str]], share: float) -> list[list[str]]:
    count = int(share * sum(map(len, story)))
    return [language.some(rng, count), *_without_first(story, count)]


def cut_end(language: Language, rng: random.Random, story: list[list[str]], share: float) -> list[list[str]]:
    back = [words[::-1] for words in story[::-1]]
    return [words[::-1] for words in _without_first(back, int(share * sum(map(len, story))))[::-1]]


def reordered(language: Language, rng: random.Random, story: list[list[str]], share: float) -> list[list[str]]:
    out = replaced(language, rng, story, share / 2)
    rng.shuffle(out)
    return out


def framed(language: Language, rng: random.Random, story: list[list[str]], share: float) -> list[list[str]]:
    """Add a line before and after, as an outlet does with an agency's text, and replace some words."""
    own = max(3, int(share * sum(map(len, story)) / 3))
    return [language.some(rng, own), *replaced(language, rng, story, share / 3), language.some(rng, own)]


EDITS: tuple[Edit, ...] = (replaced, deleted, inserted, mixed, other_intro, cut_end, reordered, framed)


def _without_first(story: list[list[str]], count: int) -> list[list[str]]:
    out = []
    for words in story:
        out.append(words[count:])
        count = max(0, count - len(words))
    return out


def posts(language: Language, distinct: int, copies: int, seed: int = 1, *, one_site: bool = False) -> list[Post]:
    """Return `distinct` posts and `copies` of some of them, shuffled. A fifth of the distinct posts are look-alikes."""
    rng = random.Random(f"{language.name}:{seed}")
    out = list(_stories(language, rng, copies))
    stories = len({post.story for post in out})
    out += list(_lookalikes(language, rng, distinct // 5))
    lone = distinct - stories - (len(out) - copies - stories)
    for number in range(lone):
        out.append(
            _post(rng, f"blog{number % 200}.example", "post", language.text(paragraphs(language, rng, 40)), how="lone")
        )
    if one_site:
        out = [Post("all.example", p.title, p.body, p.published, p.story, p.edited, p.how) for p in out]
    rng.shuffle(out)
    return out


def _post(  # noqa: PLR0913  the fields of a post
    rng: random.Random,
    site: str,
    title: str,
    body: str,
    *,
    day: int | None = None,
    story: int | None = None,
    edited: float = 0.0,
    how: str = "",
) -> Post:
    at = START + timedelta(days=rng.randrange(365) if day is None else day, minutes=rng.randrange(1440))
    return Post(site, title, body, at, how=how)


def _stories(language: Language, rng: random.Random, copies: int) -> Iterator[Post]:
    number = 0
    while copies > 0:
        text = paragraphs(language, rng)
        day = rng.randrange(365)
        original = _post(rng, "agency.example", f"story {number}", language.text(text), day=day, how="original")
        yield replace(original, story=number)
        for place in range(min(copies, rng.choice((1, 1, 1, 2, 2, 3, 4, 6, 12)))):
            edit, share = rng.choice(EDITS), rng.uniform(0, 0.3)
            copy = _post(
                rng,
                f"outlet{rng.randrange(40) * 12 + place}.example",
                f"story {number}, told again",
                language.text(edit(language, rng, text, share)),
                day=day + rng.randrange(3),
                how=edit.__name__,
            )
            yield replace(copy, story=number, edited=share)
            copies -= 1
        number += 1


def _lookalikes(language: Language, rng: random.Random, count: int) -> Iterator[Post]:
    """Yield posts that share much text but are not copies, a fifth of each kind."""
    kinds = (_with_boilerplate, _weekly, _lists, _quoting, _translated)
    for kind in kinds:
        yield from kind(language, rng, count // len(kinds))


def _with_boilerplate(language: Language, rng: random.Random, count: int) -> Iterator[Post]:
    for number in range(count):
        if number % 30 == 0:
            about = language.some(rng, rng.randint(40, 90))
        text = [*paragraphs(language, rng, 60, 200), about]
        yield _post(rng, f"author{number // 30}.example", "post", language.text(text), how="boilerplate")


def _weekly(language: Language, rng: random.Random, count: int) -> Iterator[Post]:
    """Yield series of 40 posts: two thirds of the words are from a template, the rest are numbers and words of the
    day."""
    for number in range(count):
        if number % 40 == 0:
            template = [word if rng.random() < 0.67 else None for word in language.some(rng, rng.randint(80, 200))]
            few = language.some(rng, 12)
        day = [word or (str(rng.randint(0, 40)) if rng.random() < 0.4 else rng.choice(few)) for word in template]
        yield _post(
            rng,
            f"weekly{number // 40}.example",
            f"Weather for day {number % 40}",
            language.text([day]),
            day=7 * (number % 40),
            how="weekly",
        )


def _lists(language: Language, rng: random.Random, count: int) -> Iterator[Post]:
    """Yield posts that list 60 of the same 80 items in random order, one per line."""
    for number in range(count):
        if number % 20 == 0:
            things = [language.space.join(language.some(rng, 2)) for _ in range(80)]
        yield _post(rng, f"lists{number // 20}.example", "list", "\n".join(rng.sample(things, 60)), how="list")


def _quoting(language: Language, rng: random.Random, count: int) -> Iterator[Post]:
    """Yield pairs of posts; a third of the second is quoted from the first."""
    for number in range(count // 2):
        one, other = language.some(rng, 360), language.some(rng, 240)
        yield _post(rng, f"quoted{number % 9}.example", "post", language.text([one[:180], one[180:]]), how="quoted")
        yield _post(
            rng,
            f"quotes{number % 9}.example",
            "post",
            language.text([other[:120], one[100:220], other[120:]]),
            how="quoting",
        )


def _translated(language: Language, rng: random.Random, count: int) -> Iterator[Post]:
    """Yield pairs of posts with different words, except for numbers and some names."""
    other = dict(zip(language.words, language.words[::-1], strict=True))
    for number in range(count // 2):
        text = [
            [str(rng.randint(1, 3_000)) if rng.random() < 0.04 else word for word in words]
            for words in paragraphs(language, rng)
        ]
        kept = set(rng.sample(language.words, len(language.words) // 20))
        there = [[word if word in kept else other.get(word, word) for word in words] for words in text]
        yield _post(rng, f"one{number % 9}.example", "post", language.text(text), how="translated")
        yield _post(rng, f"two{number % 9}.example", "post", language.text(there), how="translation")
