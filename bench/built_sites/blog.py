"""The blog that every program publishes: posts.yaml read into frozen values, in Markdown, HTML and plain text."""

from __future__ import annotations

import html
import re
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

SOURCE = Path(__file__).with_name("posts.yaml")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
_EMPHASIS = re.compile(r"\*([^*]+)\*")
_CODE = re.compile(r"`([^`]+)`")
_NUMBER = re.compile(r"^ *(?:-|\d+\.) ")


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph in Markdown; `> ` at its start makes it a quotation."""

    markdown: str

    @property
    def html(self) -> str:
        text = _EMPHASIS.sub(r"<em>\1</em>", _LINK.sub(r'<a href="\2">\1</a>', self.markdown.removeprefix("> ")))
        return f"<blockquote><p>{text}</p></blockquote>" if self.markdown.startswith("> ") else f"<p>{text}</p>"

    @property
    def plain(self) -> str:
        return _EMPHASIS.sub(r"\1", _LINK.sub(r"\1", self.markdown.removeprefix("> ")))


@dataclass(frozen=True, slots=True)
class Heading:
    plain: str

    @property
    def markdown(self) -> str:
        return f"## {self.plain}"

    @property
    def html(self) -> str:
        return f"<h2>{html.escape(self.plain)}</h2>"


@dataclass(frozen=True, slots=True)
class Item:
    """A list item, and the items of the list below it."""

    text: str
    items: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class Items:
    """A list. If it is `numbered`, only its outermost items are."""

    items: tuple[Item, ...]
    numbered: bool = False

    @property
    def lines(self) -> tuple[str, ...]:
        """The items as lines of Markdown. Nested ones are indented by four spaces, as Python-Markdown needs."""
        return tuple(_item_lines(self.items, self.numbered))

    @property
    def markdown(self) -> str:
        return "\n".join(self.lines)

    @property
    def html(self) -> str:
        return _list(self.items, "ol" if self.numbered else "ul")

    @property
    def plain(self) -> str:
        return "\n".join(_CODE.sub(r"\1", _NUMBER.sub("", line)) for line in self.lines)


@dataclass(frozen=True, slots=True)
class Table:
    """The first row is the head."""

    rows: tuple[tuple[str, ...], ...]

    @property
    def markdown(self) -> str:
        head, *rest = ("| " + " | ".join(row) + " |" for row in self.rows)
        return "\n".join([head, "|" + "---|" * len(self.rows[0]), *rest])

    @property
    def html(self) -> str:
        def row(cells: Iterable[str], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{_inline(cell)}</{tag}>" for cell in cells) + "</tr>"

        body = "".join(row(cells, "td") for cells in self.rows[1:])
        return f"<table><thead>{row(self.rows[0], 'th')}</thead><tbody>{body}</tbody></table>"

    @property
    def plain(self) -> str:
        return "\n".join(_CODE.sub(r"\1", " ".join(row)) for row in self.rows)


@dataclass(frozen=True, slots=True)
class Code:
    language: str
    plain: str

    @property
    def markdown(self) -> str:
        return f"```{self.language}\n{self.plain}```"

    @property
    def html(self) -> str:
        code = f'<code class="language-{self.language}">{html.escape(self.plain)}</code>'
        return f'<pre class="wp-block-code">{code}</pre>'


@dataclass(frozen=True, slots=True)
class Images:
    """One picture or a gallery. `files` are names in the folder /images/ of the site."""

    files: tuple[str, ...]
    alt: str = ""
    plain = ""

    @property
    def markdown(self) -> str:
        return "\n".join(f"![{self.alt}](/images/{file})" for file in self.files)

    @property
    def html(self) -> str:
        return "".join(f'<figure><img src="/images/{file}" alt="{self.alt}"></figure>' for file in self.files)


Block = Text | Heading | Items | Table | Code | Images


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is no post. Its slug may have folders."""

    slug: str
    title: str
    body: tuple[Block, ...]

    @property
    def markdown(self) -> str:
        return "\n\n".join(block.markdown for block in self.body) + "\n"

    @property
    def html(self) -> str:
        return "\n".join(block.html for block in self.body)

    @property
    def plain(self) -> str:
        return "\n\n".join(block.plain for block in self.body if block.plain)


@dataclass(frozen=True, slots=True)
class Comment:
    author: str
    text: str


@dataclass(frozen=True, slots=True)
class Post(Page):
    """`title` is empty if the post has none."""

    published: datetime
    author: str
    language: str
    categories: tuple[str, ...]
    tags: tuple[str, ...]
    comments: tuple[Comment, ...] = ()
    draft: bool = False

    @property
    def code(self) -> tuple[Code, ...]:
        return tuple(block for block in self.body if isinstance(block, Code))

    @property
    def captions(self) -> str:
        """Texts that a reading may have or leave out: alternative texts of pictures."""
        return " ".join(block.alt for block in self.body if isinstance(block, Images))


@dataclass(frozen=True, slots=True)
class Blog:
    """`drafts` are posts that visitors must not see."""

    title: str
    description: str
    zone: str
    author: str
    posts: tuple[Post, ...]
    drafts: tuple[Post, ...]
    pages: tuple[Page, ...]

    @property
    def images(self) -> tuple[str, ...]:
        blocks = [block for post in self.posts for block in post.body]
        return tuple(file for block in blocks if isinstance(block, Images) for file in block.files)


@dataclass(frozen=True, slots=True)
class Change:
    """What happens between two crawls. `added` is the sentence that the edit adds to a post."""

    edited: str
    added: str
    deleted: str
    new: Post


def load(path: Path = SOURCE) -> tuple[Blog, Change]:
    """Returns the blog, and how it is changed between the crawls."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    zone = ZoneInfo(data["zone"])
    blog = Blog(
        data["title"],
        data["description"],
        data["zone"],
        data["author"],
        tuple(_post(row, zone) for row in data["posts"]),
        tuple(replace(_post(row, zone), draft=True) for row in data["drafts"]),
        tuple(Page(row["slug"], row["title"], _body(row["body"])) for row in data["pages"]),
    )
    return blog, Change(data["edit"]["slug"], data["edit"]["added"], data["delete"], _post(data["add"], zone))


def changed(blog: Blog, change: Change) -> Blog:
    """Returns the blog after the change."""
    kept = (post for post in blog.posts if post.slug != change.deleted)
    posts = (
        replace(post, body=(*post.body, Text(change.added))) if post.slug == change.edited else post for post in kept
    )
    return replace(blog, posts=(*posts, change.new))


def _post(row: Mapping[str, Any], zone: ZoneInfo) -> Post:
    return Post(
        slug=row["slug"],
        title=row.get("title", ""),
        body=_body(row["body"]),
        published=datetime.fromisoformat(row["published"]).replace(tzinfo=zone),
        author=row["author"],
        language=row.get("language", "en"),
        categories=tuple(row["categories"]),
        tags=tuple(row["tags"]),
        comments=tuple(Comment(**comment) for comment in row.get("comments", ())),
    )


def _body(rows: Iterable[Any]) -> tuple[Block, ...]:
    return tuple(map(_block, rows))


def _block(row: Any) -> Block:
    match row:
        case str():
            return Text(row)
        case {"heading": text}:
            return Heading(text)
        case {"items": items}:
            return Items(tuple(map(_item, items)))
        case {"steps": items}:
            return Items(tuple(map(_item, items)), numbered=True)
        case {"table": rows}:
            return Table(tuple(map(tuple, rows)))
        case {"code": {"language": language, "text": text}}:
            return Code(language, text)
        case {"image": file, "alt": alt}:
            return Images((file,), alt)
        case {"images": files}:
            return Images(tuple(files))
    raise ValueError(f"{SOURCE.name} has a block of unknown kind: {row!r}")


def _item(row: Any) -> Item:
    match row:
        case str():
            return Item(row)
        case {"text": text, "items": items}:
            return Item(text, tuple(map(_item, items)))
    raise ValueError(f"{SOURCE.name} has a list item of unknown kind: {row!r}")


def _item_lines(items: Iterable[Item], numbered: bool = False) -> Iterator[str]:
    for n, item in enumerate(items, 1):
        yield f"{n}. {item.text}" if numbered else f"- {item.text}"
        yield from (f"    {line}" for line in _item_lines(item.items))


def _list(items: Iterable[Item], tag: str) -> str:
    below = ((item.text, _list(item.items, "ul") if item.items else "") for item in items)
    return f"<{tag}>" + "".join(f"<li>{_inline(text)}{nested}</li>" for text, nested in below) + f"</{tag}>"


def _inline(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", html.escape(text))


def png(name: str, width: int = 320, height: int = 200) -> bytes:
    """Returns a picture of one colour, which depends on the name."""
    colour = zlib.crc32(name.encode()).to_bytes(4, "big")[:3]
    rows = (b"\0" + colour * width) * height

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
