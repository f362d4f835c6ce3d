"""Generates small sites: the same posts in several templates, so that what is learned from a template can be
checked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random

from archiver.extraction.article import extract_page
from archiver.extraction.page import Page, parse_page
from archiver.learning.rule_induction import Sample
from archiver.model.items import PageKind, SourceHint

WORDS = (
    "quay",
    "ferry",
    "lantern",
    "salt",
    "harbour",
    "tide",
    "rope",
    "gull",
    "cellar",
    "orchard",
    "meadow",
    "bridge",
    "market",
    "copper",
    "window",
    "kettle",
    "ladder",
    "barley",
    "chalk",
    "willow",
    "anchor",
    "violin",
    "cobble",
    "thatch",
    "mill",
    "heron",
    "plough",
    "saddle",
    "tunnel",
    "turnip",
    "velvet",
    "walnut",
)
AUTHORS = ("Nora Lindqvist", "Tomas Okafor", "Ida Brandt")
CATEGORIES = ("Coast", "Trades", "Kitchen")
TAGS = ("maps", "boats", "winter", "old words")
PROMOTION = "Did you like this? Write to the editors and tell them what they should look at next."
NEWSLETTER = "Our letter comes out on Fridays and costs nothing at all."


@dataclass(frozen=True)
class SamplePost:
    """The content of a generated post."""

    number: int
    title: str
    paragraphs: tuple[str, ...]
    author: str
    at: datetime
    category: str
    tags: tuple[str, ...]

    @property
    def path(self) -> str:
        return f"/{self.title.lower().replace(' ', '-')}/"

    @property
    def body(self) -> str:
        return "\n\n".join(self.paragraphs)

    @property
    def day(self) -> str:
        return f"{self.at:%B} {self.at.day}, {self.at.year}"


Theme = Callable[[SamplePost, Sequence[SamplePost]], str]


def sample_posts(count: int = 30, seed: int = 7) -> list[SamplePost]:
    return list(_sample_posts(count, seed))


@cache
def _sample_posts(count: int, seed: int) -> tuple[SamplePost, ...]:
    dice = Random(seed)
    return tuple(
        SamplePost(
            n,
            made_title(dice, n),
            tuple(made_paragraph(dice) for _ in range(3 + n % 3)),
            AUTHORS[n % 3],
            datetime(2023, 1, 3, 9, 15, tzinfo=UTC) + timedelta(days=5 * n, minutes=n),
            CATEGORIES[n % len(CATEGORIES)],
            tuple(dice.sample(TAGS, 1 + n % 2)),
        )
        for n in range(count)
    )


def made_title(dice: Random, number: int) -> str:
    one, two, three = dice.sample(WORDS, 3)
    return f"The {one} and the {two} of {three} number {number}"


def made_paragraph(dice: Random) -> str:
    return " ".join(
        f"{dice.choice(('The', 'Every', 'No'))} {dice.choice(WORDS)} by the {dice.choice(WORDS)} "
        f"{dice.choice(('turned', 'waited', 'was sold', 'burned'))} before the {dice.choice(WORDS)} "
        f"came to the {dice.choice(WORDS)}."
        for _ in range(dice.randint(2, 4))
    )


def _html(post: SamplePost, body: str, head: str = "") -> str:
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{post.title} | Low Water</title>
<meta property="og:site_name" content="Low Water"><meta property="og:type" content="article">{head}</head>
{body}</html>"""


def _text(post: SamplePost) -> str:
    return "".join(f"<p>{p}</p>" for p in post.paragraphs)


def _terms(post: SamplePost) -> str:
    return f'<a href="/category/{post.category.lower()}/" rel="category tag">{post.category}</a>'


def _tags(post: SamplePost) -> str:
    return ", ".join(f'<a href="/tag/{t.replace(" ", "-")}/" rel="tag">{t}</a>' for t in post.tags)


def classic(post: SamplePost, others: Sequence[SamplePost] = (), text: str = "") -> str:
    """Return the post's page in a theme with meaningful class names."""
    return _html(
        post,
        f"""<body class="single single-post postid-{post.number}">
<header class="site-header"><a href="/">Low Water</a></header><main><article class="hentry">
<h1 class="entry-title">{post.title}</h1><p class="entry-meta">By <a class="author" rel="author"
href="/author/{post.author.split()[0].lower()}/">{post.author}</a> on
<time class="entry-date" datetime="{post.at.isoformat()}">{post.day}</time></p>
<div class="entry-content">{text or _text(post)}</div>
<footer class="entry-footer"><span class="cat-links">{_terms(post)}</span> <span class="tag-links">{_tags(post)}</span>
</footer></article></main><footer class="site-footer">Low Water, since 2019</footer></body>""",
    )


def silent(post: SamplePost, others: Sequence[SamplePost] = (), advertisement: str = "") -> str:
    """Return the post's page in a theme with meaningless, generated class names; its metadata are in the head."""
    return _html(
        post,
        f"""<body class="k3"><div class="q1"><a href="/">Low Water</a></div>{advertisement}
<div class="q2"><h1 class="z9">{post.title}</h1><div class="z4"><span class="z5">{post.author}</span>
<span class="z6">{post.day}</span></div><div class="z7 w">{_text(post)}</div>
<div class="z8">{_terms(post)} {_tags(post)}</div></div><div class="q5">Low Water, since 2019</div></body>""",
        f'<meta name="author" content="{post.author}">'
        f'<meta property="article:published_time" content="{post.at.isoformat()}">',
    )


def crowded(post: SamplePost, others: Sequence[SamplePost] = ()) -> str:
    """Return the post's page in a theme that shows dates, names and titles of other posts above and beside it."""
    rows = "".join(
        f'<li><a href="{o.path}">{o.title}</a> <time class="date" datetime="{o.at.isoformat()}">{o.day}'
        f'</time> <span class="author">{o.author}</span></li>'
        for o in others
    )
    return _html(
        post,
        f"""<body class="layout"><aside class="latest"><h2>Latest posts</h2><ul>{rows}</ul></aside>
<article class="story"><h1>{post.title}</h1><div class="byline">By <span class="author">{post.author}</span>,
<time class="date" datetime="{post.at.isoformat()}">{post.day}</time></div>
<div class="story-text">{_text(post)}</div></article></body>""",
    )


def promoting(post: SamplePost, others: Sequence[SamplePost] = ()) -> str:
    """Return the post's page in a theme that repeats the same sentences and headings within the text of every post."""
    first, *rest = post.paragraphs
    return classic(
        post,
        others,
        f"<h2>Introduction and summary of this</h2><p>{first}</p><p>{PROMOTION}</p>"
        f"<h3>What we found on the way there</h3><p>{rest[0]}</p><p><strong>More to look up in the library"
        f"</strong></p>{''.join(f'<p>{p}</p>' for p in rest[1:])}<p>{NEWSLETTER}</p><p>References</p>",
    )


def pages(theme: Theme, posts: Sequence[SamplePost], base: str = "https://low.example") -> list[Page]:
    return [parse_page(theme(t, [o for o in posts if o is not t][:3]), base + t.path) for t in posts]


def samples(theme: Theme, posts: Sequence[SamplePost], leads: Sequence[SourceHint | None] = ()) -> list[Sample]:
    """Return the posts as the samples that a crawl gives to the template learner."""
    out = []
    for page, hint in zip(pages(theme, posts), leads or [None] * len(posts), strict=True):
        by_api = hint is not None and hint.from_api
        out.append(Sample(page, extract_page(page, hint, PageKind.POST), hint is not None, by_api))
    return out
