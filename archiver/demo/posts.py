"""The demonstration blog's texts: one TOML file a post, read into frozen values for an edition.

A file's keys are the fields of `Post`. `since = 2` keeps a post out of the first edition; the
table `[second]` says what the second edition changes (`gone = true`: deleted). `body` is a small
markup: blank lines part the blocks, "## " starts a heading, "- " a list item, "> " a quotation.
"""

from __future__ import annotations

import html
import tomllib
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

EDITIONS = (1, 2)


@dataclass(frozen=True, slots=True)
class Place:
    """Degrees are WGS 84; `region` is an ISO 3166-2 code."""

    name: str
    region: str
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Comment:
    author: str
    text: str


@dataclass(frozen=True, slots=True)
class Post:
    """One post of one edition. Times are aware, in the blog's own zone (+02:00).

    `byline`: the author stands at the end of the text, followed by these words, and nowhere else on
    the page. `attachment` is the slug of the attachment page of the post's picture. `moved_from` is
    the slug it had in the edition before, `gone` says that this edition has deleted it.
    """

    id: int
    slug: str
    title: str
    author: str
    published: datetime
    modified: datetime
    body: str
    categories: tuple[str, ...]
    tags: tuple[str, ...] = ()
    language: str = "en-US"
    description: str = ""
    image: str = ""
    attachment: str = ""
    byline: str = ""
    protected: bool = False
    places: tuple[Place, ...] = ()
    comments: tuple[Comment, ...] = ()
    moved_from: str = ""
    gone: bool = False

    def path(self, slug: str = "") -> str:
        return f"/{self.published:%Y/%m}/{slug or self.slug}/"

    @property
    def has_public_text(self) -> bool:
        return not self.protected and not self.gone


@cache
def load(edition: int = 1) -> tuple[Post, ...]:
    """The posts of an edition, newest first, with those that it has deleted (`gone`)."""
    rows = [tomllib.loads(f.read_text(encoding="utf-8")) for f in _files()]
    posts = [_post(row, edition) for row in rows if row.pop("since", 1) <= edition]
    return tuple(sorted(posts, key=lambda p: p.published, reverse=True))


def _files() -> list[Any]:
    folder = files("archiver.demo") / "posts"
    return [f for f in folder.iterdir() if f.name.endswith(".toml")]


def _post(row: dict[str, Any], edition: int) -> Post:
    second = row.pop("second", {})
    if edition >= 2 and "slug" in second:
        row["moved_from"] = row["slug"]
    if edition >= 2:
        row |= second
    row["categories"] = tuple(row["categories"])
    row["tags"] = tuple(row.get("tags", ()))
    row["places"] = tuple(Place(**p) for p in row.get("places", ()))
    row["comments"] = tuple(Comment(**c) for c in row.get("comments", ()))
    row.setdefault("modified", row["published"])
    return Post(**row)


def paragraphs(post: Post) -> list[str]:
    """The post's text as HTML elements, one a block, with the byline where it has one."""
    blocks = [_block(b) for b in post.body.strip().split("\n\n")]
    if post.byline:
        blocks.append(f"<p>{html.escape(f'{post.author} {post.byline}', quote=False)}</p>")
    return blocks


def _block(text: str) -> str:
    escaped = html.escape(text, quote=False)
    if text.startswith("## "):
        return f"<h2>{escaped[3:]}</h2>"
    if text.startswith("- "):
        items = "\n".join(f"<li>{line[2:]}</li>" for line in escaped.splitlines())
        return f"<ul>\n{items}\n</ul>"
    if text.startswith("> "):
        return f"<blockquote><p>{escaped[5:]}</p></blockquote>"
    return f"<p>{escaped}</p>"
