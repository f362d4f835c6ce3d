"""A simulated blog: posts appear, are edited, move, are deleted, come back and are copied.

It records its history, which tests compare with the archive, revision by revision and field by field.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from html import escape
from random import Random

from tests.small_sites import AUTHORS, CATEGORIES, TAGS, WORDS
from tests.spiders.site_server import Answer, Pages

_FIRST = datetime(2023, 3, 1, 7, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Version:
    """The content of a post between two changes."""

    title: str
    paragraphs: tuple[str, ...]
    authors: tuple[str, ...]
    categories: tuple[str, ...]
    tags: tuple[str, ...]

    @property
    def body(self) -> str:
        return "\n\n".join(self.paragraphs)


@dataclass
class Post:
    """A post: its current content, its paths (the current one last), and each version that visitors could see."""

    number: int
    published: datetime
    now: Version
    paths: list[str]
    shown: list[Version] = field(default_factory=list)
    gone: bool = False
    changed: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def path(self) -> str:
        return self.paths[-1]


class LiveBlog:
    """A blog for `pages` of a SiteServer; `posts` is its history. Its sitemap gives the time of each change."""

    def __init__(self, name: str, seed: int, posts: int) -> None:
        self.name = name
        self.posts: list[Post] = []
        self.teaser = 0
        self._dice = Random(seed)
        for _ in range(posts):
            self.publish()

    def publish(self, like: Version | None = None) -> Post:
        """Publish a new post; `like`: with the text of a post of another blog."""
        number = len(self.posts)
        one, two = self._dice.sample(WORDS, 2)
        version = like or Version(
            f"Of {one} and {two}, number {number} of {self.name}",
            tuple(self._paragraph() for _ in range(4)),
            (AUTHORS[number % 3],),
            (CATEGORIES[number % 3],),
            tuple(self._dice.sample(TAGS, 2)),
        )
        path = f"/{self.name}-{number}-{one}/"
        post = Post(number, _FIRST + timedelta(days=3 * number), version, [path])
        self.posts.append(post)
        return post

    def edit(self, post: Post, **fields: object) -> None:
        """Change fields of a post, which is an edit."""
        post.now = replace(post.now, **fields)  # type: ignore[arg-type]
        self._touch(post)

    def correct(self, post: Post) -> None:
        """Replace the second paragraph of a post."""
        first, _, *rest = post.now.paragraphs
        self.edit(post, paragraphs=(first, self._paragraph(), *rest))

    def move(self, post: Post) -> None:
        post.paths.append(f"/moved-{len(post.paths)}{post.path}")
        self._touch(post)

    def delete(self, post: Post) -> None:
        post.gone = True

    def restore(self, post: Post) -> None:
        post.gone = False
        self._touch(post)

    def decorate(self) -> None:
        """Change the advertisement and the list of other posts on every page, which is not an edit."""
        self.teaser += 1

    def alive(self) -> list[Post]:
        return [p for p in self.posts if not p.gone]

    def answers(self, base: str) -> Pages:
        """Return the responses of the blog in its current state; `base` ends in a slash."""
        pages: Pages = {
            "/": self._home(),
            "/sitemap.xml": self._sitemap(base),
            "/robots.txt": Answer(f"Sitemap: {base}sitemap.xml\n".encode(), headers={"Content-Type": "text/plain"}),
        }
        for post in self.posts:
            for old, new in zip(post.paths, post.paths[1:], strict=False):
                pages[old] = Answer(status=301, headers={"Location": new})
            pages[post.path] = Answer(b"<h1>Gone</h1>", 410) if post.gone else self._page(post, base)
            if not post.gone and post.now not in post.shown[-1:]:
                post.shown.append(post.now)
        return pages

    def _touch(self, post: Post) -> None:
        # Sitemaps give times in seconds, so two changes within a second would look like one.
        post.changed = max(datetime.now(UTC), post.changed + timedelta(seconds=1))

    def _paragraph(self) -> str:
        words = self._dice.choices(WORDS, k=45)
        return f"{' '.join(words[:20]).capitalize()}. {' '.join(words[20:]).capitalize()}."

    def _home(self) -> Answer:
        rows = "".join(f'<li><h2><a href="{p.path}">{escape(p.now.title)}</a></h2></li>' for p in self.alive())
        return Answer(
            f"""<!doctype html><html lang="en"><head><title>{self.name}</title></head><body>
<h1>{self.name}</h1><ul>{rows}</ul></body></html>""".encode()
        )

    def _sitemap(self, base: str) -> Answer:
        rows = "".join(
            f"<url><loc>{base.rstrip('/')}{p.path}</loc><lastmod>{p.changed:%FT%TZ}</lastmod></url>"
            for p in self.alive()
        )
        return Answer(
            f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{rows}</urlset>'.encode(),
            headers={"Content-Type": "application/xml"},
        )

    def _page(self, post: Post, base: str) -> Answer:
        said = post.now
        terms = ", ".join(f'<a rel="category tag" href="/category/{c.lower()}/">{c}</a>' for c in said.categories)
        tags = ", ".join(f'<a rel="tag" href="/tag/{t.replace(" ", "-")}/">{t}</a>' for t in said.tags)
        authors = " and ".join(f'<a rel="author" href="/author/{a.split()[0].lower()}/">{a}</a>' for a in said.authors)
        text = "".join(f"<p>{p}</p>" for p in said.paragraphs)
        other = self.posts[(post.number + self.teaser) % len(self.posts)]
        return Answer(
            f"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<title>{said.title} | {self.name}</title><link rel="canonical" href="{base.rstrip("/")}{post.path}">
<meta property="og:type" content="article">
<meta property="article:published_time" content="{post.published.isoformat()}"></head>
<body class="single single-post postid-{post.number + 1}"><header><a href="/">{self.name}</a></header>
<main><article class="hentry"><h1 class="entry-title">{said.title}</h1><p class="entry-meta">By {authors} on
<time class="entry-date" datetime="{post.published.isoformat()}">{post.published:%d %B %Y}</time></p>
<div class="entry-content">{text}<div class="advertisement">Offer number {self.teaser}: buy two, get one.</div></div>
<footer>Filed under {terms}; tagged {tags}</footer></article>
<aside class="related"><h2>Read on</h2><a href="{other.path}">{other.now.title}</a></aside></main></body>
</html>""".encode()
        )
