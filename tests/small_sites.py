"""Small sites made by rule: the same posts in several templates, so that what a template teaches can be checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from archiver.extraction.article import extract_page
from archiver.extraction.page import Page, parse_page
from archiver.extraction.template.induction import Sample
from archiver.items import PageKind, SourceHint

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
class Told:
    """What a post says."""

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


Theme = Callable[[Told, Sequence[Told]], str]


def posts(count: int = 30, seed: int = 7) -> list[Told]:
    dice = Random(seed)
    return [
        Told(
            n,
            made_title(dice, n),
            tuple(made_paragraph(dice) for _ in range(3 + n % 3)),
            AUTHORS[n % 3],
            datetime(2023, 1, 3, 9, 15, tzinfo=UTC) + timedelta(days=5 * n, minutes=n),
            CATEGORIES[n % len(CATEGORIES)],
            tuple(dice.sample(TAGS, 1 + n % 2)),
        )
        for n in range(count)
    ]


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


def _html(told: Told, body: str, head: str = "") -> str:
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{told.title} | Low Water</title>
<meta property="og:site_name" content="Low Water"><meta property="og:type" content="article">{head}</head>
{body}</html>"""


def _text(told: Told) -> str:
    return "".join(f"<p>{p}</p>" for p in told.paragraphs)


def _terms(told: Told) -> str:
    return f'<a href="/category/{told.category.lower()}/" rel="category tag">{told.category}</a>'


def _tags(told: Told) -> str:
    return ", ".join(f'<a href="/tag/{t.replace(" ", "-")}/" rel="tag">{t}</a>' for t in told.tags)


def classic(told: Told, others: Sequence[Told] = (), text: str = "") -> str:
    """A theme whose names tell what is what."""
    return _html(
        told,
        f"""<body class="single single-post postid-{told.number}">
<header class="site-header"><a href="/">Low Water</a></header><main><article class="hentry">
<h1 class="entry-title">{told.title}</h1><p class="entry-meta">By <a class="author" rel="author"
href="/author/{told.author.split()[0].lower()}/">{told.author}</a> on
<time class="entry-date" datetime="{told.at.isoformat()}">{told.day}</time></p>
<div class="entry-content">{text or _text(told)}</div>
<footer class="entry-footer"><span class="cat-links">{_terms(told)}</span> <span class="tag-links">{_tags(told)}</span>
</footer></article></main><footer class="site-footer">Low Water, since 2019</footer></body>""",
    )


def silent(told: Told, others: Sequence[Told] = (), advertisement: str = "") -> str:
    """A theme whose names were made by a build and say nothing; what is what stands in the head."""
    return _html(
        told,
        f"""<body class="k3"><div class="q1"><a href="/">Low Water</a></div>{advertisement}
<div class="q2"><h1 class="z9">{told.title}</h1><div class="z4"><span class="z5">{told.author}</span>
<span class="z6">{told.day}</span></div><div class="z7 w">{_text(told)}</div>
<div class="z8">{_terms(told)} {_tags(told)}</div></div><div class="q5">Low Water, since 2019</div></body>""",
        f'<meta name="author" content="{told.author}">'
        f'<meta property="article:published_time" content="{told.at.isoformat()}">',
    )


def crowded(told: Told, others: Sequence[Told] = ()) -> str:
    """A theme with dates, names and titles of other posts above and beside the post's own."""
    rows = "".join(
        f'<li><a href="{o.path}">{o.title}</a> <time class="date" datetime="{o.at.isoformat()}">{o.day}'
        f'</time> <span class="author">{o.author}</span></li>'
        for o in others
    )
    return _html(
        told,
        f"""<body class="layout"><aside class="latest"><h2>Latest posts</h2><ul>{rows}</ul></aside>
<article class="story"><h1>{told.title}</h1><div class="byline">By <span class="author">{told.author}</span>,
<time class="date" datetime="{told.at.isoformat()}">{told.day}</time></div>
<div class="story-text">{_text(told)}</div></article></body>""",
    )


def promoting(told: Told, others: Sequence[Told] = ()) -> str:
    """A template with the same sentences and the same headings within the text of every post."""
    first, *rest = told.paragraphs
    return classic(
        told,
        others,
        f"<h2>Introduction and summary of this</h2><p>{first}</p><p>{PROMOTION}</p>"
        f"<h3>What we found on the way there</h3><p>{rest[0]}</p><p><strong>More to look up in the library"
        f"</strong></p>{''.join(f'<p>{p}</p>' for p in rest[1:])}<p>{NEWSLETTER}</p><p>References</p>",
    )


def pages(theme: Theme, told: Sequence[Told], base: str = "https://low.example") -> list[Page]:
    return [parse_page(theme(t, [o for o in told if o is not t][:3]), base + t.path) for t in told]


def samples(theme: Theme, told: Sequence[Told], leads: Sequence[SourceHint | None] = ()) -> list[Sample]:
    """The posts of a site as a crawl hands them to learning."""
    out = []
    for page, lead in zip(pages(theme, told), leads or [None] * len(told), strict=True):
        by_api = lead is not None and lead.from_api
        out.append(Sample(page, extract_page(page, lead, PageKind.POST), lead is not None, by_api))
    return out
